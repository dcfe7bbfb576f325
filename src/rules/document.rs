//! Rule files as people write them, and their schema. What they mean is decided elsewhere.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{action, condition, lint};
pub use crate::model::Mode;
use crate::model::{EventKind, OnError, duration};

/// A file of rules.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BookDocument {
    /// The version of the rule language: 1.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// Lists of words by name, for every rule of the book: `contains_any: { words: refund }`.
    #[serde(default)]
    #[schemars(schema_with = "words")]
    pub words: BTreeMap<String, Vec<Value>>,
    /// The rules, in the order in which they are looked at.
    #[serde(default)]
    pub rules: Vec<RuleDocument>,
}

/// One rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// How people speak of it; unique in the rule book.
    #[schemars(length(min = 1))]
    pub name: String,
    /// What it is for, for people.
    #[serde(default)]
    pub description: Option<String>,
    /// The kinds of event it looks at; `message.received` by default.
    #[serde(default)]
    pub on: Option<OneOrMany<EventKind>>,
    /// What must hold; without it the rule matches every event of its kinds.
    #[serde(default)]
    #[schemars(schema_with = "conditions")]
    pub when: Map<String, Value>,
    /// What is done, in order.
    #[serde(default, rename = "do")]
    #[schemars(schema_with = "actions")]
    pub actions: Vec<Map<String, Value>>,
    /// Actions that no rule may take on this event. Vetoes are looked at before all else, whatever their place.
    #[serde(default)]
    pub veto: Option<OneOrMany<Veto>>,
    /// How often it may act.
    #[serde(default)]
    pub once: Option<OnceDocument>,
    /// How long its reply waits for the end of a burst of messages, such as `20s`. A message that arrives meanwhile and is
    /// answered supersedes it.
    #[serde(default)]
    #[schemars(with = "Option<duration::Written>")]
    pub settle: Option<String>,
    /// The name of the response: rules with the same handle are one response to the loop guard.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub handle: Option<String>,
    /// Reasons of the loop guard that this rule may overrule.
    #[serde(default)]
    pub allow: Vec<Allowed>,
    /// How far it goes; `auto` by default.
    #[serde(default)]
    pub mode: Mode,
    /// What becomes of an event on which the rule fails: `skip`, by default, leaves the rule out; `hold` holds for a
    /// person what other rules would send to the contact.
    #[serde(default)]
    pub on_error: OnError,
    /// Later rules are not looked at once this one has matched.
    #[serde(default)]
    pub stop: bool,
    /// Lints that `check` does not apply to this rule.
    #[serde(default)]
    #[schemars(schema_with = "lints")]
    pub allow_lints: Vec<String>,
}

/// One value, or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// A list.
    Many(#[schemars(length(min = 1))] Vec<T>),
}

impl<T> OneOrMany<T> {
    /// The values.
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// What a veto forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Veto {
    /// Everything that reaches the contact: replies and snippets.
    Reply,
    /// Notes, and with them pages.
    Note,
    /// Tags.
    Tag,
    /// Assignment.
    Assign,
    /// Closing.
    Close,
    /// Every action.
    All,
}

impl Veto {
    /// Every one.
    pub const ALL: [Self; 6] = [Self::Reply, Self::Note, Self::Tag, Self::Assign, Self::Close, Self::All];

    /// The word in rules and traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Note => "note",
            Self::Tag => "tag",
            Self::Assign => "assign",
            Self::Close => "close",
            Self::All => "all",
        }
    }

    /// Whether it forbids an action of that name.
    pub fn forbids(self, action: &str) -> bool {
        match self {
            Self::Reply => matches!(action, "reply" | "snippet"),
            Self::Note => action == "note",
            Self::Tag => action == "tag",
            Self::Assign => action == "assign",
            Self::Close => action == "close",
            Self::All => true,
        }
    }
}

/// Reasons that a rule may overrule. `null_sender`, `dsn`, `auto_submitted` and everything about our own messages are not
/// among them: no rule can answer a robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Allowed {
    /// Mailing lists and newsletters.
    List,
    /// `Precedence: bulk` and the like.
    Precedence,
    /// `X-Auto-Response-Suppress`.
    SuppressRequested,
}

impl Allowed {
    /// The code of the loop guard's step.
    pub fn code(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Precedence => "precedence",
            Self::SuppressRequested => "suppress_requested",
        }
    }
}

/// How often a rule may act.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnceDocument {
    /// What is counted; `conversation` by default, and with `quiet` alone `event`, which lifts every other limit.
    #[serde(default)]
    pub per: Option<Per>,
    /// After which time it may act again, such as `24h`; never again without it.
    #[serde(default)]
    #[schemars(with = "Option<duration::Written>")]
    pub every: Option<String>,
    /// Only after this long a silence of both sides, such as `15m`.
    #[serde(default)]
    #[schemars(with = "Option<duration::Written>")]
    pub quiet: Option<String>,
}

/// What `once` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Once in a conversation.
    #[default]
    Conversation,
    /// Once for a correspondent, over all conversations.
    Contact,
    /// For each event.
    Event,
}

fn words(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {
            "type": "array",
            "minItems": 1,
            "items": { "anyOf": [{ "type": "string", "minLength": 1 }, { "type": "number" }] }
        },
        "examples": [{ "refund": ["refund", "money back"] }]
    })
}

fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "$ref": "#/$defs/Conditions" })
}

fn actions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "$ref": "#/$defs/Action" } })
}

fn lints(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "enum": lint::names() } })
}

/// The JSON Schema of a rule file.
pub fn schema() -> Value {
    let mut schema: Value =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<BookDocument>().into();
    define(&mut schema);
    schema["title"] = "rejoinder rules".into();
    schema
}

/// Adds the definitions of conditions and actions to a schema that refers to them.
pub(super) fn define(schema: &mut Value) {
    if let Value::Object(definitions) = condition::schema() {
        for (name, definition) in definitions {
            schema["$defs"][name] = definition;
        }
    }
    schema["$defs"]["Action"] = action::schema();
}
