//! An event, what was decided and why, and what became of it, as a person tells it. Shared by `why` and `demo`.

use serde::Deserialize;
use serde_json::Value;

use super::output::{plain, short};
use super::{order, words};
use crate::model::Finding;
use crate::model::findings::reasons;

/// How much of a text stands in a line.
pub(super) const SHOWN: usize = 120;

/// The story of one entry of the admin API: `event`, `decision`, `sends`.
pub(super) fn tell(entry: &Value) -> String {
    let mut lines = vec![head(&entry["event"])];
    let decision = &entry["decision"];
    if decision.is_null() {
        lines.push("  waits to be decided".to_owned());
        return lines.join("\n");
    }
    if let Some(reason) = entry["event"]["unreadable"]["reason"].as_str() {
        lines.push(format!("  cannot be read: {reason}"));
    }
    lines.extend(order::of_decision(decision));
    let matched: Vec<&Value> = decision["trace"]["matched"].as_array().into_iter().flatten().collect();
    if matched.is_empty() && !is_undecided(&decision["trace"]) {
        let looked = plain(&decision["trace"]["rules_evaluated"]);
        lines.push(format!(
            "  no rule matched ({looked} came into question); `rejoinder explain {}` says why",
            plain(&entry["event"]["id"])
        ));
    }
    for rule in matched {
        lines.extend(tell_rule(rule, &entry["sends"]));
    }
    lines.extend(failures(&decision["trace"]).map(|failure| format!("  {failure}")));
    lines.join("\n")
}

/// Whether deciding itself failed, so that no rule was asked.
pub(super) fn is_undecided(trace: &Value) -> bool {
    trace["rules_evaluated"] == 0 && failures(trace).next().is_some()
}

/// What failed, a line each.
pub(super) fn failures(trace: &Value) -> impl Iterator<Item = String> {
    let errors = trace["errors"].as_array().into_iter().flatten();
    errors.map(|error| format!("✗ {} failed: {}", plain(&error["rule"]), plain(&error["error"])))
}

/// When, what, where and who.
pub(super) fn head(event: &Value) -> String {
    let message = &event["message"];
    let who = [
        &message["from"],
        &event["contact"]["email"],
        &event["contact"]["phone"],
        &event["contact"]["name"],
        &event["contact"]["id"],
    ];
    let who = who.into_iter().map(plain).find(|text| !text.is_empty()).unwrap_or_else(|| "somebody".to_owned());
    let said = short(&plain(&message["text"]), 90);
    let said = if said.is_empty() { String::new() } else { format!("  “{said}”") };
    format!("{}  {} at {}  from {who}{said}", seconds(&event["at"]), plain(&event["kind"]), plain(&event["provider"]))
}

/// A time stamp without its fraction of a second.
pub(super) fn seconds(at: &Value) -> String {
    let text = plain(at);
    match text.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => text,
    }
}

fn tell_rule(rule: &Value, sends: &Value) -> Vec<String> {
    let findings = findings(&rule["findings"]);
    let because: Vec<String> = reasons(&findings, true).iter().map(ToString::to_string).collect();
    let because = if because.is_empty() { String::new() } else { format!("  because {}", because.join(", ")) };
    let mut lines = vec![format!("  ✓ {} ({}){because}", plain(&rule["rule"]), plain(&rule["place"]))];
    for action in rule["actions"].as_array().into_iter().flatten() {
        lines.push(format!("      {}", tell_action(rule, action, sends)));
        lines.extend(aftermath(rule, action, sends).into_iter().map(|line| format!("          {line}")));
    }
    lines
}

/// What conditions wanted and saw, as the admin API gives it.
pub(super) fn findings(given: &Value) -> Vec<Finding> {
    Vec::deserialize(given).unwrap_or_default()
}

/// One action of a rule that matched, and what became of it.
pub(super) fn tell_action(rule: &Value, action: &Value, sends: &Value) -> String {
    let (name, rendered) = (plain(&action["action"]), &action["rendered"]);
    let said = describe(&name, rendered);
    match action["verdict"]["verdict"].as_str().unwrap_or_default() {
        "chosen" | "held" | "drafted" => {
            let of = send_of(rule, action, sends);
            let drafted = action["verdict"]["verdict"] == "drafted";
            let said = if drafted { format!("{said}  → as a draft in an internal note") } else { said };
            let fallback = action["fallback"].as_str().map(|text| format!("  ({text})")).unwrap_or_default();
            let became = match of {
                Some(send) => format!("  → {}", outcome(send)),
                None if sends.is_null() || matches!(name.as_str(), "set" | "unset") => String::new(),
                None => "  → together with the one above".to_owned(),
            };
            format!("{name}: {said}{became}{fallback}")
        }
        "shadowed" => format!("{name}: {said}  → in shadow: not sent"),
        "blocked" => {
            format!("{name} blocked by {}: {}", plain(&action["verdict"]["code"]), plain(&action["verdict"]["reason"]))
        }
        "vetoed" => format!("{name} vetoed by the rule {}", plain(&action["verdict"]["by"])),
        _ => format!("{name} failed: {}", plain(&action["verdict"]["reason"])),
    }
}

/// The send that an action became.
fn send_of<'a>(rule: &Value, action: &Value, sends: &'a Value) -> Option<&'a Value> {
    let mut sends = sends.as_array().into_iter().flatten();
    sends.find(|send| send["rule"] == rule["rule"] && send["index"] == action["index"])
}

/// What an action's verdict means, why its send waits or did not leave, and what people did to it.
pub(super) fn aftermath(rule: &Value, action: &Value, sends: &Value) -> Vec<String> {
    let of_send = send_of(rule, action, sends).map(history).unwrap_or_default();
    meaning(&action["verdict"]).into_iter().chain(of_send).collect()
}

/// What a verdict means, where nothing was sent.
fn meaning(verdict: &Value) -> Option<String> {
    match verdict["verdict"].as_str()? {
        "blocked" => words::line(verdict["code"].as_str()?),
        "shadowed" | "failed" | "vetoed" | "drafted" => words::line(verdict["verdict"].as_str()?),
        _ => None,
    }
}

/// Why a send waits or did not leave, and what people did to it.
fn history(send: &Value) -> Vec<String> {
    let why = match send["state"].as_str() {
        Some("held") => send["cause"].as_str(),
        Some("cancelled") => send["reason"].as_str(),
        _ => None,
    };
    let id = plain(&send["id"]);
    let why = why.and_then(words::line).map(|line| line.replace(" ID`", &format!(" {id}`")));
    let why = why.into_iter().chain(order::of_send(send));
    let hands = send["hands"].as_array().into_iter().flatten().map(hand);
    why.chain(hands).chain(reported(&send["report"])).collect()
}

/// What the provider reported later.
fn reported(report: &Value) -> Option<String> {
    let (status, reason) = (report["status"].as_str()?, plain(&report["reason"]));
    let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    let for_good = if report["is_permanent"] == true { ", for good" } else { "" };
    Some(format!("the provider reported it as {status}{reason} at {}{for_good}", seconds(&report["at"])))
}

/// What a person did.
fn hand(hand: &Value) -> String {
    let did = match hand["did"].as_str() {
        Some("approve") => "approved",
        Some("release") => "released",
        Some("confirm") => "confirmed",
        Some("redrive") => "redriven",
        Some("drop") => "dropped",
        other => other.unwrap_or_default(),
    };
    let why = plain(&hand["why"]);
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    format!("{did} by {} at {}{why}", plain(&hand["by"]), seconds(&hand["at"]))
}

/// What is ordered for a scope, a line for each order.
pub(super) fn orders(control: &Value) -> Vec<String> {
    let scope = plain(&control["scope"]);
    let line = |what: &str, hand: &Value| {
        let why = plain(&hand["why"]);
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        format!("{scope} {what} by {} since {}{why}", plain(&hand["by"]), seconds(&hand["at"]))
    };
    let paused = (!control["pause"].is_null()).then(|| line("is paused", &control["pause"]));
    let mode = control["mode"].as_str().map(|mode| line(&format!("is in mode `{mode}`"), &control["mode_by"]));
    let resumed = (!control["resumed_at"].is_null())
        .then(|| format!("{scope} was resumed at {}", seconds(&control["resumed_at"])));
    [paused, mode, resumed].into_iter().flatten().collect()
}

fn describe(name: &str, rendered: &Value) -> String {
    let list = |value: &Value| value.as_array().into_iter().flatten().map(plain).collect::<Vec<_>>().join(", ");
    match name {
        "reply" => format!("“{}”", short(&plain(&rendered["text"]), SHOWN)),
        "note" => {
            let paged: Vec<String> =
                rendered["page"].as_array().into_iter().flatten().map(|one| plain(&one["alias"])).collect();
            let paged = if paged.is_empty() { String::new() } else { format!("  pages {}", paged.join(", ")) };
            format!("“{}”{paged}", short(&plain(&rendered["text"]), SHOWN))
        }
        "snippet" if rendered["text"].is_string() => format!("“{}”", short(&plain(&rendered["text"]), SHOWN)),
        "snippet" => format!("number {}", plain(&rendered["id"])),
        "tag" => [("+", list(&rendered["add"])), ("-", list(&rendered["remove"]))]
            .into_iter()
            .filter(|(_, tags)| !tags.is_empty())
            .map(|(sign, tags)| format!("{sign}{tags}"))
            .collect::<Vec<_>>()
            .join(" "),
        "assign" => plain(&rendered["alias"]),
        "close" => "the conversation".to_owned(),
        _ => plain(rendered),
    }
}

fn outcome(send: &Value) -> String {
    let state = plain(&send["state"]);
    match (state.as_str(), send["reason"].as_str()) {
        (_, Some(reason)) => format!("{state}: {reason}"),
        ("pending", None) => format!("waits until {}", seconds(&send["due"])),
        _ => state,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rules::testing::{book, facts, surroundings};

    #[test]
    fn an_event_that_could_not_be_decided_says_so() {
        let facts = facts(json!({ "message": { "text": "Where is my order?" } }));
        let decision = crate::rules::undecided(&book(&[], surroundings()), &facts);
        let told = tell(&json!({ "event": *facts.event, "decision": decision, "sends": [] }));
        let (_, said) = told.split_once('\n').unwrap();
        insta::assert_snapshot!(said, @"  ✗ every rule failed: deciding failed by a fault in the program, and nothing was sent");
    }

    #[test]
    fn what_stood_against_a_reply_and_what_people_did_is_told_in_words() {
        let at = "2026-03-02T10:00:00Z";
        let hand = |did: &str| json!({ "at": at, "by": "kim", "did": did, "why": "looks right" });
        let action = |index: u32, name: &str, verdict: Value| json!({ "index": index, "action": name, "verdict": verdict, "rendered": { "text": "Hello" } });
        let blocked =
            json!({ "verdict": "blocked", "code": "auto_submitted", "reason": "Auto-Submitted: auto-replied" });
        let actions = json!([
            action(0, "reply", blocked),
            action(1, "reply", json!({ "verdict": "held", "cause": "approval" })),
            action(2, "reply", json!({ "verdict": "chosen" })),
            action(3, "reply", json!({ "verdict": "drafted" })),
            action(4, "note", json!({ "verdict": "vetoed", "by": "never" })),
            action(5, "reply", json!({ "verdict": "shadowed" })),
        ]);
        let sends = json!([
            { "id": "snd_1", "rule": "greet", "index": 1, "state": "held", "cause": "approval", "reason": "its rule asks for approval" },
            { "id": "snd_2", "rule": "greet", "index": 2, "state": "cancelled", "reason": "answered_by_human", "hands": [hand("approve")] },
            { "id": "snd_3", "rule": "greet", "index": 3, "state": "delivered", "hands": [hand("redrive")],
              "report": { "at": at, "status": "bounced", "is_permanent": true, "reason": "general" } },
        ]);
        let matched = json!([{ "rule": "greet", "place": "a.yaml:3", "findings": [], "actions": actions }]);
        let event = json!({ "at": at, "kind": "message.received", "provider": "spruce", "message": { "text": "hi" } });
        let entry = json!({ "event": event, "decision": { "trace": { "matched": matched } }, "sends": sends });
        insta::assert_snapshot!(tell(&entry), @r#"
        2026-03-02T10:00:00Z  message.received at spruce  from somebody  “hi”
          ✓ greet (a.yaml:3)
              reply blocked by auto_submitted: Auto-Submitted: auto-replied
                  The message says of itself that a program sent it, such as an absence notice.
              reply: “Hello”  → held: its rule asks for approval
                  It waits for somebody's yes. `rejoinder held approve snd_1`, or `rejoinder held drop snd_1`.
              reply: “Hello”  → cancelled: answered_by_human
                  A person had answered before it left.
                  approved by kim at 2026-03-02T10:00:00Z: looks right
              reply: “Hello”  → as a draft in an internal note  → delivered
                  The rule is in mode `draft`: its reply is an internal note. Send what is right from there.
                  redriven by kim at 2026-03-02T10:00:00Z: looks right
                  the provider reported it as bounced (general) at 2026-03-02T10:00:00Z, for good
              note vetoed by the rule never
                  Another rule forbids it.
              reply: “Hello”  → in shadow: not sent
                  The rule is in mode `shadow`: it only shows what it would do.
        "#);
        let pause = json!({ "by": "kim", "why": "wrong prices", "at": at });
        let control =
            json!({ "scope": "all", "pause": pause, "mode": "draft", "mode_by": hand("mode"), "resumed_at": at });
        insta::assert_snapshot!(orders(&control).join("\n"), @r#"
        all is paused by kim since 2026-03-02T10:00:00Z: wrong prices
        all is in mode `draft` by kim since 2026-03-02T10:00:00Z: looks right
        all was resumed at 2026-03-02T10:00:00Z
        "#);
    }

    #[test]
    fn a_rule_that_matched_by_what_is_not_so_says_so() {
        let leaf = |subject: &str, holds: bool| json!({ "subject": subject, "wanted": "contains \"x\"", "saw": "", "holds": holds });
        let not = json!({ "subject": "not", "wanted": "not", "saw": "0 of 1 hold", "holds": true, "inner": [leaf("message.subject", false)] });
        let rule =
            json!({ "rule": "a", "place": "a.yaml:3", "findings": [leaf("message.text", true), not], "actions": [] });
        assert_eq!(
            tell_rule(&rule, &json!([])),
            ["  ✓ a (a.yaml:3)  because message.text contains \"x\", not message.subject contains \"x\""]
        );
    }
}
