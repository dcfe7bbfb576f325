//! Steps of the pipeline that are under way at once, on one thread: each goes on when the seed says so, as far as it can.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};

use jiff::Timestamp;

use crate::engine::Engine;
use crate::http::Http;
use crate::journey;
use crate::model::{ControlChange, Delivery, EventId, Pause, Scope, SourceName};
use crate::pipeline::{self, Received, Refusal, Step};
use crate::provider::sandbox::Speaks;
use crate::store::StoreError;

use super::stock::account;

/// A webhook on its way.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) speaks: Speaks,
    pub(super) body: Vec<u8>,
    /// For the story.
    pub(super) what: String,
}

/// A loop of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worker {
    Decide,
    Deliver(Speaks),
    /// Somebody pauses everything.
    Pause,
    /// They let it go on.
    Resume,
    /// What was held by the pause is let go.
    Release,
    /// What is older than the retention is forgotten.
    Prune,
}

/// What a step came to.
pub(super) enum End {
    Accepted(Letter, Result<Received, Refusal>),
    /// Whether something was done, and what.
    Stepped(Worker, Result<Option<String>, StoreError>),
}

/// A step that is under way.
pub(super) struct Task {
    future: Pin<Box<dyn Future<Output = End>>>,
    /// The webhook that it takes in.
    pub(super) letter: Option<Letter>,
    /// What it is a step of.
    pub(super) worker: Option<Worker>,
    /// Whether it can go on.
    pub(super) is_ready: bool,
    /// When it went on for the first time, by the machine's clock.
    pub(super) since: Option<Timestamp>,
}

impl Task {
    /// Takes in a webhook.
    pub(super) fn accept(engine: Arc<Engine>, letter: Letter, now: Timestamp) -> Self {
        let kept = letter.clone();
        let future = async move {
            let source = &engine.sources[&SourceName::from(letter.speaks.as_str())];
            let delivery = Delivery { headers: http::HeaderMap::new(), body: letter.body.clone(), received_at: now };
            let received = pipeline::accept(&engine, source, delivery).await;
            End::Accepted(letter, received)
        };
        Self { letter: Some(kept), ..Self::new(Box::pin(future)) }
    }

    /// Takes one step of a loop.
    pub(super) fn work(engine: Arc<Engine>, worker: Worker) -> Self {
        let future = async move {
            let done = match worker {
                Worker::Decide => pipeline::decide(&engine).await.map(decided),
                Worker::Deliver(speaks) => pipeline::deliver(&engine, &account(speaks)).await.map(done),
                Worker::Pause => order(&engine, ControlChange::Pause(by_kim(&engine))).await,
                Worker::Resume => order(&engine, ControlChange::Resume(engine.clock.now())).await,
                Worker::Prune => {
                    let before = engine.clock.now().saturating_sub(engine.retention).unwrap();
                    let forgotten = engine.store.prune(before).await;
                    forgotten.map(|count| (count > 0).then(|| format!("forget {count}")))
                }
                Worker::Release => {
                    let released = journey::release_resumed(&engine, "resume").await;
                    released.map(|count| (count > 0).then(|| format!("release {count}")))
                }
            };
            End::Stepped(worker, done)
        };
        Self { worker: Some(worker), ..Self::new(Box::pin(future)) }
    }

    fn new(future: Pin<Box<dyn Future<Output = End>>>) -> Self {
        Self { future, letter: None, worker: None, is_ready: true, since: None }
    }

    /// Goes on until it waits for something that the seed decides about, which `waits` tells, or ends. Rules are asked and
    /// the store is read on another thread; that is waited for, so that the seed alone says what happens when.
    pub(super) fn go_on(&mut self, mut waits: impl FnMut() -> bool) -> Option<End> {
        let bell = Arc::new(Bell { rung: AtomicBool::new(false), thread: thread::current() });
        let waker = Arc::clone(&bell).into();
        loop {
            if let Poll::Ready(end) = self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Some(end);
            }
            if waits() {
                self.is_ready = false;
                return None;
            }
            while !bell.rung.swap(false, Ordering::SeqCst) {
                thread::park();
            }
        }
    }
}

async fn order(engine: &Engine, change: ControlChange) -> Result<Option<String>, StoreError> {
    let (changed, _) = engine.store.change_control(&Scope::All, &change).await?;
    Ok(Some(format!("{changed:?}")))
}

fn by_kim(engine: &Engine) -> Pause {
    Pause { by: "kim".to_owned(), why: "to look into it".to_owned(), at: engine.clock.now() }
}

fn decided(step: Step<Vec<EventId>>) -> Option<String> {
    match step {
        Step::Did(ids) => Some(ids.iter().map(EventId::as_str).collect::<Vec<_>>().join(" ")),
        Step::Idle => None,
    }
}

fn done<T: std::fmt::Display>(step: Step<T>) -> Option<String> {
    match step {
        Step::Did(id) => Some(id.to_string()),
        Step::Idle => None,
    }
}

struct Bell {
    rung: AtomicBool,
    thread: Thread,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// The connection of every account is the same wire.
pub(super) fn connection(wire: &Arc<super::wire::Wire>) -> Arc<dyn Http> {
    Arc::clone(wire) as Arc<dyn Http>
}
