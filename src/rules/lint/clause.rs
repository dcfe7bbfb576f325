//! Conditions as logic: groups and negations over tests of single fields.

use serde_json::{Map, Value};

use super::super::condition::{CONDITIONS, Case};
use super::super::fields::Path;

/// The most alternatives that are looked at; a condition that has more is taken to be possible.
const MOST: usize = 64;

/// A condition.
pub(super) enum Clause {
    /// All of them.
    All(Vec<Clause>),
    /// At least one of them.
    Any(Vec<Clause>),
    /// Not.
    Not(Box<Clause>),
    /// One operator on one field.
    Test(Literal),
    /// Something that cannot be looked into, such as a script, by its text; true where it reads what is remembered.
    Other(String, bool),
}

/// One operator on one field, or something that cannot be looked into, which must hold or must not.
#[derive(Clone)]
pub(super) struct Literal {
    /// The field; empty for what cannot be looked into.
    pub(super) path: String,
    /// The operator without `not_`, or the text of what cannot be looked into.
    pub(super) operator: String,
    pub(super) wanted: Value,
    pub(super) case: Case,
    pub(super) is_negated: bool,
    /// Below the rule.
    pub(super) pointer: String,
    /// Whether it depends on what is remembered.
    pub(super) is_memory: bool,
}

impl Literal {
    /// As the rule has it.
    pub(super) fn shown(&self) -> String {
        if self.path.is_empty() {
            let not = if self.is_negated { "not " } else { "" };
            return format!("{not}`{}`", self.operator);
        }
        let not = if self.is_negated { "not_" } else { "" };
        format!("`{}: {{ {not}{}: {} }}`", self.path, self.operator, self.wanted)
    }
}

/// Reads `when`, in the same way as it is compiled.
pub(super) fn read(when: &Map<String, Value>, pointer: &str) -> Clause {
    let parts = when.iter().flat_map(|(key, value)| {
        let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        match (key.as_str(), value) {
            ("all", Value::Array(items)) => vec![Clause::All(list(items, &pointer))],
            ("any", Value::Array(items)) => vec![Clause::Any(list(items, &pointer))],
            ("not", Value::Object(inner)) => vec![Clause::Not(Box::new(read(inner, &pointer)))],
            ("within", names) => vec![within(names)],
            ("not_within", names) => vec![Clause::Not(Box::new(within(names)))],
            (path, value) => match Path::compile(path) {
                Ok(path) => field(path.as_str(), value, &pointer),
                Err(_) => vec![other(&format!("{key}: {value}"))],
            },
        }
    });
    let mut parts: Vec<Clause> = parts.collect();
    if parts.len() == 1 { parts.remove(0) } else { Clause::All(parts) }
}

/// One of the schedules is open. The name alone tells: what is open stays open while an event is decided.
fn within(names: &Value) -> Clause {
    let open = |name: &Value| Clause::Other(format!("within: {name}"), false);
    match names {
        Value::Array(names) => Clause::Any(names.iter().map(open).collect()),
        name => open(name),
    }
}

fn list(items: &[Value], pointer: &str) -> Vec<Clause> {
    let items = items.iter().enumerate();
    items.filter_map(|(index, item)| Some(read(item.as_object()?, &format!("{pointer}/{index}")))).collect()
}

fn field(path: &str, value: &Value, pointer: &str) -> Vec<Clause> {
    let short = |operator: &str| Map::from_iter([(operator.to_owned(), value.clone())]);
    let operators = match value {
        Value::Object(operators) => operators.clone(),
        Value::Array(_) => short("one_of"),
        _ => short("equals"),
    };
    let case = Case::of(&operators);
    let tests = operators.iter().filter(|(name, _)| *name != "case");
    let read = |(name, wanted): (&String, &Value)| {
        let (plain, is_negated) = name.strip_prefix("not_").map_or((name.as_str(), false), |plain| (plain, true));
        let is_known = CONDITIONS.iter().any(|operator| operator.name() == plain) && is_plain(wanted);
        let is_memory = ["state.", "contact_state.", "captures."].iter().any(|group| path.starts_with(group));
        // An empty path cannot be looked into, and is still the same as itself.
        let (path, operator) = match is_known {
            true => (path.to_owned(), plain.to_owned()),
            false => (String::new(), format!("{path} {plain} {wanted}")),
        };
        let pointer = if value.is_object() { format!("{pointer}/{name}") } else { pointer.to_owned() };
        Clause::Test(Literal { path, operator, wanted: wanted.clone(), case, is_negated, pointer, is_memory })
    };
    tests.map(read).collect()
}

/// Whether what is wanted is written out, and no reference to something shared.
fn is_plain(wanted: &Value) -> bool {
    match wanted {
        Value::Object(_) => false,
        Value::Array(items) => items.iter().all(|item| !item.is_object()),
        _ => true,
    }
}

fn other(text: &str) -> Clause {
    Clause::Other(text.to_owned(), text.contains("state") || text.contains("captures"))
}

/// The alternatives under which a condition holds (or does not), each a list of what must be so. Nothing where there are
/// too many.
pub(super) fn alternatives(clause: &Clause, is_negated: bool) -> Option<Vec<Vec<Literal>>> {
    match clause {
        Clause::All(inner) if is_negated => either(inner, is_negated),
        Clause::All(inner) => together(inner, is_negated),
        Clause::Any(inner) if is_negated => together(inner, is_negated),
        Clause::Any(inner) => either(inner, is_negated),
        Clause::Not(inner) => alternatives(inner, !is_negated),
        Clause::Test(literal) => {
            Some(vec![vec![Literal { is_negated: literal.is_negated != is_negated, ..literal.clone() }]])
        }
        Clause::Other(text, is_memory) => Some(vec![vec![Literal {
            path: String::new(),
            operator: text.clone(),
            wanted: Value::Null,
            case: Case::Ignored,
            is_negated,
            pointer: String::new(),
            is_memory: *is_memory,
        }]]),
    }
}

fn either(inner: &[Clause], is_negated: bool) -> Option<Vec<Vec<Literal>>> {
    let mut found = Vec::new();
    for clause in inner {
        found.extend(alternatives(clause, is_negated)?);
    }
    (found.len() <= MOST).then_some(found)
}

fn together(inner: &[Clause], is_negated: bool) -> Option<Vec<Vec<Literal>>> {
    let mut found = vec![Vec::new()];
    for clause in inner {
        found = cross(&found, &alternatives(clause, is_negated)?)?;
    }
    Some(found)
}

/// Every alternative of one with every one of the other.
pub(super) fn cross(one: &[Vec<Literal>], other: &[Vec<Literal>]) -> Option<Vec<Vec<Literal>>> {
    if one.len() * other.len() > MOST * MOST {
        return None;
    }
    Some(one.iter().flat_map(|a| other.iter().map(move |b| [a.as_slice(), b.as_slice()].concat())).collect())
}
