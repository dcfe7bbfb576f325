//! `POST /webhooks/{source}`: reads the body once as bytes, hands it to the pipeline, and answers 2xx only after the event
//! is durable.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use metrics::{counter, histogram};
use serde_json::json;

use super::answer::Problem;
use super::state::Shared;
use crate::engine::Source;
use crate::model::{Delivery, SourceName};
use crate::pipeline::{self, Received, Refusal};
use crate::signature::Answer;
use crate::store::Accepted;

/// Seconds that a sender shall wait when we shed load or the store fails.
const RETRY_AFTER: u32 = 5;

pub(super) async fn receive(
    State(shared): State<Arc<Shared>>,
    source: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let started = shared.engine.clock.now();
    // A name that is not even UTF-8 is no source of ours.
    let source = source.ok().and_then(|Path(name)| shared.engine.sources.get(&SourceName::from(name)));
    let Some(source) = source else {
        counter!("rejoinder_deliveries_total", "source" => "unknown", "result" => "unknown_source").increment(1);
        return Problem::new(StatusCode::NOT_FOUND, "there is no such source").into_response();
    };
    let (result, response) = match take(&shared, source, headers, body).await {
        Ok(answered) => answered,
        Err((result, problem)) => (result, problem.into_response()),
    };
    counter!("rejoinder_deliveries_total", "source" => source.name.to_string(), "result" => result).increment(1);
    histogram!("rejoinder_accept_seconds").record(shared.engine.clock.now().duration_since(started).as_secs_f64());
    response
}

async fn take(
    shared: &Shared,
    source: &Source,
    headers: HeaderMap,
    body: Body,
) -> Result<(&'static str, Response), (&'static str, Problem)> {
    let Ok(_place) = shared.places.try_acquire() else {
        let problem =
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many deliveries at once").retry_after(RETRY_AFTER);
        return Err(("shed", problem));
    };
    let limit = shared.limits.max_body;
    let too_large =
        || ("too_large", Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes")));
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > limit) {
        return Err(too_large());
    }
    let body = to_bytes(body, limit).await.map_err(|error| match is_over_limit(&error) {
        true => too_large(),
        false => ("cut_off", Problem::new(StatusCode::BAD_REQUEST, "the body did not arrive whole")),
    })?;
    let delivery = Delivery { headers, body: body.to_vec(), received_at: shared.engine.clock.now() };
    match pipeline::accept(&shared.engine, source, delivery).await {
        Ok(received) => Ok(answer(received)),
        Err(refusal) => Err(refuse(shared, source, &refusal)),
    }
}

fn answer(received: Received) -> (&'static str, Response) {
    let (status, id) = match received {
        Received::Event(id, Accepted::New) => ("accepted", id),
        Received::Event(id, Accepted::Duplicate) => ("duplicate", id),
        Received::Handshake(Answer::Json(json)) => return ("handshake", Json(json).into_response()),
        Received::Handshake(Answer::Empty) => return ("handshake", StatusCode::NO_CONTENT.into_response()),
    };
    (status, Json(json!({ "status": status, "event": id })).into_response())
}

fn refuse(shared: &Shared, source: &Source, refusal: &Refusal) -> (&'static str, Problem) {
    match refusal {
        Refusal::Rejected(rejection) => {
            tracing::warn!(source = %source.name, reason = rejection.code(), "a delivery was rejected");
            (rejection.code(), Problem::new(StatusCode::UNAUTHORIZED, "the signature is missing or wrong"))
        }
        Refusal::Store(error) => {
            tracing::error!(source = %source.name, error = %error, "a delivery could not be kept");
            // HighLevel tries again after 429 only; every other status makes it drop the event.
            let retries_on_429_only =
                shared.engine.accounts.get(&source.account).is_some_and(|account| account.provider == "highlevel");
            let status =
                if retries_on_429_only { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::SERVICE_UNAVAILABLE };
            (
                "store_failed",
                Problem::new(status, "the event could not be kept; send it again").retry_after(RETRY_AFTER),
            )
        }
    }
}

fn is_over_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(one) = cause {
        if one.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = one.source();
    }
    false
}
