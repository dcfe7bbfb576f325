//! Times in templates: `next_open("office")`, and the filter `date` that writes a time as people read it.

use std::sync::Arc;

use minijinja::value::{Object, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use crate::rules::schedule::Present;

/// The function that says when a schedule opens next.
const NEXT_OPEN: &str = "next_open";

/// How `date` writes a time where the template does not say.
const FORMAT: &str = "%Y-%m-%d %H:%M";

/// Where our own words stand in an error's detail; others may quote a value.
const OURS: &str = "`date`: ";

/// The function of one decision. The filter finds the time zone by it.
#[derive(Debug)]
struct NextOpen(Present);

impl Object for NextOpen {
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, arguments: &[Value]) -> Result<Value, Error> {
        let (name,): (&str,) = from_args(arguments)?;
        let opens =
            self.0.next_open(name).map_err(|why| Error::new(ErrorKind::InvalidOperation, format!("{OURS}{why}")))?;
        Ok(opens.to_string().into())
    }
}

/// What a template is given beside the facts.
pub(super) fn given(present: &Present) -> (&'static str, Value) {
    (NEXT_OPEN, Value::from_object(NextOpen(present.clone())))
}

/// Teaches an environment the filter; the function comes with each decision, and is known by name at load.
pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_function(NEXT_OPEN, |_: &str| Value::UNDEFINED);
    environment.add_filter("date", date);
}

/// Whether an error is of these two, and safe to be shown.
pub(super) fn is_fault(error: &Error) -> bool {
    error.detail().is_some_and(|detail| detail.starts_with(OURS))
}

fn date(state: &State<'_, '_>, value: &Value, format: Option<&str>) -> Result<Value, Error> {
    let wrong = |why: String| Error::new(ErrorKind::InvalidOperation, format!("{OURS}{why}"));
    let format = format.unwrap_or(FORMAT);
    let write = |zoned: &jiff::Zoned| {
        jiff::fmt::strtime::format(format, zoned)
            .map_err(|why| wrong(format!("`{format}` is no format of a time: {why}")))
    };
    let present = state.lookup(NEXT_OPEN);
    let present = present.as_ref().and_then(|value| value.downcast_object_ref::<NextOpen>());
    let Some(NextOpen(present)) = present else {
        // Nothing is there at load; the format is judged all the same.
        return write(&jiff::Zoned::default()).map(|_| Value::UNDEFINED);
    };
    let read = value.as_str().and_then(|text| present.read(text));
    let zoned = read.ok_or_else(|| wrong("what stands before it is not a time, such as `event.at`".to_owned()))?;
    write(&zoned).map(Value::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Form, Template};
    use crate::rules::testing::Play;

    fn said(template: &str, now: &str) -> String {
        let mut play = Play::new(&format!("  - name: a\n    do: [{{ note: {{ text: {} }} }}]", json!(template)));
        play.now = now.parse().unwrap();
        let told = play.decide(json!({}));
        match told.sends.first() {
            Some(send) => serde_json::to_value(&send.action).unwrap()["text"].as_str().unwrap().to_owned(),
            None => crate::rules::testing::story(&told),
        }
    }

    #[test]
    fn the_next_opening_is_told_in_the_zone_of_its_schedule() {
        let evening = "2026-03-27T19:00:00Z";
        for (template, text) in [
            ("{{ next_open('office') | date('%A %-d %B at %H:%M %Z') }}", "Monday 30 March at 09:00 CEST"),
            ("{{ next_open('office') | date }}", "2026-03-30 09:00"),
            ("{{ next_open('office') }}", "2026-03-30T09:00:00+02:00[Europe/Berlin]"),
            ("{{ next_open('night') | date('%H:%M %Z') }}", "22:00 UTC"),
            ("{{ event.at | date('%d.%m.%Y %H:%M') }}", "27.03.2026 19:00"),
            ("{{ (state.seen | default('2026-01-01T00:00:00Z')) | date('%j') }}", "001"),
        ] {
            assert_eq!(said(template, evening), text, "{template}");
        }
    }

    #[test]
    fn what_is_no_time_or_no_format_is_named_and_not_quoted() {
        assert_eq!(
            said("{{ event.id | date }}", "2026-03-27T19:00:00Z"),
            "a note: failed: line 1 of the template: invalid operation: `date`: what stands before it is not a time, such as `event.at`"
        );
        let fault = Template::compile("t", "a\n{{ event.at | date('%Q!%') }}", Form::Text).unwrap_err();
        assert_eq!(fault[0].line, 2);
        assert!(fault[0].message.contains("`%Q!%` is no format of a time"), "{}", fault[0].message);
        assert!(Template::compile("t", "{{ next_opn('office') }}", Form::Text).is_err());
    }
}
