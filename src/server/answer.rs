//! Answers that are not a success: problem details (RFC 9457). They say what is wrong and never why a signature failed.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{StatusCode, Uri};
use serde_json::json;

/// A problem: a status, a sentence, and for some how long to wait.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    retry_after: Option<u32>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None }
    }

    /// With how many seconds to wait.
    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(seconds) = self.retry_after {
            body["retry_after"] = seconds.into();
        }
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Seconds that a sender shall wait when there is too much at this moment.
pub(super) const SOON: u32 = 5;

/// The body is read first where it is short, because closing before it was read could cut off the answer.
pub(super) async fn too_many_connections(body: Body) -> Response {
    let _ = tokio::time::timeout(Duration::from_secs(1), to_bytes(body, 64 << 10)).await;
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many connections at once").retry_after(SOON);
    let mut response = problem.into_response();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The time-out of a whole request of the operator's. It is the server that is slow, so it is no 408.
pub(super) async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let detail = "there was no answer within `limits.request_timeout`; what was asked for may still have been done";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
    })
}

pub(super) async fn not_found(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

pub(super) async fn method_not_allowed() -> Response {
    let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "deliveries are sent with POST").into_response();
    response.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("POST"));
    response
}
