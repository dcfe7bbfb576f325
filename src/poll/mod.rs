//! Goes and asks: what a source's provider shows since the last time becomes events, as if it had been delivered. The same
//! rounds poll, catch up after a start, and fill back what a person asks for.
//!
//! A source has a [`Position`]: everything before it has been kept. It moves when a round has come to
//! its end, so a round that was cut short is done again; what was kept already is known by its key. A round goes back a
//! little behind the position, because clocks differ and lists lag.

mod round;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

use crate::engine::{Backfill, Engine, Progress, Source, Strain};
use crate::model::{Position, Stretch};
use crate::outbox::RetryPolicy;
use crate::store::StoreError;

use round::Round;

/// How far a round goes back behind the position: clocks differ, and lists lag.
pub const OVERLAP: SignedDuration = SignedDuration::from_mins(5);

/// How long a provider may take to list what it has delivered, or when a conversation can be believed to rest.
const SETTLED: SignedDuration = SignedDuration::from_mins(1);

/// How long a round waits for room.
const FOR_ROOM: SignedDuration = SignedDuration::from_secs(30);

/// How long the rounds of a source that fails wait: from seconds to a quarter of an hour, without an end.
const PATIENCE: RetryPolicy = RetryPolicy {
    first: std::time::Duration::from_secs(5),
    longest: std::time::Duration::from_secs(15 * 60),
    attempts: 32,
};

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// What was read could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no room for more.
    #[error("paused: {0}")]
    Room(#[from] Strain),
    /// The provider did not show everything.
    #[error("{reason}")]
    Provider {
        /// Why, in words without content.
        reason: String,
        /// How long it asks to wait.
        after: Option<SignedDuration>,
    },
}

/// Whether a source can be read at its provider.
pub fn can_poll(engine: &Engine, source: &Source) -> bool {
    let account = engine.accounts.get(&source.account);
    account.is_some_and(|account| account.adapter.lists().conversations.is_some())
}

/// Where a source begins when the program starts: at its position, but not further back than allowed, or now.
pub async fn begin(engine: &Engine, source: &Source) -> Result<Position, StoreError> {
    let (now, polling) = (engine.clock.now(), &source.polling);
    let Some(kept) = engine.store.position(&source.name).await? else {
        let since = polling.poll.as_ref().map_or(SignedDuration::ZERO, |poll| poll.since);
        return keep(engine, source, Position::at(before(now, since))).await;
    };
    let (until, oldest) = (kept.until, before(now, polling.backfill_max_age));
    match polling.backfill {
        Backfill::Auto if until >= oldest => Ok(kept),
        Backfill::Auto => {
            tracing::warn!(source = %source.name, %until, from = %oldest, "nobody listened for longer than backfill_max_age; what is older is not looked for");
            keep(engine, source, Position { backfill: kept.backfill, ..Position::at(oldest) }).await
        }
        Backfill::Off => keep(engine, source, Position { backfill: kept.backfill, ..Position::at(now) }).await,
    }
}

/// One step of the loop of a source: a round; or where the source only listens and has caught up, a note that it is there,
/// which moves the position. While deliveries are refused for lack of room the position rests, and what their senders may
/// have given up on is looked for.
pub async fn keep_up(engine: &Engine, source: &Source, is_caught_up: bool) -> Result<(), Trouble> {
    let now = engine.clock.now();
    let has_missed = source.watch.state().missed.is_some();
    if source.polling.poll.is_some() || !is_caught_up || has_missed {
        source.watch.turn.lock().await.is_caught_up &= !has_missed;
        poll(engine, source).await?;
        let is_recent = |at: &Timestamp| now.duration_since(*at) < SETTLED;
        source.watch.note(|state| state.missed = state.missed.filter(is_recent));
        return Ok(());
    }
    let mut turn = source.watch.turn.lock().await;
    turn.is_caught_up = false;
    let kept = engine.store.position(&source.name).await?;
    let position = Position { until: now, ..kept.unwrap_or_else(|| Position::at(now)) };
    engine.store.keep_position(&source.name, &position).await?;
    turn.is_caught_up = true;
    Ok(())
}

/// Reads everything since the position, and moves the position. Answers how much there was.
pub async fn poll(engine: &Engine, source: &Source) -> Result<Progress, Trouble> {
    poll_for(engine, source, false).await
}

async fn poll_for(engine: &Engine, source: &Source, is_asked: bool) -> Result<Progress, Trouble> {
    let mut turn = source.watch.turn.lock().await;
    let started = engine.clock.now();
    let result = async {
        let position = match engine.store.position(&source.name).await? {
            Some(position) => position,
            None => begin(engine, source).await?,
        };
        let query = source.polling.poll.as_ref().map(|poll| poll.query.clone()).unwrap_or_default();
        let from = before(position.until, OVERLAP).max(position.since);
        let mut round = Round::new(engine, source, query, from, position.read_to, false);
        round.is_asked = is_asked;
        round.is_backfill = !turn.is_caught_up;
        let mark = |to| Some(Position { read_to: Some(to), ..position.clone() });
        round.read(Some(&mut turn), mark).await?;
        let until = position.until.max(started);
        engine.store.keep_position(&source.name, &Position { until, read_to: None, ..position }).await?;
        Ok(round.progress)
    };
    let result = result.await;
    turn.is_caught_up = result.is_ok();
    record(engine, source, &result);
    result
}

/// Reads everything since a time, for whoever asked for it by [`Watch::ask`](crate::engine::Watch::ask), whatever the
/// source polls for. A dry run keeps nothing. One that was cut short goes on where it was.
pub async fn backfill(engine: &Engine, source: &Source, since: Timestamp, dry_run: bool) {
    let _turn = source.watch.turn.lock().await;
    let result = async {
        let position = match engine.store.position(&source.name).await? {
            Some(position) => position,
            None if dry_run => Position::at(engine.clock.now()),
            None => begin(engine, source).await?,
        };
        let unfinished = position.backfill.filter(|stretch| stretch.from <= since && !dry_run);
        let read_to = unfinished.and_then(|stretch| stretch.read_to);
        let mut round = Round::new(engine, source, Default::default(), since, read_to, dry_run);
        (round.is_asked, round.is_backfill) = (true, true);
        let stretch = |read_to| Position { backfill: Some(Stretch { from: since, read_to }), ..position.clone() };
        if !dry_run {
            engine.store.keep_position(&source.name, &stretch(read_to)).await?;
        }
        round.read(None, |to| Some(stretch(Some(to))).filter(|_| !dry_run)).await?;
        if !dry_run {
            engine.store.keep_position(&source.name, &Position { backfill: None, ..position }).await?;
        }
        Ok(round.progress)
    };
    let result: Result<Progress, Trouble> = result.await;
    finish(source, &result);
}

/// Polls once, for whoever asked for it by [`Watch::ask`](crate::engine::Watch::ask).
pub async fn poll_as_asked(engine: &Engine, source: &Source) {
    let result = poll_for(engine, source, true).await;
    finish(source, &result);
}

/// How long to wait after so many rounds have failed in a row.
pub fn wait(failed: u32, trouble: &Trouble) -> SignedDuration {
    let after = match trouble {
        Trouble::Provider { after, .. } => *after,
        Trouble::Store(_) => None,
        Trouble::Room(_) => return FOR_ROOM,
    };
    let waited = PATIENCE.wait(failed.clamp(1, PATIENCE.attempts - 1), after, u64::from(failed));
    waited.unwrap_or(SignedDuration::from_mins(15))
}

/// The time so long before another.
fn before(at: Timestamp, time: SignedDuration) -> Timestamp {
    at.checked_sub(time).unwrap_or(Timestamp::MIN)
}

async fn keep(engine: &Engine, source: &Source, position: Position) -> Result<Position, StoreError> {
    engine.store.keep_position(&source.name, &position).await?;
    Ok(position)
}

/// Says how a round came out: in the log, in the counters, and for whoever asks.
fn record(engine: &Engine, source: &Source, result: &Result<Progress, Trouble>) {
    let word = if result.is_ok() { "complete" } else { "failed" };
    metrics::counter!("rejoinder_poll_rounds_total", "source" => source.name.to_string(), "result" => word)
        .increment(1);
    match result {
        Ok(progress) => {
            source.watch.note(|state| {
                (state.last_poll, state.errors, state.error) = (Some(engine.clock.now()), 0, None);
                state.skipped = progress.skipped;
            });
            if progress.new > 0 {
                tracing::info!(source = %source.name, new = progress.new, messages = progress.messages, "messages were found at the provider");
            }
        }
        Err(trouble) => {
            source.watch.note(|state| (state.errors, state.error) = (state.errors + 1, Some(trouble.to_string())));
            tracing::warn!(source = %source.name, error = %trouble, "a round of polling ended early and is done again");
        }
    }
}

/// Ends what was asked for.
fn finish(source: &Source, result: &Result<Progress, Trouble>) {
    source.watch.note(|state| {
        if let Some(asked) = &mut state.asked {
            match result {
                Ok(progress) => *asked = Progress { number: asked.number, dry_run: asked.dry_run, ..progress.clone() },
                Err(trouble) => asked.error = Some(trouble.to_string()),
            }
            asked.done = true;
        }
    });
}
