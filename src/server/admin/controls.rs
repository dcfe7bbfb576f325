//! What people order beside the rules: pausing, resuming, and how far rules go in one conversation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::super::answer::Problem;
use super::super::state::Shared;
use super::hands::{self, Signed};
use super::{Answer, scope, sends, store_problem};
use crate::journey;
use crate::model::{Control, ControlChange, Mode, Pause, Scope};
use crate::store::Changed;

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    Ok(Json(json!({ "controls": ordered(&shared).await? })))
}

async fn ordered(shared: &Shared) -> Result<Vec<Control>, Problem> {
    shared.engine.store.controls().await.map_err(store_problem)
}

/// The scope that is named.
async fn scope_of(shared: &Shared, text: &str) -> Result<Scope, Problem> {
    scope::read(shared, text, &ordered(shared).await?).await
}

async fn change(shared: &Shared, scope: &Scope, change: ControlChange) -> Result<(Changed, Control), Problem> {
    shared.engine.store.change_control(scope, &change).await.map_err(store_problem)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    scope: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    why: String,
}

pub(super) async fn pause(State(shared): State<Arc<Shared>>, body: Result<Json<Order>, JsonRejection>) -> Answer {
    let Order { scope, by, why } = hands::body(body)?;
    let hand = Signed::new(by, why).reasoned(&shared, "pause")?;
    let scope = scope_of(&shared, &scope).await?;
    let pause = Pause { by: hand.by, why: hand.why, at: hand.at };
    let (changed, control) = change(&shared, &scope, ControlChange::Pause(pause)).await?;
    if let (Changed::WrongState, Some(pause)) = (changed, &control.pause) {
        let why = format!("{} is paused already, by {} since {}: {}", control.scope, pause.by, pause.at, pause.why);
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    tracing::warn!(scope = %control.scope, "paused by a person; sends are held until it is resumed");
    Ok(Json(json!({ "status": "paused", "control": control })))
}

pub(super) async fn resume(State(shared): State<Arc<Shared>>, body: Result<Json<Order>, JsonRejection>) -> Answer {
    let Order { scope, by, why } = hands::body(body)?;
    let hand = Signed::new(by, why).hand(&shared, "resume");
    let scope = scope_of(&shared, &scope).await?;
    let (changed, control) = change(&shared, &scope, ControlChange::Resume(hand.at)).await?;
    if changed != Changed::Done {
        return Err(Problem::new(StatusCode::CONFLICT, not_paused(&scope, &ordered(&shared).await?)));
    }
    let released = journey::release_resumed(&shared.engine, &hand.by).await.map_err(store_problem)?;
    tracing::warn!(scope = %control.scope, released, "resumed by a person");
    let left = paused(&ordered(&shared).await?);
    Ok(Json(json!({ "status": "resumed", "control": control, "released": released, "still_paused": left })))
}

fn not_paused(scope: &Scope, ordered: &[Control]) -> String {
    match paused(ordered).as_slice() {
        [] => format!("{scope} is not paused, nor is anything else"),
        paused => format!("{scope} is not paused; paused are: {}", paused.join(", ")),
    }
}

fn paused(ordered: &[Control]) -> Vec<String> {
    let paused = ordered.iter().filter(|control| control.pause.is_some());
    paused.map(|control| control.scope.to_string()).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ladder {
    conversation: String,
    /// None for each rule's own.
    mode: Option<String>,
    #[serde(default)]
    by: String,
    #[serde(default)]
    why: String,
}

pub(super) async fn mode(State(shared): State<Arc<Shared>>, body: Result<Json<Ladder>, JsonRejection>) -> Answer {
    let Ladder { conversation, mode, by, why } = hands::body(body)?;
    sends::known("mode", mode.as_deref(), &Mode::ALL.map(Mode::as_str))?;
    let scope = scope_of(&shared, &format!("conversation:{conversation}")).await?;
    let hand = Signed::new(by, why).hand(&shared, "mode");
    let mode = mode.as_deref().and_then(Mode::parse);
    let (_, control) = change(&shared, &scope, ControlChange::Mode(mode.map(|mode| (mode, hand)))).await?;
    let word = mode.map_or("default", Mode::as_str);
    tracing::info!(scope = %control.scope, mode = word, "the mode was ordered by a person");
    Ok(Json(json!({ "status": word, "control": control })))
}
