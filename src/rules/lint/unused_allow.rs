//! `unused-allow`: a silenced lint that would have said nothing.

use super::written::Written;
use super::{At, Hit, Lint, hit};

pub(super) const LINT: Lint = Lint {
    name: "unused-allow",
    summary: "An entry of `allow_lints` that silences nothing.",
    why: "What it was written for is gone, and it would hide the next mistake of that kind.",
    help: "take the name out of `allow_lints`",
    find,
};

fn find(written: &Written<'_>, hits: &[Hit]) -> Vec<Hit> {
    let mut found = Vec::new();
    for (index, rule) in written.rules.iter().enumerate() {
        let says = |name: &str| hits.iter().any(|hit| hit.rule == Some(index) && hit.lint == name);
        for (position, name) in rule.allowed().iter().enumerate().filter(|(_, name)| !says(name)) {
            let at = match rule.allowed_at() {
                Some(place) => At::InText(String::new(), place),
                None => At::Below(format!("/allow_lints/{position}")),
            };
            found.push(hit(index, at, format!("`{name}` finds nothing in this rule")));
        }
    }
    found
}
