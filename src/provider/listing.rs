//! What an adapter reads without anybody having written: conversations, their messages, teammates, snippets. Plain values
//! and the bounds of a question; nothing here calls anybody.

use std::collections::BTreeSet;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Vault;
use crate::http::Http;
use crate::model::{Draft, Outcome};

/// What reading needs.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The connection, within the account's rate budget.
    pub http: &'a dyn Http,
    /// Where credentials that change are kept.
    pub vault: &'a dyn Vault,
    /// The time.
    pub now: Timestamp,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// What is on it, in the provider's order.
    pub items: Vec<T>,
    /// What to ask for the following page with, in the provider's own form; none on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list that comes whole.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Which conversations are asked for. What is not given does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConversationQuery {
    /// In this status, one of [`ConversationLists::statuses`].
    pub status: Option<String>,
    /// With unread messages, or without.
    pub unread: Option<bool>,
    /// With these words in subject, name or address, as the provider understands them.
    pub search: Option<String>,
    /// With a message at or after this time.
    pub since: Option<Timestamp>,
    /// In the hands of this teammate, by the provider's id.
    pub assignee: Option<String>,
    /// Through this channel: `email`, `sms`, …
    pub channel: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
    /// How many conversations in a page; the provider's bounds hold.
    pub page_size: Option<u32>,
}

/// The filters there are, by their names in a [`ConversationQuery`].
pub const FILTERS: [&str; 7] = ["status", "unread", "search", "since", "assignee", "channel", "tag"];

impl ConversationQuery {
    /// The filters that are given, with what they ask for.
    pub fn filters(&self) -> Vec<(&'static str, String)> {
        let given = [
            self.status.clone(),
            self.unread.map(|unread| unread.to_string()),
            self.search.clone(),
            self.since.map(|since| since.to_string()),
            self.assignee.clone(),
            self.channel.clone(),
            self.tag.clone(),
        ];
        FILTERS.into_iter().zip(given).filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Whether a conversation meets the filters, looked at here and not at the provider. What it does not show is no reason
    /// to leave it out, but for tags and assignee, where nothing shown means none.
    pub fn admits(&self, row: &ListedConversation) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, shown: Option<&T>) -> bool {
            wanted.is_none_or(|wanted| shown.is_none_or(|shown| shown == wanted))
        }
        let is_tagged = |tag: &String| row.tags.iter().any(|own| own.eq_ignore_ascii_case(tag));
        is(self.status.as_ref(), row.status.as_ref())
            && is(self.unread.as_ref(), row.unread.as_ref())
            && is(self.channel.as_ref(), row.channel.as_ref())
            && self.assignee.as_ref().is_none_or(|id| row.assignee.as_ref() == Some(id))
            && self.tag.as_ref().is_none_or(is_tagged)
            && self.search.as_ref().is_none_or(|words| row.says(words))
            && self.since.is_none_or(|since| row.updated_at.is_none_or(|at| at >= since))
    }

    /// Whether the rest of a list that has the newest first is older than what is asked for.
    pub fn is_passed_by(&self, rows: &[ListedConversation]) -> bool {
        let last = rows.last().and_then(|row| row.updated_at);
        self.since.is_some_and(|since| last.is_some_and(|at| at < since))
    }
}

/// How an account's conversations can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConversationLists {
    /// The filters that work, of [`FILTERS`].
    pub filters: &'static [&'static str],
    /// The statuses that can be asked for.
    pub statuses: &'static [&'static str],
    /// The most conversations in a page.
    pub page_size: u32,
}

impl ConversationLists {
    /// What of a query cannot be had, in words that say what can: the name of the filter and the sentence, with the
    /// provider's name.
    pub fn faults(&self, provider: &str, query: &ConversationQuery) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        for (name, value) in query.filters() {
            if !self.filters.contains(&name) {
                let usable = self.filters.join(", ");
                faults.push((name, format!("{provider} cannot list conversations by `{name}`; it can by: {usable}")));
            } else if name == "status" && !self.statuses.contains(&value.as_str()) {
                let hint = crate::yaml::suggest(&value, self.statuses.iter().copied());
                faults.push((name, format!("there is no status `{value}`{hint}")));
            }
        }
        if query.page_size.is_some_and(|size| size == 0 || size > self.page_size) {
            faults.push(("page_size", format!("a page has from 1 to {} conversations", self.page_size)));
        }
        faults
    }
}

/// What an account can list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// Conversations and their messages; none where the provider has no such list.
    pub conversations: Option<ConversationLists>,
    /// Teammates.
    pub members: bool,
    /// Snippets.
    pub snippets: bool,
}

/// A conversation, as the provider lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListedConversation {
    /// The provider's id.
    pub id: String,
    /// The subject or title.
    pub subject: Option<String>,
    /// `open`, `closed`, or the provider's own word in lower case.
    pub status: Option<String>,
    /// `email`, `sms`, …
    pub channel: Option<String>,
    /// The name of the person on the other side.
    pub name: Option<String>,
    /// The address or number of the person on the other side.
    pub address: Option<String>,
    /// Who has it, by the provider's id.
    pub assignee: Option<String>,
    /// The tags, by name.
    pub tags: Vec<String>,
    /// Whether there are unread messages.
    pub unread: Option<bool>,
    /// When its newest message was written.
    pub updated_at: Option<Timestamp>,
    /// Where a person can look at it.
    pub url: Option<String>,
    /// The row as the provider has it; what its messages are read with.
    #[serde(skip)]
    pub raw: Value,
}

impl ListedConversation {
    /// Whether subject, name or address hold the words, in whatever case.
    fn says(&self, words: &str) -> bool {
        let words = words.to_lowercase();
        let shown = [&self.subject, &self.name, &self.address];
        shown.into_iter().flatten().any(|text| text.to_lowercase().contains(&words))
    }
}

/// A message that was read and not delivered, in the form of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Polled {
    /// The event it is. Its key is that of the same message delivered by webhook.
    pub draft: Draft,
    /// The JSON of it, in the form of the provider's webhook, so that mappings and conditions find the same fields.
    pub raw: Value,
}

/// A teammate, as the provider lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListedMember {
    /// The provider's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// What it is, where not all are persons: `teammate`, `team`, …
    pub kind: Option<String>,
}

/// A snippet or saved message, as the provider lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListedSnippet {
    /// The provider's id.
    pub id: String,
    /// The title.
    pub title: String,
    /// What tells it apart: a shortcut, or that it is internal.
    pub detail: Option<String>,
}

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Not now: waiting, or another credential, helps.
    TryLater {
        /// Why, in words without content.
        reason: String,
        /// How long the provider asks to wait.
        after: Option<SignedDuration>,
    },
    /// Not this way: asking again changes nothing.
    Refused(String),
}

impl ReadError {
    /// An answer that holds no list.
    pub fn not_understood(what: &str) -> Self {
        Self::TryLater { reason: format!("the answer holds no {what}"), after: None }
    }

    /// Whether asking again changes nothing.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// Whether this one thing, or everything of its kind, is not for us to see: 403.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::TryLater { reason, after: None } if reason.split(' ').next() == Some("403"))
    }
}

impl From<Outcome> for ReadError {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::TryLater { reason, after } => Self::TryLater { reason, after },
            other => Self::Refused(super::outcome::in_words(other)),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TryLater { reason, .. } | Self::Refused(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for ReadError {}

/// The cursors of a list that is read to its end, so that one that goes in a circle is noticed.
#[derive(Default)]
pub(super) struct Trail(BTreeSet<String>);

impl Trail {
    /// Whether there is another page; an error where it was read before, since something of the list would be missing.
    pub(super) fn goes_on(&mut self, next: Option<&str>) -> Result<bool, ReadError> {
        match next {
            None => Ok(false),
            Some(next) if self.0.insert(next.to_owned()) => Ok(true),
            Some(_) => Err(ReadError::TryLater { reason: "the messages do not end".to_owned(), after: None }),
        }
    }
}

/// The messages written at or after `since`, oldest first. One without a time is kept: its key tells whether it is known.
pub(super) fn oldest_first(mut messages: Vec<Polled>, since: Option<Timestamp>) -> Vec<Polled> {
    messages.retain(|message| since.is_none_or(|since| message.draft.at.is_none_or(|at| at >= since)));
    messages.sort_by_key(|message| message.draft.at);
    messages
}

/// The key of a message, a note or a mail under which webhook and list know it alike.
pub fn message_key(id: &str) -> String {
    format!("message:{id}")
}
