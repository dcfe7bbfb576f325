//! What can be read, what cannot, and what belongs together.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::engine::{Account, Bells};
use crate::model::{AccountName, Action, ConversationRecord, Delivery, SourceName};
use crate::outbox::{OnUnknown, RetryPolicy};
use crate::provider::Metered;
use crate::provider::testing::{self, Anybody, Stage};
use crate::rules::testing::{book, broken_book, facts, rules, surroundings};
use crate::rules::{Depth, decide};
use crate::signature::verify;

/// Reads `{"text": …}`, refuses what is for `{"tenant": "another"}`, and keeps of each group it is given the first.
#[derive(Default)]
struct Desk {
    groups: Mutex<Vec<Vec<String>>>,
    has_key: bool,
}

#[async_trait]
impl crate::provider::Adapter for Desk {
    fn normalise(&self, _: &VerifiedDelivery, json: &Value) -> Normalised {
        match json["text"].as_str() {
            Some(text) => Normalised::Event(Box::new(Draft {
                dedupe_key: text.to_owned(),
                kind: EventKind::MessageReceived,
                ..unreadable_draft(b"")
            })),
            None => Normalised::Unreadable("there is no text".to_owned()),
        }
    }

    fn is_addressed(&self, json: &Value) -> bool {
        json["tenant"] != "another"
    }

    fn fold(&self, sends: Vec<Send>) -> Vec<Send> {
        let names = sends.iter().map(|send| format!("{}/{}", send.rule, send.action.name())).collect();
        self.groups.lock().unwrap().push(names);
        sends.into_iter().take(1).collect()
    }

    async fn deliver(&self, _: &Call<'_>) -> Outcome {
        Outcome::done()
    }

    async fn read_back(&self, call: &Call<'_>) -> ReadBack {
        ReadBack::Unclear(format!("may have landed: {}", call.may_have_landed))
    }

    fn remembers_keys_for(&self, _: &Action) -> Option<SignedDuration> {
        self.has_key.then(|| SignedDuration::from_hours(1))
    }

    fn base_urls(&self) -> Vec<url::Url> {
        Vec::new()
    }
}

fn engine(desk: Arc<Desk>) -> Engine {
    let account = Account {
        provider: "desk".to_owned(),
        adapter: desk,
        http: Metered::free(Arc::new(Stage::default()), Clock::system()),
        concurrency: 1,
        on_unknown: OnUnknown::default(),
        bell: tokio::sync::Notify::default(),
    };
    Engine {
        store: crate::store::memory::open(),
        sources: BTreeMap::new(),
        accounts: BTreeMap::from([(AccountName::from("support"), account)]),
        alarm: None,
        retention: SignedDuration::from_hours(30 * 24),
        pressure: crate::engine::Pressure::default(),
        failures: crate::rules::Tally::default(),
        book: ArcSwap::from_pointee(book(&[], surroundings())),
        clock: Clock::from_fn(testing::now),
        retry: RetryPolicy::default(),
        patience: crate::engine::Patience::default(),
        lease: SignedDuration::from_secs(60),
        bells: Bells::default(),
    }
}

fn source(account: &str) -> Source {
    Source {
        name: SourceName::from("inbox"),
        account: AccountName::from(account),
        verifier: Box::new(Anybody),
        mapping: None,
        scheme: "none".to_owned(),
        polling: crate::engine::Polling::default(),
        watch: crate::engine::Watch::default(),
    }
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| engine(Arc::default()));

fn read(account: &str, body: &[u8]) -> Result<Event, Rejection> {
    let delivery = Delivery { headers: http::HeaderMap::new(), body: body.to_vec(), received_at: testing::now() };
    let verified = verify(&Anybody, delivery, testing::now()).unwrap();
    normalise(&ENGINE, &source(account), &verified)
}

#[test]
fn what_cannot_be_read_is_kept_with_its_bytes_and_its_reason() {
    for (account, body, reason) in [
        ("support", b"{\"a\": hunter2".as_slice(), "the body is not JSON: expected value at line 1 column 7"),
        ("support", b"", "the body is not JSON: EOF while parsing a value at line 1 column 0"),
        ("support", b"\xff\xfe", "the body is not JSON: expected value at line 1 column 1"),
        ("support", b"{}", "there is no text"),
        ("gone", b"{\"text\": \"x\"}", "the account is gone"),
    ] {
        let event = read(account, body).unwrap();
        let unreadable = event.unreadable.as_ref().unwrap();
        assert_eq!((event.kind, unreadable.reason.as_str()), (EventKind::Unreadable, reason));
        assert_eq!(STANDARD.decode(&unreadable.body).unwrap(), body);
        assert_eq!((event.raw.is_null(), event.message.is_none()), (true, true));
        assert_eq!(event.id, read(account, body).unwrap().id, "a repeat is recognised");
        assert_ne!(event.id, read(account, b"other").unwrap().id);
    }
}

#[test]
fn what_can_be_read_has_its_source_and_its_time() {
    let event = read("support", b"{\"text\": \"x\"}").unwrap();
    assert_eq!((event.kind, event.provider.as_str()), (EventKind::MessageReceived, "desk"));
    assert_eq!(event.id, EventId::derive(&SourceName::from("inbox"), "x"));
    assert_eq!((event.at, event.received_at, &event.raw), (testing::now(), testing::now(), &json!({ "text": "x" })));
    assert_eq!(read("support", b"{\"text\": \"x\", \"tenant\": \"another\"}"), Err(Rejection::ForeignTenant));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_never_fails_but_for_another_tenant(body in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(read("support", &body).is_ok());
    }
}

#[test]
fn only_the_sends_of_one_rule_are_folded() {
    let list = "
  - name: a
    do: [{ reply: { text: x } }, { tag: { add: [x] } }]
  - name: b
    do: [{ tag: { add: [y] } }, { note: { text: y } }, { close: true }]
  - name: c
    do: [{ close: true }]";
    let desk = Arc::new(Desk::default());
    let engine = engine(Arc::clone(&desk));
    let facts = facts(json!({}));
    let decision = decide(&book(&[("r.yaml", &rules(list))], surroundings()), &facts, Depth::Matched);
    let folded = fold(&engine, &facts.event, decision);
    let groups = desk.groups.lock().unwrap().iter().map(|group| group.join(" ")).collect::<Vec<_>>();
    assert_eq!(groups, ["a/reply a/tag", "b/tag b/note b/close", "c/close"]);
    let kept: Vec<_> = folded.sends.iter().map(|send| send.rule.as_str()).collect();
    assert_eq!(kept, ["a", "b", "c"]);
    assert_eq!(folded.trace.matched.len(), 3, "the trace tells what was decided");
}

#[test]
fn only_what_could_be_done_twice_is_read_back() {
    let note = || Action::Note(crate::model::Note::default());
    for (has_key, hours, action, wanted) in [
        (false, 0, note(), Remedy::ReadBack),
        (true, 0, note(), Remedy::Repeat),
        (true, 2, note(), Remedy::ReadBack),
        (false, 0, Action::Close, Remedy::Repeat),
    ] {
        let engine = engine(Arc::new(Desk { has_key, ..Desk::default() }));
        let send = Send { state: SendState::Unknown, ..testing::send(action) };
        let now = send.attempts[0].started_at + SignedDuration::from_hours(hours);
        assert_eq!(remedy(&engine, &send, now), wanted, "{has_key} {hours} {}", send.action.name());
    }
}

#[test]
fn what_has_been_in_doubt_since_others_may_be_forgotten_is_held() {
    for (action, wanted) in
        [(Action::Note(crate::model::Note::default()), Remedy::Hold), (Action::Close, Remedy::Repeat)]
    {
        let engine = engine(Arc::new(Desk::default()));
        let send = Send { state: SendState::Unknown, ..testing::send(action) };
        let since = send.attempts[0].started_at;
        assert_eq!(remedy(&engine, &send, since + engine.retention / 2 + SignedDuration::from_hours(1)), wanted);
    }
}

#[test]
fn an_account_can_want_its_doubts_held_or_retried() {
    let note = || Action::Note(crate::model::Note::default());
    for (on_unknown, action, wanted) in [
        (OnUnknown::Reconcile, note(), Remedy::Repeat),
        (OnUnknown::Hold, note(), Remedy::Hold),
        (OnUnknown::Hold, Action::Close, Remedy::Repeat),
        (OnUnknown::Retry, note(), Remedy::Repeat),
    ] {
        let mut engine = engine(Arc::new(Desk { has_key: true, ..Desk::default() }));
        engine.accounts.values_mut().for_each(|account| account.on_unknown = on_unknown);
        let send = Send { state: SendState::Unknown, ..testing::send(action) };
        assert_eq!(remedy(&engine, &send, send.attempts[0].started_at), wanted, "{on_unknown:?}");
    }
}

#[tokio::test]
async fn a_try_that_was_cut_short_may_have_landed() {
    let engine = engine(Arc::default());
    for (state, may_have_landed) in [(SendState::Pending, false), (SendState::Unknown, true)] {
        let send = Send { state, ..testing::send(Action::Close) };
        let claim = SendClaim {
            event: facts(json!({})).event,
            send,
            conversation: ConversationRecord::default(),
            more: false,
            fence: 1,
        };
        let said = ReadBack::Unclear(format!("may have landed: {may_have_landed}"));
        assert_eq!(read_back(&engine, &claim, None).await, Ok(said));
    }
    let send = testing::send(Action::Close);
    let mut claim = SendClaim {
        event: facts(json!({})).event,
        send,
        conversation: ConversationRecord::default(),
        more: false,
        fence: 1,
    };
    assert_eq!(carry_out(&engine, &claim, None).await.unwrap().outcome, Outcome::done());
    claim.send.account = AccountName::from("gone");
    assert!(matches!(carry_out(&engine, &claim, None).await.unwrap().outcome, Outcome::Refused { .. }));
    assert!(matches!(read_back(&engine, &claim, None).await, Ok(ReadBack::Unclear(_))));
}

#[test]
fn an_event_waits_for_what_happened_before_it_only_as_long_as_that_may_come() {
    let at = |seconds: i64| testing::now() + SignedDuration::from_secs(seconds);
    let window = SignedDuration::from_secs(2);
    for (happened, wanted) in [(0, Some(2)), (-1, Some(1)), (-2, None), (-3600, None), (60, Some(2))] {
        assert_eq!(decide_from(at(happened), at(0), window), wanted.map(at), "{happened}");
    }
    assert_eq!(decide_from(at(0), at(0), SignedDuration::ZERO), None);
}

struct Looks;

#[async_trait]
impl crate::provider::Adapter for Looks {
    fn normalise(&self, _: &VerifiedDelivery, _: &Value) -> Normalised {
        Normalised::Unreadable(String::new())
    }
    async fn deliver(&self, _: &Call<'_>) -> Outcome {
        Outcome::done()
    }
    async fn read_back(&self, call: &Call<'_>) -> ReadBack {
        let request = crate::http::Request::new(http::Method::GET, "https://desk.example/".parse().unwrap());
        match call.http.call(request).await {
            Ok(_) => ReadBack::Landed { provider_id: None },
            Err(error) => ReadBack::Unclear(error.to_string()),
        }
    }
    fn base_urls(&self) -> Vec<url::Url> {
        Vec::new()
    }
}

#[tokio::test]
async fn a_doubt_is_cleared_up_when_the_provider_is_back() {
    use crate::store::conformance::sample::{LEASE, at, decision, desk, event, reply};
    use std::sync::atomic::{AtomicI64, Ordering};
    let time = Arc::new(AtomicI64::new(0));
    let clock = || {
        let time = Arc::clone(&time);
        Clock::from_fn(move || at(time.load(Ordering::SeqCst)))
    };
    let broken = (0..5).map(|_| testing::answer(500, json!({})));
    let stage = Stage::answering(broken.chain((0..5).map(|_| testing::answer(200, json!({})))).collect::<Vec<_>>());
    let adapter = Arc::new(Looks);
    let account = Account {
        provider: "desk".to_owned(),
        http: Metered::new(desk(), Arc::new(stage), adapter.as_ref(), clock()),
        adapter,
        concurrency: 1,
        on_unknown: OnUnknown::default(),
        bell: tokio::sync::Notify::default(),
    };
    let engine = Engine { accounts: BTreeMap::from([(desk(), account)]), clock: clock(), ..engine(Arc::default()) };
    let store = &engine.store;
    store.accept(event("1", "1")).await.unwrap();
    let claim = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
    let sends = vec![reply(&claim.event, 0, 0)];
    let id = sends[0].id.clone();
    store.commit_decision(&claim, Decision { sends, ..decision(&claim) }).await.unwrap();
    let claim = store.claim_send(&desk(), at(1), LEASE).await.unwrap().unwrap();
    let mut send = Send { state: SendState::Unknown, ..claim.send.clone() };
    send.attempts[0].ended_at = Some(at(1));
    send.attempts[0].outcome = Some(Outcome::Unknown { reason: "500".to_owned() });
    store.commit_attempt(&claim, send).await.unwrap();
    for _ in 0..5 {
        let request = crate::http::Request::new(http::Method::POST, "https://desk.example/".parse().unwrap());
        engine.accounts[&desk()].http.line(Priority::Reply).call(request).await.unwrap();
    }
    for round in 0..2 {
        time.fetch_add(60, Ordering::SeqCst);
        let began = std::time::Instant::now();
        let turn = turn(&engine, &desk()).await;
        crate::pipeline::deliver_in(&engine, &desk(), turn).await.unwrap();
        let state = store.send(&id).await.unwrap().unwrap().state;
        let breaker = engine.accounts[&desk()].http.gate().status().breaker;
        eprintln!("round {round}: {state:?} after {:?}, breaker {breaker:?}", began.elapsed());
    }
    assert_eq!(store.send(&id).await.unwrap().unwrap().state, SendState::Delivered);
}

#[tokio::test]
async fn an_event_at_which_deciding_panics_is_decided_once_and_its_lane_goes_on() {
    use crate::store::conformance::sample::{LEASE, at, event};
    for action in ["close: true", "script: close()"] {
        let list = format!("  - name: a\n    do: [{{ {action} }}]");
        let mut engine = engine(Arc::default());
        engine.clock = Clock::from_fn(|| at(1));
        let store = &engine.store;
        store.accept(event("first", "1")).await.unwrap();
        store.accept(event("second", "1")).await.unwrap();
        let (broken, whole) = (broken_book(&list, surroundings()), book(&[("r.yaml", &rules(&list))], surroundings()));
        for (key, book, sends) in [("first", broken, 0), ("second", whole, 1)] {
            engine.book.store(Arc::new(book));
            let claim = store.claim_event(at(1), LEASE).await.unwrap().unwrap();
            assert_eq!(claim.event.raw["key"], key);
            let decision = super::decide(&engine, &claim).await.unwrap();
            assert_eq!(decision.sends.len(), sends, "{action}");
            assert_eq!(store.commit_decision(&claim, decision).await.unwrap(), crate::store::Commit::Done);
        }
        assert!(store.claim_event(at(999), LEASE).await.unwrap().is_none(), "both are decided for good");
        let first = store.event(&event("first", "1").id).await.unwrap().unwrap().decision.unwrap();
        let second = store.event(&event("second", "1").id).await.unwrap().unwrap().decision.unwrap();
        assert_eq!((first.trace.errors.len(), first.trace.rules_evaluated), (1, 0));
        assert_eq!((second.trace.errors.len(), second.trace.rules_evaluated), (0, 1));
        assert_eq!(first.cancels, second.cancels, "what waited for silence is called off all the same");
    }
}
