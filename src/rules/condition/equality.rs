//! Operators that compare whole values: `equals`, `one_of`, and for lists `has`, `has_any`.

use serde_json::{Map, Value, json};

use super::{Case, Operator, Seen, Sign, Test, Token};

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
    ($type:ident, $name:literal, $summary:literal, $example:literal, $schema:ident) => {
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

            fn takes_words(&self) -> bool {
                matches!($name, "one_of" | "has_any")
            }

            fn example(&self) -> &'static str {
                $example
            }

            fn compile(&self, wanted: &Value, case: Case) -> Result<Box<dyn Test>, String> {
                let wanted = wanted.as_array().cloned().unwrap_or_else(|| vec![wanted.clone()]);
                Ok(Box::new(Member { wanted: wanted.iter().map(|value| folded(value, case)).collect(), case }))
            }
        }
    };
}

membership!(
    Equals,
    "equals",
    "The value is this one. Written short as `field: value`.",
    "conversation.status: { equals: open }",
    scalar
);
membership!(
    OneOf,
    "one_of",
    "The value is one of these. Written short as `field: [a, b]`.",
    "conversation.channel: { one_of: [email, sms] }",
    scalars
);
membership!(Has, "has", "The list has this item.", "conversation.tags: { has: vip }", scalar);
membership!(
    HasAny,
    "has_any",
    "The list has at least one of these items.",
    "contact.tags: { has_any: [vip, partner] }",
    scalars
);

struct Member {
    wanted: Vec<Value>,
    case: Case,
}

impl Test for Member {
    fn holds(&self, seen: &Seen<'_>, _: jiff::Timestamp, _: &mut Map<String, Value>) -> bool {
        seen.iter().any(|value| self.wanted.iter().any(|wanted| same(wanted, value, self.case)))
    }

    fn signs(&self) -> Option<Vec<Sign>> {
        self.wanted.iter().map(|value| Token::of(value).map(Sign::Value)).collect()
    }
}

fn folded(value: &Value, case: Case) -> Value {
    match value {
        Value::String(text) => Value::String(case.fold(text)),
        other => other.clone(),
    }
}

/// Numbers are equal whatever their form; a number equals the text that spells it, because providers write ids both ways.
/// What is wanted has been folded.
fn same(wanted: &Value, saw: &Value, case: Case) -> bool {
    match (wanted, saw) {
        (Value::String(wanted), Value::String(saw)) => case.folds_to(saw, wanted),
        // Ids can be longer than the 53 bits that a float keeps.
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            case.folds_to(text, &number.to_string())
        }
        _ => wanted == saw,
    }
}
