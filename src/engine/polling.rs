//! How a source is read at its provider: what is configured, and what came of it so far.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::EventId;
use crate::provider::ConversationQuery;

/// How a source is read at its provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polling {
    /// Read again and again; none for a source that waits to be delivered to.
    pub poll: Option<Poll>,
    /// Whether a start reads what came while nobody listened.
    pub backfill: Backfill,
    /// How far back such a start looks at the most; 24 h by default.
    pub backfill_max_age: SignedDuration,
}

impl Default for Polling {
    fn default() -> Self {
        Self { poll: None, backfill: Backfill::Off, backfill_max_age: SignedDuration::from_hours(24) }
    }
}

/// Reading again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// The time between two rounds.
    pub every: SignedDuration,
    /// How far back the very first round looks.
    pub since: SignedDuration,
    /// Which conversations are looked at.
    pub query: ConversationQuery,
}

/// Whether a start reads what came while nobody listened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backfill {
    /// It does, where the provider lists conversations.
    #[default]
    Auto,
    /// It does not: what came meanwhile is not looked for.
    Off,
}

/// What came of reading a source since the start of the program.
#[derive(Default)]
pub struct Watch {
    /// Held by whoever reads, so that nobody reads beside another.
    pub turn: tokio::sync::Mutex<Turn>,
    state: Mutex<WatchState>,
}

/// What one round leaves to the next.
#[derive(Default)]
pub struct Turn {
    /// Conversations that were read to their end, by id, with the time of their newest message then.
    pub read: BTreeMap<String, Timestamp>,
    /// Whether everything up to now was looked for since nobody listened.
    pub is_caught_up: bool,
}

/// What is known of the rounds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WatchState {
    /// When the last round that came to its end did.
    pub last_poll: Option<Timestamp>,
    /// How many rounds have failed since.
    pub errors: u32,
    /// Why the last of them did, in words without content.
    pub error: Option<String>,
    /// How many conversations the provider would not show in the last round.
    pub skipped: usize,
    /// When a delivery was last refused for lack of room, until what its sender may have given up on was looked for.
    pub missed: Option<Timestamp>,
    /// When the next one is tried.
    pub next_poll: Option<Timestamp>,
    /// The last round that somebody asked for.
    pub asked: Option<Progress>,
}

/// How far a round has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// Which one; they are counted from 1.
    pub number: u64,
    /// Whether it only looks, and keeps nothing.
    pub dry_run: bool,
    /// Everything since this time is read.
    pub from: Timestamp,
    /// How many conversations are to be read; none until that is known.
    pub conversations: Option<usize>,
    /// How many of them have been.
    pub read: usize,
    /// How many of those the provider would not show.
    pub skipped: usize,
    /// How many events were read that the provider keeps of its deliveries.
    #[serde(default)]
    pub events: usize,
    /// How many messages the conversations held.
    pub messages: usize,
    /// How many of events and messages were not known.
    pub new: usize,
    /// Whether it has come to its end.
    pub done: bool,
    /// Why it ended early, in words without content.
    pub error: Option<String>,
    /// The messages of a dry run, as far as there is room for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
}

/// A message that a dry run has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// The event that it is, or would be.
    pub event: EventId,
    /// Of which kind.
    pub kind: crate::model::EventKind,
    /// The provider's id of its conversation.
    pub conversation: String,
    /// When it was written.
    pub at: Option<Timestamp>,
    /// Whether it is not known.
    pub new: bool,
}

impl Watch {
    /// What is known now.
    pub fn state(&self) -> WatchState {
        self.lock().clone()
    }

    /// Changes what is known.
    pub fn note(&self, change: impl FnOnce(&mut WatchState)) {
        change(&mut self.lock());
    }

    /// Takes the place of a round that somebody asks for; none while another one is under way. Answers its number.
    pub fn ask(&self, from: Timestamp, dry_run: bool) -> Option<u64> {
        let mut state = self.lock();
        if state.asked.as_ref().is_some_and(|asked| !asked.done) {
            return None;
        }
        let number = state.asked.as_ref().map_or(0, |asked| asked.number) + 1;
        state.asked = Some(Progress { number, dry_run, from, ..Progress::default() });
        Some(number)
    }

    /// The state is changed by whole steps, so what a panicking holder left behind is still usable.
    fn lock(&self) -> MutexGuard<'_, WatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
