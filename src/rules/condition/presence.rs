//! Operators about whether a field holds anything.

use serde_json::{Map, Value, json};

use super::{Case, Operator, Seen, Test};

/// `exists`.
pub(super) struct Exists;
/// `empty`.
pub(super) struct Empty;

impl Operator for Exists {
    fn name(&self) -> &'static str {
        "exists"
    }

    fn summary(&self) -> &'static str {
        "With `true` the field has a value, with `false` it has none."
    }

    fn schema(&self) -> Value {
        json!({ "type": "boolean" })
    }

    fn example(&self) -> &'static str {
        "state.order: { exists: true }"
    }

    fn compile(&self, wanted: &Value, _: Case) -> Result<Box<dyn Test>, String> {
        Ok(Box::new(Presence { wanted: wanted.as_bool().unwrap_or(true), counts: |_| true }))
    }
}

impl Operator for Empty {
    fn name(&self) -> &'static str {
        "empty"
    }

    fn summary(&self) -> &'static str {
        "With `true` the field is missing, blank or an empty list; with `false` it is not."
    }

    fn schema(&self) -> Value {
        json!({ "type": "boolean" })
    }

    fn example(&self) -> &'static str {
        "conversation.assignee: { empty: true }"
    }

    fn compile(&self, wanted: &Value, _: Case) -> Result<Box<dyn Test>, String> {
        let is_filled = |value: &Value| value.as_str().is_none_or(|text| !text.trim().is_empty());
        Ok(Box::new(Presence { wanted: !wanted.as_bool().unwrap_or(true), counts: is_filled }))
    }
}

struct Presence {
    wanted: bool,
    counts: fn(&Value) -> bool,
}

impl Test for Presence {
    fn holds(&self, seen: &Seen<'_>, _: jiff::Timestamp, _: &mut Map<String, Value>) -> bool {
        seen.iter().any(|value| (self.counts)(value)) == self.wanted
    }
}
