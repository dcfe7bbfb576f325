//! What an event leaves behind beside its actions: counters, the last word of each side, what it calls off.

use super::super::{fields, guard};
use super::Deciding;
use crate::model::decision::Seen;
use crate::model::{Action, Author, CancelOn, Decision, EventKind, HoldCause, OnError, SendState, Verdict};

impl Deciding<'_> {
    pub(super) fn finish(mut self) -> Decision {
        let (event, now) = (&self.facts.event, self.facts.now);
        self.conversation.message_count += u64::from(fields::counts_as_message(event));
        match guard::has_failed(event) {
            Some(true) => self.contact.bounced = Some(now),
            Some(false) => self.contact.bounced = None,
            None => {}
        }
        self.hold_after_failure();
        let supersedes = self.end_burst();
        self.remember_closing();
        self.remember_time();
        self.alert();
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
            windows: self
                .counted
                .iter()
                .filter_map(|key| Some((key.clone(), self.curbs.windows.get(key)?.clone())))
                .collect(),
            wanted: self.wanted,
            quarantines: self.quarantines,
            controls: self.controls,
            cancels,
            supersedes,
            trace: self.trace,
            seen: Seen {
                state: self.facts.conversation.state.clone(),
                contact_state: self.facts.contact.state.clone(),
                message_count: self.facts.conversation.message_count,
                is_own: self.facts.is_own,
                depth: self.facts.depth,
                mode: self.ordered,
            },
        }
    }

    /// A rule that says `on_error: hold` and failed might have forbidden or answered: a person looks at what the others
    /// would send.
    fn hold_after_failure(&mut self) {
        let failed = self.trace.errors.iter().find(|failed| failed.on_error == OnError::Hold);
        let Some(rule) = failed.map(|failed| failed.rule.clone()) else { return };
        let is_noticed = |action: &Action| action.reaches_contact() || matches!(action, Action::Close);
        for send in self.sends.iter_mut().filter(|send| is_noticed(&send.action) && send.state == SendState::Pending) {
            let reason = format!("the rule `{rule}` failed on the same event and says `on_error: hold`");
            send.state = SendState::Held { cause: HoldCause::RuleError, reason };
            let matched = self.trace.matched.iter_mut().find(|matched| matched.rule == send.rule);
            let action =
                matched.and_then(|matched| matched.actions.iter_mut().find(|action| action.index == send.index));
            if let Some(action) = action {
                action.verdict = Verdict::Held { cause: HoldCause::RuleError };
            }
        }
    }

    /// A conversation is closed until something is said in it, or it is opened again.
    fn remember_closing(&mut self) {
        match self.facts.event.kind {
            EventKind::ConversationClosed => self.conversation.closed_at = Some(self.facts.now),
            EventKind::MessageReceived | EventKind::ConversationOpened => self.conversation.closed_at = None,
            _ => {}
        }
    }

    /// Says when the event came too late to be put in order. Without a time of the provider there is no order.
    fn remember_time(&mut self) {
        let event = &self.facts.event;
        if event.at != event.received_at {
            self.trace.decided_after = self.conversation.latest.filter(|latest| event.at < *latest);
            self.conversation.latest = self.conversation.latest.max(Some(event.at));
        }
    }

    /// Whether a message that was sent is a person's: not ours, and not another program's.
    fn is_by_person(&self) -> bool {
        let message = self.facts.event.message.as_ref();
        let by_program = |by: &crate::model::Message| by.author == Author::System || by.is_automated;
        !self.facts.is_own && !message.is_some_and(by_program)
    }
}
