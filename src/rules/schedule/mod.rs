//! Schedules: when somebody is there, by the clock on their wall. Pure: the time goes in, the answer comes out.
//!
//! Hours are kept as they are written, and become instants for the day that is asked about. An hour that the clocks skip in
//! spring is the moment of the skip; of an hour that comes twice in autumn the first is meant (RFC 5545 §3.3.5).

mod present;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};

pub use present::{Present, named_in};
pub use settings::{HoursSettings, ScheduleSettings, SpansSettings};

use crate::yaml::suggest;

/// How many days are looked through for the next opening or closing.
const HORIZON: i32 = 400;

/// Every schedule by name.
pub type Schedules = Arc<BTreeMap<String, Schedule>>;

/// The schedule of that name, or what is wrong with the name.
pub fn find<'a>(schedules: &'a BTreeMap<String, Schedule>, name: &str) -> Result<&'a Schedule, String> {
    let hint = || suggest(name, schedules.keys().map(String::as_str));
    schedules.get(name).ok_or_else(|| format!("there is no schedule `{name}` under `schedules:`{}", hint()))
}

/// Opening hours: a week, and the dates on which everything is otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    #[serde(with = "jiff::fmt::serde::tz::required")]
    zone: TimeZone,
    weekly: BTreeMap<i8, Vec<Hours>>,
    /// Holidays and exceptions: these hours and no others, from midnight to midnight.
    special: BTreeMap<Date, Special>,
}

/// One date on which everything is otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Special {
    hours: Vec<Hours>,
    /// The name of a holiday.
    name: Option<String>,
}

/// From one time of day to another one, of the same day or of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Hours {
    from: Time,
    to: Time,
    is_over_midnight: bool,
}

impl Hours {
    fn on(self, date: Date) -> Option<(DateTime, DateTime)> {
        let last = if self.is_over_midnight { date.tomorrow().ok()? } else { date };
        Some((date.to_datetime(self.from), last.to_datetime(self.to)))
    }
}

impl Schedule {
    /// Whether it is open at that moment. The last moment of a span is not part of it.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.span_around(at).is_some()
    }

    /// The first moment from `at` on at which it is open: `at` itself where it is open. None where it does not open within
    /// 400 days.
    pub fn next_open(&self, at: Timestamp) -> Option<Zoned> {
        let local = at.to_zoned(self.zone.clone());
        if self.is_open(at) {
            return Some(local);
        }
        let days = local.date().series(1.day()).take(HORIZON as usize);
        let opens = days.filter_map(|day| self.spans(day).map(|(from, _)| from).filter(|from| *from > at).min()).next();
        opens.map(|opens| opens.to_zoned(self.zone.clone()))
    }

    /// When it closes, where it is open at `at`; spans that meet are one. None where it is closed, or does not close within
    /// 400 days.
    pub fn closes_at(&self, at: Timestamp) -> Option<Zoned> {
        let mut end = self.span_around(at)?;
        let last = at.checked_add(SignedDuration::from_hours(24 * i64::from(HORIZON))).ok()?;
        while let Some(later) = self.span_around(end) {
            if later > last {
                return None;
            }
            end = later;
        }
        Some(end.to_zoned(self.zone.clone()))
    }

    /// What stands at that moment, for a person: `Tue 18:05 in Europe/Berlin, closed until Wed 09:00`.
    pub fn describe(&self, at: Timestamp) -> String {
        let local = at.to_zoned(self.zone.clone());
        let zone = self.zone.iana_name().unwrap_or("UTC");
        let holiday = self.special.get(&local.date()).and_then(|special| special.name.as_deref());
        let holiday = holiday.map(|name| format!(" ({name})")).unwrap_or_default();
        // A weekday alone says which day is meant for the six days after it.
        let show = |then: &Zoned| match then.duration_since(&local) < SignedDuration::from_hours(6 * 24) {
            true => then.strftime("%a %H:%M").to_string(),
            false => then.strftime("%a %F %H:%M").to_string(),
        };
        let state = match (self.is_open(at), self.closes_at(at), self.next_open(at)) {
            (true, Some(closes), _) => format!("open until {}", show(&closes)),
            (true, None, _) => "open for more than a year".to_owned(),
            (false, _, Some(opens)) => format!("closed until {}", show(&opens)),
            (false, _, None) => "closed for more than a year".to_owned(),
        };
        format!("{} in {zone}{holiday}, {state}", local.strftime("%a %H:%M"))
    }

    /// The end of the span that holds a moment; of several, the last one.
    fn span_around(&self, at: Timestamp) -> Option<Timestamp> {
        let today = at.to_zoned(self.zone.clone()).date();
        let days = [today.yesterday().ok(), Some(today)].into_iter().flatten();
        days.flat_map(|day| self.spans(day)).filter(|(from, to)| *from <= at && at < *to).map(|(_, to)| to).max()
    }

    /// The spans that begin on a date, as instants. What would go on into a date of its own hours ends at midnight.
    fn spans(&self, date: Date) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let cut = date
            .tomorrow()
            .ok()
            .filter(|next| self.special.contains_key(next))
            .map(|next| next.to_datetime(Time::midnight()));
        self.hours(date).iter().filter_map(move |hours| {
            let (from, to) = hours.on(date)?;
            let to = cut.map_or(to, |cut| to.min(cut));
            let (from, to) = (self.instant(from)?, self.instant(to)?);
            // A span that the clocks skip altogether is none.
            (from < to).then_some((from, to))
        })
    }

    fn hours(&self, date: Date) -> &[Hours] {
        match self.special.get(&date) {
            Some(special) => &special.hours,
            None => self.weekly.get(&weekday(date.weekday())).map(Vec::as_slice).unwrap_or_default(),
        }
    }

    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let offset = ambiguous.offset();
        let at = ambiguous.compatible().ok()?;
        match offset {
            // `at` is as far behind the skip as the time was inside it.
            AmbiguousOffset::Gap { .. } => {
                let behind = at.checked_add(1.nanosecond()).ok()?;
                self.zone.preceding(behind).next().map(|skip| skip.timestamp())
            }
            _ => Some(at),
        }
    }
}

fn weekday(day: Weekday) -> i8 {
    day.to_monday_zero_offset()
}
