//! The engine in this process, put together as in production, over sled and real connections to the sandbox. Nothing runs
//! by itself: a test takes the three steps of the pipeline, and time passes when it says so.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use jiff::SignedDuration;
use rejoinder::clock::Clock;
use rejoinder::engine::Engine;
use rejoinder::http::{Client, Egress, Http};
use rejoinder::model::{AccountName, Decision, Delivery, EventId, Outcome, Send as OutgoingSend, SendId, SourceName};
use rejoinder::outbox::RetryPolicy;
use rejoinder::pipeline::{self, Received, Step};
use rejoinder::provider::Metered;
use rejoinder::provider::sandbox::{EntryKind, Incoming, Limits, Sandbox, Speaks};
use rejoinder::secret::Secret;
use rejoinder::signature::{Signing, generate_ed25519};
use rejoinder::store::{Accepted, SendQuery};
use rejoinder::{app, config};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use super::wire::{Watched, Wire};
use super::{ALL, Time, configuration, entries, host, message};

/// What a test wants to be otherwise.
pub(crate) struct Setup {
    /// Rule files: name and text.
    pub(crate) rules: &'static [(&'static str, &'static str)],
    /// Changes the configuration.
    pub(crate) change: fn(&mut Value),
    /// When a send is tried again.
    pub(crate) retry: RetryPolicy,
    /// Whether accounts have rate budgets and breakers, by the clock of the test. A call that has to wait inside a send
    /// waits by the machine's clock.
    pub(crate) is_gated: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { rules: &[], change: |_| {}, retry: RetryPolicy::default(), is_gated: false }
    }
}

/// An engine and its providers.
pub(crate) struct Bench {
    pub(crate) engine: Arc<Engine>,
    pub(crate) sandbox: Sandbox,
    pub(crate) time: Time,
    pub(crate) wire: Arc<Wire>,
    config: Value,
    retry: RetryPolicy,
    is_gated: bool,
    key: Secret,
    folder: TempDir,
    _hosted: watch::Sender<bool>,
}

impl Bench {
    /// With one file of rules.
    pub(crate) async fn new(rules: &'static str) -> Self {
        let files: &'static [_] = Vec::leak(vec![("rules.yaml", rules)]);
        Self::set(Setup { rules: files, ..Setup::default() }).await
    }

    pub(crate) async fn set(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        for (name, text) in setup.rules {
            std::fs::write(folder.path().join("rules").join(name), text).unwrap();
        }
        let (time, sandbox) = (Time::start(), Sandbox::new(Limits::Published));
        let (address, hosted) = host(&sandbox, time.clock(), Duration::ZERO).await;
        let (key, public_key) = generate_ed25519().unwrap();
        let mut config = configuration(address, &public_key);
        (setup.change)(&mut config);
        std::fs::write(folder.path().join("rejoinder.yaml"), config.to_string()).unwrap();
        let wire = Wire::new(time.clone());
        let Setup { retry, is_gated, .. } = setup;
        let engine = open(&config, &folder, &time, &wire, retry, is_gated).await;
        Self { engine, sandbox, time, wire, config, retry, is_gated, key, folder, _hosted: hosted }
    }

    /// The file that commands are given.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("rejoinder.yaml")
    }

    /// Ends the engine; only the folder is left.
    pub(crate) async fn close(&self) {
        self.engine.store.close().await.unwrap();
    }

    /// A new engine on the folder.
    pub(crate) async fn open(&mut self) {
        self.engine = open(&self.config, &self.folder, &self.time, &self.wire, self.retry, self.is_gated).await;
    }

    /// A message arrives at the provider, and its webhook here.
    pub(crate) async fn arrive(&self, speaks: Speaks, conversation: &str, text: &str) -> EventId {
        self.arrive_as(speaks, message(speaks, conversation, text)).await
    }

    pub(crate) async fn arrive_as(&self, speaks: Speaks, incoming: Incoming) -> EventId {
        let payload = self.sandbox.arrive(speaks, incoming, self.time.now());
        self.post(speaks, &payload).await.0
    }

    /// A webhook, signed as the provider would.
    pub(crate) async fn post(&self, speaks: Speaks, payload: &Value) -> (EventId, Accepted) {
        let source = &self.engine.sources[&SourceName::from(speaks.as_str())];
        let body = payload.to_string().into_bytes();
        let signing = Signing { body: &body, id: "msg_1", now: self.time.now(), private_key: Some(&self.key) };
        let signed = source.verifier.sign(&signing).unwrap();
        let header = |(name, value): (String, String)| (HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        let headers: HeaderMap = signed.into_iter().map(header).collect();
        let delivery = Delivery { headers, body, received_at: self.time.now() };
        match pipeline::accept(&self.engine, source, delivery).await.unwrap() {
            Received::Event(id, accepted) => (id, accepted),
            Received::Handshake(answer) => panic!("{answer:?}"),
        }
    }

    /// The webhooks that the provider's own doing caused; how many they were.
    pub(crate) async fn pass_on(&self) -> usize {
        let webhooks = self.sandbox.take_webhooks();
        for webhook in &webhooks {
            self.post(webhook.provider, &webhook.payload).await;
        }
        webhooks.len()
    }

    /// Decides what waits; which events they were.
    pub(crate) async fn decide(&self) -> Vec<EventId> {
        let mut decided = Vec::new();
        while let Step::Did(ids) = pipeline::decide(&self.engine).await.unwrap() {
            decided.extend(ids);
        }
        decided
    }

    /// One step of delivery.
    pub(crate) async fn deliver(&self, speaks: Speaks) -> Option<SendId> {
        match pipeline::deliver(&self.engine, &AccountName::from(speaks.as_str())).await.unwrap() {
            Step::Did(id) => Some(id),
            Step::Idle => None,
        }
    }

    /// Goes on, through time, until nothing is left to do.
    pub(crate) async fn settle(&self) {
        for _ in 0..200 {
            let mut was_busy = self.pass_on().await > 0 || !self.decide().await.is_empty();
            for speaks in ALL {
                while self.deliver(speaks).await.is_some() {
                    was_busy = true;
                }
            }
            if was_busy {
                continue;
            }
            let mut due = HashSet::new();
            for speaks in ALL {
                due.extend(self.engine.store.next_due(&AccountName::from(speaks.as_str())).await.unwrap());
            }
            match due.into_iter().min() {
                Some(due) => self.time.reach(due),
                None => return,
            }
        }
        panic!("it never settles: {:?}", self.engine.store.counts().await);
    }

    /// The only send of an event.
    pub(crate) async fn send(&self, event: &EventId) -> OutgoingSend {
        let mut sends = self.sends(event).await;
        assert_eq!(sends.len(), 1, "{sends:?}");
        sends.remove(0)
    }

    pub(crate) async fn sends(&self, event: &EventId) -> Vec<OutgoingSend> {
        let query = SendQuery { event: Some(event.clone()), ..SendQuery::default() };
        let mut sends = self.engine.store.sends(&query).await.unwrap();
        sends.sort_by_key(|send| send.index);
        sends
    }

    pub(crate) async fn decision(&self, event: &EventId) -> Decision {
        self.engine.store.event(event).await.unwrap().unwrap().decision.unwrap()
    }

    /// The texts of the replies that a contact got.
    pub(crate) fn replies(&self, speaks: Speaks, conversation: &str) -> Vec<String> {
        let replies = entries(&self.sandbox, speaks, conversation, EntryKind::Reply);
        replies.into_iter().map(|entry| entry.text).collect()
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        self.time.pass(time);
    }
}

async fn open(
    config: &Value,
    folder: &TempDir,
    time: &Time,
    wire: &Arc<Wire>,
    retry: RetryPolicy,
    is_gated: bool,
) -> Arc<Engine> {
    let settings = config::load_text("rejoinder.yaml", &config.to_string(), folder.path(), Vec::new());
    let settings = settings.unwrap_or_else(|faults| panic!("{faults}"));
    let book = app::load_book(&settings).unwrap_or_else(|faults| panic!("{faults}"));
    let mut egress = Egress::default();
    settings.accounts.iter().flat_map(|account| account.adapter.base_urls()).for_each(|url| egress.allow(&url));
    settings.hooks.values().for_each(|hook| egress.allow(hook.url()));
    let client: Arc<dyn Http> = Arc::new(Client::new(egress, settings.provider_timeout).unwrap());
    let store = app::open_store(&settings.store).await.unwrap();
    store.keep_book(book.hash(), book.kept()).await.unwrap();
    let mut engine = app::build(settings, book, store, time.clock()).unwrap();
    engine.retry = retry;
    for (name, account) in &mut engine.accounts {
        let watched = Arc::new(Watched { inner: Arc::clone(&client), wire: Arc::clone(wire) });
        account.http = match is_gated {
            true => Metered::new(name.clone(), watched, account.adapter.as_ref(), time.clock()),
            false => Metered::free(watched, Clock::system()),
        };
    }
    Arc::new(engine)
}

/// How each attempt came out.
pub(crate) fn outcomes(send: &OutgoingSend) -> Vec<&'static str> {
    send.attempts.iter().map(|attempt| attempt.outcome.as_ref().map_or("none", Outcome::name)).collect()
}
