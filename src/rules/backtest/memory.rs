//! What the book would remember: what it decided before, from a start that the stored decisions give.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::book::Book;
use super::super::decide::Depth;
use super::super::world::World;
use crate::model::{Decision, Event, Facts};

/// A memory that begins as the stored decisions saw it.
#[derive(Default)]
pub(super) struct Memory {
    world: World,
    /// The conversations and correspondents whose state is the book's own by now.
    begun: BTreeSet<String>,
}

impl Memory {
    /// Decides an event for which `was` is stored, and remembers what comes of it.
    pub(super) fn decide(&mut self, book: &Book, event: Event, was: &Decision, since: Timestamp) -> (Event, Decision) {
        let facts = self.facts(book, event, was, since);
        let (facts, decision) = self.world.decide(book, facts, Depth::Matched);
        self.world.keep(&facts.event, &decision);
        (std::sync::Arc::unwrap_or_clone(facts.event), decision)
    }

    /// Up to its first event since `since`, the state of a conversation or correspondent is what the stored decision saw; from
    /// then on it is what this book leaves behind. Responses are this book's from the beginning.
    fn facts(&mut self, book: &Book, event: Event, was: &Decision, since: Timestamp) -> Facts {
        let mut facts = self.world.facts(book, event, was.at);
        (facts.is_own, facts.depth) = (was.seen.is_own, was.seen.depth);
        facts.order(was.seen.mode);
        let is_within = facts.event.received_at >= since;
        let mut is_as_seen = |key: String| match is_within {
            true => self.begun.insert(key),
            false => !self.begun.contains(&key),
        };
        if is_as_seen(format!("conversation {}", facts.event.lane())) {
            facts.conversation.state = was.seen.state.clone();
            facts.conversation.message_count = was.seen.message_count;
        }
        if facts.event.correspondent().is_some_and(|who| is_as_seen(format!("correspondent {who}"))) {
            facts.contact.state = was.seen.contact_state.clone();
        }
        facts
    }
}
