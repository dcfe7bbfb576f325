//! How far back rules and the guard look into what is remembered of conversations and correspondents: what is older counts no
//! more, and is forgotten with the retention.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::compile::Rule;
use super::document::Per;
use super::guard::{GuardSettings, Overrides, response};
use crate::model::{ContactRecord, SHORTEST_RETENTION};

/// The longest times of a rule book.
pub(super) struct Lookback {
    /// To what was said and answered.
    said: SignedDuration,
    /// To a message that failed for good.
    bounced: SignedDuration,
    /// The responses of which a correspondent gets one, ever, by their keys.
    once_ever: BTreeSet<String>,
}

impl Lookback {
    /// Of these rules and settings, whatever they apply to.
    pub(super) fn new(rules: &[Rule], guard: &GuardSettings) -> Self {
        let scopes = [&guard.accounts, &guard.rules, &guard.addresses];
        let over = || scopes.into_iter().flat_map(|scope| scope.values());
        let written = |over: &Overrides| [over.answer, over.ack, over.away, over.suspect_speed, over.takeover];
        let once = || rules.iter().filter_map(|rule| Some((rule, rule.once?)));
        let said = [guard.answer, guard.ack, guard.away, guard.suspect_speed, guard.takeover].into_iter();
        let said = said.chain(over().flat_map(written).flatten());
        let said = said.chain(once().flat_map(|(_, once)| [once.every, once.quiet]).flatten());
        let is_ever = |rule: &Rule| rule.once.is_some_and(|once| once.per == Per::Contact && once.every.is_none());
        Self {
            said: said.max().unwrap_or_default(),
            bounced: over().filter_map(|over| over.bounced).fold(guard.bounced, SignedDuration::max),
            once_ever: rules.iter().filter(|rule| is_ever(rule)).map(response::rule_key).collect(),
        }
    }

    /// Until when a conversation counts in which something happens now.
    pub(super) fn of_conversation(&self, now: Timestamp) -> Option<Timestamp> {
        longer(now, self.said)
    }

    /// Until when a correspondent counts of whom something new is remembered now.
    pub(super) fn of_contact(&self, contact: &ContactRecord, now: Timestamp) -> Option<Timestamp> {
        if contact.responses.keys().any(|key| self.once_ever.contains(key)) {
            return Some(Timestamp::MAX);
        }
        let bounced = contact.bounced.and_then(|at| longer(at, self.bounced));
        bounced.max(longer(now, self.said).filter(|_| !contact.responses.is_empty()))
    }
}

fn longer(at: Timestamp, time: SignedDuration) -> Option<Timestamp> {
    (time > SHORTEST_RETENTION).then(|| at.saturating_add(time).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rules::testing::{Play, now};

    const REPLY: &str = "do: [{ reply: { text: x } }]";

    fn days(days: i64) -> Option<Timestamp> {
        Some(now() + SignedDuration::from_hours(24 * days))
    }

    #[test]
    fn what_counts_for_longer_than_things_are_kept_says_until_when() {
        for (rule, conversation, contact) in [
            (String::new(), None, None),
            ("once: { per: contact, every: 7d }".to_owned(), None, None),
            ("once: { per: conversation }".to_owned(), None, None),
            ("once: { per: conversation, every: 90d }".to_owned(), days(90), days(90)),
            ("once: { per: contact, every: 90d }".to_owned(), days(90), days(90)),
            ("once: { per: event, quiet: 8d }".to_owned(), days(8), days(8)),
            ("once: { per: contact }".to_owned(), None, Some(Timestamp::MAX)),
        ] {
            let mut play =
                Play::new(&format!("- {{ name: a, {rule}{} {REPLY} }}", if rule.is_empty() { "" } else { "," }));
            let decision = play.decide(json!({ "message": { "text": "hello" } }));
            let seen = (decision.conversation.counts_until, decision.contact.counts_until);
            assert_eq!(seen, (conversation, contact), "{rule}");
        }
    }

    #[test]
    fn another_rule_of_the_same_handle_remembers_it_as_long() {
        let rules = format!(
            "- {{ name: a, handle: hello, {REPLY} }}\n- {{ name: b, handle: hello, once: {{ per: contact }}, {REPLY} }}"
        );
        let decision = Play::new(&rules).decide(json!({ "message": { "text": "hello" } }));
        assert_eq!(decision.contact.counts_until, Some(Timestamp::MAX));
    }

    #[test]
    fn a_correspondent_whom_mail_does_not_reach_counts_as_long_as_they_are_left_alone() {
        let guard = GuardSettings::default();
        let contact = ContactRecord { bounced: Some(now()), ..ContactRecord::default() };
        assert_eq!(Lookback::new(&[], &guard).of_contact(&contact, now()), days(60));
        let mut longer = GuardSettings::default();
        let over = Overrides { bounced: Some(SignedDuration::from_hours(24 * 90)), ..Overrides::default() };
        longer.accounts.insert("support".to_owned(), over);
        assert_eq!(Lookback::new(&[], &longer).of_contact(&contact, now()), days(90));
        assert_eq!(Lookback::new(&[], &longer).of_conversation(now()), None);
    }
}
