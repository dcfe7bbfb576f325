//! A disk for the simulation: what was applied is seen at once, what was flushed survives a loss of power. It fails when it
//! is told to. Compiled for tests only.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

pub(crate) use super::local::{Kept, Stepped};

use super::kv::{Batch, Change, Kv, Order, Pair};
use super::local::{failed, remembers};
use super::{Store, StoreError};
use crate::model::LaneKey;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;
type Changes = Vec<(Vec<u8>, Change)>;

/// What a disk does the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskFault {
    /// There is no room: everything is as it was at the last flush.
    Full,
    /// What was applied is not made durable, and the disk says so.
    FlushFails,
}

/// A disk. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<Platters>>);

#[derive(Default)]
struct Platters {
    seen: Map,
    durable: Map,
    unflushed: Vec<Changes>,
    fault: Option<DiskFault>,
    lies: bool,
    hidden: Option<u8>,
    taken_along: Option<u8>,
    before: Option<Map>,
}

impl Disk {
    /// Opens a store on it as a start would.
    pub(crate) fn open(&self) -> Result<(Arc<dyn Store>, Stepped), StoreError> {
        Stepped::open(Arc::new(self.clone()))
    }

    /// What happens the next time that it can; nothing ends an earlier order.
    pub(crate) fn fail(&self, fault: Option<DiskFault>) {
        self.platters().fault = fault;
    }

    /// From now on a flush says yes and does nothing.
    pub(crate) fn lie(&self) {
        self.platters().lies = true;
    }

    /// From now on nothing is found whose key begins with this letter.
    pub(crate) fn hide(&self, kind: u8) {
        self.platters().hidden = Some(kind);
    }

    /// From now on whoever forgets an event takes along everything whose key begins with this letter.
    pub(crate) fn take_along(&self, kind: u8) {
        self.platters().taken_along = Some(kind);
    }

    /// What is kept now, durable or not.
    pub(crate) fn kept(&self) -> Kept {
        let kv: Arc<dyn Kv> = Arc::new(self.clone());
        Kept::read(&kv)
    }

    /// Whether anything is remembered of a conversation.
    pub(crate) fn remembers(&self, lane: &LaneKey) -> bool {
        remembers(self, lane)
    }

    /// A disk as this one was before an event or a conversation was last removed; none where none was since this was asked.
    pub(crate) fn before_forgetting(&self) -> Option<Self> {
        let seen = self.platters().before.take()?;
        Some(Self(Arc::new(Mutex::new(Platters { seen, ..Platters::default() }))))
    }

    /// The power goes. Of the changes that were not flushed the first few may be there all the same; `kept` says how many
    /// of so many.
    pub(crate) fn lose_power(&self, kept: impl FnOnce(usize) -> usize) {
        let mut platters = self.platters();
        let unflushed = std::mem::take(&mut platters.unflushed);
        let kept = kept(unflushed.len());
        unflushed.into_iter().take(kept).for_each(|batch| change(&mut platters.durable, batch));
        platters.seen = platters.durable.clone();
    }

    fn platters(&self) -> MutexGuard<'_, Platters> {
        self.0.lock().unwrap()
    }
}

fn change(map: &mut Map, batch: Changes) {
    for (key, value) in batch {
        match value {
            Change::Put(value) | Change::New(value) => map.insert(key, value),
            Change::Remove => map.remove(&key),
        };
    }
}

/// Whether a key that begins with one of these letters is removed.
fn removes(batch: &Changes, kinds: &[u8]) -> bool {
    let is_removed = |(key, change): &(Vec<u8>, Change)| {
        matches!(change, Change::Remove) && key.first().is_some_and(|kind| kinds.contains(kind))
    };
    batch.iter().any(is_removed)
}

impl Platters {
    fn hides(&self, key: &[u8]) -> bool {
        self.hidden.is_some() && key.first().copied() == self.hidden
    }

    fn with_taken_along(&self, mut batch: Changes) -> Changes {
        if let Some(kind) = self.taken_along.filter(|_| removes(&batch, b"i")) {
            let taken = self.seen.keys().filter(|key| key.first() == Some(&kind));
            batch.extend(taken.map(|key| (key.clone(), Change::Remove)));
        }
        batch
    }

    fn trips(&mut self, fault: DiskFault) -> bool {
        self.fault.take_if(|next| *next == fault).is_some()
    }
}

impl Kv for Disk {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let platters = self.platters();
        Ok(platters.seen.get(key).filter(|_| !platters.hides(key)).cloned())
    }

    fn page(&self, range: &Range<Vec<u8>>, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let platters = self.platters();
        let pairs = platters
            .seen
            .range(range.clone())
            .filter(|(key, _)| !platters.hides(key))
            .map(|(key, value)| (key.clone(), value.clone()));
        Ok(match order {
            Order::Forward => pairs.take(limit).collect(),
            Order::Reverse => pairs.rev().take(limit).collect(),
        })
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let mut platters = self.platters();
        let batch = platters.with_taken_along(batch.into_iter().collect());
        if removes(&batch, b"ic") {
            platters.before = Some(platters.seen.clone());
        }
        change(&mut platters.seen, batch.clone());
        platters.unflushed.push(batch);
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        let mut platters = self.platters();
        if platters.trips(DiskFault::Full) {
            platters.seen = platters.durable.clone();
            platters.unflushed.clear();
            return Err(StoreError::Full { what: "no space left on device".to_owned() });
        }
        if platters.trips(DiskFault::FlushFails) {
            return Err(failed("flushing", "input/output error"));
        }
        if !platters.lies {
            let unflushed = std::mem::take(&mut platters.unflushed);
            unflushed.into_iter().for_each(|batch| change(&mut platters.durable, batch));
        }
        Ok(())
    }

    fn close(&self) -> Result<(), StoreError> {
        self.flush()
    }
}
