//! The fields that rules, templates and scripts can name, and the one JSON document they are all read from.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::model::{Conversation, Event, EventKind, Facts, Message};
use crate::yaml::closest;

/// A field of the reference.
pub struct Field {
    /// The path, such as `message.text`.
    pub path: &'static str,
    /// What it holds.
    pub summary: &'static str,
}

const fn field(path: &'static str, summary: &'static str) -> Field {
    Field { path, summary }
}

/// Every field with a fixed name. Below `state`, `contact_state`, `captures`, `raw` and `message.headers` any name can stand.
pub const FIELDS: &[Field] = &[
    field("event.id", "The event's id."),
    field("event.kind", "What happened, such as `message.received`."),
    field("event.at", "When it happened, by the provider's clock (RFC 3339)."),
    field("event.hour", "The hour of day it happened, 0 to 23, in the configured time zone."),
    field("event.weekday", "The day of the week it happened, such as `monday`, in the configured time zone."),
    field("source", "The name of the source."),
    field("provider", "The provider: `sequenzy`, `fernand`, `highlevel`, `spruce`, `http`, `sandbox`."),
    field("account", "The name of the account."),
    field("conversation.id", "The provider's id of the conversation."),
    field("conversation.subject", "Its subject or title."),
    field("conversation.status", "`open`, `closed`, or the provider's own word in lower case."),
    field("conversation.channel", "`email`, `sms`, `chat`, or the provider's own word in lower case."),
    field("conversation.tags", "The tags on it."),
    field("conversation.assignee", "The provider's id of the member it is assigned to."),
    field("conversation.message_count", "How many messages it holds, this one included."),
    field("conversation.url", "Where a member can read it."),
    field("contact.id", "The provider's id of the contact."),
    field("contact.name", "The full name."),
    field("contact.first_name", "The given name."),
    field("contact.email", "The e-mail address."),
    field("contact.phone", "The telephone number."),
    field("contact.tags", "The tags on the contact."),
    field("message.id", "The provider's id of the message."),
    field("message.direction", "`inbound`, `outbound` or `internal`."),
    field("message.text", "The new text, without quoted history."),
    field("message.full_text", "The text with everything it quotes."),
    field("message.html", "The HTML as it came."),
    field("message.subject", "The subject of the message, else of the conversation."),
    field("message.from", "The sender."),
    field("message.to", "The recipients."),
    field("message.cc", "The recipients in copy."),
    field("message.headers", "Mail headers by name, where the provider shows them."),
    field("message.attachments", "The files: `name`, `content_type`, `size`, `url` of each."),
    field("message.attachments.name", "The names of the files."),
    field("message.attachments.content_type", "The media types of the files."),
    field("message.attachments.size", "The sizes of the files in bytes."),
    field("message.attachments.url", "Where the files can be fetched."),
    field("message.language", "The language as an ISO 639-1 code, where the provider says."),
    field("message.is_automated", "The provider says that a program wrote it."),
    field("message.author", "`contact`, `member`, `system` or `unknown`."),
];

/// The groups below which any name can stand.
pub const OPEN_GROUPS: [&str; 5] = ["state", "contact_state", "captures", "raw", "message.headers"];

/// A compiled field path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    segments: Vec<String>,
}

impl Path {
    /// Compiles a path, or says which field was probably meant.
    pub fn compile(text: &str) -> Result<Self, String> {
        let is_open =
            OPEN_GROUPS.iter().any(|group| text.strip_prefix(group).is_some_and(|rest| rest.starts_with('.')));
        if !is_open && !FIELDS.iter().any(|field| field.path == text) {
            let near = closest(text, FIELDS.iter().map(|field| field.path));
            let hint = near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            return Err(format!("there is no field `{text}`{hint}"));
        }
        let text = match text.strip_prefix("message.headers.") {
            Some(name) => format!("message.headers.{}", name.to_lowercase()),
            None => text.to_owned(),
        };
        let segments = match text.strip_prefix("message.headers.") {
            Some(name) => vec!["message".to_owned(), "headers".to_owned(), name.to_owned()],
            None => text.split('.').map(str::to_owned).collect(),
        };
        Ok(Self { text, segments })
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The values at the path. A list gives its items, and a path may lead through a list to a field of each item;
    /// what is missing or null gives nothing.
    pub fn values<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![document];
        for segment in &self.segments {
            let step = |value: &'a Value| match value {
                Value::Object(map) => map.get(segment).into_iter().collect(),
                Value::Array(items) => match segment.parse::<usize>() {
                    Ok(index) => items.get(index).into_iter().collect(),
                    Err(_) => items.iter().filter_map(|item| item.get(segment)).collect::<Vec<_>>(),
                },
                _ => Vec::new(),
            };
            found = found.into_iter().flat_map(step).collect();
        }
        let items = found.into_iter().flat_map(|value| match value {
            Value::Array(items) => items.iter().collect::<Vec<_>>(),
            other => vec![other],
        });
        items.filter(|value| !value.is_null()).collect()
    }
}

/// The document: every field of the reference, from the facts.
pub fn document(facts: &Facts, zone: &TimeZone) -> Value {
    let event = &facts.event;
    let local = event.at.to_zoned(zone.clone());
    let mut document = json!({
        "event": {
            "id": event.id, "kind": event.kind, "at": event.at,
            "hour": local.hour(), "weekday": weekday(local.weekday()),
        },
        "source": event.source,
        "provider": event.provider,
        "account": event.account,
        "conversation": conversation(facts),
        "contact": event.contact,
        "state": facts.conversation.state,
        "contact_state": facts.contact.state,
        "captures": {},
        "raw": event.raw,
    });
    document["message"] =
        event.message.as_ref().map_or_else(|| json!({}), |message| self::message(message, &event.conversation));
    document
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}

fn conversation(facts: &Facts) -> Value {
    let mut value = serde_json::to_value(&facts.event.conversation).unwrap_or_default();
    let seen = facts.conversation.message_count + u64::from(counts_as_message(&facts.event));
    if let Value::Object(map) = &mut value {
        map.entry("message_count").or_insert_with(|| seen.into());
    }
    value
}

fn message(message: &Message, conversation: &Conversation) -> Value {
    let mut value = serde_json::to_value(message).unwrap_or_default();
    if let (Value::Object(map), None, Some(subject)) = (&mut value, &message.subject, &conversation.subject) {
        map.insert("subject".to_owned(), subject.clone().into());
    }
    value
}

/// Whether an event adds a message that the two sides can see.
pub fn counts_as_message(event: &Event) -> bool {
    matches!(event.kind, EventKind::MessageReceived | EventKind::MessageSent)
}

/// A JSON object of the given entries; for state and captures.
pub fn object(entries: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::Object(Map::from_iter(entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_through_lists_and_ignores_what_is_missing() {
        let document = json!({"message": {"attachments": [{"name": "a"}, {"size": 3}, {"name": "b"}], "headers": {"auto-submitted": ["no"]}}, "raw": {"list": [1, 2]}});
        let values =
            |path: &str| Path::compile(path).unwrap().values(&document).into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(values("message.attachments.name"), ["a", "b"]);
        assert_eq!(values("message.headers.Auto-Submitted"), ["no"]);
        assert_eq!(values("raw.list"), [1, 2]);
        assert_eq!(values("raw.list.1"), [2]);
        assert_eq!(values("raw.nothing.here"), Vec::<Value>::new());
    }

    #[test]
    fn a_mistyped_field_is_refused_with_the_nearest_one() {
        assert_eq!(
            Path::compile("message.txt").unwrap_err(),
            "there is no field `message.txt`; did you mean `message.text`?"
        );
        assert_eq!(Path::compile("weather").unwrap_err(), "there is no field `weather`");
    }

    #[test]
    fn every_field_of_the_reference_can_be_there() {
        let mut facts = crate::rules::testing::facts(json!({
            "conversation": { "subject": "s", "status": "open", "channel": "email", "tags": ["t"], "assignee": "m", "url": "u" },
            "contact": { "id": "c", "name": "Ann Smith", "email": "a@b", "phone": "1", "tags": ["t"] },
            "message": {
                "text": "x", "html": "h", "from": "a@b", "to": ["t"], "cc": ["c"], "language": "en", "headers": { "X-A": "1" },
                "attachments": [{ "name": "n", "content_type": "t", "size": 1, "url": "u" }]
            },
            "raw": { "a": 1 }
        }));
        facts.conversation.state.insert("a".to_owned(), json!(1));
        let document = document(&facts, &TimeZone::UTC);
        for field in FIELDS {
            assert!(!Path::compile(field.path).unwrap().values(&document).is_empty(), "{}", field.path);
        }
        assert_eq!(document["contact"]["first_name"], "Ann");
        assert_eq!(document["message"]["subject"], "s", "the conversation's, where the message has none");
    }

    #[test]
    fn time_is_told_in_the_configured_zone_and_messages_are_counted() {
        let mut facts = crate::rules::testing::facts(
            json!({ "message": { "subject": "own" }, "conversation": { "subject": "s" } }),
        );
        facts.event.at = "2026-03-01T23:30:00Z".parse().unwrap();
        facts.conversation.message_count = 4;
        for (zone, hour, weekday) in
            [("UTC", 23, "sunday"), ("Europe/Berlin", 0, "monday"), ("America/New_York", 18, "sunday")]
        {
            let document = document(&facts, &TimeZone::get(zone).unwrap());
            assert_eq!(
                (&document["event"]["hour"], &document["event"]["weekday"]),
                (&json!(hour), &json!(weekday)),
                "{zone}"
            );
        }
        let count = |facts: &Facts| document(facts, &TimeZone::UTC)["conversation"]["message_count"].clone();
        assert_eq!(count(&facts), 5, "this one included");
        facts.event.kind = EventKind::NoteAdded;
        assert_eq!(count(&facts), 4);
        facts.event.conversation.message_count = Some(40);
        assert_eq!(count(&facts), 40, "the provider knows better");
        facts.event.message = None;
        assert_eq!(document(&facts, &TimeZone::UTC)["message"], json!({}));
        assert_eq!(document(&facts, &TimeZone::UTC)["raw"], Value::Null);
    }
}
