//! The loops that step the pipeline, and their end: what has begun is finished, what has not stays in the store.

mod poll;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::journey;
use crate::model::{AccountName, SendState};
use crate::pipeline::{self, Step};
use crate::store::{SendQuery, StoreError};

/// How many events are decided at once, so that their commits share one write to the disk.
const DECIDERS: usize = 16;

/// How long a loop sleeps at the most before it looks for itself.
const LOOK: Duration = Duration::from_millis(500);

/// How long a loop waits after the store has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How often somebody looks whether what was held by a pause can go on.
const RESUME: Duration = Duration::from_secs(30);

/// How often old events are forgotten.
const PRUNE: Duration = Duration::from_secs(3_600);

/// Runs every loop until `stop` turns true, then waits for the steps under way.
pub async fn run(engine: Arc<Engine>, stop: watch::Receiver<bool>) {
    let mut loops = JoinSet::new();
    for _ in 0..DECIDERS {
        let (engine, stop) = (Arc::clone(&engine), stop.clone());
        loops.spawn(kept_up(stop.clone(), move || decide(Arc::clone(&engine), stop.clone())));
    }
    let configured = engine.accounts.iter().map(|(name, account)| (name.clone(), account.concurrency));
    let gone = accounts_gone(&engine).await.into_iter().map(|name| (name, 1));
    for (name, concurrency) in configured.chain(gone) {
        for _ in 0..concurrency {
            let (engine, name, stop) = (Arc::clone(&engine), name.clone(), stop.clone());
            loops.spawn(kept_up(stop.clone(), move || deliver(Arc::clone(&engine), name.clone(), stop.clone())));
        }
    }
    for (name, _) in engine.sources.iter().filter(|(_, source)| poll::is_needed(&engine, source)) {
        let (engine, name, stop) = (Arc::clone(&engine), name.clone(), stop.clone());
        loops.spawn(kept_up(stop.clone(), move || poll::run(Arc::clone(&engine), name.clone(), stop.clone())));
    }
    loops.spawn(resume(Arc::clone(&engine), stop.clone()));
    loops.spawn(alarm(Arc::clone(&engine), stop.clone()));
    loops.spawn(prune(Arc::clone(&engine), stop));
    while loops.join_next().await.is_some() {}
}

/// Runs a loop, and again when it ended by a panic: one event that cannot be decided must not end the deciding.
async fn kept_up<F: Future<Output = ()> + Send + 'static>(mut stop: watch::Receiver<bool>, start: impl Fn() -> F) {
    while let Err(error) = tokio::spawn(start()).await {
        tracing::error!(error = %error, "a loop ended by a panic and is started again");
        if *stop.borrow() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Accounts that are not configured any more and still have open sends. Their loops give those sends up, visibly, which
/// nobody else would.
async fn accounts_gone(engine: &Engine) -> BTreeSet<AccountName> {
    let mut gone = BTreeSet::new();
    for state in [SendState::Pending, SendState::Unknown] {
        let mut query = SendQuery { state: Some(state.name().to_owned()), limit: 1_000, ..SendQuery::default() };
        loop {
            match engine.store.sends(&query).await {
                Ok(sends) => {
                    let Some(last) = sends.last() else { break };
                    query.before = Some(last.id.clone());
                    let names = sends.into_iter().map(|send| send.account);
                    gone.extend(names.filter(|name| !engine.accounts.contains_key(name)));
                }
                Err(error) => {
                    tracing::error!(error = %error, "open sends could not be looked through");
                    break;
                }
            }
        }
    }
    for name in &gone {
        tracing::warn!(account = %name, "the account is not configured any more, but has open sends; they are given up");
    }
    gone
}

async fn decide(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match pipeline::decide(&engine).await {
            Ok(Step::Did(_)) => {}
            Ok(Step::Idle) => {
                tokio::select! {
                    () = engine.bells.decide.notified() => {}
                    () = tokio::time::sleep(until_ripe(&engine).await) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            }
            Err(StoreError::Closed) => return,
            Err(error) => pause("deciding", &error, &mut stop).await,
        }
    }
}

async fn deliver(engine: Arc<Engine>, account: AccountName, mut stop: watch::Receiver<bool>) {
    // Nobody rings for an account that is not configured any more.
    let silent = Notify::default();
    let own = engine.accounts.get(&account).map_or(&silent, |account| &account.bell);
    while !*stop.borrow() {
        let turn = tokio::select! {
            turn = journey::turn(&engine, &account) => turn,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let bell = engine.bells.deliver.notified();
        tokio::pin!(bell);
        // Listening begins before looking, so that what arrives in between is not missed. The account's own bell keeps a
        // ring that nobody heard.
        bell.as_mut().enable();
        match pipeline::deliver_in(&engine, &account, turn).await {
            Ok(Step::Did(_)) => {}
            Ok(Step::Idle) => {
                let nap = until_due(&engine, &account).await;
                tokio::select! {
                    () = bell => {}
                    () = own.notified() => {}
                    () = tokio::time::sleep(nap) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            }
            Err(StoreError::Closed) => return,
            Err(error) => pause("delivering", &error, &mut stop).await,
        }
    }
}

async fn until_ripe(engine: &Engine) -> Duration {
    let next = engine.store.next_undecided().await.ok().flatten();
    nap(engine, next)
}

async fn until_due(engine: &Engine, account: &AccountName) -> Duration {
    let due = engine.store.next_due(account).await.ok().flatten();
    nap(engine, due)
}

fn nap(engine: &Engine, until: Option<jiff::Timestamp>) -> Duration {
    let wait = until.map(|until| until.duration_since(engine.clock.now()));
    let wait = wait.and_then(|wait| Duration::try_from(wait).ok()).unwrap_or(LOOK);
    // A send that is due but whose lane is taken must not turn the loop into a spin.
    wait.clamp(Duration::from_millis(20), LOOK)
}

/// What was held by a pause is let go when the pause ends; here, whatever became of the program in between.
async fn resume(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match journey::release_resumed(&engine, "resume").await {
            Ok(0) => {}
            Ok(released) => tracing::info!(released, "sends held by a pause that is over go on"),
            Err(StoreError::Closed) => return,
            Err(error) => tracing::error!(error = %error, "held sends could not be looked through"),
        }
        tokio::select! {
            () = tokio::time::sleep(RESUME) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

/// Breakers that opened or closed are told; what could not be told is told again.
async fn alarm(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    let mut told = BTreeSet::new();
    while !*stop.borrow() {
        let is_told = journey::tell_breakers(&engine, &mut told).await;
        tokio::select! {
            () = tokio::time::sleep(if is_told { PAUSE } else { RESUME }) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

async fn prune(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    // Only a measurement has a retention that is short of a day.
    let every = Duration::try_from(engine.retention / 24).map_or(PRUNE, |part| part.min(PRUNE));
    while !*stop.borrow() {
        if let Ok(before) = engine.clock.now().checked_sub(engine.retention) {
            match engine.store.prune(before).await {
                Ok(0) => {}
                Ok(forgotten) => tracing::info!(forgotten, "events older than the retention were forgotten"),
                Err(StoreError::Closed) => return,
                Err(error) => tracing::error!(error = %error, "old events could not be forgotten"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

async fn pause(doing: &str, error: &StoreError, stop: &mut watch::Receiver<bool>) {
    tracing::error!(error = %error, "{doing} failed; trying again shortly");
    tokio::select! {
        () = tokio::time::sleep(PAUSE) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}
