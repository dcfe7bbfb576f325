//! Asks the admin API without a socket: how a command on a stopped engine gives the same answers as on a running one.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use serde_json::Value;
use tower::ServiceExt;

use super::admin_router;
use super::state::Shared;

/// The status and the JSON of an answer.
pub async fn ask(
    shared: Arc<Shared>,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<(u16, Value), String> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = &shared.admin_token {
        request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
    }
    let body = match body {
        Some(body) => {
            request = request.header(CONTENT_TYPE, "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    let request = request.body(body).map_err(|error| error.to_string())?;
    let response = admin_router(shared).oneshot(request).await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.map_err(|error| error.to_string())?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
}
