//! Events with their decisions.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::super::answer::Problem;
use super::super::state::Shared;
use super::{Answer, store_problem};
use crate::model::{EventId, EventKind, LaneKey};
use crate::store::{EventOrder, EventQuery, SendQuery};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventParameters {
    kind: Option<String>,
    source: Option<String>,
    /// The provider's id of a conversation, or a lane as listed.
    conversation: Option<String>,
    since: Option<Timestamp>,
    before: Option<String>,
    after: Option<String>,
    #[serde(default)]
    order: EventOrder,
    #[serde(default)]
    limit: usize,
}

pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<EventParameters>, QueryRejection>,
) -> Answer {
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
        after: parameters.after.map(Into::into),
        order: parameters.order,
        limit: parameters.limit,
    };
    let lanes = lanes(&shared, parameters.conversation.as_deref());
    let (mut found, is_merged) = (Vec::new(), lanes.len() > 1);
    for lane in lanes {
        let query = EventQuery { lane, ..base.clone() };
        found.extend(shared.engine.store.events(&query).await.map_err(store_problem)?);
    }
    // One lane comes in the order of acceptance; that of several is not known, and the time of arrival stands in.
    if is_merged {
        found.sort_by_key(|stored| stored.event.received_at);
        if base.order == EventOrder::Newest {
            found.reverse();
        }
    }
    Ok(Json(json!({ "events": found })))
}

/// The lanes that a conversation id can mean: one of each account, unless it is a lane already.
pub(super) fn lanes(shared: &Shared, conversation: Option<&str>) -> Vec<Option<LaneKey>> {
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

pub(super) async fn event(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
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
