//! The JSON Schema of the configuration, made from its types and from the tables of providers and schemes.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::common::common;
use super::document::ConfigDocument;
use crate::provider::PROVIDERS;
use crate::signature::{SCHEMES, VerifySettings};

/// The JSON Schema of `rejoinder.yaml`.
pub fn schema() -> Value {
    let mut schema: Value =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<ConfigDocument>().into();
    schema["$defs"]["Account"] = account();
    schema["$defs"]["Verify"] = verify();
    schema["title"] = "rejoinder configuration".into();
    schema
}

/// An account: `provider` says which other keys there are.
fn account() -> Value {
    let names: Vec<&str> = PROVIDERS.iter().map(|provider| provider.name()).collect();
    let cases = PROVIDERS.iter().map(|provider| {
        let mut own = provider.schema();
        let properties = own["properties"].as_object().cloned().unwrap_or_default();
        own["properties"] = Value::Object(common(&names).into_iter().chain(properties).collect::<Map<_, _>>());
        own["additionalProperties"] = false.into();
        json!({
            "if": { "properties": { "provider": { "const": provider.name() } }, "required": ["provider"] },
            "then": own
        })
    });
    json!({
        "type": "object",
        "required": ["provider"],
        "properties": common(&names),
        "allOf": cases.collect::<Vec<_>>()
    })
}

fn verify() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema: Value = settings.into_generator().into_root_schema_for::<VerifySettings>().into();
    let names: Vec<&str> = SCHEMES.iter().map(|scheme| scheme.name()).collect();
    schema["properties"]["scheme"] = json!({ "enum": names, "description": "The name of the scheme." });
    schema
}
