//! Dead letters: driven again or dropped, one by one, or all that a filter names.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::super::answer::Problem;
use super::super::state::Shared;
use super::hands::{self, Signed};
use super::sends::{self, Asked};
use super::{Answer, scope, store_problem};
use crate::model::{Hand, SendId};
use crate::store::{Changed, Key, SendQuery};

/// The most that one call changes.
const MOST: usize = 1_000;

pub(super) async fn list(State(shared): State<Arc<Shared>>, query: Asked) -> Answer {
    sends::of_state(&shared, query, "dead", "dead letters").await
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Redriving {
    /// Show the provider a new send, on purpose.
    renew_key: bool,
    by: String,
    why: String,
}

pub(super) async fn redrive(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Result<Option<Json<Redriving>>, JsonRejection>,
) -> Answer {
    let body = hands::any_body(body)?;
    let hand = Signed::new(body.by, body.why).hand(&shared, "redrive");
    let changed = Verb::Redrive(key(body.renew_key)).apply(&shared, &SendId::from(id.as_str()), &hand).await?;
    shared.engine.bells.deliver.notify_waiters();
    sends::answer(&shared, changed, &id, "redriven", "a dead letter").await
}

pub(super) async fn drop_one(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Result<Json<Signed>, JsonRejection>,
) -> Answer {
    let hand = hands::body(body)?.reasoned(&shared, "drop")?;
    sends::demand(&sends::find(&shared, &id).await?, "dead", "a dead letter")?;
    let changed = Verb::Drop.apply(&shared, &SendId::from(id.as_str()), &hand).await?;
    sends::answer(&shared, changed, &id, "dropped", "a dead letter").await
}

fn key(renew: bool) -> Key {
    if renew { Key::Renew } else { Key::Keep }
}

/// What a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// Puts them back into the outbox.
    Redrive(Key),
    /// Gives them up.
    Drop,
}

impl Verb {
    async fn apply(self, shared: &Shared, id: &SendId, hand: &Hand) -> Result<Changed, Problem> {
        let store = &shared.engine.store;
        let changed = match self {
            Self::Redrive(key) => store.redrive(id, key, hand).await,
            Self::Drop => store.drop_send(id, hand).await,
        };
        changed.map_err(store_problem)
    }
}

/// Which dead letters, and what is said to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Many {
    account: Option<String>,
    rule: Option<String>,
    conversation: Option<String>,
    since: Option<Timestamp>,
    reason: Option<String>,
    /// Without a filter, to say that every one is meant.
    all: bool,
    /// Only say which they are.
    dry_run: bool,
    /// To redrive: show the provider new sends, on purpose.
    renew_key: bool,
    by: String,
    why: String,
}

impl Many {
    fn signed(&self) -> Signed {
        Signed::new(self.by.clone(), self.why.clone())
    }

    fn names_some(&self) -> bool {
        let texts = [&self.account, &self.rule, &self.conversation, &self.reason];
        self.all || self.since.is_some() || texts.iter().any(|text| text.is_some())
    }

    fn query(&self) -> SendQuery {
        SendQuery {
            state: Some("dead".to_owned()),
            account: self.account.as_deref().map(Into::into),
            rule: self.rule.clone(),
            conversation: self.conversation.clone(),
            since: self.since,
            reason: self.reason.clone(),
            limit: MOST,
            ..SendQuery::default()
        }
    }
}

type ManyBody = Result<Json<Many>, JsonRejection>;

pub(super) async fn redrive_many(State(shared): State<Arc<Shared>>, body: ManyBody) -> Answer {
    let body = hands::body(body)?;
    let hand = body.signed().hand(&shared, "redrive");
    change_many(&shared, Verb::Redrive(key(body.renew_key)), &body, &hand, "redriven").await
}

pub(super) async fn drop_many(State(shared): State<Arc<Shared>>, body: ManyBody) -> Answer {
    let body = hands::body(body)?;
    if body.renew_key {
        let why = "`renew_key` is for redriving: what is dropped is not sent";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    let hand = body.signed().reasoned(&shared, "drop")?;
    change_many(&shared, Verb::Drop, &body, &hand, "dropped").await
}

async fn change_many(shared: &Shared, verb: Verb, body: &Many, hand: &Hand, did: &str) -> Answer {
    if !body.names_some() {
        let why = "say which: `account`, `rule`, `conversation`, `since`, `reason`, or `all: true` for every one";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    let found = shared.engine.store.sends(&body.query()).await.map_err(store_problem)?;
    if found.is_empty() {
        // A dead letter may belong to a rule that is gone; only a name that finds nothing can be a slip.
        body.rule.as_deref().map_or(Ok(()), |name| scope::rule(shared, name))?;
        body.account.as_deref().map_or(Ok(()), |name| scope::account(shared, name))?;
    }
    let (mut done, mut left) = (Vec::new(), Vec::new());
    // Oldest first: what was decided first leaves first.
    for send in found.iter().rev() {
        match body.dry_run || verb.apply(shared, &send.id, hand).await? == Changed::Done {
            true => done.push(&send.id),
            false => left.push(json!({ "send": send.id, "why": "it is no dead letter any more" })),
        }
    }
    shared.engine.bells.deliver.notify_waiters();
    let status = if body.dry_run { "dry_run" } else { did };
    if !body.dry_run {
        tracing::info!(sends = done.len(), left = left.len(), "{status} by a person");
    }
    Ok(Json(json!({ "status": status, "sends": done, "left": left, "more": found.len() == MOST })))
}
