//! The sockets: deliveries on one listener, the operator's side on another. The only folder that names axum. It decides
//! nothing: a delivery goes to the pipeline, a question to the store.

mod admin;
mod admission;
mod answer;
mod ask;
mod body;
mod deliveries;
mod health;
mod listen;
mod refused;
mod rooms;
mod sandbox;
mod state;

pub use admin::openapi;
pub use admission::Admission;
pub use ask::ask;
pub use listen::{Listening, serve};
pub use sandbox::router as sandbox_router;
pub use state::{Limits, Reload, Shared};

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};

/// The public side: webhooks and health. A delivery has a time-out for its body and one for the store, so that who sends
/// slowly and who is asked to send again get different answers.
pub fn public_router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/webhooks/{source}", post(deliveries::receive).fallback(answer::method_not_allowed))
        .merge(health::routes().layer(middleware::from_fn_with_state(shared.limits.request_timeout, answer::in_time)))
        .fallback(answer::not_found)
        .with_state(shared)
}

/// The operator's side: health, metrics and the JSON API.
pub fn admin_router(shared: Arc<Shared>) -> Router {
    Router::new()
        .merge(health::routes())
        .route("/metrics", get(health::metrics))
        .nest("/api/v1", admin::routes(Arc::clone(&shared)))
        .fallback(answer::not_found)
        .layer(middleware::from_fn_with_state(shared.limits.request_timeout, answer::in_time))
        .with_state(shared)
}
