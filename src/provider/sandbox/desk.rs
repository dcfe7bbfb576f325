//! What the sandbox remembers: conversations, messages, notes, tags, who has what, keys that were used, webhooks to come.
//! The same for all four APIs; it knows nothing of their wire formats.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::endpoints::Registered;
use super::thread::{Entry, EntryKind, Person, Thread};
use crate::model::Headers;

/// Whose API is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Speaks {
    /// Sequenzy.
    #[default]
    Sequenzy,
    /// Fernand.
    Fernand,
    /// HighLevel.
    HighLevel,
    /// Spruce Health.
    Spruce,
}

impl Speaks {
    /// The name of the real provider.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sequenzy => "sequenzy",
            Self::Fernand => "fernand",
            Self::HighLevel => "highlevel",
            Self::Spruce => "spruce",
        }
    }
}

/// A message of a customer that is to arrive.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Incoming {
    /// The conversation; made where there is none of this id. Digits for Fernand.
    pub conversation_id: String,
    /// The sender's full name.
    pub name: Option<String>,
    /// The sender's e-mail address. Where given, the message is an e-mail, else a text message.
    pub email: Option<String>,
    /// The sender's telephone number.
    pub phone: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The text.
    pub text: String,
    /// Mail headers, names in lower case.
    pub headers: Option<Headers>,
}

/// A webhook that the real provider would send.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Who sends it.
    pub provider: Speaks,
    /// The body.
    pub payload: Value,
}

/// Everything that is remembered.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) threads: Vec<Thread>,
    pub(super) webhooks: Vec<Webhook>,
    /// Conversation tags that exist apart from conversations: value by id (Spruce).
    pub(super) tags: BTreeMap<String, String>,
    /// Idempotency keys that were used: when, by path and key.
    pub(super) keys: BTreeMap<(String, String), Timestamp>,
    /// Endpoints that were registered (Sequenzy, Spruce).
    pub(super) endpoints: Vec<Registered>,
    /// How often the OAuth tokens were renewed (HighLevel).
    pub(super) renewals: u64,
    counter: u64,
}

impl Desk {
    /// A number that was not given before.
    pub(super) fn number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Gives no number below this one from now on.
    pub(super) fn count_from(&mut self, number: u64) {
        self.counter = self.counter.max(number);
    }

    /// A conversation.
    pub(super) fn thread(&self, provider: Speaks, id: &str) -> Option<&Thread> {
        self.threads.iter().find(|thread| thread.provider == provider && thread.id == id)
    }

    /// A conversation to be changed.
    pub(super) fn thread_mut(&mut self, provider: Speaks, id: &str) -> Option<&mut Thread> {
        self.threads.iter_mut().find(|thread| thread.provider == provider && thread.id == id)
    }

    /// The conversations of a provider, the one with the newest message first.
    pub(super) fn newest_first(&self, provider: Speaks) -> Vec<&Thread> {
        let mut threads: Vec<&Thread> = self.threads.iter().filter(|thread| thread.provider == provider).collect();
        threads.sort_by_key(|thread| std::cmp::Reverse(thread.last_at()));
        threads
    }

    /// Adds an entry to a conversation.
    pub(super) fn add(&mut self, provider: Speaks, id: &str, entry: Entry) {
        if let Some(thread) = self.thread_mut(provider, id) {
            thread.messages.push(entry);
        }
    }

    /// A new conversation with a person. Somebody who wrote before keeps id and, where contacts are tagged, tags.
    pub(super) fn begin(
        &self,
        provider: Speaks,
        id: &str,
        mut contact: Person,
        channel: &str,
        now: Timestamp,
    ) -> Thread {
        let is_same = |known: &Person| {
            let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
            same(&known.email, &contact.email) || same(&known.phone, &contact.phone)
        };
        let known = self.threads.iter().rev().find(|thread| thread.provider == provider && is_same(&thread.contact));
        let mut tags = Vec::new();
        if let Some(known) = known {
            contact.id.clone_from(&known.contact.id);
            if provider == Speaks::Sequenzy || provider == Speaks::HighLevel {
                tags.clone_from(&known.tags);
            }
        }
        Thread {
            provider,
            id: id.to_owned(),
            subject: None,
            channel: channel.to_owned(),
            status: "open".to_owned(),
            tags,
            assignee: None,
            contact,
            created_at: now,
            messages: Vec::new(),
        }
    }

    /// Stores a message of a customer; gives the conversation as it is then, and the message.
    pub(super) fn arrive(&mut self, provider: Speaks, incoming: Incoming, now: Timestamp) -> (Thread, Entry) {
        let number = self.number();
        let id = incoming.conversation_id;
        let place = self.threads.iter().position(|thread| thread.provider == provider && thread.id == id);
        let (at, mut thread) = match place {
            Some(at) => (at, self.threads.remove(at)),
            None => {
                let contact = Person {
                    id: contact_id(provider, number),
                    name: incoming.name.clone(),
                    email: incoming.email.clone(),
                    phone: incoming.phone.clone(),
                };
                let channel = if incoming.email.is_some() { "email" } else { "sms" };
                (self.threads.len(), self.begin(provider, &id, contact, channel, now))
            }
        };
        let mut entry =
            Entry::new(entry_id(provider, EntryKind::Contact, number), now, EntryKind::Contact, incoming.text);
        entry.author = incoming.name.or(incoming.email).or(incoming.phone);
        entry.headers = incoming.headers;
        entry.subject.clone_from(&incoming.subject);
        thread.subject = thread.subject.or(incoming.subject);
        "open".clone_into(&mut thread.status);
        thread.messages.push(entry.clone());
        self.threads.insert(at, thread.clone());
        (thread, entry)
    }
}

/// An id of a person in the manner of each provider.
pub(super) fn contact_id(provider: Speaks, number: u64) -> String {
    match provider {
        Speaks::Sequenzy => format!("sub_{number}"),
        Speaks::Fernand => number.to_string(),
        Speaks::HighLevel => format!("sbxContact{number:010}"),
        Speaks::Spruce => format!("entity_SBX{number:08}"),
    }
}

/// An id of an entry in the manner of each provider.
pub(super) fn entry_id(provider: Speaks, kind: EntryKind, number: u64) -> String {
    match (provider, kind) {
        (Speaks::Sequenzy, _) => format!("msg_{number}"),
        (Speaks::Fernand, EntryKind::Note) => format!("n-{number}"),
        (Speaks::Fernand, _) => format!("m-{number}"),
        (Speaks::HighLevel, _) => format!("sbxMessage{number:010}"),
        (Speaks::Spruce, _) => format!("ti_SBX{number:08}"),
    }
}
