//! The store in a folder on disk, with sled below. The only folder that names sled.
//! Never acknowledges before `flush` and `fdatasync`, and never uses `flush_async`, which can hang.

mod chunks;
#[cfg(test)]
mod crash;
mod folder;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ::sled::{Db, Tree};

use super::kv::{Batch, Kv, Order, Pair};
use super::local::{Core, Local, failed};
use super::{Store, StoreError};

/// Opens the store in a folder, which is made if it is not there.
pub fn open(path: &Path) -> Result<Arc<dyn Store>, StoreError> {
    let sled = Arc::new(Sled::open(path)?);
    let mut core = Core::new(sled.clone());
    core.load()?;
    sled.mark_used(path)?;
    Ok(Arc::new(Local::start(core)))
}

/// Keys in sled; `None` when closed. The lock is held for writing only while a batch is applied, so that nobody sees a part
/// of it, and never while the disk is waited for.
struct Sled(RwLock<Option<Open>>);

struct Open {
    db: Db,
    /// sled's own file: its `flush` hands pages to the device without the metadata that a power cut would need.
    file: File,
    /// Dropped last: whoever holds it may open the files.
    lock: File,
}

impl Sled {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = folder::lock(path)?;
        folder::tidy(path)?;
        let db = folder::open_db(path)?;
        folder::check_used(path, &lock, &db)?;
        let file = folder::durable(path)?;
        Ok(Self(RwLock::new(Some(Open { db, file, lock }))))
    }

    fn mark_used(&self, path: &Path) -> Result<(), StoreError> {
        let open = self.read()?;
        folder::mark_used(path, &open.as_ref().ok_or(StoreError::Closed)?.lock)
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, Option<Open>>, StoreError> {
        self.0.read().map_err(|_| panicked())
    }
}

impl Kv for Sled {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let open = self.read()?;
        let tree: &Tree = &open.as_ref().ok_or(StoreError::Closed)?.db;
        let value = tree.get(key).map_err(|error| failed("reading a record", error))?;
        value.map(|stored| chunks::join(tree, key, &stored)).transpose()
    }

    fn page(&self, range: &Range<Vec<u8>>, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError> {
        let open = self.read()?;
        let tree: &Tree = &open.as_ref().ok_or(StoreError::Closed)?.db;
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let pair = |found: ::sled::Result<(::sled::IVec, ::sled::IVec)>| {
            let (key, stored) = found.map_err(|error| failed("reading records", error))?;
            Ok((key.to_vec(), chunks::join(tree, &key, &stored)?))
        };
        let pairs = tree.range(range.clone());
        match order {
            Order::Forward => pairs.take(limit).map(pair).collect(),
            Order::Reverse => pairs.rev().take(limit).map(pair).collect(),
        }
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let open = self.0.write().map_err(|_| panicked())?;
        let tree: &Tree = &open.as_ref().ok_or(StoreError::Closed)?.db;
        let mut changes = ::sled::Batch::default();
        for (key, value) in batch {
            let old = tree.get(&key).map_err(|error| failed("changing a record", error))?;
            chunks::split(&mut changes, key, value, old.as_deref());
        }
        tree.apply_batch(changes).map_err(|error| failed("changing records", error))
    }

    fn flush(&self) -> Result<(), StoreError> {
        let open = self.read()?;
        let open = open.as_ref().ok_or(StoreError::Closed)?;
        open.db.flush().map_err(|error| failed("flushing", error))?;
        open.file.sync_data().map_err(|error| failed("syncing the file of the database", error))
    }

    fn close(&self) -> Result<(), StoreError> {
        // Also where something panicked: the files must be let go of.
        let mut open = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Open { db, file, lock: _lock } = open.take().ok_or(StoreError::Closed)?;
        let flushed = db.flush().map_err(|error| failed("flushing", error));
        drop(db);
        file.sync_data().map_err(|error| failed("syncing the file of the database", error))?;
        flushed.map(drop)
    }
}

fn panicked() -> StoreError {
    failed("using the database", "it panicked while a batch was applied")
}
