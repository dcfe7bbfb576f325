//! What is known to be empty, so that whoever finds nothing to do need not ask the one thread, and whether it has failed for
//! good. Written by that thread alone, before it answers.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether nothing waits.
#[derive(Default)]
pub(super) struct Quiet {
    events: AtomicBool,
    sends: AtomicBool,
    is_broken: AtomicBool,
}

impl Quiet {
    /// Says what is empty.
    pub(super) fn set(&self, events: bool, sends: bool) {
        self.events.store(events, Ordering::Release);
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

    /// Certainly no event waits to be decided.
    pub(super) fn events(&self) -> bool {
        self.events.load(Ordering::Acquire)
    }

    /// Certainly no send is open.
    pub(super) fn sends(&self) -> bool {
        self.sends.load(Ordering::Acquire)
    }
}
