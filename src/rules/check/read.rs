//! An event in a file of its own: as in a rule test, or whole, as the admin API gives it.

use std::sync::LazyLock;

use jiff::Timestamp;
use schemars::generate::SchemaSettings;

use super::super::site::Surroundings;
use super::document::{EventDocument, schema};
use super::event;
use crate::model::Event;
use crate::yaml::{Document, Faults, Structure};

static WRITTEN: LazyLock<Result<Structure, String>> = LazyLock::new(|| {
    let tests = schema();
    let mut event = tests["$defs"]["EventDocument"].clone();
    event["$defs"] = tests["$defs"].clone();
    Structure::new(event)
});

static WHOLE: LazyLock<Result<Structure, String>> = LazyLock::new(|| {
    Structure::new(SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Event>().into())
});

/// Reads the JSON of an event. What has been received has all its parts and is taken as it is; of any other, what is left
/// out has the defaults of a rule test, and `now` is its time.
pub fn read(file: &str, text: &str, surroundings: &Surroundings, now: Timestamp) -> Result<Event, Faults> {
    let document = Document::parse_json(file, text)?;
    let is_whole = document.value().get("received_at").is_some();
    match if is_whole { WHOLE.as_ref() } else { WRITTEN.as_ref() } {
        Ok(structure) => structure.check(&document).or(())?,
        Err(why) => return Err(document.fault("", format!("the schema of events is broken: {why}")).into()),
    }
    if is_whole {
        return document.read();
    }
    let written: EventDocument = document.read()?;
    let mut faults = Faults::default();
    let unknown = event::unknown(&written, surroundings);
    faults.extend(unknown.into_iter().map(|(pointer, why)| document.fault(&pointer, why)));
    faults.or(())?;
    event::build(written, surroundings, 0, now).map_err(|why| document.fault("", why).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rules::testing::{event, now, surroundings};

    fn told(text: &str) -> String {
        match read("event.json", text, &surroundings(), now()) {
            Ok(event) => format!("{} at {}", event.kind, event.source),
            Err(faults) => faults.to_string(),
        }
    }

    #[test]
    fn an_event_is_read_and_what_is_wrong_is_told_with_its_place() {
        assert_eq!(
            told(r#"{ "source": "calls", "message": { "text": "\ud83d\ude00 a\/b" } }"#),
            "message.received at calls"
        );
        let whole = json!(event(json!({ "message": { "text": "x" } }), &surroundings(), 0, now()));
        assert_eq!(told(&whole.to_string()), "message.received at inbox");
        insta::assert_snapshot!(told("{\n  \"source\": \"cals\",\n  \"account\": \"phon\",\n  \"provider\": \"spruze\"\n}"), @r"
        event.json:2:3: no source is called `cals` in the configuration; did you mean `calls`? (known: calls, inbox, letters)
        event.json:3:3: no account is called `phon` in the configuration; did you mean `phone`? (known: mail, phone, support)
        event.json:4:3: no provider is called `spruze` in the configuration; did you mean `spruce`? (known: sandbox, sequenzy, spruce)
        ");
        insta::assert_snapshot!(told("{\n  \"mesage\": { \"text\": \"x\" },\n  \"kind\": \"message.recieved\"\n}"), @r"
        event.json:2:3: unknown key `mesage`; did you mean `message`? (known: kind, source, provider, account, conversation, contact, message, delivery, raw)
        event.json:3:3: `message.recieved` is not known here; did you mean `message.received`? (known: message.received, message.sent, note.added, conversation.opened, conversation.updated, conversation.closed, contact.updated, delivery.updated, unreadable, other)
        ");
        insta::assert_snapshot!(told("{ \"message\": { \"text\": 3 } }"), @"event.json:1:16: `3` is not a text");
        insta::assert_snapshot!(told("{\n  \"message\": \n"), @"event.json:3:1: not JSON: EOF while parsing a value");
        insta::assert_snapshot!(told("[1]"), @"event.json:1:1: a list is not a mapping with `kind`, `source`, `provider`, `account`, `conversation`, `contact`, `message`, `delivery`, `raw`");
        let mut broken = whole;
        broken["kind"] = json!("message.recieved");
        broken["at"] = json!(3);
        insta::assert_snapshot!(told(&serde_json::to_string_pretty(&broken).unwrap()), @r"
        event.json:6:3: `message.recieved` is not known here; did you mean `message.received`? (known: message.received, message.sent, note.added, conversation.opened, conversation.updated, conversation.closed, contact.updated, delivery.updated, unreadable, other)
        event.json:7:3: `3` is not a text
        ");
    }
}
