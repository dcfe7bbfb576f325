//! The loop guard's numbers and lists, as written under `guard:`.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};

use crate::model::duration;

/// The loop guard's numbers and lists. The defaults are meant to be left alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GuardSettings {
    /// Several rules may each reply to one event; false by default: the first reply in rule order wins.
    pub allow_multiple: bool,
    /// How long the same rule does not answer the same correspondent again in the same conversation; 15m by default.
    #[serde(deserialize_with = "read")]
    #[schemars(with = "String")]
    pub answer: SignedDuration,
    /// How long a correspondent gets no second acknowledgement; 24h by default.
    #[serde(deserialize_with = "read")]
    #[schemars(with = "String")]
    pub ack: SignedDuration,
    /// How long a correspondent gets no second absence notice; 7d by default (RFC 3834 §2).
    #[serde(deserialize_with = "read")]
    #[schemars(with = "String")]
    pub away: SignedDuration,
    /// Honour `X-Auto-Response-Suppress`; true by default.
    pub suppress_requested: bool,
    /// Local parts that are never answered; `*` stands for anything. RFC 5230 §4.6 wants such a list.
    pub system_addresses: Vec<String>,
    /// Hosts whose Message-IDs are ours; none by default.
    pub own_hosts: Vec<String>,
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    duration::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

impl Default for GuardSettings {
    fn default() -> Self {
        let system = [
            "mailer-daemon",
            "listserv",
            "majordomo",
            "*-request",
            "owner-*",
            "abuse",
            "root",
            "postmaster",
            "noreply*",
            "no-reply*",
            "no_reply*",
            "donotreply*",
            "do-not-reply*",
            "bounce*",
        ];
        Self {
            allow_multiple: false,
            answer: SignedDuration::from_mins(15),
            ack: SignedDuration::from_hours(24),
            away: SignedDuration::from_hours(7 * 24),
            suppress_requested: true,
            system_addresses: system.map(str::to_owned).to_vec(),
            own_hosts: Vec::new(),
        }
    }
}

impl GuardSettings {
    /// Whether an address belongs to a system, by its local part.
    pub fn is_system_address(&self, address: &str) -> bool {
        let local = address.split('@').next().unwrap_or_default().to_lowercase();
        self.system_addresses.iter().any(|pattern| matches(&pattern.to_lowercase(), &local))
    }
}

/// Whether `text` fits a pattern in which each `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, mut rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    while let Some((part, after)) = rest.split_once('*') {
        match text.find(part) {
            Some(at) => (text, rest) = (&text[at + part.len()..], after),
            None => return false,
        }
    }
    text.ends_with(rest)
}
