//! A captured request: HTTP/1.1 as it came over the line. Line ends may have become bare LF in the head; the body is taken as
//! it is, because a signature covers its bytes.

use std::io::Read;

use anyhow::{Context, anyhow, bail};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use httparse::Status;

/// The most headers that are read.
const MAX_HEADERS: usize = 256;

/// A request.
#[derive(Debug)]
pub(super) struct Captured {
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Reads a file, or standard input for `-`.
pub(super) fn read(path: &str) -> anyhow::Result<Captured> {
    let mut bytes = Vec::new();
    match path {
        "-" => std::io::stdin().read_to_end(&mut bytes).map(drop).context("standard input cannot be read")?,
        path => bytes = std::fs::read(path).with_context(|| format!("`{path}` cannot be read"))?,
    }
    parse(&bytes).with_context(|| format!("`{path}` is not a captured request"))
}

fn parse(bytes: &[u8]) -> anyhow::Result<Captured> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(bytes).map_err(|error| {
        anyhow!("{error}; it begins like `POST /webhooks/inbox HTTP/1.1`, then come the headers, an empty line, and the body")
    })?;
    let Status::Complete(head) = parsed else { bail!("it ends before the empty line behind the headers") };
    let target = request.path.unwrap_or_default().to_owned();
    let mut headers = HeaderMap::new();
    for field in request.headers.iter() {
        headers.append(HeaderName::try_from(field.name)?, HeaderValue::from_bytes(field.value)?);
    }
    let body = body(&headers, &bytes[head..])?;
    Ok(Captured { target, headers, body })
}

fn body(headers: &HeaderMap, rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if text(TRANSFER_ENCODING).is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked")) {
        return unchunk(rest);
    }
    let Some(announced) = text(CONTENT_LENGTH) else { return Ok(rest.to_vec()) };
    let length: usize = announced.trim().parse().context("`Content-Length` is not a number")?;
    match rest.get(..length) {
        Some(body) => Ok(body.to_vec()),
        None => bail!(
            "the body has {} bytes and `Content-Length` says {length}: it was cut off, or changed while it was captured",
            rest.len()
        ),
    }
}

fn unchunk(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let cut_off = || anyhow!("the body ends in the middle of a chunk");
    let mut body = Vec::new();
    loop {
        let size = httparse::parse_chunk_size(rest).map_err(|_| anyhow!("the size of a chunk cannot be read"))?;
        let Status::Complete((head, length)) = size else { return Err(cut_off()) };
        if length == 0 {
            return Ok(body);
        }
        let end = usize::try_from(length).ok().and_then(|length| head.checked_add(length)).ok_or_else(cut_off)?;
        body.extend_from_slice(rest.get(head..end).ok_or_else(cut_off)?);
        rest = rest.get(end..).and_then(|rest| rest.strip_prefix(b"\r\n")).ok_or_else(cut_off)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_came() {
        let head = "POST /webhooks/inbox?a=1 HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-A: 2\r\n";
        let read = parse(format!("{head}Content-Length: 3\r\n\r\na\nb\n").as_bytes()).unwrap();
        assert_eq!((read.target.as_str(), read.body.as_slice()), ("/webhooks/inbox?a=1", b"a\nb".as_slice()));
        assert_eq!(read.headers.get_all("x-a").iter().count(), 2);
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n");
        assert_eq!(parse(chunked.as_bytes()).unwrap().body, b"abc");
        assert_eq!(parse(b"POST / HTTP/1.1\nX: y\n\nall of it\n").unwrap().body, b"all of it\n");
    }

    #[test]
    fn what_is_no_request_is_told_so() {
        for (text, words) in [
            ("{\"a\": 1}", "it begins like `POST"),
            ("POST / HTTP/1.1\r\nHost: x\r\n", "ends before the empty line"),
            ("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", "has 3 bytes and `Content-Length` says 9"),
            ("POST / HTTP/1.1\r\nContent-Length: many\r\n\r\nabc", "is not a number"),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", "in the middle of a chunk"),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "size of a chunk"),
        ] {
            let why = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(why.contains(words), "{why}");
        }
    }
}
