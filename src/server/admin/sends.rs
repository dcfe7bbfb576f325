//! The outbox, and what all lists of sends share.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde_json::json;

use super::super::answer::Problem;
use super::super::state::Shared;
use super::{Answer, store_problem};
use crate::model::{DeliveryStatus, HoldCause, Send, SendId, SendState};
use crate::store::{Changed, SendQuery};

pub(super) type Asked = Result<Query<SendQuery>, QueryRejection>;

/// The question for sends, or what is wrong with it.
pub(super) fn send_query(query: Asked) -> Result<SendQuery, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    known("state", query.state.as_deref(), &SendState::NAMES)?;
    known("cause", query.cause.as_deref(), &HoldCause::ALL.map(HoldCause::as_str))?;
    known("report", query.reported.as_deref(), &DeliveryStatus::ALL.map(DeliveryStatus::as_str))?;
    Ok(query)
}

/// That a word is one of those there are.
pub(super) fn known(what: &str, word: Option<&str>, words: &[&str]) -> Result<(), Problem> {
    match word.filter(|word| !words.contains(word)) {
        Some(word) => {
            let hint = crate::yaml::suggest(word, words.iter().copied());
            Err(Problem::new(StatusCode::BAD_REQUEST, format!("there is no {what} `{word}`{hint}")))
        }
        None => Ok(()),
    }
}

pub(super) async fn outbox(State(shared): State<Arc<Shared>>, query: Asked) -> Answer {
    let query = send_query(query)?;
    let sends = shared.engine.store.sends(&query).await.map_err(store_problem)?;
    Ok(Json(json!({ "sends": sends })))
}

pub(super) async fn send(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    Ok(Json(json!(find(&shared, &id).await?)))
}

/// The send of that id.
pub(super) async fn find(shared: &Shared, id: &str) -> Result<Send, Problem> {
    let send = shared.engine.store.send(&SendId::from(id)).await.map_err(store_problem)?;
    send.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no send `{id}`")))
}

/// The sends of one state, where that is what is asked for.
pub(super) async fn of_state(shared: &Shared, query: Asked, state: &str, called: &str) -> Answer {
    let query = send_query(query)?;
    if query.state.as_deref().is_some_and(|asked| asked != state) {
        let why = format!("only {called} are listed here; /api/v1/outbox lists others");
        return Err(Problem::new(StatusCode::BAD_REQUEST, why));
    }
    let query = SendQuery { state: Some(state.to_owned()), ..query };
    let sends = shared.engine.store.sends(&query).await.map_err(store_problem)?;
    Ok(Json(json!({ "sends": sends })))
}

/// That a send is in a state; else what it is.
pub(super) fn demand(send: &Send, state: &str, wanted: &str) -> Result<(), Problem> {
    match send.state.name() {
        name if name == state => Ok(()),
        name => Err(Problem::new(StatusCode::CONFLICT, format!("the send `{}` is {name}, not {wanted}", send.id))),
    }
}

/// What came of a change to a send.
pub(super) async fn answer(shared: &Shared, changed: Changed, id: &str, done: &str, wanted: &str) -> Answer {
    if changed == Changed::Done {
        tracing::info!(send = id, "{done} by a person");
        return Ok(Json(json!({ "status": done, "send": id })));
    }
    let name = find(shared, id).await?.state.name();
    Err(Problem::new(StatusCode::CONFLICT, format!("the send `{id}` is {name}, not {wanted}")))
}
