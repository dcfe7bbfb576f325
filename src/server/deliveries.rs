//! `POST /webhooks/{source}`: reads the body once as bytes, hands it to the pipeline, and answers 2xx only after the event
//! is durable.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri};
use metrics::{counter, histogram};
use serde::Serialize;
use tokio::time::timeout;

use super::admission::Peer;
use super::answer::{self, Problem};
use super::body::{self, Unread, Whole};
use super::state::Shared;
use crate::engine::{Source, Strain};
use crate::model::{Delivery, EventId, SourceName};
use crate::pipeline::{self, Received, Refusal};
use crate::signature::{Answer, Finding, Rejected};
use crate::store::Accepted;

/// Seconds that a sender shall wait when we cannot say when it will be better.
const LATER: u32 = 30;

/// What is answered to every delivery that is not from who it says: one wording, and no hint.
const REJECTED: &str = "the signature is missing or wrong";

/// What is answered where the store cannot take an event.
const NOT_KEPT: &str = "the event could not be kept; send it again";

/// The results of deliveries that were refused for lack of room. Senders that give up never bring them again.
const NO_ROOM: [&str; 5] = ["shed", "no_memory", "backlog", "disk_full", "store_failed"];

/// A result for metrics, and what is answered.
type Refused = (&'static str, Problem);

pub(super) async fn receive(
    State(shared): State<Arc<Shared>>,
    source: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let started = shared.engine.clock.now();
    // A name that is not even UTF-8 is no source of ours.
    let source = source.ok().and_then(|Path(name)| shared.engine.sources.get(&SourceName::from(name)));
    let Some(source) = source.filter(|source| source.verifier.takes_deliveries()) else {
        counter!("rejoinder_deliveries_total", "source" => "unknown", "result" => "unknown_source").increment(1);
        return Problem::new(StatusCode::NOT_FOUND, "there is no such source").into_response();
    };
    let (result, response) = match take(&shared, source, request).await {
        Ok(answered) => answered,
        Err((result, problem)) => (result, problem.into_response()),
    };
    if NO_ROOM.contains(&result) {
        source.watch.note(|state| state.missed = Some(shared.engine.clock.now()));
    }
    counter!("rejoinder_deliveries_total", "source" => source.name.to_string(), "result" => result).increment(1);
    histogram!("rejoinder_accept_seconds").record(shared.engine.clock.now().duration_since(started).as_secs_f64());
    response
}

async fn take(shared: &Shared, source: &Source, request: Request) -> Result<(&'static str, Response), Refused> {
    let (Parts { uri, headers, extensions, .. }, body) = request.into_parts();
    if head(&headers) > shared.limits.max_headers {
        let detail = format!("the headers are larger than {} bytes", shared.limits.max_headers);
        return Err(("too_large", Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail)));
    }
    if !shared.admission.admits(&source.name, extensions.get::<Peer>().copied(), &headers) {
        return Err(turn_away(shared, source));
    }
    let body = whole(shared, &headers, body).await?;
    // A place is taken once the body is there: who sends slowly keeps nobody else waiting.
    let Ok(_place) = shared.places.try_acquire() else {
        return Err(("shed", overloaded("too many deliveries at once", answer::SOON)));
    };
    let delivery = Delivery { headers, body: body.bytes, received_at: shared.engine.clock.now() };
    // A store that hangs is answered with a status after which the sender tries again, and before he gives up.
    timeout(shared.limits.request_timeout / 2, keep(shared, source, &uri, delivery)).await.unwrap_or_else(|_| {
        tracing::error!(source = %source.name, "a delivery could not be kept in time");
        Err(("store_failed", not_kept(shared, source, answer::SOON)))
    })
}

/// Everything that asks the store.
async fn keep(
    shared: &Shared,
    source: &Source,
    uri: &Uri,
    delivery: Delivery,
) -> Result<(&'static str, Response), Refused> {
    match shared.engine.strain().await {
        Some(Strain::Backlog) => return Err(("backlog", overloaded("too much waits to be worked off", LATER))),
        Some(Strain::Disk) => return Err(("disk_full", not_kept(shared, source, LATER))),
        None => {}
    }
    match pipeline::accept(&shared.engine, source, delivery).await {
        Ok(received) => Ok(answer(received)),
        Err(Refusal::Rejected(rejected)) => {
            let Rejected { rejection, delivery } = *rejected;
            tracing::warn!(source = %source.name, reason = rejection.code(), "a delivery was rejected");
            let (now, target) = (shared.engine.clock.now(), uri.to_string());
            shared.refused.look(&shared.doctor, &source.name, rejection, delivery, target, now);
            Err((rejection.code(), Problem::new(StatusCode::UNAUTHORIZED, REJECTED)))
        }
        Err(Refusal::Store(error)) => {
            tracing::error!(source = %source.name, error = %error, "a delivery could not be kept");
            Err(("store_failed", not_kept(shared, source, answer::SOON)))
        }
    }
}

/// How large headers are as they are written, with `: ` and the end of the line. The buffer of the connection is a bound on
/// what is read at once, and lets through more than it holds.
fn head(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// The body, where it is not too large and there is room for it.
async fn whole<'s>(shared: &'s Shared, headers: &HeaderMap, body: Body) -> Result<Whole<'s>, Refused> {
    let limit = shared.limits.max_body;
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let read = match announced.is_some_and(|bytes| bytes > limit) {
        true => Err(Unread::TooLarge),
        false => {
            let read = timeout(shared.limits.request_timeout, body::read(body, limit, &shared.body_room)).await;
            read.unwrap_or(Err(Unread::TooSlow))
        }
    };
    read.map_err(|why| match why {
        Unread::TooLarge => {
            ("too_large", Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes")))
        }
        Unread::CutOff => ("cut_off", Problem::new(StatusCode::BAD_REQUEST, "the body did not arrive whole")),
        Unread::TooSlow => {
            ("too_slow", Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive within the time for it"))
        }
        Unread::NoRoom => ("no_memory", overloaded("too many deliveries at once", answer::SOON)),
    })
}

/// What is answered where an event is kept.
#[derive(Serialize)]
struct Kept<'a> {
    status: &'static str,
    event: &'a EventId,
}

fn answer(received: Received) -> (&'static str, Response) {
    let (status, id) = match received {
        Received::Event(id, Accepted::New) => ("accepted", id),
        Received::Event(id, Accepted::Duplicate) => ("duplicate", id),
        Received::Handshake(Answer::Json(json)) => return ("handshake", Json(json).into_response()),
        Received::Handshake(Answer::Empty) => return ("handshake", StatusCode::NO_CONTENT.into_response()),
    };
    (status, Json(Kept { status, event: &id }).into_response())
}

/// From an address that the source does not allow: the answer is that to a wrong signature.
fn turn_away(shared: &Shared, source: &Source) -> Refused {
    let result = "not_allowed";
    tracing::warn!(source = %source.name, reason = result, "a delivery was rejected");
    shared.refused.note(&source.name, shared.engine.clock.now(), result, Finding::not_allowed(), 0);
    (result, Problem::new(StatusCode::UNAUTHORIZED, REJECTED))
}

/// There is too much at once. Every sender that tries again at all does so after 429.
fn overloaded(detail: &str, seconds: u32) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(seconds)
}

/// The store cannot take the event. HighLevel tries again after 429 only; every other status makes it drop the event.
fn not_kept(shared: &Shared, source: &Source, seconds: u32) -> Problem {
    let retries_on_429_only =
        shared.engine.accounts.get(&source.account).is_some_and(|account| account.provider == "highlevel");
    let status = if retries_on_429_only { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::SERVICE_UNAVAILABLE };
    Problem::new(status, NOT_KEPT).retry_after(seconds)
}
