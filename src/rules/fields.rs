//! The fields that rules, templates and scripts can name, and the one JSON document they are all read from.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::roots::ROOTS;
use crate::model::{Conversation, DeliveryReport, Event, EventKind, Facts, Message};
use crate::yaml::closest;

/// A field of the reference.
pub struct Field {
    /// The path, such as `message.text`.
    pub path: &'static str,
    /// The form of its value.
    pub holds: Holds,
    /// The words it is known to have, for the reference and for editors.
    pub words: &'static [&'static str],
    /// Whether it can have no other words; else they are examples, and a provider can have its own.
    pub is_closed: bool,
    /// What it holds.
    pub summary: &'static str,
}

/// The form of a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// A number.
    Number,
    /// A list of numbers.
    Numbers,
    /// True or false.
    Flag,
    /// A time stamp (RFC 3339), for `older_than` and `newer_than`.
    Time,
    /// A mapping of names to values.
    Mapping,
    /// A list of mappings.
    Mappings,
}

impl Holds {
    /// Whether it is a list of values.
    pub fn is_list(self) -> bool {
        matches!(self, Self::Texts | Self::Numbers | Self::Mappings)
    }

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Texts => "list of texts",
            Self::Number => "number",
            Self::Numbers => "list of numbers",
            Self::Flag => "true or false",
            Self::Time => "time stamp",
            Self::Mapping => "mapping",
            Self::Mappings => "list of mappings",
        }
    }
}

const fn field(path: &'static str, holds: Holds, summary: &'static str) -> Field {
    Field { path, holds, words: &[], is_closed: false, summary }
}

/// A field that can have other words as well.
const fn word(path: &'static str, words: &'static [&'static str], summary: &'static str) -> Field {
    Field { path, holds: Holds::Text, words, is_closed: false, summary }
}

/// A field that has one of these words.
const fn one_of(path: &'static str, words: &'static [&'static str], summary: &'static str) -> Field {
    Field { path, holds: Holds::Text, words, is_closed: true, summary }
}

/// The words of `event.kind`.
const KINDS: &[&str] = &[
    "message.received",
    "message.sent",
    "note.added",
    "conversation.opened",
    "conversation.updated",
    "conversation.closed",
    "contact.updated",
    "delivery.updated",
    "unreadable",
    "other",
];

/// The words of `event.weekday`.
const WEEKDAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Every field with a fixed name. Below `state`, `contact_state`, `captures`, `raw` and `message.headers` any name can stand.
pub const FIELDS: &[Field] = &[
    field("event.id", Holds::Text, "The event's id."),
    one_of("event.kind", KINDS, "What happened, such as `message.received`."),
    field("event.at", Holds::Time, "When it happened, by the provider's clock (RFC 3339)."),
    field("event.hour", Holds::Number, "The hour of day it happened, 0 to 23, in the configured time zone."),
    one_of(
        "event.weekday",
        WEEKDAYS,
        "The day of the week it happened, such as `monday`, in the configured time zone.",
    ),
    field("source", Holds::Text, "The name of the source."),
    one_of(
        "provider",
        &["sequenzy", "fernand", "highlevel", "spruce", "http", "sandbox"],
        "The provider of the account.",
    ),
    field("account", Holds::Text, "The name of the account."),
    field("conversation.id", Holds::Text, "The provider's id of the conversation."),
    field("conversation.subject", Holds::Text, "Its subject or title."),
    word("conversation.status", &["open", "closed"], "`open`, `closed`, or the provider's own word in lower case."),
    word(
        "conversation.channel",
        &["email", "sms", "chat"],
        "`email`, `sms`, `chat`, or the provider's own word in lower case.",
    ),
    field("conversation.tags", Holds::Texts, "The tags on it."),
    field("conversation.assignee", Holds::Text, "The provider's id of the member it is assigned to."),
    field("conversation.message_count", Holds::Number, "How many messages it holds, this one included."),
    field("conversation.url", Holds::Text, "Where a member can read it."),
    field("contact.id", Holds::Text, "The provider's id of the contact."),
    field("contact.name", Holds::Text, "The full name."),
    field("contact.first_name", Holds::Text, "The given name."),
    field("contact.email", Holds::Text, "The e-mail address."),
    field("contact.phone", Holds::Text, "The telephone number."),
    field("contact.tags", Holds::Texts, "The tags on the contact."),
    field("message.id", Holds::Text, "The provider's id of the message."),
    one_of("message.direction", &["inbound", "outbound", "internal"], "`inbound`, `outbound` or `internal`."),
    field("message.text", Holds::Text, "The new text, without quoted history."),
    field("message.full_text", Holds::Text, "The text with everything it quotes."),
    field("message.html", Holds::Text, "The HTML as it came."),
    field("message.subject", Holds::Text, "The subject of the message, else of the conversation."),
    field("message.from", Holds::Text, "The sender."),
    field("message.to", Holds::Texts, "The recipients."),
    field("message.cc", Holds::Texts, "The recipients in copy."),
    field("message.headers", Holds::Mapping, "Mail headers by name, where the provider shows them."),
    field("message.attachments", Holds::Mappings, "The files: `name`, `content_type`, `size`, `url` of each."),
    field("message.attachments.name", Holds::Texts, "The names of the files."),
    field("message.attachments.content_type", Holds::Texts, "The media types of the files."),
    field("message.attachments.size", Holds::Numbers, "The sizes of the files in bytes."),
    field("message.attachments.url", Holds::Texts, "Where the files can be fetched."),
    field("message.language", Holds::Text, "The language as an ISO 639-1 code, where the provider says."),
    field("message.is_automated", Holds::Flag, "The provider says that a program wrote it."),
    one_of(
        "message.author",
        &["contact", "member", "system", "unknown"],
        "`contact`, `member`, `system` or `unknown`.",
    ),
    one_of(
        "delivery.status",
        &["sent", "delayed", "delivered", "opened", "bounced", "failed", "complained"],
        "What became of a message from our side, for `delivery.updated`.",
    ),
    field("delivery.is_permanent", Holds::Flag, "Another message to the same address would fail as well."),
    field("delivery.reason", Holds::Text, "The provider's word for why, such as `transient`."),
    field("delivery.message_id", Holds::Text, "The provider's id of the message that is reported on."),
    field("delivery.is_own", Holds::Flag, "The message is a send of a rule, not one that a member wrote."),
];

/// The groups below which any name can stand.
pub const OPEN_GROUPS: [&str; 5] = ["state", "contact_state", "captures", "raw", "message.headers"];

impl Field {
    /// The field of that path, where it has a fixed name.
    pub fn find(path: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.path == path)
    }
}

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
        if !is_open && Field::find(text).is_none() {
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

    /// The group that it leads into.
    pub(super) fn root(&self) -> &str {
        self.segments.first().map_or("", String::as_str)
    }

    /// The values at the path, of its group alone.
    pub(super) fn values_within<'a>(&self, group: &'a Value) -> Vec<&'a Value> {
        let mut found = Vec::new();
        collect(group, self.segments.get(1..).unwrap_or_default(), &mut found);
        found
    }

    /// Whether a rule can change what stands here while the event is decided.
    pub fn can_change(&self) -> bool {
        matches!(self.segments.first().map(String::as_str), Some("state" | "contact_state" | "captures"))
    }

    /// The values at the path. A list gives its items, and a path may lead through a list to a field of each item;
    /// what is missing or null gives nothing.
    pub fn values<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let mut found = Vec::new();
        collect(document, &self.segments, &mut found);
        found
    }
}

fn collect<'a>(value: &'a Value, segments: &[String], found: &mut Vec<&'a Value>) {
    let Some((segment, rest)) = segments.split_first() else {
        match value {
            Value::Array(items) => found.extend(items.iter().filter(|item| !item.is_null())),
            Value::Null => {}
            other => found.push(other),
        }
        return;
    };
    match value {
        Value::Object(map) => map.get(segment).into_iter().for_each(|inner| collect(inner, rest, found)),
        Value::Array(items) => match segment.parse::<usize>() {
            Ok(index) => items.get(index).into_iter().for_each(|inner| collect(inner, rest, found)),
            Err(_) => {
                items.iter().filter_map(|item| item.get(segment)).for_each(|inner| collect(inner, rest, found));
            }
        },
        _ => {}
    }
}

/// The document: every field of the reference, from the facts.
pub fn document(facts: &Facts, zone: &TimeZone) -> Value {
    object(ROOTS.map(|name| (name.to_owned(), group(name, facts, zone))))
}

/// One group of the document: what stands under the first segment of a path.
pub(super) fn group(name: &str, facts: &Facts, zone: &TimeZone) -> Value {
    let event = &facts.event;
    match name {
        "event" => {
            let local = event.at.to_zoned(zone.clone());
            json!({
                "id": event.id, "kind": event.kind, "at": event.at,
                "hour": local.hour(), "weekday": weekday(local.weekday()),
            })
        }
        "source" => event.source.as_str().into(),
        "provider" => event.provider.as_str().into(),
        "account" => event.account.as_str().into(),
        "conversation" => conversation(facts),
        "contact" => json!(event.contact),
        "state" => json!(facts.conversation.state),
        "contact_state" => json!(facts.contact.state),
        "captures" => json!({}),
        "raw" => event.raw.clone(),
        "delivery" => event.delivery.as_ref().map_or_else(|| json!({}), |report| delivery(report, facts.is_own)),
        "message" => {
            event.message.as_ref().map_or_else(|| json!({}), |message| self::message(message, &event.conversation))
        }
        _ => Value::Null,
    }
}

fn delivery(report: &DeliveryReport, is_own: bool) -> Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    value["is_own"] = is_own.into();
    value
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
    use std::sync::Arc;

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
            "delivery": { "status": "bounced", "is_permanent": true, "reason": "transient", "message_id": "m" },
            "raw": { "a": 1 }
        }));
        facts.conversation.state.insert("a".to_owned(), json!(1));
        let document = document(&facts, &TimeZone::UTC);
        for field in FIELDS {
            let values = Path::compile(field.path).unwrap().values(&document);
            assert!(values.iter().any(|value| is_of(field.holds, value)), "{}: {values:?}", field.path);
            let is_list = field.holds.is_list();
            let pointer = format!("/{}", field.path.replace('.', "/"));
            if let Some(value) = document.pointer(&pointer) {
                assert_eq!(value.is_array(), is_list, "{}", field.path);
            }
        }
        assert_eq!(document["contact"]["first_name"], "Ann");
        assert_eq!(document["message"]["subject"], "s", "the conversation's, where the message has none");
    }

    fn is_of(holds: Holds, value: &Value) -> bool {
        match holds {
            Holds::Text | Holds::Texts => value.is_string(),
            Holds::Number | Holds::Numbers => value.is_number(),
            Holds::Flag => value.is_boolean(),
            Holds::Time => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
            Holds::Mapping | Holds::Mappings => value.is_object(),
        }
    }

    #[test]
    fn the_words_of_a_field_are_those_it_can_have() {
        let words = |path: &str| Field::find(path).unwrap().words;
        let closed: Vec<&str> = FIELDS.iter().filter(|field| field.is_closed).map(|field| field.path).collect();
        assert_eq!(
            closed,
            ["event.kind", "event.weekday", "provider", "message.direction", "message.author", "delivery.status"]
        );
        assert_eq!(
            words("delivery.status"),
            crate::model::DeliveryStatus::ALL.map(crate::model::DeliveryStatus::as_str)
        );
        assert_eq!(words("event.kind"), EventKind::ALL.map(EventKind::as_str));
        let days = std::iter::successors(Some(Weekday::Monday), |day| Some(day.next()));
        assert_eq!(words("event.weekday"), days.take(7).map(weekday).collect::<Vec<_>>());
        for word in words("message.direction") {
            assert!(serde_json::from_value::<crate::model::Direction>(json!(word)).is_ok(), "{word}");
        }
        for word in words("message.author") {
            assert!(serde_json::from_value::<crate::model::Author>(json!(word)).is_ok(), "{word}");
        }
    }

    #[test]
    fn time_is_told_in_the_configured_zone_and_messages_are_counted() {
        let mut facts = crate::rules::testing::facts(
            json!({ "message": { "subject": "own" }, "conversation": { "subject": "s" } }),
        );
        Arc::make_mut(&mut facts.event).at = "2026-03-01T23:30:00Z".parse().unwrap();
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
        Arc::make_mut(&mut facts.event).kind = EventKind::NoteAdded;
        assert_eq!(count(&facts), 4);
        Arc::make_mut(&mut facts.event).conversation.message_count = Some(40);
        assert_eq!(count(&facts), 40, "the provider knows better");
        Arc::make_mut(&mut facts.event).message = None;
        assert_eq!(document(&facts, &TimeZone::UTC)["message"], json!({}));
        assert_eq!(document(&facts, &TimeZone::UTC)["raw"], Value::Null);
    }
}
