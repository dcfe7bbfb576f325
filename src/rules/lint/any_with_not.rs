//! `any-with-not`: a negated operator on a text as one of several alternatives, which nearly every text meets.

use super::clause::{Clause, Literal};
use super::written::{Written, WrittenRule};
use super::{At, Hit, Lint, hit};

pub(super) const LINT: Lint = Lint {
    name: "any-with-not",
    summary: "An `any` in which one alternative is a negated operator on a text, such as `not_contains`.",
    why: "`any: [not a, not b]` holds for every text that lacks one of the two, which is nearly every text; `not_contains` in one alternative makes the others pointless. What was meant is almost always that neither is there.",
    help: "write the negated conditions beside each other without `any`, or `not: { any: [...] }`; `allow_lints: [any-with-not]` keeps it as it is",
    find,
};

/// Operators on texts.
const ON_TEXT: [&str; 7] =
    ["contains", "contains_any", "contains_all", "contains_word", "starts_with", "ends_with", "matches"];
/// Operators that compare a value; two of them negated on one field hold for every value.
const ON_VALUE: [&str; 4] = ["equals", "one_of", "has", "has_any"];

fn find(written: &Written<'_>, _: &[Hit]) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, rule) in written.rules.iter().enumerate() {
        hits.extend(suspects(rule).into_iter().map(|literal| {
            let message = format!("{} is one alternative of `any`, and nearly everything meets it", literal.shown());
            hit(index, At::Below(literal.pointer.clone()), message)
        }));
    }
    hits
}

fn suspects<'a>(rule: &'a WrittenRule<'_>) -> Vec<&'a Literal> {
    let mut found = Vec::new();
    look(&rule.when, &mut found);
    found
}

fn look<'a>(clause: &'a Clause, found: &mut Vec<&'a Literal>) {
    match clause {
        Clause::All(inner) => inner.iter().for_each(|clause| look(clause, found)),
        Clause::Not(inner) => look(inner, found),
        Clause::Any(inner) => {
            let negated: Vec<&Literal> = inner.iter().filter_map(negated).collect();
            let twice = |one: &Literal| negated.iter().filter(|other| other.path == one.path).count() > 1;
            let is_suspect = |one: &&&Literal| {
                let operator = one.operator.as_str();
                ON_TEXT.contains(&operator) || (ON_VALUE.contains(&operator) && twice(one))
            };
            found.extend(negated.iter().filter(is_suspect).filter(|_| inner.len() > 1));
            inner.iter().for_each(|clause| look(clause, found));
        }
        Clause::Test(_) | Clause::Other(..) => {}
    }
}

/// An alternative that is nothing but one negated operator.
fn negated(clause: &Clause) -> Option<&Literal> {
    match clause {
        Clause::Test(literal) if literal.is_negated && !literal.path.is_empty() => Some(literal),
        _ => None,
    }
}
