//! From a send to its outcome: leasing it, keeping the attempt, and what a person does to a send that waits for them.
//! Calls no provider.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::core::{Core, cut_short, put_send};
use super::record::{self, LedgerEntry};
use super::{caused, happened, keys, list};
use crate::model::{AccountName, Attempt, Event, Hand, HoldCause, LaneKey, Send as OutgoingSend, SendId, SendState};
use crate::store::kv::Batch;
use crate::store::{Changed, Commit, Key, SendClaim, StoreError};

impl Core {
    /// Ends the leases whose time is over. A send that was being delivered becomes `unknown`: its worker may have died
    /// before or after the call.
    pub(super) fn end_expired(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.queue.end_expired(now);
        for number in self.outbox.leases.expired(now) {
            // The lease goes last: without it, what cannot be read at this moment would be taken for never begun.
            if let Some(mut send) = list::readable(list::send_numbered(&*self.kv, number))?
                && cut_short(&mut send)
            {
                let mut batch = Batch::default();
                put_send(&mut batch, number, &send)?;
                self.apply(batch)?;
            }
            self.outbox.leases.release(number);
        }
        Ok(())
    }

    /// Leases the send of the account that goes first and whose lane is free, and keeps the start of the attempt. A lane
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
        let claim = self.claim_at(number, fence);
        if matches!(claim, Err(StoreError::Failed { .. })) {
            self.outbox.leases.release(number);
        }
        let mut claim = claim?;
        claim.more = self.outbox.has_ready(account, now, |lane| !self.queue.waits_in(lane));
        if claim.send.state == SendState::Pending {
            let number_of_attempt = u32::try_from(claim.send.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
            claim.send.attempts.push(Attempt::begun(number_of_attempt, now));
            let mut batch = Batch::default();
            // That it is not settled is known.
            happened::put(&mut batch, number, &claim.send)?;
            self.apply(batch)?;
        }
        Ok(Some(claim))
    }

    fn claim_at(&mut self, number: u64, fence: u64) -> Result<SendClaim, StoreError> {
        let (mut send, event) = match self.outbox.fresh.take(number) {
            Some((send, event)) => (send, Some(event)),
            None => (list::send_numbered(&*self.kv, number)?, None),
        };
        let event = self.answered_by(&send, event)?;
        if !send.was_tried() {
            send.passed = self.passed_by(number)?;
        }
        let what = || format!("the conversation of send {}", send.id);
        let conversation = record::get(&*self.kv, &keys::conversation(&event.lane()), what)?.unwrap_or_default();
        Ok(SendClaim { send, event, conversation, more: false, fence })
    }

    fn answered_by(&mut self, send: &OutgoingSend, number: Option<u64>) -> Result<Arc<Event>, StoreError> {
        let missing = || format!("event {}, which send {} answers,", send.event, send.id);
        let number = match number {
            Some(number) => number,
            None => {
                let place = list::event_place(&*self.kv, &send.event)?;
                place.ok_or_else(|| StoreError::Corrupt { what: format!("{} is missing", missing()) })?.number
            }
        };
        let event = self.event_numbered(number, missing)?;
        self.recent.used(number);
        Ok(event)
    }

    /// Keeps a send as its attempt left it.
    pub(super) fn commit_attempt(
        &mut self,
        fence: u64,
        correspondent: Option<&str>,
        send: &OutgoingSend,
    ) -> Result<Commit, StoreError> {
        let Some(number) = self.outbox.leases.held(fence) else { return Ok(Commit::LeaseLost) };
        let mut batch = Batch::default();
        put_send(&mut batch, number, send)?;
        let last = send.attempts.last();
        let at = last.map_or(send.created_at, |attempt| attempt.ended_at.unwrap_or(attempt.started_at));
        for id in [&send.provider_id, &send.request_id].into_iter().flatten() {
            let entry = LedgerEntry { send: send.id.clone(), at };
            batch.put(keys::ledger(&send.account, id), record::write(&entry)?);
        }
        caused::enter(&mut batch, send, correspondent, at)?;
        self.apply(batch)?;
        self.outbox.set(number, send);
        Ok(Commit::Done)
    }

    fn passed_by(&self, number: u64) -> Result<Vec<SendId>, StoreError> {
        let passed = self.outbox.passed_by(number).into_iter();
        passed.map(|number| Ok(list::send_numbered(&*self.kv, number)?.id)).collect()
    }

    /// When there is something to do for the account.
    pub(super) fn next_due(&self, account: &AccountName) -> Option<Timestamp> {
        self.outbox.next_due(account, |lane| !self.queue.waits_in(lane))
    }

    /// Puts a dead letter, or what is held because it may have arrived, back into the outbox.
    pub(super) fn redrive(&mut self, id: &SendId, key: Key, hand: Hand) -> Result<Changed, StoreError> {
        let is_given_up = |send: &OutgoingSend| match send.state {
            SendState::Held { cause, .. } => cause == HoldCause::Unknown,
            ref state => matches!(state, SendState::Dead { .. }),
        };
        self.change(id, is_given_up, |send| {
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

    /// Puts a held send back into the outbox. Where a person lets go what may have arrived, it has all its attempts again.
    pub(super) fn release(&mut self, id: &SendId, hand: Hand) -> Result<Changed, StoreError> {
        let is_held = |send: &OutgoingSend| matches!(send.state, SendState::Held { .. });
        self.change(id, is_held, |send| {
            if matches!(send.state, SendState::Held { cause: HoldCause::Unknown, .. }) {
                send.redriven_after = send.attempts.len();
            }
            send.again(hand.at);
            send.hands.push(hand);
        })
    }

    /// Takes a send that a person has seen at the provider for confirmed.
    pub(super) fn confirm(&mut self, id: &SendId, hand: Hand) -> Result<Changed, StoreError> {
        let may_have_arrived = |send: &OutgoingSend| send.state.awaits_person() && send.was_tried();
        self.change(id, may_have_arrived, |send| {
            send.state = SendState::Confirmed;
            send.hands.push(hand);
        })
    }

    /// Drops a dead letter or a held send.
    pub(super) fn drop_send(&mut self, id: &SendId, hand: Hand) -> Result<Changed, StoreError> {
        self.change(
            id,
            |send| send.state.awaits_person(),
            |send| {
                send.state = SendState::Dropped { reason: hand.why.clone() };
                send.hands.push(hand);
            },
        )
    }

    fn change(
        &mut self,
        id: &SendId,
        may: impl FnOnce(&OutgoingSend) -> bool,
        change: impl FnOnce(&mut OutgoingSend),
    ) -> Result<Changed, StoreError> {
        let Some((number, mut send)) = list::send(&*self.kv, id)? else { return Ok(Changed::NotFound) };
        if !may(&send) {
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
