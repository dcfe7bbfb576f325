//! What an event leaves behind beside its actions: counters, the last word of each side, what it calls off.

use super::super::fields;
use super::Deciding;
use crate::model::decision::Seen;
use crate::model::{Author, CancelOn, Decision, EventKind};

impl Deciding<'_> {
    pub(super) fn finish(mut self) -> Decision {
        let (event, now) = (&self.facts.event, self.facts.now);
        self.conversation.message_count += u64::from(fields::counts_as_message(event));
        let cancels = match event.kind {
            EventKind::MessageReceived => {
                self.conversation.last_inbound = Some(now);
                Some(CancelOn::ContactMessage)
            }
            EventKind::MessageSent if self.is_by_person() => {
                self.conversation.last_human = Some(now);
                Some(CancelOn::HumanReply)
            }
            EventKind::ConversationClosed => Some(CancelOn::Closed),
            _ => None,
        };
        Decision {
            event: event.id.clone(),
            book: self.book.hash().clone(),
            at: now,
            sends: self.sends,
            conversation: self.conversation,
            contact: self.contact,
            cancels,
            trace: self.trace,
            seen: Seen {
                state: self.facts.conversation.state.clone(),
                contact_state: self.facts.contact.state.clone(),
                message_count: self.facts.conversation.message_count,
                is_own: self.facts.is_own,
            },
        }
    }

    /// Whether a message that was sent is a person's: not ours, and not another program's.
    fn is_by_person(&self) -> bool {
        let message = self.facts.event.message.as_ref();
        let by_program = |by: &crate::model::Message| by.author == Author::System || by.is_automated;
        !self.facts.is_own && !message.is_some_and(by_program)
    }
}
