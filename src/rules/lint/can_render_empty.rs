//! `can-render-empty`: a text of which nothing may be left.

use serde_json::{Value, json};

use super::super::fields::{FIELDS, OPEN_GROUPS};
use super::super::schedule::Present;
use super::super::template::Template;
use super::written::Written;
use super::{At, Hit, Lint, hit};

pub(super) const LINT: Lint = Lint {
    name: "can-render-empty",
    summary: "A template that can come to an empty text, because all of it stands inside an `if`, or is one value with an empty default.",
    why: "An empty reply, note or tag is refused when it is made, so that the contact gets nothing just when the value is missing.",
    help: "give the `if` an `else`, or the value a default with words in it; `allow_lints: [can-render-empty]` keeps it as it is",
    find,
};

fn find(written: &Written<'_>, _: &[Hit]) -> Vec<Hit> {
    let full = full();
    let mut hits = Vec::new();
    for (index, rule) in written.rules.iter().enumerate() {
        for text in rule.templates.iter().filter(|text| text.must_speak) {
            let Some(when) = when_empty(&text.template, &full) else { continue };
            let subject = match &text.snippet {
                Some(name) => format!("the snippet `{name}`"),
                None => "the text".to_owned(),
            };
            hits.push(hit(index, At::Below(text.pointer.clone()), format!("{subject} comes to nothing {when}")));
        }
    }
    hits
}

/// Makes the text twice, once with no fact at all and once with every one; an undefined value is refused by name instead.
fn when_empty(template: &Template, full: &Value) -> Option<&'static str> {
    let is_empty = |facts: &Value| template.render(facts, &Present::default()).is_ok_and(|text| text.trim().is_empty());
    match (is_empty(&json!({})), is_empty(full)) {
        (true, true) => Some("whatever the event"),
        (true, false) => Some("where the values it asks for are missing"),
        (false, true) => Some("where the values it asks for are there"),
        (false, false) => None,
    }
}

/// An event that has everything.
fn full() -> Value {
    let mut facts = json!({});
    for path in FIELDS.iter().map(|field| field.path) {
        match path.split_once('.') {
            None => facts[path] = "x".into(),
            Some((group, field)) if !field.contains('.') => facts[group][field] = "x".into(),
            Some(_) => {}
        }
    }
    // Below these any name can stand, and none is there.
    for group in OPEN_GROUPS.iter().filter(|group| !group.contains('.')) {
        facts[*group] = json!({});
    }
    facts
}
