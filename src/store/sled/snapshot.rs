//! A snapshot: the state as compressed lines of JSON, from which it can be made anew together with what the journal holds
//! after it. It is taken while changes go on: what it saw too early or too late, the journal puts right, because replaying
//! begins at the position that had been applied when the snapshot was begun.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Options;
use super::journal::Position;
use super::state::State;
use super::stored::Stored;
use crate::clock::Clock;
use crate::store::StoreError;
use crate::store::local::{Content, Line, failed};

/// How many snapshots are kept: the newest, and the one before in case it is damaged.
const KEPT: usize = 2;

/// The file of one that is being written.
const UNFINISHED: &str = "unfinished";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct First {
    snapshot: u32,
    position: Position,
}

/// The last line: without it the file is not whole.
#[derive(Debug, Serialize, Deserialize)]
struct Last {
    lines: u64,
}

/// A snapshot that was found.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// What it holds: the journal up to here.
    pub(super) position: Position,
    /// Its file.
    pub(super) path: PathBuf,
    /// Its length in bytes.
    pub(super) length: u64,
    /// When it was taken.
    pub(super) taken: Timestamp,
}

/// The file of a snapshot that is being written; removed when the value is dropped, unless it has its name by then, because
/// it must not take the room of what is under way.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(file = %self.0.display(), error = %error, "an unfinished snapshot could not be removed");
            }
            _ => {}
        }
    }
}

/// Removes what a snapshot that was cut off has left.
pub(super) fn clean(folder: &Path) {
    drop(Unfinished(folder.join(UNFINISHED)));
}

/// Takes a snapshot, and forgets those that are older than the last two. Ends early, and leaves nothing, where `go_on` says
/// so.
pub(super) fn take(
    folder: &Path,
    state: &State,
    options: &Options,
    go_on: &dyn Fn() -> bool,
) -> Result<Option<Snapshot>, StoreError> {
    // Not what was only applied: sled may take that back while this is being written.
    let position = state.about_durable().position;
    let path = folder.join(format!("{:020}.jsonl.gz", position.sequence));
    let unfinished = Unfinished(folder.join(UNFINISHED));
    let writing = |error: std::io::Error| failed(&format!("writing the snapshot {}", path.display()), error);
    let Some(length) = write(&unfinished.0, state, position, go_on)? else { return Ok(None) };
    let finish = || {
        fs::rename(&unfinished.0, &path)?;
        File::open(folder)?.sync_all()
    };
    finish().map_err(writing)?;
    options.synced(&path, length);
    for old in survey(folder)?.into_iter().rev().skip(KEPT) {
        fs::remove_file(&old.path).map_err(writing)?;
    }
    Ok(Some(Snapshot { position, path, length, taken: Clock::system().now() }))
}

/// Writes the file of a snapshot, and answers how long it became; none where it was ended early.
fn write(path: &Path, state: &State, position: Position, go_on: &dyn Fn() -> bool) -> Result<Option<u64>, StoreError> {
    let writing = |error: std::io::Error| failed(&format!("writing {}", path.display()), error);
    let file = File::create(path).map_err(writing)?;
    // What reaches the encoder bit by bit costs it a whole buffer each time.
    let mut out = BufWriter::new(GzEncoder::new(file, Compression::fast()));
    write_line(&mut out, &First { snapshot: 1, position }).map_err(writing)?;
    let mut lines = 0;
    for pair in state.all() {
        if !go_on() {
            return Ok(None);
        }
        let (key, stored) = pair?;
        let content = match stored {
            Stored::Here(value) => Content::Value(value),
            Stored::There(at) => Content::At(serde_json::to_string(&at).map_err(|error| writing(error.into()))?),
        };
        write_line(&mut out, &Line::new(&key, &content)?).map_err(writing)?;
        lines += 1;
    }
    let finish = || {
        write_line(&mut out, &Last { lines })?;
        let file = out.into_inner().map_err(IntoInnerError::into_error)?.finish()?;
        file.sync_all()?;
        Ok(Some(file.metadata()?.len()))
    };
    finish().map_err(writing)
}

fn write_line<T: Serialize>(out: &mut impl Write, line: &T) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// The snapshots of a folder, oldest first, as far as their first lines can be read.
pub(super) fn survey(folder: &Path) -> Result<Vec<Snapshot>, StoreError> {
    let reading = |error| failed(&format!("reading the folder {}", folder.display()), error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(reading)? {
        let path = entry.map_err(reading)?.path();
        if !path.to_string_lossy().ends_with(".jsonl.gz") {
            continue;
        }
        let about = fs::metadata(&path).map_err(reading)?;
        let modified = about.modified().ok().and_then(|modified| Timestamp::try_from(modified).ok());
        let (length, taken) = (about.len(), modified.unwrap_or(Timestamp::UNIX_EPOCH));
        match Lines::open(&path) {
            Ok(lines) => found.push(Snapshot { position: lines.position, path, length, taken }),
            Err(why) => tracing::warn!(file = %path.display(), why, "a snapshot cannot be read and is left alone"),
        }
    }
    found.sort_by_key(|snapshot| snapshot.position);
    Ok(found)
}

/// The lines of a snapshot.
pub(super) struct Lines {
    reader: BufReader<MultiGzDecoder<File>>,
    position: Position,
    read: u64,
    is_done: bool,
}

impl Lines {
    /// Opens a snapshot; an error says in words why it cannot be read.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut reader = BufReader::new(MultiGzDecoder::new(file));
        let mut line = String::new();
        reader.read_line(&mut line).map_err(|error| error.to_string())?;
        let first: First = serde_json::from_str(&line).map_err(|_| "its first line is not one".to_owned())?;
        if first.snapshot != 1 {
            return Err(format!("it is of version {}, and this program knows version 1", first.snapshot));
        }
        Ok(Self { reader, position: first.position, read: 0, is_done: false })
    }

    /// Nothing may follow. The checksum of the whole file is compared only when it is read to its end.
    fn check_end(&mut self) -> Result<(), String> {
        let rest = self.reader.fill_buf().map_err(|error| error.to_string())?;
        if rest.is_empty() { Ok(()) } else { Err("something follows its last line".to_owned()) }
    }

    fn parse(&mut self, line: &str) -> Result<Option<(Vec<u8>, Stored)>, String> {
        if let Ok(last) = serde_json::from_str::<Last>(line) {
            self.is_done = true;
            if last.lines != self.read {
                return Err(format!("{} of {} lines are there", self.read, last.lines));
            }
            return self.check_end().map(|()| None);
        }
        self.read += 1;
        let line: Line = serde_json::from_str(line).map_err(|_| format!("line {} is damaged", self.read + 1))?;
        let key = line.key().map_err(|error| error.to_string())?;
        let stored = match line.content().map_err(|error| error.to_string())? {
            Content::Value(value) => Stored::Here(value),
            Content::At(json) => {
                Stored::There(serde_json::from_str(&json).map_err(|_| format!("line {} is damaged", self.read + 1))?)
            }
        };
        Ok(Some((key, stored)))
    }
}

impl Iterator for Lines {
    type Item = Result<(Vec<u8>, Stored), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let mut line = String::new();
        let parsed = match self.reader.read_line(&mut line) {
            Ok(0) => Err("it ends too early".to_owned()),
            Ok(_) => self.parse(&line),
            Err(error) => Err(error.to_string()),
        };
        self.is_done |= parsed.is_err();
        parsed.transpose()
    }
}
