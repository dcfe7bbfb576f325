//! `within`: a schedule is open at the time of the decision.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::schedule::{Schedule, find};
use super::super::site::Site;

/// One of these schedules is open, or with `not_within` none of them.
pub struct Within {
    schedules: Vec<(String, Schedule)>,
    is_negated: bool,
    wanted: String,
    line: usize,
}

impl Within {
    /// The schedule or schedules that are named at the site.
    pub(super) fn compile(value: &Value, is_negated: bool, site: &Site<'_>) -> Option<Self> {
        let names = value.as_array().map_or_else(|| vec![value], |names| names.iter().collect());
        let found: Vec<_> = names
            .iter()
            .filter_map(|name| name.as_str())
            .enumerate()
            .filter_map(|(index, name)| match find(&site.surroundings().schedules, name) {
                Ok(schedule) => Some((name.to_owned(), schedule.clone())),
                Err(why) => {
                    let item = site.child(&index.to_string());
                    if value.is_array() {
                        item.fault(why)
                    } else {
                        site.fault(why)
                    }
                    None
                }
            })
            .collect();
        let wanted = found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let is_whole = found.len() == names.len();
        is_whole.then(|| Self { schedules: found, is_negated, wanted, line: site.line() })
    }

    /// Whether it holds.
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        self.schedules.iter().any(|(_, schedule)| schedule.is_open(now)) != self.is_negated
    }

    /// The key it is written under.
    pub(super) fn subject(&self) -> &'static str {
        if self.is_negated { "not_within" } else { "within" }
    }

    /// The names, for a person.
    pub(super) fn wanted(&self) -> &str {
        &self.wanted
    }

    /// The line in the rule's file, from 1.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// What stands in each schedule.
    pub(super) fn saw(&self, now: Timestamp) -> String {
        match self.schedules.as_slice() {
            [(_, schedule)] => schedule.describe(now),
            several => {
                let each = several.iter().map(|(name, schedule)| format!("{name}: {}", schedule.describe(now)));
                each.collect::<Vec<_>>().join("; ")
            }
        }
    }
}

/// What may be written: a name, or a list of names.
pub(super) fn schema(summary: &str) -> Value {
    let name = json!({ "type": "string", "minLength": 1 });
    json!({
        "description": summary,
        "anyOf": [name, { "type": "array", "minItems": 1, "items": name }],
        "examples": ["office", ["office", "on-call"]]
    })
}
