//! The rules in force, and loading them anew.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::answer::Problem;
use super::super::state::Shared;
use super::Answer;

pub(super) async fn rules(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let book = shared.engine.book.load();
    let rules = book.rules().iter().map(|rule| {
        let failures = shared.engine.failures.of(&rule.name);
        json!({
            "name": rule.name, "place": rule.place, "mode": rule.mode, "on": rule.on, "on_error": rule.on_error,
            "errors": failures.map_or(0, |failures| failures.count),
            "last_error_at": failures.map(|failures| failures.last_at),
        })
    });
    Json(json!({ "book": book.hash(), "rules": rules.collect::<Vec<_>>() }))
}

pub(super) async fn reload(State(shared): State<Arc<Shared>>) -> Answer {
    let Some(reload) = &shared.reload else {
        return Err(Problem::new(StatusCode::CONFLICT, "this process does not hold the rules in force"));
    };
    match reload.reload().await {
        Ok(hash) => Ok(Json(json!({ "status": "reloaded", "book": hash }))),
        Err(faults) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, faults)),
    }
}
