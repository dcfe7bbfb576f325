//! One try of a send, and how it came out. An outcome is a value, not an error: only we can fail with an error.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a call to a provider came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The provider took it.
    Delivered {
        /// The provider's id of what was made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider_id: Option<String>,
        /// The id under which a webhook will confirm it (Spruce `requestId`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// The provider will not take it, now or later.
    Refused {
        /// What it said.
        reason: String,
    },
    /// Nothing was done; the same call may succeed later.
    TryLater {
        /// What it said.
        reason: String,
        /// How long the provider asked us to wait.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<SignedDuration>,
    },
    /// It may or may not have been done. Never sent again before the conversation has been read back, unless the provider
    /// recognises a repeat by its key.
    Unknown {
        /// What happened.
        reason: String,
    },
}

impl Outcome {
    /// Delivered, with nothing to remember.
    pub fn done() -> Self {
        Self::Delivered { provider_id: None, request_id: None }
    }

    /// The word used in logs and labels.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delivered { .. } => "delivered",
            Self::Refused { .. } => "refused",
            Self::TryLater { .. } => "try_later",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// What reading a conversation back showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// It is there.
    Landed {
        /// The provider's id of it.
        provider_id: Option<String>,
    },
    /// It is not there, and would be.
    Absent,
    /// Cannot be told, for this reason.
    Unclear(String),
}

/// What the provider answered to the call that decided how an attempt came out, as far as it may be kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The body, capped and without what people wrote, addresses and secrets; empty where there was none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

/// One try of a send. Its start is durable before the call: a try without an end is one that a crash cut short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When the call was about to be made.
    pub started_at: Timestamp,
    /// When its outcome was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How it came out; absent while it runs, and after a crash until somebody takes the send up again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// What the provider answered; absent where no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answered>,
}

impl Attempt {
    /// A try that is about to be made.
    pub fn begun(number: u32, started_at: Timestamp) -> Self {
        Self { number, started_at, ended_at: None, outcome: None, answer: None }
    }
}
