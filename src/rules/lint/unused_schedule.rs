//! `unused-schedule`: opening hours that no rule asks for.

use serde_json::Value;

use super::super::schedule;
use super::used;
use super::written::Written;
use super::{Hit, Lint};

pub(super) const LINT: Lint = Lint {
    name: "unused-schedule",
    summary: "A schedule under `schedules:` that no condition, template or script of the book asks for.",
    why: "Its holidays are kept up to date and change nothing, and the rule that should go by them may go by another schedule, or by none.",
    help: "ask for it with `within`, `not_within` or `next_open`, or take it out of `schedules:`",
    find,
};

fn find(written: &Written<'_>, _: &[Hit]) -> Vec<Hit> {
    let mut used = used::by_conditions(written, &["within", "not_within"]);
    for text in texts(written) {
        let named = schedule::named_in(text);
        // A name that a template or a script computes may be any.
        if calls(text) > named.len() {
            return Vec::new();
        }
        used.extend(named.into_iter().map(|(_, name)| name));
    }
    let schedules = written.book.surroundings().schedules.keys();
    used::unused("schedules", schedules, &used, |name| format!("no rule asks for the schedule `{name}`"))
}

/// Every template and script of the book: what stands in rules, snippets and `.rhai` files.
fn texts<'a>(written: &'a Written<'_>) -> Vec<&'a str> {
    let documents = written.rules.iter().filter_map(|rule| rule.document.as_ref());
    let conditions = documents.clone().flat_map(|document| document.when.values());
    let actions = documents.flat_map(|document| document.actions.iter().flat_map(|entry| entry.values()));
    let in_rules = conditions.chain(actions).flat_map(|value: &Value| used::texts(value));
    let snippets = written.book.surroundings().snippets.values().map(|snippet| snippet.source.as_str());
    let scripts = written.book.files().iter().filter(|(name, _)| name.ends_with(".rhai"));
    in_rules.chain(snippets).chain(scripts.map(|(_, text)| text.as_str())).collect()
}

fn calls(text: &str) -> usize {
    ["within(", "next_open("].iter().map(|call| text.matches(call).count()).sum()
}
