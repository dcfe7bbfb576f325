//! The loop of one source: it catches up after a start, then polls, or notes that it is there and listens.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;

use crate::engine::{Backfill, Engine, Source};
use crate::model::SourceName;
use crate::poll::{self, Trouble};
use crate::store::StoreError;

/// How often a source that only listens notes that it does. A start looks back to the last note.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(30);

/// Runs until `stop` turns true. What is under way then is cut short: nothing is lost by that.
pub(super) async fn run(engine: Arc<Engine>, name: SourceName, mut stop: watch::Receiver<bool>) {
    let Some(source) = engine.sources.get(&name) else { return };
    tokio::select! {
        () = attend(&engine, source) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Whether a source has anything to ask for.
pub(super) fn is_needed(engine: &Engine, source: &Source) -> bool {
    let asks = source.polling.poll.is_some() || source.polling.backfill == Backfill::Auto;
    asks && poll::can_poll(engine, source)
}

async fn attend(engine: &Engine, source: &Source) {
    while let Err(error) = poll::begin(engine, source).await {
        if matches!(error, StoreError::Closed) {
            return;
        }
        tracing::error!(source = %source.name, error = %error, "the position could not be read; trying again shortly");
        sleep(SignedDuration::from_secs(1)).await;
    }
    let (mut failed, mut is_caught_up) = (0, false);
    loop {
        let nap = match poll::keep_up(engine, source, is_caught_up).await {
            Ok(()) => {
                (failed, is_caught_up) = (0, true);
                source.polling.poll.as_ref().map_or(HEARTBEAT, |poll| poll.every)
            }
            Err(Trouble::Store(StoreError::Closed)) => return,
            Err(trouble) => {
                // A store that could not keep a note has not kept deliveries either.
                (failed, is_caught_up) = (failed + 1, false);
                let every = source.polling.poll.as_ref().map_or(SignedDuration::ZERO, |poll| poll.every);
                poll::wait(failed, &trouble).max(every)
            }
        };
        let next = engine.clock.now().checked_add(nap).ok();
        source.watch.note(|state| state.next_poll = next.filter(|_| source.polling.poll.is_some() || failed > 0));
        sleep(nap).await;
    }
}

async fn sleep(time: SignedDuration) {
    tokio::time::sleep(Duration::try_from(time).unwrap_or_default()).await;
}
