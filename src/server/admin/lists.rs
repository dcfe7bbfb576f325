//! What an account's provider shows: conversations, members, snippets, a page at a time. Asks the provider, within the
//! account's rate budget; stores nothing but renewed credentials.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::answer::Problem;
use super::super::state::Shared;
use super::Answer;
use crate::engine::Account;
use crate::journey::StoreVault;
use crate::model::{AccountName, HOOK_ACCOUNT};
use crate::provider::{ConversationQuery, Page, ReadError, Reading, provider};
use crate::yaml::suggest;

/// How long an answer may wait for the rate budget and the provider; after that the caller is told to come again.
const PATIENCE: Duration = Duration::from_secs(20);

/// When to come again after that, in seconds.
const COME_AGAIN: u32 = 5;

/// A [`ConversationQuery`] and the cursor of a page.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    status: Option<String>,
    unread: Option<bool>,
    search: Option<String>,
    since: Option<Timestamp>,
    assignee: Option<String>,
    channel: Option<String>,
    tag: Option<String>,
    page_size: Option<u32>,
    cursor: Option<String>,
}

/// The cursor of a page.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Turned {
    cursor: Option<String>,
}

type Given<T> = Result<Query<T>, QueryRejection>;

fn given<T>(query: Given<T>) -> Result<T, Problem> {
    query.map(|Query(query)| query).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))
}

pub(super) async fn conversations(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    query: Given<Asked>,
) -> Answer {
    let Asked { status, unread, search, since, assignee, channel, tag, page_size, cursor } = given(query)?;
    let query = ConversationQuery { status, unread, search, since, assignee, channel, tag, page_size };
    let account = find(&shared, &name)?;
    let Some(lists) = account.adapter.lists().conversations else { return Err(no_list(account, "conversations")) };
    if let Some((_, fault)) = lists.faults(title(account), &query).into_iter().next() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, fault));
    }
    let page = ask(&shared, &name, async |read| account.adapter.conversations(read, &query, cursor.as_deref()).await);
    Ok(shown("conversations", page.await?))
}

pub(super) async fn members(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    query: Given<Turned>,
) -> Answer {
    let cursor = given(query)?.cursor;
    let account = find(&shared, &name)?;
    if !account.adapter.lists().members {
        return Err(no_list(account, "members"));
    }
    let page = ask(&shared, &name, async |read| account.adapter.members(read, cursor.as_deref()).await);
    Ok(shown("members", page.await?))
}

pub(super) async fn snippets(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    query: Given<Turned>,
) -> Answer {
    let cursor = given(query)?.cursor;
    let account = find(&shared, &name)?;
    if !account.adapter.lists().snippets {
        return Err(no_list(account, "snippets"));
    }
    let page = ask(&shared, &name, async |read| account.adapter.snippets(read, cursor.as_deref()).await);
    Ok(shown("snippets", page.await?))
}

fn shown<T: Serialize>(what: &str, page: Page<T>) -> Json<Value> {
    Json(json!({ what: page.items, "next": page.next }))
}

fn find<'a>(shared: &'a Shared, name: &str) -> Result<&'a Account, Problem> {
    let accounts = &shared.engine.accounts;
    let is_provider = |name: &&str| !name.starts_with(HOOK_ACCOUNT);
    let found = accounts.get(&AccountName::from(name)).filter(|_| is_provider(&name));
    found.ok_or_else(|| {
        let hint = suggest(name, accounts.keys().map(AccountName::as_str).filter(is_provider));
        Problem::new(StatusCode::NOT_FOUND, format!("there is no account `{name}`{hint}"))
    })
}

fn no_list(account: &Account, what: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{} shows no list of {what}", title(account)))
}

fn title(account: &Account) -> &str {
    provider(&account.provider).map_or(account.provider.as_str(), |provider| provider.title())
}

async fn ask<T>(
    shared: &Shared,
    name: &str,
    question: impl AsyncFnOnce(&Reading<'_>) -> Result<T, ReadError>,
) -> Result<T, Problem> {
    let account = find(shared, name)?;
    let vault = StoreVault(shared.engine.store.as_ref());
    let read = Reading { http: &account.http, vault: &vault, now: shared.engine.clock.now() };
    match tokio::time::timeout(PATIENCE, question(&read)).await {
        Ok(answer) => answer.map_err(|error| unread(name, error)),
        Err(_) => {
            let why = format!("the rate budget of account `{name}` is used up for the moment, or its provider is slow");
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).retry_after(COME_AGAIN))
        }
    }
}

/// Why the provider did not answer. One that names a time is asked again by whoever has it.
fn unread(name: &str, error: ReadError) -> Problem {
    let why = format!("the provider of account `{name}` did not answer: {error}");
    match error {
        ReadError::TryLater { after: Some(after), .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).retry_after(whole_seconds(after))
        }
        ReadError::TryLater { reason, .. } if reason.starts_with("401") || reason.starts_with("403") => {
            Problem::new(StatusCode::BAD_GATEWAY, format!("{why}; does it know the key or token that is configured?"))
        }
        _ => Problem::new(StatusCode::BAD_GATEWAY, why),
    }
}

fn whole_seconds(time: SignedDuration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1)
}
