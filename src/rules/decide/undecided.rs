//! What is kept of an event that could not be decided, because the program itself failed on it. It would fail again, so
//! that trying again would only keep the conversation waiting: nothing is sent, and it is said.

use super::super::book::Book;
use super::aftermath;
use crate::model::decision::RuleError;
use crate::model::{Decision, Facts, OnError, Trace};

/// Whom the failure is put down to: nobody knows which rule it was.
const WHOSE: &str = "every rule";

/// A decision from which nothing follows but what follows from every such event: it calls off what waited for silence, and
/// the conversation remembers who spoke. What rules remember stays as it is.
pub fn undecided(book: &Book, facts: &Facts) -> Decision {
    let error = "deciding failed by a fault in the program, and nothing was sent".to_owned();
    let mut conversation = facts.conversation.clone();
    aftermath::remember(book, facts, &mut conversation);
    let error = RuleError { rule: WHOSE.to_owned(), error, on_error: OnError::default() };
    Decision {
        event: facts.event.id.clone(),
        book: book.hash().clone(),
        at: facts.now,
        sends: Vec::new(),
        conversation,
        contact: facts.contact.clone(),
        windows: Default::default(),
        wanted: Vec::new(),
        quarantines: Vec::new(),
        controls: Vec::new(),
        cancels: aftermath::cancels(facts),
        supersedes: Vec::new(),
        trace: Trace { errors: vec![error], ..Trace::default() },
        seen: aftermath::seen(facts),
    }
}
