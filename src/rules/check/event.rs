//! From the partial event of a test to a whole one.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::site::Surroundings;
use super::document::EventDocument;
use crate::model::{AccountName, Contact, Conversation, Direction, Event, EventId, EventKind, Message, SourceName};

/// The event of a step. `number` tells the events of one test apart.
pub fn build(
    written: EventDocument,
    surroundings: &Surroundings,
    number: usize,
    now: Timestamp,
) -> Result<Event, String> {
    let (source, account) = place(&written, surroundings);
    let known = surroundings.account(&account).map(|account| account.provider.clone());
    let kind = written.kind.unwrap_or(EventKind::MessageReceived);
    let mut contact = written.contact.unwrap_or_default();
    if contact == Contact::default() {
        contact.email = Some("someone@example.org".to_owned());
    }
    contact.first_name =
        contact.first_name.or_else(|| contact.name.as_deref()?.split_whitespace().next().map(str::to_owned));
    let mut conversation = written.conversation.unwrap_or_default();
    conversation.id.get_or_insert_with(|| "test-conversation".to_owned());
    let message = match kind {
        EventKind::MessageReceived | EventKind::MessageSent | EventKind::NoteAdded => {
            Some(message(written.message.unwrap_or_default(), kind, &contact, &conversation, number)?)
        }
        _ => None,
    };
    Ok(Event {
        id: EventId::derive(&source, &format!("test-{number}")),
        source,
        provider: written.provider.or(known).unwrap_or_else(|| "sandbox".to_owned()),
        account,
        kind,
        at: now,
        received_at: now,
        conversation,
        contact,
        message,
        raw: written.raw,
        unreadable: None,
    })
}

fn place(written: &EventDocument, surroundings: &Surroundings) -> (SourceName, AccountName) {
    let of_provider = |name: &str| surroundings.accounts.iter().find(|account| account.provider == name);
    let source = written.source.as_deref().map(SourceName::from);
    let account = match (&written.account, &source, &written.provider) {
        (Some(account), ..) => Some(AccountName::from(account.as_str())),
        (None, Some(source), _) => surroundings.sources.get(source).cloned(),
        (None, None, Some(provider)) => of_provider(provider).map(|account| account.name.clone()),
        (None, None, None) => surroundings.accounts.first().map(|account| account.name.clone()),
    };
    let account = account.unwrap_or_else(|| AccountName::from("test"));
    let of_account = || surroundings.sources.iter().find(|(_, of)| **of == account).map(|(source, _)| source.clone());
    (source.or_else(of_account).unwrap_or_else(|| SourceName::from("test")), account)
}

fn message(
    mut written: Map<String, Value>,
    kind: EventKind,
    contact: &Contact,
    conversation: &Conversation,
    number: usize,
) -> Result<Message, String> {
    // A test that says nothing of headers means ordinary mail, whose headers are known and plain.
    let headers = written.entry("headers").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(headers) = headers {
        *headers =
            std::mem::take(headers).into_iter().map(|(name, value)| (name.to_lowercase(), listed(value))).collect();
    }
    let is_inbound = kind == EventKind::MessageReceived;
    let direction = match kind {
        EventKind::MessageReceived => Direction::Inbound,
        EventKind::MessageSent => Direction::Outbound,
        _ => Direction::Internal,
    };
    written.entry("direction").or_insert_with(|| serde_json::to_value(direction).unwrap_or_default());
    written.entry("author").or_insert_with(|| if is_inbound { "contact" } else { "member" }.into());
    let mut message: Message =
        serde_json::from_value(Value::Object(written)).map_err(|error| format!("event.message: {error}"))?;
    if message.full_text.is_empty() {
        message.full_text = message.text.clone();
    }
    message.id.get_or_insert_with(|| format!("test-message-{number}"));
    if is_inbound {
        message.from = message.from.or_else(|| contact.email.clone().or_else(|| contact.phone.clone()));
    }
    message.subject = message.subject.or_else(|| conversation.subject.clone());
    Ok(message)
}

fn listed(value: Value) -> Value {
    match value {
        Value::Array(_) | Value::Null => value,
        one => Value::Array(vec![one]),
    }
}
