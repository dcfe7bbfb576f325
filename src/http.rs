//! Outgoing HTTP: the only file that names reqwest. Time-outs, size caps, no redirects, no proxies from the environment,
//! and the egress policy. It knows no provider.

pub mod address;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde_json::Value;
use url::{Origin, Url};

use crate::secret::Secret;

/// The largest answer that is read; what a provider sends beyond is refused.
pub const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// A request to a provider. `Debug` shows method and path only.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: Url,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Vec::new() }
    }

    /// A request with a JSON body.
    pub fn json(method: Method, url: Url, body: &Value) -> Self {
        let mut request = Self::new(method, url);
        request.body = body.to_string().into_bytes();
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }

    /// A request with a form body (`application/x-www-form-urlencoded`).
    pub fn form(method: Method, url: Url, fields: &[(&str, &str)]) -> Self {
        let mut request = Self::new(method, url);
        request.body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes();
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        request
    }

    /// Adds a header; a value that cannot stand in a header is left out, and the provider will say so.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds a header that holds a credential.
    #[must_use]
    pub fn secret_header(mut self, name: HeaderName, value: &Secret) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value.expose()) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &Secret) -> Self {
        self.secret_header(AUTHORIZATION, &Secret::from(format!("Bearer {}", token.expose())))
    }

    /// Whether it only reads.
    pub fn is_read(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url.path())
    }
}

/// What a provider answered. `Debug` shows the status and the size only.
#[derive(Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most [`MAX_RESPONSE`] bytes.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; `null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3), measured from `now`.
    pub fn retry_after(&self, now: Timestamp) -> Option<SignedDuration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse::<u32>() {
            return Some(SignedDuration::from_secs(seconds.into()));
        }
        let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Some(date.duration_since(now).max(SignedDuration::ZERO))
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// Why there is no answer. The difference that matters: may the provider have acted?
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The egress policy forbids the address. Nothing left this machine.
    #[error("egress policy: {0}")]
    Forbidden(String),
    /// The request did not reach the provider: name, connection or TLS failed. Nothing was done there.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Bytes left, and no whole answer came back: the provider may have acted.
    #[error("no answer: {0}")]
    Unanswered(String),
}

/// Whoever makes calls: the client, a client within its rate budget, a test.
#[async_trait]
pub trait Http: Send + Sync {
    /// Makes one call. Never follows a redirect, never retries.
    async fn call(&self, request: Request) -> Result<Response, CallError>;
}

/// What outgoing calls may reach: `https` and public addresses, and beyond that the origins that were configured.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    allowed: Vec<Origin>,
}

impl Egress {
    /// Allows the origin (scheme, host, port) of a configured address as written.
    pub fn allow(&mut self, url: &Url) {
        self.allowed.push(url.origin());
    }

    /// Whether an origin was configured.
    pub fn is_allowed(&self, url: &Url) -> bool {
        self.allowed.contains(&url.origin())
    }

    /// Refuses what may not be reached, as far as the address alone tells; names are judged once resolved. Answers whether
    /// the origin was configured.
    fn judge(&self, url: &Url) -> Result<bool, CallError> {
        if self.is_allowed(url) {
            return Ok(true);
        }
        if url.scheme() != "https" {
            return Err(CallError::Forbidden("only https may be called, unless the address is configured".to_owned()));
        }
        let literal = match url.host() {
            Some(url::Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(url::Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            _ => None,
        };
        match literal {
            Some(ip) if !is_public(ip) => Err(CallError::Forbidden("the address is not public".to_owned())),
            _ => Ok(false),
        }
    }
}

/// Whether an address belongs to the public internet (IANA special-purpose registries, RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    const SPECIAL: [&str; 24] = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "::1/128",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001:db8::/32",
        "2002::/16",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    ];
    let ip = match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    };
    !SPECIAL.iter().filter_map(|range| range.parse::<ipnet::IpNet>().ok()).any(|range| range.contains(&ip))
}

/// The client. Two clients inside: one for configured origins, one that resolves names to public addresses only.
#[derive(Clone)]
pub struct Client {
    egress: Arc<Egress>,
    configured: reqwest::Client,
    guarded: reqwest::Client,
}

impl Client {
    /// A client under a policy. `timeout` covers a call from connect to the last byte of the answer.
    pub fn new(egress: Egress, timeout: Duration) -> Result<Self, CallError> {
        // A second installation is refused and means that the provider is already there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = || {
            reqwest::Client::builder()
                .user_agent(concat!("rejoinder/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .connect_timeout(Duration::from_secs(5).min(timeout))
                .timeout(timeout)
        };
        let build =
            |builder: reqwest::ClientBuilder| builder.build().map_err(|error| CallError::NotSent(chain(&error)));
        Ok(Self {
            egress: Arc::new(egress),
            configured: build(base())?,
            guarded: build(base().dns_resolver(Arc::new(PublicOnly)))?,
        })
    }
}

#[async_trait]
impl Http for Client {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let client = if self.egress.judge(&request.url)? { &self.configured } else { &self.guarded };
        let sent = client.request(request.method, request.url).headers(request.headers).body(request.body).send().await;
        let mut answer = sent.map_err(|error| match error.is_connect() || error.is_builder() {
            true => CallError::NotSent(format!("{}: {}", origin(&error), chain(&error.without_url()))),
            false => CallError::Unanswered(chain(&error.without_url())),
        })?;
        let (status, headers) = (answer.status().as_u16(), std::mem::take(answer.headers_mut()));
        let mut body = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_RESPONSE => body.extend_from_slice(&chunk),
                Ok(Some(_)) => {
                    return Err(CallError::Unanswered(format!("the answer is larger than {MAX_RESPONSE} bytes")));
                }
                Ok(None) => return Ok(Response { status, headers, body }),
                Err(error) => return Err(CallError::Unanswered(chain(&error.without_url()))),
            }
        }
    }
}

/// The error with its causes, since the outermost one alone often says nothing.
/// The host and the port that were called. Path and query may hold what is nobody else's business.
fn origin(error: &reqwest::Error) -> String {
    let Some(url) = error.url() else { return "?".to_owned() };
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or("?"))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Resolves names to public addresses only, so that a name cannot lead inside.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.filter(|address| is_public(address.ip())).collect();
            match found.is_empty() {
                true => Err("the name leads to no public address".into()),
                false => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_and_plain_http_are_refused_unless_configured() {
        let mut egress = Egress::default();
        for url in [
            "http://api.example.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://10.1.2.3/",
            "https://169.254.169.254/",
            "https://[::ffff:192.168.0.1]/",
        ] {
            assert!(egress.judge(&url.parse().unwrap()).is_err(), "{url}");
        }
        assert!(egress.judge(&"https://93.184.216.34/".parse().unwrap()).is_ok());
        egress.allow(&"http://127.0.0.1:8082/spruce".parse().unwrap());
        assert!(egress.judge(&"http://127.0.0.1:8082/other".parse().unwrap()).is_ok());
        assert!(egress.judge(&"http://127.0.0.1:8083/".parse().unwrap()).is_err());
    }

    #[test]
    fn debug_output_shows_no_header_and_no_body() {
        let request = Request::json(
            Method::POST,
            "https://x.example/a?key=1".parse().unwrap(),
            &serde_json::json!({"a": "private"}),
        )
        .bearer(&Secret::from("hunter2"));
        assert_eq!(format!("{request:?}"), "POST /a");
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now: Timestamp = "2015-10-21T07:28:00Z".parse().unwrap();
        let with = |value: &'static str| Response {
            status: 429,
            headers: [(RETRY_AFTER, HeaderValue::from_static(value))].into_iter().collect(),
            body: Vec::new(),
        };
        assert_eq!(with("120").retry_after(now), Some(SignedDuration::from_secs(120)));
        assert_eq!(with("Wed, 21 Oct 2015 07:29:00 GMT").retry_after(now), Some(SignedDuration::from_secs(60)));
        assert_eq!(with("soon").retry_after(now), None);
    }
}
