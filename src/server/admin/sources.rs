//! Where events come in: how each source stands, and rounds of reading that a person asks for. Those run by themselves; who
//! asked looks again to see how far they have come.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::Problem;
use super::super::state::Shared;
use super::{Answer, hands, store_problem};
use crate::engine::Source;
use crate::model::{SourceName, duration};
use crate::poll;
use crate::store::EventQuery;

/// What is filled back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Since when, or for how long.
    since: String,
    /// Whether nothing is kept.
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    let mut sources = Vec::new();
    for source in shared.engine.sources.values() {
        sources.push(shown(&shared, source).await?);
    }
    Ok(Json(json!({ "sources": sources })))
}

pub(super) async fn one(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answer {
    Ok(Json(shown(&shared, find(&shared, &name)?).await?))
}

pub(super) async fn poll_now(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answer {
    let source = readable(&shared, &name)?;
    let number = begin(source, shared.engine.clock.now(), false)?;
    let (engine, name) = (Arc::clone(&shared.engine), source.name.clone());
    tokio::spawn(async move {
        if let Some(source) = engine.sources.get(&name) {
            poll::poll_as_asked(&engine, source).await;
        }
    });
    Ok(Json(json!({ "status": "started", "number": number })))
}

pub(super) async fn backfill(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Result<Json<Asked>, JsonRejection>,
) -> Answer {
    let asked = hands::body(body)?;
    let source = readable(&shared, &name)?;
    let since = since(&asked.since, shared.engine.clock.now(), shared.engine.retention)?;
    let number = begin(source, since, asked.dry_run)?;
    let (engine, name) = (Arc::clone(&shared.engine), source.name.clone());
    tokio::spawn(async move {
        if let Some(source) = engine.sources.get(&name) {
            poll::backfill(&engine, source, since, asked.dry_run).await;
        }
    });
    Ok(Json(json!({ "status": "started", "number": number, "since": since })))
}

/// A time that has passed, or how long ago it was. What is older than the retention is not known by its key any more, and
/// would all be new.
fn since(text: &str, now: Timestamp, retention: SignedDuration) -> Result<Timestamp, Problem> {
    let refuse = |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => {
            let ago: SignedDuration = duration::parse(text).map_err(|_| {
                refuse(format!("`since` is `{text}`; write a duration such as 2h, or a time (RFC 3339)"))
            })?;
            now.checked_sub(ago).map_err(|_| refuse(format!("`since` is `{text}`, which is before all time")))?
        }
    };
    if at > now {
        return Err(refuse(format!("`since` is `{text}`, which has not come yet")));
    }
    if now.duration_since(at) > retention {
        let kept = duration::show(retention);
        let why = format!(
            "`since` is `{text}`, which is longer ago than the `retention` of {kept}: what is older is not known any more, and would be decided again"
        );
        return Err(refuse(why));
    }
    Ok(at)
}

fn begin(source: &Source, from: Timestamp, dry_run: bool) -> Result<u64, Problem> {
    source.watch.ask(from, dry_run).ok_or_else(|| {
        Problem::new(
            StatusCode::CONFLICT,
            format!("the source `{}` is being read already, as asked before", source.name),
        )
    })
}

fn find<'a>(shared: &'a Shared, name: &str) -> Result<&'a Source, Problem> {
    let sources = &shared.engine.sources;
    sources.get(&SourceName::from(name)).ok_or_else(|| {
        let hint = crate::yaml::suggest(name, sources.keys().map(SourceName::as_str));
        Problem::new(StatusCode::NOT_FOUND, format!("there is no source `{name}`{hint}"))
    })
}

/// A source that can be read at its provider.
fn readable<'a>(shared: &'a Shared, name: &str) -> Result<&'a Source, Problem> {
    let source = find(shared, name)?;
    match poll::can_poll(&shared.engine, source) {
        true => Ok(source),
        false => {
            let why = format!("the provider of the account `{}` has no list of conversations to read", source.account);
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why))
        }
    }
}

async fn shown(shared: &Shared, source: &Source) -> Result<Value, Problem> {
    let store = &shared.engine.store;
    let position = store.position(&source.name).await.map_err(store_problem)?;
    let newest = EventQuery { source: Some(source.name.clone()), limit: 1, ..EventQuery::default() };
    let newest = store.events(&newest).await.map_err(store_problem)?;
    let provider = shared.engine.accounts.get(&source.account).map(|account| account.provider.as_str());
    let verify = Some(source.scheme.as_str()).filter(|_| source.verifier.takes_deliveries());
    let every = source.polling.poll.as_ref().map(|poll| duration::show(poll.every));
    let state = source.watch.state();
    Ok(json!({
        "name": source.name, "account": source.account, "provider": provider, "verify": verify, "poll": every,
        "backfill": source.polling.backfill, "last_event": newest.first().map(|stored| stored.event.received_at),
        "position": position.as_ref().map(|position| position.until),
        "unfinished": position.as_ref().and_then(|position| position.backfill).map(|stretch| stretch.from),
        "last_poll": state.last_poll, "next_poll": state.next_poll, "errors": state.errors, "error": state.error,
        "skipped": state.skipped, "missed": state.missed,
        "asked": state.asked,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_either_way() {
        let now: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let since = |text: &str, now| since(text, now, SignedDuration::from_hours(24 * 30));
        assert_eq!(since("2h", now).ok(), "2026-03-02T08:00:00Z".parse().ok());
        assert_eq!(since("2026-03-01T10:00:00Z", now).ok(), "2026-03-01T10:00:00Z".parse().ok());
        assert!(since("2026-03-03T10:00:00Z", now).is_err(), "it has not come yet");
        assert!(since("soon", now).is_err());
        assert!(since("30d", now).is_ok());
        assert!(since("31d", now).is_err(), "what was kept of it is forgotten");
        assert!(since("2025-03-02T10:00:00Z", now).is_err());
    }
}
