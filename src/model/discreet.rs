//! `Debug` of what holds a contact's words, address or name: ids and sizes, never content. A value may reach a log line or
//! a panic message by accident; what it shows there is decided here.

use std::fmt;

use super::action::{HttpCall, Note, OutgoingAttachment, Reply, SnippetCall};
use super::attempt::Answered;
use super::decision::{ActionTrace, Decision, Finding, Seen};
use super::event::{Contact, Event, Unreadable};
use super::message::Message;
use super::record::{ContactRecord, ConversationRecord};
use super::window::Quarantine;

macro_rules! discreet {
    ($($type:ident: |$it:ident| { $($field:ident: $value:expr),* $(,)? })*) => {
        $(impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $it = self;
                f.debug_struct(stringify!($type))$(.field(stringify!($field), &$value))*.finish_non_exhaustive()
            }
        })*
    };
}

discreet! {
    Event: |it| { id: it.id, kind: it.kind, source: it.source, at: it.at, message: it.message }
    Message: |it| { id: it.id, direction: it.direction, author: it.author, characters: it.full_text.chars().count() }
    Contact: |it| { id: it.id }
    Answered: |it| { status: it.status }
    Unreadable: |it| { base64_bytes: it.body.len() }
    Reply: |it| { kind: it.kind, characters: it.text.chars().count() }
    Note: |it| { characters: it.text.chars().count(), paged: it.page.len(), also: it.also }
    SnippetCall: |it| { id: it.id }
    HttpCall: |it| { hook: it.hook, method: it.method }
    Finding: |it| { subject: it.subject, holds: it.holds, inner: it.inner }
    ActionTrace: |it| { index: it.index, action: it.action, verdict: it.verdict }
    Decision: |it| { event: it.event, at: it.at, sends: it.sends, matched: it.trace.matched, errors: it.trace.errors }
    Quarantine: |it| { id: it.id, scope: it.scope, cap: it.cap, since: it.since, until: it.until, released: it.released }
    Seen: |it| { message_count: it.message_count, is_own: it.is_own }
    ConversationRecord: |it| { keys: it.state.len(), responses: it.responses.len(), message_count: it.message_count }
    ContactRecord: |it| { keys: it.state.len(), responses: it.responses.len(), version: it.version }
}

impl fmt::Debug for OutgoingAttachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inline { .. } => "Inline",
            Self::Url { .. } => "Url",
            Self::Stored { .. } => "Stored",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_neither_words_nor_addresses() {
        let planted = "planted";
        let message = Message {
            text: planted.to_owned(),
            full_text: planted.to_owned(),
            html: Some(planted.to_owned()),
            subject: Some(planted.to_owned()),
            from: Some(planted.to_owned()),
            to: vec![planted.to_owned()],
            ..Message::default()
        };
        let contact = Contact { name: Some(planted.to_owned()), email: Some(planted.to_owned()), ..Contact::default() };
        let reply = Reply { text: planted.to_owned(), html: planted.to_owned(), ..Reply::default() };
        let finding = Finding {
            subject: "message.text".to_owned(),
            wanted: planted.to_owned(),
            saw: planted.to_owned(),
            holds: true,
            line: 1,
            inner: Vec::new(),
        };
        let shown = format!("{message:?} {contact:?} {reply:?} {finding:?}");
        assert!(!shown.contains(planted), "{shown}");
    }
}
