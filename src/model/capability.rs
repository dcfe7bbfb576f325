//! What a provider can do, as data: read by `check`, by the trace and by the documentation.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize};

/// A text of a provider's table.
type Text = &'static str;

/// How far a provider supports an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// By the provider's own means.
    Native,
    /// By the documented detour that the text names.
    Fallback(#[serde(deserialize_with = "shared")] Text),
    /// Not at all, for the reason that the text names; `check` refuses a rule that asks for it.
    Missing(#[serde(deserialize_with = "shared")] Text),
}

/// One line of a provider's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capability {
    /// What is asked for: an action, or a part of one such as `note.page` or `reply.attachments.inline`.
    #[serde(deserialize_with = "shared")]
    pub name: Text,
    /// How far it is there.
    pub support: Support,
}

/// A text that was kept beside a rule book. It stood in a table of this program or of an earlier version, so there are few;
/// each is held once, for as long as the process lives, like those of the tables.
fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
    static KNOWN: LazyLock<Mutex<BTreeSet<Text>>> = LazyLock::new(Mutex::default);
    let text = String::deserialize(deserializer)?;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = known.get(text.as_str()) {
        return Ok(*text);
    }
    let text: Text = Box::leak(text.into_boxed_str());
    known.insert(text);
    Ok(text)
}

/// The names a provider must take a stand on.
pub const CAPABILITIES: [&str; 12] = [
    "reply",
    "reply.subject",
    "reply.as",
    "reply.attachments.inline",
    "reply.attachments.url",
    "reply.attachments.stored",
    "note",
    "note.page",
    "snippet",
    "tag",
    "assign",
    "close",
];
