//! `unused-member`: a member of the configuration whom no rule names.

use super::used;
use super::written::Written;
use super::{Hit, Lint};

pub(super) const LINT: Lint = Lint {
    name: "unused-member",
    summary: "A member under `members:` whom no rule pages, assigns to or replies as.",
    why: "Whoever was to be called is not called; the rule that should do it may name somebody else, or may be gone.",
    help: "name the member in a rule, or take the entry out of `members:`",
    find,
};

/// Where actions name members.
const PLACES: [(&str, &str); 3] = [("note", "page"), ("assign", ""), ("reply", "as")];

fn find(written: &Written<'_>, _: &[Hit]) -> Vec<Hit> {
    let Some(used) = used::by_actions(written, &PLACES) else { return Vec::new() };
    let members = written.book.surroundings().members.keys();
    used::unused("members", members, &used, |name| format!("no rule names the member `{name}`"))
}
