//! `never-matches`: conditions that no event can meet.

use super::clause::Literal;
use super::possible;
use super::written::{Written, WrittenRule};
use super::{At, Hit, Lint, hit};

pub(super) const LINT: Lint = Lint {
    name: "never-matches",
    summary: "A rule that no event can match: its conditions contradict each other, or want a value that the field never has.",
    why: "The rule looks as if it worked, and does nothing. Two conditions of one mapping must both hold; what was meant is often `any`, or another field.",
    help: "write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is",
    find,
};

fn find(written: &Written<'_>, _: &[Hit]) -> Vec<Hit> {
    let rules = written.rules.iter().enumerate();
    rules.filter_map(|(index, rule)| contradiction(written, index, rule)).collect()
}

fn contradiction(written: &Written<'_>, index: usize, rule: &WrittenRule<'_>) -> Option<Hit> {
    let alternatives = possible::matches(rule)?;
    let mut conflicts = Vec::new();
    for tests in &alternatives {
        conflicts.push(possible::conflict(tests, written)?);
    }
    let (a, b) = conflicts.first()?;
    let many = if conflicts.len() > 1 { " (nor do the other alternatives)" } else { "" };
    Some(hit(index, At::Below(b.pointer.clone()), format!("it can never match: {}{many}", told(a, b, written))))
}

fn told(a: &Literal, b: &Literal, written: &Written<'_>) -> String {
    match a.pointer == b.pointer {
        true if a.path.is_empty() => format!("{} and {} do not hold together", a.shown(), b.shown()),
        true => format!("nothing meets {}{}", b.shown(), possible::nearest(b, written.book.surroundings())),
        false if a.pointer == "/on" => format!("{} is not among its kinds of event (`on`)", b.shown()),
        false => format!("{} and {} do not hold together", a.shown(), b.shown()),
    }
}
