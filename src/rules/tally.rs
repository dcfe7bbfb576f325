//! How often each rule has failed since the start, for whoever looks at the rules in force. Kept in memory only: the
//! stored decisions have every failure, and the metrics count them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

/// The failures of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// How many events it has failed on.
    pub count: u64,
    /// The time of the last decision that it has failed in.
    pub last_at: Timestamp,
}

/// The failures of all rules, by name.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<String, Failures>>);

impl Tally {
    /// Counts a failure in the decision of this time.
    pub fn count(&self, rule: &str, at: Timestamp) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one = failures.entry(rule.to_owned()).or_insert(Failures { count: 0, last_at: at });
        one.count += 1;
        one.last_at = one.last_at.max(at);
    }

    /// The failures of a rule; none where there were none.
    pub fn of(&self, rule: &str) -> Option<Failures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(rule).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_for_each_rule_with_the_latest_time() {
        let tally = Tally::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        [(1, "a"), (9, "a"), (5, "a"), (2, "b")].into_iter().for_each(|(second, rule)| tally.count(rule, at(second)));
        assert_eq!(tally.of("a"), Some(Failures { count: 3, last_at: at(9) }));
        assert_eq!(tally.of("b"), Some(Failures { count: 1, last_at: at(2) }));
        assert_eq!(tally.of("c"), None);
    }
}
