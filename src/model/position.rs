//! How far a source has been read at its provider. Kept in the store, so that a start knows what it has missed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a source has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Nothing that is older is looked for.
    pub since: Timestamp,
    /// Everything that was written before this time has been kept, as far as the provider showed it.
    pub until: Timestamp,
    /// The conversations whose newest message is older have been read in the round under way, which was cut short; the
    /// next one goes on there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_to: Option<Timestamp>,
    /// A back-fill that a person asked for and that has not come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<Stretch>,
}

/// A time that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// From here.
    pub from: Timestamp,
    /// The conversations whose newest message is older have been read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_to: Option<Timestamp>,
}

impl Position {
    /// Everything before a time is known, or not wanted.
    pub fn at(until: Timestamp) -> Self {
        Self { since: until, until, read_to: None, backfill: None }
    }
}
