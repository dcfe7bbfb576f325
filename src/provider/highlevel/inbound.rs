//! HighLevel's webhooks as events. Every field but `type` may be missing; the official examples contradict each other and
//! themselves (`docs/webhook events`). It never fails and calls nobody.

use serde_json::Value;

use super::channel;
use crate::model::event::bare_address;
use crate::model::{
    Attachment, Author, Contact, Conversation, DeliveryReport, DeliveryStatus, Direction, Draft, EventKind, Message,
};
use crate::provider::content::without_quote;
use crate::provider::listing::message_key;
use crate::provider::{Normalised, read};
use crate::signature::VerifiedDelivery;
use crate::text::text_of_html;

/// A field, which stands in the root of the documented payloads and under `data` in the envelope of the webhook guide.
pub(super) fn field(json: &Value, name: &str) -> Option<String> {
    read::first_text(json, &[&format!("/{name}"), &format!("/data/{name}")])
}

/// A list, in either place; a single text is a list of one.
fn list(json: &Value, name: &str) -> Vec<String> {
    let found = read::texts(json, &format!("/{name}"));
    if found.is_empty() { read::texts(json, &format!("/data/{name}")) } else { found }
}

/// Reads a delivery.
pub(super) fn normalise(delivery: &VerifiedDelivery, json: &Value) -> Normalised {
    match draft(json, delivery.body()) {
        Some(draft) => Normalised::Event(Box::new(draft)),
        None => Normalised::Unreadable("the delivery has no `type`".to_owned()),
    }
}

/// The event in a delivery; `body` are the bytes of it. None where it has no `type`.
pub(super) fn draft(json: &Value, body: &[u8]) -> Option<Draft> {
    let kind = field(json, "type")?;
    let channel = field(json, "messageType").map(|word| channel::word(&word));
    let kind = Kind::of(&kind, json, channel.as_deref());
    let message = kind.direction.map(|direction| message(json, direction, channel.as_deref()));
    let contact = contact(json, kind.event, message.as_ref());
    // A contact's `dateAdded` is when the contact was added, not when the event happened.
    let times: &[&str] = match message {
        Some(_) => &["/dateAdded", "/data/dateAdded", "/timestamp", "/data/timestamp"],
        None => &["/timestamp", "/data/timestamp"],
    };
    Some(Draft {
        dedupe_key: dedupe_key(json, body, message.is_some() && kind.event != EventKind::DeliveryUpdated),
        kind: kind.event,
        at: times.iter().find_map(|pointer| read::time(json, pointer)),
        conversation: Conversation {
            id: field(json, "conversationId")
                .or_else(|| field(json, "id").filter(|_| kind.event == EventKind::ConversationUpdated)),
            subject: field(json, "subject"),
            channel,
            assignee: field(json, "assignedTo"),
            ..Conversation::default()
        },
        contact,
        message,
        delivery: report(json).filter(|_| kind.event == EventKind::DeliveryUpdated),
    })
}

/// Of a message the id by which the lists know it too: that of the mail, where it is one. It is announced again when its
/// status changes, and is the same message then. Of everything else `webhookId`; without it type, id and status; without
/// an id the bytes.
fn dedupe_key(json: &Value, body: &[u8], is_message: bool) -> String {
    let written = field(json, "emailMessageId").or_else(|| field(json, "messageId"));
    if let (Some(id), true) = (&written, is_message) {
        return message_key(id);
    }
    let part = |name| field(json, name).unwrap_or_default();
    if let (Some(id), Some(_)) = (&written, report(json)) {
        // Both ways of hearing of it name the message and what became of it.
        return format!("delivery:{id}:{}", part("status").to_lowercase());
    }
    let changed = || Some(format!("{}|{}|{}", part("type"), written.as_ref()?, part("status")));
    field(json, "webhookId").or_else(changed).unwrap_or_else(|| read::body_key(body))
}

/// E-mails are known by `emailMessageId` alone in the official examples.
fn message_id(json: &Value) -> Option<String> {
    field(json, "messageId").or_else(|| field(json, "emailMessageId"))
}

/// What happened, and where its message travels, where there is one.
struct Kind {
    event: EventKind,
    direction: Option<Direction>,
}

impl Kind {
    /// `InboundMessage` is inbound unless its direction denies it. `OutboundMessage` never is, whatever its direction says:
    /// the official SMS example says `inbound`, and believing it would answer our own messages.
    fn of(kind: &str, json: &Value, channel: Option<&str>) -> Self {
        let is_message = matches!(kind, "InboundMessage" | "OutboundMessage");
        let denies = || field(json, "direction").is_some_and(|direction| direction.eq_ignore_ascii_case("outbound"));
        let (event, direction) = match kind {
            _ if is_message && channel == Some(channel::INTERNAL_COMMENT) => {
                (EventKind::NoteAdded, Some(Direction::Internal))
            }
            "OutboundMessage" if report(json).is_some() => (EventKind::DeliveryUpdated, Some(Direction::Outbound)),
            "InboundMessage" if !denies() => (EventKind::MessageReceived, Some(Direction::Inbound)),
            "InboundMessage" | "OutboundMessage" => (EventKind::MessageSent, Some(Direction::Outbound)),
            "ConversationUnreadUpdate" => (EventKind::ConversationUpdated, None),
            _ if kind.starts_with("Contact") => (EventKind::ContactUpdated, None),
            _ => (EventKind::Other, None),
        };
        Self { event, direction }
    }
}

/// A message of our side is announced again when its status changes. The words for what did not arrive are those of
/// `apps/conversations.json`; whether it may pass is not said.
fn report(json: &Value) -> Option<DeliveryReport> {
    let word = field(json, "status")?.to_lowercase();
    let status = match word.as_str() {
        "failed" | "undelivered" | "rejected" => DeliveryStatus::Failed,
        "bounced" => DeliveryStatus::Bounced,
        _ => return None,
    };
    let message_id = message_id(json);
    Some(DeliveryReport { status, is_permanent: false, reason: Some(word), message_id })
}

fn message(json: &Value, direction: Direction, channel: Option<&str>) -> Message {
    let body = field(json, "body").unwrap_or_default();
    let is_email = channel == Some(channel::EMAIL);
    let is_html = match field(json, "contentType") {
        Some(content_type) => content_type.to_lowercase().contains("html"),
        None => is_email && body.contains('<') && body.contains('>'),
    };
    let full_text = if is_html { text_of_html(&body) } else { body.clone() };
    let author = author(json, direction);
    Message {
        id: message_id(json),
        direction,
        text: if is_email { without_quote(&full_text) } else { full_text.clone() },
        full_text,
        html: is_html.then_some(body),
        subject: field(json, "subject"),
        from: field(json, "from"),
        to: list(json, "to"),
        cc: list(json, "cc"),
        headers: None,
        attachments: attachments(json),
        language: None,
        is_automated: author == Author::System,
        author,
        thread_id: field(json, "threadId").or_else(|| field(json, "emailMessageId")),
        // Of an e-mail we sent, the answer names `messageId` and `emailMessageId`, the webhook perhaps the latter alone.
        request_id: field(json, "emailMessageId").filter(|_| direction == Direction::Outbound),
    }
}

/// `source` is one of `workflow`, `bulk_actions`, `campaign`, `api` and `app` (`apps/conversations.json`); all but the last
/// are programs, even where a user stands behind them. From the app a `userId` is a member; without one HighLevel does
/// not say who wrote.
fn author(json: &Value, direction: Direction) -> Author {
    let source = field(json, "source").map(|source| source.to_lowercase());
    match (direction, source.as_deref()) {
        (Direction::Inbound, _) => Author::Contact,
        (_, Some("app") | None) if field(json, "userId").is_some() => Author::Member,
        (_, Some("app") | None) => Author::Unknown,
        _ => Author::System,
    }
}

/// Attachments are addresses.
fn attachments(json: &Value) -> Vec<Attachment> {
    let found = read::items(json, "/attachments").chain(read::items(json, "/data/attachments"));
    let urls = found.filter_map(|item| read::first_text(item, &["", "/url"]));
    urls.map(|url| Attachment { url: Some(url), ..Attachment::default() }).collect()
}

fn contact(json: &Value, kind: EventKind, message: Option<&Message>) -> Contact {
    let is_contact = kind == EventKind::ContactUpdated;
    // The correspondent's address, in the form `Name <address>`.
    let address = message.and_then(|message| match message.direction {
        Direction::Inbound => message.from.as_deref(),
        Direction::Outbound if message.to.len() == 1 => message.to.first().map(String::as_str),
        _ => None,
    });
    let address = address.filter(|address| address.contains('@'));
    let whole = [field(json, "firstName"), field(json, "lastName")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name = field(json, "name").or_else(|| Some(whole).filter(|name| !name.is_empty()));
    let name = name.or_else(|| address.and_then(display_name));
    Contact {
        id: field(json, "contactId").or_else(|| field(json, "id").filter(|_| is_contact)),
        first_name: field(json, "firstName").or_else(|| read::first_name(name.as_deref())),
        name,
        email: field(json, "email").or_else(|| address.map(bare_address)),
        phone: field(json, "phone"),
        tags: if is_contact { list(json, "tags") } else { Vec::new() },
    }
}

/// The name in `Name <address>`.
fn display_name(address: &str) -> Option<String> {
    let (name, _) = address.split_once('<')?;
    let name = name.trim().trim_matches('"');
    (!name.is_empty()).then(|| name.to_owned())
}
