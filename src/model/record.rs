//! What is remembered of a conversation and of a contact between events, and the facts that a decision is made from.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::control::{Control, Scope};
use super::decision::Decision;
use super::event::Event;
use super::mode::Mode;
use super::moment;
use super::send::Send;
use super::window::Curbs;

/// How long everything is kept at the least: the time for which a sender repeats a delivery (Sequenzy).
pub const SHORTEST_RETENTION: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is remembered of a conversation.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConversationRecord {
    /// What rules `set`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub state: Map<String, Value>,
    /// When each response last went to this conversation, by response key.
    #[serde(with = "moment::map", skip_serializing_if = "BTreeMap::is_empty")]
    pub responses: BTreeMap<String, Timestamp>,
    /// Messages seen here, of both sides.
    pub message_count: u64,
    /// The contact's last message.
    #[serde(with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub last_inbound: Option<Timestamp>,
    /// The last message a member wrote.
    #[serde(with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub last_human: Option<Timestamp>,
    /// When the automatic reply that was decided last is due, which may be to come.
    #[serde(with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub last_automatic: Option<Timestamp>,
    /// When the latest event happened that was decided, where the provider says when things happen.
    #[serde(with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub latest: Option<Timestamp>,
    /// When it was closed, unless something happened in it since.
    #[serde(with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Until when something in it counts, where that may be longer than [`SHORTEST_RETENTION`].
    #[serde(with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub counts_until: Option<Timestamp>,
}

impl ConversationRecord {
    /// Whether nothing in it is as young as `before`, or counted then. What rules `set` is part of the conversation, and goes
    /// with it.
    pub fn is_over(&self, before: Timestamp) -> bool {
        let times = [self.last_inbound, self.last_human, self.last_automatic, self.closed_at, self.counts_until];
        times.iter().flatten().chain(self.responses.values()).all(|at| *at < before)
    }
}

/// What is remembered of a correspondent over all conversations of an account.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactRecord {
    /// What rules `set` with `in: contact`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub state: Map<String, Value>,
    /// When each response last went to this correspondent, by response key.
    #[serde(with = "moment::map", skip_serializing_if = "BTreeMap::is_empty")]
    pub responses: BTreeMap<String, Timestamp>,
    /// When a message to this address last failed for good; none once one was delivered again.
    #[serde(with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub bounced: Option<Timestamp>,
    /// Until when something in it counts, where that may be longer than [`SHORTEST_RETENTION`]; the end of time for what is
    /// done once for a correspondent, ever.
    #[serde(with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub counts_until: Option<Timestamp>,
    /// Another one after every commit that changed it; a decision made from an older record is made again.
    pub version: u64,
}

impl ContactRecord {
    /// Whether nothing in it is as young as `before`, or counted then. What rules `set` never ends by itself: it may say that
    /// nobody is to write to them again.
    pub fn is_over(&self, before: Timestamp) -> bool {
        let times = [self.bounced, self.counts_until];
        self.state.is_empty() && times.iter().flatten().chain(self.responses.values()).all(|at| *at < before)
    }

    /// Whether the same is remembered, at whatever version.
    pub fn says_the_same(&self, other: &Self) -> bool {
        (&self.state, &self.responses, self.bounced) == (&other.state, &other.responses, other.bounced)
    }
}

/// Everything a decision is made from. Deciding reads nothing else: no store, no clock, no chance.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What happened. Shared, because an event is large and nobody changes it.
    pub event: Arc<Event>,
    /// The conversation until now.
    pub conversation: ConversationRecord,
    /// The correspondent until now.
    pub contact: ContactRecord,
    /// The ledger knows this message: we sent it.
    pub is_own: bool,
    /// How many sends of ours led to this event, one from the other: 0 for what somebody else did.
    pub depth: u8,
    /// The replies of the conversation that wait for the end of a burst.
    pub settling: Vec<Send>,
    /// What was counted, and what people ordered.
    pub curbs: Curbs,
    /// The time of the decision.
    pub now: Timestamp,
}

impl Facts {
    /// The facts from which a decision was made, as far as they were stored with it: all that conditions can look at.
    pub fn seen(event: impl Into<Arc<Event>>, decision: &Decision) -> Self {
        let seen = &decision.seen;
        let mut facts = Self::fresh(event, decision.at);
        facts.conversation.state = seen.state.clone();
        facts.conversation.message_count = seen.message_count;
        facts.contact.state = seen.contact_state.clone();
        (facts.is_own, facts.depth) = (seen.is_own, seen.depth);
        facts.order(seen.mode);
        facts
    }

    /// Adds that people have ordered a mode for the conversation of the event.
    pub fn order(&mut self, mode: Option<Mode>) {
        let ordered = Control { mode, ..Control::of(Scope::Conversation(self.event.lane())) };
        self.curbs.controls.0.push(ordered);
    }

    /// The facts of an event about which nothing is remembered.
    pub fn fresh(event: impl Into<Arc<Event>>, now: Timestamp) -> Self {
        Self {
            event: event.into(),
            conversation: ConversationRecord::default(),
            contact: ContactRecord::default(),
            is_own: false,
            depth: 0,
            settling: Vec::new(),
            curbs: Curbs::default(),
            now,
        }
    }
}
