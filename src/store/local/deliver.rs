//! From a send to its outcome: leasing it, keeping the attempt, and what a person does to a send that waits for them.
//! Calls no provider.

use jiff::{SignedDuration, Timestamp};

use super::core::{Core, cut_short, put_send};
use super::record::{self, LedgerEntry};
use super::{keys, list};
use crate::model::{AccountName, Attempt, Event, Hand, LaneKey, Send as OutgoingSend, SendId, SendState};
use crate::store::kv::Batch;
use crate::store::{Changed, Commit, Key, SendClaim, StoreError};

impl Core {
    /// Ends the leases whose time is over. A send that was being delivered becomes `unknown`: its worker may have died
    /// before or after the call.
    pub(super) fn end_expired(&mut self, now: Timestamp) -> Result<(), StoreError> {
        for number in self.queue.leases.expired(now) {
            self.queue.leases.release(number);
        }
        for number in self.outbox.leases.expired(now) {
            self.outbox.leases.release(number);
            let Some(mut send) = list::readable(list::send_numbered(&*self.kv, number))? else { continue };
            if cut_short(&mut send) {
                let mut batch = Batch::default();
                put_send(&mut batch, number, &send)?;
                self.apply(batch)?;
            }
        }
        Ok(())
    }

    /// Leases the send of the account that is due longest and whose lane is free, and keeps the start of the attempt. A lane
    /// with an event that waits is not: the event may call the send off. As with events, the lease comes first, so that a send that cannot be read holds up its lane only.
    pub(super) fn claim_send(
        &mut self,
        account: &AccountName,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<Option<SendClaim>, StoreError> {
        self.end_expired(now)?;
        let is_decided = |lane: &LaneKey| !self.queue.waits_in(lane);
        let Some((number, lane)) = self.outbox.next(account, now, is_decided) else { return Ok(None) };
        let fence = self.next_fence();
        self.outbox.leases.take(number, lane, fence, now.saturating_add(lease).unwrap_or(Timestamp::MAX));
        let mut send = list::send_numbered(&*self.kv, number)?;
        let event = self.answered_by(&send)?;
        if send.state == SendState::Pending {
            let number_of_attempt = u32::try_from(send.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
            let attempt = Attempt { number: number_of_attempt, started_at: now, ended_at: None, outcome: None };
            send.attempts.push(attempt);
            let mut batch = Batch::default();
            put_send(&mut batch, number, &send)?;
            self.apply(batch)?;
        }
        let what = || format!("the conversation of send {}", send.id);
        let conversation = record::get(&*self.kv, &keys::conversation(&event.lane()), what)?.unwrap_or_default();
        Ok(Some(SendClaim { send, event, conversation, fence }))
    }

    fn answered_by(&self, send: &OutgoingSend) -> Result<Event, StoreError> {
        let missing = || format!("event {}, which send {} answers,", send.event, send.id);
        let place = list::event_place(&*self.kv, &send.event)?;
        let Some(place) = place else { return Err(StoreError::Corrupt { what: format!("{} is missing", missing()) }) };
        record::require(&*self.kv, &keys::event(place.number), missing)
    }

    /// Keeps a send as its attempt left it.
    pub(super) fn commit_attempt(&mut self, fence: u64, send: &OutgoingSend) -> Result<Commit, StoreError> {
        let place = list::send_place(&*self.kv, &send.id)?;
        let Some(number) = place.filter(|number| self.outbox.leases.holds(*number, fence)) else {
            return Ok(Commit::LeaseLost);
        };
        let mut batch = Batch::default();
        put_send(&mut batch, number, send)?;
        let last = send.attempts.last();
        let at = last.map_or(send.created_at, |attempt| attempt.ended_at.unwrap_or(attempt.started_at));
        for id in [&send.provider_id, &send.request_id].into_iter().flatten() {
            let entry = LedgerEntry { send: send.id.clone(), at };
            batch.put(keys::ledger(&send.account, id), record::write(&entry)?);
        }
        self.apply(batch)?;
        self.outbox.set(number, send);
        Ok(Commit::Done)
    }

    /// When there is something to do for the account.
    pub(super) fn next_due(&self, account: &AccountName) -> Option<Timestamp> {
        self.outbox.next_due(account, |lane| !self.queue.waits_in(lane))
    }

    /// Puts a dead letter back into the outbox.
    pub(super) fn redrive(&mut self, id: &SendId, key: Key, hand: Hand) -> Result<Changed, StoreError> {
        let is_dead = |state: &SendState| matches!(state, SendState::Dead { .. });
        self.change(id, is_dead, |send| {
            send.again(hand.at);
            send.redriven_after = send.attempts.len();
            send.fresh_from = Some(hand.at);
            if key == Key::Renew {
                send.idempotency_key = renewed(&send.idempotency_key);
                send.renewed_after = send.attempts.len();
            }
            send.hands.push(hand);
        })
    }

    /// Puts a held send back into the outbox.
    pub(super) fn release(&mut self, id: &SendId, hand: Hand) -> Result<Changed, StoreError> {
        let is_held = |state: &SendState| matches!(state, SendState::Held { .. });
        self.change(id, is_held, |send| {
            send.again(hand.at);
            send.hands.push(hand);
        })
    }

    /// Drops a dead letter or a held send.
    pub(super) fn drop_send(&mut self, id: &SendId, hand: Hand) -> Result<Changed, StoreError> {
        self.change(id, SendState::awaits_person, |send| {
            send.state = SendState::Dropped { reason: hand.why.clone() };
            send.hands.push(hand);
        })
    }

    fn change(
        &mut self,
        id: &SendId,
        may: impl FnOnce(&SendState) -> bool,
        change: impl FnOnce(&mut OutgoingSend),
    ) -> Result<Changed, StoreError> {
        let Some((number, mut send)) = list::send(&*self.kv, id)? else { return Ok(Changed::NotFound) };
        if !may(&send.state) {
            return Ok(Changed::WrongState);
        }
        change(&mut send);
        let mut batch = Batch::default();
        put_send(&mut batch, number, &send)?;
        self.apply(batch)?;
        self.outbox.set(number, &send);
        Ok(Changed::Done)
    }
}

/// `key.r2`, then `key.r3`, …: the provider sees a new key, a person still sees where it came from.
fn renewed(key: &str) -> String {
    let counted = key.rsplit_once(".r").and_then(|(stem, count)| Some((stem, count.parse::<u32>().ok()?)));
    match counted {
        Some((stem, count)) => format!("{stem}.r{}", count.saturating_add(1)),
        None => format!("{key}.r2"),
    }
}
