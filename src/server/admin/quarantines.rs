//! Who gets no automatic reply because a cap was reached, with the evidence, and lifting that.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::Problem;
use super::super::state::Shared;
use super::hands::{self, Signed};
use super::{Answer, store_problem};
use crate::model::{Quarantine, QuarantineId};
use crate::store::Changed;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Parameters {
    /// Also those that are over.
    all: bool,
}

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Parameters>, QueryRejection>,
) -> Answer {
    let Query(Parameters { all }) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let (known, now) = (kept(&shared).await?, shared.engine.clock.now());
    let wanted = known.iter().filter(|quarantine| all || quarantine.is_active(now));
    Ok(Json(json!({ "quarantines": wanted.map(|quarantine| shown(quarantine, now)).collect::<Vec<_>>() })))
}

pub(super) async fn one(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    Ok(Json(shown(&find(&shared, &id).await?, shared.engine.clock.now())))
}

pub(super) async fn release(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Result<Option<Json<Signed>>, JsonRejection>,
) -> Answer {
    let hand = hands::any_body(body)?.hand(&shared, "release");
    let released = shared.engine.store.release_quarantine(&QuarantineId::from(id.as_str()), &hand).await;
    match released.map_err(store_problem)? {
        Changed::Done => {
            tracing::info!(quarantine = id, "released by a person");
            Ok(Json(json!({ "status": "released", "quarantine": id })))
        }
        Changed::NotFound | Changed::WrongState => {
            let why = match find(&shared, &id).await? {
                Quarantine { released: Some(hand), .. } => format!("was released by {} at {}", hand.by, hand.at),
                Quarantine { until, .. } => format!("ended at {until}"),
            };
            Err(Problem::new(StatusCode::CONFLICT, format!("the quarantine `{id}` {why}")))
        }
    }
}

async fn kept(shared: &Shared) -> Result<Vec<Quarantine>, Problem> {
    shared.engine.store.quarantines().await.map_err(store_problem)
}

async fn find(shared: &Shared, id: &str) -> Result<Quarantine, Problem> {
    let found = kept(shared).await?.into_iter().find(|quarantine| quarantine.id.as_str() == id);
    found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no quarantine `{id}`")))
}

fn shown(quarantine: &Quarantine, now: Timestamp) -> Value {
    let mut value = json!(quarantine);
    value["active"] = quarantine.is_active(now).into();
    value
}
