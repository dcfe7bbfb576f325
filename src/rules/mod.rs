//! Decide: what people write, compiled once, asked for each event. Reading files happens when a book is loaded; deciding
//! is pure. Only `script/` names rhai.

pub mod action;
mod asked;
pub mod backtest;
mod book;
mod captures;
pub mod check;
mod compile;
pub mod condition;
mod decide;
pub mod document;
pub mod fields;
pub mod filters;
pub mod guard;
mod identity;
mod index;
pub mod lint;
pub mod lists;
mod lookback;
pub mod markdown;
pub mod roots;
pub mod schedule;
pub mod script;
mod site;
mod tally;
pub mod template;
#[cfg(test)]
pub(crate) mod testing;
mod view;
mod world;

pub use book::{Book, is_rule_file, read_files};
pub use compile::Rule;
pub use decide::{Depth, decide, decide_plainly, undecided, windows};
pub use guard::GuardSettings;
pub use site::{AccountFacts, Attachments, SnippetFile, Surroundings};
pub use tally::{Failures, Tally};
pub use world::World;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads an action's argument as its type. The schema has passed files; arguments of scripts are first judged here.
fn read_argument<T: DeserializeOwned>(argument: &Value, site: &site::Site<'_>) -> Option<T> {
    serde_json::from_value(argument.clone()).map_err(|error| site.fault(error.to_string())).ok()
}

/// All of them, or nothing. Every one is looked at first, so that the faults of all are reported.
fn all<T>(made: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    made.collect::<Vec<_>>().into_iter().collect()
}
