//! Reads Sequenzy's webhooks. Only `type` is relied upon: the exact JSON of a reply is not published, so each field is
//! looked for wherever integrations have seen it, in either spelling. Never fails on a field.

use serde_json::Value;

use crate::model::event::bare_address;
use crate::model::{
    Attachment, Author, Contact, Conversation, DeliveryReport, DeliveryStatus, Direction, Draft, EventKind, Message,
};
use crate::provider::Normalised;
use crate::provider::content::without_quote;
use crate::provider::excerpt::is_word;
use crate::provider::listing::message_key;
use crate::provider::read::{body_key, first_name, first_text, items, text, texts, time};
use crate::text::text_of_html;

/// What each type of event is; whatever stands in none of the rows is [`EventKind::Other`]. The types of the account's
/// own sending (`campaign.sent`, `sequence.*`, `poll.answered`, …) are among those.
const KINDS: [(EventKind, &[&str]); 3] = [
    (EventKind::MessageReceived, &["email.replied", "email.received"]),
    (
        EventKind::DeliveryUpdated,
        &[
            "email.sent",
            "email.delivered",
            "email.delivery_delayed",
            "email.bounced",
            "email.failed",
            "email.complained",
            "email.opened",
            "email.clicked",
            "sms.sent",
            "sms.delivered",
            "sms.failed",
        ],
    ),
    (EventKind::ContactUpdated, &["email.unsubscribed", "sms.opted_out"]),
];

/// Where a report names its message. Which of them is the id that a reply was answered with is not published.
const REPORTED: [&str; 6] = [
    "/data/reply/id",
    "/data/reply_id",
    "/data/message/id",
    "/data/conversation_message_id",
    "/data/conversationMessageId",
    "/data/email_send_id",
];

/// Reads a delivery.
pub(super) fn normalise(body: &[u8], json: &Value) -> Normalised {
    match draft(json, body) {
        Some(draft) => Normalised::Event(Box::new(draft)),
        None => Normalised::Unreadable("the delivery has no `type`".to_owned()),
    }
}

/// The event in a delivery; `body` are the bytes of it. None where it has no `type`.
pub(super) fn draft(json: &Value, body: &[u8]) -> Option<Draft> {
    let name = text(json, "/type")?;
    let kind = kind(&name, json);
    let channel = if name.starts_with("sms.") { "sms" } else { "email" };
    let contact = contact(json, kind, channel);
    let is_message = matches!(kind, EventKind::MessageReceived | EventKind::MessageSent | EventKind::NoteAdded);
    let message = is_message.then(|| message(json, kind));
    // A message has the key that the list of messages gives it too. The header X-Sequenzy-Event-Id repeats the id of the
    // delivery but is not covered by the signature, so it is not asked.
    let written = message.as_ref().and_then(|message| message.id.as_deref()).map(message_key);
    Some(Draft {
        dedupe_key: written.or_else(|| text(json, "/id")).unwrap_or_else(|| body_key(body)),
        kind,
        at: ["/data/received_at", "/data/reply/createdAt", "/created_at"].iter().find_map(|at| time(json, at)),
        conversation: conversation(json, channel),
        message,
        contact,
        delivery: report(&name, json),
    })
}

/// What a type of event says of a message we sent. A bounce is for good unless its type, which is Amazon SES's where the
/// payload has one, says otherwise: a complete mailbox or an unclear answer is not.
fn report(name: &str, json: &Value) -> Option<DeliveryReport> {
    let status = match name.split_once('.')?.1 {
        "sent" if !name.starts_with("campaign.") => DeliveryStatus::Sent,
        "delivered" => DeliveryStatus::Delivered,
        "delivery_delayed" => DeliveryStatus::Delayed,
        "bounced" => DeliveryStatus::Bounced,
        "failed" if !name.starts_with("sequence.") => DeliveryStatus::Failed,
        "complained" => DeliveryStatus::Complained,
        "opened" | "clicked" => DeliveryStatus::Opened,
        _ => return None,
    };
    let places = ["/data/bounce_type", "/data/bounceType", "/data/bounce/type", "/data/bounce/bounceType"];
    let may_pass = first_text(json, &places).is_some_and(|kind| {
        matches!(kind.to_lowercase().as_str(), "transient" | "soft" | "temporary" | "undetermined")
    });
    let word = ["/data/error_code", "/data/reason", "/data/complaint_type"];
    let reason = first_text(json, &places).or_else(|| first_text(json, &word)).map(|word| word.to_lowercase());
    Some(DeliveryReport {
        status,
        is_permanent: status == DeliveryStatus::Bounced && !may_pass,
        reason: reason.filter(|word| is_word(word)),
        message_id: first_text(json, &REPORTED),
    })
}

fn kind(name: &str, json: &Value) -> EventKind {
    if name.starts_with("subscriber.") {
        return EventKind::ContactUpdated;
    }
    let row = KINDS.iter().find(|(_, names)| names.contains(&name)).map_or(EventKind::Other, |(kind, _)| *kind);
    let side = first_text(json, &["/data/reply/type", "/data/message/type", "/data/type", "/data/direction"]);
    match (row, side.as_deref()) {
        (EventKind::MessageReceived, Some("outbound")) => EventKind::MessageSent,
        (EventKind::MessageReceived, Some("note")) => EventKind::NoteAdded,
        // A forward that the team made, recorded in the conversation.
        (EventKind::MessageReceived, Some("system")) => EventKind::Other,
        _ => row,
    }
}

/// A text under one of the names, in `data` or in the stored message inside it.
fn field(json: &Value, names: &[&str]) -> Option<String> {
    let places = ["/data", "/data/reply", "/data/message"];
    places.iter().find_map(|place| names.iter().find_map(|name| text(json, &format!("{place}/{name}"))))
}

fn conversation(json: &Value, channel: &str) -> Conversation {
    let count = ["/data/conversation/messageCount", "/data/conversation/message_count"];
    Conversation {
        id: first_text(
            json,
            &[
                "/data/conversation_id",
                "/data/conversationId",
                "/data/conversation/id",
                "/data/reply/conversation_id",
                "/data/reply/conversationId",
            ],
        ),
        subject: text(json, "/data/conversation/subject").or_else(|| field(json, &["subject"])),
        status: text(json, "/data/conversation/status").map(|status| status.to_lowercase()),
        channel: Some(channel.to_owned()),
        message_count: count.iter().find_map(|at| json.pointer(at)?.as_u64()),
        ..Conversation::default()
    }
}

/// The person on the other side: who wrote, or to whom it went.
fn contact(json: &Value, kind: EventKind, channel: &str) -> Contact {
    let subscriber = [
        "/data/subscriber/email",
        "/data/subscriber_email",
        "/data/conversation/subscriberEmail",
        "/data/conversation/subscriber_email",
        "/data/email",
    ];
    let wrote = kind == EventKind::MessageReceived;
    let from = |names: &[&str]| field(json, names).filter(|_| wrote);
    let recipient = || text(json, "/data/recipient").filter(|_| !wrote);
    let name = from(&["from_name", "fromName"])
        .or_else(|| first_text(json, &["/data/subscriber/name", "/data/conversation/subscriberName"]));
    let given = first_text(json, &["/data/subscriber/firstName", "/data/subscriber/first_name"]);
    let phone = first_text(json, &["/data/phone", "/data/phone_number", "/data/subscriber/phone"]);
    Contact {
        id: first_text(
            json,
            &["/data/subscriber_id", "/data/subscriberId", "/data/subscriber/id", "/data/conversation/subscriberId"],
        ),
        first_name: given.or_else(|| first_name(name.as_deref())),
        name,
        email: from(&["from_email", "fromEmail"])
            .or_else(|| first_text(json, &subscriber))
            .or_else(|| recipient().filter(|recipient| recipient.contains('@')))
            .map(|email| bare_address(&email)),
        phone: phone.or_else(|| recipient().filter(|_| channel == "sms")),
        tags: texts(json, "/data/subscriber/tags"),
    }
}

fn message(json: &Value, kind: EventKind) -> Message {
    let html = field(json, &["body_html", "bodyHtml"]);
    let full = field(json, &["body_text", "bodyText"]).or_else(|| html.as_deref().map(text_of_html));
    let new = field(json, &["stripped_text", "strippedText"]);
    let new = new.or_else(|| full.as_deref().map(without_quote)).unwrap_or_default();
    let (direction, author) = match kind {
        EventKind::MessageReceived => (Direction::Inbound, Author::Contact),
        EventKind::NoteAdded => (Direction::Internal, Author::Member),
        _ if field(json, &["fromUserId"]).is_some() => (Direction::Outbound, Author::Member),
        _ => (Direction::Outbound, Author::Unknown),
    };
    Message {
        // Not `message_id`: for a reply that is the id of the mail it answers.
        id: first_text(json, &["/data/reply/id", "/data/reply_id", "/data/message/id"]),
        direction,
        full_text: full.unwrap_or_else(|| new.clone()),
        text: new,
        html,
        subject: field(json, &["subject"]),
        from: field(json, &["from_email", "fromEmail"]),
        // Not `recipient`: for a reply that is who received the mail it answers.
        to: ["/data/to", "/data/recipient_address", "/data/recipientAddress", "/data/conversation/recipientAddress"]
            .iter()
            .map(|at| texts(json, at))
            .find(|to| !to.is_empty())
            .unwrap_or_default(),
        cc: texts(json, "/data/cc"),
        attachments: attachments(json),
        author,
        ..Message::default()
    }
}

fn attachments(json: &Value) -> Vec<Attachment> {
    let lists = ["/data/attachments", "/data/reply/attachments", "/data/message/attachments"];
    let found = lists.into_iter().find(|at| json.pointer(at).is_some_and(Value::is_array)).unwrap_or_default();
    let read = |file: &Value| Attachment {
        name: first_text(file, &["/filename", "/name"]),
        content_type: first_text(file, &["/contentType", "/content_type", "/type"]),
        size: file.pointer("/size").and_then(Value::as_u64),
        url: text(file, "/url"),
    };
    items(json, found).map(read).collect()
}
