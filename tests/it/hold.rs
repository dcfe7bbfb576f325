//! What waits for a person, and what people order: pauses, approval, drafts, takeover, quarantine. The pipeline's own steps
//! under a clock of the test, and the admin API without a socket. The numbers are those of the loop guard's test vectors.

mod approval;

use std::sync::Arc;

use http::Method;
use jiff::SignedDuration;
use rejoinder::model::{EventId, Send as OutgoingSend, SendState, Verdict};
use rejoinder::provider::sandbox::Speaks;
use rejoinder::server::{self, Shared};
use rejoinder::{app, config};
use serde_json::{Value, json};

use crate::rig::{Bench, message};

const SPRUCE: Speaks = Speaks::Spruce;

/// It answers every message.
const EAGER: &str = r#"
version: 1
rules:
  - name: greet
    once: { per: event }
    do: [{ reply: { text: "We have it." } }]
"#;

/// It answers after ten minutes.
const LATER: &str = r#"
version: 1
rules:
  - name: nudge
    do: [{ reply: { text: "Still there?", delay: 10m } }]
"#;

async fn ask(bench: &Bench, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
    let shared = Shared::new(Arc::clone(&bench.engine), crate::stage::limits(), None);
    server::ask(Arc::new(shared), method, &format!("/api/v1{path}"), body).await.unwrap()
}

async fn get(bench: &Bench, path: &str) -> Value {
    let (status, answer) = ask(bench, Method::GET, path, None).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

async fn tell(bench: &Bench, path: &str, body: Value) -> Value {
    let (status, answer) = ask(bench, Method::POST, path, Some(&body)).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// What is wrong with an order.
async fn refused(bench: &Bench, path: &str, body: Value) -> (u16, String) {
    let (status, answer) = ask(bench, Method::POST, path, Some(&body)).await;
    (status, answer["detail"].as_str().unwrap_or_default().to_owned())
}

/// A message that a teammate wrote to the contact.
async fn a_person_answers(bench: &Bench, conversation: &str) {
    let incoming = message(SPRUCE, conversation, "I take this one");
    let mut payload = bench.sandbox.arrive(SPRUCE, incoming, bench.time.now());
    let object = &mut payload["data"]["object"];
    object["direction"] = json!("outbound");
    object["author"] = json!({ "id": "entity_0D4QABCC06001", "displayName": "Nurse Joy" });
    bench.post(SPRUCE, &payload).await;
}

/// What we answered, as the provider has it; the teammate's own words are left out.
fn replies(bench: &Bench, conversation: &str) -> usize {
    bench.replies(SPRUCE, conversation).iter().filter(|text| *text != "I take this one").count()
}

async fn one(bench: &Bench, text: &str) -> EventId {
    let event = bench.arrive(SPRUCE, "1001", text).await;
    bench.settle().await;
    event
}

fn cancelled(send: &OutgoingSend) -> &str {
    match &send.state {
        SendState::Cancelled { reason } => reason,
        state => panic!("{state:?}"),
    }
}

async fn blocked(bench: &Bench, event: &EventId) -> String {
    match &bench.decision(event).await.trace.matched[0].actions[0].verdict {
        Verdict::Blocked { code, .. } => code.clone(),
        verdict => format!("{verdict:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vector_14_a_person_who_answers_during_the_delay_calls_the_reply_off() {
    let bench = Bench::new(LATER).await;
    let event = bench.arrive(SPRUCE, "1001", "hello").await;
    bench.decide().await;
    bench.pass(SignedDuration::from_mins(1));
    a_person_answers(&bench, "1001").await;
    bench.settle().await;
    assert_eq!(cancelled(&bench.send(&event).await), "answered_by_human");
    assert_eq!(replies(&bench, "1001"), 0);
}

/// The answer is taken with 200 a moment before the reply is due, and nobody has decided it yet.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_a_person_that_is_accepted_but_not_decided_keeps_the_reply_back() {
    let bench = Bench::new(LATER).await;
    let event = bench.arrive(SPRUCE, "1001", "hello").await;
    bench.decide().await;
    bench.pass(SignedDuration::from_mins(9));
    a_person_answers(&bench, "1001").await;
    bench.pass(SignedDuration::from_mins(2));
    assert_eq!(bench.deliver(SPRUCE).await, None, "the answer is decided first");
    assert_eq!(bench.send(&event).await.state, SendState::Pending);
    bench.settle().await;
    assert_eq!(cancelled(&bench.send(&event).await), "answered_by_human");
    assert_eq!(replies(&bench, "1001"), 0);
}

/// Puts other rules in force, as a reload does.
fn reload(bench: &Bench, rules: &str) {
    let file = bench.config_file();
    std::fs::write(file.with_file_name("rules").join("rules.yaml"), rules).unwrap();
    let settings = config::load(&file).unwrap_or_else(|faults| panic!("{faults}"));
    bench.engine.book.store(Arc::new(app::load_book(&settings).unwrap_or_else(|faults| panic!("{faults}"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn vector_15_a_rule_that_is_changed_or_deleted_during_the_delay_calls_its_reply_off() {
    let other = LATER.replace("Still there?", "Hello?");
    let deleted = "version: 1\nrules: []\n".to_owned();
    let untouched = format!("# A comment changes nothing.\n{LATER}");
    for (rules, state) in [(other, "cancelled"), (deleted, "cancelled"), (untouched, "confirmed")] {
        let bench = Bench::new(LATER).await;
        let event = bench.arrive(SPRUCE, "1001", "hello").await;
        bench.decide().await;
        reload(&bench, &rules);
        bench.settle().await;
        let send = bench.send(&event).await;
        assert_eq!(send.state.name(), state, "{rules}");
        if state == "cancelled" {
            assert_eq!((cancelled(&send), replies(&bench, "1001")), ("rule_changed", 0));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vector_21_a_pause_of_everything_survives_a_restart_and_loses_nothing() {
    let mut bench = Bench::new(EAGER).await;
    let paused = tell(&bench, "/pause", json!({ "scope": "all", "by": "kim", "why": "wrong prices" })).await;
    assert_eq!(paused["control"]["pause"]["by"], "kim");
    let first = one(&bench, "hello").await;
    let decision = bench.decision(&first).await;
    assert_eq!(decision.trace.matched[0].actions[0].verdict, Verdict::Chosen, "events are decided all the same");
    let held = get(&bench, "/held?cause=paused").await;
    assert_eq!(held["sends"][0]["event"], first.as_str());
    let reason = held["sends"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("all was paused by kim at ") && reason.ends_with(": wrong prices"), "{reason}");
    assert_eq!(replies(&bench, "1001"), 0);

    bench.close().await;
    bench.open().await;
    let second = bench.arrive(SPRUCE, "1002", "hello").await;
    bench.settle().await;
    let status = get(&bench, "/status").await;
    assert_eq!((&status["paused"], &status["counts"]["held"]), (&json!(["all"]), &json!(2)));
    let (code, why) = refused(&bench, "/pause", json!({ "scope": "all", "why": "again" })).await;
    assert_eq!((code, why.starts_with("all is paused already, by kim since ")), (409, true), "{why}");
    let id = bench.send(&first).await.id;
    let (code, why) = refused(&bench, &format!("/held/{id}/release"), json!({})).await;
    assert_eq!((code, why.contains("all is paused by kim")), (409, true), "{why}");

    let resumed = tell(&bench, "/resume", json!({ "scope": "all", "by": "lee" })).await;
    assert_eq!((&resumed["released"], &resumed["still_paused"]), (&json!(2), &json!([])));
    bench.settle().await;
    for (event, conversation) in [(&first, "1001"), (&second, "1002")] {
        let send = bench.send(event).await;
        assert_eq!((send.state.clone(), replies(&bench, conversation)), (SendState::Confirmed, 1));
        assert_eq!((send.hands[0].did.as_str(), send.hands[0].by.as_str()), ("release", "lee"));
    }
    let (code, why) = refused(&bench, "/resume", json!({ "scope": "all" })).await;
    assert_eq!((code, why.as_str()), (409, "all is not paused, nor is anything else"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_answered_during_a_pause_is_called_off_when_it_ends() {
    let bench = Bench::new(EAGER).await;
    tell(&bench, "/pause", json!({ "scope": "rule:greet", "by": "kim", "why": "under review" })).await;
    let event = one(&bench, "hello").await;
    assert_eq!(bench.send(&event).await.state.name(), "held");
    bench.pass(SignedDuration::from_mins(1));
    a_person_answers(&bench, "1001").await;
    bench.settle().await;
    tell(&bench, "/resume", json!({ "scope": "rule:greet" })).await;
    bench.settle().await;
    assert_eq!(cancelled(&bench.send(&event).await), "answered_by_human");
    assert_eq!(replies(&bench, "1001"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_leaves_in_the_order_in_which_it_was_decided() {
    let bench = Bench::new(EAGER.replace("We have it.", "You said {{ message.text }}").leak()).await;
    tell(&bench, "/pause", json!({ "scope": "all", "why": "x" })).await;
    for text in ["one", "two"] {
        one(&bench, text).await;
        bench.pass(SignedDuration::from_mins(1));
    }
    tell(&bench, "/resume", json!({ "scope": "all" })).await;
    bench.settle().await;
    assert_eq!(bench.replies(SPRUCE, "1001"), ["You said one", "You said two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_that_were_held_many_times_leave_once() {
    let bench = Bench::new(EAGER).await;
    tell(&bench, "/pause", json!({ "scope": "all", "why": "x" })).await;
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(one(&bench, "hello").await);
        bench.pass(SignedDuration::from_mins(150));
    }
    tell(&bench, "/resume", json!({ "scope": "all" })).await;
    bench.settle().await;
    assert_eq!(bench.replies(SPRUCE, "1001").len(), 1);
    assert_eq!(bench.send(&events[0]).await.state, SendState::Dropped { reason: "superseded".to_owned() });
}

/// A pause is not waiting: what it held goes stale.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_pause_held_for_days_does_not_leave() {
    let bench = Bench::new(EAGER).await;
    tell(&bench, "/pause", json!({ "scope": "all", "why": "x" })).await;
    let event = one(&bench, "hello").await;
    bench.pass(SignedDuration::from_hours(48));
    tell(&bench, "/resume", json!({ "scope": "all" })).await;
    bench.settle().await;
    assert_eq!(bench.send(&event).await.state, SendState::Cancelled { reason: "expired".to_owned() });
}

/// The one that is held longest is not among the latest thousand, which another pause still holds.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_longest_is_let_go_however_much_another_pause_holds() {
    const TWO: &str = r#"
version: 1
rules:
  - name: prices
    when: { message.text: price }
    do: [{ reply: { text: "It costs ten." } }]
  - name: rest
    do: [{ reply: { text: "We have it." } }]
"#;
    let bench = Bench::new(TWO).await;
    for scope in ["rule:prices", "rule:rest"] {
        tell(&bench, "/pause", json!({ "scope": scope, "why": "x" })).await;
    }
    let first = one(&bench, "price").await;
    for number in 0..1_000 {
        bench.arrive(SPRUCE, &format!("{}", 2_000 + number), "hello").await;
    }
    bench.settle().await;
    assert_eq!(get(&bench, "/status").await["counts"]["held"], 1_001);
    assert_eq!(tell(&bench, "/resume", json!({ "scope": "rule:prices" })).await["released"], 1);
    bench.settle().await;
    assert_eq!(bench.send(&first).await.state.name(), "confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_what_it_names_and_nothing_else() {
    let bench = Bench::new(EAGER).await;
    one(&bench, "hello").await;
    let paused = tell(&bench, "/pause", json!({ "scope": "conversation:1001", "why": "angry" })).await;
    assert_eq!(paused["control"]["scope"], "conversation:spruce/conversation:1001");
    assert_eq!(paused["control"]["pause"]["by"], "unknown");
    tell(&bench, "/pause", json!({ "scope": "account:fernand", "why": "moving" })).await;
    let here = one(&bench, "again").await;
    let there = bench.arrive(SPRUCE, "1002", "hello").await;
    let desk = bench.arrive(Speaks::Fernand, "1003", "hello").await;
    bench.settle().await;
    let mut states = Vec::new();
    for event in [&here, &there, &desk] {
        states.push(bench.send(event).await.state.name());
    }
    assert_eq!(states, ["held", "confirmed", "held"]);
    let resumed = tell(&bench, "/resume", json!({ "scope": "conversation:1001" })).await;
    assert_eq!((&resumed["released"], &resumed["still_paused"]), (&json!(1), &json!(["account:fernand"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_takes_over_is_not_interrupted_until_the_conversation_is_resumed() {
    let bench = Bench::new(EAGER).await;
    a_person_answers(&bench, "1001").await;
    bench.settle().await;
    bench.pass(SignedDuration::from_hours(1));
    let event = one(&bench, "thanks, and one more thing").await;
    assert_eq!(blocked(&bench, &event).await, "human_takeover");
    bench.pass(SignedDuration::from_mins(1));
    tell(&bench, "/resume", json!({ "scope": "conversation:1001", "by": "kim" })).await;
    one(&bench, "hello?").await;
    assert_eq!(replies(&bench, "1001"), 1);
}

/// Messages until a cap of two in ten minutes is reached; the event that was one too many.
async fn too_many(bench: &Bench) -> EventId {
    one(bench, "one").await;
    one(bench, "two").await;
    one(bench, "three").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_is_listed_with_its_evidence_and_ends_by_hand_or_by_time() {
    let bench = Bench::new(EAGER).await;
    let event = too_many(&bench).await;
    assert_eq!(blocked(&bench, &event).await, "loop_cap");
    let listed = get(&bench, "/quarantine").await["quarantines"].take();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let first = &listed[0];
    assert_eq!((&first["event"], &first["rule"], &first["active"]), (&json!(event), &json!("greet"), &json!(true)));
    assert_eq!(first["evidence"].as_array().map(Vec::len), Some(2), "{first}");
    assert_eq!(get(&bench, "/status").await["quarantined"], 1);
    bench.pass(SignedDuration::from_hours(1));
    let quiet = one(&bench, "four").await;
    assert_eq!(blocked(&bench, &quiet).await, "quarantined");

    let path = format!("/quarantine/{}", first["id"].as_str().unwrap());
    tell(&bench, &format!("{path}/release"), json!({ "by": "kim", "why": "it was a person" })).await;
    let (code, why) = refused(&bench, &format!("{path}/release"), json!({})).await;
    assert_eq!((code, why.contains("was released by kim at ")), (409, true), "{why}");
    assert_eq!(get(&bench, &path).await["released"]["why"], "it was a person");
    assert_eq!(get(&bench, "/quarantine").await["quarantines"], json!([]));
    let again = too_many(&bench).await;
    assert_eq!(replies(&bench, "1001"), 4, "two before, two after");

    let second = get(&bench, "/quarantine").await["quarantines"][0].clone();
    assert_eq!(second["event"], again.as_str());
    bench.pass(SignedDuration::from_hours(25));
    assert_eq!(get(&bench, "/quarantine").await["quarantines"], json!([]));
    let (code, why) =
        refused(&bench, &format!("/quarantine/{}/release", second["id"].as_str().unwrap()), json!({})).await;
    assert_eq!((code, why.contains("` ended at ")), (409, true), "{why}");
    one(&bench, "the next day").await;
    assert_eq!(replies(&bench, "1001"), 5);
    assert_eq!(get(&bench, "/quarantine?all=true").await["quarantines"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_is_not_there_is_refused_with_the_closest_name() {
    let bench = Bench::new(EAGER).await;
    bench.arrive(SPRUCE, "1001", "hello").await;
    bench.arrive(Speaks::Fernand, "1001", "hello").await;
    for (scope, code, words) in [
        ("rule:greeet", 404, "there is no rule `greeet`; did you mean `greet`?"),
        ("account:sprucy", 404, "there is no account `sprucy`; did you mean `spruce`?"),
        ("conversation:1002", 404, "there is no conversation `1002`; did you mean `1001`?"),
        (
            "conversation:spruce/conversation:1003",
            404,
            "there is no conversation `spruce/conversation:1003`; did you mean `spruce/conversation:1001`?",
        ),
        ("conversation:sprce/conversation:1", 404, "there is no account `sprce`; did you mean `spruce`?"),
        (
            "conversation:1001",
            409,
            "several accounts have a conversation `1001`; write which: fernand/conversation:1001, spruce/conversation:1001",
        ),
        ("everything", 400, "`everything` is no scope: write all, rule:NAME, account:NAME or conversation:ID"),
    ] {
        let (status, why) = refused(&bench, "/pause", json!({ "scope": scope, "why": "x" })).await;
        assert_eq!((status, why.starts_with(words)), (code, true), "{scope}: {why}");
    }
    let (code, why) = refused(&bench, "/pause", json!({ "scope": "all", "why": " " })).await;
    assert_eq!((code, why.starts_with("`why` is missing")), (422, true), "{why}");
    assert_eq!(get(&bench, "/controls").await["controls"], json!([]));
}
