//! The store in a folder on disk. The only folder that names sled.
//!
//! | in the data folder | what |
//! |---|---|
//! | `journal/` | every change, in order, in files that are only added to: the truth |
//! | `state/` | sled: the keys as they stand, applied a little behind the journal; long values stay in the journal |
//! | `snapshots/` | the state at some moment, from which `state/` can be made anew with the journal behind it |
//! | `lock` | taken by the process that has it open |
//! | `rebuild` | there while `state/` is known to be damaged, until it has been made anew |
//!
//! Acknowledged is what the journal has made durable. Losing `state/`, or its tail, costs time and nothing else.

mod applier;
mod base;
mod below;
mod check;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
mod due;
mod folder;
mod header;
mod journal;
mod layers;
#[cfg(test)]
mod load;
mod meta;
mod open;
mod packed;
mod plan;
#[cfg(test)]
mod power;
mod rebuild;
mod reclaim;
#[cfg(test)]
mod recovery;
mod salvage;
mod scan;
#[cfg(test)]
mod slow;
mod snapshot;
mod start;
mod state;
mod stored;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod torn;
mod usage;
mod watch;

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use self::below::Below;
use self::folder::Room;
use self::journal::Journal;
use self::layers::{Layers, Value};
use self::start::open_with;
use self::state::State;
use self::stored::Stored;
use self::watch::Watch;
use super::kv::{Batch, Kv, Order, Pair};
use super::local::failed;
use super::{Store, StoreError, Usage};

pub use self::check::{Damage, Report, check};
pub use self::salvage::{Salvaged, salvage};

/// Opens the store in a folder, which is made if it is not there.
pub fn open(path: &Path) -> Result<Arc<dyn Store>, StoreError> {
    open_with(path, &Options::default())
}

/// How often to look whether the thread behind the writer has ended.
const LOOK: Duration = Duration::from_millis(2);

type Observer = Arc<dyn Fn(&Path, u64) + Send + Sync>;

/// Sizes and paces.
#[derive(Clone)]
struct Options {
    /// How long a file of the journal becomes, in bytes.
    segment: u64,
    /// How old a file of the journal becomes, and a snapshot while a file waits for the next to be removed.
    age: Duration,
    /// How much is held in memory before it is applied to sled, in bytes.
    layer: usize,
    /// What is durable is applied to sled this much later at the latest.
    pace: Duration,
    /// Up to this many keys the state is checked while it is opened; more are checked in the background.
    checked: u64,
    /// After so many changed keys, and after as many as there are, room in sled's file that is held for nothing is given back.
    reclaim: u64,
    /// How much room must be left on the disk for anything new to be taken, in bytes.
    reserve: u64,
    /// How long applying to sled may make no progress until it counts as hanging.
    patience: Duration,
    /// Told of every file that was made durable, and up to which byte.
    observer: Option<Observer>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment: 64 * 1024 * 1024,
            age: Duration::from_secs(24 * 3_600),
            layer: 8 * 1024 * 1024,
            pace: Duration::from_secs(2),
            checked: 200_000,
            reclaim: 50_000,
            reserve: 32 * 1024 * 1024,
            patience: Duration::from_secs(60),
            observer: None,
        }
    }
}

impl Options {
    /// Makes a file durable, and tells so. The one place from which anything is acknowledged.
    fn sync(&self, file: &File, path: &Path, length: u64) -> std::io::Result<()> {
        file.sync_data()?;
        self.synced(path, length);
        Ok(())
    }

    /// Whether what was made at `born` has come to the age at which something new begins.
    fn is_old(&self, born: Timestamp, now: Timestamp) -> bool {
        Duration::try_from(now.duration_since(born)).is_ok_and(|age| age >= self.age)
    }

    fn synced(&self, path: &Path, length: u64) {
        if let Some(observer) = &self.observer {
            observer(path, length);
        }
    }
}

/// The journal, the state, and what is between them.
struct Journaled {
    shared: Arc<Shared>,
    applier: Mutex<Option<JoinHandle<()>>>,
    /// Let go of last: whoever holds it may open the files.
    lock: Mutex<Option<File>>,
}

/// What the writer, the readers and the applier share.
struct Shared {
    journal: Journal,
    state: State,
    layers: RwLock<Layers>,
    options: Options,
    room: Room,
    watch: Arc<Watch>,
    /// Rung when there is something to apply, when something was applied, and at the end.
    bell: Condvar,
    bell_lock: Mutex<()>,
    is_closing: AtomicBool,
    is_closed: AtomicBool,
    /// How many finished files of the journal were found damaged since the start.
    damaged_files: AtomicU64,
}

impl Shared {
    fn layers<T>(&self, look: impl FnOnce(&Layers) -> T) -> T {
        look(&self.layers.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change_layers<T>(&self, change: impl FnOnce(&mut Layers) -> T) -> T {
        change(&mut self.layers.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn ring(&self) {
        let _held = self.bell_lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.bell.notify_all();
    }

    fn wait(&self, most: Duration) {
        let held = self.bell_lock.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.bell.wait_timeout(held, most));
    }

    fn is(&self, flag: &AtomicBool) -> bool {
        flag.load(Ordering::Acquire)
    }

    /// Whether the disk has more room than is kept for what is under way.
    fn has_reserve(&self) -> bool {
        self.room.is_enough(self.journal.folder(), self.options.reserve)
    }

    /// The same when so many more bytes are written.
    fn has_room_for(&self, bytes: u64) -> bool {
        folder::room(self.journal.folder()).is_none_or(|room| room >= self.options.reserve.saturating_add(bytes))
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.is(&self.is_closed) { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn value(&self, stored: Stored) -> Result<Vec<u8>, StoreError> {
        match stored {
            Stored::Here(value) => Ok(value),
            Stored::There(at) => self.journal.read(at),
        }
    }

    /// What is stored under a key.
    fn find(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        // From above to below: what moves meanwhile moves down.
        let known = self.layers(|layers| layers.get(key).map(|entry| entry.value.as_ref().map(Value::read)));
        known.map_or_else(|| self.state.get(key), Ok)
    }

    /// The value that was found under a key. Between the two the value may have been moved or removed, and its file with it.
    fn read(&self, key: &[u8], stored: Stored) -> Result<Option<Vec<u8>>, StoreError> {
        let mut seen = stored;
        loop {
            let damaged = match self.value(seen.clone()) {
                Err(error @ StoreError::Corrupt { .. }) => error,
                other => return other.map(Some),
            };
            match self.find(key)? {
                None => return Ok(None),
                Some(now) if now == seen => return Err(damaged),
                Some(now) => seen = now,
            }
        }
    }

    /// A value in a list: nothing, which no reader takes for a record, where it is damaged. One bad value must not hide the
    /// others.
    fn listed(&self, key: &[u8], stored: Stored) -> Result<Option<Vec<u8>>, StoreError> {
        match self.read(key, stored) {
            Err(StoreError::Corrupt { what }) => {
                tracing::error!(what, "a stored value cannot be read");
                Ok(Some(Vec::new()))
            }
            other => other,
        }
    }
}

impl Journaled {
    /// Waits for the thread behind the writer, unless it hangs.
    fn end(&self, applier: JoinHandle<()>) -> Result<(), StoreError> {
        while !applier.is_finished() {
            if self.shared.watch.is_stuck() {
                return Err(failed("closing", "the state hangs"));
            }
            self.shared.wait(LOOK);
        }
        applier.join().map_err(|_| failed("closing", "a thread panicked"))
    }
}

impl Kv for Journaled {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.check_open()?;
        let found = self.shared.find(key)?;
        found.map_or(Ok(None), |stored| self.shared.read(key, stored))
    }

    fn page(&self, range: &Range<Vec<u8>>, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.shared.check_open()?;
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let above = self.shared.layers(|layers| layers.page(range, order, limit)).into_iter();
        let mut below = Below::new(&self.shared.state, range, order, limit);
        let merged = layers::merge(above, &mut below, order);
        let found: Vec<_> = merged.filter_map(|(key, stored)| stored.map(|stored| (key, stored))).take(limit).collect();
        below.error.map_or(Ok(()), Err)?;
        // A page must not become shorter, or it would look like the last: what is gone by now is listed as nothing.
        let value = |key: &[u8], stored| Ok::<_, StoreError>(self.shared.listed(key, stored)?.unwrap_or_default());
        found
            .into_iter()
            .map(|(key, stored)| Ok((value(&key, stored)?, key)))
            .map(|it| it.map(|(value, key)| (key, value)))
            .collect()
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.shared.check_open()?;
        let written = self.shared.journal.append(batch);
        self.shared.change_layers(|layers| written.for_each(|(written, at)| layers.enter(written, at)));
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        shared.check_open()?;
        // What it has lost cannot be acknowledged on.
        if shared.state.is_damaged() {
            return Err(failed("making a change durable", "the state is damaged; it is made anew at the next start"));
        }
        if shared.watch.is_stuck() {
            return Err(failed("making a change durable", "the state hangs; the next start goes on from the journal"));
        }
        let end = match shared.journal.sync() {
            Ok(end) => end,
            Err(error) => {
                shared.change_layers(Layers::take_back);
                return Err(error);
            }
        };
        let size = shared.change_layers(|layers| {
            layers.keep(end);
            if layers.size() > shared.options.layer && layers.is_ready() {
                layers.hand_down();
            }
            layers.size()
        });
        if size > shared.options.layer {
            shared.ring();
        }
        if size > shared.options.layer * 4 {
            // sled does not keep up: whoever asks for more waits for it.
            shared.wait(Duration::from_secs(1));
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        let shared = &self.shared;
        let is_behind = shared.layers(Layers::size) > shared.options.layer * 8;
        !is_behind && shared.has_reserve()
    }

    fn is_sound(&self) -> bool {
        !self.shared.state.is_damaged() && !self.shared.watch.is_stuck()
    }

    fn scattered(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        applier::scattered(&self.shared)
    }

    fn usage(&self) -> Result<Option<Usage>, StoreError> {
        self.shared.check_open()?;
        usage::of(&self.shared).map(Some)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.shared.check_open()?;
        self.shared.is_closing.store(true, Ordering::Release);
        self.shared.ring();
        let applier = self.applier.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = applier.map_or(Ok(()), |applier| self.end(applier));
        self.shared.is_closed.store(true, Ordering::Release);
        // A state that hangs would not let go either; the process that ends does.
        if self.shared.watch.is_stuck() {
            return ended;
        }
        let closed = self.shared.state.close();
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        ended.and(closed)
    }
}

impl Drop for Journaled {
    fn drop(&mut self) {
        if !self.shared.is(&self.shared.is_closed)
            && let Err(error) = self.close()
        {
            tracing::error!(error = %error, "the store could not be closed in order");
        }
    }
}
