//! `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use metrics::gauge;
use serde_json::json;

use super::answer::Problem;
use super::state::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready))
}

async fn alive() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    if shared.is_draining() {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "draining").into_response();
    }
    match shared.engine.store.counts().await {
        Ok(_) if shared.engine.store.is_broken() => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the store has failed").into_response()
        }
        Ok(_) => Json(json!({ "status": "ready", "rules": shared.engine.book.load().rules().len() })).into_response(),
        Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer").into_response(),
    }
}

pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let Some(handle) = &shared.metrics else {
        return Problem::new(StatusCode::NOT_FOUND, "metrics are not recorded").into_response();
    };
    let store = &shared.engine.store;
    if let Ok(counts) = store.counts().await {
        gauge!("rejoinder_events_undecided").set(counts.undecided as f64);
        gauge!("rejoinder_sends_open").set(counts.open_sends as f64);
        gauge!("rejoinder_sends_held").set(counts.held as f64);
        gauge!("rejoinder_sends_dead").set(counts.dead as f64);
    }
    if let Ok(Some(usage)) = store.usage().await {
        gauge!("rejoinder_store_records").set(usage.records as f64);
        gauge!("rejoinder_store_journal_bytes").set(usage.journal as f64);
        gauge!("rejoinder_store_damaged_files").set(usage.damaged_files as f64);
        gauge!("rejoinder_store_needed_bytes").set(usage.needed as f64);
        gauge!("rejoinder_store_behind_bytes").set(usage.behind as f64);
        gauge!("rejoinder_store_state_bytes").set(usage.state as f64);
        gauge!("rejoinder_store_snapshot_bytes").set(usage.snapshots as f64);
        if let Some(free) = usage.free {
            gauge!("rejoinder_store_free_bytes").set(free as f64);
        }
    }
    if let Ok(quarantines) = store.quarantines().await {
        let now = shared.engine.clock.now();
        let active = quarantines.iter().filter(|quarantine| quarantine.is_active(now)).count();
        gauge!("rejoinder_quarantines_active").set(active as f64);
    }
    if let Ok(controls) = store.controls().await {
        let paused = controls.iter().filter(|control| control.pause.is_some()).count();
        gauge!("rejoinder_pauses_active").set(paused as f64);
    }
    for (name, account) in &shared.engine.accounts {
        let (status, labels) = (account.http.gate().status(), [("account", name.to_string())]);
        gauge!("rejoinder_breaker_state", &labels).set(f64::from(status.breaker.number()));
        gauge!("rejoinder_turns_waiting", &labels).set(status.waiting as f64);
    }
    for source in shared.engine.sources.values() {
        let (state, now) = (source.watch.state(), shared.engine.clock.now());
        if let Some(last) = state.last_poll.filter(|_| source.polling.poll.is_some()) {
            let age = now.duration_since(last).as_secs_f64();
            gauge!("rejoinder_poll_age_seconds", "source" => source.name.to_string()).set(age);
        }
        gauge!("rejoinder_poll_errors", "source" => source.name.to_string()).set(f64::from(state.errors));
    }
    handle.run_upkeep();
    ([(http::header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render()).into_response()
}
