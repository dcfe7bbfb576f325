//! Notices when applying has come to a stop: sled can wait for itself for ever, and nothing else would tell.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// While the program runs, it is asked every second; after so long without, the program did not run.
const ASLEEP: Duration = Duration::from_secs(5);

/// Signs of life of a thread.
pub(super) struct Watch {
    patience: Duration,
    /// The last one; none while the thread has nothing to do.
    last: Mutex<Option<Instant>>,
    /// When somebody asked last.
    asked: Mutex<Option<Instant>>,
    is_stuck: AtomicBool,
}

impl Watch {
    /// One that waits so long for the next sign.
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, last: Mutex::new(None), asked: Mutex::new(None), is_stuck: AtomicBool::new(false) }
    }

    /// Work goes on.
    pub(super) fn alive(&self) {
        self.set(Some(clock::instant()));
    }

    /// There is nothing to do.
    pub(super) fn idle(&self) {
        self.set(None);
    }

    fn set(&self, last: Option<Instant>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }

    /// Whether work has begun and not gone on for too long. It stays so, because somebody was told.
    pub(super) fn is_stuck(&self) -> bool {
        let now = clock::instant();
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // The whole program stood still, as when its machine sleeps: the thread had no time to give a sign either.
        if last.is_some() && asked.is_some_and(|asked| now.duration_since(asked) >= ASLEEP) {
            *last = Some(now);
        }
        let is_late = last.is_some_and(|last| now.duration_since(last) >= self.patience);
        drop(last);
        if is_late && !self.is_stuck.swap(true, Ordering::AcqRel) {
            let seconds = self.patience.as_secs();
            tracing::error!(
                seconds,
                "the state hangs; nothing is taken any more, and the next start goes on from the journal"
            );
            metrics::counter!("rejoinder_store_state_errors_total").increment(1);
        }
        self.is_stuck.load(Ordering::Acquire)
    }
}
