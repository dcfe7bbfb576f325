//! The JSON API of the operator, below `/api/v1`. Asks the store; changes nothing but dead letters and the rules in force.

mod openapi;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use http::header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN};
use http::uri::Authority;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::answer::{Problem, not_found};
use super::state::Shared;
use crate::model::{ContactRecord, ConversationRecord, EventId, EventKind, Facts, LaneKey, SendId, SendState};
use crate::rules::{Book, Depth, decide};
use crate::store::{Changed, EventQuery, Key, SendQuery, StoreError};

pub(super) fn routes(shared: Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/status", get(status))
        .route("/events", get(events))
        .route("/events/{id}", get(event))
        .route("/events/{id}/explain", get(explain))
        .route("/outbox", get(outbox))
        .route("/outbox/{id}", get(send))
        .route("/dead", get(dead))
        .route("/dead/{id}/redrive", post(redrive))
        .route("/dead/{id}/drop", post(drop_dead))
        .route("/rules", get(rules))
        .route("/reload", post(reload))
        .route("/openapi.json", get(async || Json(openapi::document())))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(shared, authorise))
}

type Answer = Result<Json<Value>, Problem>;

/// A bearer token, where one is configured. Without one the configuration allows loopback only, and a web page that the
/// operator has open must not reach the API by a name that leads to loopback.
async fn authorise(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let Some(token) = &shared.admin_token else {
        return match [HOST, ORIGIN].iter().all(|name| is_local(request.headers().get(name))) {
            true => next.run(request).await,
            false => Problem::new(StatusCode::FORBIDDEN, "without a token, the admin API is for this machine alone")
                .into_response(),
        };
    };
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let is_right = given.is_some_and(|given| bool::from(given.as_bytes().ct_eq(token.expose().as_bytes())));
    match is_right {
        true => next.run(request).await,
        false => Problem::new(StatusCode::UNAUTHORIZED, "the bearer token is missing or wrong").into_response(),
    }
}

/// Whether `Host` or `Origin`, where it is there, names an address or localhost.
fn is_local(value: Option<&HeaderValue>) -> bool {
    let Some(value) = value else { return true };
    let text = value.to_str().unwrap_or_default();
    let authority = text.rsplit("//").next().unwrap_or_default().parse::<Authority>();
    authority.is_ok_and(|authority| {
        let host = authority.host().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

fn store_problem(error: StoreError) -> Problem {
    tracing::error!(error = %error, "the store could not answer");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the store could not answer; the log says why")
}

async fn status(State(shared): State<Arc<Shared>>) -> Answer {
    let counts = shared.engine.store.counts().await.map_err(store_problem)?;
    let book = shared.engine.book.load();
    let sources = shared
        .engine
        .sources
        .values()
        .map(|source| json!({ "name": source.name, "account": source.account, "scheme": source.scheme }));
    let accounts =
        shared.engine.accounts.iter().map(|(name, account)| json!({ "name": name, "provider": account.provider }));
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"), "book": book.hash(), "rules": book.rules().len(), "counts": counts,
        "sources": sources.collect::<Vec<_>>(), "accounts": accounts.collect::<Vec<_>>(),
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventParameters {
    kind: Option<String>,
    source: Option<String>,
    /// The provider's id of a conversation, or a lane as listed.
    conversation: Option<String>,
    since: Option<Timestamp>,
    before: Option<String>,
    #[serde(default)]
    limit: usize,
}

async fn events(State(shared): State<Arc<Shared>>, query: Result<Query<EventParameters>, QueryRejection>) -> Answer {
    let Query(parameters) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let kind = parameters.kind.map(|name| {
        EventKind::parse(&name).ok_or_else(|| {
            let hint = crate::yaml::suggest(&name, EventKind::ALL.map(EventKind::as_str));
            Problem::new(StatusCode::BAD_REQUEST, format!("there is no kind `{name}`{hint}"))
        })
    });
    let base = EventQuery {
        kind: kind.transpose()?,
        source: parameters.source.map(Into::into),
        lane: None,
        since: parameters.since,
        before: parameters.before.map(Into::into),
        limit: parameters.limit,
    };
    let mut found = Vec::new();
    for lane in lanes(&shared, parameters.conversation.as_deref()) {
        let query = EventQuery { lane, ..base.clone() };
        found.extend(shared.engine.store.events(&query).await.map_err(store_problem)?);
    }
    found.sort_by_key(|stored| std::cmp::Reverse(stored.event.received_at));
    Ok(Json(json!({ "events": found })))
}

/// The lanes that a conversation id can mean: one of each account, unless it is a lane already.
fn lanes(shared: &Shared, conversation: Option<&str>) -> Vec<Option<LaneKey>> {
    match conversation {
        None => vec![None],
        Some(lane) if lane.contains("/conversation:") || lane.contains("/correspondent:") => {
            vec![Some(LaneKey::from(lane))]
        }
        Some(id) => {
            let lane = |name| Some(LaneKey::from(format!("{name}/conversation:{id}")));
            shared.engine.accounts.keys().map(lane).collect()
        }
    }
}

async fn event(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let id = EventId::from(id);
    let stored = shared.engine.store.event(&id).await.map_err(store_problem)?;
    let Some(stored) = stored else {
        return Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no event `{id}`")));
    };
    let query = SendQuery { event: Some(id), ..SendQuery::default() };
    let mut sends = shared.engine.store.sends(&query).await.map_err(store_problem)?;
    sends.sort_by_key(|send| send.index);
    Ok(Json(json!({ "event": stored.event, "decision": stored.decision, "sends": sends })))
}

/// The stored decision, with the why-not of every other rule worked out by the rule book of that time.
async fn explain(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let store = &shared.engine.store;
    let Some(stored) = store.event(&EventId::from(id.as_str())).await.map_err(store_problem)? else {
        return Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no event `{id}`")));
    };
    let Some(mut decision) = stored.decision else {
        return Ok(Json(json!({ "event": stored.event, "decision": null, "sends": [] })));
    };
    let files = store.book(&decision.book).await.map_err(store_problem)?.unwrap_or_default();
    let surroundings = shared.engine.book.load().surroundings().clone();
    let book = Book::compile(files, surroundings).map_err(|faults| {
        Problem::new(
            StatusCode::CONFLICT,
            format!("the rule book of that time no longer fits the configuration: {faults}"),
        )
    })?;
    let facts = Facts {
        event: stored.event.clone(),
        conversation: ConversationRecord {
            state: decision.seen.state.clone(),
            message_count: decision.seen.message_count,
            ..ConversationRecord::default()
        },
        contact: ContactRecord { state: decision.seen.contact_state.clone(), ..ContactRecord::default() },
        is_own: decision.seen.is_own,
        now: decision.at,
    };
    decision.trace.unmatched = decide(&book, &facts, Depth::Everything).trace.unmatched;
    let query = SendQuery { event: Some(EventId::from(id)), ..SendQuery::default() };
    let sends = store.sends(&query).await.map_err(store_problem)?;
    Ok(Json(json!({ "event": stored.event, "decision": decision, "sends": sends })))
}

/// The question for sends, or what is wrong with it.
fn send_query(query: Result<Query<SendQuery>, QueryRejection>) -> Result<SendQuery, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    match query.state.as_deref().filter(|state| !SendState::NAMES.contains(state)) {
        Some(state) => {
            let hint = crate::yaml::suggest(state, SendState::NAMES);
            Err(Problem::new(StatusCode::BAD_REQUEST, format!("there is no state `{state}`{hint}")))
        }
        None => Ok(query),
    }
}

fn bad_body(error: &JsonRejection) -> Problem {
    Problem::new(error.status(), error.body_text())
}

async fn outbox(State(shared): State<Arc<Shared>>, query: Result<Query<SendQuery>, QueryRejection>) -> Answer {
    let query = send_query(query)?;
    let sends = shared.engine.store.sends(&query).await.map_err(store_problem)?;
    Ok(Json(json!({ "sends": sends })))
}

async fn send(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let id = SendId::from(id);
    match shared.engine.store.send(&id).await.map_err(store_problem)? {
        Some(send) => Ok(Json(json!(send))),
        None => Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no send `{id}`"))),
    }
}

async fn dead(State(shared): State<Arc<Shared>>, query: Result<Query<SendQuery>, QueryRejection>) -> Answer {
    let query = send_query(query)?;
    if query.state.as_deref().is_some_and(|state| state != "dead") {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "only dead letters are listed here; /api/v1/outbox lists others",
        ));
    }
    let query = SendQuery { state: Some("dead".to_owned()), ..query };
    let sends = shared.engine.store.sends(&query).await.map_err(store_problem)?;
    Ok(Json(json!({ "sends": sends })))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Redriving {
    /// Show the provider a new send, on purpose.
    renew_key: bool,
}

async fn redrive(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Result<Option<Json<Redriving>>, JsonRejection>,
) -> Answer {
    let key = match body.map_err(|error| bad_body(&error))?.unwrap_or_default().renew_key {
        true => Key::Renew,
        false => Key::Keep,
    };
    let now = shared.engine.clock.now();
    let changed = shared.engine.store.redrive(&SendId::from(id.as_str()), now, key).await.map_err(store_problem)?;
    shared.engine.bells.deliver.notify_waiters();
    changed_answer(changed, &id, "redriven")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dropping {
    reason: String,
}

async fn drop_dead(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Result<Json<Dropping>, JsonRejection>,
) -> Answer {
    let Json(body) = body.map_err(|error| bad_body(&error))?;
    let changed =
        shared.engine.store.drop_dead(&SendId::from(id.as_str()), &body.reason).await.map_err(store_problem)?;
    changed_answer(changed, &id, "dropped")
}

fn changed_answer(changed: Changed, id: &str, done: &str) -> Answer {
    match changed {
        Changed::Done => Ok(Json(json!({ "status": done, "send": id }))),
        Changed::NotFound => Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no send `{id}`"))),
        Changed::NotDead => Err(Problem::new(StatusCode::CONFLICT, format!("the send `{id}` is not a dead letter"))),
    }
}

async fn rules(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let book = shared.engine.book.load();
    let rules = book
        .rules()
        .iter()
        .map(|rule| json!({ "name": rule.name, "place": rule.place, "mode": rule.mode, "on": rule.on }));
    Json(json!({ "book": book.hash(), "rules": rules.collect::<Vec<_>>() }))
}

async fn reload(State(shared): State<Arc<Shared>>) -> Answer {
    let Some(reload) = &shared.reload else {
        return Err(Problem::new(StatusCode::CONFLICT, "this process does not hold the rules in force"));
    };
    match reload.reload().await {
        Ok(hash) => Ok(Json(json!({ "status": "reloaded", "book": hash }))),
        Err(faults) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, faults)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_only_leads_to_this_machine_is_not_this_machine() {
        for (value, wanted) in [
            ("127.0.0.1:8081", true),
            ("[::1]:8081", true),
            ("localhost:8081", true),
            ("http://localhost:8081", true),
            ("evil.example:8081", false),
            ("https://evil.example", false),
            ("10.0.0.1", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(is_local(Some(&HeaderValue::from_static(value))), wanted, "{value}");
        }
        assert!(is_local(None));
    }
}
