//! The connection between engine and sandbox, watched: what was called, when and under which key. A call can be held, so
//! that a test does something just before or just after it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use rejoinder::http::{CallError, Http, Request, Response};
use tokio::sync::Notify;

use super::Time;

/// A call that was made.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Timestamp,
    /// Method and path.
    pub(crate) line: String,
    /// The idempotency key, in a header or in the body.
    pub(crate) key: Option<String>,
}

/// When a call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It has not left yet.
    Before,
    /// It was carried out, and the engine does not know it yet.
    After,
}

/// What goes over the wires of all accounts.
pub(crate) struct Wire {
    time: Time,
    seen: Mutex<Vec<Seen>>,
    hold: Mutex<Option<(String, Moment)>>,
    /// Rung when a call is held.
    pub(crate) reached: Notify,
    /// Ring it to let the call go on.
    pub(crate) release: Notify,
}

impl Wire {
    pub(crate) fn new(time: Time) -> Arc<Self> {
        let (reached, release) = (Notify::new(), Notify::new());
        Arc::new(Self { time, seen: Mutex::default(), hold: Mutex::default(), reached, release })
    }

    /// Every call so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Holds the next call whose path ends like this.
    pub(crate) fn hold(&self, ending: &str, moment: Moment) {
        *self.hold.lock().unwrap() = Some((ending.to_owned(), moment));
    }

    fn note(&self, request: &Request) -> Option<Moment> {
        let header = request.headers.get("s-idempotency-key").map(|value| value.to_str().unwrap().to_owned());
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let key = header.or_else(|| body["generated_id"].as_str().map(str::to_owned));
        let path = request.url.path();
        self.seen.lock().unwrap().push(Seen { at: self.time.now(), line: format!("{} {path}", request.method), key });
        let mut hold = self.hold.lock().unwrap();
        let is_meant = hold.as_ref().is_some_and(|(ending, _)| path.ends_with(ending.as_str()));
        if is_meant { hold.take().map(|(_, moment)| moment) } else { None }
    }

    async fn wait(&self) {
        self.reached.notify_one();
        self.release.notified().await;
    }
}

/// The connection of one account.
pub(crate) struct Watched {
    pub(crate) inner: Arc<dyn Http>,
    pub(crate) wire: Arc<Wire>,
}

#[async_trait]
impl Http for Watched {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let held = self.wire.note(&request);
        if held == Some(Moment::Before) {
            self.wire.wait().await;
        }
        let answer = self.inner.call(request).await;
        if held == Some(Moment::After) {
            self.wire.wait().await;
        }
        answer
    }
}
