//! Settings of the guard for one account, rule or address, laid over the general ones.

use std::borrow::Cow;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::caps_settings::{Cap, CapsSettings};
use super::settings::{GuardSettings, RequireAddressed, fits};
use crate::model::duration::optional;
use crate::model::{Event, duration};

/// The keys of `guard:` that may differ; what is not written is as in the wider scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Overrides {
    /// As `guard.allow_multiple`.
    pub allow_multiple: Option<bool>,
    /// As `guard.answer`.
    #[serde(with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<duration::Written>")]
    pub answer: Option<SignedDuration>,
    /// As `guard.ack`.
    #[serde(with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<duration::Written>")]
    pub ack: Option<SignedDuration>,
    /// As `guard.away`.
    #[serde(with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<duration::Written>")]
    pub away: Option<SignedDuration>,
    /// As `guard.suppress_requested`.
    pub suppress_requested: Option<bool>,
    /// As `guard.require_addressed`.
    pub require_addressed: Option<RequireAddressed>,
    /// As `guard.max_recipients`.
    pub max_recipients: Option<usize>,
    /// As `guard.bounced`.
    #[serde(with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<duration::Written>")]
    pub bounced: Option<SignedDuration>,
    /// As `guard.suspect_speed`.
    #[serde(with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<duration::Written>")]
    pub suspect_speed: Option<SignedDuration>,
    /// As `guard.chain_depth`.
    pub chain_depth: Option<u8>,
    /// As `guard.caps`.
    pub caps: Option<CapsSettings>,
    /// As `guard.quarantine`.
    #[serde(with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<duration::Written>")]
    pub quarantine: Option<SignedDuration>,
    /// As `guard.takeover`.
    #[serde(with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<duration::Written>")]
    pub takeover: Option<SignedDuration>,
    /// As `guard.due_window`.
    #[serde(with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<duration::Written>")]
    pub due_window: Option<SignedDuration>,
    /// As `guard.answer_max_age`.
    #[serde(with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<duration::Written>")]
    pub answer_max_age: Option<SignedDuration>,
}

/// The keys that are durations, in `guard:` and in what is laid over it.
const DURATIONS: [&str; 9] =
    ["answer", "ack", "away", "bounced", "suspect_speed", "quarantine", "takeover", "due_window", "answer_max_age"];

/// The keys under which settings are laid over others, from the widest scope to the most particular.
const SCOPES: [&str; 3] = ["accounts", "rules", "addresses"];

impl GuardSettings {
    /// The settings for an event, or for the reply of a rule to it.
    pub(in crate::rules) fn for_event(&self, event: &Event, rule: Option<&str>) -> Cow<'_, Self> {
        let address = if self.addresses.is_empty() { None } else { event.address() };
        self.for_(event.account.as_str(), rule, address.as_deref())
    }

    /// The settings for an account, a rule and an address: of each key, what the most particular scope says that writes it.
    /// The order is address, rule, account, `guard:` itself; of several patterns for an address, the longest that fits.
    pub fn for_(&self, account: &str, rule: Option<&str>, address: Option<&str>) -> Cow<'_, Self> {
        let mut over: Vec<&Overrides> = self.accounts.get(account).into_iter().collect();
        over.extend(rule.and_then(|rule| self.rules.get(rule)));
        over.extend(address.into_iter().flat_map(|address| self.of_address(address)));
        match over.is_empty() {
            true => Cow::Borrowed(self),
            false => Cow::Owned(over.into_iter().fold(self.clone(), Self::with)),
        }
    }

    /// What fits an address, the longest pattern last.
    fn of_address(&self, address: &str) -> Vec<&Overrides> {
        let mut fitting: Vec<(&String, &Overrides)> =
            self.addresses.iter().filter(|(pattern, _)| fits(pattern, address)).collect();
        fitting.sort_by_key(|(pattern, _)| pattern.len());
        fitting.into_iter().map(|(_, over)| over).collect()
    }

    fn with(self, over: &Overrides) -> Self {
        Self {
            allow_multiple: over.allow_multiple.unwrap_or(self.allow_multiple),
            answer: over.answer.unwrap_or(self.answer),
            ack: over.ack.unwrap_or(self.ack),
            away: over.away.unwrap_or(self.away),
            suppress_requested: over.suppress_requested.unwrap_or(self.suppress_requested),
            require_addressed: over.require_addressed.unwrap_or(self.require_addressed),
            max_recipients: over.max_recipients.unwrap_or(self.max_recipients),
            bounced: over.bounced.unwrap_or(self.bounced),
            suspect_speed: over.suspect_speed.unwrap_or(self.suspect_speed),
            chain_depth: over.chain_depth.unwrap_or(self.chain_depth),
            caps: over.caps.iter().fold(self.caps, super::Caps::with),
            quarantine: over.quarantine.unwrap_or(self.quarantine),
            takeover: over.takeover.unwrap_or(self.takeover),
            due_window: over.due_window.unwrap_or(self.due_window),
            answer_max_age: over.answer_max_age.unwrap_or(self.answer_max_age),
            ..self
        }
    }
}

/// What is wrong with durations and caps in a `guard:` of the right shape: JSON pointers from there, and what is wrong.
pub fn wrong(guard: &Value) -> Vec<(String, String)> {
    let mut found = wrong_in(guard, "");
    for scope in SCOPES {
        for (name, over) in guard[scope].as_object().into_iter().flatten() {
            let name = name.replace('~', "~0").replace('/', "~1");
            found.extend(wrong_in(over, &format!("/{scope}/{name}")));
        }
    }
    found
}

fn wrong_in(over: &Value, at: &str) -> Vec<(String, String)> {
    let durations = DURATIONS.iter().filter_map(|key| {
        let why = duration::parse(over[*key].as_str()?).err()?;
        Some((format!("{at}/{key}"), why))
    });
    let lists = over["caps"].as_object().into_iter().flatten();
    let caps = lists.flat_map(|(scope, list)| {
        let list = list.as_array().into_iter().flatten().enumerate();
        list.filter_map(move |(index, cap)| {
            let why = cap.as_str()?.parse::<Cap>().err()?;
            Some((format!("{at}/caps/{scope}/{index}"), why))
        })
    });
    durations.chain(caps).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_most_particular_scope_wins_key_by_key() {
        let settings: GuardSettings = serde_json::from_value(json!({
            "answer": "10m", "ack": "1h", "caps": { "rule": ["9/1h"] },
            "accounts": { "support": { "answer": "11m", "away": "1d", "caps": { "preset": "strict" } } },
            "rules": { "hello": { "answer": "12m", "max_recipients": 5 } },
            "addresses": {
                "*@partner.example": { "answer": "13m", "caps": { "conversation": ["7/1h"] } },
                "bob@partner.example": { "answer": "14m" },
            }
        }))
        .unwrap();
        let answer = |rule, address| duration::show(settings.for_("support", rule, address).answer);
        assert_eq!(duration::show(settings.for_("other", None, None).answer), "10m");
        assert_eq!(answer(None, None), "11m");
        assert_eq!(answer(Some("hello"), None), "12m");
        assert_eq!(answer(Some("hello"), Some("ANN@partner.example")), "13m");
        assert_eq!(answer(Some("hello"), Some("bob@partner.example")), "14m");
        let all = settings.for_("support", Some("hello"), Some("bob@partner.example"));
        assert_eq!((duration::show(all.ack), duration::show(all.away)), ("1h".to_owned(), "1d".to_owned()));
        assert_eq!(all.max_recipients, 5);
        let shown = |list: &[Cap]| list.iter().map(Cap::to_string).collect::<Vec<_>>().join(" ");
        // The account's preset replaces what is wider, the address's list one list of it.
        assert_eq!((shown(&all.caps.rule), shown(&all.caps.conversation)), (String::new(), "7/1h".to_owned()));
        assert_eq!(shown(&all.caps.correspondent), "1/10m 3/1h 10/1d");
    }

    #[test]
    fn what_is_wrong_is_found_in_every_scope() {
        let found = wrong(&json!({
            "answer": "soon", "caps": { "preset": "strict", "domain": ["2/10m", "many"] },
            "addresses": { "a/b": { "takeover": "x", "caps": { "body": ["0/1h"] } } }
        }));
        let places: Vec<&str> = found.iter().map(|(at, _)| at.as_str()).collect();
        assert_eq!(places, ["/answer", "/caps/domain/1", "/addresses/a~1b/takeover", "/addresses/a~1b/caps/body/0"]);
    }
}
