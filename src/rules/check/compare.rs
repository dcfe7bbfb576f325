//! What must have come of an event against what came of it, with a difference a person can read.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::condition::{CONDITIONS, Case};
use super::document::StepDocument;
use crate::model::{Trace, Verdict};

/// An action that was taken, in the shape a rule writes it.
pub(super) struct Taken {
    name: String,
    shown: Value,
}

/// The actions that a decision took, a rule in shadow included.
pub(super) fn taken(trace: &Trace) -> Vec<Taken> {
    let actions = trace.matched.iter().flat_map(|rule| &rule.actions);
    let acted = actions.filter(|action| matches!(action.verdict, Verdict::Chosen | Verdict::Shadowed));
    acted
        .map(|action| Taken { name: action.action.clone(), shown: as_written(&action.action, &action.rendered) })
        .collect()
}

/// Every difference, as lines.
pub(super) fn compare(step: &StepDocument, trace: &Trace, now: Timestamp) -> Vec<String> {
    let mut differences = Vec::new();
    let taken = taken(trace);
    if let Some(expected) = &step.expect {
        differences.extend(expected_actions(expected, &taken, now));
    }
    if let Some(code) = &step.blocked {
        differences.extend(blocked(code, trace));
    }
    if let Some(rules) = &step.rules {
        let matched: Vec<&str> = trace.matched.iter().map(|rule| rule.rule.as_str()).collect();
        if matched != *rules {
            differences.push(format!("rules: expected [{}], matched [{}]", rules.join(", "), matched.join(", ")));
        }
    }
    differences.extend(trace.errors.iter().map(|error| format!("the rule `{}` failed: {}", error.rule, error.error)));
    differences.extend(failures(trace));
    differences
}

fn failures(trace: &Trace) -> impl Iterator<Item = String> {
    trace.matched.iter().flat_map(|rule| {
        rule.actions.iter().filter_map(|action| match &action.verdict {
            Verdict::Failed { reason } => Some(format!("the {} of `{}` failed: {reason}", action.action, rule.rule)),
            _ => None,
        })
    })
}

fn expected_actions(expected: &[Map<String, Value>], taken: &[Taken], now: Timestamp) -> Vec<String> {
    // State is not sent anywhere: "nothing" means that nobody gets anything.
    let sent = || taken.iter().filter(|one| !matches!(one.name.as_str(), "set" | "unset"));
    if expected.is_empty() {
        return sent().map(|one| format!("expected nothing, got {}: {}", one.name, one.shown)).collect();
    }
    let mut differences = Vec::new();
    let mut from = 0;
    for entry in expected {
        let Some((name, wanted)) = entry.iter().next() else { continue };
        let candidates = taken.iter().enumerate().skip(from).filter(|(_, one)| one.name == *name);
        let judged: Vec<(usize, Vec<String>)> =
            candidates.map(|(index, one)| (index, difference(name, wanted, &one.shown, now))).collect();
        match judged.iter().find(|(_, found)| found.is_empty()) {
            Some((index, _)) => from = index + 1,
            None => match judged.into_iter().min_by_key(|(_, found)| found.len()) {
                Some((_, found)) => differences.extend(found),
                None => differences.push(missing(name, wanted, taken)),
            },
        }
    }
    differences
}

fn missing(name: &str, wanted: &Value, taken: &[Taken]) -> String {
    let done = taken.iter().map(|one| one.name.as_str()).collect::<Vec<_>>();
    let got = match done.is_empty() {
        true => "nothing was done".to_owned(),
        false => format!("done: {}", done.join(", ")),
    };
    let hint = if done.contains(&name) { " (each expectation is met by one action, in the order written)" } else { "" };
    format!("expected {name}: {wanted}; {got}{hint}")
}

fn blocked(code: &str, trace: &Trace) -> Option<String> {
    let codes = |verdict: &Verdict| match verdict {
        Verdict::Blocked { code, .. } => Some(code.clone()),
        Verdict::Vetoed { .. } => Some("veto".to_owned()),
        _ => None,
    };
    let found: Vec<String> =
        trace.matched.iter().flat_map(|rule| &rule.actions).filter_map(|action| codes(&action.verdict)).collect();
    if found.iter().any(|found| found == code) {
        return None;
    }
    let got =
        if found.is_empty() { "nothing was blocked".to_owned() } else { format!("blocked: {}", found.join(", ")) };
    let hint = if trace.matched.is_empty() { " (no rule matched)" } else { "" };
    Some(format!("expected blocked: {code}; {got}{hint}"))
}

/// Where `wanted` and `saw` differ, each with its path.
fn difference(path: &str, wanted: &Value, saw: &Value, now: Timestamp) -> Vec<String> {
    match wanted {
        Value::Object(map) if is_operators(map) => operators(path, map, saw, now),
        Value::Object(map) => {
            let inner = |(key, wanted): (&String, &Value)| {
                difference(&format!("{path}.{key}"), wanted, &saw[key.as_str()], now)
            };
            map.iter().flat_map(inner).collect()
        }
        Value::String(text) => match saw.as_str() {
            Some(seen) if seen.trim() == text.trim() => Vec::new(),
            _ => vec![format!("{path}: expected {wanted}, got {saw}")],
        },
        _ if wanted == saw || same_number(wanted, saw) => Vec::new(),
        _ => vec![format!("{path}: expected {wanted}, got {saw}")],
    }
}

fn same_number(a: &Value, b: &Value) -> bool {
    a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a == b)
}

fn is_operators(map: &Map<String, Value>) -> bool {
    map.keys().any(|key| named(key).is_some()) && map.keys().all(|key| key == "case" || named(key).is_some())
}

fn named(key: &str) -> Option<(&'static dyn super::super::condition::Operator, bool)> {
    let (plain, is_negated) = key.strip_prefix("not_").map_or((key, false), |plain| (plain, true));
    CONDITIONS.iter().find(|operator| operator.name() == plain).map(|operator| (*operator, is_negated))
}

fn operators(path: &str, map: &Map<String, Value>, saw: &Value, now: Timestamp) -> Vec<String> {
    let case = Case::of(map);
    let values: Vec<&Value> = match saw {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    };
    let judge = |(key, wanted): (&String, &Value)| {
        let (operator, is_negated) = named(key)?;
        match operator.compile(wanted, case) {
            Ok(test) if test.holds(&values, now, &mut Map::new()) != is_negated => None,
            Ok(_) => Some(format!("{path}: expected {key} {wanted}, got {saw}")),
            Err(why) => Some(format!("{path}: {why}")),
        }
    };
    map.iter().filter_map(judge).collect()
}

/// A rendered action in the shape a rule writes it: aliases instead of ids.
fn as_written(name: &str, rendered: &Value) -> Value {
    let mut shown = rendered.clone();
    match name {
        "assign" => shown = rendered["alias"].clone(),
        "close" => shown = json!(true),
        "note" => {
            if let Some(page) = rendered["page"].as_array() {
                shown["page"] = page.iter().map(|one| one["alias"].clone()).collect();
            }
        }
        _ => {}
    }
    shown
}
