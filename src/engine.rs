//! The parts that the pipeline works with, put together once at start. It does nothing by itself.

mod polling;
mod pressure;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::SignedDuration;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::model::{AccountName, SourceName};
use crate::outbox::{LANE_PATIENCE, OnUnknown, RetryPolicy};
use crate::provider::hook::Hook;
use crate::provider::{Adapter, Mapping, Metered};
use crate::rules::{Book, Tally};
use crate::signature::Verifier;
use crate::store::Store;

pub use polling::{Backfill, Item, Poll, Polling, Progress, Turn, Watch, WatchState};
pub use pressure::{Pressure, Strain, Watermarks};

/// Everything that one running program has one of.
pub struct Engine {
    /// What must survive.
    pub store: Arc<dyn Store>,
    /// Where events come in.
    pub sources: BTreeMap<SourceName, Source>,
    /// Who acts.
    pub accounts: BTreeMap<AccountName, Account>,
    /// Who is told of breakers, where `guard.alert` names a hook.
    pub alarm: Option<Alarm>,
    /// The rule book in force.
    pub book: ArcSwap<Book>,
    /// How often each rule has failed since the start.
    pub failures: Tally,
    /// The time.
    pub clock: Clock,
    /// When a send is tried again.
    pub retry: RetryPolicy,
    /// How long things may wait for what should come before them.
    pub patience: Patience,
    /// How long an event is kept, and with it the key by which its message is known; 30 days by default.
    pub retention: SignedDuration,
    /// How much waits, and how much room there is for more.
    pub pressure: Pressure,
    /// How long a claim holds before others may take it over; longer than any call to a provider.
    pub lease: SignedDuration,
    /// Rung when there is something to do.
    pub bells: Bells,
}

/// How long things wait for what should come before them in their lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long later sends of a conversation wait for one that is tried again and again; 15m by default. Zero: they do
    /// not wait.
    pub lane: SignedDuration,
    /// How long an event waits, from the time at which its provider says it happened, for those that happened before it;
    /// 2s by default.
    pub reorder: SignedDuration,
}

impl Patience {
    /// For how long providers' deliveries are taken to overtake one another, by default.
    pub const REORDER: SignedDuration = SignedDuration::from_secs(2);
}

impl Default for Patience {
    fn default() -> Self {
        Self { lane: LANE_PATIENCE, reorder: Self::REORDER }
    }
}

impl Engine {
    /// Wakes a sender for each account that has a new send. A decision without one may have set a lane free, in which sends
    /// of any account wait.
    pub fn wake_senders<'a>(&self, of: impl IntoIterator<Item = &'a AccountName>) {
        let mut of = of.into_iter().filter_map(|name| self.accounts.get(name)).peekable();
        match of.peek() {
            Some(_) => of.for_each(|account| account.bell.notify_one()),
            None => self.accounts.values().for_each(|account| account.bell.notify_one()),
        }
    }
}

/// Where events come in.
pub struct Source {
    /// As named in the configuration.
    pub name: SourceName,
    /// The account that reads and answers.
    pub account: AccountName,
    /// Tells the genuine sender from others.
    pub verifier: Box<dyn Verifier>,
    /// Fields read from elsewhere than the adapter would.
    pub mapping: Option<Mapping>,
    /// The scheme's name, for the operator; `poll` where nothing is delivered.
    pub scheme: String,
    /// How it is read at the provider.
    pub polling: Polling,
    /// What came of that.
    pub watch: Watch,
}

/// Who acts.
pub struct Account {
    /// The provider's name.
    pub provider: String,
    /// Reads its deliveries and carries out its sends.
    pub adapter: Arc<dyn Adapter>,
    /// The connection, behind the account's gate: rate budget, priorities, breaker.
    pub http: Metered,
    /// How many sends may be under way at once.
    pub concurrency: usize,
    /// What is done about sends of unknown outcome.
    pub on_unknown: OnUnknown,
    /// Rung when a send of the account may have become due. It wakes one sender, which wakes the next if it found a send.
    pub bell: Notify,
}

/// The hook under `guard.alert`.
pub struct Alarm {
    /// The account under which it is called.
    pub account: AccountName,
    /// The hook.
    pub hook: Arc<Hook>,
}

/// Wake-ups. A missed one costs a moment, never an event: the loops look for themselves as well.
#[derive(Default)]
pub struct Bells {
    /// An event waits to be decided, or a lane has become free.
    pub decide: Notify,
    /// Something has happened that may concern the sends of any account.
    pub deliver: Notify,
}
