//! Operators that compare whole values: `equals`, `one_of`, and for lists `has`, `has_any`.

use serde_json::{Map, Value, json};

use super::{Case, Operator, Test};

/// `equals`.
pub(super) struct Equals;
/// `one_of`.
pub(super) struct OneOf;
/// `has`.
pub(super) struct Has;
/// `has_any`.
pub(super) struct HasAny;

fn scalar() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

fn scalars() -> Value {
    json!({ "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] } })
}

macro_rules! membership {
    ($type:ident, $name:literal, $summary:literal, $schema:ident) => {
        impl Operator for $type {
            fn name(&self) -> &'static str {
                $name
            }

            fn summary(&self) -> &'static str {
                $summary
            }

            fn schema(&self) -> Value {
                $schema()
            }

            fn compile(&self, wanted: &Value, case: Case) -> Result<Box<dyn Test>, String> {
                let wanted = wanted.as_array().cloned().unwrap_or_else(|| vec![wanted.clone()]);
                Ok(Box::new(Member { wanted: wanted.iter().map(|value| folded(value, case)).collect(), case }))
            }
        }
    };
}

membership!(Equals, "equals", "The value is this one. Written short as `field: value`.", scalar);
membership!(OneOf, "one_of", "The value is one of these. Written short as `field: [a, b]`.", scalars);
membership!(Has, "has", "The list has this item.", scalar);
membership!(HasAny, "has_any", "The list has at least one of these items.", scalars);

struct Member {
    wanted: Vec<Value>,
    case: Case,
}

impl Test for Member {
    fn holds(&self, values: &[&Value], _: jiff::Timestamp, _: &mut Map<String, Value>) -> bool {
        values
            .iter()
            .map(|value| folded(value, self.case))
            .any(|value| self.wanted.iter().any(|wanted| same(wanted, &value)))
    }
}

fn folded(value: &Value, case: Case) -> Value {
    match value {
        Value::String(text) => Value::String(case.fold(text)),
        other => other.clone(),
    }
}

/// Numbers are equal whatever their form; a number equals the text that spells it, because providers write ids both ways.
fn same(wanted: &Value, saw: &Value) -> bool {
    match (wanted, saw) {
        // Ids can be longer than the 53 bits that a float keeps.
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            number.to_string() == *text
        }
        _ => wanted == saw,
    }
}
