//! A memory like the store's, for deciding events one after the other without one: rule tests, replays and simulations.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::book::Book;
use super::decide::{Depth, decide, windows};
use crate::model::{
    CancelOn, ContactRecord, Controls, ConversationRecord, Curbs, Decision, Event, Facts, LaneKey, Quarantine, Scope,
    Send as OutgoingSend, SendState, Window, WindowKey,
};

/// What is remembered between events.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Conversations, by lane.
    pub conversations: BTreeMap<LaneKey, ConversationRecord>,
    /// Correspondents, by key.
    pub contacts: BTreeMap<String, ContactRecord>,
    /// When replies were decided.
    pub windows: BTreeMap<WindowKey, Window>,
    /// Every quarantine, oldest first.
    pub quarantines: Vec<Quarantine>,
    /// What people ordered.
    pub controls: Controls,
    /// Replies that wait for the end of a burst.
    pub settling: Vec<OutgoingSend>,
}

impl World {
    /// Whether anything is remembered of an event's conversation or correspondent.
    pub fn knows(&self, event: &Event) -> bool {
        let who = event.correspondent();
        self.conversations.contains_key(&event.lane()) || who.is_some_and(|who| self.contacts.contains_key(&who))
    }

    /// The facts of an event at a moment, with the windows that `book` looks into.
    pub fn facts(&self, book: &Book, event: Event, now: Timestamp) -> Facts {
        let who = event.correspondent();
        let curbs = self.curbs(&event.lane(), &windows(book, &event));
        Facts {
            conversation: self.conversations.get(&event.lane()).cloned().unwrap_or_default(),
            contact: who.and_then(|who| self.contacts.get(&who)).cloned().unwrap_or_default(),
            curbs,
            settling: self
                .settling
                .iter()
                .filter(|send| send.lane == event.lane() && send.due > now)
                .cloned()
                .collect(),
            ..Facts::fresh(event, now)
        }
    }

    /// Decides, with all the windows that turn out to be wanted, and remembers nothing of it.
    pub fn decide(&self, book: &Book, mut facts: Facts, depth: Depth) -> (Facts, Decision) {
        loop {
            let decision = decide(book, &facts, depth);
            if decision.wanted.is_empty() {
                return (facts, decision);
            }
            let more = self.curbs(&facts.event.lane(), &decision.wanted);
            facts.curbs.windows.extend(more.windows);
        }
    }

    /// Remembers what came of an event.
    pub fn keep(&mut self, event: &Event, decision: &Decision) {
        self.conversations.insert(event.lane(), decision.conversation.clone());
        self.contacts.extend(event.correspondent().map(|who| (who, decision.contact.clone())));
        let counted = decision.windows.iter();
        self.windows.extend(
            counted.map(|(key, window)| (key.clone(), Window { version: window.version + 1, ..window.clone() })),
        );
        self.quarantines.extend(decision.quarantines.iter().cloned());
        self.controls.0.extend(decision.controls.iter().cloned());
        self.settle(event, decision);
    }

    /// What waits for the end of a burst stays, unless the decision supersedes it or it is called off.
    fn settle(&mut self, event: &Event, decision: &Decision) {
        let is_superseded = |send: &OutgoingSend| decision.supersedes.iter().any(|other| other.send == send.id);
        let calls_off = |send: &OutgoingSend, cause: CancelOn| {
            let always = matches!(cause, CancelOn::HumanReply | CancelOn::Closed);
            send.lane == event.lane() && (always || send.cancel_on.contains(&cause))
        };
        let stays = |send: &OutgoingSend| send.due > decision.at && !is_superseded(send);
        self.settling.retain(|send| stays(send) && !decision.cancels.is_some_and(|cause| calls_off(send, cause)));
        let new = decision.sends.iter().filter(|send| send.settling.is_some() && send.state == SendState::Pending);
        self.settling.extend(new.cloned());
    }

    /// What stands against replies in a lane.
    pub fn curbs(&self, lane: &LaneKey, keys: &[WindowKey]) -> Curbs {
        let window = |key: &WindowKey| (key.clone(), self.windows.get(key).cloned().unwrap_or_default());
        let is_over = |quarantine: &&Quarantine| {
            quarantine.released.is_none() && quarantine.keys.iter().any(|key| keys.contains(key))
        };
        let concerns = |scope: &Scope| !matches!(scope, Scope::Conversation(of) if of != lane);
        let controls = self.controls.0.iter().filter(|control| concerns(&control.scope)).cloned();
        Curbs {
            windows: keys.iter().map(window).collect(),
            quarantines: self.quarantines.iter().filter(is_over).cloned().collect(),
            controls: Controls(controls.collect()),
        }
    }
}
