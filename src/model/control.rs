//! What people order beside the rules: pauses and modes, each for a scope. Orders survive restarts and say who gave them.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::ids::{AccountName, LaneKey};
use super::mode::Mode;
use super::window::Hand;

/// What an order is about. Written as `all`, `rule:NAME`, `account:NAME`, `conversation:LANE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everything.
    All,
    /// What one rule asks for.
    Rule(String),
    /// What one account does.
    Account(AccountName),
    /// What is done in one conversation.
    Conversation(LaneKey),
}

impl Scope {
    /// The scope written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "all" => Some(Self::All),
            Some(("rule", name)) if !name.is_empty() => Some(Self::Rule(name.to_owned())),
            Some(("account", name)) if !name.is_empty() => Some(Self::Account(name.into())),
            Some(("conversation", lane)) if !lane.is_empty() => Some(Self::Conversation(lane.into())),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Rule(name) => write!(f, "rule:{name}"),
            Self::Account(name) => write!(f, "account:{name}"),
            Self::Conversation(lane) => write!(f, "conversation:{lane}"),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| de::Error::custom("a scope is `all`, `rule:NAME`, `account:NAME` or `conversation:LANE`"))
    }
}

impl JsonSchema for Scope {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scope".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "pattern": "^(all|(rule|account|conversation):.+)$",
            "description": "What an order is about: `all`, `rule:NAME`, `account:NAME` or `conversation:LANE`.",
        })
    }
}

/// Who paused something, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// Who; `loop guard` where a cap did it.
    pub by: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub at: Timestamp,
}

/// What is ordered for one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Control {
    /// What it is about.
    pub scope: Scope,
    /// Nothing leaves: sends are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// For a conversation: how far rules go there, instead of their own mode. A rule that is off stays off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Who ordered the mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode_by: Option<Hand>,
    /// When it was last resumed. For a conversation this also ends the silence after a person's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<Timestamp>,
}

/// One thing that is ordered; what else stands for the scope stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlChange {
    /// Nothing shall leave.
    Pause(Pause),
    /// The pause is over, since then.
    Resume(Timestamp),
    /// How far rules shall go in a conversation, and who says so; none for each rule's own.
    Mode(Option<(Mode, Hand)>),
}

impl Control {
    /// Nothing ordered yet.
    pub fn of(scope: Scope) -> Self {
        Self { scope, pause: None, mode: None, mode_by: None, resumed_at: None }
    }

    /// Orders one thing more; answers whether that can be. A pause is not replaced by another. A conversation can be
    /// resumed without having been paused: that ends the silence after a person's message.
    pub fn change(&mut self, change: ControlChange) -> bool {
        match change {
            ControlChange::Pause(_) if self.pause.is_some() => return false,
            ControlChange::Resume(_) if self.pause.is_none() && !matches!(self.scope, Scope::Conversation(_)) => {
                return false;
            }
            ControlChange::Pause(pause) => self.pause = Some(pause),
            ControlChange::Resume(at) => (self.pause, self.resumed_at) = (None, Some(at)),
            ControlChange::Mode(mode) => (self.mode, self.mode_by) = mode.unzip(),
        }
        true
    }

    /// Whether there is nothing left that anybody needs to know.
    pub fn is_empty(&self) -> bool {
        let is_remembered = matches!(self.scope, Scope::Conversation(_)) && self.resumed_at.is_some();
        self.pause.is_none() && self.mode.is_none() && !is_remembered
    }
}

/// The orders that concern one conversation: those for everything, for rules and accounts, and its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Controls(pub Vec<Control>);

impl Controls {
    /// What was ordered for a scope.
    pub fn of(&self, scope: &Scope) -> Option<&Control> {
        self.0.iter().find(|control| control.scope == *scope)
    }

    /// The first of the scopes that is paused, with the pause.
    pub fn paused<'a>(&'a self, scopes: &[Scope]) -> Option<(&'a Scope, &'a Pause)> {
        let found = scopes.iter().filter_map(|scope| self.of(scope));
        found.into_iter().find_map(|control| Some((&control.scope, control.pause.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_as_it_is_written() {
        for text in ["all", "rule:a b", "account:desk", "conversation:desk/conversation:c:1"] {
            let scope = Scope::parse(text).unwrap();
            assert_eq!(scope.to_string(), text);
            assert_eq!(serde_json::from_value::<Scope>(serde_json::json!(text)).unwrap(), scope);
        }
        for text in ["", "everything", "rule:", "rule", "desk:x"] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }
}
