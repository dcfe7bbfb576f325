//! The present as templates and scripts may ask for it: the time of the decision, and the schedules.

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use regex::Regex;

use super::{Schedules, find};

/// The time of a decision, and what it means to each schedule.
#[derive(Clone, Debug)]
pub struct Present {
    /// The time.
    pub now: Timestamp,
    /// The zone in which times without one of their own are told.
    pub zone: TimeZone,
    /// The schedules.
    pub schedules: Schedules,
}

impl Default for Present {
    /// The beginning of time, without schedules.
    fn default() -> Self {
        Self { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC, schedules: Schedules::default() }
    }
}

impl Present {
    /// Whether the schedule of that name is open.
    pub fn within(&self, name: &str) -> Result<bool, String> {
        Ok(find(&self.schedules, name)?.is_open(self.now))
    }

    /// The first moment from now on at which it is open, in its own zone.
    pub fn next_open(&self, name: &str) -> Result<Zoned, String> {
        let opens = find(&self.schedules, name)?.next_open(self.now);
        opens.ok_or_else(|| format!("the schedule `{name}` does not open for more than a year"))
    }

    /// A moment as it is written (RFC 3339, with or without a zone in brackets), in its zone, else in ours.
    pub fn read(&self, text: &str) -> Option<Zoned> {
        let zoned = text.parse::<Zoned>().ok();
        zoned.or_else(|| text.parse::<Timestamp>().ok().map(|at| at.to_zoned(self.zone.clone())))
    }
}

/// The schedules that a template or a script names outright, as `within("office")` and `next_open("office")` do, each with
/// its line from 1.
pub fn named_in(source: &str) -> Vec<(usize, String)> {
    static CALL: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"\b(?:within|next_open)\(\s*(?:"([^"\n]*)"|'([^'\n]*)')\s*\)"#).ok());
    let calls = CALL.iter().flat_map(|call| call.captures_iter(source));
    let named = calls.filter_map(|found| {
        let name = found.get(1).or(found.get(2))?;
        Some((source[..name.start()].matches('\n').count() + 1, name.as_str().to_owned()))
    });
    named.collect()
}
