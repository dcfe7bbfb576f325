//! A JSON Schema as the judge of a document's shape. The schema is the one an editor uses, so what the editor underlines
//! is what the program refuses; the words are ours.

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::document::Document;
use super::fault::{Faults, Wrong, suggest};
use super::remedy;

/// A compiled schema.
pub struct Structure {
    schema: Value,
    validator: Validator,
}

impl Structure {
    /// Compiles a schema. The schemas are made from our own types, so a failure is a fault of the program.
    pub fn new(schema: Value) -> Result<Self, String> {
        let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
        Ok(Self { schema, validator })
    }

    /// The schema itself.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Every fault of the document's shape.
    pub fn check(&self, document: &Document) -> Faults {
        let mut faults = Faults::default();
        faults.extend(self.wrong(document).into_iter().map(|(pointer, message)| document.fault(&pointer, message)));
        faults
    }

    /// The same by JSON pointer, for who goes on with what is right.
    pub fn wrong(&self, document: &Document) -> Vec<Wrong> {
        let mut found = Vec::new();
        for error in self.validator.iter_errors(document.value()) {
            self.describe(&error, document, &mut found);
        }
        found
    }

    fn describe(&self, error: &ValidationError<'_>, document: &Document, found: &mut Vec<Wrong>) {
        let pointer = error.instance_path().as_str().to_owned();
        let node = self.schema_node(error);
        let shown = || shown(error, document, node);
        match error.kind() {
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                for key in unexpected {
                    let hint = remedy::unknown_key(key, node);
                    let at = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                    found.push((at, format!("unknown key `{key}`{hint}")));
                }
            }
            Kind::Required { property } => {
                found.push((pointer, format!("missing key `{}`", property.as_str().unwrap_or_default())));
            }
            Kind::Enum { options } => found.push((pointer, enum_message(&shown(), error.instance(), options))),
            Kind::Constant { expected_value } => {
                let write = remedy::constant(&pointer, expected_value);
                let said = format!("{}{} is not {expected_value}{write}", unseen(&shown(), &pointer), shown());
                found.push((pointer, said));
            }
            Kind::Type { .. } => {
                let wanted = wanted_types(error);
                // Where a mapping or a list belongs, a plain value helps nobody and may be a secret in the wrong place.
                let takes_scalar = takes_scalar(&wanted);
                let shown = if takes_scalar { shown() } else { form_of(error.instance()).to_owned() };
                let write = if takes_scalar { String::new() } else { remedy::form(&pointer, &wanted, node) };
                found.push((pointer.clone(), format!("{}{shown} is not {wanted}{write}", unseen(&shown, &pointer))));
            }
            // With words of its own the pattern is for editors; here who reads the value says the same and more.
            Kind::Pattern { .. } if node.is_some_and(|node| node["patternErrorMessage"].is_string()) => {}
            Kind::Pattern { .. } => {
                let example = node.and_then(|node| node["examples"][0].as_str());
                let example = example.map(|example| format!("; write it like {example}")).unwrap_or_default();
                found.push((pointer, format!("{} is not of the form wanted here{example}", shown())));
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => match likely_branch(error, context) {
                Some(branch) => branch.iter().for_each(|inner| self.describe(inner, document, found)),
                None => {
                    let said = no_branch(&shown(), error.instance(), context);
                    found.push((pointer.clone(), format!("{}{said}", unseen(&shown(), &pointer))));
                }
            },
            Kind::MinItems { .. } | Kind::MinLength { .. } | Kind::MinProperties { .. }
                if is_empty(error.instance()) =>
            {
                found.push((pointer.clone(), remedy::empty(&pointer, error.instance(), node)));
            }
            Kind::MaxProperties { limit: 1 } => {
                found.push((
                    pointer,
                    "one key is wanted here; begin the next entry on a line of its own, with `- `".to_owned(),
                ));
            }
            Kind::FalseSchema => found.push((pointer, "not allowed here".to_owned())),
            _ if document.is_hidden(&pointer) || node.is_some_and(may_hold_secret) => {
                found.push((pointer, "the value is not of the form wanted here".to_owned()))
            }
            _ => found.push((pointer, error.to_string())),
        }
    }

    fn schema_node(&self, error: &ValidationError<'_>) -> Option<&Value> {
        let path = error.schema_path().as_str();
        self.schema.pointer(path.rsplit_once('/').map_or("", |(parent, _)| parent))
    }
}

/// The value as an error may show it: short, and never a secret.
fn shown(error: &ValidationError<'_>, document: &Document, node: Option<&Value>) -> String {
    if node.is_some_and(may_hold_secret) || document.is_hidden(error.instance_path().as_str()) {
        return "the value".to_owned();
    }
    match error.instance().as_ref() {
        Value::String(text) if text.chars().count() > 40 => "a long text".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other @ (Value::Number(_) | Value::Bool(_)) => format!("`{other}`"),
        other => form_of(other).to_owned(),
    }
}

/// The name of the value, where the value itself is not shown.
fn unseen(shown: &str, pointer: &str) -> String {
    if shown.starts_with('`') { String::new() } else { remedy::of(pointer) }
}

/// Whether the schema marks the value, or a form or item of it, as a secret.
fn may_hold_secret(node: &Value) -> bool {
    let inner = ["anyOf", "oneOf", "allOf"].into_iter().flat_map(|key| node[key].as_array().into_iter().flatten());
    node["writeOnly"] == true || inner.chain(node.get("items")).any(may_hold_secret)
}

fn form_of(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "a mapping",
        Value::Array(_) => "a list",
        Value::Null => "an empty value",
        Value::String(_) => "a text",
        Value::Number(_) => "a number",
        Value::Bool(_) => "true or false",
    }
}

fn takes_scalar(wanted: &str) -> bool {
    ["text", "number", "true"].iter().any(|word| wanted.contains(word))
}

fn enum_message(shown: &str, instance: &Value, options: &Value) -> String {
    let names: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let hint = instance.as_str().map(|wrong| suggest(wrong, names.iter().copied())).unwrap_or_default();
    match names.is_empty() {
        true => format!("{shown} is not one of {options}"),
        false if hint.is_empty() => format!("{shown} is not one of {}", names.join(", ")),
        false => format!("{shown} is not known here{hint}"),
    }
}

fn wanted_types(error: &ValidationError<'_>) -> String {
    // The kinds print as JSON Schema names; their Display of the whole error ends in `type "x"` or `types "x", "y"`.
    let text = error.to_string();
    let names: Vec<&str> = text.rsplit(" of type").next().unwrap_or_default().split('"').skip(1).step_by(2).collect();
    match names.is_empty() {
        true => "of the type wanted here".to_owned(),
        false => {
            let (empty, forms): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| *name == "null");
            forms.into_iter().chain(empty).map(article).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn article(name: &str) -> String {
    match name {
        "object" => "a mapping".to_owned(),
        "array" => "a list".to_owned(),
        "string" => "a text".to_owned(),
        "integer" => "a whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "null" => "empty".to_owned(),
        other => format!("a {other}"),
    }
}

/// Of several allowed forms, the one that the value was meant to have: the branch whose faults lie inside the value and
/// not at its outside. Where more than one qualifies, the one with the fewest faults wins.
fn likely_branch<'a>(
    error: &ValidationError<'_>,
    context: &'a [Vec<ValidationError<'static>>],
) -> Option<&'a Vec<ValidationError<'static>>> {
    let outside = error.instance_path().as_str();
    context
        .iter()
        .filter(|branch| !branch.iter().any(|inner| is_other_form(inner, outside)))
        .min_by_key(|branch| branch.len())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Whether the value as a whole is of another form than the schema wants.
fn is_other_form(error: &ValidationError<'_>, outside: &str) -> bool {
    error.instance_path().as_str() == outside
        && match error.kind() {
            Kind::Type { .. } | Kind::Constant { .. } | Kind::Enum { .. } => true,
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                context.iter().all(|branch| branch.iter().any(|inner| is_other_form(inner, outside)))
            }
            _ => false,
        }
}

/// What is said where no form was meant: the words that may stand here, else the forms.
fn no_branch(shown: &str, instance: &Value, context: &[Vec<ValidationError<'static>>]) -> String {
    let mut words = Vec::new();
    allowed_words(context, &mut words);
    match words.is_empty() {
        true => format!("{shown} is not {}", branch_types(context)),
        false => enum_message(shown, instance, &Value::Array(words)),
    }
}

fn allowed_words(context: &[Vec<ValidationError<'static>>], words: &mut Vec<Value>) {
    for inner in context.iter().flatten() {
        match inner.kind() {
            Kind::Constant { expected_value } => words.push(Value::clone(expected_value)),
            Kind::Enum { options } => words.extend(options.as_array().into_iter().flatten().cloned()),
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => allowed_words(context, words),
            _ => {}
        }
    }
}

fn branch_types(context: &[Vec<ValidationError<'static>>]) -> String {
    let mut names: Vec<String> = Vec::new();
    for inner in context.iter().flatten().filter(|inner| matches!(inner.kind(), Kind::Type { .. })) {
        let name = wanted_types(inner);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "of a form wanted here".to_owned() } else { names.join(" or ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_reported_with_its_line_and_what_would_be_right() {
        let schema = serde_json::json!({
            "type": "object", "additionalProperties": false, "required": ["name"],
            "properties": {
                "name": { "type": "string" },
                "mode": { "enum": ["auto", "shadow"] },
                "port": { "type": "integer" },
                "key": { "type": "string", "writeOnly": true },
                "keys": { "type": "array", "items": { "type": "string", "writeOnly": true } },
                "on": { "anyOf": [ { "$ref": "#/$defs/On" }, { "type": "array", "items": { "$ref": "#/$defs/On" } } ] },
                "who": { "anyOf": [ { "type": "string" }, { "type": "object", "additionalProperties": false, "properties": { "alias": {} } } ] }
            },
            "$defs": { "On": { "oneOf": [ { "const": "received" }, { "const": "sent" } ] } }
        });
        let structure = Structure::new(schema).unwrap();
        let text = "mode: shadwo\nport: eight\nnam: x\nwho:\n  alais: y\nkey: 12345\nkeys: hunter2\non: recieved\n";
        let document = Document::parse("r.yaml", text).unwrap();
        insta::assert_snapshot!(structure.check(&document).or(()).unwrap_err().to_string(), @"
        r.yaml:1:1: `shadwo` is not known here; did you mean `shadow`? (known: auto, shadow)
        r.yaml:1:1: missing key `name`
        r.yaml:2:1: `eight` is not a whole number
        r.yaml:3:1: unknown key `nam`; did you mean `name`? (known: name, mode, port, key, keys, on, who)
        r.yaml:5:3: unknown key `alais`; did you mean `alias`? (known: alias)
        r.yaml:6:1: `key`: the value is not a text
        r.yaml:7:1: `keys`: a text is not a list; write `keys: [ … ]`
        r.yaml:8:1: `recieved` is not known here; did you mean `received`? (known: received, sent)
        ");
        let document = Document::parse("r.yaml", "name: x\non: [recieved]\nkeys: [hunter2, 7]\n").unwrap();
        insta::assert_snapshot!(structure.check(&document).or(()).unwrap_err().to_string(), @"
        r.yaml:2:6: `recieved` is not known here; did you mean `received`? (known: received, sent)
        r.yaml:3:17: an entry of `keys`: the value is not a text
        ");
    }

    #[test]
    fn what_no_schema_of_ours_needs_is_said_as_well() {
        let words: Vec<String> = (0..30).map(|number| format!("word{number:02}")).collect();
        let structure = Structure::new(serde_json::json!({ "properties": {
            "number": { "enum": [1, 2] },
            "many": { "enum": words },
            "none": false,
            "secret": { "writeOnly": true, "minLength": 9 },
            "low": { "minimum": 5 }
        } }));
        let text = "number: 3\nmany: everything\nnone: 1\nsecret: planted\nlow: 4\n";
        let faults = structure.unwrap().check(&Document::parse("a.yaml", text).unwrap()).to_string();
        insta::assert_snapshot!(faults, @"
        a.yaml:1:1: `3` is not one of [1,2]
        a.yaml:2:1: `everything` is not one of word00, word01, word02, word03, word04, word05, word06, word07, word08, word09, word10, word11, word12, word13, word14, word15, word16, word17, word18, word19, word20, word21, word22, word23, word24, word25, word26, word27, word28, word29
        a.yaml:3:1: not allowed here
        a.yaml:4:1: the value is not of the form wanted here
        a.yaml:5:1: 4 is less than the minimum of 5
        ");
    }
}
