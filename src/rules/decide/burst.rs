//! A burst of messages is answered once. A reply of a rule with `settle` waits; when a message that arrives meanwhile is
//! answered, that answer takes its place. So every message is decided as if what waits had never been decided, and where
//! nothing takes its place it stays.

use jiff::Timestamp;

use super::super::compile::{Once, Rule};
use super::super::guard::response;
use super::Deciding;
use crate::model::{EventKind, Facts, Send as OutgoingSend, SendState, Settling, Superseded, WindowKey};

/// What the waiting replies had left in memory.
#[derive(Default)]
pub(super) struct Burst<'a> {
    waiting: Vec<&'a OutgoingSend>,
    of_conversation: Vec<(&'a String, Timestamp)>,
    of_contact: Vec<(&'a String, Timestamp)>,
    counted: Vec<(&'a WindowKey, Timestamp)>,
}

/// The replies that wait and that an answer to this event may supersede.
fn waiting(facts: &Facts) -> Vec<&OutgoingSend> {
    let arrived = facts.event.received_at;
    let is_in_time = |send: &&OutgoingSend| send.settling.as_ref().is_some_and(|settling| arrived < settling.until);
    let is_message = facts.event.kind == EventKind::MessageReceived;
    facts.settling.iter().filter(|send| is_message && is_in_time(send)).collect()
}

impl<'a> Deciding<'a> {
    /// Forgets what waits.
    pub(super) fn begin_burst(&mut self) {
        let mut burst = Burst { waiting: waiting(self.facts), ..Burst::default() };
        for send in &burst.waiting {
            let at = send.created_at;
            for key in send.settling.iter().flat_map(|settling| &settling.responses) {
                if self.conversation.responses.get(key) == Some(&at) {
                    self.conversation.responses.remove(key);
                    burst.of_conversation.push((key, at));
                }
                if self.contact.responses.get(key) == Some(&at) {
                    self.contact.responses.remove(key);
                    burst.of_contact.push((key, at));
                }
            }
            for key in &send.counted {
                let Some(window) = self.curbs.to_mut().windows.get_mut(key) else {
                    self.wanted.push(key.clone());
                    continue;
                };
                if let Some(index) = window.times.iter().position(|time| *time == at) {
                    window.times.remove(index);
                    burst.counted.push((key, at));
                }
            }
        }
        self.burst = burst;
    }

    /// Puts the new answer in the place of what waits; where there is none, what waits is remembered again.
    pub(super) fn end_burst(&mut self) -> Vec<Superseded> {
        let burst = std::mem::take(&mut self.burst);
        let is_answer = |send: &OutgoingSend| send.action.reaches_contact() && send.state == SendState::Pending;
        if self.sends.iter().any(is_answer) {
            self.counted.extend(burst.counted.into_iter().map(|(key, _)| key.clone()));
            let superseded = |send: &OutgoingSend| Superseded { send: send.id.clone(), rule: send.rule.clone() };
            return burst.waiting.into_iter().map(superseded).collect();
        }
        for (key, at) in burst.of_conversation {
            self.conversation.responses.entry(key.clone()).or_insert(at);
        }
        for (key, at) in burst.of_contact {
            self.contact.responses.entry(key.clone()).or_insert(at);
        }
        for (key, at) in burst.counted {
            let window = self.curbs.to_mut().windows.entry(key.clone()).or_default();
            window.times.push(at);
            window.times.sort();
        }
        Vec::new()
    }

    /// The `once` of a rule. The silence that it wants was there when the burst began.
    pub(super) fn once_of(&self, rule: &Rule) -> Option<Once> {
        let waits = self.burst.waiting.iter().any(|send| send.rule == rule.name);
        rule.once.map(|once| if waits { Once { quiet: None, ..once } } else { once })
    }

    /// How a reply of the rule waits for the end of the burst.
    pub(super) fn settling(&self, rule: &Rule, response: &str) -> Option<Settling> {
        let until = self.facts.now.saturating_add(rule.settle?).unwrap_or(Timestamp::MAX);
        let mut responses = vec![response.to_owned(), response::rule_key(rule)];
        responses.extend(self.correspondent().map(|who| response::to(response, who)));
        Some(Settling { until, responses })
    }
}
