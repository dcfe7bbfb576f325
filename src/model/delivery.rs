//! One HTTP request to a source, before anybody has looked into it.

use std::fmt;

use http::HeaderMap;
use jiff::Timestamp;

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
