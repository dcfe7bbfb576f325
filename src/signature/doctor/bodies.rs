//! What a body may have been before somebody on the way rewrote it.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// Other forms of a body, each with what it is, the likely ones first.
pub(super) fn variants(body: &[u8]) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let json = json.into_iter().flat_map(|json| {
        let sorted = sorted(&json);
        [
            ("as JSON without blanks", written(&json, CompactFormatter)),
            ("as JSON with a blank behind `:` and `,`", written(&json, Spaced::default())),
            ("as JSON indented by two blanks", written(&json, PrettyFormatter::new())),
            ("as JSON indented by four blanks", written(&json, PrettyFormatter::with_indent(b"    "))),
            ("as JSON indented by tabs", written(&json, PrettyFormatter::with_indent(b"\t"))),
            ("as JSON without blanks, with its keys in order", written(&sorted, CompactFormatter)),
            ("as JSON with its keys in order, and a blank behind `:` and `,`", written(&sorted, Spaced::default())),
            ("as JSON indented by two blanks, with its keys in order", written(&sorted, PrettyFormatter::new())),
            ("as JSON without blanks, with letters beyond ASCII as `\\u`", written(&json, Escaped(CompactFormatter))),
            (
                "as JSON with a blank behind `:` and `,`, with letters beyond ASCII as `\\u`",
                written(&json, Escaped(Spaced::default())),
            ),
            ("as JSON without blanks, with `/` as `\\/`", replaced(&written(&json, CompactFormatter), b"/", b"\\/")),
        ]
    });
    let unix = replaced(body, b"\r\n", b"\n");
    let plain = [
        ("with a line end behind it", [body, b"\n"].concat()),
        ("without the blanks and line ends around it", body.trim_ascii().to_vec()),
        ("with CR LF as line ends", replaced(&unix, b"\n", b"\r\n")),
        ("with LF as line ends", unix),
        ("without its byte order mark", body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).to_vec()),
        ("with CR LF behind it", [body, b"\r\n"].concat()),
        ("when it is empty", Vec::new()),
    ];
    let own = body.to_vec();
    json.chain(plain).filter(move |(_, variant)| *variant != own)
}

fn written(value: &Value, formatter: impl Formatter) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing a value into memory does not fail.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter));
    bytes
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<&String, Value> = map.iter().map(|(key, value)| (key, sorted(value))).collect();
            ordered.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn replaced(body: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::with_capacity(body.len()), body);
    while let Some((first, tail)) = rest.split_first() {
        match rest.strip_prefix(from) {
            Some(after) => {
                bytes.extend_from_slice(to);
                rest = after;
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

/// What Python writes: a blank behind `:` and `,`.
#[derive(Default)]
struct Spaced(CompactFormatter);

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// Letters beyond ASCII as `\u`, which Python and PHP write unless they are told otherwise.
struct Escaped<F>(F);

impl<F: Formatter> Formatter for Escaped<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for letter in fragment.chars() {
            match letter.is_ascii() {
                true => writer.write_all(&[letter as u8])?,
                false => {
                    let mut units = [0; 2];
                    letter.encode_utf16(&mut units).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))?;
                }
            }
        }
        Ok(())
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }
}
