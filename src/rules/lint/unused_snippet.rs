//! `unused-snippet`: a snippet file that no rule sends.

use super::used;
use super::written::Written;
use super::{At, Hit, Lint};
use crate::yaml::closest;

pub(super) const LINT: Lint = Lint {
    name: "unused-snippet",
    summary: "A file in the snippets folder that no rule sends.",
    why: "People keep a text up to date that nobody gets, and the rule that should send it may name another one.",
    help: "name it in a rule, or take the file out of the folder",
    find,
};

/// Where actions name snippet files.
const PLACES: [(&str, &str); 2] = [("reply", "snippet"), ("snippet", "name")];

fn find(written: &Written<'_>, _: &[Hit]) -> Vec<Hit> {
    let Some(used) = used::by_actions(written, &PLACES) else { return Vec::new() };
    let snippets = &written.book.surroundings().snippets;
    let unused = snippets.iter().filter(|(name, _)| !used.contains(*name));
    unused
        .map(|(name, snippet)| {
            let near = closest(name, used.iter().map(String::as_str));
            let hint = near.map(|near| format!("; a rule sends `{near}`")).unwrap_or_default();
            Hit::beside(At::File(snippet.file.clone()), format!("no rule sends the snippet `{name}`{hint}"))
        })
        .collect()
}
