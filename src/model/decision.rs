//! What the rules chose for one event, and why.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::control::Control;
use super::ids::{BookHash, EventId, SendId, WindowKey};
use super::mode::Mode;
use super::record::{ContactRecord, ConversationRecord};
use super::send::{CancelOn, HoldCause, Send};
use super::window::{Quarantine, Window};

/// What one condition wanted and what it saw.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The field path, or `all`, `any`, `not`, `script`.
    pub subject: String,
    /// The condition in words, such as `contains_any ["refund", "money back"]`.
    pub wanted: String,
    /// What was there, shortened.
    pub saw: String,
    /// Whether it held.
    pub holds: bool,
    /// The line in the rule's file, from 1. Left out where it is not known, and of `all`, `any` and `not`.
    #[serde(default, skip_serializing_if = "is_nowhere")]
    pub line: usize,
    /// The findings inside `all`, `any`, `not`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inner: Vec<Finding>,
}

fn is_nowhere(line: &usize) -> bool {
    *line == 0
}

/// A rule whose conditions held, with what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatchedRule {
    /// Its name.
    pub rule: String,
    /// `file:line`.
    pub place: String,
    /// `auto`, `shadow`, ….
    pub mode: String,
    /// Why it matched.
    pub findings: Vec<Finding>,
    /// What each of its actions came to.
    pub actions: Vec<ActionTrace>,
    /// What it forbade every rule, as found before any rule changed the state: `reply`, `note`, …; empty for a rule in
    /// shadow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vetoes: Vec<String>,
    /// It stopped the rules after it.
    #[serde(default)]
    pub stopped: bool,
}

/// What one action of a matched rule came to.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActionTrace {
    /// The place among what the rule asked for, from 0.
    pub index: usize,
    /// The entry of the rule's `do` that asked for it, from 0. A script is one entry and may ask for many actions.
    #[serde(default)]
    pub entry: usize,
    /// `reply`, `note`, ….
    pub action: String,
    /// What became of it.
    pub verdict: Verdict,
    /// The rendered action, without what a provider adds.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub rendered: Value,
    /// The documented fallback that stands in for what the provider cannot do natively.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
}

/// What became of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// It is in the outbox, or the state was changed.
    Chosen,
    /// The rule is in shadow: decided, not sent.
    Shadowed,
    /// The rule is in mode `draft`: it became an internal note.
    Drafted,
    /// It is in the outbox and waits for a person.
    Held {
        /// Why.
        cause: HoldCause,
    },
    /// The loop guard stopped it.
    Blocked {
        /// The code of the step, such as `auto_submitted`.
        code: String,
        /// In words.
        reason: String,
    },
    /// A veto stopped it.
    Vetoed {
        /// The rule with the veto.
        by: String,
    },
    /// It could not be made, for instance because a template variable was undefined.
    Failed {
        /// Why.
        reason: String,
    },
}

impl Verdict {
    /// The word in traces and tests.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Shadowed => "shadowed",
            Self::Drafted => "drafted",
            Self::Held { .. } => "held",
            Self::Blocked { .. } => "blocked",
            Self::Vetoed { .. } => "vetoed",
            Self::Failed { .. } => "failed",
        }
    }
}

/// What one step of the loop guard said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuardStep {
    /// The code, such as `auto_submitted`.
    pub code: Cow<'static, str>,
    /// `pass`, `suspect`, `block` or `not_applicable`.
    pub result: Cow<'static, str>,
    /// In words: what it looked at.
    pub saw: Cow<'static, str>,
}

/// Why a decision is what it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Trace {
    /// The rules that matched, in order.
    pub matched: Vec<MatchedRule>,
    /// What the loop guard said of the message.
    pub guard: Vec<GuardStep>,
    /// Rules that failed alone, with the reason.
    pub errors: Vec<RuleError>,
    /// How many rules were asked: those that the index did not rule out beforehand.
    pub rules_evaluated: usize,
    /// When something happened that was decided before this event, though it happened later: the event came too late to
    /// be put in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_after: Option<Timestamp>,
    /// Every rule that did not match, with its findings. Filled for `explain` only; it is recomputed, not stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmatched: Vec<UnmatchedRule>,
}

/// A rule that did not match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnmatchedRule {
    /// Its name.
    pub rule: String,
    /// `file:line`.
    pub place: String,
    /// Why not, in words.
    pub because: String,
    /// What each condition wanted and saw; of a rule that was not asked, what it would have seen.
    pub findings: Vec<Finding>,
    /// Whether it was asked: not where its mode is off, it looks at other kinds of events, or a rule before it stopped.
    #[serde(default)]
    pub asked: bool,
}

/// A rule that failed on this event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleError {
    /// Its name.
    pub rule: String,
    /// What failed.
    pub error: String,
    /// What the rule says about such a failure.
    #[serde(default)]
    pub on_error: OnError,
}

/// What becomes of an event on which a rule has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The rule is left out; the others decide as if it were not there.
    #[default]
    Skip,
    /// What other rules would send to the contact is held for a person.
    Hold,
}

impl OnError {
    /// Every way.
    pub const ALL: [Self; 2] = [Self::Skip, Self::Hold];

    /// The word in rules and traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Hold => "hold",
        }
    }

    /// The way of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == name)
    }
}

/// What the rules chose for one event.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// The event.
    pub event: EventId,
    /// The rule book that decided.
    pub book: BookHash,
    /// When.
    pub at: Timestamp,
    /// What goes to the outbox. Stored there, not with the decision.
    #[serde(skip)]
    pub sends: Vec<Send>,
    /// The conversation from now on. Stored as a record of its own.
    #[serde(skip)]
    pub conversation: ConversationRecord,
    /// The correspondent from now on. Stored as a record of its own.
    #[serde(skip)]
    pub contact: ContactRecord,
    /// The windows in which replies were counted, with the version they were read in. Stored as records of their own.
    #[serde(skip)]
    pub windows: BTreeMap<WindowKey, Window>,
    /// Windows that it would have looked into and was not given. It is to be made again with them.
    #[serde(skip)]
    pub wanted: Vec<WindowKey>,
    /// What is not answered from now on. Stored as records of their own.
    #[serde(skip)]
    pub quarantines: Vec<Quarantine>,
    /// What is paused from now on, because a cap was reached. Stored as records of their own.
    #[serde(skip)]
    pub controls: Vec<Control>,
    /// What this event calls off among the sends that wait in its lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancels: Option<CancelOn>,
    /// The replies that waited for the end of a burst, and in whose place it puts its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supersedes: Vec<Superseded>,
    /// Why.
    pub trace: Trace,
    /// What was remembered when it was decided, so that the why-not of every other rule can be worked out later.
    #[serde(default)]
    pub seen: Seen,
}

/// A reply in whose place another one is put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Superseded {
    /// The send.
    pub send: SendId,
    /// The rule that had asked for it.
    pub rule: String,
}

/// What was remembered when an event was decided, as far as conditions can look at it.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Seen {
    /// The state of the conversation.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub state: Map<String, Value>,
    /// The state of the correspondent.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub contact_state: Map<String, Value>,
    /// The messages seen before.
    pub message_count: u64,
    /// The ledger knew the message.
    pub is_own: bool,
    /// How many sends of ours led to the event.
    pub depth: u8,
    /// The mode that people had ordered for the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}
