//! What must survive. The trait has the three transactions of the journey and reading; every promise it makes is a
//! function in `conformance/`, run against every backend. No transaction is open while a provider is called: what is
//! taken out for work is leased, and a late commit is refused.

pub mod conformance;
mod kv;
mod local;
pub mod memory;
pub mod sled;
#[cfg(test)]
pub(crate) mod testing;

use std::io::{Read, Write};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    AccountName, BookHash, ContactRecord, Control, ControlChange, ConversationRecord, Curbs, Decision, Event, EventId,
    EventKind, Facts, Hand, LaneKey, Position, Quarantine, QuarantineId, Scope, Send as OutgoingSend, SendId,
    SourceName, WindowKey,
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
    /// What is to be imported is not an export, or not a whole one.
    #[error("{what}")]
    Import {
        /// Which line, and how it is wrong.
        what: String,
    },
    /// The disk has no room for anything new. Nothing was changed, and it goes on by itself when there is room again.
    #[error("the disk is full: {what}")]
    Full {
        /// Which disk, and how much room is asked for.
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
    pub event: Arc<Event>,
    /// The conversation as it stands.
    pub conversation: ConversationRecord,
    /// The correspondent as it stands; the commit is refused if it changed meanwhile.
    pub contact: ContactRecord,
    /// The send of ours that this message is, where the ledger knows it.
    pub own: Option<SendId>,
    /// How many sends of ours led to the event, one from the other.
    pub depth: u8,
    /// The replies of the lane that wait for the end of a burst. They stay so as long as the claim holds.
    pub settling: Vec<OutgoingSend>,
    /// Proof of the lease.
    pub fence: u64,
}

impl EventClaim {
    /// The facts at a moment, with what stands against replies.
    pub fn facts(&self, curbs: Curbs, now: Timestamp) -> Facts {
        Facts {
            event: Arc::clone(&self.event),
            conversation: self.conversation.clone(),
            contact: self.contact.clone(),
            is_own: self.own.is_some(),
            depth: self.depth,
            settling: self.settling.clone(),
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
    pub event: Arc<Event>,
    /// The conversation as it stands.
    pub conversation: ConversationRecord,
    /// Whether another send of the account can be claimed at once.
    pub more: bool,
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
    /// Of this conversation: the provider's id of it, or its lane.
    pub conversation: Option<String>,
    /// Created at or after.
    pub since: Option<Timestamp>,
    /// With this in the reason of their state, whatever the case of its letters.
    pub reason: Option<String>,
    /// Last reported by the provider with this status, by its [word](crate::model::DeliveryStatus::as_str).
    pub reported: Option<String>,
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

/// What a store takes on disk, in bytes unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// How many records it holds.
    pub records: u64,
    /// How many files the journal has.
    pub journal_files: u64,
    /// How many of them were found damaged since the start, which has them read through in the background.
    pub damaged_files: u64,
    /// Their length together.
    pub journal: u64,
    /// How much of that is still needed; the rest is given back as files empty themselves.
    pub needed: u64,
    /// How much of the journal the state is behind: what a start after a crash would apply.
    pub behind: u64,
    /// The length of the state's files.
    pub state: u64,
    /// The length of the snapshots.
    pub snapshots: u64,
    /// What is free for us on the disk; absent where the system does not say.
    pub free: Option<u64>,
}

/// What became of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// How many lines were written, without the first and the last.
    pub lines: u64,
    /// The records that cannot be read, by kind and id. Where there is one, the export says that it is not whole, and no
    /// import takes it.
    pub unreadable: Vec<String>,
}

/// Told how many lines an export or an import has come to.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

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
    /// it being delivered. Oldest means accepted first, save that an event which happened earlier goes before those that it
    /// found waiting for their `decide_from`; before that time an event is not leased. A change without a message that
    /// follows closely on a send of ours counts as caused by it. A lease that ended is over when somebody claims at a later
    /// time.
    async fn claim_event(&self, now: Timestamp, lease: SignedDuration) -> Result<Option<EventClaim>, StoreError> {
        Ok(self.claim_events(now, lease, 1).await?.pop())
    }

    /// Leases up to so many events, one after the other as [`claim_event`](Self::claim_event) does. An error is answered only
    /// where nothing was leased before it.
    async fn claim_events(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        most: usize,
    ) -> Result<Vec<EventClaim>, StoreError>;

    /// Ends the lease on an event that could not be decided, so that it need not end by itself.
    async fn give_back(&self, claim: &EventClaim) -> Result<(), StoreError>;

    /// Keeps a decision with its sends and records, calls off what it cancels and supersedes, and confirms the send that the
    /// event turned out to be, also if that was a dead letter, or keeps what the event reports of it: all or nothing. The
    /// contact's version is one that it never had where the decision remembers something new of them. The windows it
    /// counted in must be as they were read. Durable when it returns.
    async fn commit_decision(&self, claim: &EventClaim, decision: Decision) -> Result<Commit, StoreError>;

    /// Leases the send of the account that goes first among those that are due and whose lane is free: pages before replies
    /// before the rest, of these what is due longest; now and then what is due longest of all, so that nothing waits for
    /// ever. Within a lane what is due longest leaves first, whatever it is; one that was tried is not passed by a later one
    /// of its lane before its `lane_until`, and whoever passes it then says so in `passed`. A lane is free when no send of it
    /// is leased and no event of it waits or is leased, because what was accepted may call the send off. An event waits only for sends that are leased, so
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

    /// When the next event that is not leased before its `decide_from` can be claimed.
    async fn next_undecided(&self) -> Result<Option<Timestamp>, StoreError>;

    /// An event by its id.
    async fn event(&self, id: &EventId) -> Result<Option<StoredEvent>, StoreError>;

    /// Events in the order that is asked for, at most 1000. Lists leave out what cannot be read and name it in the log.
    async fn events(&self, query: &EventQuery) -> Result<Vec<StoredEvent>, StoreError>;

    /// A send by its id.
    async fn send(&self, id: &SendId) -> Result<Option<OutgoingSend>, StoreError>;

    /// Sends, newest first, at most 1000.
    async fn sends(&self, query: &SendQuery) -> Result<Vec<OutgoingSend>, StoreError>;

    /// Puts a dead letter, or what is held because it may have arrived, back into the outbox, due at once. Only what happens from now on can call it off.
    async fn redrive(&self, id: &SendId, key: Key, hand: &Hand) -> Result<Changed, StoreError>;

    /// Puts a held send back into the outbox, due at once.
    async fn release(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError>;

    /// Takes a held send or a dead letter of which a person has seen that it arrived for confirmed. One that was never tried
    /// cannot have.
    async fn confirm(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError>;

    /// Drops a dead letter or a held send, with a reason.
    async fn drop_send(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError>;

    /// What stands against replies in a lane: the windows asked for, the quarantines over them that are not released, and
    /// the orders for everything, for rules, for accounts and for the lane.
    async fn curbs(&self, lane: &LaneKey, windows: &[WindowKey]) -> Result<Curbs, StoreError>;

    /// The same without the windows themselves: what may have come up against a send since it was decided.
    async fn standing(&self, lane: &LaneKey, windows: &[WindowKey]) -> Result<Curbs, StoreError>;

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

    /// Keeps how far a source has been read, in place of what was kept before. Durable when it returns.
    async fn keep_position(&self, source: &SourceName, position: &Position) -> Result<(), StoreError>;

    /// How far a source has been read.
    async fn position(&self, source: &SourceName) -> Result<Option<Position>, StoreError>;

    /// Forgets events received before `before` that are decided and have no open, held or dead send, with their decisions
    /// and sends, and ledger entries, windows, quarantines and resumptions of that age. Then conversations of which no event
    /// is left, and correspondents, [as soon as](ConversationRecord::is_over) [nothing](ContactRecord::is_over) in them
    /// counts. Answers how many events were forgotten.
    async fn prune(&self, before: Timestamp) -> Result<usize, StoreError>;

    /// Writes everything that can be read as compressed lines of JSON. Whole only where nothing changes meanwhile.
    async fn export(&self, into: Box<dyn Write + Send>, progress: Progress) -> Result<Exported, StoreError>;

    /// Takes over what [`export`](Self::export) wrote, compressed or not, into a store that is empty, and answers how many
    /// lines. An import that fails leaves a store that says so when it is opened.
    async fn import(&self, from: Box<dyn Read + Send>, progress: Progress) -> Result<u64, StoreError>;

    /// Whether it has failed for good: nothing is kept any more until it is opened anew. A full disk is not that.
    fn is_broken(&self) -> bool {
        false
    }

    /// What it takes on disk; none where it takes nothing.
    async fn usage(&self) -> Result<Option<Usage>, StoreError>;

    /// What is in the store.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// Writes what is not yet written and closes. Everything after it answers [`StoreError::Closed`].
    async fn close(&self) -> Result<(), StoreError>;
}
