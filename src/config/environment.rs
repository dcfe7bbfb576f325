//! `REJOINDER_LISTEN`, `REJOINDER_ADMIN__TOKEN` and the like: the environment over the file.

use serde_json::{Map, Value};

use crate::yaml::Document;

const PREFIX: &str = "REJOINDER_";

/// Variables of that prefix that are not keys of the configuration.
const RESERVED: [&str; 1] = ["REJOINDER_CONFIG"];

/// Writes every override into the document. Keys are joined by two underscores. A value is a text unless the schema wants
/// something else, which `is_right` tells of a pointer; so a secret of digits alone stays a secret.
///
/// A variable that the file refers to, as in `token: ${REJOINDER_ADMIN_TOKEN}`, is no override: it has its place already.
/// Answers the pointers that were written.
pub(super) fn apply(
    document: &mut Document,
    variables: impl IntoIterator<Item = (String, String)>,
    is_right: impl Fn(&Document, &str) -> bool,
) -> Vec<String> {
    let mut pointers = Vec::new();
    for (name, text) in variables {
        let Some(key) = name.strip_prefix(PREFIX) else { continue };
        if RESERVED.contains(&name.as_str()) || is_referred_to(document.text(), &name) {
            continue;
        }
        let segments: Vec<String> = key.split("__").map(str::to_lowercase).collect();
        let pointer = put(document.value_mut(), &segments, Value::String(text.clone()));
        document.came_from(&pointer, &name);
        if !is_right(document, &pointer)
            && let Ok(value) = serde_json::from_str::<Value>(&text)
        {
            put(document.value_mut(), &segments, value);
        }
        pointers.push(pointer);
    }
    pointers
}

fn is_referred_to(text: &str, name: &str) -> bool {
    [format!("${{{name}}}"), format!("${{{name}:-")].iter().any(|reference| text.contains(reference))
}

/// Writes a value; answers its JSON pointer.
fn put(target: &mut Value, segments: &[String], value: Value) -> String {
    let Some((first, rest)) = segments.split_first() else {
        *target = value;
        return String::new();
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else { return String::new() };
    // Names in the file may hold capitals or dashes, which the environment cannot.
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let key = map.keys().find(|key| plain(key) == *first).unwrap_or(first).clone();
    let below = put(map.entry(key.clone()).or_insert(Value::Null), rest, value);
    format!("/{}{below}", key.replace('~', "~0").replace('/', "~1"))
}
