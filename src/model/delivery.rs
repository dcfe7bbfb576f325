//! One HTTP request to a source, before anybody has looked into it.

use std::fmt;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use url::form_urlencoded;

use super::multipart;

/// The most fields of a form that is read. Senders write a few dozen.
const MAX_FIELDS: usize = 1024;

/// The raw bytes and headers of one request to a source. `Debug` shows sizes, never content.
#[derive(Clone)]
pub struct Delivery {
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The body, byte for byte: a signature covers bytes, not their meaning.
    pub body: Vec<u8>,
    /// When the last byte had been read.
    pub received_at: Timestamp,
}

impl Delivery {
    /// The value of a header, if it is there, is text, and is there once. Doubled signature headers are refused by
    /// returning nothing: a proxy and the program could each trust another one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().map(str::trim),
            _ => None,
        }
    }

    /// The fields of a form, in order, where the content type says that the body is one, urlencoded or multipart; nothing
    /// where it is something else, or has more than 1024 fields.
    pub fn form(&self) -> Option<Vec<(String, String)>> {
        let content_type = self.header(CONTENT_TYPE.as_str())?;
        let kind = content_type.split(';').next()?.trim();
        if kind.eq_ignore_ascii_case("multipart/form-data") {
            return multipart::fields(content_type, &self.body, MAX_FIELDS);
        }
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return None;
        }
        let fields: Vec<_> = form_urlencoded::parse(&self.body).into_owned().take(MAX_FIELDS + 1).collect();
        (fields.len() <= MAX_FIELDS).then_some(fields)
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.len())
            .field("received_at", &self.received_at)
            .finish()
    }
}
