//! What is delivered and what is found are the same messages, in whatever order they come; a round that is cut short is
//! done again; a provider in trouble is waited for.

mod room;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::engine::{Account, Bells, Patience, Poll, Polling, Watch};
use crate::http::{CallError, Http, Request, Response};
use crate::model::{AccountName, Delivery, EventKind, SourceName};
use crate::outbox::OnUnknown;
use crate::pipeline::{self, Received};
use crate::provider::sandbox::{Fault, Incoming, Limits, Sandbox, SandboxRequest, SandboxResponse, Speaks};
use crate::provider::testing::Anybody;
use crate::provider::{ConversationQuery, Metered, provider};
use crate::rules::testing::{book, surroundings};

use crate::store::{EventQuery, Store};

const ALL: [Speaks; 4] = [Speaks::Sequenzy, Speaks::Fernand, Speaks::HighLevel, Speaks::Spruce];

/// A clock that stands still until it is told.
#[derive(Clone)]
struct Time(Arc<AtomicI64>);

impl Time {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }

    fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// The way to the sandbox without a socket. It breaks after so many calls.
struct Wire(Sandbox, Time, Fuse, Forbidden);

/// Ends of the paths to which the provider says 403.
type Forbidden = Arc<Mutex<Vec<&'static str>>>;

/// How many calls are left; more than a test makes where nothing shall break.
type Fuse = Arc<AtomicI64>;

/// A fuse that holds.
const WHOLE: i64 = 1_000_000;

#[async_trait]
impl Http for Wire {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let request = SandboxRequest {
            method: request.method,
            path: request.url.path().to_owned(),
            query: request.url.query().unwrap_or_default().to_owned(),
            headers: request.headers,
            body: request.body,
        };
        if self.2.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(CallError::Unanswered("reset".to_owned()));
        }
        if self.3.lock().unwrap().iter().any(|end| request.path.ends_with(end)) {
            return Ok(Response { status: 403, headers: HeaderMap::new(), body: Vec::new() });
        }
        match self.0.handle(&request, self.1.now()) {
            SandboxResponse::Answer { status, headers, body } => {
                let pair = |(name, value): (String, String)| (name.parse().unwrap(), value.parse().unwrap());
                let headers: HeaderMap = headers.into_iter().map(pair).collect();
                Ok(Response { status, headers, body })
            }
            SandboxResponse::Hang => Err(CallError::Unanswered("time-out".to_owned())),
            SandboxResponse::Reset => Err(CallError::Unanswered("reset".to_owned())),
        }
    }
}

/// A source at a provider that can be delivered to and polled.
struct Inbox {
    speaks: Speaks,
    sandbox: Sandbox,
    time: Time,
    fuse: Fuse,
    forbidden: Forbidden,
    engine: Engine,
}

impl Inbox {
    fn new(speaks: Speaks) -> Self {
        let time = Time(Arc::new(AtomicI64::new(1_772_445_600)));
        let sandbox = Sandbox::new(Limits::Off);
        let fuse = Fuse::new(AtomicI64::new(WHOLE));
        let forbidden = Forbidden::default();
        let wire = Wire(sandbox.clone(), time.clone(), Arc::clone(&fuse), Arc::clone(&forbidden));
        let engine = engine(speaks, wire, crate::store::memory::open());
        Self { speaks, sandbox, time, fuse, forbidden, engine }
    }

    /// Another program on the same store.
    fn restart(&mut self) {
        let forbidden = Arc::clone(&self.forbidden);
        let wire = Wire(self.sandbox.clone(), self.time.clone(), Arc::clone(&self.fuse), forbidden);
        self.engine = engine(self.speaks, wire, Arc::clone(&self.engine.store));
    }

    fn source(&self) -> &Source {
        self.engine.sources.values().next().unwrap()
    }

    /// A message arrives at the provider; the webhook that tells of it.
    fn arrive(&self, conversation: usize, text: &str) -> Value {
        let incoming = Incoming {
            conversation_id: (100 + conversation).to_string(),
            name: Some("Ann Lee".to_owned()),
            email: Some(format!("ann{conversation}@example.org")),
            text: text.to_owned(),
            ..Incoming::default()
        };
        self.sandbox.arrive(self.speaks, incoming, self.time.now())
    }

    async fn deliver(&self, webhook: &Value) {
        let body = webhook.to_string().into_bytes();
        let delivery = Delivery { headers: HeaderMap::new(), body, received_at: self.time.now() };
        let received = pipeline::accept(&self.engine, self.source(), delivery).await.unwrap();
        assert!(matches!(received, Received::Event(..)));
    }

    async fn poll(&self) -> Result<Progress, Trouble> {
        poll(&self.engine, self.source()).await
    }

    /// What contacts wrote, as conversation and text, in the order of acceptance.
    async fn received(&self) -> Vec<(String, String)> {
        let query = EventQuery { kind: Some(EventKind::MessageReceived), limit: 1_000, ..EventQuery::default() };
        let mut events = self.engine.store.events(&query).await.unwrap();
        events.reverse();
        let said = |event: crate::model::Event| (event.conversation.id.unwrap(), event.message.unwrap().text);
        events.into_iter().map(|stored| said(stored.event)).collect()
    }
}

fn engine(speaks: Speaks, wire: Wire, store: Arc<dyn Store>) -> Engine {
    let (account, name) = (AccountName::from("desk"), SourceName::from("inbox"));
    let adapter = provider("sandbox").unwrap().open(&account, &json!({ "speaks": speaks })).ok().unwrap();
    let clock = wire.1.clone();
    let time = Clock::from_fn({
        let clock = clock.clone();
        move || clock.now()
    });
    let every = SignedDuration::from_mins(1);
    let query = ConversationQuery { page_size: Some(3), ..ConversationQuery::default() };
    let source = Source {
        name: name.clone(),
        account: account.clone(),
        verifier: Box::new(Anybody),
        mapping: None,
        scheme: "none".to_owned(),
        polling: Polling {
            poll: Some(Poll { every, since: SignedDuration::ZERO, query }),
            backfill: Backfill::Auto,
            ..Polling::default()
        },
        watch: Watch::default(),
    };
    Engine {
        store,
        sources: BTreeMap::from([(name, source)]),
        accounts: BTreeMap::from([(
            account,
            Account {
                provider: speaks.as_str().to_owned(),
                adapter,
                http: Metered::free(Arc::new(wire), time),
                concurrency: 1,
                on_unknown: OnUnknown::default(),
                bell: tokio::sync::Notify::default(),
            },
        )]),
        failures: crate::rules::Tally::default(),
        book: ArcSwap::from_pointee(book(&[], surroundings())),
        clock: Clock::from_fn(move || clock.now()),
        retry: RetryPolicy::default(),
        lease: SignedDuration::from_secs(60),
        patience: Patience::default(),
        bells: Bells::default(),
        alarm: None,
        retention: SignedDuration::from_hours(30 * 24),
        pressure: crate::engine::Pressure::default(),
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// What happens to a source.
#[derive(Clone, Debug)]
enum Step {
    /// A message arrives in one of the conversations.
    Arrive(usize),
    /// One of the webhooks that were announced is delivered, perhaps not for the first time.
    Deliver(prop::sample::Index),
    /// A round.
    Poll,
    /// A round in which the connection breaks after so many calls.
    Fail(i64),
    /// The program ends and another one begins.
    Restart,
    /// Time.
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5_usize).prop_map(Step::Arrive),
        4 => any::<prop::sample::Index>().prop_map(Step::Deliver),
        2 => Just(Step::Poll),
        1 => (0..6_i64).prop_map(Step::Fail),
        1 => Just(Step::Restart),
        3 => (0..400_i64).prop_map(Step::Pass),
    ]
}

async fn play(speaks: Speaks, steps: Vec<Step>) -> (Vec<(String, String)>, Vec<(String, String)>) {
    let mut inbox = Inbox::new(speaks);
    begin(&inbox.engine, inbox.source()).await.unwrap();
    let (mut arrived, mut webhooks) = (Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Arrive(conversation) => {
                // HighLevel goes on after a time: it cannot page through what was written in one moment.
                inbox.time.pass(1);
                let text = format!("message {}", arrived.len());
                webhooks.push(inbox.arrive(conversation, &text));
                arrived.push(((100 + conversation).to_string(), text));
            }
            Step::Deliver(_) if webhooks.is_empty() => {}
            Step::Deliver(which) => inbox.deliver(which.get(&webhooks)).await,
            Step::Poll => drop(inbox.poll().await.unwrap()),
            Step::Fail(calls) => {
                inbox.fuse.store(calls, Ordering::SeqCst);
                let _ = inbox.poll().await;
                inbox.fuse.store(WHOLE, Ordering::SeqCst);
            }
            Step::Restart => {
                inbox.restart();
                begin(&inbox.engine, inbox.source()).await.unwrap();
            }
            Step::Pass(seconds) => inbox.time.pass(seconds),
        }
    }
    inbox.poll().await.unwrap();
    let mut received = inbox.received().await;
    received.sort();
    arrived.sort();
    (received, arrived)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_by_webhook_and_poll_is_one_event(steps in prop::collection::vec(step(), 0..40)) {
        for speaks in ALL {
            let (received, arrived) = run(play(speaks, steps.clone()));
            prop_assert_eq!(received, arrived, "{:?}", speaks);
        }
    }
}

#[test]
fn a_message_that_is_known_by_another_key_would_be_seen_twice() {
    run(async {
        let inbox = Inbox::new(Speaks::Spruce);
        begin(&inbox.engine, inbox.source()).await.unwrap();
        let mut webhook = inbox.arrive(0, "hello");
        inbox.poll().await.unwrap();
        inbox.deliver(&webhook).await;
        assert_eq!(inbox.received().await.len(), 1);
        webhook["data"]["object"]["id"] = json!("ti_OTHER");
        inbox.deliver(&webhook).await;
        assert_eq!(inbox.received().await.len(), 2);
    });
}

#[test]
fn what_came_while_nobody_listened_is_found_in_its_order() {
    for speaks in ALL {
        run(async {
            let mut inbox = Inbox::new(speaks);
            begin(&inbox.engine, inbox.source()).await.unwrap();
            inbox.poll().await.unwrap();
            let mut arrived = BTreeMap::<String, Vec<String>>::new();
            for number in 0..30_usize {
                inbox.time.pass(120);
                inbox.arrive(number % 7, &format!("message {number}"));
                arrived.entry((100 + number % 7).to_string()).or_default().push(format!("message {number}"));
            }
            inbox.restart();
            begin(&inbox.engine, inbox.source()).await.unwrap();
            let progress = inbox.poll().await.unwrap();
            assert_eq!((progress.conversations, progress.messages, progress.new), (Some(7), 30, 30), "{speaks:?}");
            let mut found = BTreeMap::<String, Vec<String>>::new();
            for (conversation, text) in inbox.received().await {
                found.entry(conversation).or_default().push(text);
            }
            assert_eq!(found, arrived, "{speaks:?}");
            // A round over what was read shortly before finds it known, and one over what rests asks for nothing.
            let again = inbox.poll().await.unwrap();
            assert_eq!(again.new, 0, "{speaks:?}");
            inbox.time.pass(90);
            assert!(inbox.poll().await.unwrap().messages > 0, "{speaks:?}");
            inbox.time.pass(90);
            assert_eq!(inbox.poll().await.unwrap().messages, 0, "{speaks:?}");
        });
    }
}

#[test]
fn the_position_moves_when_a_round_has_come_to_its_end() {
    run(async {
        let inbox = Inbox::new(Speaks::Sequenzy);
        let begun = begin(&inbox.engine, inbox.source()).await.unwrap().until;
        for conversation in 0..3 {
            inbox.time.pass(60);
            inbox.arrive(conversation, "hello");
        }
        inbox.time.pass(3_600);
        inbox.sandbox.fail_next(Speaks::Sequenzy, Fault::Status(429, Some(90)), 1);
        let trouble = inbox.poll().await.unwrap_err();
        assert_eq!(wait(1, &trouble), SignedDuration::from_secs(90), "{trouble}");
        let position = async || inbox.engine.store.position(&inbox.source().name).await.unwrap().unwrap();
        assert_eq!(position().await.until, begun);
        let state = inbox.source().watch.state();
        assert_eq!((state.errors, state.last_poll), (1, None));
        assert!(state.error.is_some());
        inbox.time.pass(90);
        inbox.poll().await.unwrap();
        assert_eq!(position().await, Position { since: begun, ..Position::at(inbox.time.now()) });
        assert_eq!(inbox.source().watch.state().errors, 0);
        assert_eq!(inbox.received().await.len(), 3);
    });
}

#[test]
fn a_start_looks_back_as_far_as_it_may() {
    run(async {
        for (backfill, hours, missed) in [(Backfill::Auto, 23, 1), (Backfill::Auto, 30, 0), (Backfill::Off, 1, 0)] {
            let mut inbox = Inbox::new(Speaks::Spruce);
            begin(&inbox.engine, inbox.source()).await.unwrap();
            inbox.arrive(0, "early");
            inbox.time.pass(hours * 3_600);
            inbox.arrive(1, "late");
            inbox.restart();
            let name = inbox.source().name.clone();
            inbox.engine.sources.get_mut(&name).unwrap().polling.backfill = backfill;
            begin(&inbox.engine, inbox.source()).await.unwrap();
            inbox.poll().await.unwrap();
            let early = inbox.received().await.iter().filter(|(_, text)| text == "early").count();
            assert_eq!(early, missed, "{backfill:?} after {hours} h");
        }
    });
}

#[test]
fn a_back_fill_reads_what_is_asked_for_and_a_dry_run_keeps_nothing() {
    run(async {
        let inbox = Inbox::new(Speaks::Sequenzy);
        let mut known = BTreeSet::new();
        for conversation in 0..4 {
            let webhook = inbox.arrive(conversation, "hello");
            if conversation == 0 {
                inbox.deliver(&webhook).await;
                known.insert(100.to_string());
            }
            inbox.time.pass(3_600);
        }
        let since = inbox.time.now().checked_sub(SignedDuration::from_hours(5)).unwrap();
        let asked = async |dry_run| {
            assert!(inbox.source().watch.ask(since, dry_run).is_some());
            assert_eq!(inbox.source().watch.ask(since, dry_run), None, "one at a time");
            backfill(&inbox.engine, inbox.source(), since, dry_run).await;
            inbox.source().watch.state().asked.unwrap()
        };
        let dry = asked(true).await;
        assert_eq!((dry.done, dry.read, dry.messages, dry.new, dry.items.len()), (true, 4, 4, 3, 4));
        assert!(dry.items.iter().all(|item| item.new != known.contains(&item.conversation)));
        assert_eq!(inbox.received().await.len(), 1, "nothing was kept");
        let real = asked(false).await;
        assert_eq!((real.number, real.error, real.new), (2, None, 3));
        let position = inbox.engine.store.position(&inbox.source().name).await.unwrap().unwrap();
        assert_eq!(position.backfill, None);
        assert_eq!(asked(false).await.new, 0);
    });
}

#[test]
fn a_back_fill_that_was_cut_short_goes_on() {
    run(async {
        let inbox = Inbox::new(Speaks::Sequenzy);
        for conversation in 0..4 {
            inbox.arrive(conversation, "hello");
            inbox.time.pass(3_600);
        }
        let (now, hour) = (inbox.time.now(), SignedDuration::from_hours(1));
        let since = now.checked_sub(hour * 5).unwrap();
        let stretch = Stretch { from: since, read_to: Some(now.checked_sub(hour * 2).unwrap()) };
        let position = Position { backfill: Some(stretch), ..Position::at(now) };
        inbox.engine.store.keep_position(&inbox.source().name, &position).await.unwrap();
        assert!(inbox.source().watch.ask(since, false).is_some());
        backfill(&inbox.engine, inbox.source(), since, false).await;
        let asked = inbox.source().watch.state().asked.unwrap();
        assert_eq!((asked.conversations, asked.new), (Some(2), 2), "what had been read is not read again");
    });
}
