//! The provider at which replies arrive, as cheap as can be: it notes when, and answers with an id.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::clock;

/// How often the arrivals are looked at while they are waited for.
const LOOK: Duration = Duration::from_millis(2);

#[derive(Default)]
struct Arrivals {
    first: HashMap<u64, Instant>,
    doubled: u64,
    last: Option<Instant>,
}

/// A provider on a port of its own.
#[derive(Clone)]
pub(super) struct Sink {
    /// Where it listens.
    pub(super) address: SocketAddr,
    arrivals: Arc<Mutex<Arrivals>>,
}

impl Sink {
    /// Serves until the process ends.
    pub(super) async fn serve() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let sink = Self { address: listener.local_addr()?, arrivals: Arc::default() };
        let served = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let sink = served.clone();
                let service = service_fn(move |request| receive(sink.clone(), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(sink)
    }

    /// Forgets what has arrived.
    pub(super) fn clear(&self) {
        *self.arrivals() = Arrivals::default();
    }

    /// Waits until so many replies have arrived; when the last did.
    pub(super) async fn reach(&self, count: u64, patience: Duration) -> anyhow::Result<Option<Instant>> {
        let start = clock::instant();
        loop {
            let (arrived, doubled, last) = {
                let arrivals = self.arrivals();
                (arrivals.first.len() as u64, arrivals.doubled, arrivals.last)
            };
            if doubled > 0 {
                bail!("{doubled} replies arrived twice");
            }
            if arrived >= count {
                return Ok(last);
            }
            if start.elapsed() > patience {
                bail!("{arrived} of {count} replies arrived in {patience:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// When the reply to a delivery arrived.
    pub(super) fn arrival(&self, number: u64) -> Option<Instant> {
        self.arrivals().first.get(&number).copied()
    }

    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, number: u64) {
        let (now, mut arrivals) = (clock::instant(), self.arrivals());
        arrivals.last = Some(now);
        match arrivals.first.contains_key(&number) {
            true => arrivals.doubled += 1,
            false => drop(arrivals.first.insert(number, now)),
        }
    }
}

/// The path ends in the conversation, which is named after its delivery.
async fn receive(sink: Sink, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let number = request.uri().path().rsplit_once("/c").and_then(|(_, number)| number.parse().ok());
    let number: u64 = number.unwrap_or_default();
    sink.note(number);
    // Read to its end, so that the connection can be used again.
    let _ = request.into_body().collect().await;
    Ok(Response::new(format!(r#"{{"id":"r{number}"}}"#).into_bytes().into()))
}
