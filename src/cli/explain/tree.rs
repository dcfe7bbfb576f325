//! An explained event as a tree for a person: who won, the loop guard, every rule with its conditions and actions.

use serde_json::Value;

use super::super::output::{BAD, FAINT, GOOD, HEAD, paint, plain, tame};
use super::super::{order, story};
use crate::model::Finding;
use crate::model::findings::outline;

/// The event, who answers it, and what vetoes forbid.
pub(super) fn head(explained: &Value) -> Vec<String> {
    let mut lines = vec![story::head(&explained["event"])];
    if let Some(reason) = explained["event"]["unreadable"]["reason"].as_str() {
        lines.push(format!("  cannot be read: {reason}"));
    }
    let trace = &explained["decision"]["trace"];
    lines.push(format!("  {}", if trace.is_null() { "waits to be decided".to_owned() } else { outcome(trace) }));
    lines.extend(order::of_decision(&explained["decision"]));
    lines.extend(vetoes(trace));
    if let Some(rules) = explained["differs"].as_array().filter(|rules| !rules.is_empty()) {
        let rules = rules.iter().map(plain).collect::<Vec<_>>().join(", ");
        let said = "  decided again, these come out otherwise, because something else has changed since: ";
        lines.push(paint(BAD, &format!("{said}{rules}")));
    }
    lines
}

/// The loop guard and the rules. `is_brief` leaves out what passed.
pub(super) fn body(explained: &Value, is_brief: bool) -> Vec<String> {
    let trace = &explained["decision"]["trace"];
    if trace.is_null() {
        return Vec::new();
    }
    let parts = [guard(trace, is_brief), matched(trace, &explained["sends"]), unmatched(trace, is_brief)];
    parts.concat()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn named(rule: &Value) -> String {
    format!("{} ({})", plain(&rule["rule"]), plain(&rule["place"]))
}

/// The rule whose answer goes out or waits, else why there is none.
fn outcome(trace: &Value) -> String {
    let first = |verdict: &str| {
        let has = |action: &Value| {
            let reaches = action["action"] == "reply" || action["action"] == "snippet";
            reaches && action["verdict"]["verdict"] == verdict
        };
        let rule = list(trace, "matched").find(|rule| list(rule, "actions").any(has));
        rule.map(|rule| paint(HEAD, &named(rule)))
    };
    if let Some(rule) = first("chosen") {
        return format!("answered by {rule}");
    }
    if let Some(rule) = first("held") {
        return format!("an answer by {rule} waits for approval");
    }
    if let Some(rule) = first("drafted") {
        return format!("a draft by {rule} is left as a note");
    }
    match list(trace, "matched").next() {
        None if story::is_undecided(trace) => story::failures(trace).collect::<Vec<_>>().join(", "),
        None => "no rule matched".to_owned(),
        Some(_) => "no answer goes to the contact".to_owned(),
    }
}

fn vetoes(trace: &Value) -> Vec<String> {
    let forbids = |rule: &Value| {
        let words: Vec<String> = list(rule, "vetoes").map(plain).collect();
        (!words.is_empty()).then(|| format!("  {} forbids {}", named(rule), words.join(", ")))
    };
    list(trace, "matched").filter_map(forbids).collect()
}

fn guard(trace: &Value, is_brief: bool) -> Vec<String> {
    let steps: Vec<&Value> = list(trace, "guard").collect();
    let blocks = steps.iter().filter(|step| step["result"] == "block").count();
    let width = steps.iter().map(|step| plain(&step["code"]).len()).max().unwrap_or_default();
    let mut lines =
        vec![String::new(), paint(HEAD, &format!("loop guard: {} steps, {blocks} against an answer", steps.len()))];
    for step in steps.into_iter().filter(|step| !is_brief || step["result"] == "block") {
        let mark = match step["result"].as_str() {
            Some("pass") => paint(GOOD, "✓"),
            Some("block") => paint(BAD, "✗"),
            _ => paint(FAINT, "–"),
        };
        lines.push(format!("  {mark} {:width$}  {}", plain(&step["code"]), tame(&plain(&step["saw"]))));
    }
    lines
}

fn matched(trace: &Value, sends: &Value) -> Vec<String> {
    let mut lines = vec![String::new(), count("rules that matched", trace, "matched")];
    for rule in list(trace, "matched") {
        let mode = rule["mode"].as_str().filter(|mode| *mode != "auto").map(|mode| format!(", in {mode}"));
        let stopped = if rule["stopped"] == true { "; the rules after it are not looked at" } else { "" };
        lines.push(format!("  {} {}{}{stopped}", paint(GOOD, "✓"), named(rule), mode.unwrap_or_default()));
        lines.extend(findings(&rule["findings"], false));
        for action in list(rule, "actions") {
            lines.push(format!("      {}", story::tell_action(rule, action, sends)));
            let told = story::aftermath(rule, action, sends);
            lines.extend(told.into_iter().map(|line| format!("          {}", paint(FAINT, &line))));
            lines.extend(whole_text(&action["rendered"]));
        }
    }
    lines
}

/// The text of an action that has more of it than its line shows.
fn whole_text(rendered: &Value) -> Vec<String> {
    let text = tame(rendered["text"].as_str().unwrap_or_default());
    match text.trim().contains('\n') || text.chars().count() > story::SHOWN {
        true => text
            .trim()
            .lines()
            .map(|line| format!("        {} {line}", paint(FAINT, "|")).trim_end().to_owned())
            .collect(),
        false => Vec::new(),
    }
}

fn unmatched(trace: &Value, is_brief: bool) -> Vec<String> {
    let mut lines = vec![String::new(), count("rules that did not", trace, "unmatched")];
    for rule in list(trace, "unmatched") {
        lines.push(format!("  {} {}: {}", paint(BAD, "✗"), named(rule), plain(&rule["because"])));
        lines.extend(findings(&rule["findings"], is_brief));
    }
    lines
}

fn count(said: &str, trace: &Value, key: &str) -> String {
    paint(HEAD, &format!("{said}: {}", list(trace, key).count()))
}

fn findings(findings: &Value, only_against: bool) -> Vec<String> {
    let line = |(depth, finding): (usize, &Finding)| {
        let mark = if finding.holds { paint(GOOD, "✓") } else { paint(BAD, "✗") };
        let (pad, subject) = ("  ".repeat(depth + 3), &finding.subject);
        if !finding.inner.is_empty() {
            return format!("{pad}{mark} {subject} ({})", finding.saw);
        }
        let at = if finding.line > 0 { paint(FAINT, &format!("  line {}", finding.line)) } else { String::new() };
        format!("{pad}{mark} {subject} {}; saw {}{at}", finding.wanted, tame(&finding.saw))
    };
    outline(&story::findings(findings), only_against).into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_that_waits_or_is_a_draft_is_no_missing_answer() {
        let said = |verdict: &str| {
            let actions = json!([{ "action": "reply", "verdict": { "verdict": verdict } }]);
            let told = outcome(&json!({ "matched": [{ "rule": "greet", "place": "a.yaml:3", "actions": actions }] }));
            anstream::adapter::strip_str(&told).to_string()
        };
        assert_eq!(
            ["chosen", "held", "drafted", "shadowed"].map(said),
            [
                "answered by greet (a.yaml:3)",
                "an answer by greet (a.yaml:3) waits for approval",
                "a draft by greet (a.yaml:3) is left as a note",
                "no answer goes to the contact",
            ]
        );
    }
}
