//! What must survive. The trait has the three transactions of the journey and reading; every promise it makes is a
//! function in `conformance/`, run against every backend. No transaction is open while a provider is called: what is
//! taken out for work is leased, and a late commit is refused.

pub mod conformance;
mod kv;
mod local;
pub mod memory;
pub mod sled;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    AccountName, BookHash, ContactRecord, Control, ControlChange, ConversationRecord, Curbs, Decision, Event, EventId,
    EventKind, Facts, Hand, LaneKey, Quarantine, QuarantineId, Scope, Send as OutgoingSend, SendId, SourceName,
    WindowKey,
};

/// Why the store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, the database or the network failed.
    #[error("the store failed: {what}")]
    Failed {
        /// What was being done.
        what: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is stored cannot be read.
    #[error("the store holds something unreadable: {what}")]
    Corrupt {
        /// Which record, and how it is wrong.
        what: String,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// Somebody else has it open.
    #[error("{what}")]
    Busy {
        /// Who or what holds it, and what to do.
        what: String,
    },
}

/// Whether an event was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is durable now and waits to be decided.
    New,
    /// It was accepted before; nothing was changed.
    Duplicate,
}

/// A lease on one event, with everything a decision is made from.
#[derive(Clone, Debug)]
pub struct EventClaim {
    /// The event.
    pub event: Event,
    /// The conversation as it stands.
    pub conversation: ConversationRecord,
    /// The correspondent as it stands; the commit is refused if it changed meanwhile.
    pub contact: ContactRecord,
    /// The send of ours that this message is, where the ledger knows it.
    pub own: Option<SendId>,
    /// How many sends of ours led to the event, one from the other.
    pub depth: u8,
    /// Proof of the lease.
    pub fence: u64,
}

impl EventClaim {
    /// The facts at a moment, with what stands against replies.
    pub fn facts(&self, curbs: Curbs, now: Timestamp) -> Facts {
        Facts {
            event: self.event.clone(),
            conversation: self.conversation.clone(),
            contact: self.contact.clone(),
            is_own: self.own.is_some(),
            depth: self.depth,
            curbs,
            now,
        }
    }
}

/// A lease on one send. In state `pending` the start of the new attempt is already durable, as the last of `send.attempts`.
#[derive(Clone, Debug)]
pub struct SendClaim {
    /// The send.
    pub send: OutgoingSend,
    /// What it answers.
    pub event: Event,
    /// The conversation as it stands.
    pub conversation: ConversationRecord,
    /// Proof of the lease.
    pub fence: u64,
}

/// How a commit came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// It is durable.
    Done,
    /// The lease had ended; nothing was changed.
    LeaseLost,
    /// The facts had changed; nothing was changed, and the event can be claimed again.
    FactsChanged,
}

/// Which end of a list comes first, in the order of acceptance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventOrder {
    /// What was accepted last.
    #[default]
    Newest,
    /// What was accepted first.
    Oldest,
}

/// Which events to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EventQuery {
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// From this source.
    pub source: Option<SourceName>,
    /// Of this lane.
    pub lane: Option<LaneKey>,
    /// Received at or after.
    pub since: Option<Timestamp>,
    /// Accepted before this event, to page on.
    pub before: Option<EventId>,
    /// Accepted after this event, to page on when the oldest come first.
    pub after: Option<EventId>,
    /// Which come first; the newest by default.
    pub order: EventOrder,
    /// At most so many; 0 stands for 100.
    pub limit: usize,
}

/// Which sends to list, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SendQuery {
    /// In this state, by its [name](crate::model::SendState::name).
    pub state: Option<String>,
    /// Held for this cause, by its [word](crate::model::HoldCause::as_str).
    pub cause: Option<String>,
    /// Of this account.
    pub account: Option<AccountName>,
    /// Of this rule.
    pub rule: Option<String>,
    /// For this event.
    pub event: Option<EventId>,
    /// Created before this send, to page on.
    pub before: Option<SendId>,
    /// At most so many; 0 stands for 100.
    pub limit: usize,
}

/// An event with what was decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredEvent {
    /// The event.
    pub event: Event,
    /// Absent while it waits.
    pub decision: Option<Decision>,
}

/// What is in the store, for `/metrics` and `readyz`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Events that wait to be decided.
    pub undecided: usize,
    /// Sends that wait for their time, their turn, or certainty.
    pub open_sends: usize,
    /// Sends that wait for a person.
    pub held: usize,
    /// Dead letters.
    pub dead: usize,
}

/// Whether something that waits for a person could be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It was.
    Done,
    /// There is no such thing.
    NotFound,
    /// It is not in a state in which this can be done.
    WrongState,
}

/// Whether redriving keeps the idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The provider may recognise the send as one it has already carried out.
    Keep,
    /// On purpose, the provider shall see a new send.
    Renew,
}

/// What must survive.
#[async_trait]
pub trait Store: Send + Sync {
    /// Keeps an event unless its id is known. Durable when it returns.
    async fn accept(&self, event: Event) -> Result<Accepted, StoreError>;

    /// Ties a token that is good once at a source to an event, kept or not. False if it is tied to another event. So a
    /// delivery that could not be kept can come again, and nothing can come in its place. Durable when it returns; forgotten
    /// with the events of its time.
    async fn redeem(&self, token: &str, event: &Event) -> Result<bool, StoreError>;

    /// Leases the oldest event that waits and whose lane is free: no event of it leased, no older one waiting, no send of
    /// it being delivered. Oldest means accepted first, not the provider's time: that order is the only one that is known
    /// when the first of two events is claimed. A lease that ended is over when somebody claims at a later time.
    async fn claim_event(&self, now: Timestamp, lease: SignedDuration) -> Result<Option<EventClaim>, StoreError>;

    /// Keeps a decision with its sends and records, calls off what it cancels, and confirms the send that the event turned
    /// out to be, also if that was a dead letter: all or nothing. The contact's version is one more than the claim's,
    /// whatever the decision says. The windows it counted in must be as they were read. Durable when it returns.
    async fn commit_decision(&self, claim: &EventClaim, decision: Decision) -> Result<Commit, StoreError>;

    /// Leases the send of the account that is due longest and whose lane is free: no send of it leased, and no event of it
    /// waiting or leased, because what was accepted may call the send off. An event waits only for sends that are leased, so
    /// the two never wait for each other. The start of an attempt is durable when it returns. A send in state `unknown` is leased as it is; one whose lease ended during an
    /// attempt has become `unknown`.
    async fn claim_send(
        &self,
        account: &AccountName,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<Option<SendClaim>, StoreError>;

    /// Keeps a send as the attempt left it, and enters its provider and request ids in the ledger. Durable when it returns.
    async fn commit_attempt(&self, claim: &SendClaim, send: OutgoingSend) -> Result<Commit, StoreError>;

    /// When there is something to do for the account: the next time at which an open send is due, or at which the lease that
    /// holds up its lane ends. Lanes with an event that waits do not count: deciding it is what there is to do.
    async fn next_due(&self, account: &AccountName) -> Result<Option<Timestamp>, StoreError>;

    /// An event by its id.
    async fn event(&self, id: &EventId) -> Result<Option<StoredEvent>, StoreError>;

    /// Events in the order that is asked for, at most 1000. Lists leave out what cannot be read and name it in the log.
    async fn events(&self, query: &EventQuery) -> Result<Vec<StoredEvent>, StoreError>;

    /// A send by its id.
    async fn send(&self, id: &SendId) -> Result<Option<OutgoingSend>, StoreError>;

    /// Sends, newest first, at most 1000.
    async fn sends(&self, query: &SendQuery) -> Result<Vec<OutgoingSend>, StoreError>;

    /// Puts a dead letter back into the outbox, due at once. Only what happens from now on can call it off.
    async fn redrive(&self, id: &SendId, key: Key, hand: &Hand) -> Result<Changed, StoreError>;

    /// Puts a held send back into the outbox, due at once.
    async fn release(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError>;

    /// Drops a dead letter or a held send, with a reason.
    async fn drop_send(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError>;

    /// What stands against replies in a lane: the windows asked for, the quarantines over them that are not released, and
    /// the orders for everything, for rules, for accounts and for the lane.
    async fn curbs(&self, lane: &LaneKey, windows: &[WindowKey]) -> Result<Curbs, StoreError>;

    /// Every order, by scope.
    async fn controls(&self) -> Result<Vec<Control>, StoreError>;

    /// Changes what is ordered for a scope, in one step, and answers what stands then; an order that says nothing any more
    /// is forgotten. Durable when it returns.
    async fn change_control(&self, scope: &Scope, change: &ControlChange) -> Result<(Changed, Control), StoreError>;

    /// Every quarantine that is kept, newest first, also those that are over.
    async fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError>;

    /// Lifts a quarantine that holds, and empties its windows. Durable when it returns.
    async fn release_quarantine(&self, id: &QuarantineId, hand: &Hand) -> Result<Changed, StoreError>;

    /// Keeps the files of a rule book under its hash: pairs of name and text.
    async fn keep_book(&self, hash: &BookHash, files: &[(String, String)]) -> Result<(), StoreError>;

    /// The files of a rule book.
    async fn book(&self, hash: &BookHash) -> Result<Option<Vec<(String, String)>>, StoreError>;

    /// Keeps a credential that a provider replaced. Durable when it returns.
    async fn keep_credential(&self, name: &str, value: &crate::secret::Secret) -> Result<(), StoreError>;

    /// The credential last kept under the name.
    async fn credential(&self, name: &str) -> Result<Option<crate::secret::Secret>, StoreError>;

    /// Forgets events received before `before` that are decided and have no open, held or dead send, with their decisions
    /// and sends, and ledger entries, windows, quarantines and resumptions of that age. Answers how many events were forgotten.
    async fn prune(&self, before: Timestamp) -> Result<usize, StoreError>;

    /// What is in the store.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// Writes what is not yet written and closes. Everything after it answers [`StoreError::Closed`].
    async fn close(&self) -> Result<(), StoreError>;
}
