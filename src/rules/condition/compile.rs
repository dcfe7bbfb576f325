//! From `when:` as written to a condition, and the schema of what can be written. Collects every fault.

use serde_json::{Map, Value, json};

use super::super::fields::{FIELDS, Path};
use super::super::site::Site;
use super::{CONDITIONS, Case, Condition, FieldTest};

/// Compiles a mapping: all of its entries must hold.
pub fn compile(when: &Map<String, Value>, site: &Site<'_>) -> Condition {
    let mut inner: Vec<Condition> = Vec::new();
    for (key, value) in when {
        let site = site.child(key);
        match key.as_str() {
            "all" => inner.push(Condition::All(list(value, &site))),
            "any" => inner.push(Condition::Any(list(value, &site))),
            "not" => inner.push(Condition::Not(Box::new(mapping(value, &site)))),
            "script" => inner.extend(script(value, &site)),
            path => inner.extend(field(path, value, &site)),
        }
    }
    match inner.len() {
        1 => inner.remove(0),
        _ => Condition::All(inner),
    }
}

fn mapping(value: &Value, site: &Site<'_>) -> Condition {
    value.as_object().map_or_else(|| Condition::All(Vec::new()), |map| compile(map, site))
}

fn list(value: &Value, site: &Site<'_>) -> Vec<Condition> {
    let items = value.as_array().into_iter().flatten().enumerate();
    items.map(|(index, item)| mapping(item, &site.child(&index.to_string()))).collect()
}

fn script(value: &Value, site: &Site<'_>) -> Option<Condition> {
    let source = value.as_str().unwrap_or_default();
    match site.surroundings().scripts.compile_expression(source) {
        Ok(expression) => Some(Condition::Script(expression, source.trim().to_owned())),
        Err(fault) => {
            site.fault_in_text(fault.line, format!("the script does not compile: {}", fault.message));
            None
        }
    }
}

fn field(path: &str, value: &Value, site: &Site<'_>) -> Vec<Condition> {
    let path = match Path::compile(path) {
        Ok(path) => path,
        Err(why) => {
            site.fault(why);
            return Vec::new();
        }
    };
    let operators = match value {
        Value::Object(operators) => operators.clone(),
        Value::Array(_) => Map::from_iter([("one_of".to_owned(), value.clone())]),
        scalar => Map::from_iter([("equals".to_owned(), scalar.clone())]),
    };
    let case = Case::of(&operators);
    if operators.keys().all(|name| name == "case") {
        site.fault("nothing is compared; write an operator beside `case`, such as `contains`");
    }
    let tests = operators.iter().filter(|(name, _)| *name != "case");
    tests.filter_map(|(name, wanted)| operator(&path, name, wanted, case, &site.child(name))).collect()
}

fn operator(path: &Path, name: &str, wanted: &Value, case: Case, site: &Site<'_>) -> Option<Condition> {
    let (is_negated, plain) = match name.strip_prefix("not_") {
        Some(plain) => (true, plain),
        None => (false, name),
    };
    let compiled = match CONDITIONS.iter().find(|operator| operator.name() == plain) {
        Some(operator) => operator.compile(wanted, case),
        None => Err(format!("there is no operator `{name}`")),
    };
    match compiled {
        Ok(test) => Some(Condition::Field(FieldTest {
            path: path.clone(),
            is_negated,
            wanted: format!("{name} {wanted}"),
            test,
        })),
        Err(why) => {
            site.fault(why);
            None
        }
    }
}

/// The schema of a `when:` mapping, for `$defs/Conditions`.
pub fn schema() -> Value {
    let mut operators = Map::new();
    for operator in CONDITIONS {
        for (name, summary) in [
            (operator.name().to_owned(), operator.summary().to_owned()),
            (format!("not_{}", operator.name()), format!("Not: {}", operator.summary())),
        ] {
            let mut schema = operator.schema();
            schema["description"] = summary.into();
            operators.insert(name, schema);
        }
    }
    operators.insert(
        "case".to_owned(),
        json!({ "enum": ["sensitive", "ignored"], "description": "How texts are compared; ignored by default." }),
    );
    let test = json!({ "anyOf": [
        { "type": ["string", "number", "boolean"] },
        { "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] } },
        { "type": "object", "minProperties": 1, "additionalProperties": false, "properties": operators }
    ] });
    // An empty mapping always holds; inside a group that is a slip of the pen.
    let inner = json!({ "$ref": "#/$defs/Conditions", "minProperties": 1 });
    let list = json!({ "type": "array", "minItems": 1, "items": inner });
    let mut properties = Map::new();
    properties.insert("all".to_owned(), described(&list, "All of these hold."));
    properties.insert("any".to_owned(), described(&list, "At least one of these holds."));
    properties.insert("not".to_owned(), described(&inner, "This does not hold."));
    properties.insert(
        "script".to_owned(),
        json!({ "type": "string", "minLength": 1, "description": "A Rhai expression that is true." }),
    );
    for field in FIELDS {
        properties.insert(field.path.to_owned(), json!({ "$ref": "#/$defs/Test", "description": field.summary }));
    }
    json!({
        "Test": test,
        "Conditions": {
            "type": "object",
            "description": "All entries must hold. Keys are field paths, or all, any, not, script.",
            "properties": properties,
            "patternProperties": { r"^(state|contact_state|captures|raw|message\.headers)\..+": { "$ref": "#/$defs/Test" } },
            "additionalProperties": false
        }
    })
}

fn described(schema: &Value, text: &str) -> Value {
    let mut schema = schema.clone();
    schema["description"] = text.into();
    schema
}
