//! What is kept of an event that could not be decided, because the program itself failed on it. It would fail again, so
//! that trying again would only keep the conversation waiting: nothing is sent, and it is said.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::book::Book;
use super::aftermath;
use crate::model::decision::RuleError;
use crate::model::{Decision, Event, Facts, OnError, Trace};

/// Whom the failure is put down to: nobody knows which rule it was.
pub(in crate::rules) const EVERY_RULE: &str = "every rule";

/// Nothing where it panics: tried again it would do so again, and the conversation would wait for ever.
pub(super) fn unless_it_panics<T>(event: &Event, work: impl FnOnce() -> T) -> Option<T> {
    let failed = |_| tracing::error!(event = %event.id, "deciding failed by a fault in the program");
    catch_unwind(AssertUnwindSafe(work)).map_err(failed).ok()
}

/// A decision from which nothing follows but what follows from every such event: it calls off what waited for silence, and
/// the conversation remembers who spoke. What rules remember stays as it is.
pub fn undecided(book: &Book, facts: &Facts) -> Decision {
    let error = "deciding failed by a fault in the program, and nothing was sent".to_owned();
    let mut conversation = facts.conversation.clone();
    aftermath::remember(book, facts, &mut conversation);
    let error = RuleError { rule: EVERY_RULE.to_owned(), error, on_error: OnError::default() };
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Depth, decide};
    use crate::rules::World;
    use crate::rules::testing::{broken_book, facts, now, surroundings};

    #[test]
    fn whoever_decides_is_told_of_a_fault_in_the_program_in_the_same_words() {
        let book = broken_book("- { name: a, do: [{ reply: { text: x } }] }", surroundings());
        let facts = facts(json!({ "message": { "text": "hello" } }));
        let world = World::default();
        let played = world.facts(&book, (*facts.event).clone(), now());
        for decision in [
            decide(&book, &facts, Depth::Matched),
            decide(&book, &facts, Depth::Everything),
            world.decide(&book, played, Depth::Matched).1,
        ] {
            assert_eq!((decision.sends.len(), decision.trace.rules_evaluated), (0, 0));
            let said: Vec<_> = decision.trace.errors.iter().map(|it| (it.rule.as_str(), it.error.as_str())).collect();
            assert_eq!(said, [("every rule", "deciding failed by a fault in the program, and nothing was sent")]);
        }
    }
}
