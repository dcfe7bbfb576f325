//! Spruce's webhooks as events: all fifteen, and those to come as `other`. Deliveries may arrive out of order and say only
//! `eventTime`. It never fails and calls nobody.

use serde_json::Value;

use crate::model::{Attachment, Author, Contact, Conversation, Direction, Draft, EventKind, Message};
use crate::provider::content::without_quote;
use crate::provider::listing::message_key;
use crate::provider::read::items;
use crate::provider::{Normalised, read};
use crate::signature::VerifiedDelivery;

/// Where the envelope carries the resource.
const OBJECT: &str = "/data/object";

/// A message or note was added to a conversation.
const CREATED: &str = "conversationItem.created";

/// Reads a delivery.
pub(super) fn normalise(delivery: &VerifiedDelivery, json: &Value) -> Normalised {
    match draft(json, delivery.body()) {
        Ok(draft) => Normalised::Event(Box::new(draft)),
        Err(reason) => Normalised::Unreadable(reason.to_owned()),
    }
}

/// The event in a delivery; `body` are the bytes of it. The error says why there is none.
pub(super) fn draft(json: &Value, body: &[u8]) -> Result<Draft, &'static str> {
    let word = read::text(json, "/type").ok_or("the delivery has no `type`")?;
    let object = json.pointer(OBJECT).filter(|object| object.is_object()).ok_or("the delivery has no `data.object`")?;
    let thread = thread(&word, object);
    let message = word.starts_with("conversationItem.").then(|| message(object, thread));
    let contact = match word.starts_with("contact.") {
        true => contact(object),
        false => participant(thread, object, message.as_ref()),
    };
    // A new message is as old as itself; of everything else it is told when it happened.
    let times = match word.as_str() {
        CREATED => ["/data/object/createdAt", "/eventTime"],
        _ => ["/eventTime", "/data/object/createdAt"],
    };
    Ok(Draft {
        dedupe_key: dedupe_key(json, body, &word),
        kind: kind(&word, object, message.as_ref()),
        at: times.iter().find_map(|pointer| read::time(json, pointer)),
        conversation: conversation(&word, object, thread),
        contact,
        message,
        delivery: None,
    })
}

/// Of a new message its own id, by which the list of items knows it too. Else the event's `id` where there is one: the
/// published envelope has none. Else what changed, and when.
fn dedupe_key(json: &Value, body: &[u8], word: &str) -> String {
    let id = read::text(json, "/data/object/id");
    let created = id.as_deref().filter(|_| word == CREATED).map(message_key);
    let changed = || {
        let at = read::first_text(json, &["/data/object/modifiedAt", "/eventTime"])?;
        Some(format!("{word}|{}|{at}", id.as_ref()?))
    };
    created.or_else(|| read::text(json, "/id")).or_else(changed).unwrap_or_else(|| read::body_key(body))
}

fn kind(word: &str, object: &Value, message: Option<&Message>) -> EventKind {
    match (word, message.map(|message| message.direction)) {
        (CREATED, Some(Direction::Inbound)) => EventKind::MessageReceived,
        (CREATED, Some(Direction::Outbound)) => EventKind::MessageSent,
        (CREATED, _) => EventKind::NoteAdded,
        ("conversation.created", _) => EventKind::ConversationOpened,
        ("conversation.updated", _) if read::flag(object, "/archived") => EventKind::ConversationClosed,
        ("scheduledMessage.sent", _) => EventKind::DeliveryUpdated,
        _ if word.starts_with("conversation.") || word.starts_with("conversationItem.") => {
            EventKind::ConversationUpdated
        }
        _ if word.starts_with("contact.") => EventKind::ContactUpdated,
        _ => EventKind::Other,
    }
}

/// The conversation object: the resource itself, or the parent that a message's webhook carries along.
fn thread<'a>(word: &str, object: &'a Value) -> &'a Value {
    match word.starts_with("conversation.") {
        true => object,
        false => object.get("conversation").unwrap_or(&Value::Null),
    }
}

/// The conversation of a delivery.
pub(super) fn conversation(word: &str, object: &Value, thread: &Value) -> Conversation {
    let archived = thread.get("archived").and_then(Value::as_bool);
    let status = match (word, archived) {
        ("conversation.deleted", _) => Some("deleted"),
        (_, Some(true)) => Some("closed"),
        (_, Some(false)) => Some("open"),
        (_, None) => None,
    };
    let is_contact = word.starts_with("contact.");
    Conversation {
        id: read::text(thread, "/id").or_else(|| read::text(object, "/conversationId")),
        subject: read::text(thread, "/title"),
        status: status.map(str::to_owned),
        channel: read::text(thread, "/type").map(|channel| match channel.as_str() {
            // Text messages and calls share the conversation of a number.
            "phone" => "sms".to_owned(),
            _ => channel.to_lowercase(),
        }),
        tags: values(thread, "/tags"),
        assignee: read::text(thread, "/assignedToMemberId"),
        message_count: None,
        url: read::text(thread, "/appURL").or_else(|| read::text(object, "/appURL").filter(|_| !is_contact)),
    }
}

/// The `value` of each entry of a list.
fn values(json: &Value, pointer: &str) -> Vec<String> {
    items(json, pointer).filter_map(|item| read::text(item, "/value")).collect()
}

fn message(item: &Value, thread: &Value) -> Message {
    let direction = match (read::flag(item, "/isInternalNote"), read::text(item, "/direction").as_deref()) {
        (false, Some("inbound")) => Direction::Inbound,
        (false, Some("outbound")) => Direction::Outbound,
        _ => Direction::Internal,
    };
    let full_text = read::text(item, "/text").unwrap_or_default();
    let is_email = read::text(thread, "/type").is_some_and(|channel| channel == "email");
    let ours = endpoint(thread.get("internalEndpoint"));
    let theirs = || items(thread, "/externalParticipants").filter_map(|one| endpoint(one.get("endpoint")));
    let author = author(item, thread, direction);
    Message {
        id: read::text(item, "/id"),
        direction,
        text: if is_email { without_quote(&full_text) } else { full_text.clone() },
        full_text,
        from: match direction {
            Direction::Inbound => sender(thread, item).and_then(|one| endpoint(one.get("endpoint"))),
            Direction::Outbound => ours.clone(),
            Direction::Internal => None,
        },
        to: match direction {
            Direction::Inbound => ours.into_iter().collect(),
            Direction::Outbound => theirs().collect(),
            Direction::Internal => Vec::new(),
        },
        attachments: items(item, "/attachments").map(attachment).collect(),
        is_automated: author == Author::System,
        author,
        request_id: read::first_text(item, &["/requestId", "/requestID"]),
        ..Message::default()
    }
}

/// An author's id is left out for what comes in by SMS, voice, e-mail or fax, and given for secure messages, teammates,
/// teams and the organization. Device information names the API credentials where a program wrote.
fn author(item: &Value, thread: &Value, direction: Direction) -> Author {
    let id = read::text(item, "/author/id");
    let is_member =
        id.as_ref().is_some_and(|id| items(thread, "/internalMemberIds").any(|member| member == id.as_str()));
    match direction {
        _ if read::text(item, "/author/deviceInformation/accessID").is_some() => Author::System,
        _ if is_member => Author::Member,
        Direction::Inbound => Author::Contact,
        _ if id.is_some() => Author::Member,
        _ => Author::Unknown,
    }
}

fn attachment(item: &Value) -> Attachment {
    Attachment {
        name: read::first_text(item, &["/title", "/data/name"]),
        content_type: read::first_text(item, &["/data/mimetype", "/type"]),
        size: None,
        url: read::first_text(item, &["/data/signedUrl", "/data/signedUrl/url", "/data/url"]),
    }
}

/// The address or number of an endpoint; a secure one is a link of the organization and says nothing about a person.
fn endpoint(endpoint: Option<&Value>) -> Option<String> {
    let endpoint = endpoint.filter(|endpoint| !is_channel(endpoint, "secure"))?;
    read::first_text(endpoint, &["/rawValue", "/displayValue"])
}

fn is_channel(endpoint: &Value, channel: &str) -> bool {
    read::text(endpoint, "/channel").is_some_and(|found| found == channel)
}

/// The participant that wrote a message: the one who shares its author's id or name, else the first.
fn sender<'a>(thread: &'a Value, item: &Value) -> Option<&'a Value> {
    let (id, name) = (read::text(item, "/author/id"), read::text(item, "/author/displayName"));
    let is_author = |one: &&Value| {
        (id.is_some() && read::text(one, "/contact") == id)
            || (name.is_some() && read::text(one, "/displayName") == name)
    };
    let mut participants = items(thread, "/externalParticipants");
    participants.find(is_author).or_else(|| items(thread, "/externalParticipants").next())
}

/// The person of a conversation.
pub(super) fn participant(thread: &Value, item: &Value, message: Option<&Message>) -> Contact {
    let one = sender(thread, item).unwrap_or(&Value::Null);
    let endpoint_value = |channel: &str| {
        let endpoint = one.get("endpoint").filter(|endpoint| is_channel(endpoint, channel));
        endpoint.and_then(|endpoint| read::first_text(endpoint, &["/rawValue", "/displayValue"]))
    };
    let wrote = message.is_some_and(|message| message.direction == Direction::Inbound);
    let name = read::text(one, "/displayName").or_else(|| read::text(item, "/author/displayName").filter(|_| wrote));
    Contact {
        id: read::first_text(one, &["/contact", "/contact/id"])
            .or_else(|| read::text(thread, "/associatedContactIds/0"))
            .or_else(|| read::text(item, "/author/id").filter(|_| wrote)),
        first_name: read::first_name(name.as_deref()),
        name,
        email: endpoint_value("email"),
        phone: endpoint_value("phone"),
        tags: Vec::new(),
    }
}

/// The resource of the `contact.*` events.
fn contact(object: &Value) -> Contact {
    let name = read::text(object, "/displayName");
    Contact {
        id: read::text(object, "/id"),
        first_name: read::text(object, "/givenName").or_else(|| read::first_name(name.as_deref())),
        name,
        email: values(object, "/emailAddresses").into_iter().next(),
        phone: values(object, "/phoneNumbers").into_iter().next(),
        tags: values(object, "/tags"),
    }
}
