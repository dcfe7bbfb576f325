//! Operators about how long ago a time stamp was. The present is the decision's, never the machine's.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{Case, Operator, Seen, Test};
use crate::model::duration;

macro_rules! age {
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
                duration::schema()
            }

            fn example(&self) -> &'static str {
                $example
            }

            fn compile(&self, wanted: &Value, _: Case) -> Result<Box<dyn Test>, String> {
                let wanted = duration::parse(wanted.as_str().unwrap_or_default())?;
                Ok(Box::new(Age { wanted, compare: $compare }))
            }
        }
    };
}

age!(
    OlderThan,
    "older_than",
    "The time stamp lies longer ago than this duration, such as `2h`.",
    "state.promised_at: { older_than: 2h }",
    |age, wanted| age > wanted
);
age!(
    NewerThan,
    "newer_than",
    "The time stamp lies less long ago than this duration, such as `7d`.",
    "raw.customer.created_at: { newer_than: 7d }",
    |age, wanted| age < wanted
);

struct Age {
    wanted: SignedDuration,
    compare: fn(SignedDuration, SignedDuration) -> bool,
}

impl Test for Age {
    fn holds(&self, seen: &Seen<'_>, now: Timestamp, _: &mut Map<String, Value>) -> bool {
        let stamp = |value: &&Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
        seen.iter().filter_map(stamp).any(|at| (self.compare)(now.duration_since(at), self.wanted))
    }
}
