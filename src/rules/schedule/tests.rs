//! Opening hours against the calendar, with both changes of the clocks on both sides of the Atlantic.

use serde_json::{Value, json};

use super::*;

fn schedule(written: Value) -> Schedule {
    let settings: ScheduleSettings = serde_json::from_value(written).unwrap();
    Schedule::compile(&settings, &TimeZone::get("Europe/Berlin").unwrap()).unwrap()
}

fn faults(written: Value) -> String {
    let settings: ScheduleSettings = serde_json::from_value(written).unwrap();
    let faults = Schedule::compile(&settings, &TimeZone::UTC).err().unwrap_or_default();
    faults.iter().map(|(pointer, why)| format!("{pointer}: {why}")).collect::<Vec<_>>().join("\n")
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn told(zoned: Option<Zoned>) -> String {
    zoned.map_or("never".to_owned(), |zoned| zoned.timestamp().to_string())
}

#[test]
fn a_week_with_a_lunch_break_holidays_and_half_days() {
    let office = schedule(json!({
        "weekly": { "monday-thursday": ["09:00-12:30", "13:30-18:00"], "friday": "9:00-15:00" },
        "holidays": { "2026-12-25": "Christmas Day" },
        "exceptions": { "2026-12-24": "09:00-12:00", "2026-12-31": "closed", "2026-12-27": ["10:00-11:00", "12:00-13:00"] },
    }));
    for (time, is_open, closes, opens) in [
        ("2026-03-02T07:59:59Z", false, "never", "2026-03-02T08:00:00Z"),
        ("2026-03-02T08:00:00Z", true, "2026-03-02T11:30:00Z", "2026-03-02T08:00:00Z"),
        ("2026-03-02T11:30:00Z", false, "never", "2026-03-02T12:30:00Z"),
        ("2026-03-02T16:59:59.999Z", true, "2026-03-02T17:00:00Z", "2026-03-02T16:59:59.999Z"),
        ("2026-03-06T14:00:00Z", false, "never", "2026-03-09T08:00:00Z"),
        ("2026-12-24T11:00:00Z", false, "never", "2026-12-27T09:00:00Z"),
        ("2026-12-27T10:30:00Z", false, "never", "2026-12-27T11:00:00Z"),
        ("2026-12-30T17:00:00Z", false, "never", "2027-01-01T08:00:00Z"),
    ] {
        let moment = at(time);
        let saw = (office.is_open(moment), told(office.closes_at(moment)), told(office.next_open(moment)));
        assert_eq!(saw, (is_open, closes.to_owned(), opens.to_owned()), "{time}");
    }
}

#[test]
fn nights_go_on_into_the_next_day_but_not_into_a_holiday() {
    let nights = schedule(json!({
        "weekly": { "friday-sunday": "22:00-06:00" },
        "holidays": { "2026-03-07": "Founders' Day" },
    }));
    for (time, is_open) in [
        ("2026-02-27T22:00:00+01:00", true),
        ("2026-02-28T05:59:00+01:00", true),
        ("2026-02-28T06:00:00+01:00", false),
        ("2026-03-02T05:00:00+01:00", true),
        ("2026-03-03T05:00:00+01:00", false),
        ("2026-03-06T23:59:00+01:00", true),
        ("2026-03-07T00:00:00+01:00", false),
        ("2026-03-07T23:00:00+01:00", false),
        ("2026-03-08T05:00:00+01:00", false),
    ] {
        assert_eq!(nights.is_open(at(time)), is_open, "{time}");
    }
    assert_eq!(told(nights.closes_at(at("2026-03-06T23:00:00+01:00"))), "2026-03-06T23:00:00Z");
    assert_eq!(told(nights.next_open(at("2026-03-07T00:00:00+01:00"))), "2026-03-08T21:00:00Z");
}

#[test]
fn whole_days_meet_and_a_schedule_may_never_close() {
    let always = schedule(json!({ "weekly": { "monday-sunday": "00:00-24:00" } }));
    assert!(always.is_open(at("2026-03-29T01:00:00Z")));
    assert_eq!(told(always.closes_at(at("2026-03-02T10:00:00Z"))), "never");
    let weekend = schedule(json!({ "weekly": { "saturday-sunday": "00:00-24:00", "monday": "00:00-08:00" } }));
    assert_eq!(told(weekend.closes_at(at("2026-03-07T10:00:00Z"))), "2026-03-09T07:00:00Z");
    let once = schedule(json!({ "exceptions": { "2026-03-07": "10:00-11:00" } }));
    assert_eq!(told(once.next_open(at("2026-03-01T00:00:00Z"))), "2026-03-07T09:00:00Z");
    assert_eq!(told(once.next_open(at("2026-03-08T00:00:00Z"))), "never");
    assert!(once.describe(at("2026-03-08T00:00:00Z")).ends_with("closed for more than a year"));
}

/// In Berlin the clocks skip from 2 to 3 on 2026-03-29 at 01:00Z, and go back from 3 to 2 on 2026-10-25 at 01:00Z; in New
/// York on 2026-03-08 at 07:00Z and on 2026-11-01 at 06:00Z.
#[test]
fn the_clocks_change() {
    for (zone, spans, day, opens_and_closes) in [
        // The office opens at nine by its own clock, before and after.
        ("Europe/Berlin", "09:00-17:00", "2026-03-28", "2026-03-28T08:00:00Z 2026-03-28T16:00:00Z"),
        ("Europe/Berlin", "09:00-17:00", "2026-03-29", "2026-03-29T07:00:00Z 2026-03-29T15:00:00Z"),
        ("Europe/Berlin", "09:00-17:00", "2026-10-25", "2026-10-25T08:00:00Z 2026-10-25T16:00:00Z"),
        ("America/New_York", "09:00-17:00", "2026-03-08", "2026-03-08T13:00:00Z 2026-03-08T21:00:00Z"),
        ("America/New_York", "09:00-17:00", "2026-11-01", "2026-11-01T14:00:00Z 2026-11-01T22:00:00Z"),
        // What begins or ends in the hour that is skipped begins or ends at the skip.
        ("Europe/Berlin", "02:00-05:00", "2026-03-29", "2026-03-29T01:00:00Z 2026-03-29T03:00:00Z"),
        ("Europe/Berlin", "02:30-05:00", "2026-03-29", "2026-03-29T01:00:00Z 2026-03-29T03:00:00Z"),
        ("Europe/Berlin", "01:00-02:30", "2026-03-29", "2026-03-29T00:00:00Z 2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "01:00-03:00", "2026-03-29", "2026-03-29T00:00:00Z 2026-03-29T01:00:00Z"),
        ("America/New_York", "02:30-05:00", "2026-03-08", "2026-03-08T07:00:00Z 2026-03-08T09:00:00Z"),
        // Of the hour that comes twice, the first is meant.
        ("Europe/Berlin", "02:30-05:00", "2026-10-25", "2026-10-25T00:30:00Z 2026-10-25T04:00:00Z"),
        ("Europe/Berlin", "01:00-02:30", "2026-10-25", "2026-10-24T23:00:00Z 2026-10-25T00:30:00Z"),
        ("Europe/Berlin", "02:00-03:00", "2026-10-25", "2026-10-25T00:00:00Z 2026-10-25T02:00:00Z"),
        ("America/New_York", "01:30-05:00", "2026-11-01", "2026-11-01T05:30:00Z 2026-11-01T10:00:00Z"),
        ("America/New_York", "00:30-01:30", "2026-11-01", "2026-11-01T04:30:00Z 2026-11-01T05:30:00Z"),
    ] {
        let schedule = schedule(json!({ "time_zone": zone, "exceptions": { day: spans } }));
        let before = at(&format!("{day}T00:00:00Z")).checked_sub(SignedDuration::from_hours(12)).unwrap();
        let opens = schedule.next_open(before).unwrap();
        let closes = schedule.closes_at(opens.timestamp()).unwrap();
        let saw = format!("{} {}", opens.timestamp(), closes.timestamp());
        assert_eq!(saw, opens_and_closes, "{zone} {spans} {day}");
        assert!(schedule.is_open(opens.timestamp()) && !schedule.is_open(closes.timestamp()));
    }
    let skipped = schedule(json!({ "weekly": { "sunday": "02:15-02:45" } }));
    assert!(!skipped.is_open(at("2026-03-29T01:15:00Z")), "the clocks never showed it");
    assert_eq!(told(skipped.next_open(at("2026-03-28T12:00:00Z"))), "2026-04-05T00:15:00Z");
}

#[test]
fn a_night_over_the_change_is_an_hour_shorter_or_longer() {
    for (zone, eve, hours) in [
        ("Europe/Berlin", "2026-03-28", 7),
        ("Europe/Berlin", "2026-10-24", 9),
        ("America/New_York", "2026-03-07", 7),
        ("America/New_York", "2026-10-31", 9),
        ("America/New_York", "2026-07-04", 8),
    ] {
        let night = schedule(json!({ "time_zone": zone, "exceptions": { eve: "22:00-06:00" } }));
        let opens = night.next_open(at(&format!("{eve}T12:00:00Z"))).unwrap();
        let closes = night.closes_at(opens.timestamp()).unwrap();
        assert_eq!(closes.duration_since(&opens).as_hours(), hours, "{zone} {eve}");
    }
}

/// Every quarter of an hour over both changes: it is open exactly from an opening to the closing after it.
#[test]
fn the_three_answers_agree() {
    let office = schedule(json!({
        "weekly": { "monday-friday": ["06:30-12:00", "13:00-24:00"], "saturday": "20:00-02:30", "sunday": "02:30-02:45" },
        "holidays": { "2026-03-31": "x" }, "exceptions": { "2026-10-25": "01:30-03:15" },
    }));
    for start in ["2026-03-27T00:00:00Z", "2026-10-23T00:00:00Z"] {
        for quarter in 0..4 * 24 * 6 {
            let now = at(start).checked_add(SignedDuration::from_mins(15 * quarter)).unwrap();
            let opens = office.next_open(now).unwrap().timestamp();
            assert_eq!(opens == now, office.is_open(now), "{now}");
            assert!(office.is_open(opens), "{now}");
            assert_eq!(office.closes_at(now).is_some(), office.is_open(now), "{now}");
            if let Some(closes) = office.closes_at(now) {
                let last = closes.timestamp().checked_sub(SignedDuration::from_nanos(1)).unwrap();
                assert!(
                    closes.timestamp() > now && !office.is_open(closes.timestamp()) && office.is_open(last),
                    "{now}"
                );
            } else {
                let just_before = opens.checked_sub(SignedDuration::from_nanos(1)).unwrap();
                assert!(!office.is_open(just_before), "{now}");
            }
        }
    }
}

#[test]
fn what_a_person_is_told() {
    let office = schedule(json!({
        "weekly": { "monday-friday": "09:00-18:00" }, "holidays": { "2026-12-25": "Christmas Day" },
        "exceptions": { "2026-12-28": "closed", "2026-12-29": "closed", "2026-12-30": "closed", "2026-12-31": "closed" },
    }));
    let told: Vec<String> = [
        "2026-03-03T18:05:00+01:00",
        "2026-03-03T10:00:00+01:00",
        "2026-03-06T18:00:00+01:00",
        "2026-12-25T10:00:00+01:00",
    ]
    .map(|time| office.describe(at(time)))
    .into();
    insta::assert_snapshot!(told.join("\n"), @r"
    Tue 18:05 in Europe/Berlin, closed until Wed 09:00
    Tue 10:00 in Europe/Berlin, open until Tue 18:00
    Fri 18:00 in Europe/Berlin, closed until Mon 09:00
    Fri 10:00 in Europe/Berlin (Christmas Day), closed until Fri 2027-01-01 09:00
    ");
}

#[test]
fn every_fault_of_a_schedule_is_said_at_its_place() {
    let told = [
        json!({ "time_zone": "Europe/Berln", "weekly": { "monday": "09:00-17:00" } }),
        json!({ "weekly": { "monday": ["9-17", "25:00-26:00", "09:00-09:60", "24:00-06:00", "09:00"] } }),
        json!({ "weekly": { "monday": "09:00-09:00", "tuesday": "00:00-00:00" } }),
        json!({ "weekly": { "monday": ["13:00-18:00", "09:00-13:30"], "tuesday": ["20:00-02:00", "22:00-23:00"] } }),
        json!({ "weekly": { "monday": "22:00-06:00", "tuesday": "05:00-10:00", "sunday": "22:00-01:00" } }),
        json!({ "weekly": { "monday-friday": "09:00-17:00", "friday": "09:00-15:00", "funday": "10:00-11:00" } }),
        json!({ "weekly": { "monday": "09:00-17:00" }, "holidays": { "2026-02-29": "x", "25.12.2026": "y" } }),
        json!({ "weekly": { "monday": "09:00-17:00" }, "holidays": { "2026-12-24": "x" }, "exceptions": { "2026-12-24": "09:00-12:00", "soon": "closed", "2026-12-31": "shut" } }),
        json!({ "holidays": { "2026-12-25": "Christmas Day" }, "exceptions": { "2026-12-24": "closed" } }),
        json!({}),
    ];
    insta::assert_snapshot!(told.map(faults).join("\n"), @r"
    /time_zone: `Europe/Berln` is not a time zone of the IANA database, such as Europe/Berlin
    /weekly/monday/0: `9-17` is not a span of hours; write it like 09:00-17:00
    /weekly/monday/1: `25:00-26:00` is not a span of hours; write it like 09:00-17:00
    /weekly/monday/2: `09:00-09:60` is not a span of hours; write it like 09:00-17:00
    /weekly/monday/3: `24:00-06:00` is not a span of hours; write it like 09:00-17:00
    /weekly/monday/4: `09:00` is not a span of hours; write it like 09:00-17:00
    /weekly/monday: `09:00-09:00` ends when it begins; a whole day is 00:00-24:00
    /weekly/tuesday: `00:00-00:00` ends when it begins; a whole day is 00:00-24:00
    /weekly/monday/0: 13:00-18:00 overlaps with 09:00-13:30
    /weekly/tuesday/1: 22:00-23:00 overlaps with 20:00-02:00
    /weekly/monday: 22:00-06:00 goes on into tuesday, which opens at 05:00
    /weekly/funday: `funday` is not a day of the week, such as monday, or several, such as monday-friday
    /weekly/monday-friday: the hours of friday are written twice
    /holidays/2026-02-29: `2026-02-29` is not a date; write it like 2026-12-25
    /holidays/25.12.2026: `25.12.2026` is not a date; write it like 2026-12-25
    /exceptions/2026-12-24: 2026-12-24 is a holiday already; write it in one place
    /exceptions/2026-12-31: `shut` is not a span of hours; write it like 09:00-17:00
    /exceptions/soon: `soon` is not a date; write it like 2026-12-25
    : it never opens; give it `weekly` hours, such as `monday-friday: 09:00-17:00`
    : it never opens; give it `weekly` hours, such as `monday-friday: 09:00-17:00`
    ");
}

#[test]
fn names_in_templates_and_scripts_are_found_with_their_lines() {
    let source = "{{ next_open(\"office\") }}\n{% if not within( 'night' ) %}{{ next_open(name) }} x_within(\"no\")";
    assert_eq!(named_in(source), [(1, "office".to_owned()), (2, "night".to_owned())]);
}
