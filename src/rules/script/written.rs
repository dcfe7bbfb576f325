//! The arguments of an action's call as far as they are written out, so that they can be judged before the script runs.

use rhai::Expr;
use serde_json::{Map, Value, json};

use super::survey::constant;

/// Stands for a text that the script computes.
const SOMETHING: &str = "…";

/// Keys below which any text may stand.
const FREE: [&str; 8] = ["text", "markdown", "html", "subject", "add", "remove", "id", "url"];

/// The arguments of `call`. Nothing where too little is written out to tell whether the call is right.
pub(super) fn arguments(call: &str, given: &[Expr]) -> Option<Vec<Value>> {
    given.iter().enumerate().map(|(index, argument)| argument_of(call, index, argument)).collect()
}

/// The keys of the maps among the arguments of which the script computes what stands there, or a part of it.
pub(super) fn computed(given: &[Expr]) -> Vec<String> {
    let maps = given.iter().filter_map(|argument| match argument {
        Expr::Map(map, _) => Some(map),
        _ => None,
    });
    let entries = maps.flat_map(|map| map.0.iter()).filter(|(_, value)| constant(value).is_none());
    entries.map(|(key, _)| key.name.to_string()).collect()
}

fn argument_of(call: &str, index: usize, argument: &Expr) -> Option<Value> {
    match (constant(argument), argument) {
        (Some(value), _) => Some(value),
        (None, Expr::Map(map, _)) => {
            object(call, map.0.iter().map(|(key, value)| (key.name.as_str(), value))).map(Value::Object)
        }
        (None, Expr::Array(items, _)) => list(items, call == "tag"),
        (None, Expr::InterpolatedString(..)) if matches!(call, "reply" | "note" | "tag") => Some(json!(SOMETHING)),
        // A page's words, a value that is remembered, a snippet's data.
        (None, _) if index == 1 => Some(json!(SOMETHING)),
        (None, _) => None,
    }
}

/// A map without what is computed below keys that name something. A computed snippet or hook may be any.
fn object<'a>(call: &str, entries: impl Iterator<Item = (&'a str, &'a Expr)>) -> Option<Map<String, Value>> {
    let mut map = Map::new();
    for (key, value) in entries {
        let is_free = FREE.contains(&key) || call == "set";
        let told = match (constant(value), value) {
            (Some(value), _) => Some(value),
            (None, Expr::Array(items, _)) => list(items, is_free),
            (None, _) if is_free => Some(json!(SOMETHING)),
            (None, _) if matches!(key, "snippet" | "name" | "attachments" | "hook") => return None,
            (None, _) => None,
        };
        map.extend(told.map(|value| (key.to_owned(), value)));
    }
    Some(map)
}

/// A list of which some items are computed: without them, where each one names something.
fn list(items: &[Expr], is_free: bool) -> Option<Value> {
    let items: Vec<Value> = match is_free {
        true => items.iter().map(|item| constant(item).unwrap_or_else(|| json!(SOMETHING))).collect(),
        false => items.iter().filter_map(constant).collect(),
    };
    (!items.is_empty()).then(|| Value::Array(items))
}
