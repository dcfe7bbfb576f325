//! Why an event was decided as it was: the stored decision, with the why-not of every other rule worked out anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::json;

use super::super::answer::Problem;
use super::super::state::Shared;
use super::{Answer, store_problem};
use crate::journey;
use crate::model::{BookHash, EventId, Facts, Trace};
use crate::rules::Book;
use crate::store::SendQuery;

/// The stored decision, with the why-not of every other rule worked out by the rule book of that time. `differs` names the
/// rules that come out otherwise when the event is decided again: the program has changed since.
pub(super) async fn explain(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let store = &shared.engine.store;
    let Some(stored) = store.event(&EventId::from(id.as_str())).await.map_err(store_problem)? else {
        return Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no event `{id}`")));
    };
    let Some(mut decision) = stored.decision else {
        return Ok(Json(json!({ "event": stored.event, "decision": null, "sends": [] })));
    };
    let book = book_of(&shared, &decision.book).await?;
    let facts = Facts::seen(stored.event.clone(), &decision);
    let again = aside(move || journey::explain(&book, &facts)).await?;
    let differs = differs(&decision.trace, &again);
    let matched: BTreeSet<String> = names(&decision.trace).map(str::to_owned).collect();
    decision.trace.unmatched = again.unmatched.into_iter().filter(|rule| !matched.contains(&rule.rule)).collect();
    let query = SendQuery { event: Some(EventId::from(id)), ..SendQuery::default() };
    let mut sends = store.sends(&query).await.map_err(store_problem)?;
    sends.sort_by_key(|send| send.index);
    Ok(Json(json!({ "event": stored.event, "decision": decision, "sends": sends, "differs": differs })))
}

/// The rule book of that hash: compiled once as long as nobody asks for another one.
async fn book_of(shared: &Shared, hash: &BookHash) -> Result<Arc<Book>, Problem> {
    if let Some(book) = shared.revived(hash) {
        return Ok(book);
    }
    let files = shared.engine.store.book(hash).await.map_err(store_problem)?;
    let gone = || Problem::new(StatusCode::CONFLICT, "the rule book of that time is gone");
    let (files, today) = (files.ok_or_else(gone)?, shared.engine.book.load_full());
    let revived = aside(move || Book::revive(files, today.surroundings())).await?;
    let book = Arc::new(revived.map_err(|faults| {
        Problem::new(StatusCode::CONFLICT, format!("the rule book of that time cannot be compiled any more: {faults}"))
    })?);
    shared.keep_revived(hash, &book);
    Ok(book)
}

/// Compiling and deciding take their time, and would keep everybody else waiting.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("explaining failed: {error}")))
}

fn names(trace: &Trace) -> impl Iterator<Item = &str> {
    trace.matched.iter().map(|rule| rule.rule.as_str())
}

/// The rules that matched or failed then and not now, or now and not then.
fn differs(then: &Trace, now: &Trace) -> Vec<String> {
    let of = |trace: &Trace| -> BTreeSet<String> {
        let failed = trace.errors.iter().map(|error| format!("{} (failed)", error.rule));
        names(trace).map(str::to_owned).chain(failed).collect()
    };
    of(then).symmetric_difference(&of(now)).cloned().collect()
}
