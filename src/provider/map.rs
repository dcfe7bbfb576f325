//! `map:` of a source: event fields read from places of the operator's choosing, laid over what the adapter read itself.
//! It only reads; a place where nothing usable stands leaves the adapter's reading alone.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::content::without_quote;
use super::pointer::Pointer;
use super::read;
use crate::model::{Author, Direction, Draft, EventKind, Headers, Message};
use crate::signature::SettingFault;
use crate::text::text_of_html;
use crate::yaml::suggest;

/// What is written under `map:` of a source: fields with their JSON pointers (RFC 6901), and `kinds`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct MapSettings {
    /// What the sender's words under `event.kind` mean: its word, then the name of an event kind.
    #[serde(default)]
    pub kinds: BTreeMap<String, String>,
    /// Field path to JSON pointer, such as `message.text: /data/body`.
    #[serde(flatten)]
    pub fields: BTreeMap<String, String>,
}

impl JsonSchema for MapSettings {
    fn schema_name() -> Cow<'static, str> {
        "Map".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pointer = |about: &str| json!({ "type": "string", "pattern": "^(/.*)?$", "examples": ["/data/body"], "description": about });
        let mut properties: Map<String, Value> =
            FIELDS.iter().map(|field| (field.name.to_owned(), pointer(field.about))).collect();
        let kinds: Vec<&str> = EventKind::ALL.into_iter().map(EventKind::as_str).collect();
        properties.insert(
            "kinds".to_owned(),
            json!({
                "type": "object",
                "additionalProperties": { "enum": kinds },
                "description": "What the sender's words under `event.kind` mean."
            }),
        );
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

/// A checked `map:`.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// In the order of [`FIELDS`], so that the kind is known before a message is made.
    fields: Vec<(&'static Field, Pointer)>,
    kinds: BTreeMap<String, EventKind>,
}

impl Mapping {
    /// Checks the settings; the faults name every field and kind that is not known and every pointer that is none.
    pub fn compile(settings: &MapSettings) -> Result<Self, Vec<SettingFault>> {
        let mut faults = Vec::new();
        for (name, pointer) in &settings.fields {
            if !FIELDS.iter().any(|field| field.name == name) {
                let hint = suggest(name, FIELDS.iter().map(|field| field.name));
                faults.push(SettingFault::new(name, format!("there is no field `{name}` to map{hint}")));
            }
            if !is_pointer(pointer) {
                let message = format!("`{pointer}` is not a JSON pointer; write it like /data/body");
                faults.push(SettingFault::new(name, message));
            }
        }
        let mut kinds = BTreeMap::new();
        for (word, name) in &settings.kinds {
            match EventKind::parse(name) {
                Some(kind) => {
                    kinds.insert(word.clone(), kind);
                }
                None => {
                    let hint = suggest(name, EventKind::ALL.into_iter().map(EventKind::as_str));
                    let key = format!("kinds/{}", word.replace('~', "~0").replace('/', "~1"));
                    faults.push(SettingFault::new(key, format!("there is no event kind `{name}`{hint}")));
                }
            }
        }
        if !settings.kinds.is_empty() && !settings.fields.contains_key("event.kind") {
            faults.push(SettingFault::new("kinds", "needs `event.kind`, the place where the sender's word stands"));
        }
        let place = |field: &'static Field| Some((field, Pointer::of(settings.fields.get(field.name)?)));
        let fields = FIELDS.iter().filter_map(place).collect();
        if faults.is_empty() { Ok(Self { fields, kinds }) } else { Err(faults) }
    }

    /// Lays what stands at the pointers over the adapter's reading. A mapped message field makes a message where the
    /// adapter saw none.
    pub fn apply(&self, draft: &mut Draft, json: &Value) {
        let found: Vec<(&Field, &Value)> =
            self.fields.iter().filter_map(|(field, pointer)| Some((*field, pointer.find(json)?))).collect();
        for (field, value) in &found {
            match field.target {
                Target::Text(place) => replace(place, draft, read::text(value, "")),
                Target::Word(place) => replace(place, draft, read::text(value, "").map(|word| word.to_lowercase())),
                Target::Texts(place) => {
                    let mut texts = read::texts(value, "");
                    texts.retain(|text| !text.trim().is_empty());
                    if !texts.is_empty() {
                        *place(draft) = texts;
                    }
                }
                Target::Kind => self.set_kind(draft, value),
                Target::Other(set) => set(draft, value),
                Target::Content => {}
            }
        }
        let text =
            |name: &str| found.iter().find(|(field, _)| field.name == name).and_then(|(_, at)| read::text(at, ""));
        set_content(draft, text("message.text"), text("message.full_text"), text("message.html"));
        if let (Some(name), None) = (text("contact.name"), text("contact.first_name")) {
            draft.contact.first_name = read::first_name(Some(&name));
        }
        if text("message.direction").is_some() && text("event.kind").is_none() {
            follow_direction(draft);
        }
    }

    /// A word that neither `kinds` nor the list of kinds knows is [`EventKind::Other`]: rules for messages must not run on
    /// something that was never said to be one.
    fn set_kind(&self, draft: &mut Draft, value: &Value) {
        if let Some(word) = read::text(value, "") {
            draft.kind = self.kinds.get(&word).copied().or_else(|| EventKind::parse(&word)).unwrap_or(EventKind::Other);
        }
    }
}

/// A field that can be mapped.
#[derive(Debug)]
struct Field {
    name: &'static str,
    about: &'static str,
    target: Target,
}

/// How a value gets into a draft.
#[derive(Debug)]
enum Target {
    Text(fn(&mut Draft) -> &mut Option<String>),
    /// A text in lower case.
    Word(fn(&mut Draft) -> &mut Option<String>),
    Texts(fn(&mut Draft) -> &mut Vec<String>),
    Kind,
    /// One of the three forms of a message's content, which depend on each other.
    Content,
    Other(fn(&mut Draft, &Value)),
}

const fn field(name: &'static str, about: &'static str, target: Target) -> Field {
    Field { name, about, target }
}

/// Every field that can be mapped, in the order of the reference.
static FIELDS: [Field; 33] = [
    field("event.id", "The sender's id of the delivery; a repeat has the same.", Target::Other(set_id)),
    field("event.kind", "What happened; the sender's words are explained under `kinds`.", Target::Kind),
    field("event.at", "When it happened: RFC 3339, or seconds or milliseconds since 1970.", Target::Other(set_at)),
    field("conversation.id", "The thread.", Target::Text(|draft| &mut draft.conversation.id)),
    field("conversation.subject", "Its subject.", Target::Text(|draft| &mut draft.conversation.subject)),
    field("conversation.status", "Its status.", Target::Word(|draft| &mut draft.conversation.status)),
    field("conversation.channel", "Its channel.", Target::Word(|draft| &mut draft.conversation.channel)),
    field("conversation.tags", "Its tags: a list.", Target::Texts(|draft| &mut draft.conversation.tags)),
    field("conversation.assignee", "Who has it.", Target::Text(|draft| &mut draft.conversation.assignee)),
    field("conversation.message_count", "How many messages it holds.", Target::Other(set_count)),
    field("conversation.url", "Where a member can read it.", Target::Text(|draft| &mut draft.conversation.url)),
    field("contact.id", "The provider's id of the person.", Target::Text(|draft| &mut draft.contact.id)),
    field("contact.name", "The full name.", Target::Text(|draft| &mut draft.contact.name)),
    field("contact.first_name", "The given name.", Target::Text(|draft| &mut draft.contact.first_name)),
    field("contact.email", "The e-mail address.", Target::Text(|draft| &mut draft.contact.email)),
    field("contact.phone", "The telephone number.", Target::Text(|draft| &mut draft.contact.phone)),
    field("contact.tags", "Tags of the person: a list.", Target::Texts(|draft| &mut draft.contact.tags)),
    field("message.id", "The provider's id.", Target::Text(|draft| &mut message(draft).id)),
    field("message.direction", "`inbound`, `outbound` or `internal`.", Target::Other(set_direction)),
    field("message.text", "The new text, without quoted history.", Target::Content),
    field("message.full_text", "The text with what it quotes.", Target::Content),
    field("message.html", "The HTML.", Target::Content),
    field("message.subject", "The subject of this message.", Target::Text(|draft| &mut message(draft).subject)),
    field("message.from", "The sender.", Target::Text(|draft| &mut message(draft).from)),
    field("message.to", "The recipients.", Target::Texts(|draft| &mut message(draft).to)),
    field("message.cc", "The recipients in copy.", Target::Texts(|draft| &mut message(draft).cc)),
    field("message.headers", "Mail headers: a mapping, or a list of `name` and `value`.", Target::Other(set_headers)),
    field("message.language", "ISO 639-1 code.", Target::Word(|draft| &mut message(draft).language)),
    field("message.is_automated", "True where a program wrote it.", Target::Other(set_automated)),
    field("message.author", "`contact`, `member` or `system`.", Target::Other(set_author)),
    field(
        "message.thread_id",
        "The thread inside the conversation.",
        Target::Text(|draft| &mut message(draft).thread_id),
    ),
    field("message.request_id", "The id of a send of ours.", Target::Text(|draft| &mut message(draft).request_id)),
    field("message.attachments", "Addresses of files: a list.", Target::Other(set_attachments)),
];

fn replace(place: fn(&mut Draft) -> &mut Option<String>, draft: &mut Draft, text: Option<String>) {
    if text.is_some() {
        *place(draft) = text;
    }
}

/// The message, made where there is none: inbound and by the contact, unless the kind of the event says otherwise.
fn message(draft: &mut Draft) -> &mut Message {
    let (direction, author) = match draft.kind {
        EventKind::MessageSent => (Direction::Outbound, Author::Unknown),
        EventKind::NoteAdded => (Direction::Internal, Author::Unknown),
        _ => (Direction::Inbound, Author::Contact),
    };
    draft.message.get_or_insert_with(|| Message { direction, author, ..Message::default() })
}

/// The new text comes out of the whole text, and that out of the HTML, where they are not mapped themselves.
fn set_content(draft: &mut Draft, text: Option<String>, full_text: Option<String>, html: Option<String>) {
    let full_text = full_text.or_else(|| text.clone()).or_else(|| html.as_deref().map(text_of_html));
    let Some(full_text) = full_text else { return };
    let message = message(draft);
    message.text = text.unwrap_or_else(|| without_quote(&full_text));
    message.full_text = full_text;
    message.html = html.or(message.html.take());
}

/// A message that travels outwards was not received.
fn follow_direction(draft: &mut Draft) {
    let direction = draft.message.as_ref().map(|message| message.direction);
    match (draft.kind, direction) {
        (EventKind::MessageReceived, Some(Direction::Outbound)) => draft.kind = EventKind::MessageSent,
        (EventKind::MessageReceived, Some(Direction::Internal)) => draft.kind = EventKind::NoteAdded,
        _ => {}
    }
}

fn set_id(draft: &mut Draft, value: &Value) {
    if let Some(id) = read::text(value, "") {
        draft.dedupe_key = id;
    }
}

fn set_at(draft: &mut Draft, value: &Value) {
    draft.at = read::time(value, "").or(draft.at);
}

fn set_count(draft: &mut Draft, value: &Value) {
    draft.conversation.message_count = value.as_u64().or(draft.conversation.message_count);
}

fn set_direction(draft: &mut Draft, value: &Value) {
    let direction = match read::text(value, "").map(|word| word.to_lowercase()).as_deref() {
        Some("inbound" | "in" | "incoming" | "received") => Direction::Inbound,
        Some("outbound" | "out" | "outgoing" | "sent") => Direction::Outbound,
        Some("internal" | "note" | "private" | "none") => Direction::Internal,
        _ => return,
    };
    let message = message(draft);
    message.direction = direction;
    if direction != Direction::Inbound && message.author == Author::Contact {
        message.author = Author::Unknown;
    }
}

fn set_author(draft: &mut Draft, value: &Value) {
    let author = match read::text(value, "").map(|word| word.to_lowercase()).as_deref() {
        Some("contact" | "customer" | "lead") => Author::Contact,
        Some("member" | "agent" | "teammate" | "admin" | "staff") => Author::Member,
        Some("system" | "bot" | "workflow") => Author::System,
        _ => return,
    };
    message(draft).author = author;
}

fn set_automated(draft: &mut Draft, value: &Value) {
    match value {
        Value::Bool(is_automated) => message(draft).is_automated = *is_automated,
        Value::String(text) => message(draft).is_automated = text.eq_ignore_ascii_case("true"),
        _ => {}
    }
}

fn set_attachments(draft: &mut Draft, value: &Value) {
    let items = value.as_array().into_iter().flatten();
    let attachments: Vec<_> = items
        .map(|item| crate::model::Attachment {
            name: read::first_text(item, &["/name", "/filename", "/title"]),
            content_type: read::first_text(item, &["/content_type", "/contentType", "/type"]),
            size: item.pointer("/size").and_then(Value::as_u64),
            url: read::first_text(item, &["", "/url"]),
        })
        .collect();
    if !attachments.is_empty() {
        message(draft).attachments = attachments;
    }
}

/// Names in lower case, with every value in order; a value that is a list counts as several.
fn set_headers(draft: &mut Draft, value: &Value) {
    let mut headers = Headers::new();
    let mut add = |name: &str, value: &Value| {
        let values = match value {
            Value::Array(values) => values.iter().filter_map(|value| read::text(value, "")).collect(),
            one => one.as_str().map(str::to_owned).into_iter().collect::<Vec<_>>(),
        };
        headers.entry(name.trim().to_lowercase()).or_default().extend(values);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| add(name, value)),
        Value::Array(items) => {
            for item in items {
                let name = read::first_text(item, &["/name", "/key", "/0"]);
                if let (Some(name), Some(value)) = (name, item.pointer("/value").or_else(|| item.pointer("/1"))) {
                    add(&name, value);
                }
            }
        }
        _ => return,
    }
    message(draft).headers = Some(headers);
}

/// RFC 6901 §3: empty, or led by `/`, with `~` only as `~0` and `~1`.
pub(super) fn is_pointer(text: &str) -> bool {
    let escapes = || text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    text.is_empty() || (text.starts_with('/') && escapes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: Value) -> MapSettings {
        serde_json::from_value(json).unwrap()
    }

    fn draft(kind: EventKind) -> Draft {
        Draft {
            dedupe_key: "own".to_owned(),
            kind,
            at: None,
            conversation: Default::default(),
            contact: Default::default(),
            message: None,
            delivery: None,
        }
    }

    fn applied(map: Value, json: Value) -> Draft {
        let mut draft = draft(EventKind::MessageReceived);
        Mapping::compile(&settings(map)).unwrap().apply(&mut draft, &json);
        draft
    }

    #[test]
    fn a_desk_is_read_by_pointers_alone() {
        let draft = applied(
            json!({
                "event.id": "/id", "event.kind": "/type", "event.at": "/at", "conversation.id": "/ticket/id",
                "conversation.status": "/ticket/state", "contact.email": "/by/mail", "contact.name": "/by/name",
                "message.text": "/body", "message.to": "/to", "message.headers": "/head",
                "kinds": { "ticket.message": "message.received" }
            }),
            json!({
                "id": 17, "type": "ticket.message", "at": 1_772_445_600, "ticket": { "id": 9, "state": "OPEN" },
                "by": { "mail": "ann@example.org", "name": "Ann Lee" }, "body": "Hello", "to": "a@x.example, b@x.example",
                "head": { "Auto-Submitted": "auto-replied", "Received": ["one", "two"] }
            }),
        );
        assert_eq!((draft.dedupe_key.as_str(), draft.kind), ("17", EventKind::MessageReceived));
        assert_eq!(draft.at, Some("2026-03-02T10:00:00Z".parse().unwrap()));
        assert_eq!(draft.conversation.id.as_deref(), Some("9"));
        assert_eq!(draft.conversation.status.as_deref(), Some("open"));
        assert_eq!(draft.contact.first_name.as_deref(), Some("Ann"));
        let message = draft.message.unwrap();
        assert_eq!((message.text.as_str(), message.full_text.as_str()), ("Hello", "Hello"));
        assert_eq!((message.direction, message.author), (Direction::Inbound, Author::Contact));
        assert_eq!(message.to, ["a@x.example", "b@x.example"]);
        assert_eq!(message.headers.unwrap()["received"], ["one", "two"]);
    }

    #[test]
    fn what_is_not_found_leaves_the_adapters_reading_alone() {
        let mut draft = draft(EventKind::NoteAdded);
        draft.conversation.id = Some("c".to_owned());
        draft.contact.name = Some("Ann".to_owned());
        let before = draft.clone();
        let all: Map<String, Value> = FIELDS.iter().map(|field| (field.name.to_owned(), json!("/nowhere"))).collect();
        let mapping = Mapping::compile(&settings(Value::Object(all.clone()))).unwrap();
        mapping.apply(&mut draft, &json!({}));
        assert_eq!(draft, before);
        for junk in [json!(null), json!({}), json!([[]]), json!(" ")] {
            let places: Map<String, Value> = all.keys().map(|name| (name.clone(), junk.clone())).collect();
            let places = Value::Object(places);
            let own: Map<String, Value> = all.keys().map(|name| (name.clone(), json!(format!("/{name}")))).collect();
            Mapping::compile(&settings(Value::Object(own))).unwrap().apply(&mut draft, &places);
            assert_eq!((&draft.conversation, &draft.contact), (&before.conversation, &before.contact), "{junk}");
            assert_eq!(draft.dedupe_key, "own");
        }
    }

    #[test]
    fn the_forms_of_a_text_come_out_of_each_other() {
        let html = applied(json!({ "message.html": "/h" }), json!({ "h": "<p>Hi <b>you</b></p>" })).message.unwrap();
        assert_eq!((html.text.as_str(), html.full_text.as_str()), ("Hi you", "Hi you"));
        assert_eq!(html.html.as_deref(), Some("<p>Hi <b>you</b></p>"));
        let both = applied(
            json!({ "message.text": "/t", "message.full_text": "/f" }),
            json!({ "t": "new", "f": "new\n> old" }),
        );
        let both = both.message.unwrap();
        assert_eq!((both.text.as_str(), both.full_text.as_str()), ("new", "new\n> old"));
    }

    #[test]
    fn what_was_not_received_is_not_treated_as_received() {
        let kind = |map, json| applied(map, json).kind;
        let direction = || json!({ "message.direction": "/d", "message.text": "/t" });
        assert_eq!(kind(direction(), json!({ "d": "OUT", "t": "x" })), EventKind::MessageSent);
        assert_eq!(kind(direction(), json!({ "d": "private", "t": "x" })), EventKind::NoteAdded);
        assert_eq!(kind(direction(), json!({ "d": "in", "t": "x" })), EventKind::MessageReceived);
        assert_eq!(kind(json!({ "event.kind": "/k" }), json!({ "k": "note.added" })), EventKind::NoteAdded);
        assert_eq!(kind(json!({ "event.kind": "/k" }), json!({ "k": "ticket.merged" })), EventKind::Other);
        let sent =
            applied(json!({ "event.kind": "/k", "message.text": "/t" }), json!({ "k": "message.sent", "t": "x" }));
        assert_eq!(sent.message.unwrap().direction, Direction::Outbound);
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let wrong = settings(json!({
            "mesage.text": "/a", "contact.email": "data/mail", "contact.id": "/a~2b",
            "kinds": { "a/b": "message.recieved" }
        }));
        let faults = Mapping::compile(&wrong).unwrap_err();
        let lines: Vec<String> = faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        contact.email: `data/mail` is not a JSON pointer; write it like /data/body
        contact.id: `/a~2b` is not a JSON pointer; write it like /data/body
        mesage.text: there is no field `mesage.text` to map; did you mean `message.text`?
        kinds/a~1b: there is no event kind `message.recieved`; did you mean `message.received`? (known: message.received, message.sent, note.added, conversation.opened, conversation.updated, conversation.closed, contact.updated, delivery.updated, unreadable, other)
        kinds: needs `event.kind`, the place where the sender's word stands
        ");
    }

    #[test]
    fn the_schema_knows_the_same_fields() {
        let schema: Value = schemars::schema_for!(MapSettings).into();
        let valid = jsonschema::validator_for(&schema).unwrap();
        assert!(valid.is_valid(&json!({ "message.text": "/a", "kinds": { "x": "other" } })));
        assert!(!valid.is_valid(&json!({ "message.txt": "/a" })));
        assert!(!valid.is_valid(&json!({ "message.text": "a" })));
    }
}
