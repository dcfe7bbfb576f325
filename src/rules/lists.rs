//! Word lists: `words:` at the top of rule files, shared by every rule of the book. Read before any rule is compiled, so
//! that their place does not matter.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::yaml::{Document, Fault, suggest};

/// The key that names a list in place of one: `contains_any: { words: refund }`.
pub const KEY: &str = "words";

/// The word lists of a book.
#[derive(Clone, Debug, Default)]
pub struct WordLists(BTreeMap<String, (Vec<Value>, String)>);

impl WordLists {
    /// None.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Takes over the lists of one file, which may be of any shape; that is judged elsewhere. Answers names that were
    /// taken.
    pub(super) fn read(&mut self, document: &Document) -> Vec<Fault> {
        let lists = document.value()[KEY].as_object().into_iter().flatten();
        let lists: Vec<_> = lists.filter_map(|(name, words)| Some((name, words.as_array()?))).collect();
        let pointer = |name: &str| format!("/{KEY}/{}", name.replace('~', "~0").replace('/', "~1"));
        let pointers: Vec<String> = lists.iter().map(|(name, _)| pointer(name)).collect();
        let places = document.places(&pointers);
        let mut taken = Vec::new();
        for (((name, words), pointer), place) in lists.into_iter().zip(&pointers).zip(places) {
            match self.0.get(name) {
                Some((_, first)) => taken.push(document.fault(
                    pointer,
                    format!("there is a word list `{name}` already, at {first}; names must be unique"),
                )),
                None => drop(self.0.insert(name.clone(), (words.clone(), place))),
            }
        }
        taken
    }

    /// The words that an operator wants: those of the list that it names, else what is written. The error is for a name
    /// that is not there.
    pub(super) fn resolve(&self, wanted: &Value) -> Result<Value, String> {
        let Some(name) = named(wanted) else { return Ok(wanted.clone()) };
        match self.0.get(name) {
            Some((words, _)) => Ok(Value::Array(words.clone())),
            None => {
                let hint = suggest(name, self.0.keys().map(String::as_str));
                Err(format!("there is no word list `{name}`{hint}; word lists stand under `words:` in a rule file"))
            }
        }
    }
}

/// The name of the list that is meant.
fn named(wanted: &Value) -> Option<&str> {
    wanted.as_object().and_then(|map: &Map<String, Value>| map.get(KEY)).and_then(Value::as_str)
}
