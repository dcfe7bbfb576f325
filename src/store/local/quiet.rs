//! What is known not to be there, so that whoever finds nothing to do need not ask the one thread, and whether it has failed
//! for good. Written by that thread alone, before it answers.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use jiff::Timestamp;

/// What there is nothing of.
pub(super) struct Quiet {
    /// In microseconds since 1970.
    events_until: AtomicI64,
    sends: AtomicBool,
    is_broken: AtomicBool,
}

impl Default for Quiet {
    /// Nothing is known.
    fn default() -> Self {
        Self { events_until: AtomicI64::new(i64::MIN), sends: AtomicBool::default(), is_broken: AtomicBool::default() }
    }
}

impl Quiet {
    /// Says until when no event can be claimed, and whether no send is open.
    pub(super) fn set(&self, events_until: Timestamp, sends: bool) {
        self.events_until.store(events_until.as_microsecond(), Ordering::Release);
        self.sends.store(sends, Ordering::Release);
    }

    /// Says whether nothing will be kept any more until the next start.
    pub(super) fn set_broken(&self, is_broken: bool) {
        self.is_broken.store(is_broken, Ordering::Release);
    }

    /// Nothing will be kept any more until the next start.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Acquire)
    }

    /// Certainly no event can be claimed at this time, if nothing is accepted or given back.
    pub(super) fn events(&self, now: Timestamp) -> bool {
        now.as_microsecond() < self.events_until.load(Ordering::Acquire)
    }

    /// Certainly no event waits for what happened before it.
    pub(super) fn early(&self) -> bool {
        self.events_until.load(Ordering::Acquire) > Timestamp::MIN.as_microsecond()
    }

    /// Certainly no send is open.
    pub(super) fn sends(&self) -> bool {
        self.sends.load(Ordering::Acquire)
    }
}
