//! Lints: what is allowed in a rule book and hardly ever meant. They stand in a table, one per file, and are warnings:
//! a book with warnings is in force.

mod any_with_not;
mod can_render_empty;
mod clause;
mod hidden_by_stop;
mod never_matches;
mod possible;
#[cfg(test)]
mod tests;
mod two_replies;
mod undefined_field;
mod unlimited_reply;
mod unused_allow;
mod unused_hook;
mod unused_member;
mod unused_schedule;
mod unused_snippet;
mod unused_words;
mod used;
mod written;

use std::fmt;

use serde::Serialize;

use super::book::Book;
use written::Written;

/// One lint.
pub struct Lint {
    /// Its name, as `allow_lints` and `check --deny` have it.
    pub name: &'static str,
    /// What it finds, in one sentence.
    pub summary: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// What would be right, and how to silence it.
    pub help: &'static str,
    /// Finds it; told what the lints before it have found.
    find: fn(&Written<'_>, &[Hit]) -> Vec<Hit>,
}

/// Every lint. `unused-allow` is the last one: it looks at what the others have found.
pub const LINTS: &[&Lint] = &[
    &never_matches::LINT,
    &hidden_by_stop::LINT,
    &any_with_not::LINT,
    &two_replies::LINT,
    &unlimited_reply::LINT,
    &undefined_field::LINT,
    &can_render_empty::LINT,
    &unused_snippet::LINT,
    &unused_schedule::LINT,
    &unused_words::LINT,
    &unused_member::LINT,
    &unused_hook::LINT,
    &unused_allow::LINT,
];

/// The names of all lints, in the order of the table.
pub fn names() -> Vec<&'static str> {
    LINTS.iter().map(|lint| lint.name).collect()
}

/// One finding of a lint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Warning {
    /// The file as the user named it.
    pub file: String,
    /// From 1; 0 where the warning is of the file as a whole.
    pub line: usize,
    /// From 1; 0 where the warning is of the file as a whole.
    pub column: usize,
    /// The rule it belongs to; none where it belongs to no single one.
    pub rule: Option<String>,
    /// The lint's name.
    pub name: &'static str,
    /// What was found.
    pub message: String,
    /// What would be right.
    pub help: &'static str,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: warning: ", self.file)?,
            line => write!(f, "{}:{line}:{}: warning: ", self.file, self.column)?,
        }
        if let Some(rule) = &self.rule {
            write!(f, "rule `{rule}`: ")?;
        }
        write!(f, "{} [{}]\n  {}", self.message, self.name, self.help)
    }
}

/// What a lint has found: the rule, the place, the words.
struct Hit {
    /// The name of the lint; filled in by [`examine`].
    lint: &'static str,
    /// By its index in the book; none where no single rule is meant.
    rule: Option<usize>,
    at: At,
    message: String,
}

/// Where it was found.
enum At {
    /// At a JSON pointer below the rule.
    Below(String),
    /// At a place inside the text at a JSON pointer below the rule; of a script's file as a whole where that is empty.
    InText(String, (usize, usize)),
    /// At a JSON pointer of a file of the book, by its index.
    InFile(usize, String),
    /// In a file beside the book, or below a key of the configuration.
    File(String),
}

/// Applies every lint to a book. In the order of files and lines, without what the rules allow.
pub fn examine(book: &Book) -> Vec<Warning> {
    let written = Written::of(book);
    let mut hits: Vec<Hit> = Vec::new();
    for lint in LINTS {
        let mut found = (lint.find)(&written, &hits);
        found.iter_mut().for_each(|hit| hit.lint = lint.name);
        hits.append(&mut found);
    }
    let is_allowed = |hit: &&Hit| hit.rule.is_some_and(|rule| written.rules[rule].allows(hit.lint));
    let mut warnings: Vec<Warning> =
        hits.iter().filter(|hit| !is_allowed(hit)).map(|hit| warning(&written, hit)).collect();
    warnings.sort();
    warnings.dedup();
    warnings
}

fn warning(written: &Written<'_>, hit: &Hit) -> Warning {
    let (file, line, column) = match (&hit.at, hit.rule) {
        (At::File(file), _) => (file.clone(), 0, 0),
        (At::InFile(file, pointer), _) => written.place_in(*file, pointer),
        (at, Some(rule)) => written.place(rule, at),
        (_, None) => (String::new(), 0, 0),
    };
    let help = LINTS.iter().find(|lint| lint.name == hit.lint).map_or("", |lint| lint.help);
    let rule = hit.rule.map(|rule| written.rules[rule].name().to_owned());
    Warning { file, line, column, rule, name: hit.lint, message: hit.message.clone(), help }
}

impl Hit {
    /// A finding that belongs to no rule.
    fn beside(at: At, message: String) -> Self {
        Self { lint: "", rule: None, at, message }
    }
}

impl At {
    fn same(&self) -> Self {
        match self {
            Self::Below(pointer) => Self::Below(pointer.clone()),
            Self::InText(pointer, at) => Self::InText(pointer.clone(), *at),
            Self::InFile(file, pointer) => Self::InFile(*file, pointer.clone()),
            Self::File(file) => Self::File(file.clone()),
        }
    }
}

/// A finding in a rule.
fn hit(rule: usize, at: At, message: String) -> Hit {
    Hit { lint: "", rule: Some(rule), at, message }
}
