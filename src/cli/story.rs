//! An event, what was decided and why, and what became of it, as a person tells it. Shared by `why` and `demo`.

use serde_json::Value;

use super::output::{plain, short};

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
    let matched: Vec<&Value> = decision["trace"]["matched"].as_array().into_iter().flatten().collect();
    if matched.is_empty() {
        let looked = plain(&decision["trace"]["rules_evaluated"]);
        lines.push(format!(
            "  no rule matched ({looked} looked at); `rejoinder explain {}` says why",
            plain(&entry["event"]["id"])
        ));
    }
    for rule in matched {
        lines.extend(tell_rule(rule, &entry["sends"]));
    }
    for error in decision["trace"]["errors"].as_array().into_iter().flatten() {
        lines.push(format!("  ✗ {} failed: {}", plain(&error["rule"]), plain(&error["error"])));
    }
    lines.join("\n")
}

fn head(event: &Value) -> String {
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
    let because: Vec<String> = rule["findings"].as_array().into_iter().flatten().map(finding).collect();
    let because = if because.is_empty() { String::new() } else { format!("  because {}", because.join(", ")) };
    let mut lines = vec![format!("  ✓ {} ({}){because}", plain(&rule["rule"]), plain(&rule["place"]))];
    for action in rule["actions"].as_array().into_iter().flatten() {
        lines.push(format!("      {}", tell_action(rule, action, sends)));
    }
    lines
}

fn finding(finding: &Value) -> String {
    match finding["inner"].as_array() {
        Some(inner) if !inner.is_empty() => {
            let held = inner.iter().filter(|one| one["holds"] == true).map(self::finding);
            format!("{} ({})", plain(&finding["subject"]), held.collect::<Vec<_>>().join(", "))
        }
        _ => format!("{} {}", plain(&finding["subject"]), plain(&finding["wanted"])),
    }
}

fn tell_action(rule: &Value, action: &Value, sends: &Value) -> String {
    let (name, rendered) = (plain(&action["action"]), &action["rendered"]);
    let said = describe(&name, rendered);
    match action["verdict"]["verdict"].as_str().unwrap_or_default() {
        "chosen" => {
            let of = sends
                .as_array()
                .into_iter()
                .flatten()
                .find(|send| send["rule"] == rule["rule"] && send["index"] == action["index"]);
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

fn describe(name: &str, rendered: &Value) -> String {
    let list = |value: &Value| value.as_array().into_iter().flatten().map(plain).collect::<Vec<_>>().join(", ");
    match name {
        "reply" => format!("“{}”", short(&plain(&rendered["text"]), 120)),
        "note" => {
            let paged: Vec<String> =
                rendered["page"].as_array().into_iter().flatten().map(|one| plain(&one["alias"])).collect();
            let paged = if paged.is_empty() { String::new() } else { format!("  pages {}", paged.join(", ")) };
            format!("“{}”{paged}", short(&plain(&rendered["text"]), 120))
        }
        "snippet" if rendered["text"].is_string() => format!("“{}”", short(&plain(&rendered["text"]), 120)),
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
