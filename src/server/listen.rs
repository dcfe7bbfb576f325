//! The accept loop: header time-outs that `axum::serve` does not offer, and a drain that waits for what is under way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use metrics::counter;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt;

use super::admission::Peer;
use super::answer;
use super::state::Limits;

/// How long open connections may take to finish once draining has begun.
const DRAIN: Duration = Duration::from_secs(20);

/// Connections beyond the limit that are told so at the same time. Those after them wait to be accepted.
const TURNED_AWAY: usize = 64;

/// A listener that has its address.
pub struct Listening {
    listener: TcpListener,
    /// The address, with the port that was given where 0 was asked for.
    pub address: SocketAddr,
}

impl Listening {
    /// Binds an address.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }
}

/// Room for connections.
struct Rooms {
    served: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
}

impl Rooms {
    /// A place for a connection, and who speaks on it: a connection too many is told so. To cut it off would lose the event
    /// of a sender that tries again only when it is told to.
    async fn enter(&self, router: &Router) -> Option<(OwnedSemaphorePermit, Router)> {
        if let Ok(place) = Arc::clone(&self.served).try_acquire_owned() {
            return Some((place, router.clone()));
        }
        counter!("rejoinder_connections_refused_total").increment(1);
        let place = Arc::clone(&self.turned_away).acquire_owned().await.ok()?;
        Some((place, Router::new().fallback(answer::too_many_connections)))
    }
}

/// Serves until `stop` turns true, then finishes what is under way. HTTP/1 alone: what speaks HTTP/2 is cut off.
pub async fn serve(listening: Listening, router: Router, limits: Limits, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.max_headers.max(8_192));
    let rooms = Rooms {
        served: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
        turned_away: Arc::new(Semaphore::new(TURNED_AWAY)),
    };
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
            entered = rooms.enter(&router) => entered,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some((place, router)) = entered else { break };
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
