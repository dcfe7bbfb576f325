//! Requests taken apart and answers put together. It knows no API.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{SandboxRequest, SandboxResponse};

/// A request below the prefix of its API.
pub(super) struct Ask<'a> {
    method: &'a Method,
    segments: Vec<String>,
    query: Vec<(String, String)>,
    headers: &'a HeaderMap,
    body: &'a [u8],
    /// The time of the request.
    pub(super) now: Timestamp,
}

/// Why a body was not accepted.
pub(super) enum BadBody {
    /// It is not said to be JSON.
    ContentType,
    /// It is not the JSON that is wanted; with what serde says.
    Content(String),
}

impl<'a> Ask<'a> {
    pub(super) fn new(request: &'a SandboxRequest, path: &str, now: Timestamp) -> Self {
        let decode = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
        Self {
            method: &request.method,
            segments: path.trim_start_matches('/').split('/').map(decode).collect(),
            query: url::form_urlencoded::parse(request.query.as_bytes()).into_owned().collect(),
            headers: &request.headers,
            body: &request.body,
            now,
        }
    }

    /// Whether it only reads.
    pub(super) fn is_read(&self) -> bool {
        *self.method == Method::GET || *self.method == Method::HEAD
    }

    /// Method and path, to be matched.
    pub(super) fn route(&self) -> (&str, Vec<&str>) {
        (self.method.as_str(), self.segments.iter().map(String::as_str).collect())
    }

    /// The path, for keys that count per path.
    pub(super) fn path(&self) -> String {
        self.segments.join("/")
    }

    /// A header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The token of `Authorization: Bearer …`.
    pub(super) fn bearer(&self) -> Option<&str> {
        self.header(AUTHORIZATION.as_str())?.strip_prefix("Bearer ")
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// That the query has none but these parameters, and each once; else which one it should not have.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), String> {
        let mut seen = Vec::new();
        for (name, _) in &self.query {
            if !known.contains(&name.as_str()) {
                return Err(format!("unknown query parameter {name}"));
            }
            if seen.contains(&name) {
                return Err(format!("query parameter {name} is given twice"));
            }
            seen.push(name);
        }
        Ok(())
    }

    /// A number of the query within bounds; `default` where it is not given, nothing where it is wrong.
    pub(super) fn number(&self, name: &str, default: usize, bounds: std::ops::RangeInclusive<usize>) -> Option<usize> {
        match self.query(name) {
            None => Some(default),
            Some(text) => text.parse().ok().filter(|number| bounds.contains(number)),
        }
    }

    /// The body as JSON of a shape; unknown fields are for the shape to refuse.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, BadBody> {
        let media_type = self.header(CONTENT_TYPE.as_str()).unwrap_or_default().split(';').next().unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case("application/json") {
            return Err(BadBody::ContentType);
        }
        serde_json::from_slice(self.body).map_err(|error| BadBody::Content(error.to_string()))
    }

    /// The fields of a form body (`application/x-www-form-urlencoded`).
    pub(super) fn form(&self) -> Option<Vec<(String, String)>> {
        let is_form = self.header(CONTENT_TYPE.as_str()) == Some("application/x-www-form-urlencoded");
        is_form.then(|| url::form_urlencoded::parse(self.body).into_owned().collect())
    }
}

/// An answer with a JSON body.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Answer {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, headers: vec![content_type("application/json")], body }
    }

    /// 200.
    pub(super) fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    /// Adds a header.
    pub(super) fn header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn into_response(self) -> SandboxResponse {
        SandboxResponse::Answer { status: self.status, headers: self.headers, body: self.body.to_string().into_bytes() }
    }
}

fn content_type(media_type: &str) -> (String, String) {
    (CONTENT_TYPE.as_str().to_owned(), media_type.to_owned())
}

/// A success whose body is not what any API answers, as from a proxy in between.
pub(super) fn garbage() -> SandboxResponse {
    let body = b"<html>\xff\xfe not what you think".to_vec();
    SandboxResponse::Answer { status: 200, headers: vec![content_type("text/html")], body }
}

/// For a field where `null` says something else than leaving it out.
pub(super) fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}
