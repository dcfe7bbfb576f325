//! What people ordered for everything, for rules and for accounts: few, seldom changed, and asked for before every decision
//! and every send. Orders for single conversations, which may be many, are read where they are.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use super::{keys, record};
use crate::model::Control;
use crate::store::StoreError;
use crate::store::kv::{Batch, Kv, Order, Walk};

/// The orders as they stand in the keys; read by all, changed by the one thread.
#[derive(Default)]
pub(super) struct Orders(RwLock<BTreeMap<Vec<u8>, Control>>);

/// What a batch makes of them.
pub(super) type Changes = Vec<(Vec<u8>, Option<Control>)>;

impl Orders {
    /// As they stand.
    pub(super) fn now(&self) -> Vec<Control> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Reads them anew.
    pub(super) fn read(&self, kv: &Arc<dyn Kv>) -> Result<(), StoreError> {
        let read = |pair: Result<(Vec<u8>, Vec<u8>), StoreError>| {
            let (key, value) = pair?;
            Ok((key, read(&value)?))
        };
        let all =
            Walk::new(kv, keys::general_controls(), Order::Forward).map(read).collect::<Result<_, StoreError>>()?;
        *self.change() = all;
        Ok(())
    }

    /// What a batch changes of them. Not read back once it is applied: reading may fail, and then nobody knew.
    pub(super) fn in_batch(batch: &Batch) -> Result<Changes, StoreError> {
        let changes = batch.values(keys::GENERAL_CONTROLS);
        changes.map(|(key, value)| Ok((key.clone(), value.map(read).transpose()?))).collect()
    }

    /// Takes over what was applied.
    pub(super) fn take_over(&self, changes: Changes) {
        let mut orders = self.change();
        for (key, order) in changes {
            match order {
                Some(order) => drop(orders.insert(key, order)),
                None => drop(orders.remove(&key)),
            }
        }
    }

    fn change(&self) -> RwLockWriteGuard<'_, BTreeMap<Vec<u8>, Control>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(value: &[u8]) -> Result<Control, StoreError> {
    record::read(value, || "an order".to_owned())
}
