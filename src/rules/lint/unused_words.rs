//! `unused-words`: a list under `words:` that no condition asks for.

use super::super::lists::KEY;
use super::used;
use super::written::Written;
use super::{At, Hit, Lint};
use crate::yaml::closest;

pub(super) const LINT: Lint = Lint {
    name: "unused-words",
    summary: "A word list under `words:` of a rule file that no condition of the book names.",
    why: "People add words to a list that decides nothing, and the condition that should read it may name another one, or have words of its own.",
    help: "name it in a condition, as in `contains_any: { words: NAME }`, or take it out of `words:`",
    find,
};

fn find(written: &Written<'_>, _: &[Hit]) -> Vec<Hit> {
    let used = used::by_conditions(written, &[KEY]);
    let mut hits = Vec::new();
    for (file, document) in written.documents() {
        let lists = document.value()[KEY].as_object().into_iter().flatten().map(|(name, _)| name);
        for name in lists.filter(|name| !used.contains(*name)) {
            let near = closest(name, used.iter().map(String::as_str));
            let hint = near.map(|near| format!("; one names `{near}`")).unwrap_or_default();
            let pointer = format!("/{KEY}/{}", name.replace('~', "~0").replace('/', "~1"));
            let message = format!("no condition names the word list `{name}`{hint}");
            hits.push(Hit::beside(At::InFile(file, pointer), message));
        }
    }
    hits
}
