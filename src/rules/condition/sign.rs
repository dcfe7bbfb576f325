//! Signs: what the values of a field must show before a test of them can hold. The index of a rule book files rules under
//! them; a test without signs is asked every time.

use serde_json::Value;

use super::Case;

/// One thing that the values of a field can show.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sign {
    /// One of the texts contains this one, both folded with [`Case::Ignored`].
    Text(String),
    /// One of the values is this one.
    Value(Token),
}

impl Sign {
    /// A text to be contained, folded from any case.
    pub(super) fn text(text: &str) -> Self {
        Self::Text(Case::Ignored.fold(text))
    }
}

/// A plain value in a form that is the same for all values that any equality takes for the same. Some that it takes for
/// different ones share a form as well, such as `5` and `"05"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Token {
    /// A text, folded, that spells no number.
    Text(String),
    /// The bits of a number, or of a text that spells one.
    Number(u64),
    /// True or false.
    Truth(bool),
}

impl Token {
    /// The form of a value; none of a list, a mapping or nothing.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => {
                let folded = Case::Ignored.fold(text);
                let number = folded.parse::<f64>().ok().filter(|number| number.is_finite());
                Some(number.map_or(Self::Text(folded), Self::number))
            }
            Value::Number(number) => number.as_f64().map(Self::number),
            Value::Bool(truth) => Some(Self::Truth(*truth)),
            _ => None,
        }
    }

    fn number(number: f64) -> Self {
        // Adding nothing makes one zero of the two.
        Self::Number((number + 0.0).to_bits())
    }
}

/// How likely a message is to contain a text: a rough guess by its length, between 0 and 1, to choose between texts.
pub fn likelihood(text: &str) -> f64 {
    0.5_f64.powi(i32::try_from(text.chars().count()).unwrap_or(i32::MAX).min(64))
}
