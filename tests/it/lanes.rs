//! What holds between the events of one conversation, and between what we send and what comes back of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::SignedDuration;
use rejoinder::model::{Curbs, Decision, EventId, SendState, Verdict};
use rejoinder::pipeline::{self, Step};
use rejoinder::provider::sandbox::{Incoming, Speaks};
use rejoinder::rules::{self, Depth};
use rejoinder::server::{self, Limits, Shared};
use rejoinder::store::{Accepted, Commit};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::rig::{Bench, Moment, Setup, message};
use crate::server::store::{Mood, Moody};

const COUNT: &str = r#"
version: 1
rules:
  - name: count
    do: [{ set: { n: "{{ (state.n | default(0)) + 1 }}" } }]
"#;

/// Answers everything it is shown, also what nobody should answer.
const EAGER: &str = r#"
version: 1
rules:
  - name: eager
    on: [message.received, message.sent, note.added, conversation.updated, conversation.closed, other]
    do: [{ reply: { text: "Hello." } }, { note: { text: "Seen." } }]
"#;

const LATER: &str = r#"
version: 1
rules:
  - name: remind
    when: { message.text: { contains_word: help } }
    do:
      - reply: { text: "Still there?", delay: 2m, cancel_on: [human_reply, contact_message, closed] }
"#;

/// The codes that stopped an action, over all rules that matched.
fn blocks(decision: &Decision) -> Vec<String> {
    let actions = decision.trace.matched.iter().flat_map(|rule| &rule.actions);
    let code = |verdict: &Verdict| match verdict {
        Verdict::Blocked { code, .. } => Some(code.clone()),
        Verdict::Vetoed { by } => Some(format!("vetoed by {by}")),
        _ => None,
    };
    actions.filter_map(|action| code(&action.verdict)).collect()
}

/// A conversation item of Spruce that a teammate, not the contact, wrote.
fn by_a_teammate(bench: &Bench, conversation: &str, direction: &str) -> Value {
    let incoming = message(Speaks::Spruce, conversation, "I take this one");
    let mut payload = bench.sandbox.arrive(Speaks::Spruce, incoming, bench.time.now());
    let object = &mut payload["data"]["object"];
    object["direction"] = json!(direction);
    object["isInternalNote"] = json!(direction == "none");
    object["author"] = json!({ "id": "entity_0D4QABCC06001", "displayName": "Nurse Joy" });
    payload
}

/// Spruce tells that a conversation changed.
fn changed(bench: &Bench, conversation: &str, archived: bool) -> Value {
    let now = bench.time.now();
    json!({ "object": "event", "type": "conversation.updated", "eventTime": now, "data": { "object": {
        "object": "conversation", "id": conversation, "type": "phone", "archived": archived, "modifiedAt": now,
    } } })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failing_disk_kept_from_being_decided_waits_for_no_lease() {
    let mut bench = Bench::new(COUNT).await;
    let store = Moody::new();
    Arc::get_mut(&mut bench.engine).unwrap().store = Arc::clone(&store) as _;
    let mut events = Vec::new();
    for conversation in ["101", "102"] {
        events.push(bench.arrive(Speaks::Spruce, conversation, "hello").await);
    }
    store.mood.send_replace(Mood::Failing);
    pipeline::decide(&bench.engine).await.unwrap_err();
    store.mood.send_replace(Mood::Well);
    assert_eq!(bench.decide().await, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_conversation_are_decided_in_order_and_one_at_a_time() {
    let bench = Bench::new(COUNT).await;
    let mut lanes: BTreeMap<u32, Vec<EventId>> = BTreeMap::new();
    for number in 0..60 {
        let conversation = number % 4;
        let id = bench.arrive(Speaks::Spruce, &format!("10{conversation}"), &format!("message {number}")).await;
        lanes.entry(conversation).or_default().push(id);
    }
    // Many workers, as in production.
    let mut workers = JoinSet::new();
    for _ in 0..16 {
        let engine = Arc::clone(&bench.engine);
        workers.spawn(async move {
            while engine.store.counts().await.unwrap().undecided > 0 {
                if pipeline::decide(&engine).await.unwrap() == Step::Idle {
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    workers.join_all().await;
    for events in lanes.values() {
        for (place, event) in events.iter().enumerate() {
            let seen = bench.decision(event).await.seen;
            let before = seen.state.get("n").cloned().unwrap_or(json!(0));
            assert_eq!((before, seen.message_count), (json!(place), place as u64), "{event}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_conversations_do_not_wait() {
    let bench = Bench::new(COUNT).await;
    let first = bench.arrive(Speaks::Spruce, "101", "one").await;
    let second = bench.arrive(Speaks::Spruce, "101", "two").await;
    let other = bench.arrive(Speaks::Spruce, "102", "three").await;
    let engine = &bench.engine;
    let claim = engine.store.claim_event(bench.time.now(), engine.lease).await.unwrap().unwrap();
    assert_eq!(claim.event.id, first);
    assert_eq!(bench.decide().await, [other], "the second waits for the first, the other one does not");
    let decision = rules::decide(&engine.book.load(), &claim.facts(Curbs::default(), bench.time.now()), Depth::Matched);
    assert_eq!(engine.store.commit_decision(&claim, decision).await.unwrap(), Commit::Done);
    assert_eq!(bench.decide().await, [second]);
}

/// The webhook of our own message can be here before we know that it was sent.
#[tokio::test(flavor = "multi_thread")]
async fn our_own_message_is_known_even_when_its_webhook_comes_first() {
    for speaks in [Speaks::Spruce, Speaks::HighLevel] {
        let bench = Arc::new(Bench::new(EAGER).await);
        let event = bench.arrive(speaks, "1001", "hello").await;
        bench.decide().await;
        bench.wire.hold("/messages", Moment::After);
        let delivering = tokio::spawn({
            let bench = Arc::clone(&bench);
            async move { bench.deliver(speaks).await }
        });
        bench.wire.reached.notified().await;
        let echo = bench.sandbox.take_webhooks().remove(0);
        let (echo, _) = bench.post(speaks, &echo.payload).await;
        assert_eq!(bench.decide().await, [], "it waits until the attempt is recorded");
        bench.wire.release.notify_one();
        let sent = delivering.await.unwrap().unwrap();
        assert_eq!(bench.decide().await, std::slice::from_ref(&echo));
        assert!(bench.decision(&echo).await.seen.is_own, "{speaks:?}");
        let sends = bench.sends(&event).await;
        assert_eq!(sends.iter().find(|send| send.id == sent).unwrap().state, SendState::Confirmed, "{speaks:?}");
        bench.settle().await;
        assert_eq!(bench.replies(speaks, "1001"), ["Hello."], "{speaks:?}");
        let caused = bench.sends(&echo).await;
        assert!(caused.iter().all(|send| !send.action.reaches_contact()), "{caused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_echo_gets_no_reply_and_one_note() {
    let bench = Bench::new(EAGER).await;
    let event = bench.arrive(Speaks::Spruce, "1001", "hello").await;
    bench.settle().await;
    let states: Vec<_> = bench.sends(&event).await.into_iter().map(|send| send.state).collect();
    assert_eq!(states, [SendState::Confirmed, SendState::Confirmed], "reply and note came back by webhook");
    let stored = bench.engine.store.events(&rejoinder::store::EventQuery::default()).await.unwrap();
    let echoes: Vec<_> = stored.iter().filter(|stored| stored.event.id != event).collect();
    assert_eq!(echoes.len(), 4, "a note may follow what we sent, and nothing may follow that");
    for echo in echoes {
        let decision = echo.decision.as_ref().unwrap();
        let wanted: &[&str] = if decision.seen.depth == 1 { &["own_message"] } else { &["own_message", "chain_depth"] };
        assert_eq!(blocks(decision), wanted);
    }
}

/// What happens to a delayed reply when this arrives a minute later.
async fn cancelled_by(payload: impl FnOnce(&Bench) -> Value) -> Option<String> {
    let bench = Bench::new(LATER).await;
    let event = bench.arrive(Speaks::Spruce, "1001", "help").await;
    bench.decide().await;
    assert_eq!(bench.send(&event).await.state, SendState::Pending, "its own event does not call it off");
    assert_eq!(bench.deliver(Speaks::Spruce).await, None, "it is not due");
    bench.pass(SignedDuration::from_mins(1));
    let payload = payload(&bench);
    bench.post(Speaks::Spruce, &payload).await;
    bench.settle().await;
    let replies = bench.replies(Speaks::Spruce, "1001").into_iter().filter(|text| text == "Still there?").count();
    match bench.send(&event).await.state {
        SendState::Cancelled { reason } => {
            assert_eq!(replies, 0);
            Some(reason)
        }
        state => {
            assert_eq!((state, replies), (SendState::Confirmed, 1));
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_reply_is_called_off_by_what_its_rule_names_and_by_nothing_else() {
    let says = |bench: &Bench, conversation: &str| {
        let incoming = message(Speaks::Spruce, conversation, "never mind");
        bench.sandbox.arrive(Speaks::Spruce, incoming, bench.time.now())
    };
    assert_eq!(cancelled_by(|bench| says(bench, "1001")).await.as_deref(), Some("contact_message"));
    assert_eq!(cancelled_by(|bench| by_a_teammate(bench, "1001", "outbound")).await.as_deref(), Some("human_reply"));
    assert_eq!(cancelled_by(|bench| changed(bench, "1001", true)).await.as_deref(), Some("closed"));
    assert_eq!(cancelled_by(|bench| says(bench, "1002")).await, None, "another conversation");
    assert_eq!(cancelled_by(|bench| by_a_teammate(bench, "1001", "none")).await, None, "a note is no reply");
    assert_eq!(cancelled_by(|bench| changed(bench, "1001", false)).await, None, "changed, not closed");
}

/// The immediate reply comes back as a message of our side; it is not a person's.
#[tokio::test(flavor = "multi_thread")]
async fn our_own_reply_does_not_call_off_the_delayed_one() {
    let rules = &[(
        "a.yaml",
        r#"
version: 1
rules:
  - name: now
    do: [{ reply: { text: "We have it.", kind: ack } }]
  - name: later
    do: [{ reply: { text: "Still there?", delay: 2m, cancel_on: [human_reply] } }]
"#,
    )];
    let change = |config: &mut Value| config["guard"] = json!({ "allow_multiple": true });
    let bench = Bench::set(Setup { rules, change, ..Setup::default() }).await;
    bench.arrive(Speaks::Spruce, "1001", "help").await;
    bench.settle().await;
    assert_eq!(bench.replies(Speaks::Spruce, "1001"), ["We have it.", "Still there?"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn once_is_remembered_over_events_and_restarts() {
    const RULES: &str = r#"
version: 1
rules:
  - name: daily
    once: { per: conversation, every: 24h }
    do: [{ tag: { add: [seen] } }, { note: { text: "Daily." } }]
  - name: newcomer
    once: { per: contact }
    do: [{ note: { text: "First time." } }]
"#;
    let mut bench = Bench::new(RULES).await;
    let from_ann = |conversation: &str| Incoming {
        phone: Some("+15550142".to_owned()),
        ..message(Speaks::Spruce, conversation, "hello")
    };
    let none: [&str; 0] = [];
    for (hours, conversation, expect) in [
        (0, "1001", &none[..]),
        (1, "1001", &["once", "once", "once"]),
        (2, "1002", &["once"]),
        (22, "1001", &["once"]),
    ] {
        bench.pass(SignedDuration::from_hours(hours));
        let event = bench.arrive_as(Speaks::Spruce, from_ann(conversation)).await;
        bench.settle().await;
        assert_eq!(blocks(&bench.decision(&event).await), expect, "{hours} h later in {conversation}");
        bench.close().await;
        bench.open().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_answered_by_one_rule_and_the_same_answer_waits() {
    const RULES: &str = r#"
version: 1
rules:
  - name: first
    do: [{ reply: { text: "First." } }]
  - name: second
    do: [{ reply: { text: "Second." } }]
"#;
    let bench = Bench::new(RULES).await;
    for (minutes, expect) in [
        (0, &["already_answered"][..]),
        // The first is silent for a quarter of an hour, so that the second gets its turn, and then both are silent.
        (1, &["once"]),
        (1, &["once", "once"]),
        // More than two replies under one subject in three hours would be one too many.
        (190, &["already_answered"]),
    ] {
        bench.pass(SignedDuration::from_mins(minutes));
        let event = bench.arrive(Speaks::Spruce, "1001", "hello").await;
        bench.settle().await;
        assert_eq!(blocks(&bench.decision(&event).await), expect, "{minutes} minutes later");
    }
    assert_eq!(bench.replies(Speaks::Spruce, "1001"), ["First.", "Second.", "First."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn vector_12_the_same_delivery_fifty_times_at_once_is_one_event_and_one_send() {
    let bench = Arc::new(Bench::new("version: 1\nrules: [{ name: a, do: [{ reply: { text: Hello. } }] }]").await);
    let payload = bench.sandbox.arrive(Speaks::Spruce, message(Speaks::Spruce, "1001", "hi"), bench.time.now());
    let mut posting = JoinSet::new();
    for _ in 0..50 {
        let (bench, payload) = (Arc::clone(&bench), payload.clone());
        posting.spawn(async move { bench.post(Speaks::Spruce, &payload).await });
    }
    let answers = posting.join_all().await;
    assert_eq!(answers.iter().filter(|(_, accepted)| *accepted == Accepted::New).count(), 1);
    assert!(answers.iter().all(|(id, _)| *id == answers[0].0), "every answer names the same event");
    bench.settle().await;
    bench.send(&answers[0].0).await;
    assert_eq!(bench.replies(Speaks::Spruce, "1001").len(), 1);
    assert_eq!(bench.post(Speaks::Spruce, &payload).await.1, Accepted::Duplicate, "also after it was answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_veto_in_the_last_file_still_wins() {
    let rules = &[
        ("10-answer.yaml", "version: 1\nrules: [{ name: answer, do: [{ reply: { text: Hello. } }], stop: true }]"),
        (
            "99-never.yaml",
            r#"{ version: 1, rules: [{ name: never, when: { message.text: { contains: lawyer } }, veto: reply }] }"#,
        ),
    ];
    let bench = Bench::set(Setup { rules, ..Setup::default() }).await;
    for (conversation, text, expect) in [("1001", "hello", 1), ("1002", "my lawyer says", 0)] {
        let event = bench.arrive(Speaks::Spruce, conversation, text).await;
        bench.settle().await;
        assert_eq!(bench.replies(Speaks::Spruce, conversation).len(), expect);
        let stopped = if expect == 1 { vec![] } else { vec!["vetoed by never"] };
        assert_eq!(blocks(&bench.decision(&event).await), stopped);
    }
}

/// What the operator's side explains of an event.
async fn explain(bench: &Bench, event: &EventId) -> Value {
    let patience = Duration::from_secs(9);
    let limits = Limits { concurrency: 1, request_timeout: patience, ..Limits::default() };
    let shared = Arc::new(Shared::new(Arc::clone(&bench.engine), limits, None));
    let path = format!("/api/v1/events/{event}/explain");
    let (status, explained) = server::ask(shared, Method::GET, &path, None).await.unwrap();
    assert_eq!(status, 200, "{explained}");
    explained
}

/// Over rules that change what they look at, and after the rule book was replaced.
#[tokio::test(flavor = "multi_thread")]
async fn explain_agrees_with_what_was_decided() {
    const RULES: &str = r#"
version: 1
rules:
  - name: first-words
    when: { script: "!(\"n\" in state)" }
    do: [{ set: { n: 1 } }]
  - name: more-words
    when: { state.n: { gte: 1 } }
    do: [{ set: { n: "{{ state.n + 1 }}" } }]
  - name: fourth
    when: { state.n: { gt: 3 }, message.text: { contains: hello } }
    do: [{ reply: { text: "That is a lot." } }]
    stop: true
  - name: last
    do: [{ tag: { add: [read] } }]
"#;
    let bench = Bench::new(RULES).await;
    let mut events = Vec::new();
    for _ in 0..6 {
        events.push(bench.arrive(Speaks::Spruce, "1001", "hello").await);
        bench.pass(SignedDuration::from_mins(1));
        bench.settle().await;
    }
    bench.engine.book.store(Arc::new({
        let files = vec![("rules.yaml".to_owned(), COUNT.to_owned())];
        let surroundings = bench.engine.book.load().surroundings().clone();
        rules::Book::compile(files, surroundings).unwrap_or_else(|faults| panic!("{faults}"))
    }));
    let mut seen = Vec::new();
    for event in &events {
        let explained = explain(&bench, event).await;
        let names = |key: &str| -> Vec<String> {
            let rules = explained["decision"]["trace"][key].as_array().cloned().unwrap_or_default();
            rules.iter().map(|rule| rule["rule"].as_str().unwrap().to_owned()).collect()
        };
        let (matched, unmatched) = (names("matched"), names("unmatched"));
        let stored = bench.decision(event).await;
        let decided: Vec<String> = stored.trace.matched.iter().map(|rule| rule.rule.clone()).collect();
        assert_eq!(matched, decided);
        let mut all = [matched.clone(), unmatched].concat();
        all.sort();
        assert_eq!(all, ["first-words", "fourth", "last", "more-words"], "each rule stands on one side: {explained}");
        seen.push(matched.join(" "));
    }
    // The third is the first after which more than three were counted.
    insta::assert_snapshot!(seen.join("\n"), @r"
    first-words more-words last
    more-words last
    more-words fourth
    more-words fourth
    more-words fourth
    more-words fourth
    ");
}
