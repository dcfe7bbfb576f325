//! Finding what may be forgotten, a bounded part at a time and away from the writer. That is safe, because an event that may
//! be forgotten can never again become one that may not: nothing reopens a settled send, except a full disk on which it was
//! not settled after all, which is noticed. Everything else is looked at again when it goes. A conversation goes after its
//! last event, so nobody can be deciding in it or sending from it; who decides by the record of a correspondent that goes
//! meanwhile is told that the facts have changed.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::Core;
use super::record::{self, DecisionRecord, EventPlace};
use super::{curbs, keys, list};
use crate::model::{ContactRecord, ConversationRecord, Event, moment};
use crate::store::StoreError;
use crate::store::kv::{Batch, Kv, Order, Pair, Walk};

/// How many events or ledger entries are forgotten in one batch.
pub(super) const PART: usize = 256;

/// How many are looked at in one go, so that whoever wants to read as well has its turn.
const STEP: usize = 8 * 1024;

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

/// What is looked through, one kind after the other: events, conversations, correspondents, the ledger, tokens, windows,
/// pointers to quarantines, quarantines, orders.
const KINDS: [u8; 9] = *b"icpgtwyxz";

/// What ledger entries and tokens have in common.
#[derive(Deserialize)]
struct Dated {
    #[serde(with = "moment")]
    at: Timestamp,
}

/// Looks for the next part.
pub(super) fn gather(kv: &Arc<dyn Kv>, from: Rest, before: Timestamp) -> Result<Harvest, StoreError> {
    let mut harvest = Harvest::default();
    let mut range = keys::all(from.kind);
    if !from.after.is_empty() {
        range.start = [from.after.as_slice(), &[0]].concat();
    }
    let mut found = 0;
    for (looked, pair) in Walk::new(kv, range, Order::Forward).enumerate() {
        let (key, value) = pair?;
        let old = match from.kind {
            b'i' => forget_event(&**kv, &key, &value, before, &mut harvest),
            b'c' => conversation_is_over(&**kv, &key, &value, before),
            b'p' => contact_is_over(&value, before),
            b'g' | b't' => is_old(&value, before),
            kind => curbs::is_over(&**kv, kind, &value, before),
        };
        let is_old = list::readable(old)? == Some(true);
        if is_old && from.kind != b'i' {
            harvest.seen.push((key.clone(), value));
        }
        found += usize::from(is_old);
        if found >= PART || looked + 1 >= STEP {
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

fn conversation_is_over(kv: &dyn Kv, key: &[u8], value: &[u8], before: Timestamp) -> Result<bool, StoreError> {
    let conversation: ConversationRecord = record::read(value, || "a conversation".to_owned())?;
    Ok(conversation.is_over(before) && !has_events(kv, key)?)
}

/// Whether a key leads to a conversation of which an event is kept: as one that waits is, and one with an unsettled send.
fn has_events(kv: &dyn Kv, key: &[u8]) -> Result<bool, StoreError> {
    let Some(events) = keys::events_of(key) else { return Ok(false) };
    Ok(!kv.page(&events, Order::Forward, 1)?.is_empty())
}

fn contact_is_over(value: &[u8], before: Timestamp) -> Result<bool, StoreError> {
    Ok(record::read::<ContactRecord>(value, || "the record of a correspondent".to_owned())?.is_over(before))
}

fn is_old(value: &[u8], before: Timestamp) -> Result<bool, StoreError> {
    Ok(record::read::<Dated>(value, || "a ledger entry or a token".to_owned())?.at < before)
}

impl Core {
    /// Removes what was found. An order may have been given again since, a window counted in, an event accepted in the lane of
    /// a conversation: those stay. Nothing goes where what was found may have been taken back, because `restored` has changed
    /// since before it was looked for: a decision that was found may not be there any more.
    pub(super) fn forget(&mut self, mut batch: Batch, seen: Vec<Pair>, restored: u64) -> Result<(), StoreError> {
        if self.restored != restored {
            return Err(StoreError::Full { what: "what was to be forgotten may have changed; it stays".to_owned() });
        }
        for (key, value) in seen {
            if self.kv.get(&key)?.as_ref() == Some(&value) && !has_events(&*self.kv, &key)? {
                batch.remove(key);
            }
        }
        self.apply(batch)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::decide::Decided;
    use super::*;
    use crate::model::{Action, Send as OutgoingSend, TagChange};
    use crate::store::conformance::sample::{LEASE, at, decision, delivered, desk, event, reply};
    use crate::store::memory::Memory;
    use crate::store::testing::{Disk, DiskFault};

    fn core() -> Core {
        Core::new(Arc::new(Memory::default()))
    }

    fn accept(core: &mut Core, event: Event) {
        let bytes = record::write(&event).unwrap();
        core.accept(&Arc::new(event), bytes).unwrap();
    }

    /// Accepts an event, decides it and carries out what is decided.
    fn answered(core: &mut Core, event: Event, action: Option<Action>) {
        accept(core, event);
        let claim = core.claim_events(at(0), LEASE, 1).unwrap().pop().unwrap();
        let sends = action.map(|action| OutgoingSend { action, ..reply(&claim.event, 0, 0) }).into_iter().collect();
        let decided = crate::model::Decision { sends, ..decision(&claim) };
        core.commit_decision(Decided::new(&claim, decided)).unwrap();
        if let Some(claim) = core.claim_send(&desk(), at(2), LEASE).unwrap() {
            let correspondent = claim.event.correspondent();
            core.commit_attempt(claim.fence, correspondent.as_deref(), &delivered(&claim)).unwrap();
        }
    }

    /// How many keys there are of each kind.
    fn kinds(core: &Core) -> BTreeMap<char, usize> {
        let mut kinds = BTreeMap::new();
        for (kind, ..) in keys::KINDS {
            let count = Walk::new(core.kv(), keys::all(kind), Order::Forward).count();
            kinds.extend((count > 0).then_some((char::from(kind), count)));
        }
        kinds
    }

    #[test]
    fn an_answered_event_leaves_so_many_keys() {
        let action = |action: &str| match action {
            "tag" => Action::Tag(TagChange { add: vec!["vip".to_owned()], ..TagChange::default() }),
            _ => Action::Reply(Default::default()),
        };
        for (name, ledger) in [("reply", 3), ("tag", 4)] {
            let mut core = core();
            answered(&mut core, event("1", "a"), Some(action(name)));
            // Of the ledger the provider's id, the request's, and what it may have caused: in the lane, and of a contact.
            let each = "cdehijls".chars().map(|kind| (kind, 1)).chain([('g', ledger)]);
            assert_eq!(kinds(&core), each.collect(), "{name}");
        }
    }

    #[test]
    fn a_conversation_in_which_something_happens_meanwhile_stays() {
        let mut core = core();
        for lane in ["a", "b"] {
            answered(&mut core, Event { received_at: at(-100), ..event(lane, lane) }, None);
        }
        let events = gather(core.kv(), Rest::default(), at(-99)).unwrap();
        assert_eq!(events.events, 2);
        core.forget(events.batch, events.seen, 0).unwrap();
        let conversations = gather(core.kv(), events.rest.unwrap(), at(-99)).unwrap();
        assert_eq!(conversations.seen.len(), 2);
        accept(&mut core, event("2", "a"));
        core.forget(conversations.batch, conversations.seen, 0).unwrap();
        let is_there = |lane| core.kv.get(&keys::conversation(&event("", lane).lane())).unwrap().is_some();
        assert_eq!([is_there("a"), is_there("b")], [true, false]);
    }

    #[test]
    fn what_a_full_disk_has_taken_back_stays() {
        let disk = Disk::default();
        let mut core = Core::new(Arc::new(disk.clone()));
        accept(&mut core, Event { received_at: at(-100), ..event("a", "a") });
        core.settle().unwrap();
        let claim = core.claim_events(at(0), LEASE, 1).unwrap().pop().unwrap();
        core.commit_decision(Decided::new(&claim, decision(&claim))).unwrap();
        let found = gather(core.kv(), Rest::default(), at(-99)).unwrap();
        assert_eq!(found.events, 1);
        disk.fail(Some(DiskFault::Full));
        core.settle().unwrap_err();
        core.forget(found.batch, found.seen, 0).unwrap_err();
        assert_eq!(core.claim_events(at(0), LEASE, 1).unwrap().len(), 1);
    }

    #[test]
    fn many_keys_are_looked_at_in_several_goes() {
        let core = core();
        let mut batch = Batch::default();
        for number in 0..=STEP {
            batch.put(
                [b"t", number.to_be_bytes().as_slice()].concat(),
                record::write(&serde_json::json!({ "at": at(0) })).unwrap(),
            );
        }
        core.kv.apply(batch).unwrap();
        let first = gather(core.kv(), Rest { kind: b't', after: Vec::new() }, at(-99)).unwrap().rest.unwrap();
        let second = gather(core.kv(), Rest { kind: b't', after: first.after }, at(-99)).unwrap().rest.unwrap();
        assert_eq!((first.kind, second.kind, second.after.is_empty()), (b't', b'w', true));
    }
}
