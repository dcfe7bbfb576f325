//! Decides stored events again with another rule book and tells what comes out differently. It holds values only: there is
//! nothing here that could send or write.
//!
//! Events are decided in the order in which they were. What was really decided is compared with what this book decides,
//! remembering what it decided before: its own responses and its own state.

mod change;
mod memory;
mod summary;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Book;
use crate::model::{BookHash, Decision, Event, EventId, SourceName};
pub use change::{Change, Outcome, Standing, What};
use memory::Memory;
pub use summary::{Summary, Tally};

/// An event that this book decides differently.
#[derive(Clone, Debug, Serialize)]
pub struct Changed {
    /// When it was decided.
    pub at: Timestamp,
    /// The event.
    pub event: EventId,
    /// Where it came in.
    pub source: SourceName,
    /// The provider's id of the conversation; where it has none, the lane.
    pub conversation: String,
    /// The book that decided it.
    pub book: BookHash,
    /// What comes out differently.
    pub changes: Vec<Change>,
}

/// Stored events, decided again.
pub struct Backtest<'a> {
    book: &'a Book,
    since: Timestamp,
    source: Option<SourceName>,
    memory: Memory,
    /// Read and not yet decided, by the time of the decision and the order of reading.
    waiting: BTreeMap<(Timestamp, usize), (Event, Decision)>,
    read: usize,
    summary: Summary,
}

impl<'a> Backtest<'a> {
    /// With this book; what arrived before `since`, or through another source, is decided to be remembered only.
    pub fn new(book: &'a Book, since: Timestamp, source: Option<SourceName>) -> Self {
        let (memory, summary) = (Memory::default(), Summary::default());
        Self { book, since, source, memory, waiting: BTreeMap::new(), read: 0, summary }
    }

    /// Takes the next event in the order of acceptance, and answers what changes among those before it. An event is decided
    /// when no event that is still to come can have been decided before it.
    pub fn take(&mut self, event: Event, decision: Option<Decision>) -> Vec<Changed> {
        let received_at = event.received_at;
        match decision {
            Some(decision) => {
                self.read += 1;
                self.waiting.insert((decision.at, self.read), (event, decision));
            }
            None => self.summary.undecided += usize::from(self.is_reported(&event)),
        }
        self.decide_until(received_at)
    }

    /// Decides what is left; the changes, and what they come to in all.
    pub fn finish(mut self) -> (Vec<Changed>, Summary) {
        let changed = self.decide_until(Timestamp::MAX);
        (changed, self.summary)
    }

    fn decide_until(&mut self, end: Timestamp) -> Vec<Changed> {
        let mut changed = Vec::new();
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 < end) {
            let (event, decision) = first.remove();
            changed.extend(self.decide(event, &decision));
        }
        changed
    }

    fn is_reported(&self, event: &Event) -> bool {
        event.received_at >= self.since && self.source.as_ref().is_none_or(|source| *source == event.source)
    }

    fn decide(&mut self, event: Event, was: &Decision) -> Option<Changed> {
        let is_reported = self.is_reported(&event);
        let (event, decision) = self.memory.decide(self.book, event, was, self.since);
        if !is_reported {
            self.summary.remembered += 1;
            return None;
        }
        let changes = change::compare(&was.trace, &decision.trace);
        self.summary.count(&changes);
        (!changes.is_empty()).then(|| Changed {
            at: was.at,
            conversation: event.conversation.id.clone().unwrap_or_else(|| event.lane().to_string()),
            event: event.id,
            source: event.source,
            book: was.book.clone(),
            changes,
        })
    }
}

#[cfg(test)]
mod tests;
