//! What tests have seen of a rule book. A rule is covered when it matched in some test; a condition when it was seen to hold
//! and seen not to hold; an action when it was taken, a veto when it forbade something. A `.rhai` file is one rule with
//! one condition: that it asks for something.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::book::Book;
use super::super::compile::{Body, Rule};
use super::super::document::Mode;
use super::compare::is_taken;
use crate::model::{Finding, Trace, Verdict};

/// What tests saw of the rules, by their names.
#[derive(Clone, Debug, Default)]
pub struct Seen(BTreeSet<(String, Sight)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sight {
    Matched,
    /// The condition of this number held.
    Held(usize),
    NotHeld(usize),
    /// The entry of `do` of this number was taken.
    Taken(usize),
    Forbade,
}

impl Seen {
    /// Adds what a decision shows. Conditions of rules that did not match are there with `Depth::Everything` only.
    pub(super) fn note(&mut self, trace: &Trace) {
        for rule in &trace.matched {
            self.insert(&rule.rule, Sight::Matched);
            self.conditions(&rule.rule, &rule.findings);
            for action in &rule.actions {
                if is_taken(&action.verdict) {
                    self.insert(&rule.rule, Sight::Taken(action.entry));
                }
                if let Verdict::Vetoed { by } = &action.verdict {
                    self.insert(by, Sight::Forbade);
                }
            }
        }
        for rule in trace.unmatched.iter().filter(|rule| rule.asked) {
            self.conditions(&rule.rule, &rule.findings);
        }
    }

    /// Adds what others saw.
    pub fn extend(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Whether a test saw the rule match.
    pub fn has_matched(&self, rule: &str) -> bool {
        self.has(rule, Sight::Matched)
    }

    fn conditions(&mut self, rule: &str, findings: &[Finding]) {
        for (number, holds) in leaves(findings).into_iter().enumerate() {
            self.insert(rule, if holds { Sight::Held(number) } else { Sight::NotHeld(number) });
        }
    }

    fn insert(&mut self, rule: &str, sight: Sight) {
        self.0.insert((rule.to_owned(), sight));
    }

    fn has(&self, rule: &str, sight: Sight) -> bool {
        self.0.contains(&(rule.to_owned(), sight))
    }
}

/// Whether each condition without others inside it held, in the order of `Condition::leaves`.
fn leaves(findings: &[Finding]) -> Vec<bool> {
    let one = |finding: &Finding| match finding.inner.is_empty() {
        true => vec![finding.holds],
        false => leaves(&finding.inner),
    };
    findings.iter().flat_map(one).collect()
}

/// How much of a rule book tests have seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Rules that matched.
    pub rules: Share,
    /// Conditions that were seen both ways.
    pub conditions: Share,
    /// Actions that were taken, and vetoes that forbade something.
    pub actions: Share,
    /// Everything else, in the order of the book.
    pub uncovered: Vec<Uncovered>,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many are covered.
    pub covered: usize,
    /// How many there are.
    pub of: usize,
}

/// Something that no test has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Uncovered {
    /// The rule it belongs to.
    pub rule: String,
    /// `file:line`.
    pub place: String,
    /// The rule, the condition or the action, in words, and what no test has seen of it.
    pub what: String,
}

impl Share {
    /// In per cent, rounded down; 100 of nothing.
    pub fn percent(self) -> usize {
        (self.covered * 100).checked_div(self.of).unwrap_or(100)
    }

    fn count(&mut self, is_covered: bool) -> bool {
        self.of += 1;
        self.covered += usize::from(is_covered);
        is_covered
    }
}

impl Coverage {
    /// Of the rules that are looked at; one with `mode: off` is not.
    pub fn of(book: &Book, seen: &Seen) -> Self {
        let mut coverage = Self::default();
        for rule in book.rules().iter().filter(|rule| rule.mode != Mode::Off) {
            coverage.rule(rule, seen);
        }
        coverage
    }

    /// Whether each share has at least so many per cent.
    pub fn reaches(&self, percent: usize) -> bool {
        [self.rules, self.conditions, self.actions].iter().all(|share| share.percent() >= percent)
    }

    fn rule(&mut self, rule: &Rule, seen: &Seen) {
        let has = |sight| seen.has(&rule.name, sight);
        let both = |number| (has(Sight::Held(number)), has(Sight::NotHeld(number)));
        if !self.rules.count(has(Sight::Matched)) {
            self.miss(rule, 0, "no test reaches this rule".to_owned());
        }
        match &rule.body {
            Body::Yaml { when, actions } => {
                for (number, leaf) in when.leaves().into_iter().enumerate() {
                    self.condition(rule, leaf.line, &format!("{} {}", leaf.subject, leaf.wanted), both(number));
                }
                for (entry, action) in actions.iter().enumerate() {
                    if !self.actions.count(has(Sight::Taken(entry))) {
                        self.miss(rule, action.line, format!("{}: never taken", action.name));
                    }
                }
            }
            Body::Script(_) => self.condition(rule, 0, "the script asks for something", both(0)),
        }
        // A veto in shadow forbids nothing.
        if !rule.vetoes.is_empty() && rule.mode.acts() && !self.actions.count(has(Sight::Forbade)) {
            self.miss(rule, 0, "veto: never forbade anything".to_owned());
        }
    }

    fn condition(&mut self, rule: &Rule, line: usize, said: &str, both: (bool, bool)) {
        let missing = match both {
            (true, true) => None,
            (true, false) => Some("never seen not to hold"),
            (false, true) => Some("never seen to hold"),
            (false, false) => Some("never looked at"),
        };
        if !self.conditions.count(missing.is_none()) {
            self.miss(rule, line, format!("{said}: {}", missing.unwrap_or_default()));
        }
    }

    /// `line` is 0 where the place is the rule's own.
    fn miss(&mut self, rule: &Rule, line: usize, what: String) {
        self.uncovered.push(Uncovered { rule: rule.name.clone(), place: rule.place_of(line), what });
    }
}
