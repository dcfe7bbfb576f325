//! The JSON API of the operator, below `/api/v1`. Asks the store, and for its lists a provider; changes only what waits for a person, what people order,
//! and the rules in force.

mod accounts;
mod calls;
mod controls;
mod dead;
mod events;
mod explain;
mod hands;
mod held;
mod lists;
mod openapi;
mod quarantines;
mod refused;
mod rules;
mod scope;
mod sends;
mod sources;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use http::header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN};
use http::uri::Authority;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::answer::{Problem, not_found};
use super::state::Shared;
use crate::store::StoreError;

pub(super) fn routes(shared: Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/status", get(status))
        .route("/accounts", get(accounts::list))
        .route("/events", get(events::events))
        .route("/events/{id}", get(events::event))
        .route("/events/{id}/explain", get(explain::explain))
        .route("/outbox", get(sends::outbox))
        .route("/outbox/{id}", get(sends::send))
        .route("/dead", get(dead::list))
        .route("/dead/{id}/redrive", post(dead::redrive))
        .route("/dead/{id}/drop", post(dead::drop_one))
        .route("/dead/redrive", post(dead::redrive_many))
        .route("/dead/drop", post(dead::drop_many))
        .route("/held", get(held::list))
        .route("/held/{id}", get(held::one))
        .route("/held/{id}/approve", post(held::approve))
        .route("/held/{id}/release", post(held::release))
        .route("/held/{id}/confirm", post(held::confirm))
        .route("/held/{id}/drop", post(held::drop_held))
        .route("/held/approve", post(held::approve_many))
        .route("/held/release", post(held::release_many))
        .route("/held/drop", post(held::drop_many))
        .route("/quarantine", get(quarantines::list))
        .route("/quarantine/{id}", get(quarantines::one))
        .route("/quarantine/{id}/release", post(quarantines::release))
        .route("/controls", get(controls::list))
        .route("/pause", post(controls::pause))
        .route("/resume", post(controls::resume))
        .route("/mode", post(controls::mode))
        .route("/state", get(state))
        .route("/sources", get(sources::list))
        .route("/sources/{name}", get(sources::one))
        .route("/sources/{name}/poll", post(sources::poll_now))
        .route("/sources/{name}/backfill", post(sources::backfill))
        .route("/accounts/{account}/conversations", get(lists::conversations))
        .route("/accounts/{account}/members", get(lists::members))
        .route("/accounts/{account}/snippets", get(lists::snippets))
        .route("/sources/{name}/refused", get(refused::refused))
        .route("/rules", get(rules::rules))
        .route("/reload", post(rules::reload))
        .route("/openapi.json", get(async || Json(openapi::document())))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(shared, authorise))
}

/// The OpenAPI document of the admin API.
pub fn openapi() -> Value {
    openapi::document()
}

type Answer = Result<Json<Value>, Problem>;

/// A bearer token, where one is configured. Without one the configuration allows loopback only, and a web page that the
/// operator has open must not reach the API by a name that leads to loopback.
async fn authorise(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let Some(token) = &shared.admin_token else {
        return match [HOST, ORIGIN].iter().all(|name| is_local(request.headers().get(name))) {
            true => next.run(request).await,
            false => Problem::new(StatusCode::FORBIDDEN, "without a token, the admin API is for this machine alone")
                .into_response(),
        };
    };
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let is_right = given.is_some_and(|given| bool::from(given.as_bytes().ct_eq(token.expose().as_bytes())));
    match is_right {
        true => next.run(request).await,
        false => Problem::new(StatusCode::UNAUTHORIZED, "the bearer token is missing or wrong").into_response(),
    }
}

/// Whether `Host` or `Origin`, where it is there, names an address or localhost.
fn is_local(value: Option<&HeaderValue>) -> bool {
    let Some(value) = value else { return true };
    let text = value.to_str().unwrap_or_default();
    let authority = text.rsplit("//").next().unwrap_or_default().parse::<Authority>();
    authority.is_ok_and(|authority| {
        let host = authority.host().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

fn store_problem(error: StoreError) -> Problem {
    tracing::error!(error = %error, "the store could not answer");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the store could not answer; the log says why")
}

async fn status(State(shared): State<Arc<Shared>>) -> Answer {
    let store = &shared.engine.store;
    let counts = store.counts().await.map_err(store_problem)?;
    let (controls, now) = (store.controls().await.map_err(store_problem)?, shared.engine.clock.now());
    let paused = controls.iter().filter(|control| control.pause.is_some()).map(|control| &control.scope);
    let quarantines = store.quarantines().await.map_err(store_problem)?;
    let quarantined = quarantines.iter().filter(|quarantine| quarantine.is_active(now)).count();
    let book = shared.engine.book.load();
    let sources = shared
        .engine
        .sources
        .values()
        .map(|source| json!({ "name": source.name, "account": source.account, "scheme": source.scheme }));
    let accounts =
        shared.engine.accounts.iter().map(|(name, account)| json!({ "name": name, "provider": account.provider }));
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"), "store": shared.place, "book": book.hash(), "rules": book.rules().len(), "counts": counts,
        "quarantined": quarantined, "paused": paused.collect::<Vec<_>>(),
        "sources": sources.collect::<Vec<_>>(), "accounts": accounts.collect::<Vec<_>>(),
    })))
}

async fn state(State(shared): State<Arc<Shared>>) -> Answer {
    let store = &shared.engine.store;
    let (counts, usage) = (store.counts().await, store.usage().await);
    Ok(Json(json!({ "counts": counts.map_err(store_problem)?, "usage": usage.map_err(store_problem)? })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_only_leads_to_this_machine_is_not_this_machine() {
        for (value, wanted) in [
            ("127.0.0.1:8081", true),
            ("[::1]:8081", true),
            ("localhost:8081", true),
            ("http://localhost:8081", true),
            ("evil.example:8081", false),
            ("https://evil.example", false),
            ("10.0.0.1", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(is_local(Some(&HeaderValue::from_static(value))), wanted, "{value}");
        }
        assert!(is_local(None));
    }
}
