//! The floor: reads a request over HTTP/1.1, verifies its signature, appends the body to a file, and answers when it is on
//! the disk. Nothing else: what stands above it is what the engine's work costs. One thread writes whatever waits at once.

use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::deliveries::SECRET;

/// How many bodies share a write at the most, as many as the store takes at once.
const GROUP: usize = 1_024;

/// A body, and who waits for its number.
type Job = (Bytes, oneshot::Sender<u64>);

#[derive(Clone)]
struct Floor {
    mac: Hmac<Sha256>,
    log: Sender<Job>,
}

/// Serves until the process is ended.
pub(super) async fn run(file: &Path, address: SocketAddr) -> anyhow::Result<()> {
    if !address.ip().is_loopback() {
        bail!("the floor is served on loopback only");
    }
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_"))?;
    let mac = Hmac::new_from_slice(&key)?;
    let file = File::create_new(file).with_context(|| format!("`{}` cannot be made", file.display()))?;
    let (log, jobs) = channel();
    std::thread::Builder::new().name("floor".to_owned()).spawn(move || keep(file, &jobs))?;
    let floor = Floor { mac, log };
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let floor = floor.clone();
        let service = service_fn(move |request| receive(floor.clone(), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn receive(floor: Floor, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(refuse(StatusCode::BAD_REQUEST)) };
    let body = body.to_bytes();
    if floor.verify(&parts.headers, &body).is_none() {
        return Ok(refuse(StatusCode::UNAUTHORIZED));
    }
    let (sender, kept) = oneshot::channel();
    let sent = floor.log.send((body, sender));
    match (sent, kept.await) {
        (Ok(()), Ok(number)) => {
            Ok(Response::new(format!(r#"{{"status":"accepted","event":"{number}"}}"#).into_bytes().into()))
        }
        _ => Ok(refuse(StatusCode::SERVICE_UNAVAILABLE)),
    }
}

fn refuse(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

impl Floor {
    /// As Standard Webhooks says, in constant time.
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Option<()> {
        let header = |name: &str| headers.get(name).map(http::HeaderValue::as_bytes);
        let mut mac = self.mac.clone();
        for part in [header("webhook-id")?, b".", header("webhook-timestamp")?, b".", body] {
            mac.update(part);
        }
        let given = STANDARD.decode(header("webhook-signature")?.strip_prefix(b"v1,")?).ok()?;
        mac.verify_slice(&given).ok()
    }
}

/// Writes everything that waits, syncs once, and answers all of it. Ends with the first failure: then nobody is answered.
fn keep(mut file: File, jobs: &Receiver<Job>) {
    let (mut bytes, mut waiting, mut number) = (Vec::new(), Vec::new(), 0);
    while let Ok(first) = jobs.recv() {
        for (body, sender) in std::iter::once(first).chain(jobs.try_iter()).take(GROUP) {
            bytes.extend_from_slice(&body);
            waiting.push(sender);
        }
        if file.write_all(&bytes).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        bytes.clear();
        for sender in waiting.drain(..) {
            number += 1;
            // Who has gone away needs no answer.
            let _ = sender.send(number);
        }
    }
}
