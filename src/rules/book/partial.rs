//! What is left of a rule that is not of the right shape, so that the rest of it is judged in the same run. Such a rule is
//! never kept.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::document::RuleDocument;
use crate::yaml::Wrong;

/// The rest of a rule.
pub(super) struct Partial {
    /// The rule without what is wrong.
    pub(super) rule: RuleDocument,
    /// Whether nothing was taken out of its conditions.
    pub(super) has_whole_when: bool,
    /// Pointers, below the rule, of actions from which something was taken, so that they may lack it.
    pub(super) actions: Vec<String>,
}

impl Partial {
    /// Takes out what `wrong` points to; `pointer` is the rule's own. None where nothing is left to judge.
    pub(super) fn of(written: &Value, pointer: &str, wrong: &[Wrong]) -> Option<Self> {
        let mut rule = written.as_object()?.clone();
        let (mut has_whole_when, mut actions) = (true, Vec::new());
        for (at, _) in wrong {
            let Some(below) = at.strip_prefix(pointer).filter(|below| below.starts_with('/')) else { continue };
            let path: Vec<String> = below.split('/').skip(1).map(unescape).collect();
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            match path.as_slice() {
                ["when", rest @ ..] => {
                    has_whole_when = false;
                    match rule.get_mut("when") {
                        Some(Value::Object(when)) if !rest.is_empty() => take_condition(when, rest),
                        _ => drop(rule.insert("when".to_owned(), json!({}))),
                    }
                }
                ["do", index, rest @ ..] => {
                    actions.extend(rest.first().map(|name| format!("/do/{index}/{name}")));
                    take_from_action(&mut rule, index, rest);
                }
                ["once", key, ..] => {
                    drop(rule.get_mut("once").and_then(Value::as_object_mut).and_then(|once| once.remove(*key)));
                }
                [key, ..] => drop(rule.shift_remove(*key)),
                [] => {}
            }
        }
        rule.entry("name").or_insert_with(|| "".into());
        // What it lacks may be what was taken out.
        rule.insert("stop".to_owned(), true.into());
        let rule = RuleDocument::deserialize(Value::Object(rule)).ok()?;
        Some(Self { rule, has_whole_when, actions })
    }
}

fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// Takes out the innermost condition on the path. The items of a list keep their places.
fn take_condition(when: &mut Map<String, Value>, path: &[&str]) {
    match (path, path.first().and_then(|key| when.get_mut(*key))) {
        (["not", rest @ ..], Some(Value::Object(inner))) if !rest.is_empty() => take_condition(inner, rest),
        (["all" | "any", index, rest @ ..], Some(Value::Array(items))) => {
            match index.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(Value::Object(inner)) if !rest.is_empty() => take_condition(inner, rest),
                Some(item) => *item = json!({}),
                None => {}
            }
        }
        ([key, ..], _) => drop(when.shift_remove(*key)),
        ([], _) => {}
    }
}

/// Takes out one key of an action, or all of it. The other actions keep their places.
fn take_from_action(rule: &mut Map<String, Value>, index: &str, path: &[&str]) {
    let Some(entry) = index.parse::<usize>().ok().and_then(|index| rule.get_mut("do")?.get_mut(index)) else { return };
    match (path, path.first().and_then(|name| entry.get_mut(*name))) {
        ([_, key, ..], Some(Value::Object(argument))) => drop(argument.shift_remove(*key)),
        _ => *entry = json!({}),
    }
}
