//! Everybody who uses a store at once, for tests that take it away from them: senders, deciders and deliverers. Each says what
//! it was told is durable, when it was told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::model::{Decision, EventId, Message, SendId, SendState};
use crate::store::conformance::sample::{LEASE, at, decision, delivered, desk, event, reply};
use crate::store::{Commit, SendQuery, Store, StoreError};

/// Told of each thing that became durable, in one line.
pub(super) type Say = Arc<dyn Fn(String) + Send + Sync>;

/// What somebody was told is durable.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    accepted: BTreeSet<EventId>,
    decided: BTreeSet<EventId>,
    started: BTreeSet<SendId>,
    delivered: BTreeSet<SendId>,
}

impl Acknowledged {
    pub(super) fn of(lines: &[String]) -> Self {
        let mut acknowledged = Self::default();
        lines.iter().for_each(|line| acknowledged.read(line));
        acknowledged
    }

    pub(super) fn read(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("accepted", id)) => drop(self.accepted.insert(id.into())),
            Some(("decided", id)) => drop(self.decided.insert(id.into())),
            Some(("started", id)) => drop(self.started.insert(id.into())),
            Some(("delivered", id)) => drop(self.delivered.insert(id.into())),
            _ => {}
        }
    }

    /// How many events were accepted, and how many sends delivered.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.accepted.len(), self.delivered.len())
    }

    /// Everything that is not as acknowledged.
    pub(super) async fn missing_in(&self, store: &dyn Store) -> Vec<String> {
        let mut missing = Vec::new();
        for id in self.accepted.iter().chain(&self.decided) {
            let stored = match store.event(id).await {
                Ok(Some(stored)) => stored,
                Ok(None) => {
                    missing.push(format!("event {id}"));
                    continue;
                }
                Err(error) => {
                    missing.push(format!("event {id}: {error}"));
                    continue;
                }
            };
            if self.decided.contains(id) && stored.decision.is_none() {
                missing.push(format!("the decision on {id}"));
            }
            let query = SendQuery { event: Some(id.clone()), ..SendQuery::default() };
            if stored.decision.is_some() && store.sends(&query).await.unwrap().len() != 1 {
                missing.push(format!("the send of {id}"));
            }
        }
        for id in self.started.iter().chain(&self.delivered) {
            let Some(send) = store.send(id).await.unwrap() else {
                missing.push(format!("send {id}"));
                continue;
            };
            if !send.was_tried() || send.state == SendState::Pending {
                missing.push(format!("the attempt of {id}"));
            }
            if self.delivered.contains(id) && send.state != SendState::Delivered {
                missing.push(format!("the delivery of {id}"));
            }
        }
        missing
    }
}

/// Starts them all; the name tells one run from another. They end when the store does.
pub(super) fn start(store: &Arc<dyn Store>, name: &str, say: &Say) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for producer in 0..4 {
        tasks.spawn(until_closed(produce(Arc::clone(store), format!("{name}-{producer}"), Arc::clone(say))));
    }
    for _ in 0..2 {
        tasks.spawn(until_closed(decide(Arc::clone(store), Arc::clone(say))));
        tasks.spawn(until_closed(deliver(Arc::clone(store), Arc::clone(say))));
    }
    tasks
}

async fn until_closed(work: impl Future<Output = Result<(), StoreError>>) {
    match work.await {
        Ok(()) | Err(StoreError::Closed) => {}
        Err(error) => panic!("{error}"),
    }
}

async fn produce(store: Arc<dyn Store>, name: String, say: Say) -> Result<(), StoreError> {
    for number in 0.. {
        let mut new = event(&format!("{name}-{number}"), &format!("{name}-{}", number % 5));
        // Long enough to be left in the journal, now and then.
        new.message = Some(Message { text: "x".repeat(number % 3 * 400), ..Message::default() });
        let id = new.id.clone();
        store.accept(new).await?;
        say(format!("accepted {id}"));
    }
    Ok(())
}

async fn decide(store: Arc<dyn Store>, say: Say) -> Result<(), StoreError> {
    loop {
        let Some(claim) = store.claim_event(at(0), LEASE).await? else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        let sends = vec![reply(&claim.event, 0, 0)];
        let committed = store.commit_decision(&claim, Decision { sends, ..decision(&claim) }).await?;
        assert_eq!(committed, Commit::Done);
        say(format!("decided {}", claim.event.id));
    }
}

async fn deliver(store: Arc<dyn Store>, say: Say) -> Result<(), StoreError> {
    loop {
        let Some(claim) = store.claim_send(&desk(), at(0), LEASE).await? else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        say(format!("started {}", claim.send.id));
        assert_eq!(store.commit_attempt(&claim, delivered(&claim)).await?, Commit::Done);
        say(format!("delivered {}", claim.send.id));
    }
}
