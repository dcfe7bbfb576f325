//! The OpenAPI 3.1 document of the admin API: the calls from their table, the shapes from the types that are answered.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::super::refused::Refused;
use super::accounts::Account;
use super::calls::{self, Call};
use crate::engine::Progress;
use crate::model::{Control, Decision, Event, EventKind, Quarantine, Send};
use crate::store::{Counts, Usage};

/// The document.
pub(super) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    register::<Account>(&mut generator);
    register::<Event>(&mut generator);
    register::<EventKind>(&mut generator);
    register::<Decision>(&mut generator);
    register::<Send>(&mut generator);
    register::<Counts>(&mut generator);
    register::<Usage>(&mut generator);
    register::<Control>(&mut generator);
    register::<Quarantine>(&mut generator);
    register::<Progress>(&mut generator);
    register::<Refused>(&mut generator);
    let mut schemas = generator.take_definitions(true);
    schemas.insert("StoredEvent".to_owned(), object(&[("event", "Event"), ("decision", "Decision")]));
    schemas.insert(
        "Problem".to_owned(),
        object(&[("type", "string"), ("title", "string"), ("status", "integer"), ("detail", "string")]),
    );
    let mut paths = Map::new();
    for call in calls::all() {
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
    fn every_route_is_described() {
        let routes = include_str!("mod.rs").split(".route(\"").skip(1).map(|rest| {
            let (path, call) = rest.split_once('"').unwrap();
            (path, call.trim_start_matches([',', ' ']).split('(').next().unwrap())
        });
        let described: Vec<(&str, &str)> = calls::all().map(|call| (call.path, call.method)).collect();
        let routes: Vec<(&str, &str)> = routes.collect();
        assert!(routes.len() > 20);
        assert_eq!(routes.iter().filter(|route| !described.contains(route)).collect::<Vec<_>>(), [&("", ""); 0]);
        assert_eq!(described.len(), routes.len());
    }

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
