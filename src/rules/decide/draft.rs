//! The internal note that a rule in mode `draft` leaves for a person.

use crate::model::{Action, Note};
use crate::text::html_of_text;

/// The note for what the contact would have got; none for what is simply not done.
pub(super) fn note(rule: &str, action: &Action) -> Option<Note> {
    match action {
        Action::Reply(reply) => {
            let head = format!("Draft by the rule “{rule}”, not sent:");
            Some(Note {
                text: format!("{head}\n\n{}", reply.text),
                html: format!("{}{}", html_of_text(&head), reply.html),
                ..Note::default()
            })
        }
        Action::Snippet(snippet) => {
            let text = format!("Draft by the rule “{rule}”, not done: run the snippet {}.", snippet.id);
            Some(Note { html: html_of_text(&text), text, ..Note::default() })
        }
        _ => None,
    }
}
