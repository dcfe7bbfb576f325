//! The state in sled: short values, and for long ones their place in the journal, together with the position up to which the
//! journal has been applied. It can be made anew from the journal, and a running sum tells when it must be: sled goes on
//! after damage in the middle of its file as if nothing had been there.

mod read;
mod whole;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::base::{self, Open, answered, damaged, guarded};
use super::folder::Parts;
use super::journal::Position;
use super::meta::Meta;
use super::plan::{Wanted, pause_after, plan};
use super::reclaim::reclaim;
use crate::store::StoreError;
use crate::store::local::failed;
use ::sled::Db;

/// The key of [`Meta`]: before all others.
const META: &[u8] = &[0];

/// What is being done, for errors.
const READING: &str = "reading the state";
const WRITING: &str = "writing the state";

/// After so many bytes sled writes what it holds, so that it never has many buffers under way; see [`base`].
const BURST: usize = 1024 * 1024;

/// The state, open. Changed by one thread, read by all.
pub(super) struct State {
    parts: Parts,
    open: RwLock<Option<Arc<Open>>>,
    meta: Mutex<Meta>,
    /// The same as it was when everything was last durable.
    durable: Mutex<Meta>,
    /// How far a check in the background has come, with the sum and the number of what it saw.
    check: Mutex<Option<(Vec<u8>, Meta)>>,
    /// How many keys were changed since room was last given back.
    changed: AtomicU64,
    /// What sled has turned out to be damaged. It stays so until the next start.
    is_damaged: AtomicBool,
}

impl State {
    /// Opens the state of a data folder, which is made if it is not there. [`StoreError::Corrupt`] where sled cannot read it,
    /// also where it panics.
    pub(super) fn open(parts: &Parts) -> Result<Self, StoreError> {
        let (open, meta) = open(parts)?;
        // How many were changed before is not known, and a program that is often started anew must come to it as well.
        let changed = AtomicU64::new(meta.keys);
        let durable = Mutex::new(meta.clone());
        let (meta, check) = (Mutex::new(meta), Mutex::new(None));
        let (open, is_damaged) = (RwLock::new(Some(Arc::new(open))), AtomicBool::new(false));
        Ok(Self { parts: parts.clone(), open, meta, durable, check, changed, is_damaged })
    }

    /// Opens sled again after it failed; what was not yet durable is undone.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        let what = "opening the state again";
        let mut check = self.check();
        let mut held = self.open.write().unwrap_or_else(PoisonError::into_inner);
        *held = None;
        let (open, meta) = open(&self.parts).map_err(|error| self.judge(what, error))?;
        if meta.position < self.about_durable().position {
            return Err(self.give_up(what, "it has lost something"));
        }
        // A check that has begun begins again.
        *check = check.is_some().then(|| (META.to_vec(), Meta::default()));
        (*self.meta(), *held) = (meta, Some(Arc::new(open)));
        Ok(())
    }

    /// Has sled do something. Damage is noted, also where sled panics at it.
    fn ask<T>(&self, what: &str, work: impl FnOnce(&Open) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let open = self.sled()?;
        guarded(&self.parts.state, || work(&open)).map_err(|error| self.judge(what, error))
    }

    fn judge(&self, what: &str, error: StoreError) -> StoreError {
        match error {
            StoreError::Corrupt { what: why } => self.give_up(what, &why),
            passing => passing,
        }
    }

    /// Notes that the state is damaged: nothing is built on it any more, and the next start makes it anew. Answers the error
    /// for whoever was doing `what`; no more than that it failed, because nothing is lost.
    pub(super) fn give_up(&self, what: &str, why: &str) -> StoreError {
        if !self.is_damaged() {
            tracing::error!(folder = %self.parts.state.display(), why, "the state is damaged and has to be made anew");
            metrics::counter!("rejoinder_store_state_errors_total").increment(1);
            if let Err(error) = self.parts.note_damage() {
                tracing::error!(error = %error, "the damage could not be noted; remove the folder `state` before the next start");
            }
        }
        // Only now: the program ends when it hears of it.
        self.is_damaged.store(true, Ordering::Release);
        failed(what, why)
    }

    /// Whether it has to be made anew.
    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Acquire)
    }

    fn sled(&self) -> Result<Arc<Open>, StoreError> {
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

    /// Applies changes, after which the journal counts as applied up to `position`. Key by key, because sled lets nobody read
    /// while it makes several changes as one. What the state will say of itself in the end is noted before: what a crash
    /// leaves half done is done again from the journal, and then it is known what must have come out. `pause` is called
    /// again and again meanwhile.
    pub(super) fn apply<'a>(
        &self,
        changes: impl Iterator<Item = Wanted<'a>>,
        position: Position,
        pause: &dyn Fn(),
    ) -> Result<(), StoreError> {
        if self.about().position >= position && position != Position::default() {
            return Ok(());
        }
        self.ask(WRITING, |open| self.apply_to(&open.db, changes, position, pause))
    }

    fn apply_to<'a>(
        &self,
        db: &Db,
        changes: impl Iterator<Item = Wanted<'a>>,
        position: Position,
        pause: &dyn Fn(),
    ) -> Result<(), StoreError> {
        let writing = |error| answered(WRITING, error);
        let mut check = self.check();
        let mut before = self.about();
        let (planned, mut after) = match before.towards.take() {
            Some(after) => (plan(db, changes, None, pause)?, *after),
            None => {
                let mut after = before.clone();
                after.position = position;
                let planned = plan(db, changes, Some(&mut after), pause)?;
                before.towards = Some(Box::new(after.clone()));
                db.insert(META, before.write()?).map_err(writing)?;
                (planned, after)
            }
        };
        self.changed.fetch_add(planned.len() as u64, Ordering::Relaxed);
        let mut under_way = 0;
        for (index, (key, new)) in planned.into_iter().enumerate() {
            under_way += key.len() + new.as_ref().map_or(0, |new| new.len());
            let old = match new.clone() {
                Some(new) => db.insert(&key, new),
                None => db.remove(&key),
            };
            let old = old.map_err(writing)?;
            if let Some((_, so_far)) = check.as_mut().filter(|(passed, _)| key.as_ref() <= passed.as_slice()) {
                old.iter().for_each(|old| so_far.count(&key, old, false));
                new.iter().for_each(|new| so_far.count(&key, new, true));
            }
            if under_way >= BURST {
                db.flush().map_err(writing)?;
                under_way = 0;
            }
            pause_after(index + 1, pause);
        }
        if after.position == position {
            db.insert(META, after.write()?).map_err(writing)?;
            *self.meta() = after;
        }
        Ok(())
    }

    /// Whether at least `least` keys were changed since room was last given back, and about as many as there are.
    pub(super) fn is_worn(&self, least: u64) -> bool {
        self.changed.load(Ordering::Relaxed) >= least.max(self.meta().keys)
    }

    /// Gives room in sled's file back that is held for nothing. Ends early where `go_on` says so.
    pub(super) fn reclaim(&self, go_on: &dyn Fn() -> bool) -> Result<(), StoreError> {
        let changed = self.changed.swap(0, Ordering::Relaxed);
        let pages =
            self.ask(WRITING, |open| reclaim(&open.db, changed, go_on).map_err(|error| answered(WRITING, error)))?;
        let Some(pages) = pages else {
            // Worth it before long.
            self.changed.fetch_add(changed, Ordering::Relaxed);
            return Ok(());
        };
        tracing::debug!(pages, "room in the state was given back");
        self.flush().map(drop)
    }

    /// The place in the journal behind everything that sled may know of.
    pub(super) fn reach(&self) -> Position {
        self.meta().reach()
    }

    /// Whether changes were left half done. Until they are done again, nothing can be said of the whole.
    pub(super) fn is_halfway(&self) -> bool {
        self.meta().towards.is_some()
    }

    /// Returns when what was applied survives a power cut.
    pub(super) fn flush(&self) -> Result<PathBuf, StoreError> {
        self.flush_and(&|| ())
    }

    /// The same, telling when sled has done its part and the disk is waited for.
    pub(super) fn flush_and(&self, sled_is_done: &dyn Fn()) -> Result<PathBuf, StoreError> {
        let about = self.about();
        self.ask(WRITING, |open| {
            open.db.flush().map_err(|error| answered(WRITING, error))?;
            sled_is_done();
            open.file.sync_data().map_err(|error| answered("syncing the file of the state", error.into()))
        })?;
        *self.durable() = about;
        Ok(self.parts.state.join("db"))
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

/// Opens sled, and reads what the state says of itself.
fn open(parts: &Parts) -> Result<(Open, Meta), StoreError> {
    let open = base::open(&parts.state)?;
    let meta = guarded(&parts.state, || match open.db.get(META).map_err(|error| answered(READING, error))? {
        Some(bytes) => Meta::read(&bytes).map_err(damaged),
        None if open.db.is_empty() => Ok(Meta::default()),
        None => Err(damaged("it has no head")),
    })?;
    Ok((open, meta))
}
