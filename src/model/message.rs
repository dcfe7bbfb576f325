//! What is said in an event: a message or a note, who wrote it, and what came with it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Header names in lower case, each with every value it had, in order.
pub type Headers = BTreeMap<String, Vec<String>>;

/// Who a message travels to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the contact to us.
    #[default]
    Inbound,
    /// From us to the contact.
    Outbound,
    /// Seen by the team only, or undeterminable.
    Internal,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The person on the other side.
    Contact,
    /// A teammate.
    Member,
    /// The provider, a workflow or another program.
    System,
    /// The provider does not say.
    #[default]
    Unknown,
}

/// A file that came with a message. Its content stays at the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Attachment {
    /// File name or title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Media type, or the provider's own word for the kind of file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where it can be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// One message or note.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Message {
    /// The provider's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it travels to.
    pub direction: Direction,
    /// The new text, without quoted history.
    pub text: String,
    /// The text with everything it quotes.
    pub full_text: String,
    /// The HTML as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The subject of this message, where it has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Sender: an address, number or handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Recipients.
    pub to: Vec<String>,
    /// Recipients in copy.
    pub cc: Vec<String>,
    /// Mail headers; absent where the provider does not show them, which is not the same as there being none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Headers>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Language as an ISO 639-1 code, where the provider says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The provider says that a program wrote it.
    pub is_automated: bool,
    /// Who wrote it.
    pub author: Author,
    /// The provider's id of the thread inside the conversation (HighLevel e-mail).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// The id under which the provider announced a send of ours (Spruce `requestId`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
