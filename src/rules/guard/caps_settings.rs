//! Caps as written under `guard.caps`: how many automatic sends may be decided in a window of time, for each scope.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::model::{CapScope, duration};

/// How far back a cap may look; older moments are forgotten.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// At most `count` automatic sends in any window of `per`; written `2/10m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// How many, at least one.
    pub count: u32,
    /// In which time, longer than nothing.
    pub per: SignedDuration,
}

impl FromStr for Cap {
    type Err = String;

    /// Reads `2/10m`; the error says what would be right.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a cap; write it as count and time, like 2/10m or 10/24h");
        let (count, per) = text.split_once('/').ok_or_else(wrong)?;
        let count: u32 = count.trim().parse().map_err(|_| wrong())?;
        let per = duration::parse(per).map_err(|_| wrong())?;
        if count == 0 || per.is_zero() {
            return Err(format!("`{text}` is no cap: count and time must be more than nothing, like 1/24h"));
        }
        match per > LONGEST {
            true => Err(format!("`{text}` looks back too far; a cap counts over at most {}", duration::show(LONGEST))),
            false => Ok(Self { count, per }),
        }
    }
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, duration::show(self.per))
    }
}

impl<'de> Deserialize<'de> for Cap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Cap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Cap {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cap".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "Count and time, such as 2/10m.", "examples": ["2/10m"] })
    }
}

/// Sets of caps under one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Low enough that two programs stop each other soon, high enough for people.
    #[default]
    Default,
    /// Zammad's numbers for conversation and correspondent, which are far higher; the others as in `default`.
    Zammad,
    /// Half of `default`, and at least one.
    Strict,
}

/// Caps as people write them: what is not written is the preset's. Every cap of a list holds; an empty list is no cap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CapsSettings {
    /// The set that the lists begin with: default, zammad or strict.
    pub preset: Option<Preset>,
    /// To one correspondent in one conversation; [2/10m, 4/1h, 10/24h] by default.
    pub conversation: Option<Vec<Cap>>,
    /// To one correspondent over all conversations; [3/10m, 6/1h, 20/24h] by default.
    pub correspondent: Option<Vec<Cap>>,
    /// To one correspondent under the same subject; [2/3h] by default.
    pub subject: Option<Vec<Cap>>,
    /// To all senders of one domain, public mail providers excepted; [200/1h] by default.
    pub domain: Option<Vec<Cap>>,
    /// Answers to the same text of 200 characters or more, for a domain or conversation; [3/1h] by default.
    pub body: Option<Vec<Cap>>,
    /// In one conversation that looks like a program's, or where a mail shows no headers; [1/24h] by default.
    pub suspect: Option<Vec<Cap>>,
    /// By one rule; none by default.
    pub rule: Option<Vec<Cap>>,
    /// By one account; none by default.
    pub account: Option<Vec<Cap>>,
}

/// The caps in force. Every cap of a list holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Caps {
    /// To one correspondent in one conversation.
    pub conversation: Vec<Cap>,
    /// To one correspondent over all conversations.
    pub correspondent: Vec<Cap>,
    /// To one correspondent under the same subject.
    pub subject: Vec<Cap>,
    /// To all senders of one domain.
    pub domain: Vec<Cap>,
    /// Answers to the same text, for a domain or conversation.
    pub body: Vec<Cap>,
    /// In one conversation that is suspect; see [`Verdict::is_suspect`](super::Verdict::is_suspect).
    pub suspect: Vec<Cap>,
    /// By one rule.
    pub rule: Vec<Cap>,
    /// By one account.
    pub account: Vec<Cap>,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

fn caps(list: &[(u32, i64)]) -> Vec<Cap> {
    list.iter().map(|(count, seconds)| Cap { count: *count, per: SignedDuration::from_secs(*seconds) }).collect()
}

impl Default for Caps {
    fn default() -> Self {
        Self::of(Preset::Default)
    }
}

impl Caps {
    /// The caps of a preset.
    pub fn of(preset: Preset) -> Self {
        let default = Self {
            conversation: caps(&[(2, 10 * MINUTE), (4, HOUR), (10, 24 * HOUR)]),
            correspondent: caps(&[(3, 10 * MINUTE), (6, HOUR), (20, 24 * HOUR)]),
            subject: caps(&[(2, 3 * HOUR)]),
            domain: caps(&[(200, HOUR)]),
            body: caps(&[(3, HOUR)]),
            suspect: caps(&[(1, 24 * HOUR)]),
            rule: Vec::new(),
            account: Vec::new(),
        };
        match preset {
            Preset::Default => default,
            // app/models/ticket/perform_changes/action/notification_email.rb
            Preset::Zammad => Self {
                conversation: caps(&[
                    (10, 10 * MINUTE),
                    (15, 30 * MINUTE),
                    (25, HOUR),
                    (50, 3 * HOUR),
                    (100, 10 * HOUR),
                ]),
                correspondent: caps(&[
                    (30, 10 * MINUTE),
                    (60, 30 * MINUTE),
                    (120, HOUR),
                    (240, 3 * HOUR),
                    (360, 10 * HOUR),
                ]),
                ..default
            },
            Preset::Strict => default.halved(),
        }
    }

    /// The caps of a scope.
    pub fn of_scope(&self, scope: CapScope) -> &[Cap] {
        match scope {
            CapScope::Conversation => &self.conversation,
            CapScope::Correspondent => &self.correspondent,
            CapScope::Subject => &self.subject,
            CapScope::Domain => &self.domain,
            CapScope::Body => &self.body,
            CapScope::Rule => &self.rule,
            CapScope::Account => &self.account,
        }
    }

    /// Whether replies are counted by a scope: by an account only where it is capped, because all its replies would be
    /// counted by one window.
    pub fn counts_by(&self, scope: CapScope) -> bool {
        scope != CapScope::Account || !self.account.is_empty()
    }

    /// How long a moment matters in a window of a scope; none where nothing is capped by it.
    pub fn longest(&self, scope: CapScope) -> Option<SignedDuration> {
        let suspect = if scope == CapScope::Conversation { self.suspect.as_slice() } else { &[] };
        self.of_scope(scope).iter().chain(suspect).map(|cap| cap.per).max()
    }

    fn halved(mut self) -> Self {
        let lists = [&mut self.conversation, &mut self.correspondent, &mut self.subject, &mut self.domain];
        for cap in lists.into_iter().chain([&mut self.body, &mut self.suspect]).flatten() {
            cap.count = (cap.count / 2).max(1);
        }
        self
    }

    /// These caps with what is written laid over them: a preset replaces all, a list its own.
    #[must_use]
    pub fn with(self, written: &CapsSettings) -> Self {
        let base = written.preset.map_or(self, Self::of);
        let list = |written: &Option<Vec<Cap>>, base: Vec<Cap>| written.clone().unwrap_or(base);
        Self {
            conversation: list(&written.conversation, base.conversation),
            correspondent: list(&written.correspondent, base.correspondent),
            subject: list(&written.subject, base.subject),
            domain: list(&written.domain, base.domain),
            body: list(&written.body, base.body),
            suspect: list(&written.suspect, base.suspect),
            rule: list(&written.rule, base.rule),
            account: list(&written.account, base.account),
        }
    }
}

/// For `#[serde(deserialize_with = …)]`: what is written, over the default preset.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Caps, D::Error> {
    Ok(Caps::default().with(&CapsSettings::deserialize(deserializer)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_is_a_count_and_a_time() {
        for text in ["2/10m", "4/1h", "10/24h", " 1 / 90s"] {
            let cap: Cap = text.parse().unwrap();
            assert_eq!(cap.to_string().parse::<Cap>(), Ok(cap), "{text}");
        }
        assert_eq!(
            "2".parse::<Cap>().unwrap_err(),
            "`2` is not a cap; write it as count and time, like 2/10m or 10/24h"
        );
        for wrong in ["", "/", "2/", "/10m", "two/10m", "-2/10m", "2/soon", "2/10m/1h"] {
            assert!(wrong.parse::<Cap>().unwrap_err().contains("is not a cap"), "{wrong}");
        }
        assert_eq!("9/8d".parse::<Cap>().unwrap_err(), "`9/8d` looks back too far; a cap counts over at most 7d");
        for nothing in ["0/10m", "2/0s"] {
            assert!(nothing.parse::<Cap>().unwrap_err().contains("more than nothing"), "{nothing}");
        }
    }

    #[test]
    fn a_preset_stands_below_what_is_written() {
        let shown = |list: &[Cap]| list.iter().map(Cap::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(shown(&Caps::default().conversation), "2/10m 4/1h 10/1d");
        assert_eq!(shown(&Caps::of(Preset::Strict).correspondent), "1/10m 3/1h 10/1d");
        assert_eq!(shown(&Caps::of(Preset::Strict).suspect), "1/1d");
        assert_eq!(shown(&Caps::of(Preset::Zammad).conversation), "10/10m 15/30m 25/1h 50/3h 100/10h");
        let written: CapsSettings =
            serde_json::from_value(serde_json::json!({ "preset": "strict", "subject": [], "rule": ["120/1h"] }))
                .unwrap();
        let caps = Caps::of(Preset::Zammad).with(&written);
        assert_eq!((shown(&caps.conversation), shown(&caps.subject)), ("1/10m 2/1h 5/1d".to_owned(), String::new()));
        assert_eq!(shown(&caps.rule), "120/1h");
    }
}
