//! Freshness, looked at when a send is about to leave and its lane is locked: what has happened since it was decided may
//! make it wrong (Chatwoot #15022). Nothing is sent that would not be decided now.

use jiff::Timestamp;

use super::GUARD;
use crate::model::{CancelOn, ConversationRecord, Curbs, HoldCause, Mode, Scope, Send};

/// Every reason for which a send is called off.
pub const REASONS: [&str; 7] =
    ["expired", "rule_changed", "answered_by_human", "closed", "contact_message", "quarantined", "mode_changed"];

/// What keeps a send from leaving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// It is called off, with the reason.
    Cancelled(String),
    /// It is kept for later, with the cause and the reason.
    Held(HoldCause, String),
}

/// What a send is judged by.
pub struct Leaving<'a> {
    /// The send.
    pub send: &'a Send,
    /// Its conversation as it stands.
    pub conversation: &'a ConversationRecord,
    /// What was counted and ordered, as far as the send is concerned.
    pub curbs: &'a Curbs,
    /// The digest of its rule as it stands; none where the rule is gone.
    pub rule: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
}

/// What keeps a send from leaving, if anything. What does not reach the contact is kept by a pause alone.
pub fn stale(leaving: &Leaving<'_>) -> Option<Stale> {
    let called_off = || called_off(leaving).map(|reason| Stale::Cancelled(reason.to_owned()));
    let reaches_contact = leaving.send.action.reaches_contact();
    let noticed = || called_off().or_else(|| ordered(leaving));
    reaches_contact.then(noticed).flatten().or_else(|| paused(leaving))
}

fn called_off(leaving: &Leaving<'_>) -> Option<&'static str> {
    let Leaving { send, conversation, curbs, now, .. } = *leaving;
    let since = |at: Option<Timestamp>| at.is_some_and(|at| at > send.fresh_from());
    let is_quarantined = || {
        let quarantines = curbs.quarantines.iter().filter(|quarantine| quarantine.is_active(now));
        quarantines.into_iter().any(|quarantine| quarantine.since > send.fresh_from())
    };
    match () {
        () if send.expires.is_some_and(|expires| now > expires) => Some("expired"),
        () if !send.rule_hash.is_empty() && leaving.rule != Some(&send.rule_hash) => Some("rule_changed"),
        () if since(conversation.last_human) => Some("answered_by_human"),
        () if since(conversation.closed_at) => Some("closed"),
        () if send.cancel_on.contains(&CancelOn::ContactMessage) && since(conversation.last_inbound) => {
            Some("contact_message")
        }
        () if is_quarantined() => Some("quarantined"),
        () => None,
    }
}

/// The mode that was ordered for the conversation since.
fn ordered(leaving: &Leaving<'_>) -> Option<Stale> {
    let Leaving { send, curbs, .. } = *leaving;
    let here = curbs.controls.of(&Scope::Conversation(send.action.conversation_of(&send.lane)))?;
    match here.mode? {
        Mode::Off | Mode::Shadow | Mode::Draft => Some(Stale::Cancelled("mode_changed".to_owned())),
        Mode::Approve if send.hands.iter().all(|hand| hand.did != "approve") => {
            let reason = "the mode approve was ordered for the conversation".to_owned();
            Some(Stale::Held(HoldCause::Approval, reason))
        }
        Mode::Approve | Mode::Auto => None,
    }
}

fn paused(leaving: &Leaving<'_>) -> Option<Stale> {
    // Who is told that something is wrong is told also while everything else rests.
    if leaving.send.rule == GUARD {
        return None;
    }
    let scopes = leaving.send.scopes();
    let (scope, pause) = leaving.curbs.controls.paused(&scopes)?;
    Some(Stale::Held(HoldCause::Paused, format!("{scope} was paused by {} at {}: {}", pause.by, pause.at, pause.why)))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::model::{
        AccountName, Action, CapScope, Control, Controls, EventId, HttpCall, Note, Pause, Quarantine, QuarantineId,
        Reply, Scope,
    };
    use crate::rules::testing::{facts, now};

    fn later(minutes: i64) -> Timestamp {
        now().checked_add(SignedDuration::from_mins(minutes)).unwrap()
    }

    fn send(action: Action) -> Send {
        let event = facts(serde_json::json!({ "conversation": { "id": "c1" } })).event;
        let expires = Some(later(60));
        Send { rule_hash: "h".to_owned(), expires, ..Send::new(&event, "greet", 0, action, now()) }
    }

    fn reply() -> Send {
        send(Action::Reply(Reply::default()))
    }

    fn said(
        send: &Send,
        conversation: &ConversationRecord,
        curbs: &Curbs,
        rule: Option<&str>,
        now: Timestamp,
    ) -> String {
        match stale(&Leaving { send, conversation, curbs, rule, now }) {
            None => "leaves".to_owned(),
            Some(Stale::Cancelled(reason)) => {
                assert!(REASONS.contains(&reason.as_str()), "{reason}");
                reason
            }
            Some(Stale::Held(_, reason)) => reason,
        }
    }

    fn after(conversation: ConversationRecord) -> String {
        said(&reply(), &conversation, &Curbs::default(), Some("h"), later(5))
    }

    #[test]
    fn what_happened_since_calls_a_reply_off() {
        let none = ConversationRecord::default();
        assert_eq!(after(none.clone()), "leaves");
        let at = |minutes| Some(later(minutes));
        assert_eq!(after(ConversationRecord { last_human: at(1), ..none.clone() }), "answered_by_human");
        assert_eq!(after(ConversationRecord { last_human: at(-1), ..none.clone() }), "leaves");
        assert_eq!(after(ConversationRecord { closed_at: at(1), ..none.clone() }), "closed");
        assert_eq!(after(ConversationRecord { last_inbound: at(1), ..none.clone() }), "leaves");
        let once = Send { cancel_on: vec![CancelOn::ContactMessage], ..reply() };
        let wrote = ConversationRecord { last_inbound: at(1), ..none.clone() };
        assert_eq!(said(&once, &wrote, &Curbs::default(), Some("h"), later(5)), "contact_message");
        for (rule, wanted) in [(Some("h"), "leaves"), (Some("other"), "rule_changed"), (None, "rule_changed")] {
            assert_eq!(said(&reply(), &none, &Curbs::default(), rule, later(5)), wanted);
        }
        assert_eq!(said(&reply(), &none, &Curbs::default(), Some("h"), later(60)), "leaves");
        assert_eq!(said(&reply(), &none, &Curbs::default(), Some("h"), later(61)), "expired");
        // A person who drives a dead letter again knows what happened before.
        let redriven = Send { fresh_from: at(2), ..reply() };
        let answered = ConversationRecord { last_human: at(1), ..none };
        assert_eq!(said(&redriven, &answered, &Curbs::default(), Some("h"), later(5)), "leaves");
    }

    #[test]
    fn a_paused_conversation_holds_what_its_events_tell_a_hook() {
        let call = send(Action::Http(HttpCall::new("crm", serde_json::json!({}))));
        assert_ne!(call.lane, reply().lane, "it leaves in a lane of its own");
        let pause = Pause { by: "kim".to_owned(), why: "wrong price".to_owned(), at: now() };
        let control = Control { pause: Some(pause), ..Control::of(Scope::Conversation(reply().lane)) };
        let curbs = Curbs { controls: Controls(vec![control]), ..Curbs::default() };
        let told = said(&call, &ConversationRecord::default(), &curbs, Some("h"), later(1));
        assert!(told.contains("was paused by kim"), "{told}");
    }

    #[test]
    fn the_mode_that_is_ordered_meanwhile_counts() {
        let approved =
            crate::model::Hand { at: now(), by: "kim".to_owned(), did: "approve".to_owned(), why: String::new() };
        for (mode, hands, wanted) in [
            (Mode::Off, vec![], "mode_changed"),
            (Mode::Shadow, vec![], "mode_changed"),
            (Mode::Draft, vec![approved.clone()], "mode_changed"),
            (Mode::Approve, vec![], "the mode approve was ordered for the conversation"),
            (Mode::Approve, vec![approved.clone()], "leaves"),
            (Mode::Auto, vec![], "leaves"),
        ] {
            let send = Send { hands, ..reply() };
            let ordered = Control { mode: Some(mode), ..Control::of(Scope::Conversation(send.lane.clone())) };
            let curbs = Curbs { controls: Controls(vec![ordered]), ..Curbs::default() };
            assert_eq!(said(&send, &ConversationRecord::default(), &curbs, Some("h"), later(5)), wanted, "{mode:?}");
        }
    }

    #[test]
    fn an_alert_leaves_while_everything_rests() {
        let pause = Pause { by: "kim".to_owned(), why: "all wrong".to_owned(), at: now() };
        let curbs = Curbs {
            controls: Controls(vec![Control { pause: Some(pause), ..Control::of(Scope::All) }]),
            ..Curbs::default()
        };
        let alert = Send { rule: GUARD.to_owned(), ..send(Action::Note(Note::default())) };
        assert_eq!(said(&alert, &ConversationRecord::default(), &curbs, None, later(5)), "leaves");
    }

    #[test]
    fn a_note_is_not_called_off() {
        let busy = ConversationRecord { last_human: Some(later(1)), closed_at: Some(later(1)), ..Default::default() };
        let note = send(Action::Note(Note::default()));
        assert_eq!(said(&note, &busy, &Curbs::default(), None, later(99)), "leaves");
    }

    #[test]
    fn a_pause_holds_whatever_belongs_to_it() {
        let lane = reply().lane;
        for scope in ["all", "rule:greet", "account:support", &format!("conversation:{lane}"), "rule:other"] {
            let pause = Pause { by: "kim".to_owned(), why: "wrong price".to_owned(), at: now() };
            let control = Control { pause: Some(pause), ..Control::of(Scope::parse(scope).unwrap()) };
            let curbs = Curbs { controls: Controls(vec![control]), ..Curbs::default() };
            let wanted = match scope {
                "rule:other" => "leaves".to_owned(),
                _ => format!("{scope} was paused by kim at {}: wrong price", now()),
            };
            for send in [reply(), send(Action::Note(Note::default()))] {
                assert_eq!(said(&send, &ConversationRecord::default(), &curbs, Some("h"), later(5)), wanted);
            }
        }
    }

    #[test]
    fn a_quarantine_that_came_later_calls_off() {
        let quarantine = |since| Quarantine {
            id: QuarantineId::from("qua_1"),
            keys: Vec::new(),
            scope: CapScope::Conversation,
            cap: "2/10m".to_owned(),
            account: AccountName::from("support"),
            conversation: reply().lane,
            event: EventId::from("evt_1"),
            rule: "greet".to_owned(),
            who: None,
            evidence: Vec::new(),
            since,
            until: later(30),
            released: None,
        };
        for (since, at, wanted) in [(1, 5, "quarantined"), (-1, 5, "leaves"), (1, 31, "leaves")] {
            let curbs = Curbs { quarantines: vec![quarantine(later(since))], ..Curbs::default() };
            assert_eq!(said(&reply(), &ConversationRecord::default(), &curbs, Some("h"), later(at)), wanted);
        }
    }
}
