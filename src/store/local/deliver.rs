//! From a send to its outcome: leasing it, keeping the attempt, and what a person does to a dead letter.
//! Calls no provider.

use jiff::{SignedDuration, Timestamp};

use super::core::{Core, cut_short, put_send};
use super::record::{self, LedgerEntry};
use super::{keys, list};
use crate::model::{AccountName, Attempt, Event, Send as OutgoingSend, SendId, SendState};
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

    /// Leases the send of the account that is due longest and whose lane is free, and keeps the start of the attempt. As
    /// with events, the lease comes first, so that a send that cannot be read holds up its lane only.
    pub(super) fn claim_send(
        &mut self,
        account: &AccountName,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<Option<SendClaim>, StoreError> {
        self.end_expired(now)?;
        let Some((number, lane)) = self.outbox.next(account, now) else { return Ok(None) };
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
        Ok(Some(SendClaim { send, event, fence }))
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
        self.outbox.next_due(account)
    }

    /// Puts a dead letter back into the outbox.
    pub(super) fn redrive(&mut self, id: &SendId, now: Timestamp, key: Key) -> Result<Changed, StoreError> {
        self.change_dead(id, |send| {
            (send.state, send.due, send.read_backs) = (SendState::Pending, now, 0);
            send.redriven_after = send.attempts.len();
            if key == Key::Renew {
                send.idempotency_key = renewed(&send.idempotency_key);
                send.renewed_after = send.attempts.len();
            }
        })
    }

    /// Drops a dead letter.
    pub(super) fn drop_dead(&mut self, id: &SendId, reason: String) -> Result<Changed, StoreError> {
        self.change_dead(id, |send| send.state = SendState::Dropped { reason })
    }

    fn change_dead(&mut self, id: &SendId, change: impl FnOnce(&mut OutgoingSend)) -> Result<Changed, StoreError> {
        let Some((number, mut send)) = list::send(&*self.kv, id)? else { return Ok(Changed::NotFound) };
        if !matches!(send.state, SendState::Dead { .. }) {
            return Ok(Changed::NotDead);
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
