//! Rule tests: events with a virtual clock through the production evaluator, and what must come of them.
//! Nothing is sent and nothing is stored.

mod compare;
mod document;
mod event;
mod run;
#[cfg(test)]
mod tests;

pub use document::{EventDocument, TestDocument, schema};
pub use event::build as build_event;
pub use run::{CaseReport, PayloadReader, Report, run};
