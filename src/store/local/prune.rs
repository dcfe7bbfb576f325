//! Finding what may be forgotten, a bounded part at a time and away from the writer. That is safe, because an event that may
//! be forgotten can never again become one that may not: nothing reopens a settled send. Everything else is looked at again
//! when it goes.

use std::sync::Arc;

use jiff::Timestamp;

use super::Core;
use super::record::{self, DecisionRecord, EventPlace, LedgerEntry, TokenRecord};
use super::{curbs, keys, list};
use crate::model::Event;
use crate::store::StoreError;
use crate::store::kv::{Batch, Kv, Order, Pair, Walk};

/// How many events or ledger entries are forgotten in one batch.
pub(super) const PART: usize = 256;

/// Where the next part begins.
pub(super) struct Rest {
    kind: u8,
    after: Vec<u8>,
}

impl Default for Rest {
    fn default() -> Self {
        Self { kind: b'i', after: Vec::new() }
    }
}

/// One part of what may be forgotten.
#[derive(Default)]
pub(super) struct Harvest {
    /// Removes what cannot have changed since.
    pub(super) batch: Batch,
    /// What goes only if it is still as it was looked at.
    pub(super) seen: Vec<Pair>,
    /// How many events it removes.
    pub(super) events: usize,
    /// What has not been looked at.
    pub(super) rest: Option<Rest>,
}

/// What is looked through, one kind after the other: events, the ledger, tokens, windows, pointers to quarantines,
/// quarantines, orders.
const KINDS: [u8; 7] = *b"igtwyxz";

/// Looks for the next part.
pub(super) fn gather(kv: &Arc<dyn Kv>, from: Rest, before: Timestamp) -> Result<Harvest, StoreError> {
    let mut harvest = Harvest::default();
    let mut range = keys::all(from.kind);
    if !from.after.is_empty() {
        range.start = [from.after.as_slice(), &[0]].concat();
    }
    let mut found = 0;
    for pair in Walk::new(kv, range, Order::Forward) {
        let (key, value) = pair?;
        let old = match from.kind {
            b'i' => forget_event(&**kv, &key, &value, before, &mut harvest),
            b'g' => entry_is_old(&value, before),
            b't' => token_is_old(&value, before),
            kind => curbs::is_over(&**kv, kind, &value, before),
        };
        let is_old = list::readable(old)? == Some(true);
        if is_old && from.kind != b'i' {
            harvest.seen.push((key.clone(), value));
        }
        found += usize::from(is_old);
        if found >= PART {
            harvest.rest = Some(Rest { kind: from.kind, after: key });
            return Ok(harvest);
        }
    }
    let next = KINDS.iter().skip_while(|kind| **kind != from.kind).nth(1);
    harvest.rest = next.map(|kind| Rest { kind: *kind, after: Vec::new() });
    Ok(harvest)
}

fn forget_event(
    kv: &dyn Kv,
    key: &[u8],
    value: &[u8],
    before: Timestamp,
    harvest: &mut Harvest,
) -> Result<bool, StoreError> {
    let place: EventPlace = record::read(value, || "the place of an event".to_owned())?;
    if place.received_at >= before {
        return Ok(false);
    }
    let number = place.number;
    let Some(DecisionRecord { sends, .. }) = list::decision(kv, number)? else { return Ok(false) };
    let event: Event = record::require(kv, &keys::event(number), || format!("event number {number}"))?;
    let mut gone =
        vec![key.to_vec(), keys::event(number), keys::decision(number), keys::in_lane(&event.lane(), number)];
    for number in sends {
        let send = list::send_numbered(kv, number)?;
        if send.state.is_unsettled() {
            return Ok(false);
        }
        gone.extend([keys::send(number), keys::happened(number), keys::send_place(&send.id)]);
    }
    gone.into_iter().for_each(|key| harvest.batch.remove(key));
    harvest.events += 1;
    Ok(true)
}

fn entry_is_old(value: &[u8], before: Timestamp) -> Result<bool, StoreError> {
    let entry: LedgerEntry = record::read(value, || "a ledger entry".to_owned())?;
    Ok(entry.at < before)
}

fn token_is_old(value: &[u8], before: Timestamp) -> Result<bool, StoreError> {
    let token: TokenRecord = record::read(value, || "a token".to_owned())?;
    Ok(token.at < before)
}

impl Core {
    /// Removes what was found. An order may have been given again since, a window counted in: those stay.
    pub(super) fn forget(&mut self, mut batch: Batch, seen: Vec<Pair>) -> Result<(), StoreError> {
        for (key, value) in seen {
            if self.kv.get(&key)?.as_ref() == Some(&value) {
                batch.remove(key);
            }
        }
        self.apply(batch)
    }
}
