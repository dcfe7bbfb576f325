//! A conversation of the sandbox as it is shown, and its parts. Plain values; nothing here knows an API.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::desk::Speaks;
use crate::model::Headers;
use crate::text::html_of_text;

/// The person on the other side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The provider's id.
    pub id: String,
    /// The full name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The telephone number.
    pub phone: Option<String>,
}

/// What an entry of a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The customer wrote.
    Contact,
    /// We wrote to the customer.
    Reply,
    /// A note among the team.
    Note,
    /// A note on the contact, outside of the conversation (HighLevel).
    ContactNote,
}

/// One entry of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// The provider's id.
    pub id: String,
    /// When it was made.
    pub at: Timestamp,
    /// What it is.
    pub kind: EntryKind,
    /// The text.
    pub text: String,
    /// The HTML, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The subject of this message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who wrote it, where that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Who is paged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub page: Vec<String>,
    /// How many files came with it.
    pub attachments: usize,
    /// The id under which its webhook announces it (Spruce).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The actions that were carried out with it (Fernand).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Value>,
    /// Mail headers.
    #[serde(skip)]
    pub(super) headers: Option<Headers>,
    /// The provider's word for the channel it went through, where that is not the conversation's (HighLevel).
    #[serde(skip)]
    pub(super) channel: Option<&'static str>,
}

impl Entry {
    /// An entry with a text alone.
    pub(super) fn new(id: String, at: Timestamp, kind: EntryKind, text: String) -> Self {
        Self {
            id,
            at,
            kind,
            text,
            html: None,
            subject: None,
            author: None,
            page: Vec::new(),
            attachments: 0,
            request_id: None,
            actions: Vec::new(),
            headers: None,
            channel: None,
        }
    }

    /// The HTML, made from the text where there is none.
    pub(super) fn as_html(&self) -> String {
        self.html.clone().unwrap_or_else(|| html_of_text(&self.text))
    }
}

/// One conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Thread {
    /// Whose API it lives behind.
    pub provider: Speaks,
    /// The provider's id.
    pub id: String,
    /// The subject or title.
    pub subject: Option<String>,
    /// `email` or `sms`.
    pub channel: String,
    /// `open` or `closed`; at Fernand also `snoozed` and `spam`.
    pub status: String,
    /// The tags: of the conversation, or of its contact where the provider tags contacts.
    pub tags: Vec<String>,
    /// The provider's id of who has it.
    pub assignee: Option<String>,
    /// The person on the other side.
    pub contact: Person,
    /// When it began.
    pub created_at: Timestamp,
    /// Everything in it, oldest first.
    pub messages: Vec<Entry>,
}

impl Thread {
    /// When the last entry was made.
    pub(super) fn last_at(&self) -> Timestamp {
        self.messages.last().map_or(self.created_at, |entry| entry.at)
    }

    /// Whether the customer wrote last.
    pub(super) fn is_unread(&self) -> bool {
        self.messages.last().is_some_and(|entry| entry.kind == EntryKind::Contact)
    }

    /// Puts a tag on, once.
    pub(super) fn tag(&mut self, tag: &str) {
        if !self.tags.iter().any(|own| own.eq_ignore_ascii_case(tag)) {
            self.tags.push(tag.to_owned());
        }
    }

    /// Takes a tag off; whether it was there.
    pub(super) fn untag(&mut self, tag: &str) -> bool {
        let before = self.tags.len();
        self.tags.retain(|own| !own.eq_ignore_ascii_case(tag));
        self.tags.len() < before
    }
}
