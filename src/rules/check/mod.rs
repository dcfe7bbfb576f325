//! Rule tests: events with a virtual clock through the production evaluator, and what must come of them.
//! Nothing is sent and nothing is stored.

mod compare;
mod coverage;
mod document;
mod event;
mod hint;
mod read;
mod report;
mod run;
#[cfg(test)]
mod tests;

pub use coverage::{Coverage, Seen, Share, Uncovered};
pub use document::{EventDocument, TestDocument, schema};
pub use event::build as build_event;
pub use read::read as read_event;
pub use report::{CaseReport, Difference, Report};
pub use run::{Options, PayloadReader, run};
