//! The facts of an event as scripts see them: read where a script looks, and never copied as a whole.
//! A script cannot change them.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Position, Scope};
use serde_json::Value;

use super::bounds::{Broken, stop};
use super::limits::Limits;
use crate::rules::roots::{ROOTS, is_plain};
use crate::rules::schedule::Present;

/// The facts of one event (a JSON object with the names in [`ROOTS`]), shared by all scripts that look at it.
#[derive(Clone)]
pub struct Scripted {
    facts: Arc<Value>,
    present: Present,
}

impl Scripted {
    /// Copies the facts once.
    pub fn new(facts: &Value, present: Present) -> Self {
        Self::shared(Arc::new(facts.clone()), present)
    }

    /// Facts that are shared already.
    pub fn shared(facts: Arc<Value>, present: Present) -> Self {
        Self { facts, present }
    }

    /// The time, and the schedules.
    pub(super) fn present(&self) -> &Present {
        &self.present
    }

    /// All facts as one value: the `event` of `decide(event, state)`.
    pub(super) fn whole(&self) -> Node {
        Node { facts: self.facts.clone(), pointer: String::new() }
    }

    /// The top-level facts as variables.
    pub(super) fn scope(&self, limits: &Limits) -> Result<Scope<'static>, Broken> {
        let whole = self.whole();
        let mut scope = Scope::new();
        for root in ROOTS {
            scope.push_dynamic(root, whole.root(root, limits)?);
        }
        Ok(scope)
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

/// The names of the top-level facts without values, for compiling.
pub(super) fn names() -> Scope<'static> {
    let mut scope = Scope::new();
    for root in ROOTS {
        scope.push_dynamic(root, Dynamic::UNIT);
    }
    scope
}

/// One JSON object inside the facts, by its place.
#[derive(Clone)]
pub(super) struct Node {
    facts: Arc<Value>,
    /// RFC 6901; empty for all facts.
    pointer: String,
}

impl Node {
    /// The JSON it stands for; null where there is none.
    pub(super) fn value(&self) -> &Value {
        self.facts.pointer(&self.pointer).unwrap_or(&Value::Null)
    }

    fn child(&self, key: &str) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        Self { facts: self.facts.clone(), pointer: format!("{}/{key}", self.pointer) }
    }

    /// A top-level fact. Those with fields are there even where the event has none.
    fn root(&self, name: &str, limits: &Limits) -> Result<Dynamic, Broken> {
        let child = self.child(name);
        match child.value() {
            Value::Null if !is_plain(name) => Ok(Dynamic::from(child)),
            _ => child.read(limits),
        }
    }

    /// The property `key`; `()` where there is none. On all facts together also the fields of `event`, so that
    /// `event.kind` reads the same in a rule file and in YAML.
    fn get(&self, key: &str, limits: &Limits) -> Result<Dynamic, Broken> {
        match self.pointer.is_empty() {
            true if ROOTS.contains(&key) => self.root(key, limits),
            true => self.child("event").child(key).read(limits),
            false => self.child(key).read(limits),
        }
    }

    fn read(self, limits: &Limits) -> Result<Dynamic, Broken> {
        let too_large = |what: &str, most: usize| {
            let path = self.pointer.trim_start_matches('/').replace('/', ".");
            stop(format!("`{path}` has more than {most} {what}"))
        };
        Ok(match self.value() {
            Value::Null => Dynamic::UNIT,
            Value::Bool(yes) => (*yes).into(),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => whole.into(),
                None => number.as_f64().unwrap_or(f64::NAN).into(),
            },
            Value::String(text) if text.len() > limits.max_string => return Err(too_large("bytes", limits.max_string)),
            Value::String(text) => text.as_str().into(),
            Value::Array(items) if items.len() > limits.max_array => return Err(too_large("items", limits.max_array)),
            Value::Array(items) => {
                let items = (0..items.len()).map(|index| self.child(&index.to_string()).read(limits));
                items.collect::<Result<Array, Broken>>()?.into()
            }
            Value::Object(_) => Dynamic::from(self),
        })
    }

    fn keys(&self) -> Array {
        let map = self.value().as_object();
        map.map(|map| map.keys().map(|key| key.as_str().into()).collect()).unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.value().as_object().map_or(0, serde_json::Map::len)
    }
}

/// Teaches Rhai to read facts.
pub(super) fn register(engine: &mut Engine, limits: Limits) {
    engine
        .register_type_with_name::<Node>("facts")
        .register_indexer_get(move |node: &mut Node, key: ImmutableString| node.get(&key, &limits))
        // Rhai writes a value back after it called a method on it, and takes this error to mean "read-only, never mind".
        .register_indexer_set(|_: &mut Node, _: ImmutableString, _: Dynamic| -> Result<(), Broken> {
            Err(Box::new(EvalAltResult::ErrorIndexingType("facts".to_owned(), Position::NONE)))
        })
        .register_fn("get", move |node: &mut Node, key: ImmutableString| node.get(&key, &limits))
        .register_fn("contains", |node: &mut Node, key: ImmutableString| !node.child(&key).value().is_null())
        .register_fn("keys", |node: &mut Node| node.keys())
        .register_fn("len", |node: &mut Node| i64::try_from(node.len()).unwrap_or(i64::MAX))
        .register_fn("is_empty", |node: &mut Node| node.len() == 0)
        .register_fn("==", |node: Node, (): ()| node.value().is_null())
        .register_fn("==", |(): (), node: Node| node.value().is_null())
        .register_fn("!=", |node: Node, (): ()| !node.value().is_null())
        .register_fn("!=", |(): (), node: Node| !node.value().is_null());
}
