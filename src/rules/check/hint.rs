//! Why the rules did otherwise than a test expected: of each rule that counts, what stood against it.

use serde_json::{Map, Value};

use super::super::book::Book;
use super::compare::{is_taken, taken};
use super::document::{self, StepDocument};
use crate::model::decision::UnmatchedRule;
use crate::model::findings::{outline, reasons};
use crate::model::{Finding, MatchedRule, Trace, Verdict};
use crate::yaml::suggest;

/// Why, from the trace of a decision with everything in it. Each entry is about one rule and may have several lines.
pub(super) fn why(step: &StepDocument, book: &Book, trace: &Trace) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(wanted) = &step.rules {
        said.extend(wanted.iter().filter_map(|rule| not_matched(rule, book, trace)));
        let others = trace.matched.iter().filter(|rule| !wanted.contains(&rule.rule));
        said.extend(others.map(matched));
    }
    match &step.expect {
        Some(expected) if expected.is_empty() => said.extend(unexpected(trace)),
        Some(expected) => said.extend(missing(expected, book, trace)),
        None => {}
    }
    if let Some(code) = &step.blocked {
        said.extend(not_blocked(code, book, trace));
    }
    let mut once = Vec::new();
    said.into_iter().for_each(|one| {
        if !once.contains(&one) {
            once.push(one)
        }
    });
    once
}

fn not_matched(rule: &str, book: &Book, trace: &Trace) -> Option<String> {
    if trace.matched.iter().any(|matched| matched.rule == rule) {
        return None;
    }
    let found = trace.unmatched.iter().find(|unmatched| unmatched.rule == rule);
    Some(found.map_or_else(
        || {
            let names = book.rules().iter().map(|rule| rule.name.as_str());
            format!("there is no rule `{rule}`{}", suggest(rule, names.collect::<Vec<_>>()))
        },
        unmatched,
    ))
}

fn unmatched(rule: &UnmatchedRule) -> String {
    let mut lines = vec![format!("`{}` ({}) did not match: {}", rule.rule, rule.place, rule.because)];
    lines.extend(against(&rule.findings, &rule.place));
    lines.join("\n")
}

fn matched(rule: &MatchedRule) -> String {
    let held: Vec<String> = reasons(&rule.findings, true).iter().map(ToString::to_string).collect();
    let because = if held.is_empty() { "it has no conditions".to_owned() } else { held.join(", ") };
    format!("`{}` ({}) matched: {because}", rule.rule, rule.place)
}

/// Who did something where nothing was expected.
fn unexpected(trace: &Trace) -> Vec<String> {
    let doers: Vec<String> = taken(trace).into_iter().filter(|one| one.is_sent()).map(|one| one.rule).collect();
    trace.matched.iter().filter(|rule| doers.contains(&rule.rule)).map(matched).collect()
}

/// For each expected action that nobody took: the rules that wanted to, else the rule that came nearest.
fn missing(expected: &[Map<String, Value>], book: &Book, trace: &Trace) -> Vec<String> {
    let done = taken(trace);
    let names = expected.iter().filter_map(|entry| document::action(entry).map(|(name, _)| name));
    let missing = names.filter(|name| !done.iter().any(|one| one.name == **name));
    let why = |name: &String| {
        stopped(name, trace).or_else(|| nearest(name, book, trace)).unwrap_or_else(|| {
            let is_known = book.rules().iter().any(|rule| rule.may_do(name));
            if is_known { Vec::new() } else { vec![format!("no YAML rule has the action `{name}`")] }
        })
    };
    missing.flat_map(why).collect()
}

fn stopped(name: &str, trace: &Trace) -> Option<Vec<String>> {
    let mut said = Vec::new();
    for rule in &trace.matched {
        for action in rule.actions.iter().filter(|action| action.action == name && !is_taken(&action.verdict)) {
            let what = match &action.verdict {
                Verdict::Blocked { code, reason } => format!("was blocked by {code}: {reason}"),
                Verdict::Vetoed { by } => format!("was vetoed by the rule `{by}`"),
                // That it failed is a difference of its own.
                _ => continue,
            };
            said.push(format!("the {name} of `{}` ({}) {what}", rule.rule, rule.place));
        }
    }
    (!said.is_empty()).then_some(said)
}

/// Of the rules that would do it, the one with the fewest conditions against it.
fn nearest(name: &str, book: &Book, trace: &Trace) -> Option<Vec<String>> {
    let able = |rule: &&UnmatchedRule| book.rules().iter().any(|known| known.name == rule.rule && known.may_do(name));
    // One that was not asked is as far away as one condition.
    let distance = |rule: &&UnmatchedRule| match rule.findings.is_empty() {
        true => usize::MAX,
        false => reasons(&rule.findings, false).len() + usize::from(!rule.asked),
    };
    trace.unmatched.iter().filter(able).min_by_key(distance).map(|rule| vec![unmatched(rule)])
}

fn not_blocked(code: &str, book: &Book, trace: &Trace) -> Vec<String> {
    let step = trace.guard.iter().find(|step| step.code == code && step.result != "block");
    let mut said: Vec<String> =
        step.map(|step| format!("the loop guard's {code} says {}: {}", step.result, step.saw)).into_iter().collect();
    if trace.matched.is_empty() {
        said.extend(nearest("reply", book, trace).unwrap_or_default());
    }
    said
}

/// The findings that kept a rule from matching, with what they saw and where they stand.
fn against(findings: &[Finding], place: &str) -> Vec<String> {
    let file = place.rsplit_once(':').map_or(place, |(file, _)| file);
    let line = |(depth, finding): (usize, &Finding)| {
        let pad = "  ".repeat(depth + 1);
        let mark = if finding.holds { "✓" } else { "✗" };
        let at = if finding.line > 0 { format!("  ({file}:{})", finding.line) } else { String::new() };
        match finding.inner.is_empty() {
            true => format!("{pad}{mark} {} {}; saw {}{at}", finding.subject, finding.wanted, finding.saw),
            false => format!("{pad}{mark} {} ({})", finding.subject, finding.saw),
        }
    };
    outline(findings, true).into_iter().map(line).collect()
}
