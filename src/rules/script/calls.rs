//! The actions that a script can call, and the shape each one has in YAML.
//! Nothing is carried out here: calls are recorded, and go the way of the same actions written in YAML.

use rhai::{Dynamic, Engine};
use serde_json::{Map, Value, json};

use super::bounds::{self, Broken, stop};
use super::errors::kind_of;
use super::facts::Node;

/// One action that a script asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptCall {
    /// The action as YAML names it: `reply`, `note`, `snippet`, `tag`, `assign`, `http`, `close`, `set`, `unset`, `veto`, `stop`.
    pub name: String,
    /// What YAML writes behind the name. Texts are final, not templates.
    pub arguments: Value,
}

/// One function of the script language.
pub struct Call {
    /// As scripts write it.
    pub name: &'static str,
    /// As YAML writes it.
    pub action: &'static str,
    /// How many arguments it takes, at least and at most.
    arguments: (usize, usize),
    /// Its forms; said where it is used in another way.
    pub usage: &'static str,
    /// A statement that calls it, for the reference.
    pub example: &'static str,
    /// The arguments as YAML shapes them; nothing where they make no sense.
    pub(super) shape: fn(&[Value]) -> Option<Value>,
}

/// Every call, in the order of the reference.
pub const CALLS: [Call; 12] = [
    Call {
        name: "reply",
        action: "reply",
        arguments: (1, 1),
        usage: "`reply(text)` or `reply(#{ markdown: …, delay: … })`",
        example: r#"reply(#{ markdown: "Order **" + captures.order + "** is on its way.", delay: "2m" });"#,
        shape: text_or_map,
    },
    Call {
        name: "note",
        action: "note",
        arguments: (1, 1),
        usage: "`note(text)` or `note(#{ text: …, page: [alias] })`",
        example: r#"note(#{ text: "Please look.", page: ["dr-lee"] });"#,
        shape: note,
    },
    Call {
        name: "page",
        action: "note",
        arguments: (1, 2),
        usage: "`page(alias)` or `page(alias, text)`",
        example: r#"page("dr-lee", "Message " + conversation.message_count);"#,
        shape: page,
    },
    Call {
        name: "snippet",
        action: "snippet",
        arguments: (1, 2),
        usage: "`snippet(id)`, `snippet(name)` or `snippet(id, data)`",
        example: r#"snippet("hours");"#,
        shape: snippet,
    },
    Call {
        name: "tag",
        action: "tag",
        arguments: (1, 1),
        usage: "`tag(name)`, `tag([name])` or `tag(#{ add: [name], remove: [name] })`",
        example: r#"tag(#{ add: ["refund"], remove: ["new"] });"#,
        shape: tag,
    },
    Call {
        name: "assign",
        action: "assign",
        arguments: (1, 1),
        usage: "`assign(alias)`",
        example: r#"assign("dr-lee");"#,
        shape: one_text,
    },
    Call {
        name: "http",
        action: "http",
        arguments: (1, 1),
        usage: "`http(#{ hook: name, body: #{ … } })`",
        example: r#"http(#{ hook: "crm", body: #{ event: event.id } });"#,
        shape: one_map,
    },
    Call { name: "close", action: "close", arguments: (0, 0), usage: "`close()`", example: "close();", shape: yes },
    Call {
        name: "set",
        action: "set",
        arguments: (1, 2),
        usage: "`set(key, value)` or `set(#{ key: value })`",
        example: r#"set("refunds", 1);"#,
        shape: set,
    },
    Call {
        name: "unset",
        action: "unset",
        arguments: (1, 1),
        usage: "`unset(key)` or `unset([key])`",
        example: r#"unset("refunds");"#,
        shape: one_list,
    },
    Call {
        name: "veto",
        action: "veto",
        arguments: (1, 1),
        usage: "`veto(\"reply\")`",
        example: r#"veto("reply");"#,
        shape: one_text,
    },
    Call { name: "stop", action: "stop", arguments: (0, 0), usage: "`stop()`", example: "stop();", shape: yes },
];

/// What a page says where the script gives no words for it.
const PAGE_TEXT: &str = "Please look at this conversation.";

/// Teaches Rhai the calls.
pub(super) fn register(engine: &mut Engine) {
    for call in &CALLS {
        let (least, most) = call.arguments;
        for count in least..=most {
            match count {
                0 => engine.register_fn(call.name, move || make(call, &[])),
                1 => engine.register_fn(call.name, move |a: Dynamic| make(call, &[a])),
                _ => engine.register_fn(call.name, move |a: Dynamic, b: Dynamic| make(call, &[a, b])),
            };
        }
    }
}

fn make(call: &Call, arguments: &[Dynamic]) -> Result<(), Broken> {
    let arguments: Vec<Value> = arguments
        .iter()
        .map(to_json)
        .collect::<Result<_, _>>()
        .map_err(|kind| stop(format!("`{}` cannot be given {kind}; it is {}", call.name, call.usage)))?;
    let shaped = (call.shape)(&arguments).ok_or_else(|| stop(format!("`{}` is {}", call.name, call.usage)))?;
    let bytes = size_of(&shaped);
    bounds::record(call.name, ScriptCall { name: call.action.to_owned(), arguments: shaped }, bytes)
}

/// A value as JSON, or the kind of value that has no such form.
pub(super) fn to_json(value: &Dynamic) -> Result<Value, &'static str> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(text.as_str().into());
    }
    if let Ok(items) = value.as_array_ref() {
        return items.iter().map(to_json).collect();
    }
    if let Ok(map) = value.as_map_ref() {
        let entries = map.iter().map(|(key, value)| Ok((key.to_string(), to_json(value)?)));
        return entries.collect::<Result<Map<_, _>, _>>().map(Value::Object);
    }
    if let Some(node) = value.read_lock::<Node>() {
        return Ok(node.value().clone());
    }
    match value.type_name() {
        "()" => Ok(Value::Null),
        "bool" => value.as_bool().map(Value::from),
        "i64" => value.as_int().map(Value::from),
        "f64" => value.as_float().map(Value::from),
        "char" => value.as_char().map(|character| character.to_string().into()),
        _ => Err(kind_of(value)),
    }
}

/// The bytes of a value, roughly.
fn size_of(value: &Value) -> usize {
    let inside = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size_of).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + size_of(value)).sum(),
        _ => 0,
    };
    inside + 32
}

/// A text, or a list of texts, as a list.
fn texts(value: &Value) -> Option<Value> {
    match value {
        Value::String(_) => Some(json!([value])),
        Value::Array(items) if items.iter().all(Value::is_string) => Some(value.clone()),
        _ => None,
    }
}

fn text_or_map(arguments: &[Value]) -> Option<Value> {
    match arguments {
        [text @ Value::String(_)] => Some(json!({ "text": text })),
        [map @ Value::Object(_)] => Some(map.clone()),
        _ => None,
    }
}

fn note(arguments: &[Value]) -> Option<Value> {
    with_lists(text_or_map(arguments)?, &["page"])
}

fn page(arguments: &[Value]) -> Option<Value> {
    match arguments {
        [who] => Some(json!({ "text": PAGE_TEXT, "page": texts(who)? })),
        [who, text @ Value::String(_)] => Some(json!({ "text": text, "page": texts(who)? })),
        _ => None,
    }
}

fn snippet(arguments: &[Value]) -> Option<Value> {
    let mut shaped = match arguments.first()? {
        id @ Value::Number(_) => json!({ "id": id }),
        name @ Value::String(_) => json!({ "name": name }),
        map @ Value::Object(_) if arguments.len() == 1 => map.clone(),
        _ => return None,
    };
    if let (Some(data), Value::Object(map)) = (arguments.get(1), &mut shaped) {
        map.insert("data".to_owned(), data.clone());
    }
    Some(shaped)
}

fn tag(arguments: &[Value]) -> Option<Value> {
    match arguments {
        [map @ Value::Object(_)] => with_lists(map.clone(), &["add", "remove"]),
        [tags] => Some(json!({ "add": texts(tags)? })),
        _ => None,
    }
}

fn set(arguments: &[Value]) -> Option<Value> {
    match arguments {
        [map @ Value::Object(_)] => Some(map.clone()),
        [Value::String(key), value] => Some(Value::Object(Map::from_iter([(key.clone(), value.clone())]))),
        _ => None,
    }
}

fn one_text(arguments: &[Value]) -> Option<Value> {
    arguments.first().filter(|text| text.is_string()).cloned()
}

fn one_list(arguments: &[Value]) -> Option<Value> {
    texts(arguments.first()?)
}

fn one_map(arguments: &[Value]) -> Option<Value> {
    arguments.first().filter(|map| map.is_object()).cloned()
}

fn yes(_: &[Value]) -> Option<Value> {
    Some(true.into())
}

/// Lets a single text stand for a list under `keys`.
fn with_lists(mut map: Value, keys: &[&str]) -> Option<Value> {
    for key in keys {
        if let Some(value) = map.get_mut(*key) {
            *value = texts(value)?;
        }
    }
    Some(map)
}
