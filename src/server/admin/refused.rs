//! What a source refused within the last hour, and why.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::json;

use super::super::answer::Problem;
use super::super::state::Shared;
use super::Answer;
use crate::model::SourceName;
use crate::yaml::suggest;

pub(super) async fn refused(State(shared): State<Arc<Shared>>, Path(source): Path<String>) -> Answer {
    let name = SourceName::from(source.as_str());
    if !shared.engine.sources.contains_key(&name) {
        let known = shared.engine.sources.keys().map(SourceName::as_str);
        let detail = format!("there is no source `{source}`{}", suggest(&source, known));
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    let kept = shared.refused.of(&name, shared.engine.clock.now());
    Ok(Json(json!({ "source": name, "refused": kept.kinds, "not_looked_at": kept.not_looked_at })))
}
