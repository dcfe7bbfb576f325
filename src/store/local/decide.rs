//! From a delivery to a decision: accepting an event, leasing it with its facts, and keeping what was decided.
//! Decides nothing itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::core::{Core, put_send};
use super::record::{self, DecisionRecord, EventPlace, LedgerEntry, TokenRecord};
use super::{happened, keys, list};
use crate::model::{
    CancelOn, ContactRecord, ConversationRecord, Decision, Event, LaneKey, Reported, Send as OutgoingSend, SendId,
    SendState,
};
use crate::store::kv::Batch;
use crate::store::{Accepted, Commit, EventClaim, StoreError};

/// What is committed: a decision, and what the store needs to know of the claim.
pub(super) struct Decided {
    lane: LaneKey,
    correspondent: Option<String>,
    contact_version: u64,
    /// Whether the decision remembers something new of the correspondent.
    is_contact_changed: bool,
    own: Option<SendId>,
    report: Option<Reported>,
    fence: u64,
    decision: Decision,
}

impl Decided {
    /// The decision made from a claim.
    pub(super) fn new(claim: &EventClaim, decision: Decision) -> Self {
        Self {
            lane: claim.event.lane(),
            correspondent: claim.event.correspondent(),
            contact_version: claim.contact.version,
            is_contact_changed: !claim.contact.says_the_same(&decision.contact),
            own: claim.own.clone(),
            report: Reported::of(&claim.event),
            fence: claim.fence,
            decision,
        }
    }
}

impl Core {
    /// Keeps an event, `bytes` being the event as written, unless its id is known.
    pub(super) fn accept(&mut self, event: &Arc<Event>, bytes: Vec<u8>) -> Result<Accepted, StoreError> {
        let place_key = keys::event_place(&event.id);
        if self.kv.get(&place_key)?.is_some() {
            return Ok(Accepted::Duplicate);
        }
        let (number, size) = (self.next_event, bytes.len());
        let mut batch = Batch::default();
        batch.add(place_key, record::write(&EventPlace { number, received_at: event.received_at })?);
        batch.put(keys::event(number), bytes);
        batch.add(keys::undecided(number), Vec::new());
        batch.add(keys::in_lane(&event.lane(), number), Vec::new());
        self.apply(batch)?;
        self.next_event += 1;
        self.queue.push(number, event);
        self.recent.add(number, Arc::clone(event), size);
        Ok(Accepted::New)
    }

    /// Ties a token to an event, unless it is tied to another one.
    pub(super) fn redeem(&mut self, key: Vec<u8>, token: &TokenRecord) -> Result<bool, StoreError> {
        let known: Option<TokenRecord> = record::get(&*self.kv, &key, || "a token".to_owned())?;
        if let Some(known) = known {
            return Ok(known.event == token.event);
        }
        let mut batch = Batch::default();
        batch.put(key, record::write(token)?);
        self.apply(batch)?;
        Ok(true)
    }

    /// Leases the oldest events whose lanes are free.
    pub(super) fn claim_events(
        &mut self,
        now: Timestamp,
        lease: SignedDuration,
        most: usize,
    ) -> Result<Vec<EventClaim>, StoreError> {
        self.end_expired(now)?;
        self.queue.ripen(now);
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let mut claims = Vec::new();
        while claims.len() < most {
            match self.claim_next(until) {
                Ok(Some(claim)) => claims.push(claim),
                Ok(None) => break,
                Err(error) if claims.is_empty() => return Err(error),
                Err(error) => {
                    tracing::error!(error = %error, "an event cannot be taken up");
                    break;
                }
            }
        }
        Ok(claims)
    }

    /// The lease is taken before the facts are read: if they cannot be read, this lane waits until the lease ends, and the
    /// others go on. A disk that fails is no fault of the lane.
    fn claim_next(&mut self, until: Timestamp) -> Result<Option<EventClaim>, StoreError> {
        let (fence, being_sent) = (self.next_fence(), &self.outbox.leases);
        let Some((number, lane)) = self.queue.take(fence, until, |lane| being_sent.lane_until(lane).is_none()) else {
            return Ok(None);
        };
        let claim = self.claim(number, &lane, fence);
        if matches!(claim, Err(StoreError::Failed { .. })) {
            self.queue.release(number);
        }
        claim.map(Some)
    }

    fn claim(&self, number: u64, lane: &LaneKey, fence: u64) -> Result<EventClaim, StoreError> {
        let event = self.event_numbered(number, || format!("event number {number}"))?;
        let conversation =
            record::get(&*self.kv, &keys::conversation(lane), || format!("the conversation of event {}", event.id))?;
        let contact = event.correspondent().map(|key| self.contact(&key)).transpose()?;
        let own = self.own(&event)?;
        let ours = own.as_ref().map(|id| list::send(&*self.kv, id)).transpose()?.flatten();
        let depth = match own {
            Some(_) => ours.map_or(0, |(_, send)| send.depth).saturating_add(1),
            None => self.caused(&event)?,
        };
        let settling = self.settling(lane)?;
        Ok(EventClaim {
            conversation: conversation.unwrap_or_default(),
            contact: contact.unwrap_or_default(),
            own,
            depth,
            settling,
            event,
            fence,
        })
    }

    /// Keeps a decision with everything that follows from it.
    pub(super) fn commit_decision(&mut self, decided: Decided) -> Result<Commit, StoreError> {
        let fence = decided.fence;
        let kept = self.keep_decision(decided);
        if matches!(kept, Err(StoreError::Failed { .. })) {
            self.queue.release_held(fence);
        }
        kept
    }

    fn keep_decision(&mut self, decided: Decided) -> Result<Commit, StoreError> {
        let Some(number) = self.queue.held(decided.fence) else { return Ok(Commit::LeaseLost) };
        if let Some(key) = &decided.correspondent
            && !self.since.is_untouched(&keys::contact(key), decided.fence)
            && self.contact(key)?.version != decided.contact_version
        {
            self.queue.release(number);
            return Ok(Commit::FactsChanged);
        }
        if !self.windows_unchanged(&decided.decision, decided.fence)? {
            self.queue.release(number);
            return Ok(Commit::FactsChanged);
        }
        let mut sends = self.called_off(&decided)?;
        sends.extend(self.heard_of(decided.own.as_ref(), decided.report.clone())?);
        let mut batch = Batch::default();
        let mut decision = decided.decision;
        self.put_curbs(&mut batch, &mut decision)?;
        // What leaves at once asks for its event again; what waits longer reads it then.
        let leaves = |send: &&OutgoingSend| send.state.is_open() && send.due <= decision.at;
        let asking = decision.sends.iter().filter(leaves).count();
        let created = self.created(std::mem::take(&mut decision.sends), &mut sends, &mut batch)?;
        for (number, send) in &sends {
            if *number < self.next_send {
                put_send(&mut batch, *number, send)?;
                continue;
            }
            happened::put_new(&mut batch, *number, send)?;
            if send.state.is_unsettled() {
                batch.add(keys::unsettled(*number), Vec::new());
            }
        }
        let conversation: ConversationRecord = std::mem::take(&mut decision.conversation);
        batch.put(keys::conversation(&decided.lane), record::write(&conversation)?);
        if let Some(key) = decided.correspondent.as_ref().filter(|_| decided.is_contact_changed) {
            // Never one that it had before: a record that was forgotten meanwhile begins anew.
            let version = decided.fence.max(decided.contact_version.saturating_add(1));
            let contact = ContactRecord { version, ..std::mem::take(&mut decision.contact) };
            batch.put(keys::contact(key), record::write(&contact)?);
        }
        batch.put(keys::decision(number), record::write(&DecisionRecord::new(decision, created))?);
        batch.remove(keys::undecided(number));
        self.apply(batch)?;
        self.queue.remove(number);
        self.recent.keep_for(number, asking);
        for (number_of_send, send) in sends {
            self.outbox.set(number_of_send, &send);
            if number_of_send >= self.next_send {
                self.next_send = number_of_send + 1;
                self.outbox.fresh.add(number_of_send, send, number);
            }
        }
        Ok(Commit::Done)
    }

    /// An event, from memory where it is still there.
    pub(super) fn event_numbered(&self, number: u64, what: impl Fn() -> String) -> Result<Arc<Event>, StoreError> {
        match self.recent.get(number) {
            Some(event) => Ok(event),
            None => record::require(&*self.kv, &keys::event(number), what).map(Arc::new),
        }
    }

    fn contact(&self, correspondent: &str) -> Result<ContactRecord, StoreError> {
        let what = || format!("the record of correspondent {correspondent}");
        Ok(record::get(&*self.kv, &keys::contact(correspondent), what)?.unwrap_or_default())
    }

    /// The send that a message is, or that a report is about, by the ids its provider gave.
    fn own(&self, event: &Event) -> Result<Option<SendId>, StoreError> {
        let message = event.message.iter().flat_map(|message| [&message.id, &message.request_id]);
        let reported = event.delivery.iter().map(|report| &report.message_id);
        for id in message.chain(reported).flatten() {
            let what = || format!("the ledger entry of the message of event {}", event.id);
            let entry: Option<LedgerEntry> = record::get(&*self.kv, &keys::ledger(&event.account, id), what)?;
            if let Some(entry) = entry {
                return Ok(Some(entry.send));
            }
        }
        Ok(None)
    }

    /// The waiting sends of the lane that the decision cancels. One that is being delivered, or may have been, is past that.
    fn called_off(&self, decided: &Decided) -> Result<BTreeMap<u64, OutgoingSend>, StoreError> {
        let mut off = self.superseded(&decided.decision)?;
        let Some(cause) = decided.decision.cancels else { return Ok(off) };
        for number in self.outbox.waiting_in(&decided.lane) {
            if off.contains_key(&number) {
                continue;
            }
            let mut send = list::send_numbered(&*self.kv, number)?;
            if send.state == SendState::Pending && send.cancel_on.contains(&cause) {
                send.state = SendState::Cancelled { reason: CancelOn::as_str(cause).to_owned() };
                off.insert(number, send);
            }
        }
        Ok(off)
    }

    /// The send that the event is about, as the event leaves it. A worker that still holds it loses its lease.
    fn heard_of(
        &self,
        own: Option<&SendId>,
        report: Option<Reported>,
    ) -> Result<Option<(u64, OutgoingSend)>, StoreError> {
        let known = own.map(|id| list::send(&*self.kv, id)).transpose()?.flatten();
        Ok(known.and_then(|(number, send)| Some((number, send.after(report)?))))
    }

    /// Numbers new sends. One whose id is known stays as it is: deciding again names the same send.
    fn created(
        &self,
        new: Vec<OutgoingSend>,
        sends: &mut BTreeMap<u64, OutgoingSend>,
        batch: &mut Batch,
    ) -> Result<Vec<u64>, StoreError> {
        let mut numbers = Vec::with_capacity(new.len());
        let mut next = self.next_send;
        for send in new {
            if let Some(known) = list::send_place(&*self.kv, &send.id)? {
                numbers.push(known);
                continue;
            }
            batch.add(keys::send_place(&send.id), record::write(&next)?);
            sends.insert(next, send);
            numbers.push(next);
            next += 1;
        }
        Ok(numbers)
    }
}
