//! Notices when applying has come to a stop: sled can wait for itself for ever, and nothing else would tell.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use crate::clock;
use crate::store::StoreError;
use crate::store::local::failed;

/// While the program runs, it is asked every second; after so long without, the program did not run.
const ASLEEP: Duration = Duration::from_secs(5);

/// How often it is asked while something is opened.
const LOOK: Duration = Duration::from_secs(1);

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

/// Opens something in a thread of its own that gives its signs of life to `watch`, and waits for it as long as there are any,
/// or nothing to wait for: however long it takes.
pub(super) fn watched<T: Send + 'static>(
    watch: &Watch,
    open: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let opening = |why: &str| failed("opening the store", why);
    let (sender, receiver) = channel();
    // Where it hung, nobody asks for it any more.
    let work = move || drop(sender.send(open()));
    let started = Builder::new().name("store-open".to_owned()).spawn(work);
    started.map_err(|error| failed("starting the thread that opens the store", error))?;
    loop {
        match receiver.recv_timeout(LOOK) {
            Ok(opened) => return opened,
            Err(RecvTimeoutError::Disconnected) => return Err(opening("a thread panicked")),
            Err(RecvTimeoutError::Timeout) if watch.is_stuck() => {
                return Err(opening("the state hangs; the next start goes on from the journal"));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn opening_may_take_long_and_must_not_hang() {
        let patience = Duration::from_millis(50);
        let watch = Arc::new(Watch::new(patience));
        let signs = Arc::clone(&watch);
        let long = watched(&watch, move || {
            signs.alive();
            signs.idle();
            std::thread::sleep(LOOK * 2);
            Ok("open")
        });
        assert_eq!(long.unwrap(), "open");
        let signs = Arc::clone(&watch);
        let hung = watched::<()>(&watch, move || {
            signs.alive();
            loop {
                std::thread::park();
            }
        });
        assert!(matches!(hung, Err(StoreError::Failed { .. })) && watch.is_stuck());
        let panicked = watched::<()>(&Watch::new(patience), || panic!("planted"));
        assert!(matches!(panicked, Err(StoreError::Failed { .. })));
    }
}
