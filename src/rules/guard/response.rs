//! Response tracking: the same response does not go to the same correspondent again and again (RFC 3834 §2, RFC 5230 §4.2).
//! Looks at what is remembered and at the clock it is given; remembering is left to the decision.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::super::compile::{Once, Rule};
use super::super::document::Per;
use super::GuardSettings;
use crate::model::{ContactRecord, ConversationRecord, ReplyKind, duration, ids::digest};

/// How many responses are remembered for a conversation or correspondent; RFC 5230 §4.2 wants at least 1000.
const REMEMBERED: usize = 1_000;

/// The memory that a limit looks into.
pub struct Memory<'a> {
    /// Of the conversation.
    pub conversation: &'a ConversationRecord,
    /// Of the correspondent.
    pub contact: &'a ContactRecord,
    /// Who that is; where nobody knows, the conversation stands in.
    pub correspondent: Option<&'a str>,
    /// The time of the decision.
    pub now: Timestamp,
}

/// The key of the response that an action of a rule makes: the rule's handle, else the rule and the unexpanded text.
pub fn key(rule: &Rule, identity: &str) -> String {
    match &rule.handle {
        Some(handle) => digest(&["handle", handle]),
        None => digest(&["rule", &rule.name, identity]),
    }
}

/// The key of a response to one correspondent, where several share a conversation.
pub fn to(key: &str, correspondent: &str) -> String {
    digest(&[key, correspondent])
}

/// The key of the rule as a whole, for a written `once`.
pub fn rule_key(rule: &Rule) -> String {
    match &rule.handle {
        Some(handle) => digest(&["once-handle", handle]),
        None => digest(&["once", &rule.name]),
    }
}

impl Memory<'_> {
    /// Why a rule with a written `once` may not act, as code and reason.
    pub(in super::super) fn against_once(&self, once: &Once, key: &str) -> Option<(&'static str, String)> {
        let last = match once.per {
            Per::Event => None,
            Per::Conversation => self.conversation.responses.get(key),
            Per::Contact => self.anywhere(key),
        };
        if let (Some(quiet), Some(spoke)) = (once.quiet, self.last_word())
            && self.now.duration_since(spoke) < quiet
        {
            return Some(("once", format!("one of the two sides spoke less than {} ago", duration::show(quiet))));
        }
        match (last, once.every) {
            (Some(_), None) => Some(("once", "it has acted before, and may act once only".to_owned())),
            (Some(last), Some(every)) => self.too_soon(Some(last), every),
            (None, _) => None,
        }
    }

    /// Why a reply without a written `once` may not be sent, by the defaults of its kind.
    pub fn against_default(
        &self,
        kind: ReplyKind,
        key: &str,
        settings: &GuardSettings,
    ) -> Option<(&'static str, String)> {
        let here = &self.conversation.responses;
        match kind {
            ReplyKind::Answer => {
                let last = self.correspondent.map_or_else(|| here.get(key), |who| here.get(&to(key, who)));
                self.too_soon(last, settings.answer)
            }
            ReplyKind::Ack if here.contains_key(key) => {
                Some(("once", "this conversation has been acknowledged before".to_owned()))
            }
            ReplyKind::Ack => self.too_soon(self.anywhere(key), settings.ack),
            ReplyKind::Away => self.too_soon(self.anywhere(key), settings.away),
        }
    }

    /// When the correspondent last had the response, over all conversations.
    fn anywhere(&self, key: &str) -> Option<&Timestamp> {
        match self.correspondent {
            Some(_) => self.contact.responses.get(key),
            None => self.conversation.responses.get(key),
        }
    }

    fn too_soon(&self, last: Option<&Timestamp>, every: SignedDuration) -> Option<(&'static str, String)> {
        (self.now.duration_since(*last?) < every)
            .then(|| ("once", format!("the same response went out less than {} ago", duration::show(every))))
    }

    fn last_word(&self) -> Option<Timestamp> {
        let record = self.conversation;
        // A reply that waits has not been spoken.
        let words = [record.last_inbound, record.last_human, record.last_automatic].into_iter().flatten();
        words.filter(|at| *at <= self.now).max()
    }
}

/// Remembers that a response was decided. The oldest one makes room.
pub fn remember(responses: &mut BTreeMap<String, Timestamp>, key: &str, now: Timestamp) {
    responses.insert(key.to_owned(), now);
    while responses.len() > REMEMBERED {
        let Some(oldest) = responses.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone()) else { break };
        responses.remove(&oldest);
    }
}
