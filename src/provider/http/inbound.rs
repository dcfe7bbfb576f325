//! The reading that `map:` is laid over: a message was received, and nothing more is known. Never fails.

use crate::model::ids::digest_of;
use crate::model::{Contact, Conversation, Draft, EventKind};
use crate::provider::Normalised;

/// Reads a delivery. The same bytes have the same key, unless `event.id` is mapped.
pub(super) fn normalise(body: &[u8]) -> Normalised {
    Normalised::Event(Box::new(Draft {
        dedupe_key: digest_of(body),
        kind: EventKind::MessageReceived,
        at: None,
        conversation: Conversation::default(),
        contact: Contact::default(),
        message: None,
        delivery: None,
    }))
}
