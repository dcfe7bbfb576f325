//! Loops: two programs that answer each other, and whatever else may come, stay under the caps.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::model::{Action, CapScope, Decision, EventKind};
use crate::rules::Depth;
use crate::rules::guard::Overrides;
use crate::rules::testing::{NOW, Play, book, event, rules, surroundings};

/// Answers everything, as often as it may.
const EAGER: &str = r#"
  - name: eager
    do: [{ reply: { text: "Thank you, we have your message {{ message.id }} and will answer soon." } }]
    once: { per: event }
"#;

/// A play whose messages come by a provider that shows headers, or does not.
fn play(list: &str) -> Play {
    let mut alerted = surroundings();
    alerted.guard.alert.hook = alerted.hooks.keys().next().cloned();
    Play::of(book(&[("rules.yaml", &rules(list))], alerted))
}

/// What an automatic answer of a program looks like that marks nothing: no header, always the same words.
fn unmarked(number: usize, from: &str, conversation: &str) -> Value {
    let words = format!("Dear customer, your mail {number} has reached our support team. ").repeat(5);
    json!({
        "contact": { "email": from }, "conversation": { "id": conversation, "channel": "email" },
        "message": {
            "id": format!("m{number}"), "text": words, "subject": format!("Your request {number}"),
            "headers": { "From": from, "To": "support@desk.example" }
        }
    })
}

fn alerts(decision: &Decision) -> usize {
    decision.sends.iter().filter(|send| matches!(send.action, Action::Http(_))).count()
}

fn replies(decision: &Decision) -> usize {
    decision.sends.iter().filter(|send| send.action.reaches_contact()).count()
}

/// Plays a program that answers each of our replies so many seconds later, for a week, and may write of its own accord as
/// well. Answers when we replied, and how many quarantines there were.
fn week(
    mail: impl Fn(usize) -> Value,
    seconds: i64,
    own_initiative: Option<SignedDuration>,
) -> (Vec<Timestamp>, usize) {
    let mut play = play(EAGER);
    let (begin, pause) = (play.now, SignedDuration::from_secs(seconds));
    let end = begin.checked_add(SignedDuration::from_hours(7 * 24)).unwrap();
    let mut arriving = VecDeque::from([begin]);
    let mut own = own_initiative.map(|every| begin.checked_add(every).unwrap());
    let (mut sent, mut number) = (Vec::new(), 0);
    while let Some(at) = arriving.pop_front().or(own).filter(|at| *at < end) {
        if own == Some(at) {
            own = own_initiative.map(|every| at.checked_add(every).unwrap());
        }
        play.now = play.now.max(at);
        number += 1;
        let decision = play.decide(mail(number));
        for _ in 0..replies(&decision) {
            sent.push(play.now);
            arriving.push_back(play.now.checked_add(pause).unwrap());
        }
        assert!(number < 10_000, "the loop does not end");
    }
    (sent, play.world.quarantines.len())
}

#[test]
fn vector_10_a_rotating_sender_is_stopped_by_its_words_and_seen_once() {
    // In one conversation the cap of the conversation comes first: 2 in 10 minutes.
    let rotating = |number: usize| unmarked(number, &format!("robot-{number}@loop.example"), "c1");
    let (sent, quarantines) = week(rotating, 30, None);
    assert_eq!((sent.len(), quarantines), (2, 1));
    // With a conversation for each mail, it is the same words from one domain: 3 in an hour.
    let scattered = |number: usize| unmarked(number, &format!("robot-{number}@loop.example"), &format!("c{number}"));
    let (sent, quarantines) = week(scattered, 30, None);
    assert_eq!((sent.len(), quarantines), (3, 1));
    // One that goes on by itself every hour is quarantined again each day, and no more often.
    let (sent, quarantines) = week(scattered, 30, Some(SignedDuration::from_hours(1)));
    assert!(quarantines <= 7 && sent.len() <= 7 * 3, "{quarantines} quarantines, {} replies", sent.len());
}

#[test]
fn a_loop_whose_words_and_senders_change_is_stopped_by_its_domain() {
    let changing = |number: usize| {
        let from = format!("robot-{number}@loop.example");
        json!({
            "contact": { "email": from }, "conversation": { "id": format!("c{number}"), "channel": "email" },
            "message": { "text": format!("ticket {number}"), "headers": { "From": from, "To": "support@desk.example" } }
        })
    };
    let (sent, quarantines) = week(changing, 10, None);
    assert_eq!((sent.len(), quarantines), (200, 1));
}

/// Two rejoinders on two desks, one answering the other.
#[test]
fn vector_09_two_engines_stop_each_other_with_one_alert_each() {
    let (mut left, mut right) = (play(EAGER), play(EAGER));
    let (mut sends, mut alarms) = ([0, 0], [0, 0]);
    let mut waiting = Some(0);
    for step in 1..1_000 {
        let Some(side) = waiting.take() else { break };
        let (engine, from) = match side {
            0 => (&mut left, "desk@right.example"),
            _ => (&mut right, "desk@left.example"),
        };
        let passed = SignedDuration::from_secs(60 * step);
        engine.now = NOW.parse::<Timestamp>().unwrap().checked_add(passed).unwrap();
        let decision = engine.decide(unmarked(usize::try_from(step).unwrap(), from, "c1"));
        alarms[side] += alerts(&decision);
        if replies(&decision) > 0 {
            sends[side] += 1;
            waiting = Some(1 - side);
        } else {
            // Whoever is not answered tries again after a while, as impatient programs do.
            waiting = (sends.iter().sum::<i32>() < 100 && step < 900).then_some(1 - side);
        }
    }
    assert_eq!((left.world.quarantines.len(), right.world.quarantines.len(), alarms), (1, 1, [1, 1]));
    assert!(sends.iter().all(|count| *count <= 4), "{sends:?}");
}

/// How many moments of `all` lie in the window that ends with `at`.
fn within(all: &[Timestamp], at: Timestamp, per: SignedDuration) -> usize {
    all.iter().filter(|one| **one <= at && at.duration_since(**one) < per).count()
}

/// Headers that no rule may overrule.
const HARD: [(&str, &str); 5] = [
    ("Auto-Submitted", "auto-replied"),
    ("Auto-Submitted", "auto-generated; x=\"no\""),
    ("Return-Path", "<>"),
    ("X-Failed-Recipients", "ann@example.org"),
    ("Content-Type", "multipart/report; report-type=delivery-status"),
];

#[derive(Clone, Debug)]
struct Mail {
    after: i64,
    sender: usize,
    conversation: usize,
    hard: Option<usize>,
    kind: &'static str,
}

fn mails() -> impl Strategy<Value = Vec<Mail>> {
    let kinds =
        vec!["message.received", "message.received", "conversation.opened", "conversation.updated", "contact.updated"];
    let hard = prop::option::weighted(0.2, 0..HARD.len());
    let mail = (0..4_000_i64, 0..4_usize, 0..3_usize, hard, prop::sample::select(kinds));
    let mail =
        mail.prop_map(|(after, sender, conversation, hard, kind)| Mail { after, sender, conversation, hard, kind });
    prop::collection::vec(mail, 1..60)
}

/// Rules that want to answer at any price.
const FORCED: &str = r#"
  - name: first
    on: [message.received, conversation.opened, conversation.updated, contact.updated]
    when: { conversation.id: [c0, c1] }
    allow: [list, precedence, suppress_requested]
    do: [{ reply: { text: one } }]
    once: { per: event }
  - name: second
    allow: [list, precedence, suppress_requested]
    do: [{ reply: { text: two, kind: ack } }, { note: { text: n } }]
    once: { per: event }
"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_gets_more_than_the_caps_allow(mails in mails()) {
        let mut play = play(FORCED);
        let mut by_sender: BTreeMap<usize, Vec<Timestamp>> = BTreeMap::new();
        let mut by_conversation: BTreeMap<usize, Vec<Timestamp>> = BTreeMap::new();
        for (number, mail) in mails.iter().enumerate() {
            play.now = play.now.checked_add(SignedDuration::from_secs(mail.after)).unwrap();
            let from = format!("person-{}@gmail.com", mail.sender);
            let mut headers = json!({ "From": from, "To": "support@desk.example" });
            if let Some((name, value)) = mail.hard.map(|index| HARD[index]) {
                headers[name] = value.into();
            }
            let decision = play.decide(json!({
                "kind": mail.kind,
                "contact": { "email": from },
                "conversation": { "id": format!("c{}", mail.conversation), "channel": "email" },
                "message": { "id": format!("m{number}"), "text": "hello", "subject": format!("s{number}"), "headers": headers }
            }));
            let count = replies(&decision);
            let is_hard = mail.hard.is_some() && mail.kind == "message.received";
            prop_assert!(!is_hard || count == 0, "{mail:?} was answered");
            for _ in 0..count {
                by_sender.entry(mail.sender).or_default().push(play.now);
                by_conversation.entry(mail.conversation).or_default().push(play.now);
            }
        }
        let minutes = SignedDuration::from_mins;
        for (all, caps) in [(by_sender, [(3, 10), (6, 60), (20, 1_440)]), (by_conversation, [(2, 10), (4, 60), (10, 1_440)])] {
            for times in all.values() {
                for (most, per) in caps {
                    let busiest = times.iter().map(|at| within(times, *at, minutes(per))).max().unwrap_or(0);
                    prop_assert!(busiest <= most, "{busiest} in {per} minutes");
                }
            }
        }
    }
}

/// The property above is shown a guard without caps, and finds it.
#[test]
fn without_caps_the_loop_does_not_end() {
    let mut without = surroundings();
    for list in
        [&mut without.guard.caps.conversation, &mut without.guard.caps.correspondent, &mut without.guard.caps.subject]
    {
        list.clear();
    }
    without.guard.caps.body.clear();
    let mut play = Play::of(book(&[("rules.yaml", &rules(EAGER))], without));
    let answered: usize = (0..20).map(|number| replies(&play.decide(unmarked(number, "a@loop.example", "c1")))).sum();
    assert_eq!(answered, 20);
}

#[test]
fn a_robot_that_opens_conversations_is_stopped_as_one_that_writes() {
    let mut play = play(
        "  - name: hello\n    on: [conversation.opened, message.received]\n    do: [{ reply: { text: hi } }]\n    once: { per: event }",
    );
    let answered = (0..50).map(|number| {
        let written = json!({
            "kind": "conversation.opened", "contact": { "email": "robot@loop.example" },
            "conversation": { "id": format!("c{number}") }
        });
        replies(&play.wait("30s").decide(written))
    });
    assert_eq!(answered.sum::<usize>(), 3);
    assert_eq!(play.world.quarantines.len(), 1);
}

#[test]
fn a_full_rule_pauses_itself_and_an_account_too() {
    for (scope, list) in [(CapScope::Rule, "rule"), (CapScope::Account, "account")] {
        let mut capped = surroundings();
        match list {
            "rule" => capped.guard.caps.rule = vec!["2/1h".parse().unwrap()],
            _ => capped.guard.caps.account = vec!["2/1h".parse().unwrap()],
        }
        let mut play = Play::of(book(&[("rules.yaml", &rules(EAGER))], capped));
        let mail = |number: usize| unmarked(number, &format!("p{number}@gmail.com"), &format!("c{number}"));
        let short = |number: usize| {
            let mut mail = mail(number);
            mail["message"]["text"] = "short".into();
            mail
        };
        assert_eq!((replies(&play.decide(short(1))), replies(&play.decide(short(2)))), (1, 1));
        let third = play.decide(short(3));
        assert_eq!((replies(&third), third.controls.len(), third.quarantines.len()), (0, 1, 0), "{scope}");
        let wanted = if list == "rule" { "rule:eager" } else { "account:support" };
        assert_eq!(third.controls[0].scope.to_string(), wanted);
        assert_eq!(third.controls[0].pause.as_ref().map(|pause| pause.by.as_str()), Some("loop guard"));
        assert_eq!(play.decide(short(4)).controls, [], "it is paused already");
    }
}

#[test]
fn a_person_who_wrote_is_not_interrupted_until_the_conversation_is_resumed() {
    let mut play = play(EAGER);
    let message = || json!({ "conversation": { "id": "c1", "channel": "sms" }, "message": { "text": "hello" } });
    let kind = EventKind::MessageSent.as_str();
    play.decide(json!({ "kind": kind, "conversation": { "id": "c1" }, "message": { "text": "I am on it", "author": "member" } }));
    assert_eq!(play.wait("23h").tell(message()), "eager reply: blocked: human_takeover");
    let lane = play.world.conversations.keys().next().unwrap().clone();
    let scope = crate::model::Scope::Conversation(lane);
    let resumed = crate::model::Control { resumed_at: Some(play.now), ..crate::model::Control::of(scope) };
    play.world.controls.0.push(resumed);
    assert_eq!(play.tell(message()), "eager reply: chosen");
    play.wait("1s").decide(
        json!({ "kind": kind, "conversation": { "id": "c1" }, "message": { "text": "again", "author": "member" } }),
    );
    assert_eq!(play.wait("1h").tell(message()), "eager reply: blocked: human_takeover");
    assert_eq!(play.wait("23h").tell(message()), "eager reply: chosen");
}

#[test]
fn a_rule_has_a_due_window_of_its_own_and_old_mail_gets_no_new_answer() {
    let mut own = surroundings();
    let over = Overrides { due_window: Some(SignedDuration::from_hours(1)), ..Overrides::default() };
    own.guard.rules.insert("eager".to_owned(), over);
    let mut play = Play::of(book(&[("rules.yaml", &rules(EAGER))], own.clone()));
    let hour = SignedDuration::from_hours(1);
    let leaves_until = |decision: &Decision| decision.sends[0].expires.unwrap();
    let decision = play.decide(json!({ "message": { "id": "m1", "text": "x" } }));
    assert_eq!(leaves_until(&decision), play.now.checked_add(hour).unwrap());
    let old = play.now.checked_sub(hour * 48).unwrap();
    let written = json!({ "conversation": { "id": "c2" }, "message": { "id": "m2", "text": "x" } });
    let mut event = event(written, play.book.surroundings(), 9, play.now);
    event.at = old;
    let facts = play.world.facts(&play.book, event, play.now);
    let (_, decision) = play.world.decide(&play.book, facts.clone(), Depth::Matched);
    assert!(decision.sends.is_empty(), "it is older than guard.answer_max_age");
    let marking = "  - name: mark\n    do:\n      - note: { text: Seen }\n      - tag: { add: [seen] }\n";
    let marking = book(&[("rules.yaml", &rules(marking))], own.clone());
    let (_, decision) = play.world.decide(&marking, facts.clone(), Depth::Matched);
    assert!(decision.sends.is_empty(), "nor are there notes and tags long after");
    own.guard.answer_max_age = SignedDuration::ZERO;
    let book = book(&[("rules.yaml", &rules(EAGER))], own);
    let (_, decision) = play.world.decide(&book, facts, Depth::Matched);
    assert!(leaves_until(&decision) < play.now, "it is called off as `expired` when it is about to leave");
}
