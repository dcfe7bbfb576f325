//! How rule tests came out: what differed from what was expected, and why the rules did otherwise.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use similar::TextDiff;

use super::coverage::Seen;

/// A text that is longer than this, or has more than one line, is shown below what is said of it.
const LONG: usize = 100;

/// How the tests of a file came out.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Every test, in order.
    pub cases: Vec<CaseReport>,
    /// What they saw of the rule book.
    pub seen: Seen,
}

/// How one test came out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// `file:line`.
    pub place: String,
    /// What differed; empty when it passed.
    pub differences: Vec<Difference>,
    /// Why the rules did otherwise, where something differed: of each rule that counts, the conditions with what they saw.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
}

/// One thing that came out otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// In words, with the step of a test that has several.
    pub message: String,
    /// What it is about, such as `reply.text`, `rules` or `blocked`; empty where the test itself is wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// What the test wants there.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub expected: Value,
    /// What was there.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub got: Value,
    /// Lines to show below the message: a unified difference (`-` expected, `+` got), or a long text that was got.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

impl Difference {
    /// In words alone.
    pub(super) fn said(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Of a part of what was done, in words.
    pub(super) fn of(at: &str, expected: Value, got: Value, message: String) -> Self {
        Self { message, at: at.to_owned(), expected, got, lines: Vec::new() }
    }

    /// Two values that should be the same.
    pub(super) fn between(at: &str, expected: &Value, got: &Value) -> Self {
        match (expected.as_str(), got.as_str()) {
            (Some(wanted), Some(seen)) if is_long(wanted) || is_long(seen) => {
                let message = format!("{at}: the text differs (- expected, + got)");
                Self { lines: unified(wanted, seen), ..Self::of(at, expected.clone(), got.clone(), message) }
            }
            _ => Self::wanted(at, "", expected, got),
        }
    }

    /// A value of which an operator does not hold.
    pub(super) fn wanted(at: &str, operator: &str, expected: &Value, got: &Value) -> Self {
        let blank = if operator.is_empty() { "" } else { " " };
        let head = format!("{at}: expected {operator}{blank}{expected}");
        let (message, lines) = match got {
            Value::Null => (format!("{head}, got nothing"), Vec::new()),
            Value::String(text) if is_long(text) => (format!("{head}, got"), quoted(text)),
            got => (format!("{head}, got {got}"), Vec::new()),
        };
        let expected = if operator.is_empty() { expected.clone() } else { serde_json::json!({ operator: expected }) };
        Self { lines, ..Self::of(at, expected, got.clone(), message) }
    }

    /// Something that was done where nothing should be: the text of it, where it has one.
    pub(super) fn unwanted(name: &str, rule: &str, got: &Value) -> Self {
        let head = format!("expected nothing, got {name} by the rule `{rule}`");
        let (message, lines) = match &got["text"] {
            Value::String(text) if is_long(text) => (head, quoted(text)),
            Value::Null => (format!("{head}: {got}"), Vec::new()),
            text => (format!("{head}: {text}"), Vec::new()),
        };
        Self { lines, ..Self::of(name, Value::Array(Vec::new()), got.clone(), message) }
    }

    /// The same of the step with this label.
    pub(super) fn in_step(mut self, label: &str) -> Self {
        self.message.insert_str(0, label);
        self
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

fn is_long(text: &str) -> bool {
    let text = text.trim();
    text.contains('\n') || text.chars().count() > LONG
}

fn quoted(text: &str) -> Vec<String> {
    text.trim().lines().map(|line| format!("| {line}").trim_end().to_owned()).collect()
}

/// Blanks around a text are not compared, so they are not shown.
fn unified(wanted: &str, seen: &str) -> Vec<String> {
    let (wanted, seen) = (format!("{}\n", wanted.trim()), format!("{}\n", seen.trim()));
    let difference = TextDiff::from_lines(wanted.as_str(), seen.as_str());
    difference.unified_diff().context_radius(2).to_string().lines().map(|line| line.trim_end().to_owned()).collect()
}
