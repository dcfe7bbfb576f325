//! One action to be carried out at a provider, with everything that happened to it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::attempt::{Attempt, Outcome};
use super::ids::{AccountName, EventId, LaneKey, SendId};

/// What cancels a send that waits for its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelOn {
    /// A member answered.
    HumanReply,
    /// The contact wrote again.
    ContactMessage,
    /// The conversation was closed.
    Closed,
}

impl CancelOn {
    /// The word used in rules and in the reason of a cancelled send.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HumanReply => "human_reply",
            Self::ContactMessage => "contact_message",
            Self::Closed => "closed",
        }
    }
}

/// Where a send stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum SendState {
    /// Waits for its time or its turn.
    Pending,
    /// May have been done. It is not called off any more; the conversation is read back before anything else, unless the
    /// provider recognises a repeat by its key or a repeat does no harm.
    Unknown,
    /// The provider took it.
    Delivered,
    /// A webhook of the provider confirmed it.
    Confirmed,
    /// Called off before it left.
    Cancelled {
        /// By what.
        reason: String,
    },
    /// Given up; a dead letter, kept until a person redrives or drops it.
    Dead {
        /// Why.
        reason: String,
    },
    /// A dead letter that a person dropped.
    Dropped {
        /// What the person said.
        reason: String,
    },
}

impl SendState {
    /// Every name, in the order of a send's life.
    pub const NAMES: [&str; 7] = ["pending", "unknown", "delivered", "confirmed", "cancelled", "dead", "dropped"];

    /// The word used in lists, filters and labels.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Delivered => "delivered",
            Self::Confirmed => "confirmed",
            Self::Cancelled { .. } => "cancelled",
            Self::Dead { .. } => "dead",
            Self::Dropped { .. } => "dropped",
        }
    }

    /// Whether the engine still has something to do with it.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Pending | Self::Unknown)
    }
}

/// One action to be carried out at a provider; lives in the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Send {
    /// Derived from event, rule and action index.
    pub id: SendId,
    /// What it answers.
    pub event: EventId,
    /// The rule that asked for it.
    pub rule: String,
    /// The place of the action in the rule's `do`, from 0.
    pub index: usize,
    /// Who acts.
    pub account: AccountName,
    /// Sends of one lane leave one at a time.
    pub lane: LaneKey,
    /// What is to be done.
    pub action: Action,
    /// Not before.
    pub due: Timestamp,
    /// When it was decided.
    pub created_at: Timestamp,
    /// The same in every attempt; a person may renew it when redriving.
    pub idempotency_key: String,
    /// What calls it off while it waits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancel_on: Vec<CancelOn>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: SendState,
    /// Every try, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The provider's id of what was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// The id under which a webhook confirms it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How often the conversation was read back without a clear answer.
    #[serde(default)]
    pub read_backs: u32,
    /// How many of the attempts were made under an earlier key.
    #[serde(default)]
    pub renewed_after: usize,
    /// How many of the attempts were made before a person last redrove it; they do not count towards giving up again.
    #[serde(default)]
    pub redriven_after: usize,
}

impl Send {
    /// Whether an earlier try may have reached the provider.
    pub fn was_tried(&self) -> bool {
        !self.attempts.is_empty()
    }

    /// Since when it may have landed under its present key without our knowing: when the first try began that came out
    /// unknown or was cut short. The try that is under way is not one of these.
    pub fn in_doubt_since(&self) -> Option<Timestamp> {
        let is_running = |attempt: &&Attempt| self.state == SendState::Pending && attempt.ended_at.is_none();
        let ended = self.attempts.len() - usize::from(self.attempts.last().as_ref().is_some_and(is_running));
        let in_doubt =
            |attempt: &&Attempt| attempt.outcome.as_ref().is_none_or(|it| matches!(it, Outcome::Unknown { .. }));
        let doubtful = self.attempts.iter().take(ended).skip(self.renewed_after).find(in_doubt);
        doubtful.map(|attempt| attempt.started_at)
    }
}
