//! Removing what points at something that is gone, after a salvage: so that the store can be opened, and every loss has a
//! name.

use std::sync::Arc;

use super::record::{self, EventPlace};
use super::{happened, keys, list};
use crate::model::{Event, EventId, SendId};
use crate::store::StoreError;
use crate::store::kv::{Batch, Kv, Order, Walk};

/// Removes it, and says what is gone: one line each, without content.
pub(in crate::store) fn mend(kv: &Arc<dyn Kv>) -> Result<Vec<String>, StoreError> {
    let (mut gone, mut batch) = (Vec::new(), Batch::default());
    let has_event = |number: u64| intact(record::get::<Event>(&**kv, &keys::event(number), String::new));
    let has_send = |number: u64| intact(happened::get(&**kv, number, String::new));
    for pair in Walk::new(kv, keys::all(b'i'), Order::Forward) {
        let (key, value) = pair?;
        let id = EventId::from(keys::name_of(&key).unwrap_or_default());
        let place = list::readable(record::read::<EventPlace>(&value, || format!("the place of event {id}")))?;
        let number = place.map_or(0, |place| place.number);
        if !has_event(number)? {
            // Its id goes too: whoever sends it again shall be heard.
            gone.push(format!("event {id}"));
            let all = [key, keys::event(number), keys::decision(number), keys::undecided(number)];
            all.into_iter().for_each(|key| batch.remove(key));
        }
    }
    for pair in Walk::new(kv, keys::all(b'l'), Order::Forward) {
        let (key, _) = pair?;
        if !has_event(keys::number_of(&key).unwrap_or_default())? {
            batch.remove(key);
        }
    }
    for pair in Walk::new(kv, keys::all(b'q'), Order::Forward) {
        let (key, _) = pair?;
        if !has_event(keys::number_of(&key).unwrap_or_default())? {
            batch.remove(key);
        }
    }
    for pair in Walk::new(kv, keys::all(b'j'), Order::Forward) {
        let (key, value) = pair?;
        let id = SendId::from(keys::name_of(&key).unwrap_or_default());
        let number = list::readable(record::read::<u64>(&value, || format!("the place of send {id}")))?;
        let number = number.unwrap_or_default();
        if !has_send(number)? {
            gone.push(format!("send {id}"));
            let all = [key, keys::send(number), keys::happened(number), keys::unsettled(number)];
            all.into_iter().for_each(|key| batch.remove(key));
        }
    }
    for pair in Walk::new(kv, keys::all(b'h'), Order::Forward) {
        let (key, _) = pair?;
        // The next send to get this number would seem to have gone through it.
        if kv.get(&keys::send(keys::number_of(&key).unwrap_or_default()))?.is_none() {
            batch.remove(key);
        }
    }
    for pair in Walk::new(kv, keys::all(b'o'), Order::Forward) {
        let (key, _) = pair?;
        if !has_send(keys::number_of(&key).unwrap_or_default())? {
            batch.remove(key);
        }
    }
    if !batch.is_empty() {
        kv.apply(batch)?;
        kv.flush()?;
    }
    Ok(gone)
}

fn intact<T>(record: Result<Option<T>, StoreError>) -> Result<bool, StoreError> {
    match record {
        Ok(found) => Ok(found.is_some()),
        Err(StoreError::Corrupt { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
