//! From the partial event of a test to a whole one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::site::Surroundings;
use super::document::EventDocument;
use crate::model::{
    AccountName, Contact, Conversation, Direction, Event, EventId, EventKind, Headers, Message, SourceName,
};
use crate::yaml::{Wrong, suggest};

/// The event of a step. `number` tells the events of one test apart.
pub fn build(
    written: EventDocument,
    surroundings: &Surroundings,
    number: usize,
    now: Timestamp,
) -> Result<Event, String> {
    if let Some((pointer, why)) = unknown(&written, surroundings).into_iter().next() {
        return Err(format!("event{}: {why}", pointer.replace('/', ".")));
    }
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
            let own = surroundings.account(&account).map(|account| account.own_addresses.as_slice());
            let written = written.message.unwrap_or_default();
            Some(message(written, kind, &contact, &conversation, own.unwrap_or_default(), number)?)
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
        decide_from: None,
        conversation,
        contact,
        message,
        raw: written.raw,
        unreadable: None,
        delivery: written.delivery,
    })
}

/// The names in an event that the configuration does not have, by pointer. Without accounts there is nothing to know.
pub(super) fn unknown(written: &EventDocument, surroundings: &Surroundings) -> Vec<Wrong> {
    let accounts = &surroundings.accounts;
    if accounts.is_empty() {
        return Vec::new();
    }
    let judge = |key: &str, name: &Option<String>, known: BTreeSet<&str>| {
        let name = name.as_deref().filter(|name| !known.contains(name))?;
        Some((format!("/{key}"), format!("no {key} is called `{name}` in the configuration{}", suggest(name, known))))
    };
    [
        judge("source", &written.source, surroundings.sources.keys().map(SourceName::as_str).collect()),
        judge("account", &written.account, accounts.iter().map(|account| account.name.as_str()).collect()),
        judge("provider", &written.provider, accounts.iter().map(|account| account.provider.as_str()).collect()),
    ]
    .into_iter()
    .flatten()
    .collect()
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
    own: &[String],
    number: usize,
) -> Result<Message, String> {
    let says_headers = written.contains_key("headers");
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
    // A test that says nothing of headers means ordinary mail, whose headers are known and plain.
    if is_inbound && !says_headers && may_be_mail(&message, conversation) {
        message.headers = Some(ordinary_headers(&message, own));
    }
    Ok(message)
}

fn may_be_mail(message: &Message, conversation: &Conversation) -> bool {
    match conversation.channel.as_deref() {
        Some(channel) => channel.to_lowercase().contains("mail"),
        None => message.from.as_deref().is_some_and(|from| from.contains('@')),
    }
}

/// From, to whom the test says or else to us, and the subject.
fn ordinary_headers(message: &Message, own: &[String]) -> Headers {
    let us = || own.iter().find(|own| own.contains('@')).cloned();
    let to = if message.to.is_empty() { us().into_iter().collect() } else { message.to.clone() };
    let all = [
        ("from", message.from.iter().cloned().collect()),
        ("to", to),
        ("cc", message.cc.clone()),
        ("subject", message.subject.iter().cloned().collect()),
    ];
    all.into_iter()
        .filter(|(_, values): &(_, Vec<String>)| !values.is_empty())
        .map(|(name, values)| (name.to_owned(), values))
        .collect()
}

fn listed(value: Value) -> Value {
    match value {
        Value::Array(_) | Value::Null => value,
        one => Value::Array(vec![one]),
    }
}
