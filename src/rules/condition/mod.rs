//! Conditions: what a rule wants to see. Operators stand in a table, one family per file; `all`, `any`, `not`,
//! `script` and `within` join them. A condition only looks; it changes nothing but the captures of the rule it belongs to.

mod age;
mod compile;
mod equality;
mod literal;
mod number;
mod presence;
mod seen;
mod sign;
#[cfg(test)]
mod tests;
mod text;
mod within;

use serde_json::{Map, Value};

pub(super) use compile::operators;
pub use compile::{compile, schema};
pub(super) use seen::Folded;
pub use seen::Seen;
pub use sign::{Sign, Token, likelihood};
pub use within::Within;

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
    /// sigma, and the Turkish `İ` and `ı` are an `i`. A folded text stays as it is when it is folded again.
    pub fn fold(self, text: &str) -> String {
        match self {
            // Nearly all texts; the two ways come to the same for these letters.
            Self::Ignored if text.is_ascii() => text.to_ascii_lowercase(),
            Self::Ignored => folded(text).collect(),
            Self::Sensitive => text.to_owned(),
        }
    }

    /// Whether a text, folded, is this one.
    fn folds_to(self, text: &str, wanted: &str) -> bool {
        match self {
            Self::Ignored => folded(text).eq(wanted.chars()),
            Self::Sensitive => text == wanted,
        }
    }
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    let plain = |letter: char| match letter {
        'İ' => 'i',
        'ẞ' => 'ß',
        letter => letter,
    };
    text.chars().map(plain).flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// An operator: the word, what it means, and how it is made ready once.
pub trait Operator: Sync {
    /// The word in a rule.
    fn name(&self) -> &'static str;

    /// One sentence for the reference.
    fn summary(&self) -> &'static str;

    /// What may be wanted, as JSON Schema.
    fn schema(&self) -> Value;

    /// Whether a word list can stand for what is wanted.
    fn takes_words(&self) -> bool {
        false
    }

    /// One entry of `when:` that uses it, for the reference and for editors.
    fn example(&self) -> &'static str;

    /// A test for what is wanted, or why there can be none.
    fn compile(&self, wanted: &Value, case: Case) -> Result<Box<dyn Test>, String>;
}

/// A test of the values of one field. A field with several values passes when one of them does (`contains_all`: when they
/// do together); a field without any never does, except where the test is about just that.
pub trait Test: Send + Sync {
    /// Whether it holds. `captures` takes what named groups matched.
    fn holds(&self, seen: &Seen<'_>, now: jiff::Timestamp, captures: &mut Map<String, Value>) -> bool;

    /// Signs of which the values show at least one whenever the test holds; none where nothing can be said.
    fn signs(&self) -> Option<Vec<Sign>> {
        None
    }
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
    Script(ScriptTest),
    /// A schedule is open.
    Within(Within),
}

/// A condition without others inside it, as coverage counts them.
pub struct Leaf<'a> {
    /// The field path, or `script`, `within`, `not_within`.
    pub subject: &'a str,
    /// What is wanted, in words.
    pub wanted: &'a str,
    /// The line in the rule's file, from 1.
    pub line: usize,
}

/// A Rhai expression with its source.
pub struct ScriptTest {
    expression: Expression,
    source: String,
    line: usize,
}

/// One operator on one field.
pub struct FieldTest {
    path: Path,
    is_negated: bool,
    wanted: String,
    line: usize,
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
            Self::Script(script) => view.evaluate(&script.expression),
            Self::Within(within) => Ok(within.holds(view.now())),
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
            Self::Within(within) => (within.subject(), Vec::new()),
        };
        view.restore(before);
        let saw = match self {
            Self::Field(test) => Some(show(&view.values(&test.path))),
            Self::Within(within) => Some(within.saw(view.now())),
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
                Self::Script(script) => script.source.clone(),
                Self::Within(within) => within.wanted().to_owned(),
                _ => subject.to_owned(),
            },
            saw,
            holds: result.unwrap_or(false),
            line: self.leaf().map(|leaf| leaf.line).unwrap_or_default(),
            inner,
        }
    }

    /// Every condition without others inside it, in the order of the findings.
    pub fn leaves(&self) -> Vec<Leaf<'_>> {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().flat_map(Self::leaves).collect(),
            Self::Not(inner) => inner.leaves(),
            leaf => leaf.leaf().into_iter().collect(),
        }
    }

    fn leaf(&self) -> Option<Leaf<'_>> {
        match self {
            Self::Field(test) => Some(Leaf { subject: test.path.as_str(), wanted: &test.wanted, line: test.line }),
            Self::Script(script) => Some(Leaf { subject: "script", wanted: &script.source, line: script.line }),
            Self::Within(within) => {
                Some(Leaf { subject: within.subject(), wanted: within.wanted(), line: within.line() })
            }
            Self::All(_) | Self::Any(_) | Self::Not(_) => None,
        }
    }
}

impl FieldTest {
    /// Signs of which an event shows at least one, in this field, whenever the condition holds. None where nothing can be
    /// said: of a negation, and of a field that another rule may change first.
    pub(super) fn signs(&self) -> Option<Vec<(&Path, Sign)>> {
        let signs = self.test.signs().filter(|_| !self.is_negated && !self.path.can_change())?;
        Some(signs.into_iter().map(|sign| (&self.path, sign)).collect())
    }

    fn holds(&self, view: &mut View<'_>) -> bool {
        let mut captured = Map::new();
        let found = self.test.holds(&view.seen(&self.path), view.now(), &mut captured);
        if found && !self.is_negated && !captured.is_empty() {
            view.capture(captured);
        }
        found != self.is_negated
    }
}

/// How many characters of the values a person is shown.
const SHOWN: usize = 120;

/// The values as a person can take them in.
fn show(values: &[&Value]) -> String {
    let text = match values {
        [] => return "nothing".to_owned(),
        [one] => head(one),
        many => format!("[{}]", many.iter().map(|value| head(value)).collect::<Vec<_>>().join(", ")),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A value as JSON; of a long text no more than is shown.
fn head(value: &Value) -> String {
    let long = value.as_str().and_then(|text| Some(&text[..text.char_indices().nth(SHOWN)?.0]));
    long.map_or_else(|| value.to_string(), |head| Value::from(head).to_string())
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
