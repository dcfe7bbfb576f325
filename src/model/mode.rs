//! How far a rule goes. The ladder by which people come to trust one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a rule goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It is not looked at.
    Off,
    /// It decides and is recorded; nothing is sent and nothing is remembered.
    Shadow,
    /// What would reach the contact becomes an internal note, from which a person takes what is right.
    Draft,
    /// What would reach the contact is held until a person approves it, and checked again then.
    Approve,
    /// It acts.
    #[default]
    Auto,
}

impl Mode {
    /// Every mode, in the order of the ladder.
    pub const ALL: [Self; 5] = [Self::Off, Self::Shadow, Self::Draft, Self::Approve, Self::Auto];

    /// The word in rules, commands and traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Shadow => "shadow",
            Self::Draft => "draft",
            Self::Approve => "approve",
            Self::Auto => "auto",
        }
    }

    /// The mode of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    /// Whether the rule has effects: vetoes, state, notes.
    pub fn acts(self) -> bool {
        self > Self::Shadow
    }
}
