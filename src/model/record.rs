//! What is remembered of a conversation and of a contact between events, and the facts that a decision is made from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::event::Event;

/// What is remembered of a conversation.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConversationRecord {
    /// What rules `set`.
    pub state: Map<String, Value>,
    /// When each response last went to this conversation, by response key.
    pub responses: BTreeMap<String, Timestamp>,
    /// Messages seen here, of both sides.
    pub message_count: u64,
    /// The contact's last message.
    pub last_inbound: Option<Timestamp>,
    /// The last message a member wrote.
    pub last_human: Option<Timestamp>,
    /// The last automatic reply that was decided.
    pub last_automatic: Option<Timestamp>,
}

/// What is remembered of a correspondent over all conversations of an account.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactRecord {
    /// What rules `set` with `in: contact`.
    pub state: Map<String, Value>,
    /// When each response last went to this correspondent, by response key.
    pub responses: BTreeMap<String, Timestamp>,
    /// Counts commits; a decision made from an older record is made again.
    pub version: u64,
}

/// Everything a decision is made from. Deciding reads nothing else: no store, no clock, no chance.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What happened.
    pub event: Event,
    /// The conversation until now.
    pub conversation: ConversationRecord,
    /// The correspondent until now.
    pub contact: ContactRecord,
    /// The ledger knows this message: we sent it.
    pub is_own: bool,
    /// The time of the decision.
    pub now: Timestamp,
}
