//! The whole state as compressed lines of JSON, and back: how a store is moved, also to one of another make. The first line
//! says what it is, the last how many lines lie between, or that some could not be read, so that a part of it is never taken
//! for all of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::keys::{self, KINDS};
use super::line::{Content, Line, kind_of};
use super::record::{self, EventPlace};
use super::{failed, list};
use crate::store::kv::{Batch, Kv, Order, Walk};
use crate::store::{Exported, Progress, StoreError};

/// The version of the format.
const VERSION: u32 = 1;

/// How many lines are imported in one batch.
pub(super) const PART: usize = 256;

/// How a compressed file begins (RFC 1952 section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

#[derive(Debug, Serialize, Deserialize)]
struct First {
    rejoinder_state: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Last {
    lines: u64,
}

/// The last line of one that is not whole: how many records could not be read. It has other words than [`Last`], so that
/// whoever does not know it cannot take it for that.
#[derive(Debug, Serialize, Deserialize)]
struct LastOfPart {
    unreadable: u64,
}

/// Writes everything that can be read. What changes meanwhile may or may not be in it.
pub(super) fn export(
    kv: &Arc<dyn Kv>,
    out: Box<dyn Write + Send>,
    progress: &Progress,
) -> Result<Exported, StoreError> {
    let writing = |error: std::io::Error| failed("writing the export", error);
    // What reaches the encoder bit by bit costs it a whole buffer each time.
    let mut out = BufWriter::new(GzEncoder::new(out, Compression::default()));
    write(&mut out, &First { rejoinder_state: VERSION }).map_err(writing)?;
    let (mut lines, mut unreadable) = (0, Vec::new());
    // How often a store was opened is its own affair.
    for (letter, ..) in KINDS.iter().filter(|(letter, ..)| *letter != keys::HEADER) {
        for pair in Walk::new(kv, keys::all(*letter), Order::Forward) {
            let (key, value) = pair?;
            match list::readable(line(&**kv, &key, value))? {
                Some(Some(line)) => {
                    write(&mut out, &line).map_err(writing)?;
                    lines += 1;
                    progress(lines);
                }
                Some(None) => {}
                None => unreadable.push(key),
            }
        }
    }
    match unreadable.len() as u64 {
        0 => write(&mut out, &Last { lines }),
        unreadable => write(&mut out, &LastOfPart { unreadable }),
    }
    .map_err(writing)?;
    let out = out.into_inner().map_err(|error| writing(error.into_error()))?;
    out.finish().and_then(|mut out| out.flush()).map_err(writing)?;
    Ok(Exported { lines, unreadable: named(kv, &unreadable)? })
}

/// The line of a key that was listed; none where it is gone by now. A list shows nothing for what it cannot read.
fn line(kv: &dyn Kv, key: &[u8], listed: Vec<u8>) -> Result<Option<Line>, StoreError> {
    let value = if listed.is_empty() { kv.get(key)? } else { Some(listed) };
    value.map(|value| Line::new(key, &Content::Value(value))).transpose()
}

/// The records in words, without content: what is known by a number, by the id that people know.
fn named(kv: &Arc<dyn Kv>, records: &[Vec<u8>]) -> Result<Vec<String>, StoreError> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let of_event = |value: &[u8]| record::read::<EventPlace>(value, String::new).ok().map(|place| place.number);
    let of_send = |value: &[u8]| record::read::<u64>(value, String::new).ok();
    let (events, sends) = (ids(kv, b'i', of_event)?, ids(kv, b'j', of_send)?);
    let named = records.iter().map(|key| {
        let known = match key.first() {
            Some(b'e' | b'd') => keys::number_of(key).and_then(|number| events.get(&number)),
            Some(b's' | b'h') => keys::number_of(key).and_then(|number| sends.get(&number)),
            _ => None,
        };
        known.map_or_else(|| format!("a record of kind `{}`", kind_of(key)), |id| format!("{} {id}", kind_of(key)))
    });
    Ok(named.collect())
}

/// The ids below a letter, by the numbers that they stand for.
fn ids(
    kv: &Arc<dyn Kv>,
    letter: u8,
    number: impl Fn(&[u8]) -> Option<u64>,
) -> Result<BTreeMap<u64, String>, StoreError> {
    let mut ids = BTreeMap::new();
    for pair in Walk::new(kv, keys::all(letter), Order::Forward) {
        let (key, value) = pair?;
        ids.extend(number(&value).zip(keys::name_of(&key)));
    }
    Ok(ids)
}

fn write<T: Serialize>(out: &mut impl Write, line: &T) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// The batches of an export, compressed or not. Ends with the number of its lines, or with what is wrong in it.
pub(super) struct Import {
    reader: Box<dyn BufRead + Send>,
    number: u64,
    is_done: bool,
}

impl Import {
    /// Reads the first line.
    pub(super) fn open(file: Box<dyn Read + Send>) -> Result<Self, StoreError> {
        let mut plain = BufReader::new(file);
        let start = plain.fill_buf().map_err(|error| failed("reading the import", error))?;
        let reader: Box<dyn BufRead + Send> = match start.starts_with(&GZIP) {
            true => Box::new(BufReader::new(MultiGzDecoder::new(plain))),
            false => Box::new(plain),
        };
        let mut import = Self { reader, number: 0, is_done: false };
        let first = import.line()?;
        match serde_json::from_str(&first) {
            Ok(First { rejoinder_state: VERSION }) => Ok(import),
            Ok(First { rejoinder_state }) => Err(import.wrong(&format!(
                "it is an export of version {rejoinder_state}, and this program knows version {VERSION}"
            ))),
            Err(_) => Err(import.wrong("this is not an export of `rejoinder state export`")),
        }
    }

    /// How many lines were read so far, without the first.
    pub(super) fn lines(&self) -> u64 {
        self.number.saturating_sub(1)
    }

    /// The next batch; none after the last.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, StoreError> {
        let mut batch = Batch::default();
        for _ in 0..PART {
            if self.is_done {
                break;
            }
            let text = self.line()?;
            if let Ok(Last { lines }) = serde_json::from_str(&text) {
                self.number -= 1;
                if lines != self.lines() {
                    return Err(self.wrong(&format!("it says that {lines} lines came before")));
                }
                self.is_done = true;
                self.check_end()?;
                break;
            }
            if let Ok(LastOfPart { unreadable }) = serde_json::from_str(&text) {
                return Err(self.wrong(&format!(
                    "it is not whole: {unreadable} records could not be read when it was written; salvage the store that it \
                     is from (`rejoinder state salvage`), and export it again"
                )));
            }
            let line: Line = serde_json::from_str(&text).map_err(|error| self.wrong(&error.to_string()))?;
            let named = |error: StoreError| self.wrong(&error.to_string());
            match line.content().map_err(named)? {
                Content::Value(value) => batch.put(line.key().map_err(named)?, value),
                Content::At(_) => return Err(self.wrong("it belongs to a snapshot, which holds no values")),
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// Nothing may follow. The checksum of a compressed file is compared only when it is read to its end.
    fn check_end(&mut self) -> Result<(), StoreError> {
        let mut rest = String::new();
        let read = self.reader.read_to_string(&mut rest).map_err(|error| failed("reading the import", error))?;
        if read == 0 || rest.trim().is_empty() { Ok(()) } else { Err(self.wrong("something follows its last line")) }
    }

    fn line(&mut self) -> Result<String, StoreError> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line).map_err(|error| failed("reading the import", error))?;
        self.number += 1;
        if read == 0 { Err(self.wrong("the file ends here, without its last line")) } else { Ok(line) }
    }

    fn wrong(&self, why: &str) -> StoreError {
        StoreError::Import { what: format!("line {} of the import: {why}", self.number) }
    }
}
