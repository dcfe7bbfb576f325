//! `undefined-field`: something remembered or captured that no rule ever remembers or captures.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::captures;
use super::clause::Clause;
use super::written::{Written, WrittenRule};
use super::{At, Hit, Lint, hit};
use crate::yaml::closest;

pub(super) const LINT: Lint = Lint {
    name: "undefined-field",
    summary: "A `state`, `contact_state` or `captures` name that is read, and that no rule sets or captures.",
    why: "It is never there. A condition on it never changes, a template without `default` refuses to send, a script sees `()`.",
    help: "set it in a rule, or name the one that is set; `allow_lints: [undefined-field]` keeps it as it is",
    find,
};

fn find(written: &Written<'_>, _: &[Hit]) -> Vec<Hit> {
    let Some(set) = keys(written) else { return Vec::new() };
    let mut hits = Vec::new();
    for (index, rule) in written.rules.iter().enumerate() {
        let groups = rule.document.as_ref().map(|document| captures::groups(&document.when)).unwrap_or_default();
        for (path, at) in reads(rule) {
            let name = first_two(&path);
            let is_there = match name.split_once('.') {
                Some(("state" | "contact_state", _)) => set.contains(&name),
                Some(("captures", group)) => groups.iter().any(|known| known == group),
                _ => true,
            };
            if !is_there {
                hits.push(hit(index, at, said(&name, &set)));
            }
        }
    }
    hits
}

fn said(name: &str, set: &BTreeSet<String>) -> String {
    if name.starts_with("captures.") {
        return format!("`{name}` is read, and no `matches` of this rule captures it");
    }
    let near = closest(name, set.iter().map(String::as_str)).map(|near| format!("; did you mean `{near}`?"));
    format!("`{name}` is read, and no rule sets it{}", near.unwrap_or_default())
}

/// Every key that some rule sets, such as `state.refunds`; nothing where a script computes one.
fn keys(written: &Written<'_>) -> Option<BTreeSet<String>> {
    let mut keys = BTreeSet::new();
    for rule in &written.rules {
        for (_, _, argument) in rule.actions().filter(|(_, name, _)| *name == "set") {
            take(argument, &mut keys);
        }
        for asked in rule.surveys().flat_map(|survey| &survey.asked).filter(|asked| asked.name == "set") {
            take(asked.arguments.as_ref()?, &mut keys);
        }
    }
    Some(keys)
}

fn take(argument: &Value, keys: &mut BTreeSet<String>) {
    let group = if argument["in"] == "contact" { "contact_state" } else { "state" };
    let names = argument.as_object().into_iter().flatten().map(|(key, _)| key).filter(|key| *key != "in");
    keys.extend(names.map(|key| format!("{group}.{key}")));
}

/// What a rule reads, with the place.
fn reads(rule: &WrittenRule<'_>) -> Vec<(String, At)> {
    let mut found = Vec::new();
    conditions(&rule.when, &mut found);
    for text in &rule.templates {
        let variables = text.template.variables().iter();
        found.extend(variables.map(|path| match &text.snippet {
            Some(_) => (path.clone(), At::Below(text.pointer.clone())),
            None => (path.clone(), At::InText(text.pointer.clone(), text.template.place_of(path))),
        }));
    }
    for (pointer, survey) in &rule.scripts {
        let reads = survey.reads.iter();
        found.extend(reads.map(|(path, line, column)| (path.clone(), At::InText(pointer.clone(), (*line, *column)))));
    }
    found
}

fn conditions(clause: &Clause, found: &mut Vec<(String, At)>) {
    match clause {
        Clause::All(inner) | Clause::Any(inner) => inner.iter().for_each(|clause| conditions(clause, found)),
        Clause::Not(inner) => conditions(inner, found),
        Clause::Test(literal) => found.push((literal.path.clone(), At::Below(literal.pointer.clone()))),
        Clause::Other(..) => {}
    }
}

fn first_two(path: &str) -> String {
    path.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}
