//! The parts that the pipeline works with, put together once at start. It does nothing by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::SignedDuration;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::http::Http;
use crate::model::{AccountName, SourceName};
use crate::outbox::RetryPolicy;
use crate::provider::{Adapter, Mapping};
use crate::rules::{Book, Tally};
use crate::signature::Verifier;
use crate::store::Store;

/// Everything that one running program has one of.
pub struct Engine {
    /// What must survive.
    pub store: Arc<dyn Store>,
    /// Where events come in.
    pub sources: BTreeMap<SourceName, Source>,
    /// Who acts.
    pub accounts: BTreeMap<AccountName, Account>,
    /// The rule book in force.
    pub book: ArcSwap<Book>,
    /// How often each rule has failed since the start.
    pub failures: Tally,
    /// The time.
    pub clock: Clock,
    /// When a send is tried again.
    pub retry: RetryPolicy,
    /// How long a claim holds before others may take it over; longer than any call to a provider.
    pub lease: SignedDuration,
    /// Rung when there is something to do.
    pub bells: Bells,
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
    /// The scheme's name, for the operator.
    pub scheme: String,
}

/// Who acts.
pub struct Account {
    /// The provider's name.
    pub provider: String,
    /// Reads its deliveries and carries out its sends.
    pub adapter: Arc<dyn Adapter>,
    /// The connection, within the account's rate budget.
    pub http: Arc<dyn Http>,
    /// How many sends may be under way at once.
    pub concurrency: usize,
}

/// Wake-ups. A missed one costs a moment, never an event: the loops look for themselves as well.
#[derive(Default)]
pub struct Bells {
    /// An event waits to be decided, or a lane has become free.
    pub decide: Notify,
    /// A send waits.
    pub deliver: Notify,
}
