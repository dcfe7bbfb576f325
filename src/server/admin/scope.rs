//! What an order is about, as a person names it: checked against what there is, with the closest name.

use http::StatusCode;

use super::super::answer::Problem;
use super::super::state::Shared;
use super::{events, store_problem};
use crate::model::{AccountName, Control, Event, LaneKey, Scope};
use crate::store::EventQuery;

/// The scope written as `text`. What is ordered already may be named whether or not it is still there.
pub(super) async fn read(shared: &Shared, text: &str, ordered: &[Control]) -> Result<Scope, Problem> {
    let Some(scope) = Scope::parse(text) else {
        let why = format!("`{text}` is no scope: write all, rule:NAME, account:NAME or conversation:ID");
        return Err(Problem::new(StatusCode::BAD_REQUEST, why));
    };
    if ordered.iter().any(|control| control.scope == scope) {
        return Ok(scope);
    }
    match scope {
        Scope::All => Ok(Scope::All),
        Scope::Rule(name) => rule(shared, &name).map(|()| Scope::Rule(name)),
        Scope::Account(name) => account(shared, name.as_str()).map(|()| Scope::Account(name)),
        Scope::Conversation(lane) => conversation(shared, lane.as_str()).await.map(Scope::Conversation),
    }
}

/// That there is such a rule.
pub(super) fn rule(shared: &Shared, name: &str) -> Result<(), Problem> {
    let book = shared.engine.book.load();
    let names = || book.rules().iter().map(|rule| rule.name.as_str());
    match names().any(|known| known == name) {
        true => Ok(()),
        false => Err(unknown("rule", name, &names().collect::<Vec<_>>())),
    }
}

/// That there is such an account, or hook.
pub(super) fn account(shared: &Shared, name: &str) -> Result<(), Problem> {
    let accounts = &shared.engine.accounts;
    match accounts.contains_key(&AccountName::from(name)) {
        true => Ok(()),
        false => Err(unknown("account", name, &accounts.keys().map(AccountName::as_str).collect::<Vec<_>>())),
    }
}

/// The lane of a conversation, given as the provider's id or as a lane. An id that two accounts know is not guessed at.
pub(super) async fn conversation(shared: &Shared, given: &str) -> Result<LaneKey, Problem> {
    let lanes: Vec<LaneKey> = events::lanes(shared, Some(given)).into_iter().flatten().collect();
    let is_lane = lanes.first().is_some_and(|lane| lane.as_str() == given);
    if is_lane {
        account(shared, given.split('/').next().unwrap_or_default())?;
    }
    let mut known = Vec::new();
    for lane in lanes {
        let query = EventQuery { lane: Some(lane.clone()), limit: 1, ..EventQuery::default() };
        if !shared.engine.store.events(&query).await.map_err(store_problem)?.is_empty() {
            known.push(lane);
        }
    }
    match known.as_slice() {
        [] => {
            let recent = recent(shared, is_lane).await?;
            Err(unknown("conversation", given, &recent.iter().map(String::as_str).collect::<Vec<_>>()))
        }
        [lane] => Ok(lane.clone()),
        several => {
            let names: Vec<&str> = several.iter().map(LaneKey::as_str).collect();
            let why = format!("several accounts have a conversation `{given}`; write which: {}", names.join(", "));
            Err(Problem::new(StatusCode::CONFLICT, why))
        }
    }
}

/// The conversations of the latest events, as lanes or by the provider's ids.
async fn recent(shared: &Shared, as_lanes: bool) -> Result<Vec<String>, Problem> {
    let latest = EventQuery { limit: 1_000, ..EventQuery::default() };
    let events = shared.engine.store.events(&latest).await.map_err(store_problem)?;
    let name = |event: Event| if as_lanes { Some(event.lane().to_string()) } else { event.conversation.id };
    let mut ids: Vec<String> = events.into_iter().filter_map(|stored| name(stored.event)).collect();
    ids.sort();
    ids.dedup();
    Ok(ids)
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Problem {
    let hint = crate::yaml::suggest(name, known.iter().copied());
    Problem::new(StatusCode::NOT_FOUND, format!("there is no {what} `{name}`{hint}"))
}
