//! One action to be carried out at a provider, with everything that happened to it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::attempt::{Attempt, Outcome};
use super::control::Scope;
use super::event::Event;
use super::ids::{AccountName, EventId, LaneKey, SendId, WindowKey};
use super::reported::Reported;
use super::window::Hand;

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

/// Why a send waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldCause {
    /// Its rule is in mode `approve`.
    Approval,
    /// Something it belongs to is paused.
    Paused,
    /// Another rule, which says `on_error: hold`, failed on the same event.
    RuleError,
    /// It may have been done, and no program can tell.
    Unknown,
}

impl HoldCause {
    /// Every cause.
    pub const ALL: [Self; 4] = [Self::Approval, Self::Paused, Self::RuleError, Self::Unknown];

    /// The word in lists and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Paused => "paused",
            Self::RuleError => "rule_error",
            Self::Unknown => "unknown",
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
    /// Waits for a person, and is checked again when they let it go.
    Held {
        /// Why.
        cause: HoldCause,
        /// In words.
        reason: String,
    },
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
    /// Held, or a dead letter, and dropped by a person.
    Dropped {
        /// What the person said.
        reason: String,
    },
}

impl SendState {
    /// Every name, in the order of a send's life.
    pub const NAMES: [&str; 8] =
        ["pending", "unknown", "held", "delivered", "confirmed", "cancelled", "dead", "dropped"];

    /// The word used in lists, filters and labels.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Held { .. } => "held",
            Self::Delivered => "delivered",
            Self::Confirmed => "confirmed",
            Self::Cancelled { .. } => "cancelled",
            Self::Dead { .. } => "dead",
            Self::Dropped { .. } => "dropped",
        }
    }

    /// Why it stands there, in words.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Held { reason, .. }
            | Self::Cancelled { reason }
            | Self::Dead { reason }
            | Self::Dropped { reason } => Some(reason),
            Self::Pending | Self::Unknown | Self::Delivered | Self::Confirmed => None,
        }
    }

    /// Whether the engine still has something to do with it.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Pending | Self::Unknown)
    }

    /// Whether it still waits for something: its time, its turn, certainty, or a person.
    pub fn is_unsettled(&self) -> bool {
        self.is_open() || self.awaits_person()
    }

    /// Whether a person may have something to do with it.
    pub fn awaits_person(&self) -> bool {
        matches!(self, Self::Held { .. } | Self::Dead { .. })
    }
}

/// The reason of a send in whose place a later one was put.
pub const SUPERSEDED: &str = "superseded";

/// A reply that waits for the end of a burst of messages: if a message that arrives until then is answered, that answer
/// takes its place, as if it had never been decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settling {
    /// When the burst is over, unless another message arrives.
    pub until: Timestamp,
    /// The keys of the responses that were remembered when it was decided.
    pub responses: Vec<String>,
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
    /// The digest of the rule as it was; a rule that is changed before the send left calls it off. Empty where no rule asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule_hash: String,
    /// What it was counted by; a quarantine of one of these calls it off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<WindowKey>,
    /// When it is too late to leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Only what happened later than this can call it off; `created_at` unless a person redrove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_from: Option<Timestamp>,
    /// How many sends of ours led to it, one from the other: 0 for an answer to what somebody wrote.
    #[serde(default)]
    pub depth: u8,
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
    /// Until when later sends of its lane wait for it; where it was tried and is to be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane_until: Option<Timestamp>,
    /// Sends of its lane that should have left before it, and that it did not wait for any longer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<SendId>,
    /// It waits for the end of a burst of messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settling: Option<Settling>,
    /// How often the conversation was read back without a clear answer.
    #[serde(default)]
    pub read_backs: u32,
    /// How many of the attempts were made under an earlier key.
    #[serde(default)]
    pub renewed_after: usize,
    /// How many of the attempts were made before a person last redrove it; they do not count towards giving up again.
    #[serde(default)]
    pub redriven_after: usize,
    /// What people did to it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hands: Vec<Hand>,
    /// What the provider reported after it had taken it, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Reported>,
}

impl Send {
    /// A send that waits for its turn: without delay, limits or history.
    pub fn new(event: &Event, rule: &str, index: usize, action: Action, now: Timestamp) -> Self {
        let id = SendId::derive(&event.id, rule, index);
        Self {
            idempotency_key: id.to_string(),
            id,
            event: event.id.clone(),
            rule: rule.to_owned(),
            index,
            account: action.account(event),
            lane: action.lane(event),
            action,
            due: now,
            created_at: now,
            cancel_on: Vec::new(),
            rule_hash: String::new(),
            counted: Vec::new(),
            expires: None,
            fresh_from: None,
            depth: 0,
            state: SendState::Pending,
            attempts: Vec::new(),
            provider_id: None,
            request_id: None,
            lane_until: None,
            passed: Vec::new(),
            settling: None,
            read_backs: 0,
            renewed_after: 0,
            redriven_after: 0,
            hands: Vec::new(),
            report: None,
        }
    }

    /// Only what happened later than this can call it off.
    pub fn fresh_from(&self) -> Timestamp {
        self.fresh_from.unwrap_or(self.created_at)
    }

    /// What it belongs to: each of these can be paused.
    pub fn scopes(&self) -> [Scope; 4] {
        [
            Scope::All,
            Scope::Account(self.account.clone()),
            Scope::Rule(self.rule.clone()),
            Scope::Conversation(self.action.conversation_of(&self.lane)),
        ]
    }

    /// Puts it back into the outbox, due at once. Where a person decided so, it has as much time to leave as it had; what a
    /// pause held up goes stale meanwhile.
    pub fn again(&mut self, now: Timestamp) {
        let was_paused = matches!(self.state, SendState::Held { cause: HoldCause::Paused, .. });
        if !was_paused {
            let longer = now.duration_since(self.due);
            self.expires = self.expires.map(|expires| expires.saturating_add(longer).unwrap_or(Timestamp::MAX));
        }
        (self.state, self.due, self.read_backs) = (SendState::Pending, now, 0);
        (self.lane_until, self.settling) = (None, None);
    }

    /// Whether an earlier try may have reached the provider.
    pub fn was_tried(&self) -> bool {
        !self.attempts.is_empty()
    }

    /// When its turn first came; since a person last redrove it, if one did. None before it was tried.
    pub fn turn(&self) -> Option<Timestamp> {
        self.attempts.get(self.redriven_after).map(|attempt| attempt.started_at)
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
