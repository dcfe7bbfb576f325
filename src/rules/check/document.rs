//! Rule tests as people write them, and their schema.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::action::ACTIONS;
use super::super::condition::CONDITIONS;
use super::super::fields::object;
use crate::model::{Contact, Conversation, EventKind, Message};

/// A file of rule tests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestDocument {
    /// The version of the rule language: 1.
    #[serde(default)]
    #[schemars(extend("const" = 1))]
    pub version: Option<u32>,
    /// The tests. Each begins with nothing remembered.
    pub tests: Vec<TestCase>,
}

/// One test: one event, or several `steps`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("unevaluatedProperties" = false))]
pub struct TestCase {
    /// How people speak of it.
    pub name: String,
    /// The virtual time at the first event (RFC 3339); 2026-01-05T10:00:00Z, a Monday, by default.
    #[serde(default)]
    pub now: Option<String>,
    /// What is remembered before the first event.
    #[serde(default)]
    pub given: Given,
    /// The one step of a test without `steps`.
    #[serde(flatten)]
    pub step: StepDocument,
    /// Several events, one after the other.
    #[serde(default)]
    pub steps: Vec<StepDocument>,
}

/// What is remembered before the first event.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Given {
    /// The state of the conversation.
    pub state: Map<String, Value>,
    /// The state of the correspondent.
    pub contact_state: Map<String, Value>,
}

/// One event and what must come of it.
#[derive(Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("unevaluatedProperties" = false))]
pub struct StepDocument {
    /// How much virtual time passes before it.
    pub after: Option<String>,
    /// The event; what is left out has defaults.
    pub event: Option<EventDocument>,
    /// A file with a provider's own JSON, read through the adapter of `source`'s account.
    pub payload: Option<String>,
    /// The source that the payload comes in by.
    pub source: Option<String>,
    /// What must be done: each of these, in this order. An empty list: nothing at all may be done.
    #[schemars(schema_with = "expectations")]
    pub expect: Option<Vec<Map<String, Value>>>,
    /// The code of the loop guard that must have stopped a reply, or `veto`.
    pub blocked: Option<String>,
    /// Exactly the rules that must have matched, in order.
    pub rules: Option<Vec<String>>,
}

impl StepDocument {
    /// Whether nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An event; what is left out has defaults.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventDocument {
    /// What happened; `message.received` by default.
    pub kind: Option<EventKind>,
    /// The source; the first one by default.
    pub source: Option<String>,
    /// The provider; that of the account by default.
    pub provider: Option<String>,
    /// The account; the first one by default.
    pub account: Option<String>,
    /// The thread.
    pub conversation: Option<Conversation>,
    /// The person.
    pub contact: Option<Contact>,
    /// The message; `headers` may give one text or a list for each name.
    #[schemars(schema_with = "message")]
    pub message: Option<Map<String, Value>>,
    /// The provider's own JSON.
    pub raw: Value,
}

fn expectations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "array", "items": { "$ref": "#/$defs/Expectation" } }, { "type": "null" }] })
}

fn message(generator: &mut SchemaGenerator) -> Schema {
    let mut schema: Value = Message::json_schema(generator).into();
    schema["properties"]["headers"] = json!({
        "type": "object",
        "additionalProperties": { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }
    });
    schema["type"] = json!(["object", "null"]);
    Schema::try_from(schema).unwrap_or_default()
}

/// What a decision shows of an action, by its name; of those left out anything may be expected.
const SHOWN: [(&str, &[&str]); 4] = [
    ("reply", &["text", "html", "format", "subject", "as", "kind", "delay", "cancel_on", "attachments"]),
    ("note", &["text", "html", "page"]),
    ("snippet", &["id", "data"]),
    ("tag", &["add", "remove"]),
];

/// What can be expected of an action. A mistyped key is refused: with a `not_` operator it would pass for ever.
fn expectation(action: &str) -> Value {
    let value = |key: &&str| match *key {
        "data" | "attachments" => json!(true),
        _ => json!({ "$ref": "#/$defs/ExpectedValue" }),
    };
    match SHOWN.iter().find(|(name, _)| *name == action) {
        Some((_, keys)) => json!({
            "type": "object",
            "properties": object(keys.iter().map(|key| ((*key).to_owned(), value(key)))),
            "additionalProperties": false
        }),
        None => json!({ "anyOf": [
            { "type": ["string", "boolean", "array"] },
            { "type": "object", "additionalProperties": { "$ref": "#/$defs/ExpectedValue" } }
        ] }),
    }
}

/// The JSON Schema of a test file.
pub fn schema() -> Value {
    let mut schema: Value =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<TestDocument>().into();
    let mut operators = Map::new();
    for operator in CONDITIONS {
        operators.insert(operator.name().to_owned(), operator.schema());
        operators.insert(format!("not_{}", operator.name()), operator.schema());
    }
    operators.insert("case".to_owned(), json!({ "enum": ["sensitive", "ignored"] }));
    schema["$defs"]["ExpectedValue"] = json!({
        "description": "A value, or operators as in a rule, such as `{ contains: refund }`.",
        "anyOf": [
            { "type": ["string", "number", "boolean", "array", "null"] },
            { "type": "object", "properties": operators, "additionalProperties": false, "minProperties": 1 }
        ]
    });
    // What a script asked for is shown as the actions it called.
    let actions = ACTIONS.iter().map(|action| action.name()).filter(|name| *name != "script");
    schema["$defs"]["Expectation"] = json!({
        "type": "object",
        "description": "An action that must be taken, such as `reply: { text: { contains: refund } }`.",
        "properties": object(actions.map(|name| (name.to_owned(), expectation(name)))),
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1
    });
    schema["title"] = "rejoinder rule tests".into();
    schema
}
