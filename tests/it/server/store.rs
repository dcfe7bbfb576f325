//! What is answered while the store cannot keep an event, or has not kept it yet.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use rejoinder::app;
use rejoinder::clock::Clock;
use rejoinder::model::{
    AccountName, BookHash, Control, ControlChange, Curbs, Decision, Event, EventId, Hand, LaneKey, Position,
    Quarantine, QuarantineId, Scope, Send as OutgoingSend, SendId, SourceName, WindowKey,
};
use rejoinder::secret::Secret;
use rejoinder::server::{self, Listening, Shared};
use rejoinder::store::{
    self, Accepted, Changed, Commit, Counts, EventClaim, EventQuery, Exported, Key, Progress, SendClaim, SendQuery,
    Store, StoreError, StoredEvent, Usage,
};
use tokio::sync::watch;

use super::problem;
use crate::stage::{SOURCES, Stage, any, ask, post};

/// How a store behaves that is asked to keep an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    Failing,
    /// It takes its time.
    Holding,
    /// So it does with every question.
    Stuck,
}

/// A store in memory, with moods.
pub(crate) struct Moody {
    store: Arc<dyn Store>,
    pub(crate) mood: watch::Sender<Mood>,
    /// How many events it has been asked to keep.
    pub(super) asked: watch::Sender<usize>,
}

impl Moody {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            store: store::memory::open(),
            mood: watch::Sender::new(Mood::Well),
            asked: watch::Sender::new(0),
        })
    }

    async fn wait_while(&self, moods: &[Mood]) {
        let _ = self.mood.subscribe().wait_for(|mood| !moods.contains(mood)).await;
    }

    fn check(&self) -> Result<(), StoreError> {
        match *self.mood.borrow() {
            Mood::Failing => Err(StoreError::Failed { what: "writing".to_owned(), source: "the disk is full".into() }),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Store for Moody {
    async fn accept(&self, event: Event) -> Result<Accepted, StoreError> {
        self.asked.send_modify(|asked| *asked += 1);
        self.wait_while(&[Mood::Holding, Mood::Stuck]).await;
        self.check()?;
        self.store.accept(event).await
    }

    async fn redeem(&self, token: &str, event: &Event) -> Result<bool, StoreError> {
        self.check()?;
        self.store.redeem(token, event).await
    }

    async fn export(&self, into: Box<dyn std::io::Write + Send>, progress: Progress) -> Result<Exported, StoreError> {
        self.store.export(into, progress).await
    }

    async fn import(&self, from: Box<dyn std::io::Read + Send>, progress: Progress) -> Result<u64, StoreError> {
        self.store.import(from, progress).await
    }

    async fn usage(&self) -> Result<Option<Usage>, StoreError> {
        self.store.usage().await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.wait_while(&[Mood::Stuck]).await;
        self.check()?;
        self.store.counts().await
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<StoredEvent>, StoreError> {
        self.check()?;
        self.store.events(query).await
    }

    async fn claim_events(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        most: usize,
    ) -> Result<Vec<EventClaim>, StoreError> {
        self.store.claim_events(now, lease, most).await
    }

    async fn give_back(&self, claim: &EventClaim) -> Result<(), StoreError> {
        self.store.give_back(claim).await
    }

    async fn commit_decision(&self, claim: &EventClaim, decision: Decision) -> Result<Commit, StoreError> {
        self.store.commit_decision(claim, decision).await
    }

    async fn claim_send(
        &self,
        account: &AccountName,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<Option<SendClaim>, StoreError> {
        self.store.claim_send(account, now, lease).await
    }

    async fn commit_attempt(&self, claim: &SendClaim, send: OutgoingSend) -> Result<Commit, StoreError> {
        self.store.commit_attempt(claim, send).await
    }

    async fn next_due(&self, account: &AccountName) -> Result<Option<Timestamp>, StoreError> {
        self.store.next_due(account).await
    }

    async fn next_undecided(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store.next_undecided().await
    }
    async fn event(&self, id: &EventId) -> Result<Option<StoredEvent>, StoreError> {
        self.store.event(id).await
    }

    async fn send(&self, id: &SendId) -> Result<Option<OutgoingSend>, StoreError> {
        self.store.send(id).await
    }

    async fn sends(&self, query: &SendQuery) -> Result<Vec<OutgoingSend>, StoreError> {
        self.store.sends(query).await
    }

    async fn keep_position(&self, source: &SourceName, position: &Position) -> Result<(), StoreError> {
        self.check()?;
        self.store.keep_position(source, position).await
    }
    async fn position(&self, source: &SourceName) -> Result<Option<Position>, StoreError> {
        self.store.position(source).await
    }
    async fn redrive(&self, id: &SendId, key: Key, hand: &Hand) -> Result<Changed, StoreError> {
        self.store.redrive(id, key, hand).await
    }
    async fn release(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError> {
        self.store.release(id, hand).await
    }
    async fn confirm(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError> {
        self.store.confirm(id, hand).await
    }

    async fn drop_send(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError> {
        self.store.drop_send(id, hand).await
    }
    async fn curbs(&self, lane: &LaneKey, windows: &[WindowKey]) -> Result<Curbs, StoreError> {
        self.check()?;
        self.store.curbs(lane, windows).await
    }
    async fn standing(&self, lane: &LaneKey, windows: &[WindowKey]) -> Result<Curbs, StoreError> {
        self.store.standing(lane, windows).await
    }
    async fn controls(&self) -> Result<Vec<Control>, StoreError> {
        self.store.controls().await
    }
    async fn change_control(&self, scope: &Scope, change: &ControlChange) -> Result<(Changed, Control), StoreError> {
        self.store.change_control(scope, change).await
    }
    async fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError> {
        self.store.quarantines().await
    }
    async fn release_quarantine(&self, id: &QuarantineId, hand: &Hand) -> Result<Changed, StoreError> {
        self.store.release_quarantine(id, hand).await
    }
    async fn keep_book(&self, hash: &BookHash, files: &[(String, String)]) -> Result<(), StoreError> {
        self.store.keep_book(hash, files).await
    }

    async fn book(&self, hash: &BookHash) -> Result<Option<Vec<(String, String)>>, StoreError> {
        self.store.book(hash).await
    }

    async fn keep_credential(&self, name: &str, value: &Secret) -> Result<(), StoreError> {
        self.store.keep_credential(name, value).await
    }

    async fn credential(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        self.store.credential(name).await
    }

    async fn prune(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.store.prune(before).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}

/// The two listeners over a store, without the loops that decide and deliver.
pub(super) struct Sockets {
    pub(super) public: SocketAddr,
    admin: SocketAddr,
    _stop: watch::Sender<bool>,
}

pub(super) async fn listen(stage: &Stage, store: Arc<Moody>) -> Sockets {
    let settings = stage.settings();
    let (limits, token, book) = (settings.limits, settings.admin_token.clone(), app::load_book(&settings).unwrap());
    let engine = app::build(settings, book, store, Clock::system()).unwrap();
    let shared = Arc::new(Shared::new(Arc::new(engine), limits, token));
    let (stop, stopped) = watch::channel(false);
    let (public, admin) = (Listening::bind(any()).await.unwrap(), Listening::bind(any()).await.unwrap());
    let sockets = Sockets { public: public.address, admin: admin.address, _stop: stop };
    tokio::spawn(server::serve(public, server::public_router(Arc::clone(&shared)), limits, stopped.clone()));
    tokio::spawn(server::serve(admin, server::admin_router(shared), limits, stopped));
    sockets
}

#[tokio::test(flavor = "multi_thread")]
async fn a_2xx_is_answered_only_after_the_event_is_kept() {
    let stage = Stage::set().await;
    let store = Moody::new();
    let sockets = listen(&stage, Arc::clone(&store)).await;
    store.mood.send_replace(Mood::Holding);
    let body = stage.arrive(SOURCES[0].1, "conv_1", "hi").to_string();
    let (to, headers) = (sockets.public, stage.sign("shop", &body));
    let answer = tokio::spawn(async move { post(to, "shop", &headers, &body).await });
    store.asked.subscribe().wait_for(|asked| *asked == 1).await.unwrap();
    assert!(!answer.is_finished());
    assert_eq!(store.store.counts().await.unwrap().undecided, 0);
    store.mood.send_replace(Mood::Well);
    let answer = answer.await.unwrap();
    assert_eq!((answer.status, &answer.json()["status"]), (200, &"accepted".into()));
    let id = EventId::from(answer.json()["event"].as_str().unwrap());
    assert!(store.store.event(&id).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn vector_13_an_event_that_could_not_be_kept_is_refused_and_its_repeat_is_taken() {
    let stage = Stage::set().await;
    let store = Moody::new();
    let sockets = listen(&stage, Arc::clone(&store)).await;
    for (source, speaks) in SOURCES {
        let body = stage.arrive(speaks, "1001", "hi").to_string();
        let headers = stage.sign(source, &body);
        store.mood.send_replace(Mood::Failing);
        let refused = post(sockets.public, source, &headers, &body).await;
        // HighLevel tries again after 429 alone.
        let status = if source == "crm" { 429 } else { 503 };
        assert_eq!(problem(&refused), (status, "the event could not be kept; send it again".to_owned()), "{source}");
        assert_eq!(refused.header("retry-after"), Some("5"));
        store.mood.send_replace(Mood::Well);
        let again = post(sockets.public, source, &headers, &body).await;
        assert_eq!((again.status, &again.json()["status"]), (200, &"accepted".into()), "{source}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_is_no_reason_to_keep_a_sender_waiting() {
    let stage = Stage::with("limits: { request_timeout: 1s }").await;
    let store = Moody::new();
    let sockets = listen(&stage, Arc::clone(&store)).await;
    let cases = [Mood::Holding, Mood::Stuck].into_iter().flat_map(|mood| SOURCES.map(|it| (mood, it)));
    for (mood, (source, speaks)) in cases {
        store.mood.send_replace(mood);
        let body = stage.arrive(speaks, "1001", "hi").to_string();
        let headers = stage.sign(source, &body);
        let refused = post(sockets.public, source, &headers, &body).await;
        // Never 408, after which HighLevel does not try again.
        let status = if source == "crm" { 429 } else { 503 };
        assert_eq!(problem(&refused), (status, "the event could not be kept; send it again".to_owned()), "{source}");
        assert_eq!(ask(sockets.public, Method::GET, "/healthz", None).await.status, 200);
    }
    let detail = "there was no answer within `limits.request_timeout`; what was asked for may still have been done";
    for (address, path) in [(sockets.admin, "/api/v1/status"), (sockets.public, "/readyz")] {
        let answer = ask(address, Method::GET, path, None).await;
        assert_eq!(problem(&answer), (503, detail.to_owned()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_makes_the_server_not_ready_but_alive() {
    let stage = Stage::set().await;
    let store = Moody::new();
    let sockets = listen(&stage, Arc::clone(&store)).await;
    for address in [sockets.public, sockets.admin] {
        let ready = ask(address, Method::GET, "/readyz", None).await;
        assert_eq!(ready.json(), serde_json::json!({ "status": "ready", "rules": 1 }));
    }
    store.mood.send_replace(Mood::Failing);
    for address in [sockets.public, sockets.admin] {
        let ready = ask(address, Method::GET, "/readyz", None).await;
        assert_eq!(problem(&ready), (503, "the store does not answer".to_owned()));
        assert_eq!(ask(address, Method::GET, "/healthz", None).await.json(), serde_json::json!({ "status": "ok" }));
    }
    let events = ask(sockets.admin, Method::GET, "/api/v1/events", None).await;
    assert_eq!(problem(&events), (503, "the store could not answer; the log says why".to_owned()));
    let metrics = ask(sockets.admin, Method::GET, "/metrics", None).await;
    assert_eq!(problem(&metrics), (404, "metrics are not recorded".to_owned()));
    let reload = ask(sockets.admin, Method::POST, "/api/v1/reload", None).await;
    assert_eq!(problem(&reload), (409, "this process does not hold the rules in force".to_owned()));
}
