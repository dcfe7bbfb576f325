//! The senders: connections that are kept open, over which deliveries are posted as fast as they are answered, or at fixed
//! moments. Every answer is looked at: 200, accepted, and an id that no other had.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use http::header::HOST;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::deliveries::Delivery;
use crate::clock;

/// Where the webhooks of a target come in.
const PATH: &str = "/webhooks/bench";

/// What came of posting.
pub(super) struct Load {
    /// From the first byte to the last answer.
    pub(super) took: Duration,
    /// From request to answer, in microseconds.
    pub(super) latency: Histogram<u64>,
    /// When each delivery was begun, by its number.
    pub(super) begun: Vec<(u64, Instant)>,
}

impl Load {
    /// How many were acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.begun.len() as u64
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    status: &'a str,
    event: &'a str,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    ids: Vec<String>,
    latency: Histogram<u64>,
    begun: Vec<(u64, Instant)>,
}

/// Posts over `connections`, each the next delivery as soon as the last is answered, until none is left or the time is up.
pub(super) async fn closed(
    target: SocketAddr,
    deliveries: Vec<Delivery>,
    connections: usize,
    most: Duration,
) -> anyhow::Result<Load> {
    let (deliveries, next) = (Arc::new(deliveries), Arc::new(AtomicUsize::new(0)));
    let open = connect(target, connections).await?;
    let start = clock::instant();
    let mut tasks = JoinSet::new();
    for mut connection in open {
        let (deliveries, next) = (Arc::clone(&deliveries), Arc::clone(&next));
        tasks.spawn(async move {
            while start.elapsed() < most
                && let Some(delivery) = deliveries.get(next.fetch_add(1, Ordering::Relaxed))
            {
                connection.post(delivery, clock::instant()).await?;
            }
            anyhow::Ok(connection)
        });
    }
    gather(tasks, start).await
}

/// Posts one delivery at each tick of `every`, whatever became of those before. What begins late because all connections
/// were taken counts from when it should have begun.
pub(super) async fn paced(
    target: SocketAddr,
    deliveries: Vec<Delivery>,
    connections: usize,
    every: Duration,
) -> anyhow::Result<Load> {
    let deliveries = Arc::new(deliveries);
    let open = connect(target, connections).await?;
    let start = clock::instant();
    let mut tasks = JoinSet::new();
    for (lane, mut connection) in open.into_iter().enumerate() {
        let deliveries = Arc::clone(&deliveries);
        tasks.spawn(async move {
            for (index, delivery) in deliveries.iter().enumerate().skip(lane).step_by(connections) {
                let due = start + every * u32::try_from(index)?;
                let is_late = clock::instant() > due;
                tokio::time::sleep_until(due.into()).await;
                connection.post(delivery, if is_late { due } else { clock::instant() }).await?;
            }
            anyhow::Ok(connection)
        });
    }
    gather(tasks, start).await
}

async fn connect(target: SocketAddr, connections: usize) -> anyhow::Result<Vec<Connection>> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let stream = TcpStream::connect(target).await.with_context(|| format!("nobody listens on {target}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        open.push(Connection {
            sender,
            host: HeaderValue::try_from(target.to_string())?,
            ids: Vec::new(),
            latency: Histogram::new(3)?,
            begun: Vec::new(),
        });
    }
    Ok(open)
}

impl Connection {
    async fn post(&mut self, delivery: &Delivery, begun: Instant) -> anyhow::Result<()> {
        let mut request = Request::post(PATH).body(Full::new(delivery.body.clone()))?;
        request.headers_mut().clone_from(&delivery.headers);
        request.headers_mut().insert(HOST, self.host.clone());
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let answer: Option<Answer<'_>> = serde_json::from_slice(&body).ok();
        let Some(answer) = answer.filter(|answer| status == StatusCode::OK && answer.status == "accepted") else {
            bail!("delivery {} was answered {status} {}", delivery.number, String::from_utf8_lossy(&body));
        };
        self.ids.push(answer.event.to_owned());
        self.latency.record(u64::try_from(begun.elapsed().as_micros())?)?;
        self.begun.push((delivery.number, begun));
        Ok(())
    }
}

async fn gather(mut tasks: JoinSet<anyhow::Result<Connection>>, start: Instant) -> anyhow::Result<Load> {
    let (mut ids, mut latency, mut begun) = (HashSet::new(), Histogram::new(3)?, Vec::new());
    let mut ended = Vec::new();
    while let Some(connection) = tasks.join_next().await {
        ended.push(connection??);
    }
    let took = start.elapsed();
    for connection in ended {
        latency.add(&connection.latency)?;
        begun.extend(connection.begun);
        ids.extend(connection.ids);
    }
    if ids.len() != begun.len() {
        bail!("{} deliveries were acknowledged with {} ids", begun.len(), ids.len());
    }
    Ok(Load { took, latency, begun })
}
