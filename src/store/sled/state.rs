//! The state in sled: short values, and for long ones their place in the journal, together with the position up to which the
//! journal has been applied. It can be made anew from the journal, and a running sum tells when it must be: sled goes on
//! after damage in the middle of its file as if nothing had been there.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::sleep;
use std::time::Duration;

use ::sled::{Batch, Config, Db, Error, IVec, Mode};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::journal::Position;
use super::journal::record::Location;
use crate::store::StoreError;
use crate::store::kv::Order;
use crate::store::local::failed;

/// Pages kept in memory, in bytes. sled's own default is a gigabyte.
const CACHE: u64 = 64 * 1024 * 1024;

/// The key of [`Meta`]: before all others.
const META: &[u8] = &[0];

const HERE: u8 = 0;
const THERE: u8 = 1;

/// How many keys are changed in one step. Each step is whole by itself; readers wait for one step at most.
const STEP: usize = 64;

/// What is stored under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// The value.
    Here(Vec<u8>),
    /// Where in the journal it is.
    There(Location),
}

impl Stored {
    fn write(&self) -> Vec<u8> {
        match self {
            Self::Here(value) => [&[HERE], value.as_slice()].concat(),
            Self::There(at) => {
                let (segment, offset) = (at.segment.to_le_bytes(), at.offset.to_le_bytes());
                let (length, checksum) = (at.length.to_le_bytes(), at.checksum.to_le_bytes());
                [&[THERE], segment.as_slice(), &offset, &length, &checksum].concat()
            }
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let there = |bytes: &[u8]| {
            let (segment, rest) = bytes.split_first_chunk::<8>()?;
            let (offset, rest) = rest.split_first_chunk::<8>()?;
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let checksum: &[u8; 4] = rest.try_into().ok()?;
            Some(Location {
                segment: u64::from_le_bytes(*segment),
                offset: u64::from_le_bytes(*offset),
                length: u32::from_le_bytes(*length),
                checksum: u32::from_le_bytes(*checksum),
            })
        };
        let stored = match bytes.split_first() {
            Some((&HERE, value)) => Some(Self::Here(value.to_vec())),
            Some((&THERE, bytes)) => there(bytes).map(Self::There),
            _ => None,
        };
        stored.ok_or_else(|| StoreError::Corrupt { what: "a value of the state has an unknown form".to_owned() })
    }
}

/// What the state says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// What of the journal has been applied.
    pub(super) position: Position,
    /// How many keys there are.
    pub(super) keys: u64,
    /// The sum of the digests of all keys with their values.
    pub(super) sum: u64,
    /// How many bytes of each segment are still pointed at.
    pub(super) live: BTreeMap<u64, u64>,
}

impl Meta {
    fn count(&mut self, key: &[u8], stored: &[u8], sign: bool) {
        let digest = digest(key, stored);
        let segment = match Stored::read(stored) {
            Ok(Stored::There(at)) => Some((at.segment, u64::from(at.length))),
            _ => None,
        };
        if sign {
            (self.keys, self.sum) = (self.keys + 1, self.sum.wrapping_add(digest));
        } else {
            (self.keys, self.sum) = (self.keys.saturating_sub(1), self.sum.wrapping_sub(digest));
        }
        let Some((segment, length)) = segment else { return };
        let live = self.live.entry(segment).or_default();
        *live = if sign { *live + length } else { live.saturating_sub(length) };
        if *live == 0 {
            self.live.remove(&segment);
        }
    }
}

fn digest(key: &[u8], stored: &[u8]) -> u64 {
    // The length of the key keeps key and value apart.
    xxh3_64(key).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ xxh3_64(stored)
}

/// A key with what was and what will be stored under it.
type Seen<'a> = (&'a [u8], Option<IVec>, Option<Vec<u8>>);

/// The state, open. Changed by one thread, read by all.
pub(super) struct State {
    folder: PathBuf,
    open: RwLock<Option<Open>>,
    meta: Mutex<Meta>,
    /// The same as it was when everything was last durable.
    durable: Mutex<Meta>,
    /// How far a check in the background has come, with the sum and the number of what it saw.
    check: Mutex<Option<(Vec<u8>, Meta)>>,
}

#[derive(Clone)]
struct Open {
    db: Db,
    /// sled's own file: its `flush` hands pages to the device without the metadata that a power cut would need.
    file: Arc<File>,
}

impl State {
    /// Opens the state in a folder, which is made if it is not there. Everything that sled cannot read is an error, also
    /// where it panics.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let open = open(folder)?;
        let stored = open.db.get(META).map_err(|error| failed("reading the state", error))?;
        let meta = match &stored {
            Some(bytes) => serde_json::from_slice(bytes).map_err(|_| unreadable(folder, "its head is damaged"))?,
            None if open.db.is_empty() => Meta::default(),
            None => return Err(unreadable(folder, "it has no head")),
        };
        let durable = Mutex::new(meta.clone());
        let (meta, check) = (Mutex::new(meta), Mutex::new(None));
        Ok(Self { folder: folder.to_owned(), open: RwLock::new(Some(open)), meta, durable, check })
    }

    /// Opens sled again after it failed; what was not yet durable is undone. False where more than that is gone.
    pub(super) fn reopen(&self) -> Result<bool, StoreError> {
        let mut check = self.check();
        let mut held = self.open.write().unwrap_or_else(PoisonError::into_inner);
        *held = None;
        let open = open(&self.folder)?;
        let stored = open.db.get(META).map_err(|error| failed("reading the state", error))?;
        let meta: Meta = stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let is_whole = meta.position >= self.about_durable().position;
        // A check that has begun begins again.
        *check = check.is_some().then(|| (META.to_vec(), Meta::default()));
        (*self.meta(), *held) = (meta, Some(open));
        Ok(is_whole)
    }

    fn sled(&self) -> Result<Open, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        // Nobody is told that the store is closed: it is opened again before long.
        open.clone().ok_or_else(|| failed("reading the state", "it failed, and could not be opened again yet"))
    }

    fn meta(&self) -> MutexGuard<'_, Meta> {
        self.meta.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it says of itself.
    pub(super) fn about(&self) -> Meta {
        self.meta().clone()
    }

    fn durable(&self) -> MutexGuard<'_, Meta> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it says of itself, as far as that survives a power cut. Only what this does not need may be removed.
    pub(super) fn about_durable(&self) -> Meta {
        self.durable().clone()
    }

    /// What is stored under a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        let value = self.sled()?.db.get(key).map_err(|error| failed("reading the state", error))?;
        value.map(|bytes| Stored::read(&bytes)).transpose()
    }

    /// At most `limit` keys of a range.
    pub(super) fn page(
        &self,
        range: &Range<Vec<u8>>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        let pair = |found: ::sled::Result<(IVec, IVec)>| {
            let (key, value) = found.map_err(|error| failed("reading the state", error))?;
            Ok((key.to_vec(), Stored::read(&value)?))
        };
        let pairs = self.sled()?.db.range(range.clone());
        match order {
            Order::Forward => pairs.take(limit).map(pair).collect(),
            Order::Reverse => pairs.rev().take(limit).map(pair).collect(),
        }
    }

    /// Every key, page by page.
    pub(super) fn all(&self) -> impl Iterator<Item = Result<(Vec<u8>, Stored), StoreError>> {
        let (mut rest, mut is_done) = (vec![1]..vec![0xff], false);
        let pages = std::iter::from_fn(move || {
            if is_done {
                return None;
            }
            let page = self.page(&rest, Order::Forward, 256);
            match page.as_ref().ok().and_then(|page| page.last()) {
                Some((last, _)) => rest.start = [last.as_slice(), &[0]].concat(),
                None => is_done = true,
            }
            Some(page)
        });
        pages.flat_map(|page| match page {
            Ok(pairs) => pairs.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// Applies changes, after which the journal counts as applied up to `position`. In steps, each whole by itself: what a
    /// crash leaves undone is done again, and doing it twice does no harm.
    pub(super) fn apply<'a>(
        &self,
        changes: impl Iterator<Item = (&'a Vec<u8>, Option<Stored>)>,
        position: Position,
    ) -> Result<(), StoreError> {
        let db = self.sled()?.db;
        let mut changes = changes.peekable();
        loop {
            let mut check = self.check.lock().unwrap_or_else(PoisonError::into_inner);
            let mut meta = self.about();
            let mut batch = Batch::default();
            let mut seen: Vec<Seen<'_>> = Vec::new();
            for (key, stored) in changes.by_ref().take(STEP) {
                let old = db.get(key).map_err(|error| failed("changing the state", error))?;
                let new = stored.map(|stored| stored.write());
                match &new {
                    Some(new) => batch.insert(key.as_slice(), new.as_slice()),
                    None => batch.remove(key.as_slice()),
                }
                seen.push((key, old, new));
            }
            let count = |meta: &mut Meta, (key, old, new): &Seen<'_>| {
                old.iter().for_each(|old| meta.count(key, old, false));
                new.iter().for_each(|new| meta.count(key, new, true));
            };
            seen.iter().for_each(|change| count(&mut meta, change));
            let is_last = changes.peek().is_none();
            if is_last {
                meta.position = position;
            }
            let written = serde_json::to_vec(&meta).map_err(|error| failed("changing the state", error))?;
            batch.insert(META, written);
            db.apply_batch(batch).map_err(|error| failed("changing the state", error))?;
            *self.meta() = meta;
            if let Some((passed, so_far)) = check.as_mut() {
                seen.iter().filter(|(key, ..)| *key <= passed.as_slice()).for_each(|change| count(so_far, change));
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Returns when what was applied survives a power cut.
    pub(super) fn flush(&self) -> Result<PathBuf, StoreError> {
        let (open, about) = (self.sled()?, self.about());
        open.db.flush().map_err(|error| failed("flushing the state", error))?;
        open.file.sync_data().map_err(|error| failed("syncing the file of the state", error))?;
        *self.durable() = about;
        Ok(self.folder.join("db"))
    }

    /// Reads everything and compares it with the running sum, while changes go on. False if something was lost.
    pub(super) fn is_whole(&self, go_on: impl Fn() -> bool) -> Result<bool, StoreError> {
        *self.check() = Some((META.to_vec(), Meta::default()));
        while go_on() {
            let mut check = self.check();
            let Some((passed, seen)) = check.as_mut() else { break };
            let after = [passed.as_slice(), &[0]].concat();
            let mut last = None;
            for pair in self.sled()?.db.range(after..).take(256) {
                let (key, value) = pair.map_err(|error| failed("reading the state", error))?;
                seen.count(&key, &value, true);
                last = Some(key);
            }
            match last {
                Some(key) => *passed = key.to_vec(),
                None => {
                    let meta = self.about();
                    let is_whole = (seen.keys, seen.sum) == (meta.keys, meta.sum);
                    *check = None;
                    return Ok(is_whole);
                }
            }
        }
        *self.check() = None;
        Ok(true)
    }

    fn check(&self) -> MutexGuard<'_, Option<(Vec<u8>, Meta)>> {
        self.check.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Flushes and lets go of the files.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        let flushed = self.flush();
        self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        flushed.map(drop)
    }
}

/// How often, and at what distance, sled's own lock is asked for again: the threads of a database that was just closed in
/// this process let go of it a little later.
const TRIES: u32 = 80;
const DISTANCE: Duration = Duration::from_millis(25);

fn open(folder: &Path) -> Result<Open, StoreError> {
    fs::create_dir_all(folder).map_err(|error| failed(&format!("making the folder {}", folder.display()), error))?;
    tidy(folder)?;
    let db = open_db(folder)?;
    let durable = || {
        File::open(folder)?.sync_all()?;
        OpenOptions::new().read(true).write(true).open(folder.join("db"))
    };
    let file = durable().map_err(|error| failed(&format!("syncing the folder {}", folder.display()), error))?;
    Ok(Open { db, file: Arc::new(file) })
}

fn open_db(folder: &Path) -> Result<Db, StoreError> {
    let mut tries = 0;
    loop {
        let config = Config::new().path(folder).cache_capacity(CACHE).mode(Mode::HighThroughput).flush_every_ms(None);
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(Error::Io(error))) if error.to_string().contains("could not acquire lock") && tries < TRIES => {
                tries += 1;
                sleep(DISTANCE);
            }
            // What the disk refuses is not damage, and making the state anew would not help.
            Ok(Err(Error::Io(error))) if error.kind() != ErrorKind::UnexpectedEof => {
                return Err(failed(&format!("opening the state in {}", folder.display()), error));
            }
            Ok(Err(error)) => return Err(unreadable(folder, &error.to_string())),
            Err(_) => return Err(unreadable(folder, "sled panicked while it was opened")),
        }
    }
}

/// Removes unfinished snapshots of sled: it would take one for the newest.
fn tidy(folder: &Path) -> Result<(), StoreError> {
    let remove = || {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                fs::remove_file(entry.path())?;
            }
        }
        Ok::<(), std::io::Error>(())
    };
    remove().map_err(|error| failed(&format!("removing unfinished snapshots in {}", folder.display()), error))
}

fn unreadable(folder: &Path, why: &str) -> StoreError {
    StoreError::Corrupt { what: format!("the state in {}: {why}", folder.display()) }
}
