//! `hidden-by-stop`: a rule that is never reached, because an earlier one stops wherever it would match.

use super::written::{Written, WrittenRule};
use super::{At, Hit, Lint, hit, possible};

pub(super) const LINT: Lint = Lint {
    name: "hidden-by-stop",
    summary: "A rule that is never looked at, because an earlier rule with `stop: true` matches whenever it would.",
    why: "Rules are looked at in the order of the files, and `stop` leaves out all that follow. The later rule is dead, and a change to it changes nothing.",
    help: "move this rule before the one that stops, or narrow that one's conditions; `allow_lints: [hidden-by-stop]` keeps it as it is",
    find,
};

/// How many rules before it are looked at for each rule.
const BEFORE: usize = 500;

fn find(written: &Written<'_>, _: &[Hit]) -> Vec<Hit> {
    let stopping: Vec<usize> =
        written.rules.iter().enumerate().filter(|(_, rule)| stops(rule)).map(|(index, _)| index).collect();
    let hidden = |(index, rule): (usize, &WrittenRule<'_>)| {
        // A veto is looked at wherever it stands.
        let is_veto = rule.rule.may_veto();
        let earlier = stopping.iter().rev().skip_while(|earlier| **earlier >= index).take(BEFORE);
        let can_match = possible::matches(rule)
            .is_none_or(|all| all.iter().any(|tests| possible::conflict(tests, written).is_none()));
        let by = earlier
            .filter(|_| !is_veto && can_match)
            .find(|earlier| possible::follows(written, &written.rules[**earlier], rule))?;
        let by = &written.rules[*by].rule;
        let message =
            format!("it is never looked at: `{}` ({}) matches whenever it would, and stops", by.name, by.place);
        Some(hit(index, At::Below(String::new()), message))
    };
    written.rules.iter().enumerate().filter_map(hidden).collect()
}

fn stops(rule: &WrittenRule<'_>) -> bool {
    rule.rule.stop && rule.acts()
}
