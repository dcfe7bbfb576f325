//! Which names the rules of a book use of what stands beside them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::written::Written;
use super::{At, Hit};

/// The texts that stand in actions at these places, each an action and a key of its argument, or the argument itself where
/// the key is empty. Nothing where a script computes one, because any could be meant.
pub(super) fn by_actions(written: &Written<'_>, places: &[(&str, &str)]) -> Option<BTreeSet<String>> {
    let mut used = BTreeSet::new();
    for rule in &written.rules {
        for (_, name, argument) in rule.actions() {
            let keys = places.iter().filter(|(action, _)| *action == name);
            used.extend(keys.flat_map(|(_, key)| texts(below(argument, key))).map(str::to_owned));
        }
        for asked in rule.surveys().flat_map(|survey| &survey.asked) {
            for (_, key) in places.iter().filter(|(action, _)| *action == asked.name) {
                if asked.computed.iter().any(|computed| computed == key) {
                    return None;
                }
                used.extend(texts(below(asked.arguments.as_ref()?, key)).into_iter().map(str::to_owned));
            }
        }
    }
    Some(used)
}

fn below<'a>(argument: &'a Value, key: &str) -> &'a Value {
    if key.is_empty() { argument } else { &argument[key] }
}

/// What stands below one of these keys in the conditions of the rules, at any depth.
pub(super) fn by_conditions(written: &Written<'_>, keys: &[&str]) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for document in written.rules.iter().filter_map(|rule| rule.document.as_ref()) {
        document.when.iter().for_each(|(key, value)| look(key, value, keys, &mut used));
    }
    used
}

fn look(key: &str, value: &Value, keys: &[&str], used: &mut BTreeSet<String>) {
    if keys.contains(&key) {
        used.extend(texts(value).into_iter().map(str::to_owned));
    }
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| look(key, value, keys, used)),
        Value::Array(items) => items.iter().for_each(|value| look("", value, keys, used)),
        _ => {}
    }
}

/// Every text in a value, at any depth.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(map) => map.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// A finding for each name of the configuration, below this key, that is not used.
pub(super) fn unused<'a>(
    key: &str,
    names: impl Iterator<Item = &'a String>,
    used: &BTreeSet<String>,
    said: impl Fn(&str) -> String,
) -> Vec<Hit> {
    let unused = names.filter(|name| !used.contains(*name));
    unused.map(|name| Hit::beside(At::File(format!("{key}.{name}")), said(name))).collect()
}
