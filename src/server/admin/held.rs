//! Sends that wait for a person: one by one, or all that a filter names. What is let go is looked at again before it leaves.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::super::answer::Problem;
use super::super::state::Shared;
use super::hands::{self, Signed};
use super::sends::{self, Asked};
use super::{Answer, scope, store_problem};
use crate::model::{Controls, Hand, HoldCause, Send, SendState};
use crate::store::{Changed, SendQuery};

/// The most that one call changes.
const MOST: usize = 1_000;

/// What a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// Says yes to what a rule in mode `approve` asks for.
    Approve,
    /// Lets go what is held for another cause.
    Release,
    /// Says of what may have arrived that it did.
    Confirm,
    /// Gives it up.
    Drop,
}

impl Verb {
    /// The word kept with the send, and the word of the answer.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Approve => ("approve", "approved"),
            Self::Release => ("release", "released"),
            Self::Confirm => ("confirm", "confirmed"),
            Self::Drop => ("drop", "dropped"),
        }
    }

    fn hand(self, signed: &Signed, shared: &Shared) -> Result<Hand, Problem> {
        match self {
            Self::Drop => signed.reasoned(shared, self.words().0),
            Self::Approve | Self::Release | Self::Confirm => Ok(signed.hand(shared, self.words().0)),
        }
    }

    /// What is against doing it to a held send. One that is still paused would only be held again.
    fn against(self, send: &Send, cause: HoldCause, controls: &Controls) -> Option<String> {
        let scopes = send.scopes();
        match (self, cause) {
            (Self::Drop, _) | (Self::Approve, HoldCause::Approval) => None,
            (Self::Confirm, _) if send.was_tried() => None,
            (Self::Confirm, _) => Some("it was never tried, so it cannot have arrived".to_owned()),
            (Self::Release, HoldCause::RuleError | HoldCause::Unknown) => None,
            (Self::Approve, HoldCause::Unknown) => {
                Some("it is held because it may have arrived, not for approval: confirm, release or drop it".to_owned())
            }
            (Self::Release, HoldCause::Approval) => Some("it waits for approval: approve or drop it".to_owned()),
            (Self::Approve, HoldCause::RuleError) => {
                Some("it is held because a rule failed, not for approval: release or drop it".to_owned())
            }
            (_, HoldCause::Paused) => match (controls.paused(&scopes), self) {
                (Some((scope, pause)), _) => {
                    Some(format!("{scope} is paused by {} since {}: resume that, or drop this", pause.by, pause.at))
                }
                (None, Self::Approve) => Some("it was held by a pause that is over: release or drop it".to_owned()),
                (None, _) => None,
            },
        }
    }
}

pub(super) async fn list(State(shared): State<Arc<Shared>>, query: Asked) -> Answer {
    sends::of_state(&shared, query, "held", "held sends").await
}

pub(super) async fn one(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let send = sends::find(&shared, &id).await?;
    sends::demand(&send, "held", "held")?;
    Ok(Json(json!(send)))
}

type OneBody = Result<Option<Json<Signed>>, JsonRejection>;

pub(super) async fn approve(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: OneBody) -> Answer {
    change_one(&shared, &id, Verb::Approve, &hands::any_body(body)?).await
}

pub(super) async fn release(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: OneBody) -> Answer {
    change_one(&shared, &id, Verb::Release, &hands::any_body(body)?).await
}

pub(super) async fn confirm(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: OneBody) -> Answer {
    change_one(&shared, &id, Verb::Confirm, &hands::any_body(body)?).await
}

pub(super) async fn drop_held(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: OneBody) -> Answer {
    change_one(&shared, &id, Verb::Drop, &hands::any_body(body)?).await
}

async fn change_one(shared: &Shared, id: &str, verb: Verb, signed: &Signed) -> Answer {
    let hand = verb.hand(signed, shared)?;
    let send = sends::find(shared, id).await?;
    sends::demand(&send, "held", "held")?;
    let controls = Controls(shared.engine.store.controls().await.map_err(store_problem)?);
    if let Some(why) = against(verb, &send, &controls) {
        return Err(Problem::new(StatusCode::CONFLICT, format!("the send `{id}` cannot be {}: {why}", verb.words().1)));
    }
    let changed = apply(shared, verb, &send, &hand).await?;
    shared.engine.bells.deliver.notify_waiters();
    sends::answer(shared, changed, id, verb.words().1, "held").await
}

fn against(verb: Verb, send: &Send, controls: &Controls) -> Option<String> {
    match send.state {
        SendState::Held { cause, .. } => verb.against(send, cause, controls),
        _ => Some(format!("it is {}", send.state.name())),
    }
}

async fn apply(shared: &Shared, verb: Verb, send: &Send, hand: &Hand) -> Result<Changed, Problem> {
    let store = &shared.engine.store;
    let changed = match verb {
        Verb::Drop => store.drop_send(&send.id, hand).await,
        Verb::Confirm => store.confirm(&send.id, hand).await,
        Verb::Approve | Verb::Release => store.release(&send.id, hand).await,
    };
    changed.map_err(store_problem)
}

/// Which held sends, and what is said to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Many {
    cause: Option<String>,
    rule: Option<String>,
    account: Option<String>,
    /// Without a filter, to say that every one is meant.
    all: bool,
    /// Only say which they are.
    dry_run: bool,
    by: String,
    why: String,
}

type ManyBody = Result<Json<Many>, JsonRejection>;

pub(super) async fn approve_many(State(shared): State<Arc<Shared>>, body: ManyBody) -> Answer {
    change_many(&shared, Verb::Approve, hands::body(body)?).await
}

pub(super) async fn release_many(State(shared): State<Arc<Shared>>, body: ManyBody) -> Answer {
    change_many(&shared, Verb::Release, hands::body(body)?).await
}

pub(super) async fn drop_many(State(shared): State<Arc<Shared>>, body: ManyBody) -> Answer {
    change_many(&shared, Verb::Drop, hands::body(body)?).await
}

async fn change_many(shared: &Shared, verb: Verb, body: Many) -> Answer {
    let hand = verb.hand(&Signed::new(body.by.clone(), body.why.clone()), shared)?;
    let found = chosen(shared, verb, &body).await?;
    let controls = Controls(shared.engine.store.controls().await.map_err(store_problem)?);
    let (mut done, mut left) = (Vec::new(), Vec::new());
    // Oldest first: what was decided first leaves first.
    for send in found.iter().rev() {
        match against(verb, send, &controls) {
            Some(why) => left.push(json!({ "send": send.id, "why": why })),
            None if body.dry_run || apply(shared, verb, send, &hand).await? == Changed::Done => done.push(&send.id),
            None => left.push(json!({ "send": send.id, "why": "it is not held any more" })),
        }
    }
    shared.engine.bells.deliver.notify_waiters();
    let status = if body.dry_run { "dry_run" } else { verb.words().1 };
    if !body.dry_run {
        tracing::info!(sends = done.len(), left = left.len(), "{status} by a person");
    }
    Ok(Json(json!({ "status": status, "sends": done, "left": left, "more": found.len() == MOST })))
}

async fn chosen(shared: &Shared, verb: Verb, body: &Many) -> Result<Vec<Send>, Problem> {
    sends::known("cause", body.cause.as_deref(), &HoldCause::ALL.map(HoldCause::as_str))?;
    if !body.all && body.cause.is_none() && body.rule.is_none() && body.account.is_none() {
        let why = "say which: `rule`, `account`, `cause`, or `all: true` for every one";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    let only = (verb == Verb::Approve).then(|| HoldCause::Approval.as_str().to_owned());
    let query = SendQuery {
        state: Some("held".to_owned()),
        cause: body.cause.clone().or(only),
        rule: body.rule.clone(),
        account: body.account.as_deref().map(Into::into),
        limit: MOST,
        ..SendQuery::default()
    };
    let found = shared.engine.store.sends(&query).await.map_err(store_problem)?;
    if found.is_empty() {
        // What is held may belong to a rule that is gone; only a name that finds nothing can be a slip.
        body.rule.as_deref().map_or(Ok(()), |name| scope::rule(shared, name))?;
        body.account.as_deref().map_or(Ok(()), |name| scope::account(shared, name))?;
    }
    Ok(found)
}
