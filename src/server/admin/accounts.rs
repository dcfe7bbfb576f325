//! How the accounts are: what is left of their rate budgets, where their breakers stand, how much waits.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::super::state::Shared;
use super::{Answer, store_problem};
use crate::engine;
use crate::model::{AccountName, SendState};
use crate::outbox::{BreakerState, GateStatus, Left};
use crate::store::{SendQuery, StoreError};

/// How many sends are counted in each state.
const COUNTED: usize = 1_000;

/// One account, as it is now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Account {
    /// Its name; a hook's begins with `hook:`.
    account: AccountName,
    /// Its provider, or `hook`.
    provider: String,
    /// Sends under way at once, at the most.
    concurrency: usize,
    /// Its rate limits; then those that only its answers tell.
    budget: Vec<Left>,
    /// How many calls and senders wait for their turn.
    waiting: usize,
    /// Until when no call is made because an answer asked for that.
    quiet_until: Option<Timestamp>,
    /// Its breaker.
    breaker: Breaker,
    /// Its sends that are not settled, counted up to 1000 pending and 1000 unknown.
    open_sends: usize,
}

/// The breaker of an account.
#[derive(Debug, Serialize, JsonSchema)]
struct Breaker {
    /// closed, open or half_open.
    state: BreakerState,
    /// When it opened or closed last; null while it never did.
    since: Option<Timestamp>,
    /// How the last failure looked.
    reason: Option<String>,
    /// When one call tries again.
    until: Option<Timestamp>,
}

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    let mut accounts = Vec::new();
    for (name, account) in &shared.engine.accounts {
        let open = open_sends(&shared, name).await.map_err(store_problem)?;
        accounts.push(shown(name, account, open));
    }
    Ok(Json(json!({ "accounts": accounts })))
}

async fn open_sends(shared: &Shared, name: &AccountName) -> Result<usize, StoreError> {
    let mut open = 0;
    for state in [SendState::Pending, SendState::Unknown] {
        let query = SendQuery {
            state: Some(state.name().to_owned()),
            account: Some(name.clone()),
            limit: COUNTED,
            ..SendQuery::default()
        };
        open += shared.engine.store.sends(&query).await?.len();
    }
    Ok(open)
}

fn shown(name: &AccountName, account: &engine::Account, open_sends: usize) -> Account {
    let GateStatus { budget, waiting, quiet_until, breaker, since, reason, until } = account.http.gate().status();
    Account {
        account: name.clone(),
        provider: account.provider.clone(),
        concurrency: account.concurrency,
        budget,
        waiting,
        quiet_until,
        breaker: Breaker { state: breaker, since, reason, until },
        open_sends,
    }
}
