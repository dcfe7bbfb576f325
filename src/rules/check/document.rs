//! Rule tests as people write them, and their schema.

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::action::{ACTIONS, ActionKind};
use super::super::condition::operators;
use super::super::fields::object;
use crate::model::{Contact, Conversation, DeliveryReport, EventKind, Message, duration};

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
    #[schemars(with = "Option<duration::Written>")]
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
    #[schemars(extend("enum" = codes()))]
    pub blocked: Option<String>,
    /// Words of the reason for which an action or a rule must have failed; without it a failure fails the test.
    pub failed: Option<String>,
    /// Exactly the rules that must have matched, in order.
    pub rules: Option<Vec<String>>,
    /// Exactly the rules whose replies waited for the end of a burst and are superseded by the answer to this event.
    pub supersedes: Option<Vec<String>>,
}

impl StepDocument {
    /// Whether it says what must come of the event.
    pub(super) fn expects_something(&self) -> bool {
        let checks = [self.expect.is_some(), self.blocked.is_some(), self.failed.is_some(), self.rules.is_some()];
        checks.contains(&true) || self.supersedes.is_some()
    }

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
    /// What became of a message from our side.
    pub delivery: Option<DeliveryReport>,
    /// The provider's own JSON.
    pub raw: Value,
}

/// What `blocked` can name; nothing, as if it were left out.
fn codes() -> Vec<Value> {
    let others = ["suspect_cap", "loop_cap", "veto", "once", "already_answered"];
    let codes: BTreeSet<&str> = super::super::guard::steps().map(|step| step.code).chain(others).collect();
    codes.into_iter().map(Value::from).chain([Value::Null]).collect()
}

/// The word beside an expected action that says what came of it.
const VERDICT: &str = "verdict";

/// The action that an expectation is about, with what is expected of it.
pub(super) fn action(expectation: &Map<String, Value>) -> Option<(&String, &Value)> {
    expectation.iter().find(|(key, _)| *key != VERDICT)
}

/// What must have come of the action, where that is said.
pub(super) fn verdict(expectation: &Map<String, Value>) -> Option<&str> {
    expectation.get(VERDICT).and_then(Value::as_str)
}

fn expectations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "array", "items": { "$ref": "#/$defs/Expectation" } }, { "type": "null" }] })
}

fn message(generator: &mut SchemaGenerator) -> Schema {
    let mut schema: Value = Message::json_schema(generator).into();
    schema["properties"]["headers"] = json!({
        "type": "object",
        "description": "Mail headers by name: one text, or a list.",
        "examples": [{ "Auto-Submitted": "auto-replied" }],
        "additionalProperties": { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }
    });
    schema["type"] = json!(["object", "null"]);
    Schema::try_from(schema).unwrap_or_default()
}

/// What a decision shows of an action, by its name; of those left out anything may be expected.
const SHOWN: [(&str, &[(&str, &str)]); 4] = [
    (
        "reply",
        &[
            ("text", "The plain text, filled in."),
            ("html", "The HTML, filled in."),
            ("format", "What the rule wrote: `text`, `markdown` or `html`."),
            ("subject", "The subject, filled in."),
            ("as", "The provider's id of the member it is sent as."),
            ("kind", "`answer`, `ack` or `away`."),
            ("delay", "How long it waits, such as `2m`."),
            ("settle", "How long it waits for the end of a burst."),
            ("cancel_on", "What calls it off while it waits."),
            ("attachments", "The files sent along."),
        ],
    ),
    (
        "note",
        &[
            ("text", "The plain text, filled in."),
            ("html", "The HTML, filled in."),
            ("page", "The members that are paged, by alias."),
        ],
    ),
    ("snippet", &[("id", "The provider's id of the snippet."), ("data", "What is handed to it.")]),
    ("tag", &[("add", "The tags put on, filled in."), ("remove", "The tags taken off, filled in.")]),
];

/// What can be expected of an action. A mistyped key is refused: with a `not_` operator it would pass for ever.
fn expectation(action: &str) -> Value {
    let value = |key: &str, about: &str| match key {
        "data" | "attachments" => json!({ "description": about }),
        _ => json!({ "$ref": "#/$defs/ExpectedValue", "description": about }),
    };
    match SHOWN.iter().find(|(name, _)| *name == action) {
        Some((_, keys)) => json!({
            "type": "object",
            "properties": object(keys.iter().map(|(key, about)| ((*key).to_owned(), value(key, about)))),
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
    schema["$defs"]["ExpectedValue"] = json!({
        "description": "A value, or operators as in a rule, such as `{ contains: refund }`.",
        "anyOf": [
            { "type": ["string", "number", "boolean", "array", "null"] },
            { "type": "object", "properties": operators(), "additionalProperties": false, "minProperties": 1 }
        ]
    });
    // What a script asked for is shown as the actions it called.
    let expected = |action: &&dyn ActionKind| {
        let mut schema = expectation(action.name());
        schema["description"] = action.summary().into();
        (action.name().to_owned(), schema)
    };
    let actions = ACTIONS.iter().filter(|action| action.name() != "script").map(expected);
    let mut properties = object(actions);
    properties[VERDICT] = json!({
        "enum": ["chosen", "held", "drafted", "shadowed"],
        "description": "What must have come of it, by the mode of its rule; any of these by default."
    });
    schema["$defs"]["Expectation"] = json!({
        "type": "object",
        "description": "An action that must be taken, such as `reply: { text: { contains: refund } }`.",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "if": { "required": [VERDICT] },
        "then": { "maxProperties": 2 },
        "else": { "maxProperties": 1 }
    });
    schema["title"] = "rejoinder rule tests".into();
    schema
}
