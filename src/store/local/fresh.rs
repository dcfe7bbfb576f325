//! The sends that were decided a moment ago and leave at once, as they were handed in, so that they are not read and parsed
//! again. Memory only and bounded: what is not here is read from the keys.

use std::collections::HashMap;

use crate::model::{Action, Send as OutgoingSend};

/// How many bytes the sends may take, in all.
const MOST: usize = 4 * 1024 * 1024;

/// What a send takes beside its text, about.
const FRAME: usize = 1024;

/// Sends by their numbers, as long as nothing has happened to them.
#[derive(Default)]
pub(super) struct Fresh {
    sends: HashMap<u64, (OutgoingSend, u64)>,
    bytes: usize,
}

impl Fresh {
    /// Remembers a send, and the number of the event that it answers. Where there is no room it is not: those that are remembered leave first.
    pub(super) fn add(&mut self, number: u64, send: OutgoingSend, event: u64) {
        let leaves = send.state.is_open() && !send.was_tried() && send.due <= send.created_at;
        if let Some(bytes) = size(&send.action).map(|text| self.bytes + text + FRAME)
            && leaves
            && bytes <= MOST
        {
            self.bytes = bytes;
            self.sends.insert(number, (send, event));
        }
    }

    /// Forgets a send; what was remembered.
    pub(super) fn take(&mut self, number: u64) -> Option<(OutgoingSend, u64)> {
        let (send, event) = self.sends.remove(&number)?;
        self.bytes -= size(&send.action).unwrap_or_default() + FRAME;
        Some((send, event))
    }
}

/// The length of its texts; nothing where that is not told at a glance.
fn size(action: &Action) -> Option<usize> {
    match action {
        Action::Reply(reply) if reply.attachments.is_empty() => Some(reply.text.len() + reply.html.len()),
        Action::Note(note) => Some(note.text.len() + note.html.len()),
        Action::Tag(_) | Action::Assign(_) | Action::Close => Some(0),
        Action::Reply(_) | Action::Snippet(_) | Action::Http(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reply;
    use crate::provider::testing;

    fn reply(length: usize) -> OutgoingSend {
        let reply = Reply { text: "x".repeat(length), ..Reply::default() };
        OutgoingSend { attempts: Vec::new(), ..testing::send(Action::Reply(reply)) }
    }

    #[test]
    fn what_leaves_at_once_is_remembered_as_long_as_there_is_room() {
        let mut fresh = Fresh::default();
        fresh.add(1, reply(10), 7);
        fresh.add(2, reply(MOST), 7);
        let mut later = reply(10);
        later.due = later.created_at + jiff::SignedDuration::from_secs(1);
        fresh.add(3, later, 7);
        assert_eq!(fresh.take(1).map(|(send, event)| (send.id, event)), Some((reply(10).id, 7)));
        assert!([1, 2, 3].into_iter().all(|number| fresh.take(number).is_none()));
        fresh.add(4, reply(MOST - FRAME), 7);
        assert!(fresh.take(4).is_some(), "what is forgotten gives its room back");
    }
}
