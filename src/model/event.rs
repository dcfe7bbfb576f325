//! The provider-neutral form of a delivery. Every field that a provider may leave out is optional here.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::{AccountName, EventId, LaneKey, SourceName, digest};
use super::message::{Direction, Message};
use super::reported::DeliveryReport;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum EventKind {
    /// A contact wrote.
    #[serde(rename = "message.received")]
    MessageReceived,
    /// A member, or a program on our side, wrote to a contact.
    #[serde(rename = "message.sent")]
    MessageSent,
    /// An internal note was written.
    #[serde(rename = "note.added")]
    NoteAdded,
    /// A conversation began.
    #[serde(rename = "conversation.opened")]
    ConversationOpened,
    /// Something about a conversation changed.
    #[serde(rename = "conversation.updated")]
    ConversationUpdated,
    /// A conversation was closed or archived.
    #[serde(rename = "conversation.closed")]
    ConversationClosed,
    /// A contact was created, changed, merged or deleted.
    #[serde(rename = "contact.updated")]
    ContactUpdated,
    /// A message we or a member sent was delivered, opened, bounced and the like.
    #[serde(rename = "delivery.updated")]
    DeliveryUpdated,
    /// The sender was authentic, but its delivery could not be read.
    #[serde(rename = "unreadable")]
    Unreadable,
    /// Anything else.
    #[serde(rename = "other")]
    Other,
}

impl EventKind {
    /// Every kind, in the order of the reference.
    pub const ALL: [Self; 10] = [
        Self::MessageReceived,
        Self::MessageSent,
        Self::NoteAdded,
        Self::ConversationOpened,
        Self::ConversationUpdated,
        Self::ConversationClosed,
        Self::ContactUpdated,
        Self::DeliveryUpdated,
        Self::Unreadable,
        Self::Other,
    ];

    /// The name used in rules, logs and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageReceived => "message.received",
            Self::MessageSent => "message.sent",
            Self::NoteAdded => "note.added",
            Self::ConversationOpened => "conversation.opened",
            Self::ConversationUpdated => "conversation.updated",
            Self::ConversationClosed => "conversation.closed",
            Self::ContactUpdated => "contact.updated",
            Self::DeliveryUpdated => "delivery.updated",
            Self::Unreadable => "unreadable",
            Self::Other => "other",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The thread that a message belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Conversation {
    /// The provider's id; absent where a delivery does not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The subject line or title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `open`, `closed` or the provider's own word, in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `email`, `sms`, `chat` or the provider's own word, in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The tags on the conversation, where the provider has such.
    pub tags: Vec<String>,
    /// The provider's id of the member it is assigned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// How many messages it holds: the provider's count, else what was seen here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_count: Option<u64>,
    /// Where a member can read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The person on the other side.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Contact {
    /// The provider's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The full name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The given name: the provider's, else the first word of `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The tags on the contact, where the provider has such.
    pub tags: Vec<String>,
}

/// What an adapter reads out of a delivery: an event without the things only the receiver knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The sender's own key for this delivery; equal for a repeat.
    pub dedupe_key: String,
    /// What happened.
    pub kind: EventKind,
    /// When it happened, by the provider's clock.
    pub at: Option<Timestamp>,
    /// The thread.
    pub conversation: Conversation,
    /// The person.
    pub contact: Contact,
    /// The message, where there is one.
    pub message: Option<Message>,
    /// What became of a message from our side, where it is reported.
    pub delivery: Option<DeliveryReport>,
}

/// One delivery, normalised.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Derived from the source and the delivery's key.
    pub id: EventId,
    /// Where it came in.
    pub source: SourceName,
    /// The name of the provider that read it.
    pub provider: String,
    /// The account that answers.
    pub account: AccountName,
    /// What happened.
    pub kind: EventKind,
    /// When it happened: the provider's time, else the time of arrival.
    pub at: Timestamp,
    /// When it arrived here.
    pub received_at: Timestamp,
    /// Not decided before, so that what happened earlier and is still on its way comes first. Only where the provider
    /// says when things happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decide_from: Option<Timestamp>,
    /// The thread.
    pub conversation: Conversation,
    /// The person.
    pub contact: Contact,
    /// The message, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// What became of a message from our side, where it is reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryReport>,
    /// The provider's own JSON; `null` where the body was not JSON.
    #[serde(default)]
    pub raw: Value,
    /// Why it could not be read, with the bytes in base64, for kind `unreadable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<Unreadable>,
}

/// A delivery that was authentic and could not be understood.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unreadable {
    /// What was wrong, in words, without content.
    pub reason: String,
    /// The body in base64, so that it can be replayed after a fix.
    pub body: String,
}

impl Event {
    /// The lane: the conversation, else the correspondent, else this event alone.
    pub fn lane(&self) -> LaneKey {
        let account = &self.account;
        // A correspondent is a hash, and made only where there is no conversation.
        LaneKey::from(if let Some(id) = &self.conversation.id {
            format!("{account}/conversation:{id}")
        } else if let Some(key) = self.correspondent() {
            format!("{account}/correspondent:{key}")
        } else {
            format!("{account}/event:{}", self.id)
        })
    }

    /// The contact's bare address, in lower case, or number.
    pub fn address(&self) -> Option<String> {
        let from = self.message.as_ref().filter(|m| m.direction == Direction::Inbound).and_then(|m| m.from.as_deref());
        self.contact.email.as_deref().or(from).or(self.contact.phone.as_deref()).map(bare_address)
    }

    /// The correspondent inside the account: a hash of the address in lower case without its `+tag`, else of the number,
    /// else of the contact id. Hashed, because it becomes part of keys that are listed and logged.
    pub fn correspondent(&self) -> Option<String> {
        let from = self.message.as_ref().filter(|m| m.direction == Direction::Inbound).and_then(|m| m.from.as_deref());
        let address = self.contact.email.as_deref().or(from.filter(|f| f.contains('@')));
        let who = match (address, &self.contact.phone, &self.contact.id) {
            (Some(address), _, _) => return Some(self.correspondent_at(address)),
            (None, Some(phone), _) => {
                format!("phone:{}", phone.chars().filter(|c| c.is_ascii_digit()).collect::<String>())
            }
            (None, None, Some(id)) => format!("id:{id}"),
            (None, None, None) => return None,
        };
        Some(digest(&[self.account.as_str(), &who]))
    }

    /// Whoever has a mail address, as a correspondent inside the account.
    pub(crate) fn correspondent_at(&self, address: &str) -> String {
        digest(&[self.account.as_str(), &format!("email:{}", untagged(&bare_address(address)))])
    }
}

/// The address inside `Name <address>`, in lower case.
pub fn bare_address(text: &str) -> String {
    let inner = match (text.rfind('<'), text.rfind('>')) {
        (Some(open), Some(close)) if open < close => &text[open + 1..close],
        _ => text,
    };
    inner.trim().to_lowercase()
}

/// The address without the `+tag` of its local part.
pub(crate) fn untagged(address: &str) -> String {
    match address.split_once('@') {
        Some((local, host)) => format!("{}@{host}", local.split('+').next().unwrap_or(local)),
        None => address.to_owned(),
    }
}
