//! A backtest as a person reads it.

use std::collections::BTreeMap;

use serde_json::Value;
use similar::TextDiff;

use crate::cli::output::{many, plain};
use crate::cli::story::seconds;
use crate::model::Verdict;
use crate::rules::Book;
use crate::rules::backtest::{Change, Changed, Outcome, Summary, What};

/// What the changes come to in all.
pub(super) fn summary(summary: &Summary, book: &Book, since: jiff::Timestamp) -> String {
    let since = seconds(&since.to_string().into());
    let remembered = match summary.remembered {
        0 => String::new(),
        count => format!(", and {count} more to be remembered"),
    };
    let (events, rules) = (many(summary.events, "event"), many(book.rules().len(), "rule"));
    let mut lines = vec![format!("{events} since {since} decided again by {rules}{remembered}")];
    if summary.undecided > 0 {
        lines.push(format!("left out, because they wait for their first decision: {}", summary.undecided));
    }
    if summary.changed == 0 {
        lines.push("nothing would change".to_owned());
        return lines.join("\n");
    }
    let replies = summary.replies();
    let otherwise = match replies.changed_otherwise {
        0 => String::new(),
        count => format!(", changed otherwise in {count}"),
    };
    let to_person = match replies.to_person {
        0 => String::new(),
        count => format!(", for a person to send in {count}"),
    };
    lines.push(format!(
        "would now reply to {}, no longer to {}{to_person}, changed text in {}{otherwise}",
        replies.gained, replies.lost, replies.changed_text
    ));
    for (action, tally) in summary.actions.iter().filter(|(action, _)| action.as_str() != "reply") {
        let changed = tally.changed_text + tally.changed_otherwise;
        let to_person = match tally.to_person {
            0 => String::new(),
            count => format!(", for a person in {count}"),
        };
        let (gained, lost) = (tally.gained, tally.lost);
        lines.push(format!("  {action}: now in {gained}, no longer in {lost}{to_person}, changed in {changed}"));
    }
    if !summary.held_back.is_empty() {
        let held_back: Vec<String> = summary.held_back.iter().map(|(code, count)| format!("{code} {count}")).collect();
        lines.push(format!("  newly held back: {}", held_back.join(", ")));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// One line for an event.
pub(super) fn row(changed: &Changed) -> String {
    let changes: Vec<String> = changed.changes.iter().map(told).collect();
    format!("{}  {}", head(changed), changes.join("; "))
}

/// An event, with what was and what would be of each action that changes.
pub(super) fn difference(changed: &Changed) -> String {
    let mut lines = vec![head(changed)];
    for change in &changed.changes {
        lines.push(format!("  {}", told(change)));
        // Both forms of a text are made from one source; the second is of interest only where the first does not differ.
        let [text, html] = ["text", "html"].map(|key| rendered(&change.before, key) != rendered(&change.after, key));
        let [before, after] = [&change.before, &change.after].map(|outcome| written(outcome.as_ref(), html && !text));
        let diff = TextDiff::from_lines(&before, &after);
        let unified = diff.unified_diff().context_radius(2).header("as it was", "as it would be").to_string();
        lines.extend(unified.lines().map(|line| format!("    {line}")));
    }
    lines.join("\n")
}

fn head(changed: &Changed) -> String {
    format!("{}  {}  {}", seconds(&changed.at.to_string().into()), changed.event, changed.conversation)
}

/// A change in a few words.
fn told(change: &Change) -> String {
    let rule = |outcome: &Option<Outcome>| outcome.as_ref().map(|it| it.rule.clone()).unwrap_or_default();
    let against = |outcome: &Option<Outcome>| outcome.as_ref().and_then(Outcome::against);
    let (action, before, after) = (&change.action, rule(&change.before), rule(&change.after));
    match (change.what, against(&change.after)) {
        (What::Gained, _) => format!("{action} by {after}: new"),
        (What::ToPerson, code) => format!("{action} by {after}: waits for a person, {}", code.unwrap_or_default()),
        (What::Lost, Some(code)) => format!("{action} by {before}: no longer, {code}"),
        (What::Lost, None) => format!("{action} by {before}: no longer"),
        (What::Changed, _) if before != after => format!("{action} by {after} in place of {before}: changed"),
        (What::Changed, _) => format!("{action} by {after}: changed"),
        (What::HeldBack, code) => format!("{action} by {after}: {}", code.unwrap_or_default()),
        (What::Dropped, _) => {
            let code = against(&change.before).unwrap_or_default();
            format!("{action} by {before}: no longer asked for ({code} before)")
        }
    }
}

fn rendered<'a>(outcome: &'a Option<Outcome>, key: &str) -> Option<&'a Value> {
    outcome.as_ref().and_then(|outcome| outcome.trace.rendered.get(key))
}

/// An action as lines that can be compared: what is read, then everything else by name.
fn written(outcome: Option<&Outcome>, with_html: bool) -> String {
    let Some(outcome) = outcome else { return String::new() };
    let mut lines = Vec::new();
    match &outcome.trace.verdict {
        Verdict::Chosen => {}
        Verdict::Blocked { code, reason } => lines.push(format!("(blocked by {code}: {reason})")),
        Verdict::Vetoed { by } => lines.push(format!("(vetoed by the rule {by})")),
        Verdict::Failed { reason } => lines.push(format!("(failed: {reason})")),
        _ => lines.push(format!("({})", outcome.against().unwrap_or_default())),
    }
    let rendered = &outcome.trace.rendered;
    lines.extend(rendered["text"].as_str().into_iter().flat_map(str::lines).map(str::to_owned));
    let is_shown = |(key, _): &(&String, &Value)| *key != "text" && (*key != "html" || with_html);
    let others: BTreeMap<_, _> = rendered.as_object().into_iter().flatten().filter(is_shown).collect();
    for (key, value) in others {
        match value {
            Value::String(text) if text.contains('\n') => {
                lines.push(format!("{key}:"));
                lines.extend(text.lines().map(|line| format!("  {line}")));
            }
            value => lines.push(format!("{key}: {}", plain(value))),
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}
