//! The accept loop: header time-outs that `axum::serve` does not offer, and a drain that waits for what is under way.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;

use super::admission::{Admission, Peer};
use super::rooms::Rooms;
use super::state::Limits;

/// How long open connections may take to finish once draining has begun.
const DRAIN: Duration = Duration::from_secs(20);

/// A listener that has its address.
pub struct Listening {
    listener: TcpListener,
    /// The address, with the port that was given where 0 was asked for.
    pub address: SocketAddr,
    admission: Admission,
}

impl Listening {
    /// Binds an address.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, admission: Admission::default() })
    }

    /// With proxies that may take more than half of the connections, because they speak for many. Without it, a proxy on
    /// another machine counts as one address.
    pub fn behind(self, admission: Admission) -> Self {
        Self { admission, ..self }
    }
}

/// Serves until `stop` turns true, then finishes what is under way. HTTP/1 alone: what speaks HTTP/2 is cut off.
pub async fn serve(listening: Listening, router: Router, limits: Limits, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.max_headers.max(8_192));
    let rooms = Rooms::new(limits.connections, listening.admission);
    loop {
        let accepted = tokio::select! {
            accepted = listening.listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: give connections time to end.
                tracing::error!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // The answers are small and complete; waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let entered = tokio::select! {
            entered = rooms.enter(address.ip(), &router) => entered,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some((place, router)) = entered else { continue };
        let router = router.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(address.ip()));
            request.map(Body::new)
        });
        let service = TowerToHyperService::new(router);
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "a connection ended early");
            }
        });
    }
    drop(listening.listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open after the drain and were cut");
    }
}
