//! Reads what Fernand sends. It publishes no conversation webhook, so two shapes are known: a message or note as its own
//! API shows it, and the custom-data call. Anything else becomes an event too, for `map:` to fill. Never fails on a field.

use serde_json::Value;

use crate::model::{
    Attachment, Author, Contact, Conversation, DeliveryReport, DeliveryStatus, Direction, Draft, EventKind, Message,
};
use crate::provider::Normalised;
use crate::provider::content::without_quote;
use crate::provider::read::{body_key, first_name, first_text, flag, items, text, time};
use crate::text::text_of_html;

/// What the status of a message of ours says of it, where it did not arrive. Of one that came back Fernand does not say
/// whether it may pass, so it is taken to be for good; `ERROR` is Fernand's own failure to send it.
fn report(json: &Value) -> Option<DeliveryReport> {
    let status = match text(json, "/status")?.to_uppercase().as_str() {
        "BOUNCED" => DeliveryStatus::Bounced,
        "ERROR" => DeliveryStatus::Failed,
        _ => return None,
    };
    let is_permanent = status == DeliveryStatus::Bounced;
    Some(DeliveryReport { status, is_permanent, reason: None, message_id: text(json, "/id") })
}

/// A report is known by its message and what became of it: what is around it changes.
fn report_key(json: &Value) -> Option<String> {
    Some(format!("delivery:{}:{}", text(json, "/id")?, text(json, "/status")?.to_lowercase()))
}

/// Reads a delivery.
pub(super) fn normalise(body: &[u8], json: &Value) -> Normalised {
    match draft(json, body) {
        Some(draft) => Normalised::Event(Box::new(draft)),
        None => Normalised::Unreadable("the delivery is not a JSON object".to_owned()),
    }
}

/// The event in a delivery; `body` are the bytes of it. None where it is no object.
pub(super) fn draft(json: &Value, body: &[u8]) -> Option<Draft> {
    if !json.is_object() {
        return None;
    }
    let kind = kind(json);
    let is_entry = !matches!(kind, EventKind::Other | EventKind::DeliveryUpdated);
    Some(Draft {
        dedupe_key: match kind {
            EventKind::DeliveryUpdated => report_key(json),
            _ => entry_key(json).filter(|_| is_entry),
        }
        .unwrap_or_else(|| body_key(body)),
        kind,
        at: ["/timestamp", "/created"].iter().find_map(|at| time(json, at)),
        conversation: conversation(json, is_entry),
        contact: contact(json),
        message: is_entry.then(|| message(json, kind)),
        delivery: report(json).filter(|_| kind == EventKind::DeliveryUpdated),
    })
}

/// Our word for the status of a conversation.
pub(super) fn status_word(status: &str) -> String {
    match status.to_lowercase().as_str() {
        "opened" => "open".to_owned(),
        word => word.to_owned(),
    }
}

/// The custom-data call says that an agent opened the conversation or pressed a button in it. Nothing about the
/// conversation changed, so it is [`EventKind::Other`].
fn kind(json: &Value) -> EventKind {
    let word = |at| text(json, at).map(|word| word.to_uppercase()).unwrap_or_default();
    match (word("/type").as_str(), word("/way").as_str()) {
        ("NOTE", _) => EventKind::NoteAdded,
        ("MESSAGE" | "", "IN") => EventKind::MessageReceived,
        ("MESSAGE" | "", "OUT") if report(json).is_some() => EventKind::DeliveryUpdated,
        ("MESSAGE" | "", "OUT") => EventKind::MessageSent,
        _ => EventKind::Other,
    }
}

/// The id of a message or note, with its type, since the two are numbered apart. The prefixes `m-` and `n-` are announced
/// to go away, so they are taken off.
fn entry_key(json: &Value) -> Option<String> {
    let id = text(json, "/id")?;
    let number = id.trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim_start_matches('-');
    let number = if number.is_empty() { &id } else { number };
    let kind = text(json, "/type").unwrap_or_else(|| "MESSAGE".to_owned());
    Some(format!("{}:{number}", kind.to_lowercase()))
}

fn conversation(json: &Value, is_entry: bool) -> Conversation {
    let status = text(json, "/status").map(|status| status.to_lowercase());
    Conversation {
        id: first_text(json, &["/conversation_id", "/conversation/id"]),
        subject: first_text(json, &["/subject", "/conversation/subject"]),
        // The status of a message is not that of its conversation, but spam is spam.
        status: status
            .filter(|status| is_entry && status == "spam")
            .or_else(|| text(json, "/conversation/status").map(|status| status_word(&status))),
        channel: text(json, "/source").map(|source| source.to_lowercase()),
        ..Conversation::default()
    }
}

/// The custom-data call has the address under `email`, the call of a button under `contact`; `contacts` has everybody.
fn contact(json: &Value) -> Contact {
    let email = first_text(json, &["/email", "/contact/email", "/contact", "/contacts/0/email", "/contacts/0"]);
    let email = email.filter(|email| email.contains('@'));
    let own =
        items(json, "/contacts").filter(|known| text(known, "/email") == email).find_map(|known| text(known, "/name"));
    let name = text(json, "/contact/name").or(own);
    Contact {
        id: first_text(json, &["/contact_id", "/contact/id"]),
        first_name: first_name(name.as_deref()),
        name,
        email,
        ..Contact::default()
    }
}

fn message(json: &Value, kind: EventKind) -> Message {
    let html = text(json, "/message");
    let full = html.as_deref().map(text_of_html).unwrap_or_default();
    let is_automated = flag(json, "/is_automated");
    let (direction, author) = match kind {
        EventKind::MessageReceived => (Direction::Inbound, Author::Contact),
        EventKind::NoteAdded => (Direction::Internal, Author::Member),
        _ if is_automated => (Direction::Outbound, Author::System),
        _ => (Direction::Outbound, Author::Member),
    };
    Message {
        id: text(json, "/id"),
        direction,
        text: without_quote(&full),
        full_text: full,
        html,
        subject: text(json, "/subject"),
        from: contact(json).email.filter(|_| direction == Direction::Inbound),
        attachments: attachments(json),
        language: text(json, "/language").map(|language| language.to_lowercase()),
        is_automated,
        author,
        ..Message::default()
    }
}

fn attachments(json: &Value) -> Vec<Attachment> {
    let read = |file: &Value| Attachment {
        name: text(file, "/name"),
        content_type: text(file, "/type"),
        size: file.pointer("/size").and_then(Value::as_u64),
        url: text(file, "/url"),
    };
    items(json, "/attachments").map(read).collect()
}
