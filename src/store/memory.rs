//! A store that forgets everything when it is closed: for tests, demonstrations and trying out rules.
//! Writes to no disk; "durable" means "applied" here.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, RwLock};

use super::kv::{Batch, Change, Kv, Order, Pair};
use super::local::{Core, Local};
use super::{Store, StoreError};

/// Opens an empty store.
pub fn open() -> Arc<dyn Store> {
    Arc::new(Local::start(Core::new(Arc::new(Memory::default()))))
}

/// Keys in a map; `None` when closed.
pub(super) struct Memory(RwLock<Option<BTreeMap<Vec<u8>, Vec<u8>>>>);

impl Default for Memory {
    fn default() -> Self {
        Self(RwLock::new(Some(BTreeMap::new())))
    }
}

impl Memory {
    fn read<T>(&self, look: impl FnOnce(&BTreeMap<Vec<u8>, Vec<u8>>) -> T) -> Result<T, StoreError> {
        let map = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        map.as_ref().map(look).ok_or(StoreError::Closed)
    }
}

impl Kv for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|map| map.get(key).cloned())
    }

    fn page(&self, range: &Range<Vec<u8>>, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let own = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        self.read(|map| {
            let pairs = map.range(range.clone());
            match order {
                Order::Forward => pairs.take(limit).map(own).collect(),
                Order::Reverse => pairs.rev().take(limit).map(own).collect(),
            }
        })
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let mut map = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let map = map.as_mut().ok_or(StoreError::Closed)?;
        for (key, change) in batch {
            match change {
                Change::Put(value) | Change::New(value) => map.insert(key, value),
                Change::Remove => map.remove(&key),
            };
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.read(|_| ())
    }

    fn close(&self) -> Result<(), StoreError> {
        let mut map = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        map.take().map(drop).ok_or(StoreError::Closed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;

    use crate::store::conformance::{self, Harness, PROMISES};
    use crate::store::{Store, StoreError};

    struct Fresh;

    #[async_trait]
    impl Harness for Fresh {
        async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
            Ok(super::open())
        }
    }

    #[tokio::test]
    async fn memory_keeps_its_promises() {
        assert_eq!(conformance::run(|| Box::new(Fresh), PROMISES).await, []);
    }
}
