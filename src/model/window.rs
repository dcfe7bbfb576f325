//! Sliding windows over automatic replies, and what happens when one is full: a quarantine that people can see.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::control::Controls;
use super::ids::{AccountName, EventId, LaneKey, QuarantineId, WindowKey, digest};
use super::moment;

/// What replies are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapScope {
    /// One conversation.
    Conversation,
    /// One correspondent, over all conversations of an account.
    Correspondent,
    /// One correspondent and one subject line.
    Subject,
    /// The host of the sender's address.
    Domain,
    /// The same words, from one host or in one conversation.
    Body,
    /// One rule.
    Rule,
    /// One account.
    Account,
}

impl CapScope {
    /// Every scope, in the order in which caps are looked at.
    pub const ALL: [Self; 7] =
        [Self::Conversation, Self::Correspondent, Self::Subject, Self::Domain, Self::Body, Self::Rule, Self::Account];

    /// The word in the configuration and in traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::Correspondent => "correspondent",
            Self::Subject => "subject",
            Self::Domain => "domain",
            Self::Body => "body",
            Self::Rule => "rule",
            Self::Account => "account",
        }
    }
}

impl fmt::Display for CapScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl WindowKey {
    /// The key of what `parts` name in a scope. Hashed, because it becomes part of keys that are listed and logged.
    pub fn derive(scope: CapScope, parts: &[&str]) -> Self {
        Self::from([scope.as_str(), ":", &digest(parts)].concat())
    }
}

/// When automatic replies were decided, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Window {
    /// The moments.
    #[serde(with = "moment::list")]
    pub times: Vec<Timestamp>,
    /// Counts commits; a decision made from an older window is made again.
    pub version: u64,
}

impl Window {
    /// How many moments lie less than `per` before `now`.
    pub fn count(&self, per: SignedDuration, now: Timestamp) -> u32 {
        let within = self.times.iter().rev().take_while(|at| now.duration_since(**at) < per);
        u32::try_from(within.count()).unwrap_or(u32::MAX)
    }

    /// Counts one more, and forgets what is older than `longest`.
    pub fn add(&mut self, now: Timestamp, longest: SignedDuration) {
        self.times.retain(|at| now.duration_since(*at) < longest);
        self.times.push(now);
        self.times.sort();
    }
}

/// Somebody, or something, that gets no automatic reply for a while, because a cap was reached.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quarantine {
    /// Its id.
    pub id: QuarantineId,
    /// The windows whose events are not answered.
    pub keys: Vec<WindowKey>,
    /// What was counted by when the cap was reached.
    pub scope: CapScope,
    /// The cap, such as `4/1h`.
    pub cap: String,
    /// The account.
    pub account: AccountName,
    /// The conversation in which it was reached.
    pub conversation: LaneKey,
    /// The event that was not answered.
    pub event: EventId,
    /// The rule that would have answered.
    pub rule: String,
    /// The correspondent's address or number, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// When the replies went out that filled the window.
    pub evidence: Vec<Timestamp>,
    /// Since when.
    pub since: Timestamp,
    /// Until when, unless released.
    pub until: Timestamp,
    /// Who lifted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Hand>,
}

impl Quarantine {
    /// Whether it holds at a moment.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.released.is_none() && now < self.until
    }
}

/// What a person did to something that was waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hand {
    /// When.
    pub at: Timestamp,
    /// Who, as they said.
    pub by: String,
    /// What: `approve`, `release`, `redrive`, `drop`, `mode`.
    pub did: String,
    /// Why, where they said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What stands against automatic replies beside the event itself: what was counted, and what people ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Curbs {
    /// The windows asked for; those in which nothing was counted are empty.
    pub windows: BTreeMap<WindowKey, Window>,
    /// The quarantines over those windows that are not released.
    pub quarantines: Vec<Quarantine>,
    /// The orders that concern the conversation.
    pub controls: Controls,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_slides() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let minute = SignedDuration::from_mins(1);
        let mut window = Window::default();
        window.add(at(0), minute);
        window.add(at(30), minute);
        assert_eq!(window.count(minute, at(59)), 2);
        assert_eq!(window.count(minute, at(60)), 1);
        window.add(at(70), minute);
        assert_eq!(window.times, [at(30), at(70)]);
    }
}
