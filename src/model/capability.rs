//! What a provider can do, as data: read by `check`, by the trace and by the documentation.

/// How far a provider supports an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// By the provider's own means.
    Native,
    /// By the documented detour that the text names.
    Fallback(&'static str),
    /// Not at all, for the reason that the text names; `check` refuses a rule that asks for it.
    Missing(&'static str),
}

/// One line of a provider's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// What is asked for: an action, or a part of one such as `note.page` or `reply.attachments.inline`.
    pub name: &'static str,
    /// How far it is there.
    pub support: Support,
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
