//! Rhai's errors in words, with the place in the script.
//! Never quotes a value: a value can be what a contact wrote.

use rhai::{Dynamic, EvalAltResult as Error, ParseError, ParseErrorType, Position};

use super::calls::CALLS;
use super::limits::Limits;
use crate::rules::roots::ROOTS;
use crate::yaml::{closest, suggest};

/// Said to a script that writes to a fact.
const FIXED: &str = "facts cannot be changed; `set(key, value)` changes the conversation's state";

/// What is wrong with a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptFault {
    /// From 1, inside the script.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// The name a value's type has for a person.
pub(super) fn kind_of(value: &Dynamic) -> &'static str {
    match value.type_name() {
        "()" => "nothing",
        "bool" => "true or false",
        "i64" => "a whole number",
        "f64" => "a number",
        "string" | "char" => "a text",
        "array" => "a list",
        "map" => "a map",
        "Fn" => "a function",
        _ => "a value of another kind",
    }
}

/// A fault of the script's text. `names` are the variables it may use.
pub(super) fn fault(error: &ParseError, is_rule: bool) -> ScriptFault {
    let message = match &*error.0 {
        ParseErrorType::VariableUndefined(name) if is_rule && ROOTS.contains(&name.as_str()) => {
            format!("unknown variable `{name}`; write `event.{name}`")
        }
        ParseErrorType::VariableUndefined(name) if is_rule => {
            let near = closest(name, ["event", "state"]).map(|near| format!("; did you mean `{near}`?"));
            format!("unknown variable `{name}`{}", near.unwrap_or_default())
        }
        ParseErrorType::VariableUndefined(name) => format!("unknown variable `{name}`{}", suggest(name, ROOTS)),
        other => other.to_string(),
    };
    let (line, column) = place(error.1);
    ScriptFault { line, column, message }
}

/// An error of a run.
pub(super) fn describe(error: &Error, limits: &Limits) -> String {
    let cause = innermost(error);
    let words = words(cause, limits);
    match cause.position() {
        Position::NONE => words,
        position => {
            let (line, column) = place(position);
            format!("{words} (line {line}, column {column})")
        }
    }
}

/// Whether an error says that a script broke one of its bounds.
pub fn is_of_bounds(error: &str) -> bool {
    ["ran ", "held ", "made a ", "made more ", "made too ", "nested ", "called "]
        .iter()
        .any(|what| error.strip_prefix("the script ").is_some_and(|rest| rest.starts_with(what)))
}

fn innermost(error: &Error) -> &Error {
    match error {
        Error::ErrorInFunctionCall(_, _, inner, _) | Error::ErrorInModule(_, inner, _) => innermost(inner),
        other => other,
    }
}

pub(super) fn place(position: Position) -> (usize, usize) {
    (position.line().unwrap_or(1), position.position().unwrap_or(1).max(1))
}

fn words(error: &Error, limits: &Limits) -> String {
    match error {
        Error::ErrorTerminated(message, _) => message.to_string(),
        Error::ErrorTooManyOperations(_) => format!("the script ran more than {} operations", limits.max_operations),
        Error::ErrorStackOverflow(_) => {
            format!("the script called functions more than {} deep", limits.max_call_levels)
        }
        Error::ErrorTooManyVariables(_) => "the script made too many variables".to_owned(),
        Error::ErrorDataTooLarge(what, _) => too_large(what, limits),
        Error::ErrorFunctionNotFound(signature, _) => unknown_function(signature),
        Error::ErrorVariableNotFound(name, _) => format!("unknown variable `{name}`"),
        Error::ErrorPropertyNotFound(name, _) => format!("there is no property `{name}`"),
        Error::ErrorDotExpr(words, _) if words.contains("setter") => FIXED.to_owned(),
        Error::ErrorIndexingType(name, _) if name == "facts" => FIXED.to_owned(),
        Error::ErrorDotExpr(..) => "the value before the dot has no such property; `?.` gives `()` instead".to_owned(),
        Error::ErrorIndexingType(..) => {
            "the value has no items or properties; `?[…]` and `?.` give `()` instead".to_owned()
        }
        Error::ErrorArrayBounds(length, ..) => format!("the list has {length} items, and not the one asked for"),
        Error::ErrorStringBounds(..) => "the text is shorter than the place asked for".to_owned(),
        Error::ErrorMismatchDataType(wanted, given, _) | Error::ErrorMismatchOutputType(wanted, given, _) => {
            format!("{} is wanted, and {} is given", plain_types(wanted), plain_types(given))
        }
        Error::ErrorAssignmentToConstant(name, _) => format!("`{name}` cannot be changed"),
        Error::ErrorFor(_) => "`for` wants a list".to_owned(),
        Error::ErrorArithmetic(..) => "a calculation has no result".to_owned(),
        Error::ErrorRuntime(..) => "the script threw an error".to_owned(),
        _ => "the script failed".to_owned(),
    }
}

fn too_large(what: &str, limits: &Limits) -> String {
    match what {
        "Length of string" => format!("the script made a text of more than {} bytes", limits.max_string),
        "Size of object map" => format!("the script made a map of more than {} entries", limits.max_map),
        _ => format!("the script made a list of more than {} items", limits.max_array),
    }
}

/// `signature` is a name with the types of what it was given, such as `+ ((), i64)`.
fn unknown_function(signature: &str) -> String {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ""));
    let types = plain_types(types.trim_end_matches(')'));
    let near = closest(name, CALLS.iter().map(|call| call.name)).filter(|near| *near != name);
    match near {
        Some(near) => format!("there is no function `{name}`; did you mean `{near}`?"),
        None if types.is_empty() => format!("there is no function `{name}` without arguments"),
        None => format!("`{name}` does not work with {types}"),
    }
}

fn plain_types(types: &str) -> String {
    let plain = |name: &str| match name.trim() {
        "(" | "()" => "nothing".to_owned(),
        "i64" => "a whole number".to_owned(),
        "f64" => "a number".to_owned(),
        "bool" => "true or false".to_owned(),
        "array" => "a list".to_owned(),
        "map" => "a map".to_owned(),
        "char" => "a text".to_owned(),
        text if text.contains("tring") => "a text".to_owned(),
        other => other.to_owned(),
    };
    match types.trim() {
        "" => String::new(),
        types => types.split(", ").map(plain).collect::<Vec<_>>().join(" and "),
    }
}
