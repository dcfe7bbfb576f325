//! The OpenAPI 3.1 document of the admin API: the calls from a table, the shapes from the types that are answered.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::model::{Decision, Event, EventKind, Send};
use crate::store::Counts;

/// A parameter: its name, `path` or `query`, and what it is.
type Parameter = (&'static str, &'static str, &'static str);

/// One call.
struct Call {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    /// The request body, by its properties.
    body: &'static [(&'static str, &'static str)],
    /// The properties of the answer, each with the name of its shape; `[]` before it for a list.
    answer: &'static [(&'static str, &'static str)],
}

const SEND_FILTERS: &[Parameter] = &[
    ("state", "query", "Only in this state."),
    ("account", "query", "Only of this account."),
    ("rule", "query", "Only of this rule."),
    ("event", "query", "Only for this event."),
    ("limit", "query", "At most so many; 100 by default, 1000 at the most."),
];

const CALLS: &[Call] = &[
    Call {
        method: "get",
        path: "/status",
        summary: "What is configured and how much waits.",
        parameters: &[],
        body: &[],
        answer: &[
            ("version", "string"),
            ("book", "string"),
            ("rules", "integer"),
            ("counts", "Counts"),
            ("sources", "[]object"),
            ("accounts", "[]object"),
        ],
    },
    Call {
        method: "get",
        path: "/events",
        summary: "Events with their decisions, newest first.",
        parameters: &[
            ("kind", "query", "Only of this kind."),
            ("source", "query", "Only from this source."),
            ("conversation", "query", "Only of this conversation, by the provider's id."),
            ("since", "query", "Received at or after this time (RFC 3339)."),
            ("before", "query", "Accepted before this event, to page on."),
            ("limit", "query", "At most so many; 100 by default, 1000 at the most."),
        ],
        body: &[],
        answer: &[("events", "[]StoredEvent")],
    },
    Call {
        method: "get",
        path: "/events/{id}",
        summary: "One event with its decision and its sends.",
        parameters: &[("id", "path", "The event.")],
        body: &[],
        answer: &[("event", "Event"), ("decision", "Decision"), ("sends", "[]Send")],
    },
    Call {
        method: "get",
        path: "/events/{id}/explain",
        summary: "The same, with the why-not of every rule that did not match, by the rule book of that time.",
        parameters: &[("id", "path", "The event.")],
        body: &[],
        answer: &[("event", "Event"), ("decision", "Decision"), ("sends", "[]Send")],
    },
    Call {
        method: "get",
        path: "/outbox",
        summary: "Sends, newest first.",
        parameters: SEND_FILTERS,
        body: &[],
        answer: &[("sends", "[]Send")],
    },
    Call {
        method: "get",
        path: "/outbox/{id}",
        summary: "One send with every attempt.",
        parameters: &[("id", "path", "The send.")],
        body: &[],
        answer: &[("id", "string"), ("state", "string")],
    },
    Call {
        method: "get",
        path: "/dead",
        summary: "Dead letters, newest first.",
        parameters: SEND_FILTERS,
        body: &[],
        answer: &[("sends", "[]Send")],
    },
    Call {
        method: "post",
        path: "/dead/{id}/redrive",
        summary: "Puts a dead letter back into the outbox.",
        parameters: &[("id", "path", "The send.")],
        body: &[("renew_key", "boolean")],
        answer: &[("status", "string"), ("send", "string")],
    },
    Call {
        method: "post",
        path: "/dead/{id}/drop",
        summary: "Drops a dead letter with a reason.",
        parameters: &[("id", "path", "The send.")],
        body: &[("reason", "string")],
        answer: &[("status", "string"), ("send", "string")],
    },
    Call {
        method: "get",
        path: "/rules",
        summary: "The rules in force.",
        parameters: &[],
        body: &[],
        answer: &[("book", "string"), ("rules", "[]object")],
    },
    Call {
        method: "post",
        path: "/reload",
        summary: "Loads the rules anew; the last good ones stay in force when they cannot be.",
        parameters: &[],
        body: &[],
        answer: &[("status", "string"), ("book", "string")],
    },
    Call { method: "get", path: "/openapi.json", summary: "This document.", parameters: &[], body: &[], answer: &[] },
];

/// The document.
pub(super) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    register::<Event>(&mut generator);
    register::<EventKind>(&mut generator);
    register::<Decision>(&mut generator);
    register::<Send>(&mut generator);
    register::<Counts>(&mut generator);
    let mut schemas = generator.take_definitions(true);
    schemas.insert("StoredEvent".to_owned(), object(&[("event", "Event"), ("decision", "Decision")]));
    schemas.insert(
        "Problem".to_owned(),
        object(&[("type", "string"), ("title", "string"), ("status", "integer"), ("detail", "string")]),
    );
    let mut paths = Map::new();
    for call in CALLS {
        paths.entry(format!("/api/v1{}", call.path)).or_insert_with(|| json!({}))[call.method] = operation(call);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "rejoinder admin API", "version": env!("CARGO_PKG_VERSION") },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } }
    })
}

fn register<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

fn operation(call: &Call) -> Value {
    let parameters = call.parameters.iter().map(|(name, place, what)| {
        json!({ "name": name, "in": place, "required": *place == "path", "description": what, "schema": { "type": "string" } })
    });
    let mut operation = json!({
        "summary": call.summary,
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": {
            "200": { "description": "Done.", "content": { "application/json": { "schema": object(call.answer) } } },
            "default": { "description": "Not done.", "content": { "application/problem+json": { "schema": shape("Problem") } } }
        }
    });
    if !call.body.is_empty() {
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": object(call.body) } } });
    }
    operation
}

fn object(properties: &[(&str, &str)]) -> Value {
    let properties: Map<String, Value> = properties.iter().map(|(name, of)| ((*name).to_owned(), shape(of))).collect();
    json!({ "type": "object", "properties": properties })
}

fn shape(name: &str) -> Value {
    match name.strip_prefix("[]") {
        Some(of) => json!({ "type": "array", "items": shape(of) }),
        None if name.starts_with(char::is_uppercase) => json!({ "$ref": format!("#/components/schemas/{name}") }),
        None => json!({ "type": name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_to_a_shape() {
        let document = document();
        let text = document.to_string();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let references: Vec<&str> =
            text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(references.len() > 20);
        for name in references {
            assert!(schemas.contains_key(name), "{name}");
        }
    }
}
