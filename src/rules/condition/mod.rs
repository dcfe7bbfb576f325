//! Conditions: what a rule wants to see. Operators stand in a table, one family per file; `all`, `any`, `not` and
//! `script` join them. A condition only looks; it changes nothing but the captures of the rule it belongs to.

mod age;
mod compile;
mod equality;
mod number;
mod presence;
#[cfg(test)]
mod tests;
mod text;

use serde_json::{Map, Value};

pub use compile::{compile, schema};

use super::fields::Path;
use super::script::Expression;
use super::view::View;
use crate::model::Finding;

/// How a text is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// `Refund` is `refund`.
    #[default]
    Ignored,
    /// With `case: sensitive`.
    Sensitive,
}

impl Case {
    /// The case written under `case` beside the operators.
    pub(super) fn of(operators: &Map<String, Value>) -> Self {
        match operators.get("case").and_then(Value::as_str) {
            Some("sensitive") => Self::Sensitive,
            _ => Self::Ignored,
        }
    }

    /// The text as it is compared. Up and down again letter by letter, so that `STRASSE` is `Straße`, a final sigma is a
    /// sigma, and the Turkish `İ` and `ı` are an `i`.
    pub fn fold(self, text: &str) -> String {
        let plain = |letter: char| if letter == 'İ' { 'i' } else { letter };
        match self {
            Self::Ignored => {
                text.chars().map(plain).flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
            }
            Self::Sensitive => text.to_owned(),
        }
    }
}

/// An operator: the word, what it means, and how it is made ready once.
pub trait Operator: Sync {
    /// The word in a rule.
    fn name(&self) -> &'static str;

    /// One sentence for the reference.
    fn summary(&self) -> &'static str;

    /// What may be wanted, as JSON Schema.
    fn schema(&self) -> Value;

    /// A test for what is wanted, or why there can be none.
    fn compile(&self, wanted: &Value, case: Case) -> Result<Box<dyn Test>, String>;
}

/// A test of the values of one field. A field with several values passes when one of them does (`contains_all`: when they
/// do together); a field without any never does, except where the test is about just that.
pub trait Test: Send + Sync {
    /// Whether it holds. `captures` takes what named groups matched.
    fn holds(&self, values: &[&Value], now: jiff::Timestamp, captures: &mut Map<String, Value>) -> bool;
}

/// Every operator. Each has its `not_` form, which holds when the operator does not.
pub const CONDITIONS: &[&dyn Operator] = &[
    &equality::Equals,
    &equality::OneOf,
    &equality::Has,
    &equality::HasAny,
    &text::Contains,
    &text::ContainsAny,
    &text::ContainsAll,
    &text::ContainsWord,
    &text::StartsWith,
    &text::EndsWith,
    &text::Matches,
    &presence::Exists,
    &presence::Empty,
    &number::Gt,
    &number::Gte,
    &number::Lt,
    &number::Lte,
    &age::OlderThan,
    &age::NewerThan,
];

/// A compiled condition.
pub enum Condition {
    /// All hold. Empty: always.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// Does not hold.
    Not(Box<Condition>),
    /// A field passes a test.
    Field(FieldTest),
    /// A Rhai expression is true.
    Script(Expression, String),
}

/// One operator on one field.
pub struct FieldTest {
    path: Path,
    is_negated: bool,
    wanted: String,
    test: Box<dyn Test>,
}

impl Condition {
    /// Whether it holds; an error is a script's. What held leaves its captures, what did not leaves none.
    pub fn holds(&self, view: &mut View<'_>) -> Result<bool, String> {
        match self {
            Self::All(inner) => {
                let before = view.captures();
                for condition in inner {
                    if !condition.holds(view)? {
                        view.restore(before);
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(inner) => {
                for condition in inner {
                    if condition.holds(view)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(inner) => {
                let before = view.captures();
                let held = inner.holds(view)?;
                view.restore(before);
                Ok(!held)
            }
            Self::Field(test) => Ok(test.holds(view)),
            Self::Script(expression, _) => view.evaluate(expression),
        }
    }

    /// What it wanted and what it saw, with everything inside it, none left out. The verdicts are those of
    /// [`holds`](Self::holds), and the captures that are left behind as well.
    pub fn explain(&self, view: &mut View<'_>) -> Finding {
        let before = view.captures();
        let (subject, inner) = match self {
            Self::All(inner) => ("all", inner.iter().map(|condition| condition.explain(view)).collect()),
            Self::Any(inner) => ("any", inner.iter().map(|condition| condition.explain(view)).collect()),
            Self::Not(inner) => ("not", vec![inner.explain(view)]),
            Self::Field(test) => (test.path.as_str(), Vec::new()),
            Self::Script(..) => ("script", Vec::new()),
        };
        view.restore(before);
        let saw = match self {
            Self::Field(test) => Some(show(&test.path.values(view.document()))),
            _ => None,
        };
        let result = self.holds(view);
        let saw = saw.unwrap_or_else(|| match (self, &result) {
            (_, Err(error)) => format!("failed: {error}"),
            (Self::Script(..), Ok(holds)) => holds.to_string(),
            _ => format!("{} of {} hold", inner.iter().filter(|finding| finding.holds).count(), inner.len()),
        });
        Finding {
            subject: subject.to_owned(),
            wanted: match self {
                Self::Field(test) => test.wanted.clone(),
                Self::Script(_, source) => source.clone(),
                _ => subject.to_owned(),
            },
            saw,
            holds: result.unwrap_or(false),
            inner,
        }
    }
}

impl FieldTest {
    fn holds(&self, view: &mut View<'_>) -> bool {
        let mut captured = Map::new();
        let found = self.test.holds(&self.path.values(view.document()), view.now(), &mut captured);
        if found && !self.is_negated {
            view.capture(captured);
        }
        found != self.is_negated
    }
}

/// The values as a person can take them in: the first 120 characters.
fn show(values: &[&Value]) -> String {
    let text = match values {
        [] => return "nothing".to_owned(),
        [one] => one.to_string(),
        many => format!("[{}]", many.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A value as the text that text operators look at.
fn as_text(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(yes) => Some(yes.to_string().into()),
        _ => None,
    }
}
