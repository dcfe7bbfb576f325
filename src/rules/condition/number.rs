//! Operators that compare numbers. A text that spells a number counts as one.

use serde_json::{Map, Value, json};

use super::{Case, Operator, Seen, Test};

macro_rules! comparison {
    ($type:ident, $name:literal, $summary:literal, $example:literal, $compare:expr) => {
        pub(super) struct $type;

        impl Operator for $type {
            fn name(&self) -> &'static str {
                $name
            }

            fn summary(&self) -> &'static str {
                $summary
            }

            fn schema(&self) -> Value {
                json!({ "type": "number" })
            }

            fn example(&self) -> &'static str {
                $example
            }

            fn compile(&self, wanted: &Value, _: Case) -> Result<Box<dyn Test>, String> {
                let wanted = wanted.as_f64().ok_or_else(|| format!("{wanted} is not a number"))?;
                Ok(Box::new(Comparison { wanted, compare: $compare }))
            }
        }
    };
}

comparison!(Gt, "gt", "The number is greater.", "conversation.message_count: { gt: 5 }", |saw, wanted| saw > wanted);
comparison!(Gte, "gte", "The number is greater or equal.", "event.hour: { gte: 17 }", |saw, wanted| saw >= wanted);
comparison!(Lt, "lt", "The number is less.", "event.hour: { lt: 9 }", |saw, wanted| saw < wanted);
comparison!(Lte, "lte", "The number is less or equal.", "state.refunds: { lte: 3 }", |saw, wanted| saw <= wanted);

struct Comparison {
    wanted: f64,
    compare: fn(f64, f64) -> bool,
}

impl Test for Comparison {
    fn holds(&self, seen: &Seen<'_>, _: jiff::Timestamp, _: &mut Map<String, Value>) -> bool {
        let number = |value: &&Value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        // "inf" and "nan" are words, whatever Rust reads them as.
        seen.iter().filter_map(number).filter(|number| number.is_finite()).any(|saw| (self.compare)(saw, self.wanted))
    }
}
