//! The events that are on their way, as they were handed in, so that what is decided a moment later is not read and parsed
//! again. Memory only and bounded: what is not here is read from the keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::Event;

/// How many bytes the events may have as they are written, in all. They take about three times as much in memory.
const MOST: usize = 8 * 1024 * 1024;

/// Events by their numbers.
#[derive(Default)]
pub(super) struct Recent {
    events: BTreeMap<u64, Entry>,
    bytes: usize,
}

struct Entry {
    event: Arc<Event>,
    bytes: usize,
    /// How many will still ask for it.
    asking: usize,
}

impl Recent {
    /// Remembers an event, `bytes` being its size as written. Where there is no room, the oldest are forgotten: they wait
    /// for something that takes its time.
    pub(super) fn add(&mut self, number: u64, event: Arc<Event>, bytes: usize) {
        self.bytes += bytes;
        self.events.insert(number, Entry { event, bytes, asking: 1 });
        while self.bytes > MOST
            && let Some((_, oldest)) = self.events.pop_first()
        {
            self.bytes -= oldest.bytes;
        }
    }

    /// The event of that number, where it is remembered.
    pub(super) fn get(&self, number: u64) -> Option<Arc<Event>> {
        self.events.get(&number).map(|entry| Arc::clone(&entry.event))
    }

    /// Keeps an event until so many have asked for it.
    pub(super) fn keep_for(&mut self, number: u64, asking: usize) {
        let Some(entry) = self.events.get_mut(&number) else { return };
        entry.asking = asking;
        if asking == 0 {
            self.bytes -= entry.bytes;
            self.events.remove(&number);
        }
    }

    /// One has asked.
    pub(super) fn used(&mut self, number: u64) {
        if let Some(asking) = self.events.get(&number).map(|entry| entry.asking) {
            self.keep_for(number, asking.saturating_sub(1));
        }
    }
}
