//! What an event leaves behind beside its actions: counters, the last word of each side, what it calls off.

use super::super::book::Book;
use super::super::{fields, guard};
use super::Deciding;
use crate::model::decision::Seen;
use crate::model::{
    Action, Author, CancelOn, ConversationRecord, Decision, EventKind, Facts, HoldCause, Message, OnError, SendState,
    Verdict,
};

impl Deciding<'_> {
    pub(super) fn finish(mut self) -> Decision {
        let (event, now) = (&self.facts.event, self.facts.now);
        match guard::has_failed(event) {
            Some(true) => self.contact.bounced = Some(now),
            Some(false) => self.contact.bounced = None,
            None => {}
        }
        self.hold_after_failure();
        let supersedes = self.end_burst();
        // Without a time of the provider there is no order in which it could have come too late.
        if event.at != event.received_at {
            self.trace.decided_after = self.conversation.latest.filter(|latest| event.at < *latest);
        }
        remember(self.book, self.facts, &mut self.conversation);
        if !self.contact.says_the_same(&self.facts.contact) {
            // Never less than before: the rule that says "never again" may come back.
            let until = self.book.lookback.of_contact(&self.contact, now);
            self.contact.counts_until = until.max(self.facts.contact.counts_until);
        }
        self.alert();
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
            cancels: cancels(self.facts),
            supersedes,
            trace: self.trace,
            seen: seen(self.facts),
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
}

/// What a conversation remembers of an event whatever rules say of it.
pub(super) fn remember(book: &Book, facts: &Facts, conversation: &mut ConversationRecord) {
    let (event, now) = (&facts.event, facts.now);
    conversation.message_count += u64::from(fields::counts_as_message(event));
    match event.kind {
        EventKind::ConversationClosed => conversation.closed_at = Some(now),
        // It is closed until something is said in it, or it is opened again.
        EventKind::MessageReceived | EventKind::ConversationOpened => conversation.closed_at = None,
        _ => {}
    }
    if event.at != event.received_at {
        conversation.latest = conversation.latest.max(Some(event.at));
    }
    // What was delayed is said later than now.
    conversation.counts_until =
        book.lookback.of_conversation(conversation.last_automatic.map_or(now, |at| at.max(now)));
    match cancels(facts) {
        Some(CancelOn::ContactMessage) => conversation.last_inbound = Some(now),
        Some(CancelOn::HumanReply) => conversation.last_human = Some(now),
        _ => {}
    }
}

/// What the event calls off.
pub(super) fn cancels(facts: &Facts) -> Option<CancelOn> {
    match facts.event.kind {
        EventKind::MessageReceived => Some(CancelOn::ContactMessage),
        EventKind::MessageSent if is_by_person(facts) => Some(CancelOn::HumanReply),
        EventKind::ConversationClosed => Some(CancelOn::Closed),
        _ => None,
    }
}

/// What was remembered before.
pub(super) fn seen(facts: &Facts) -> Seen {
    Seen {
        state: facts.conversation.state.clone(),
        contact_state: facts.contact.state.clone(),
        message_count: facts.conversation.message_count,
        is_own: facts.is_own,
        depth: facts.depth,
        mode: super::ordered(facts),
    }
}

/// Whether a message that was sent is a person's: not ours, and not another program's.
fn is_by_person(facts: &Facts) -> bool {
    let message = facts.event.message.as_ref();
    let by_program = |by: &Message| by.author == Author::System || by.is_automated;
    !facts.is_own && !message.is_some_and(by_program)
}
