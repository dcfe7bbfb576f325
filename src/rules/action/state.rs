//! `set` and `unset`: what is remembered of a conversation, or with `in: contact` of the correspondent.

use serde::Serialize;
use serde_json::{Number, Value, json};

use super::super::all;
use super::super::site::Site;
use super::super::template::Form;
use super::super::view::View;
use super::words::Words;
use super::{ActionKind, Prepare, Prepared};

/// The key that says whose state is meant.
const IN: &str = "in";

/// The longest value that is remembered, in bytes: state travels with every decision.
const MAX_VALUE: usize = 16 * 1024;

/// Whose state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The conversation's: `state.*`.
    Conversation,
    /// The correspondent's: `contact_state.*`.
    Contact,
}

/// One change of state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateChange {
    /// Whose.
    pub scope: Scope,
    /// Which key.
    pub key: String,
    /// The new value; none takes the key away.
    pub value: Option<Value>,
}

pub(super) struct SetAction;
pub(super) struct UnsetAction;

impl ActionKind for SetAction {
    fn name(&self) -> &'static str {
        "set"
    }

    fn summary(&self) -> &'static str {
        "Remembers values of the conversation, or with `in: contact` of the correspondent. A text is a template; what \
         renders to a number, true or false is kept as such."
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "minProperties": 1,
            "properties": { IN: whose() },
            "additionalProperties": { "type": ["string", "number", "boolean"] }
        })
    }

    fn example(&self) -> &'static str {
        r#"set: { refunds: "{{ (state.refunds | default(0)) + 1 }}" }"#
    }

    fn compile(&self, argument: &Value, site: &Site<'_>) -> Option<Box<dyn Prepare>> {
        let scope = scope(argument, site);
        let entries: Vec<_> = argument.as_object()?.iter().filter(|(key, _)| *key != IN).collect();
        if entries.is_empty() {
            site.fault("there is nothing to remember; give a key and its value");
            return None;
        }
        let values = all(entries.into_iter().map(|(key, value)| {
            let setting = match value.as_str().filter(|_| !site.is_literal()) {
                Some(text) => Setting::Words(Words::compile(text, Form::Text, &site.child(key))?),
                None => Setting::Value(value.clone()),
            };
            Some((key.clone(), setting))
        }));
        Some(Box::new(CompiledSet { scope: scope?, values: values? }))
    }
}

impl ActionKind for UnsetAction {
    fn name(&self) -> &'static str {
        "unset"
    }

    fn summary(&self) -> &'static str {
        "Forgets values of the conversation: a list of keys, or `{ keys: […], in: contact }`."
    }

    fn schema(&self) -> Value {
        let keys = json!({
            "type": "array",
            "minItems": 1,
            "items": { "type": "string", "minLength": 1 },
            "description": "The keys to forget."
        });
        json!({ "anyOf": [keys, {
            "type": "object",
            "required": ["keys"],
            "properties": { "keys": keys, IN: whose() },
            "additionalProperties": false
        }] })
    }

    fn example(&self) -> &'static str {
        "unset: [refunds]"
    }

    fn compile(&self, argument: &Value, site: &Site<'_>) -> Option<Box<dyn Prepare>> {
        let keys = argument.get("keys").unwrap_or(argument).as_array()?;
        let keys = keys.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect();
        Some(Box::new(CompiledUnset { scope: scope(argument, site)?, keys }))
    }
}

fn whose() -> Value {
    json!({ "enum": ["conversation", "contact"], "description": "Whose state; the conversation's by default." })
}

fn scope(argument: &Value, site: &Site<'_>) -> Option<Scope> {
    match argument.get(IN).map(Value::as_str) {
        None | Some(Some("conversation")) => Some(Scope::Conversation),
        Some(Some("contact")) => Some(Scope::Contact),
        Some(_) => {
            site.child(IN).fault("`in` is `conversation` or `contact`");
            None
        }
    }
}

enum Setting {
    Words(Words),
    Value(Value),
}

struct CompiledSet {
    scope: Scope,
    values: Vec<(String, Setting)>,
}

impl Prepare for CompiledSet {
    fn prepare(&self, view: &mut View<'_>) -> Result<Prepared, String> {
        let change = |(key, setting): &(String, Setting)| {
            let value = match setting {
                Setting::Words(words) => typed(words.plain(view)?),
                Setting::Value(value) => value.clone(),
            };
            let bytes = value.as_str().map_or_else(|| value.to_string().len(), str::len);
            if bytes > MAX_VALUE {
                return Err(format!("`{key}` would have {bytes} bytes; at most {MAX_VALUE} are remembered"));
            }
            Ok(StateChange { scope: self.scope, key: key.clone(), value: Some(value) })
        };
        Ok(Prepared::State(self.values.iter().map(change).collect::<Result<_, String>>()?))
    }
}

/// A template gives text; what spells a number, true or false is meant as one (MiniJinja writes `True`). What would be
/// spelled otherwise afterwards, such as `1.10` or an id of thirty digits, stays the text it is.
fn typed(text: String) -> Value {
    match text.trim() {
        "true" | "True" => true.into(),
        "false" | "False" => false.into(),
        word => number(word).unwrap_or(Value::String(text)),
    }
}

fn number(word: &str) -> Option<Value> {
    let number: Number = serde_json::from_str(word).ok()?;
    let spelled = number.to_string();
    (spelled == word).then_some(Value::Number(number))
}

struct CompiledUnset {
    scope: Scope,
    keys: Vec<String>,
}

impl Prepare for CompiledUnset {
    fn prepare(&self, _: &mut View<'_>) -> Result<Prepared, String> {
        let change = |key: &String| StateChange { scope: self.scope, key: key.clone(), value: None };
        Ok(Prepared::State(self.keys.iter().map(change).collect()))
    }
}
