//! The names that templates and scripts see. One list, so that both refuse the same mistyped name at load.

/// The top-level facts of an event.
pub const ROOTS: [&str; 12] = [
    "event",
    "source",
    "provider",
    "account",
    "conversation",
    "contact",
    "message",
    "delivery",
    "state",
    "contact_state",
    "captures",
    "raw",
];

/// Whether a top-level fact is a plain text; all others hold fields, and are empty rather than absent where an event has
/// no such thing, so that `message.text` is a missing text and not a fault.
pub fn is_plain(root: &str) -> bool {
    matches!(root, "source" | "provider" | "account")
}
