//! JSON that nobody sends.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

/// Every key and every short text of the payloads: junk made of them gets further than junk made of noise.
pub(super) fn vocabulary(payloads: &[Value]) -> Vec<String> {
    let mut words: BTreeSet<String> = ["id", "type", "data", ""].into_iter().map(str::to_owned).collect();
    let mut todo: Vec<&Value> = payloads.iter().collect();
    while let Some(value) = todo.pop() {
        match value {
            Value::String(text) if text.len() < 40 => {
                words.insert(text.clone());
            }
            Value::Array(items) => todo.extend(items),
            Value::Object(map) => {
                words.extend(map.keys().cloned());
                todo.extend(map.values());
            }
            _ => {}
        }
    }
    words.into_iter().collect()
}

pub(super) fn any_json(words: Vec<String>) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(words.clone()).prop_map(Value::from),
    ];
    let key = prop::sample::select(words);
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

pub(super) fn pointers(json: &Value, at: &str) -> Vec<String> {
    let mut found = vec![at.to_owned()];
    match json {
        Value::Object(map) => map.iter().for_each(|(key, value)| found.extend(pointers(value, &format!("{at}/{key}")))),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| found.extend(pointers(value, &format!("{at}/{index}"))));
        }
        _ => {}
    }
    found
}
