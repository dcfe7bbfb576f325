//! What the promises are tried with: a moment, a send, connections that answer as they are told.

use std::sync::Mutex;

use async_trait::async_trait;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde_json::Value;

use super::{PRIVATE, SECRET};
use crate::http::{CallError, Http, Request, Response};
use crate::model::{
    Action, Attempt, Contact, Conversation, Draft, Event, EventId, EventKind, LaneKey, Message, Outcome, Reply, Send,
    SendId,
};
use crate::provider::{Adapter, Call, Normalised, Vault, testing};
use crate::secret::Secret;

/// The time at which everything happens.
pub(in crate::provider) const NOW: &str = "2026-03-02T10:00:00Z";

/// The idempotency key of every send.
pub(super) const KEY: &str = "idempotency-key-1";

pub(in crate::provider) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// An answer whose body would be a leak if it were shown.
pub(super) fn answer(status: u16) -> Result<Response, CallError> {
    let mut headers = HeaderMap::new();
    if status == 429 {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
    }
    let body = format!(r#"{{ "error": "{SECRET} {PRIVATE}", "message": "{PRIVATE} {SECRET}", "id": "m1" }}"#);
    Ok(Response { status, headers, body: body.into_bytes() })
}

/// A connection with one answer for everything that changes something; readings find an empty object.
pub(in crate::provider) struct OneAnswer {
    pub(super) answer: Result<Response, CallError>,
    pub(in crate::provider) seen: Mutex<Vec<Request>>,
}

impl OneAnswer {
    pub(in crate::provider) fn new(answer: Result<Response, CallError>) -> Self {
        Self { answer, seen: Mutex::default() }
    }
}

#[async_trait]
impl Http for OneAnswer {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let is_read = request.is_read();
        self.seen.lock().unwrap().push(request);
        match is_read {
            true => Ok(Response { status: 200, headers: HeaderMap::new(), body: b"{}".to_vec() }),
            false => self.answer.clone(),
        }
    }
}

pub(in crate::provider) struct NoVault;

#[async_trait]
impl Vault for NoVault {
    async fn load(&self, _: &str) -> Result<Option<Secret>, String> {
        Ok(None)
    }

    async fn keep(&self, _: &str, _: &Secret) -> Result<(), String> {
        Ok(())
    }
}

/// A verified delivery of some JSON, read by an adapter.
pub(in crate::provider) fn normalise(adapter: &dyn Adapter, json: &Value) -> Normalised {
    adapter.normalise(&testing::delivery(json), json)
}

/// The event that a draft becomes.
pub(in crate::provider) fn event(draft: Draft, raw: Value) -> Event {
    Event { id: EventId::from("evt_1"), account: "sample".into(), ..testing::event_of(draft, raw) }
}

/// An event that every provider can answer: its ids are numbers, and its channel is one that carries text.
pub(in crate::provider) fn sample_event() -> Event {
    let draft = Draft {
        dedupe_key: "1".to_owned(),
        kind: EventKind::MessageReceived,
        at: Some(now()),
        conversation: Conversation {
            id: Some("12345".to_owned()),
            subject: Some("Order 7".to_owned()),
            channel: Some("sms".to_owned()),
            ..Conversation::default()
        },
        contact: Contact { id: Some("77".to_owned()), email: Some(PRIVATE.to_owned()), ..Contact::default() },
        message: Some(Message { id: Some("m0".to_owned()), text: "Where is it?".to_owned(), ..Message::default() }),
        delivery: None,
    };
    event(draft, Value::Null)
}

/// A send on its first attempt.
pub(in crate::provider) fn send(action: Action) -> Send {
    Send {
        id: SendId::from("snd_1"),
        account: "sample".into(),
        lane: LaneKey::from("lane"),
        idempotency_key: KEY.to_owned(),
        attempts: vec![Attempt::begun(1, now())],
        ..Send::new(&sample_event(), "rule", 0, action, now())
    }
}

/// Runs to the end what never waits for anything outside.
pub(in crate::provider) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(super) fn deliver(
    adapter: &dyn Adapter,
    answer: &Result<Response, CallError>,
    attempt: u32,
) -> (Outcome, Vec<Request>) {
    let text = format!("It left today, {PRIVATE}.");
    let mut send = send(Action::Reply(Reply { html: format!("<p>{text}</p>"), text, ..Reply::default() }));
    for number in 2..=attempt {
        send.attempts.push(Attempt::begun(number, now()));
    }
    let (http, event) = (OneAnswer::new(answer.clone()), sample_event());
    let call = Call {
        send: &send,
        event: &event,
        may_have_landed: attempt > 1,
        taken: &[],
        now: now(),
        http: &http,
        vault: &NoVault,
    };
    let outcome = run(adapter.deliver(&call));
    (outcome, http.seen.into_inner().unwrap())
}
