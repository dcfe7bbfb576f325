//! Rate budgets and breakers of accounts, by the pipeline's own steps and over real connections: who waits, what a wait
//! costs, what an operator sees of it, and who is told.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use jiff::SignedDuration;
use rejoinder::clock::Clock;
use rejoinder::engine::{Account, Alarm};
use rejoinder::http::{Client, Egress};
use rejoinder::journey;
use rejoinder::model::{AccountName, EventId, SendState};
use rejoinder::provider::Metered;
use rejoinder::provider::hook::Hook;
use rejoinder::provider::sandbox::{Fault, Speaks};
use rejoinder::server::{self, Shared};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::rig::{Bench, Setup, outcomes};

const EAGER: &[(&str, &str)] = &[(
    "rules.yaml",
    r#"
version: 1
rules:
  - name: greet
    once: { per: event }
    do: [{ reply: { text: "We have it." } }]
"#,
)];

async fn bench() -> Bench {
    Bench::set(Setup { rules: EAGER, is_gated: true, ..Setup::default() }).await
}

/// So many customers write, each in a conversation of their own.
async fn wrote(bench: &Bench, speaks: Speaks, customers: usize) -> Vec<EventId> {
    let mut events = Vec::new();
    for customer in 0..customers {
        events.push(bench.arrive(speaks, &(101 + customer).to_string(), "hello").await);
    }
    bench.decide().await;
    events
}

/// Delivers until nothing can leave at the moment; how many steps that took.
async fn drain(bench: &Bench, speaks: Speaks) -> usize {
    let mut steps = 0;
    while bench.deliver(speaks).await.is_some() {
        steps += 1;
    }
    steps
}

/// How many attempts each send has had.
async fn attempts(bench: &Bench, events: &[EventId]) -> Vec<usize> {
    let mut attempts = Vec::new();
    for event in events {
        attempts.push(bench.send(event).await.attempts.len());
    }
    attempts
}

async fn account(bench: &Bench, speaks: Speaks) -> Value {
    let shared = Shared::new(Arc::clone(&bench.engine), crate::stage::limits(), None);
    let (status, answer) = server::ask(Arc::new(shared), Method::GET, "/api/v1/accounts", None).await.unwrap();
    assert_eq!(status, 200);
    let accounts = answer["accounts"].as_array().unwrap();
    accounts.iter().find(|account| account["account"] == speaks.as_str()).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_costs_the_sends_that_wait_nothing() {
    let bench = bench().await;
    let events = wrote(&bench, Speaks::Spruce, 8).await;
    bench.sandbox.fail_next(Speaks::Spruce, Fault::Status(503, None), 5);
    assert_eq!(drain(&bench, Speaks::Spruce).await, 5);
    assert_eq!(attempts(&bench, &events).await, [1, 1, 1, 1, 1, 0, 0, 0]);
    let shown = account(&bench, Speaks::Spruce).await;
    assert_eq!((&shown["breaker"]["state"], &shown["breaker"]["reason"]), (&json!("open"), &json!("503 ERROR")));
    assert_eq!((&shown["open_sends"], &shown["provider"]), (&json!(8), &json!("spruce")));
    // The first that tries fails as well; the rest still wait.
    bench.sandbox.fail_next(Speaks::Spruce, Fault::Reset, 1);
    bench.pass(SignedDuration::from_secs(30));
    assert_eq!(drain(&bench, Speaks::Spruce).await, 1);
    assert_eq!(attempts(&bench, &events).await.iter().sum::<usize>(), 6);
    bench.pass(SignedDuration::from_secs(60));
    assert!(drain(&bench, Speaks::Spruce).await > 0);
    assert_eq!(account(&bench, Speaks::Spruce).await["breaker"]["state"], "closed");
    bench.settle().await;
    for (customer, event) in events.iter().enumerate() {
        let send = bench.send(event).await;
        assert!(matches!(send.state, SendState::Delivered | SendState::Confirmed), "{:?}", outcomes(&send));
        assert_eq!(bench.replies(Speaks::Spruce, &(101 + customer).to_string()).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_stop_the_account_and_are_told() {
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let mut bench = bench().await;
    name_an_alarm(&mut bench, &told).await;
    let mut open = BTreeSet::new();
    assert!(journey::tell_breakers(&bench.engine, &mut open).await);
    wrote(&bench, Speaks::Sequenzy, 6).await;
    bench.sandbox.fail_next(Speaks::Sequenzy, Fault::Status(401, None), 5);
    assert_eq!(drain(&bench, Speaks::Sequenzy).await, 5);
    for _ in 0..2 {
        assert!(journey::tell_breakers(&bench.engine, &mut open).await);
    }
    bench.pass(SignedDuration::from_secs(30));
    assert!(drain(&bench, Speaks::Sequenzy).await > 0);
    assert!(journey::tell_breakers(&bench.engine, &mut open).await);
    let told = told.lock().unwrap().clone();
    let kinds: Vec<&str> = told.iter().map(|told| told["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["breaker.opened", "breaker.closed"]);
    assert_eq!((&told[0]["data"]["account"], &told[0]["data"]["provider"]), (&json!("sequenzy"), &json!("sequenzy")));
    assert!(told[0]["data"]["reason"].as_str().unwrap().starts_with("credentials refused: 401"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_of_one_account_is_not_told_again_for_another() {
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let mut bench = bench().await;
    name_an_alarm(&mut bench, &told).await;
    for speaks in [Speaks::Sequenzy, Speaks::Fernand] {
        wrote(&bench, speaks, 6).await;
        bench.sandbox.fail_next(speaks, Fault::Status(401, None), 5);
        drain(&bench, speaks).await;
    }
    let mut open = BTreeSet::new();
    // The hook fails at the first of the two.
    told.lock().unwrap().push(json!("fail"));
    assert!(!journey::tell_breakers(&bench.engine, &mut open).await);
    assert!(journey::tell_breakers(&bench.engine, &mut open).await);
    let told = told.lock().unwrap().clone();
    let accounts: Vec<&str> = told.iter().map(|told| told["data"]["account"].as_str().unwrap()).collect();
    assert_eq!(accounts, ["fernand", "sequenzy", "fernand"]);
}

/// A hook that notes what it is told. Where the last note is `fail`, it takes the note away and answers 503 once.
async fn name_an_alarm(bench: &mut Bench, told: &Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let url = format!("http://{}/alarm", listener.local_addr().unwrap());
    let told = Arc::clone(told);
    let router = axum::Router::new().fallback(move |axum::Json(body): axum::Json<Value>| {
        let mut told = told.lock().unwrap();
        let fails = told.last().is_some_and(|last| last == "fail");
        if fails {
            told.pop();
        }
        told.push(body);
        async move { if fails { http::StatusCode::SERVICE_UNAVAILABLE } else { http::StatusCode::OK } }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = json!({ "url": url, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" });
    let hook = Arc::new(Hook::open(&serde_json::from_value(settings).unwrap()).ok().unwrap());
    let mut egress = Egress::default();
    egress.allow(hook.url());
    let http = Metered::free(Arc::new(Client::new(egress, Duration::from_secs(5)).unwrap()), Clock::system());
    let name = AccountName::from("hook:ops");
    let built = Account {
        provider: "hook".to_owned(),
        adapter: Arc::clone(&hook) as _,
        http,
        concurrency: 1,
        on_unknown: rejoinder::outbox::OnUnknown::default(),
        bell: tokio::sync::Notify::default(),
    };
    let engine = Arc::get_mut(&mut bench.engine).unwrap();
    engine.accounts.insert(name.clone(), built);
    engine.alarm = Some(Alarm { account: name, hook });
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_that_asks_to_wait_holds_up_the_whole_account_and_no_other() {
    let bench = bench().await;
    let events = wrote(&bench, Speaks::Sequenzy, 3).await;
    let elsewhere = wrote(&bench, Speaks::Spruce, 1).await;
    bench.sandbox.fail_next(Speaks::Sequenzy, Fault::Status(429, Some(60)), 1);
    assert_eq!(drain(&bench, Speaks::Sequenzy).await, 1);
    assert_eq!(attempts(&bench, &events).await, [1, 0, 0]);
    assert_eq!(drain(&bench, Speaks::Spruce).await, 1);
    assert_eq!(bench.send(&elsewhere[0]).await.state, SendState::Delivered);
    assert!(account(&bench, Speaks::Sequenzy).await["quiet_until"].is_string());
    bench.pass(SignedDuration::from_secs(59));
    assert_eq!(drain(&bench, Speaks::Sequenzy).await, 0);
    bench.pass(SignedDuration::from_secs(2));
    assert_eq!(drain(&bench, Speaks::Sequenzy).await, 3);
    assert_eq!(attempts(&bench, &events).await, [2, 1, 1]);
}

/// Fernand takes five writes a minute.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_turn_can_still_be_paused() {
    let bench = bench().await;
    let events = wrote(&bench, Speaks::Fernand, 7).await;
    assert_eq!(drain(&bench, Speaks::Fernand).await, 5);
    // Which of several conversations is answered first is nobody's promise: they share what replies are counted by.
    let tried = attempts(&bench, &events).await;
    assert_eq!(tried.iter().sum::<usize>(), 5, "{tried:?}");
    let shared = Arc::new(Shared::new(Arc::clone(&bench.engine), crate::stage::limits(), None));
    let body = json!({ "scope": "all", "by": "kim", "why": "wrong prices" });
    let (status, answer) = server::ask(shared, Method::POST, "/api/v1/pause", Some(&body)).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    bench.pass(SignedDuration::from_secs(64));
    assert_eq!(drain(&bench, Speaks::Fernand).await, 2, "what does not leave needs no turn of its own");
    for (event, _) in events.iter().zip(tried).filter(|(_, tried)| *tried == 0) {
        let send = bench.send(event).await;
        assert!(matches!(send.state, SendState::Held { .. }) && send.attempts.is_empty(), "{send:?}");
    }
    assert_eq!(bench.wire.seen().iter().filter(|seen| seen.line.starts_with("POST")).count(), 5);
}
