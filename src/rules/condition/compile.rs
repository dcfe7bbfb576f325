//! From `when:` as written to a condition, and the schema of what can be written. Collects every fault.

use serde_json::{Map, Value, json};

use super::super::fields::{FIELDS, OPEN_GROUPS, Path};
use super::super::lists::KEY;
use super::super::site::Site;
use super::{CONDITIONS, Case, Condition, FieldTest, ScriptTest, Within, within};
use crate::yaml::first_value;

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
            "within" => inner.extend(Within::compile(value, false, &site).map(Condition::Within)),
            "not_within" => inner.extend(Within::compile(value, true, &site).map(Condition::Within)),
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
    site.refuse_unknown_schedules(source);
    match site.surroundings().scripts.compile_expression(source) {
        Ok(expression) if site.uncaptured_reads(expression.survey()) => None,
        Ok(expression) => {
            Some(Condition::Script(ScriptTest { expression, source: source.trim().to_owned(), line: site.line() }))
        }
        Err(faults) => {
            site.script_faults(&faults);
            None
        }
    }
}

fn field(path: &str, value: &Value, site: &Site<'_>) -> Vec<Condition> {
    let path = match Path::compile(path) {
        Ok(path) => match site.uncaptured(path.as_str()) {
            Some(why) => {
                site.fault(why);
                return Vec::new();
            }
            None => path,
        },
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
        // A list is shown with its words: who asks why must not have to look it up.
        Some(operator) if operator.takes_words() => site
            .words()
            .resolve(wanted)
            .and_then(|wanted| Ok((operator.compile(&wanted, case)?, format!("{name} {wanted}")))),
        Some(operator) => operator.compile(wanted, case).map(|test| (test, format!("{name} {wanted}"))),
        None => Err(format!("there is no operator `{name}`")),
    };
    match compiled {
        Ok((test, wanted)) => {
            Some(Condition::Field(FieldTest { path: path.clone(), is_negated, wanted, line: site.line(), test }))
        }
        Err(why) => {
            site.fault(why);
            None
        }
    }
}

/// The schema of a `when:` mapping, for `$defs/Conditions`.
pub fn schema() -> Value {
    let test = json!({
        "description": "A value, a list of values, or operators.",
        "anyOf": [
            { "type": ["string", "number", "boolean"] },
            { "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] } },
            { "type": "object", "minProperties": 1, "additionalProperties": false, "properties": operators() }
        ]
    });
    // An empty mapping always holds; inside a group that is a slip of the pen.
    let inner = json!({ "$ref": "#/$defs/Conditions", "minProperties": 1 });
    let list = json!({ "type": "array", "minItems": 1, "items": inner });
    let mut properties = Map::new();
    let (vip, open) = (json!({ "contact.tags": { "has": "vip" } }), json!({ "conversation.status": "open" }));
    properties.insert("all".to_owned(), described(&list, "All of these hold.", json!([vip, open])));
    properties.insert("any".to_owned(), described(&list, "At least one of these holds.", json!([vip, open])));
    properties.insert("not".to_owned(), described(&inner, "This does not hold.", vip));
    let script = json!({ "type": "string", "minLength": 1 });
    let example = "conversation.message_count < 5 && state.refunds != 3".into();
    properties.insert("script".to_owned(), described(&script, "A Rhai expression that is true.", example));
    properties
        .insert("within".to_owned(), within::schema("A schedule of the configuration, or one of several, is open."));
    properties.insert("not_within".to_owned(), within::schema("The schedule, or every one of several, is closed."));
    for field in FIELDS {
        let mut schema = json!({ "$ref": "#/$defs/Test", "description": field.summary });
        if !field.words.is_empty() {
            schema["examples"] = json!(field.words);
        }
        properties.insert(field.path.to_owned(), schema);
    }
    json!({
        "Test": test,
        "Conditions": {
            "type": "object",
            "description": "All entries must hold. Keys are field paths, or all, any, not, script, within.",
            "properties": properties,
            "patternProperties": { open_groups(): {
                "$ref": "#/$defs/Test",
                "description": "A value that is remembered, captured by `matches`, a mail header, or of the provider's own JSON."
            } },
            // For the words of a fault.
            "x-open-groups": OPEN_GROUPS,
            "additionalProperties": false
        }
    })
}

/// The schema, or the name of a word list.
fn or_words(schema: Value) -> Value {
    json!({ "anyOf": [schema, {
        "type": "object",
        "required": [KEY],
        "properties": { KEY: { "type": "string", "minLength": 1, "description": "The name of a list under `words:`." } },
        "additionalProperties": false
    }] })
}

/// Every operator with its `not_` form, as properties of a mapping.
pub(in crate::rules) fn operators() -> Map<String, Value> {
    let mut operators = Map::new();
    for operator in CONDITIONS {
        let example = first_value(operator.example()).get(operator.name()).cloned().unwrap_or_default();
        let (name, summary) = (operator.name(), operator.summary());
        let schema = if operator.takes_words() { or_words(operator.schema()) } else { operator.schema() };
        operators.insert(name.to_owned(), described(&schema, summary, example.clone()));
        let not = format!("Not: {summary}");
        operators.insert(format!("not_{name}"), described(&schema, &not, example));
    }
    let case =
        json!({ "enum": ["sensitive", "ignored"], "description": "How texts are compared; ignored by default." });
    operators.insert("case".to_owned(), case);
    operators
}

/// The paths below which any name can stand, as a pattern.
fn open_groups() -> String {
    format!(r"^({})\..+", OPEN_GROUPS.map(|group| group.replace('.', r"\.")).join("|"))
}

fn described(schema: &Value, text: &str, example: Value) -> Value {
    let mut schema = schema.clone();
    schema["description"] = text.into();
    schema["examples"] = json!([example]);
    schema
}
