//! Small helpers for reading what really arrives: fields that are missing, null, or sometimes a list.

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The key of a delivery that carries no id of its own: equal for the same bytes.
pub fn body_key(body: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(body)))
}

/// The text at a JSON pointer; numbers become text, empty texts and everything else are nothing.
pub fn text(json: &Value, pointer: &str) -> Option<String> {
    match json.pointer(pointer)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The first text among several pointers.
pub fn first_text(json: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| text(json, pointer))
}

/// A list of texts, from a list or from a single text; comma-separated addresses in one text are taken apart.
pub fn texts(json: &Value, pointer: &str) -> Vec<String> {
    match json.pointer(pointer) {
        Some(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        Some(Value::String(one)) => {
            one.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// The items of a list; none where there is no list.
pub fn items<'a>(json: &'a Value, pointer: &str) -> impl DoubleEndedIterator<Item = &'a Value> + use<'a> {
    json.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// A time stamp in RFC 3339, or in seconds or milliseconds since 1970.
pub fn time(json: &Value, pointer: &str) -> Option<Timestamp> {
    match json.pointer(pointer)? {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => {
            let number = number.as_i64()?;
            if number > 100_000_000_000 {
                Timestamp::from_millisecond(number).ok()
            } else {
                Timestamp::from_second(number).ok()
            }
        }
        _ => None,
    }
}

/// A true value; missing and null are false.
pub fn flag(json: &Value, pointer: &str) -> bool {
    json.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// The first word of a name.
pub fn first_name(name: Option<&str>) -> Option<String> {
    name.and_then(|name| name.split_whitespace().next()).map(str::to_owned)
}
