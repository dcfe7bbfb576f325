//! What a rule can have done at a provider.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::Event;
use super::ids::{AccountName, LaneKey};

/// What a reply is, for the loop guard's default period of silence (RFC 3834 §2 tells personal from service responders).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyKind {
    /// Content chosen from the message.
    #[default]
    Answer,
    /// "We have your message."
    Ack,
    /// "We are away."
    Away,
}

/// Which form the author of a rule wrote; the other one was made from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyFormat {
    /// Plain text: providers that can send text alone do so.
    #[default]
    Text,
    /// Markdown: both forms are sent where the provider takes both.
    Markdown,
    /// HTML: both forms are sent where the provider takes both.
    Html,
}

/// A file to send along. Which of the three forms an account takes is a capability of its provider.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "form")]
pub enum OutgoingAttachment {
    /// Bytes in base64 (Sequenzy, Fernand).
    Inline {
        /// File name.
        name: String,
        /// Media type.
        content_type: String,
        /// Standard base64.
        content: String,
    },
    /// An address the provider fetches (HighLevel).
    Url {
        /// `https` address.
        url: String,
    },
    /// A file the provider already has (Spruce `attachmentId`).
    Stored {
        /// The provider's id.
        id: String,
        /// Shown to the contact.
        name: String,
    },
}

/// A message to the contact.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// Plain text.
    pub text: String,
    /// HTML, passed through the allow-list.
    pub html: String,
    /// Which of the two was written.
    pub format: ReplyFormat,
    /// Overrides the conversation's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<OutgoingAttachment>,
    /// The provider's id of who it is sent as.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// For the loop guard.
    pub kind: ReplyKind,
}

/// An internal note; pages members where `page` names any.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
    /// Who is paged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub page: Vec<Paged>,
    /// Other actions that the provider carries out in the same call (Fernand `actions`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Action>,
}

/// A member to be paged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Paged {
    /// The alias under `members:`.
    pub alias: String,
    /// The provider's id.
    pub id: String,
}

/// A snippet kept at the provider.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SnippetCall {
    /// The provider's id.
    pub id: String,
    /// Handed to the snippet's actions.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// Tags to put on and to take off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TagChange {
    /// To put on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<String>,
    /// To take off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

/// Hands the conversation to a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assign {
    /// The alias under `members:`.
    pub alias: String,
    /// The provider's id.
    pub id: String,
}

/// The method of an `http` action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// Of a webhook, and the default.
    #[default]
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Takes away.
    Delete,
}

/// A call of a configured hook. The hook's address, secret and own headers are in the configuration and never here.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HttpCall {
    /// The name under `hooks:`.
    pub hook: String,
    /// How.
    #[serde(default)]
    pub method: HttpMethod,
    /// Put behind the path of the hook's address, with its query if it has one; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Headers beside those of the hook and of the signature.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Sent as JSON; null sends no body.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}

impl HttpCall {
    /// A `POST` of `body` to the hook's own address.
    pub fn new(hook: impl Into<String>, body: Value) -> Self {
        Self { hook: hook.into(), body, ..Self::default() }
    }

    /// The account under which calls of a hook wait and leave, so that an endpoint that is down holds up nothing but its
    /// own calls. No configured account can have such a name.
    pub fn account(hook: &str) -> AccountName {
        AccountName::from(format!("{HOOK_ACCOUNT}{hook}"))
    }
}

/// What the name of a hook's account begins with.
pub const HOOK_ACCOUNT: &str = "hook:";

/// One thing to be done at a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// A message to the contact.
    Reply(Reply),
    /// An internal note.
    Note(Note),
    /// A snippet kept at the provider.
    Snippet(SnippetCall),
    /// Tags.
    Tag(TagChange),
    /// Assignment.
    Assign(Assign),
    /// Close or archive.
    Close,
    /// A signed call of a hook.
    Http(HttpCall),
}

impl Action {
    /// The word used in rules, logs and labels.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reply(_) => "reply",
            Self::Note(_) => "note",
            Self::Snippet(_) => "snippet",
            Self::Tag(_) => "tag",
            Self::Assign(_) => "assign",
            Self::Close => "close",
            Self::Http(_) => "http",
        }
    }

    /// Whether doing it twice leaves the provider as doing it once. Replies, notes and snippets are not; the receiver of a
    /// hook recognises a repeat by its `webhook-id`.
    pub fn is_idempotent(&self) -> bool {
        matches!(self, Self::Tag(_) | Self::Assign(_) | Self::Close | Self::Http(_))
    }

    /// Who carries it out when it answers `event`: the event's account, or the hook.
    pub fn account(&self, event: &Event) -> AccountName {
        match self {
            Self::Http(call) => HttpCall::account(&call.hook),
            _ => event.account.clone(),
        }
    }

    /// The lane in which it leaves: that of the event, or beside it that of the event's calls of the hook.
    pub fn lane(&self, event: &Event) -> LaneKey {
        match self {
            Self::Http(call) => LaneKey::from(format!("{}/{HOOK_ACCOUNT}{}", event.lane(), call.hook)),
            _ => event.lane(),
        }
    }

    /// The lane of the conversation that it belongs to, from the lane in which it leaves.
    pub fn conversation_of(&self, lane: &LaneKey) -> LaneKey {
        let own = match self {
            Self::Http(call) => lane.as_str().strip_suffix(&format!("/{HOOK_ACCOUNT}{}", call.hook)),
            _ => None,
        };
        own.map_or_else(|| lane.clone(), LaneKey::from)
    }

    /// Whether a contact may see it. A snippet counts, because it may hold a reply.
    pub fn reaches_contact(&self) -> bool {
        matches!(self, Self::Reply(_) | Self::Snippet(_))
    }
}
