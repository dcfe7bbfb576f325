//! The sockets: deliveries on one listener, the operator's side on another. The only folder that names axum. It decides
//! nothing: a delivery goes to the pipeline, a question to the store.

mod admin;
mod answer;
mod ask;
mod deliveries;
mod health;
mod listen;
mod sandbox;
mod state;

pub use admin::openapi;
pub use ask::ask;
pub use listen::{Listening, serve};
pub use sandbox::router as sandbox_router;
pub use state::{Limits, Reload, Shared};

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

/// The public side: webhooks and health.
pub fn public_router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/webhooks/{source}", post(deliveries::receive).fallback(answer::method_not_allowed))
        .merge(health::routes())
        .fallback(answer::not_found)
        .layer(tower_http::timeout::TimeoutLayer::with_status_code(
            http::StatusCode::REQUEST_TIMEOUT,
            shared.limits.request_timeout,
        ))
        .with_state(shared)
}

/// The operator's side: health, metrics and the JSON API.
pub fn admin_router(shared: Arc<Shared>) -> Router {
    Router::new()
        .merge(health::routes())
        .route("/metrics", get(health::metrics))
        .nest("/api/v1", admin::routes(Arc::clone(&shared)))
        .fallback(answer::not_found)
        .layer(tower_http::timeout::TimeoutLayer::with_status_code(
            http::StatusCode::REQUEST_TIMEOUT,
            shared.limits.request_timeout,
        ))
        .with_state(shared)
}
