//! The loop guard's numbers and lists, as written under `guard:`.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caps_settings::{self, Caps, CapsSettings};
use super::overrides::Overrides;
use super::public_domains::PUBLIC_DOMAINS;
use crate::model::duration;

/// The loop guard's numbers and lists. The defaults are meant to be left alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GuardSettings {
    /// Several rules may each reply to one event; false by default: the first reply in rule order wins.
    pub allow_multiple: bool,
    /// How long the same rule does not answer the same correspondent again in the same conversation; 15m by default.
    #[serde(with = "duration::written")]
    #[schemars(with = "duration::Written")]
    pub answer: SignedDuration,
    /// How long a correspondent gets no second acknowledgement; 24h by default.
    #[serde(with = "duration::written")]
    #[schemars(with = "duration::Written")]
    pub ack: SignedDuration,
    /// How long a correspondent gets no second absence notice; 7d by default (RFC 3834 §2).
    #[serde(with = "duration::written")]
    #[schemars(with = "duration::Written")]
    pub away: SignedDuration,
    /// Honour `X-Auto-Response-Suppress`; true by default.
    pub suppress_requested: bool,
    /// Local parts that are never answered; `*` stands for anything. RFC 5230 §4.6 wants such a list.
    pub system_addresses: Vec<String>,
    /// Hosts whose Message-IDs are ours; none by default.
    pub own_hosts: Vec<String>,
    /// Whether a mail must name one of our addresses as a recipient to be answered: `auto` (default) where headers are
    /// shown, `always` also where the provider lists recipients without them, `never`. An absence notice asks `always`.
    pub require_addressed: RequireAddressed,
    /// How many people outside may get a reply where the provider answers everybody in To and Cc; 1 by default.
    pub max_recipients: usize,
    /// How long a correspondent to whom mail failed for good is left alone; 60d by default.
    #[serde(with = "duration::written")]
    #[schemars(with = "duration::Written")]
    pub bounced: SignedDuration,
    /// A message that follows our automatic one faster than this looks like a program's; 10s by default.
    #[serde(with = "duration::written")]
    #[schemars(with = "duration::Written")]
    pub suspect_speed: SignedDuration,
    /// How many steps from our own send notes, tags and the like may still be caused; 1 by default. Replies: none.
    pub chain_depth: u8,
    /// How many automatic sends there may be in a window of time.
    #[serde(deserialize_with = "caps_settings::read")]
    #[schemars(with = "CapsSettings")]
    pub caps: Caps,
    /// How long a correspondent gets no automatic reply after a cap was reached; 24h by default.
    #[serde(with = "duration::written")]
    #[schemars(with = "duration::Written")]
    pub quarantine: SignedDuration,
    /// How long automatic replies rest in a conversation after a person of ours wrote in it; 24h by default.
    #[serde(with = "duration::written")]
    #[schemars(with = "duration::Written")]
    pub takeover: SignedDuration,
    /// How late a send may still go out after it was due; 24h by default.
    #[serde(with = "duration::written")]
    #[schemars(with = "duration::Written")]
    pub due_window: SignedDuration,
    /// How old a message may be to be answered; 24h by default, 0s for any age. What is found later, by a back-fill or
    /// because it was delivered late, is kept and not answered, nor is anything else done for it.
    #[serde(with = "duration::written")]
    #[schemars(with = "duration::Written")]
    pub answer_max_age: SignedDuration,
    /// Further domains at which anybody has an address; they have no cap of their own. The large ones are built in.
    pub public_domains: Vec<String>,
    /// Who is told of a quarantine, a pause by the guard, and a breaker that opens or closes.
    pub alert: AlertSettings,
    /// Other numbers for an account, by its name.
    pub accounts: BTreeMap<String, Overrides>,
    /// Other numbers for a rule, by its name.
    pub rules: BTreeMap<String, Overrides>,
    /// Other numbers for a correspondent, by address or number; `*` stands for anything, as in `*@partner.example`.
    pub addresses: BTreeMap<String, Overrides>,
}

/// Whether a mail must name one of our addresses as a recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequireAddressed {
    /// Where headers are shown.
    #[default]
    Auto,
    /// Wherever recipients are known.
    Always,
    /// For absence notices only, for which RFC 5230 §4.5 demands it.
    Never,
}

/// Who is told of a quarantine, a pause by the guard, and a breaker that opens or closes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlertSettings {
    /// The hook that is called, by its name; none by default.
    pub hook: Option<String>,
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
            "do_not_reply*",
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
            require_addressed: RequireAddressed::Auto,
            max_recipients: 1,
            bounced: SignedDuration::from_hours(60 * 24),
            suspect_speed: SignedDuration::from_secs(10),
            chain_depth: 1,
            caps: Caps::default(),
            quarantine: SignedDuration::from_hours(24),
            takeover: SignedDuration::from_hours(24),
            due_window: SignedDuration::from_hours(24),
            answer_max_age: SignedDuration::from_hours(24),
            public_domains: Vec::new(),
            alert: AlertSettings::default(),
            accounts: BTreeMap::new(),
            rules: BTreeMap::new(),
            addresses: BTreeMap::new(),
        }
    }
}

impl GuardSettings {
    /// Whether an address belongs to a system, by its local part.
    pub fn is_system_address(&self, address: &str) -> bool {
        let local = address.split('@').next().unwrap_or_default();
        self.system_addresses.iter().any(|pattern| fits(pattern, local))
    }

    /// Whether anybody can have an address at a domain, so that it says nothing of who its senders are.
    pub fn is_public_domain(&self, domain: &str) -> bool {
        let is = |known: &str| known.eq_ignore_ascii_case(domain);
        PUBLIC_DOMAINS.iter().copied().any(is) || self.public_domains.iter().map(String::as_str).any(is)
    }
}

/// Whether `text` fits a pattern in which each `*` stands for anything, whatever the case.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    glob(&pattern.to_lowercase(), &text.to_lowercase())
}

fn glob(pattern: &str, text: &str) -> bool {
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
