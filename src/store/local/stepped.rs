//! The store of one machine without its thread: the simulation says when a job is done and when a group of them becomes
//! durable, so that a crash can fall between any two.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use jiff::Timestamp;

use super::writer::{Answer, Job, Writer};
use super::{Core, Local, keys, list};
use crate::model::{AccountName, LaneKey, Send as OutgoingSend};
use crate::store::kv::Kv;
use crate::store::{Counts, EventOrder, EventQuery, SendQuery, Store, StoreError, StoredEvent};

/// The thread's side of a store. Dropped without more ado, it is a process that was killed.
pub(crate) struct Stepped {
    core: Core,
    jobs: Receiver<Job>,
    waiting: VecDeque<(u64, Job)>,
    answers: Vec<(u64, Answer)>,
}

/// The events and the sends that are kept.
#[derive(Clone)]
pub(crate) struct Kept {
    /// Oldest first.
    pub(crate) events: Vec<StoredEvent>,
    /// Newest first.
    pub(crate) sends: Vec<OutgoingSend>,
}

impl Kept {
    /// Reads what is kept, durable or not.
    pub(in crate::store) fn read(kv: &Arc<dyn Kv>) -> Self {
        let query = EventQuery { order: EventOrder::Oldest, limit: 1_000, ..EventQuery::default() };
        let events = list::events(kv, &query).unwrap();
        let sends = list::sends(kv, &SendQuery { limit: 1_000, ..SendQuery::default() }).unwrap();
        Self { events, sends }
    }
}

/// Whether anything is remembered of a conversation.
pub(in crate::store) fn remembers(kv: &dyn Kv, lane: &LaneKey) -> bool {
    kv.get(&keys::conversation(lane)).unwrap().is_some()
}

impl Stepped {
    /// Opens a store as a start would.
    pub(in crate::store) fn open(kv: Arc<dyn Kv>) -> Result<(Arc<dyn Store>, Self), StoreError> {
        let mut core = Core::new(Arc::clone(&kv));
        core.load()?;
        let (writer, jobs) = Writer::by_hand();
        let (quiet, orders) = (Arc::clone(&core.quiet), Arc::clone(&core.orders));
        let stepped = Self { core, jobs, waiting: VecDeque::new(), answers: Vec::new() };
        Ok((Arc::new(Local { writer, kv, quiet, orders }), stepped))
    }

    /// Takes in the jobs that have come since, in the name of `owner`; answers whether there were any.
    pub(crate) fn gather(&mut self, owner: u64) -> bool {
        let before = self.waiting.len();
        self.waiting.extend(self.jobs.try_iter().map(|job| (owner, job)));
        self.waiting.len() > before
    }

    /// Whether somebody has handed in a job that is not answered.
    pub(crate) fn owes(&self, owner: u64) -> bool {
        self.waiting.iter().any(|(of, _)| *of == owner) || self.answers.iter().any(|(of, _)| *of == owner)
    }

    /// How many jobs nobody has begun.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many jobs are done and not yet durable.
    pub(crate) fn unanswered(&self) -> usize {
        self.answers.len()
    }

    /// Who has handed in the next job.
    pub(crate) fn next(&self) -> Option<u64> {
        self.waiting.front().map(|(owner, _)| *owner)
    }

    /// Does the next job.
    pub(crate) fn work(&mut self) {
        if let Some((owner, job)) = self.waiting.pop_front() {
            let answer = job(&mut self.core);
            self.answers.push((owner, answer));
        }
    }

    /// Makes durable what was done, and answers; who was answered.
    pub(crate) fn settle(&mut self) -> Vec<u64> {
        let durable = self.core.settle();
        let answered = self.answers.drain(..).map(|(owner, answer)| {
            answer(&durable);
            owner
        });
        answered.collect()
    }

    /// What is in flight.
    pub(crate) fn counts(&self) -> Counts {
        self.core.counts()
    }

    /// When there is something to do for an account.
    pub(crate) fn next_due(&self, account: &AccountName) -> Option<Timestamp> {
        self.core.next_due(account)
    }
}
