//! Schedules as they are written under `schedules:`, and everything that can be wrong with one.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::json;

use super::{Hours, Schedule, Special, weekday};

/// One schedule.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleSettings {
    /// The IANA zone of its hours; that of the configuration by default.
    #[schemars(extend("examples" = ["Europe/Berlin", "America/New_York"]))]
    pub time_zone: Option<String>,
    /// The hours of each day of the week; a day that is not written is closed. Several days are written as
    /// `monday-friday`.
    #[schemars(schema_with = "weekly")]
    pub weekly: BTreeMap<String, SpansSettings>,
    /// Dates that are closed from midnight to midnight, with their names.
    #[schemars(schema_with = "holidays")]
    pub holidays: BTreeMap<String, String>,
    /// Dates with other hours than their weekday's, half days for instance, or `closed`.
    #[schemars(schema_with = "exceptions")]
    pub exceptions: BTreeMap<String, HoursSettings>,
}

/// One span, or several of one day.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum SpansSettings {
    /// Such as `09:00-17:00`.
    One(String),
    /// Such as `[09:00-12:00, 13:00-17:00]`.
    Many(Vec<String>),
}

/// What an exception says: spans, or the word `closed`.
pub type HoursSettings = SpansSettings;

impl SpansSettings {
    /// Each with the end of its JSON pointer.
    fn entries(&self) -> Vec<(String, &str)> {
        match self {
            Self::One(one) => vec![(String::new(), one)],
            Self::Many(many) => {
                many.iter().enumerate().map(|(index, one)| (format!("/{index}"), one.as_str())).collect()
            }
        }
    }
}

/// A fault: the JSON pointer inside the schedule, and what is wrong.
type Wrong = (String, String);

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

const SPAN: &str = r"^([01]?\d|2[0-3]):[0-5]\d ?- ?(([01]?\d|2[0-3]):[0-5]\d|24:00)$";

fn span_schema() -> serde_json::Value {
    json!({ "type": "string", "pattern": SPAN, "examples": ["09:00-17:00", "22:00-06:00", "00:00-24:00"] })
}

fn spans_schema() -> serde_json::Value {
    json!({ "anyOf": [span_schema(), { "type": "array", "minItems": 1, "items": span_schema() }] })
}

fn weekly(_: &mut SchemaGenerator) -> Schema {
    let described = |text: &str| {
        let mut schema = spans_schema();
        schema["description"] = text.into();
        schema
    };
    let hours = |day: &&str| ((*day).to_owned(), described(&["The hours of ", day, "."].concat()));
    let days: serde_json::Map<_, _> = DAYS.iter().map(hours).collect();
    let several = format!("^({0})-({0})$", DAYS.join("|"));
    json_schema!({
        "type": "object",
        "properties": days,
        "patternProperties": { several: described("The hours of several days.") },
        "additionalProperties": false,
        "examples": [{ "monday-thursday": ["09:00-12:30", "13:30-18:00"], "friday": "09:00-15:00" }]
    })
}

fn holidays(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "string", "minLength": 1 },
        "examples": [{ "2026-12-25": "Christmas Day" }]
    })
}

fn exceptions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "anyOf": [
            { "const": "closed" }, span_schema(), { "type": "array", "minItems": 1, "items": span_schema() }
        ] },
        "examples": [{ "2026-12-24": "09:00-12:00", "2026-05-15": "closed" }]
    })
}

impl Schedule {
    /// The schedule as it is written, or everything that is wrong with it, each by its JSON pointer inside the schedule.
    /// `zone` is that of the configuration.
    pub fn compile(settings: &ScheduleSettings, zone: &TimeZone) -> Result<Self, Vec<(String, String)>> {
        let mut reading = Reading::default();
        let zone = match &settings.time_zone {
            None => zone.clone(),
            Some(name) => TimeZone::get(name).unwrap_or_else(|_| {
                reading.fault(
                    "/time_zone",
                    format!("`{name}` is not a time zone of the IANA database, such as Europe/Berlin"),
                );
                zone.clone()
            }),
        };
        let weekly = reading.weekly(settings);
        let special = reading.special(settings);
        let schedule = Self { zone, weekly, special };
        let opens = |hours: &Vec<Hours>| !hours.is_empty();
        let never = !schedule.weekly.values().any(opens) && !schedule.special.values().any(|one| opens(&one.hours));
        if never && reading.faults.is_empty() {
            reading.fault("", "it never opens; give it `weekly` hours, such as `monday-friday: 09:00-17:00`");
        }
        if reading.faults.is_empty() { Ok(schedule) } else { Err(reading.faults) }
    }
}

#[derive(Default)]
struct Reading {
    faults: Vec<Wrong>,
}

impl Reading {
    fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        self.faults.push((pointer.to_owned(), message.into()));
    }

    fn weekly(&mut self, settings: &ScheduleSettings) -> BTreeMap<i8, Vec<Hours>> {
        let mut weekly: BTreeMap<i8, Vec<Hours>> = BTreeMap::new();
        for (key, spans) in &settings.weekly {
            let pointer = format!("/weekly/{key}");
            let hours = self.hours(&pointer, spans);
            let Some(days) = days(key) else {
                self.fault(
                    &pointer,
                    format!("`{key}` is not a day of the week, such as monday, or several, such as monday-friday"),
                );
                continue;
            };
            for day in days {
                match weekly.get(&weekday(day)) {
                    Some(_) => {
                        let name = DAYS[usize::from(weekday(day).unsigned_abs())];
                        self.fault(&pointer, format!("the hours of {name} are written twice"));
                    }
                    None => drop(weekly.insert(weekday(day), hours.clone())),
                }
            }
        }
        for key in settings.weekly.keys() {
            self.over_midnight(key, &weekly);
        }
        weekly
    }

    /// A night that goes on into hours of the next day.
    fn over_midnight(&mut self, key: &str, weekly: &BTreeMap<i8, Vec<Hours>>) {
        for day in days(key).unwrap_or_default() {
            let late = weekly.get(&weekday(day)).and_then(|hours| hours.iter().find(|one| one.is_over_midnight));
            let early = weekly.get(&weekday(day.next())).and_then(|hours| hours.first());
            if let (Some(late), Some(early)) = (late, early)
                && early.from < late.to
            {
                let next = DAYS[usize::from(weekday(day.next()).unsigned_abs())];
                let message = format!("{} goes on into {}, which opens at {}", show(*late), next, clock(early.from));
                return self.fault(&format!("/weekly/{key}"), message);
            }
        }
    }

    fn special(&mut self, settings: &ScheduleSettings) -> BTreeMap<Date, Special> {
        let mut special = BTreeMap::new();
        for (text, name) in &settings.holidays {
            if let Some(date) = self.date(&format!("/holidays/{text}"), text) {
                special.insert(date, Special { hours: Vec::new(), name: Some(name.clone()) });
            }
        }
        for (text, spans) in &settings.exceptions {
            let pointer = format!("/exceptions/{text}");
            let hours = match spans {
                SpansSettings::One(word) if word == "closed" => Vec::new(),
                spans => self.hours(&pointer, spans),
            };
            let Some(date) = self.date(&pointer, text) else { continue };
            if special.insert(date, Special { hours, name: None }).is_some() {
                self.fault(&pointer, format!("{text} is a holiday already; write it in one place"));
            }
        }
        special
    }

    fn date(&mut self, pointer: &str, text: &str) -> Option<Date> {
        let date: Option<Date> = text.parse().ok().filter(|date: &Date| date.to_string() == text);
        if date.is_none() {
            self.fault(pointer, format!("`{text}` is not a date; write it like 2026-12-25"));
        }
        date
    }

    /// The spans of one day, in order.
    fn hours(&mut self, pointer: &str, spans: &SpansSettings) -> Vec<Hours> {
        let mut read: Vec<(Hours, String)> = Vec::new();
        for (end, text) in spans.entries() {
            let at = format!("{pointer}{end}");
            match span(text) {
                Ok(hours) => read.push((hours, at)),
                Err(why) => self.fault(&at, why),
            }
        }
        read.sort_by_key(|(hours, _)| *hours);
        for pair in read.windows(2) {
            let [(before, _), (after, at)] = pair else { continue };
            if before.is_over_midnight || after.from < before.to {
                self.fault(at, format!("{} overlaps with {}", show(*after), show(*before)));
            }
        }
        read.into_iter().map(|(hours, _)| hours).collect()
    }
}

/// `monday`, or `friday-monday`.
fn days(key: &str) -> Option<Vec<Weekday>> {
    let day = |name: &str| {
        let index = DAYS.iter().position(|day| *day == name)?;
        Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok()
    };
    let Some((first, last)) = key.split_once('-') else { return Some(vec![day(key)?]) };
    let (first, last) = (day(first)?, day(last)?);
    let until = usize::try_from(first.until(last)).ok()?;
    Some(first.cycle_forward().take(until + 1).collect())
}

/// `09:00-17:00`, `22:00-06:00` of the next day, `00:00-24:00`.
fn span(text: &str) -> Result<Hours, String> {
    let wrong = || format!("`{text}` is not a span of hours; write it like 09:00-17:00");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let from = time(from.trim()).ok_or_else(wrong)?;
    let (to, is_midnight) = match to.trim() {
        "24:00" => (Time::midnight(), true),
        to => (time(to).ok_or_else(wrong)?, false),
    };
    if from == to && !is_midnight {
        return Err(format!("`{text}` ends when it begins; a whole day is 00:00-24:00"));
    }
    Ok(Hours { from, to, is_over_midnight: to <= from })
}

fn time(text: &str) -> Option<Time> {
    Time::strptime("%H:%M", text).ok()
}

fn clock(time: Time) -> String {
    time.strftime("%H:%M").to_string()
}

fn show(hours: Hours) -> String {
    let to = if hours.is_over_midnight && hours.to == Time::midnight() { "24:00".to_owned() } else { clock(hours.to) };
    format!("{}-{to}", clock(hours.from))
}

impl JsonSchema for SpansSettings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Spans".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let schema = spans_schema();
        Schema::try_from(schema).unwrap_or_default()
    }
}
