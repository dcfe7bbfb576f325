//! Hosts the sandbox provider on a listener, so that adapters reach it over a real socket. Knows nothing of what it says.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::clock::Clock;
use crate::provider::sandbox::{Incoming, Sandbox, SandboxRequest, SandboxResponse, Speaks, Thread};

/// What a request to the sandbox may hold, in bytes.
const MAX_BODY: usize = 32 * 1_024 * 1_024;

/// The sandbox as a router. Beside the APIs, `GET /` lists its conversations, and `POST /arrive/{provider}` lets a message
/// of a customer arrive and answers with the webhook payload that the provider would send for it.
pub fn router(sandbox: Sandbox, clock: Clock) -> Router {
    Router::new()
        .route("/", get(conversations))
        .route("/arrive/{provider}", post(arrive))
        .fallback(handle)
        .with_state((sandbox, clock))
}

async fn conversations(State((sandbox, _)): State<(Sandbox, Clock)>) -> Json<Vec<Thread>> {
    Json(sandbox.conversations())
}

async fn arrive(
    State((sandbox, clock)): State<(Sandbox, Clock)>,
    Path(provider): Path<Speaks>,
    Json(incoming): Json<Incoming>,
) -> Json<serde_json::Value> {
    Json(sandbox.arrive(provider, incoming, clock.now()))
}

async fn handle(State((sandbox, clock)): State<(Sandbox, Clock)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let request = SandboxRequest {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: body.to_vec(),
    };
    match sandbox.handle(&request, clock.now()) {
        SandboxResponse::Answer { status, headers, body } => answer(status, headers, body),
        SandboxResponse::Hang => std::future::pending().await,
        SandboxResponse::Reset => cut_off(),
    }
}

fn answer(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A body that fails before its first byte makes the server drop the connection in the middle of the answer.
fn cut_off() -> Response {
    struct Broken;
    impl hyper::body::Body for Broken {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Ready(Some(Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))))
        }
    }
    Response::new(Body::new(Broken))
}
