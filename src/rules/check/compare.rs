//! What must have come of an event against what came of it, with a difference a person can read.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::condition::{CONDITIONS, Case, Seen};
use super::super::decide::EVERY_RULE;
use super::document::{self, StepDocument};
use super::report::Difference;
use crate::model::{Trace, Verdict};

/// An action that was taken, in the shape a rule writes it.
pub(super) struct Taken {
    /// The rule that took it.
    pub(super) rule: String,
    /// The word.
    pub(super) name: String,
    /// What came of it.
    verdict: &'static str,
    shown: Value,
}

impl Taken {
    /// State is not sent anywhere: "nothing" means that nobody gets anything.
    pub(super) fn is_sent(&self) -> bool {
        !matches!(self.name.as_str(), "set" | "unset")
    }
}

/// Whether an action came to something: it was chosen, or would have been but for the mode of its rule.
pub(super) fn is_taken(verdict: &Verdict) -> bool {
    !matches!(verdict, Verdict::Blocked { .. } | Verdict::Vetoed { .. } | Verdict::Failed { .. })
}

/// The actions that a decision took, a rule in shadow included.
pub(super) fn taken(trace: &Trace) -> Vec<Taken> {
    let actions = trace.matched.iter().flat_map(|rule| rule.actions.iter().map(move |action| (rule, action)));
    actions
        .filter(|(_, action)| is_taken(&action.verdict))
        .map(|(rule, action)| Taken {
            rule: rule.rule.clone(),
            name: action.action.clone(),
            verdict: action.verdict.as_str(),
            shown: as_written(&action.action, &action.rendered),
        })
        .collect()
}

/// Every difference.
pub(super) fn compare(step: &StepDocument, trace: &Trace, now: Timestamp) -> Vec<Difference> {
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
            let message = format!("rules: expected [{}], matched [{}]", rules.join(", "), matched.join(", "));
            differences.push(Difference::of("rules", json!(rules), json!(matched), message));
        }
    }
    match &step.failed {
        Some(words) => differences.extend(failed(words, trace)),
        None => differences.extend(failures(trace).into_iter().map(|(message, _)| Difference::said(message))),
    }
    differences
}

/// What failed, in words, each with its reason.
fn failures(trace: &Trace) -> Vec<(String, &str)> {
    let rules = trace.errors.iter().map(|error| {
        let whose = match error.rule.as_str() {
            EVERY_RULE => EVERY_RULE.to_owned(),
            rule => format!("the rule `{rule}`"),
        };
        let message = format!("{whose} failed: {}", error.error);
        (message, error.error.as_str())
    });
    let actions = trace.matched.iter().flat_map(|rule| {
        rule.actions.iter().filter_map(|action| match &action.verdict {
            Verdict::Failed { reason } => {
                Some((format!("the {} of `{}` failed: {reason}", action.action, rule.rule), reason.as_str()))
            }
            _ => None,
        })
    });
    rules.chain(actions).collect()
}

fn failed(words: &str, trace: &Trace) -> Option<Difference> {
    let found = failures(trace);
    if found.iter().any(|(_, reason)| reason.to_lowercase().contains(&words.to_lowercase())) {
        return None;
    }
    let said: Vec<String> = found.into_iter().map(|(message, _)| message).collect();
    let got = if said.is_empty() { "nothing failed".to_owned() } else { said.join("; ") };
    Some(Difference::of("failed", json!(words), json!(said), format!("expected failed: {words}; {got}")))
}

fn expected_actions(expected: &[Map<String, Value>], taken: &[Taken], now: Timestamp) -> Vec<Difference> {
    if expected.is_empty() {
        let sent = taken.iter().filter(|one| one.is_sent());
        return sent.map(|one| Difference::unwanted(&one.name, &one.rule, &one.shown)).collect();
    }
    let mut differences = Vec::new();
    let mut from = 0;
    for entry in expected {
        let Some((name, wanted)) = document::action(entry) else {
            differences.push(Difference::said("an expectation needs an action beside `verdict`"));
            continue;
        };
        let candidates = taken.iter().enumerate().skip(from).filter(|(_, one)| one.name == *name);
        let other_verdict = |one: &Taken| {
            let wanted = document::verdict(entry).filter(|wanted| *wanted != one.verdict)?;
            Some(Difference::between(&format!("{name}.verdict"), &json!(wanted), &json!(one.verdict)))
        };
        let judge = |one: &Taken| difference(name, wanted, &one.shown, now).into_iter().chain(other_verdict(one));
        let judged: Vec<(usize, Vec<Difference>)> =
            candidates.map(|(index, one)| (index, judge(one).collect())).collect();
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

fn missing(name: &str, wanted: &Value, taken: &[Taken]) -> Difference {
    let done = taken.iter().map(|one| one.name.as_str()).collect::<Vec<_>>();
    let got = match done.is_empty() {
        true => "nothing was done".to_owned(),
        false => format!("done: {}", done.join(", ")),
    };
    let hint = if done.contains(&name) { " (each expectation is met by one action, in the order written)" } else { "" };
    Difference::of(name, wanted.clone(), json!(done), format!("expected {name}: {wanted}; {got}{hint}"))
}

fn blocked(code: &str, trace: &Trace) -> Option<Difference> {
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
    Some(Difference::of("blocked", json!(code), json!(found), format!("expected blocked: {code}; {got}{hint}")))
}

/// Where `wanted` and `saw` differ, each with its path.
fn difference(path: &str, wanted: &Value, saw: &Value, now: Timestamp) -> Vec<Difference> {
    match wanted {
        Value::Object(map) if is_operators(map) => operators(path, map, saw, now),
        Value::Object(map) => {
            let inner = |(key, wanted): (&String, &Value)| {
                difference(&format!("{path}.{key}"), wanted, &saw[key.as_str()], now)
            };
            map.iter().flat_map(inner).collect()
        }
        Value::String(text) if saw.as_str().is_some_and(|seen| seen.trim() == text.trim()) => Vec::new(),
        _ if wanted == saw || same_number(wanted, saw) => Vec::new(),
        _ => vec![Difference::between(path, wanted, saw)],
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

fn operators(path: &str, map: &Map<String, Value>, saw: &Value, now: Timestamp) -> Vec<Difference> {
    let case = Case::of(map);
    let values = Seen::of(match saw {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    });
    let judge = |(key, wanted): (&String, &Value)| {
        let (operator, is_negated) = named(key)?;
        match operator.compile(wanted, case) {
            Ok(test) if test.holds(&values, now, &mut Map::new()) != is_negated => None,
            Ok(_) => Some(Difference::wanted(path, key, wanted, saw)),
            Err(why) => Some(Difference::said(format!("{path}: {why}"))),
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
