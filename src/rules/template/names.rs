//! The names in a template's text: where a variable stands, and which filters and tests there are not. MiniJinja looks
//! filters and tests up when they are reached; what a seldom branch calls is found by the text.

use std::sync::LazyLock;

use minijinja::{Environment, ErrorKind};
use regex::Regex;

use super::TemplateFault;
use crate::yaml::closest;

/// MiniJinja's own filters, to tell the nearest one.
const FILTERS: [&str; 48] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// MiniJinja's own tests.
const TESTS: [&str; 24] = [
    "boolean",
    "containing",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "even",
    "false",
    "filter",
    "ge",
    "gt",
    "in",
    "iterable",
    "le",
    "lower",
    "lt",
    "mapping",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "undefined",
];

static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}").ok());
static CALL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // Texts first, so that what stands inside one is not looked at.
    Regex::new(
        r#""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\|\s*(?<filter>[A-Za-z_]\w*)|\bis\s+(?:not\s+)?(?<test>[A-Za-z_]\w*)"#,
    )
    .ok()
});

/// The filters and tests that there are not, each at its place.
pub(super) fn unknown(environment: &Environment<'_>, source: &str) -> Vec<TemplateFault> {
    let mut faults = Vec::new();
    for tag in tags(source) {
        let inside = &source[tag.clone()];
        for found in CALL.iter().flat_map(|call| call.captures_iter(inside)) {
            let (kind, name, known) = match (found.name("filter"), found.name("test")) {
                (Some(filter), _) => ("filter", filter, FILTERS.as_slice()),
                (_, Some(test)) => ("test", test, TESTS.as_slice()),
                _ => continue,
            };
            if !is_there(environment, kind, name.as_str()) {
                let near =
                    closest(name.as_str(), known.iter().copied().filter(|near| is_there(environment, kind, near)));
                let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let (line, column) = place(source, tag.start + name.start());
                faults.push(TemplateFault {
                    line,
                    column,
                    message: format!("unknown {kind} `{}`{hint}", name.as_str()),
                });
            }
        }
    }
    faults
}

/// Asks MiniJinja, which has no list to look into: what it does not know, it says so of.
fn is_there(environment: &Environment<'_>, kind: &str, name: &str) -> bool {
    let (source, wrong) = match kind {
        "filter" => (format!("{{{{ 1 | {name} }}}}"), ErrorKind::UnknownFilter),
        _ => (format!("{{{{ 1 is {name} }}}}"), ErrorKind::UnknownTest),
    };
    !environment.render_str(&source, ()).is_err_and(|error| error.kind() == wrong)
}

fn tags(source: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    let tags = TAG.iter().flat_map(move |tag| tag.find_iter(source));
    tags.filter(|tag| !tag.as_str().starts_with("{#")).map(|tag| tag.range())
}

/// Line and column, both from 1, of the first use of a variable.
pub(super) fn place_of(source: &str, path: &str) -> (usize, usize) {
    let in_tag = |tag: std::ops::Range<usize>| {
        let inside = &source[tag.clone()];
        let is_word = |at: &usize| {
            let joins = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
            !inside[..*at].ends_with(joins) && !inside[at + path.len()..].starts_with(|c: char| joins(c) && c != '.')
        };
        inside.match_indices(path).map(|(at, _)| at).find(is_word).map(|at| tag.start + at)
    };
    tags(source).find_map(in_tag).or_else(|| source.find(path)).map_or((1, 1), |at| place(source, at))
}

/// Line and column, both from 1, of a byte.
pub(super) fn place(source: &str, byte: usize) -> (usize, usize) {
    let before = source.get(..byte).unwrap_or(source);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
