//! The suite is shown stores that break a promise, and must say which.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::{DURABLE, Harness, PROMISES, Promise, run};
use crate::model::{
    AccountName, BookHash, Control, ControlChange, Curbs, Decision, Event, EventId, Hand, LaneKey, Position,
    Quarantine, QuarantineId, Scope, Send as OutgoingSend, SendId, SourceName, WindowKey,
};
use crate::secret::Secret;
use crate::store::kv::{Batch, Change, Kv, Order, Pair};
use crate::store::local::{Core, Local};
use crate::store::memory::{self, Memory};
use crate::store::{
    Accepted, Changed, Commit, Counts, EventClaim, EventQuery, Exported, Key, Progress, SendClaim, SendQuery, Store,
    StoreError, StoredEvent, Usage,
};

/// A disk that outlives the store and never keeps keys of one kind.
#[derive(Clone, Default)]
struct Leaky {
    memory: Arc<Memory>,
    lost: Option<u8>,
}

impl Kv for Leaky {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.get(key)
    }

    fn page(&self, range: &Range<Vec<u8>>, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.memory.page(range, order, limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let mut kept = Batch::default();
        for (key, value) in batch.into_iter().filter(|(key, _)| key.first() != self.lost.as_ref()) {
            match value {
                Change::Put(value) | Change::New(value) => kept.put(key, value),
                Change::Remove => kept.remove(key),
            }
        }
        self.memory.apply(kept)
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Harness for Leaky {
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        let mut core = Core::new(Arc::new(self.clone()));
        core.load()?;
        Ok(Arc::new(Local::start(core)))
    }
}

async fn broken(place: impl Fn() -> Box<dyn Harness>, promises: &[Promise]) -> Vec<&'static str> {
    run(place, promises).await.into_iter().map(|broken| broken.promise).collect()
}

#[tokio::test]
async fn every_kind_of_key_that_is_lost_is_missed() {
    for (lost, promise) in [
        (b'V', "a_lease_from_before_is_worth_nothing"),
        (b'e', "an_accepted_event_can_be_read_back"),
        (b'i', "a_delivery_accepted_twice_is_one_event"),
        (b'q', "an_accepted_event_is_still_waiting"),
        (b'd', "a_decision_is_kept_with_its_sends"),
        (b'l', "events_are_found_by_every_filter"),
        (b'l', "a_conversation_with_something_under_way_is_not_forgotten"),
        (b's', "a_decision_is_kept_with_its_sends"),
        (b'h', "a_send_of_unknown_outcome_is_not_called_off"),
        (b'j', "a_send_of_unknown_outcome_is_not_called_off"),
        (b'o', "sends_stay_in_the_outbox"),
        (b'c', "a_claim_carries_the_records_as_last_committed"),
        (b'p', "a_decision_from_a_contact_record_that_was_forgotten_is_made_again"),
        (b'p', "a_decision_from_an_older_contact_record_is_refused_and_made_again"),
        (b'g', "a_message_of_ours_is_known_by_either_id_and_confirms_its_send"),
        (b'g', "a_change_that_follows_on_a_send_of_ours_is_caused_by_it"),
        (b't', "a_token_is_good_for_one_event"),
        (b'b', "a_rule_book_is_kept_under_its_hash"),
        (b'k', "the_last_credential_counts"),
        (b'f', "the_last_position_of_a_source_counts"),
        (b'w', "what_was_counted_is_read_back_and_counts_once"),
        (b'x', "a_quarantine_holds_for_each_of_its_windows_until_it_is_lifted"),
        (b'y', "a_quarantine_holds_for_each_of_its_windows_until_it_is_lifted"),
        (b'z', "the_orders_that_concern_a_conversation_are_found"),
    ] {
        let place = || -> Box<dyn Harness> { Box::new(Leaky { lost: Some(lost), ..Leaky::default() }) };
        let mut found = broken(place, PROMISES).await;
        found.extend(broken(place, DURABLE).await);
        assert!(found.contains(&promise), "without `{}`: {found:?}", char::from(lost));
    }
    // A closed disk that goes on answering is all that is wrong with this one.
    assert_eq!(broken(|| Box::new(Leaky::default()), PROMISES).await, ["a_closed_store_says_so"]);
    assert_eq!(run(|| Box::new(Leaky::default()), DURABLE).await, []);
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    ForgetsDuplicates,
    IgnoresFences,
    IgnoresLeases,
    AttemptsAreNotKept,
    KnowsNoOrder,
    ForgetsNothing,
    ForgetsAtOnce,
}

/// A store with one fault.
struct Faulty {
    inner: Arc<dyn Store>,
    fault: Fault,
    fences: Mutex<HashMap<String, u64>>,
}

impl Faulty {
    fn current(&self, id: &str, fence: u64) -> u64 {
        match self.fault {
            Fault::IgnoresFences => self.fences.lock().unwrap().get(id).copied().unwrap_or(fence),
            _ => fence,
        }
    }

    fn lease(&self, lease: SignedDuration) -> SignedDuration {
        if self.fault == Fault::IgnoresLeases { SignedDuration::ZERO } else { lease }
    }
}

#[async_trait]
impl Store for Faulty {
    async fn accept(&self, mut event: Event) -> Result<Accepted, StoreError> {
        if self.fault == Fault::KnowsNoOrder {
            event.decide_from = None;
        }
        let accepted = self.inner.accept(event).await?;
        Ok(if self.fault == Fault::ForgetsDuplicates { Accepted::New } else { accepted })
    }
    async fn redeem(&self, token: &str, event: &Event) -> Result<bool, StoreError> {
        Ok(self.inner.redeem(token, event).await? || self.fault == Fault::ForgetsDuplicates)
    }
    async fn claim_events(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        most: usize,
    ) -> Result<Vec<EventClaim>, StoreError> {
        let claims = self.inner.claim_events(now, self.lease(lease), most).await?;
        for claim in &claims {
            self.fences.lock().unwrap().insert(claim.event.id.to_string(), claim.fence);
        }
        Ok(claims)
    }
    async fn give_back(&self, claim: &EventClaim) -> Result<(), StoreError> {
        self.inner.give_back(claim).await
    }
    async fn commit_decision(&self, claim: &EventClaim, mut decision: Decision) -> Result<Commit, StoreError> {
        if self.fault == Fault::KnowsNoOrder {
            decision.supersedes.clear();
        }
        let fence = self.current(claim.event.id.as_str(), claim.fence);
        self.inner.commit_decision(&EventClaim { fence, ..claim.clone() }, decision).await
    }
    async fn claim_send(
        &self,
        account: &AccountName,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<Option<SendClaim>, StoreError> {
        let mut claim = self.inner.claim_send(account, now, self.lease(lease)).await?;
        if let Some(claim) = &mut claim {
            self.fences.lock().unwrap().insert(claim.send.id.to_string(), claim.fence);
            if self.fault == Fault::AttemptsAreNotKept {
                claim.send.attempts.clear();
            }
        }
        Ok(claim)
    }
    async fn commit_attempt(&self, claim: &SendClaim, mut send: OutgoingSend) -> Result<Commit, StoreError> {
        if self.fault == Fault::KnowsNoOrder {
            send.lane_until = None;
        }
        let fence = self.current(claim.send.id.as_str(), claim.fence);
        self.inner.commit_attempt(&SendClaim { fence, ..claim.clone() }, send).await
    }
    async fn next_due(&self, account: &AccountName) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_due(account).await
    }
    async fn next_undecided(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_undecided().await
    }
    async fn event(&self, id: &EventId) -> Result<Option<StoredEvent>, StoreError> {
        self.inner.event(id).await
    }
    async fn events(&self, query: &EventQuery) -> Result<Vec<StoredEvent>, StoreError> {
        self.inner.events(query).await
    }
    async fn send(&self, id: &SendId) -> Result<Option<OutgoingSend>, StoreError> {
        self.inner.send(id).await
    }
    async fn sends(&self, query: &SendQuery) -> Result<Vec<OutgoingSend>, StoreError> {
        self.inner.sends(query).await
    }
    async fn redrive(&self, id: &SendId, key: Key, hand: &Hand) -> Result<Changed, StoreError> {
        self.inner.redrive(id, key, hand).await
    }
    async fn release(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError> {
        self.inner.release(id, hand).await
    }
    async fn confirm(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError> {
        self.inner.confirm(id, hand).await
    }
    async fn drop_send(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError> {
        self.inner.drop_send(id, hand).await
    }
    async fn curbs(&self, lane: &LaneKey, windows: &[WindowKey]) -> Result<Curbs, StoreError> {
        self.inner.curbs(lane, windows).await
    }
    async fn standing(&self, lane: &LaneKey, windows: &[WindowKey]) -> Result<Curbs, StoreError> {
        self.inner.standing(lane, windows).await
    }
    async fn controls(&self) -> Result<Vec<Control>, StoreError> {
        self.inner.controls().await
    }
    async fn change_control(&self, scope: &Scope, change: &ControlChange) -> Result<(Changed, Control), StoreError> {
        self.inner.change_control(scope, change).await
    }
    async fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError> {
        self.inner.quarantines().await
    }
    async fn release_quarantine(&self, id: &QuarantineId, hand: &Hand) -> Result<Changed, StoreError> {
        self.inner.release_quarantine(id, hand).await
    }
    async fn keep_book(&self, hash: &BookHash, files: &[(String, String)]) -> Result<(), StoreError> {
        self.inner.keep_book(hash, files).await
    }
    async fn book(&self, hash: &BookHash) -> Result<Option<Vec<(String, String)>>, StoreError> {
        self.inner.book(hash).await
    }
    async fn keep_credential(&self, name: &str, value: &Secret) -> Result<(), StoreError> {
        self.inner.keep_credential(name, value).await
    }
    async fn keep_position(&self, source: &SourceName, position: &Position) -> Result<(), StoreError> {
        self.inner.keep_position(source, position).await
    }
    async fn position(&self, source: &SourceName) -> Result<Option<Position>, StoreError> {
        self.inner.position(source).await
    }
    async fn credential(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        self.inner.credential(name).await
    }
    async fn prune(&self, before: Timestamp) -> Result<usize, StoreError> {
        match self.fault {
            Fault::ForgetsNothing => Ok(0),
            Fault::ForgetsAtOnce => self.inner.prune(Timestamp::MAX).await,
            _ => self.inner.prune(before).await,
        }
    }
    async fn export(&self, into: Box<dyn std::io::Write + Send>, progress: Progress) -> Result<Exported, StoreError> {
        self.inner.export(into, progress).await
    }

    async fn import(&self, from: Box<dyn std::io::Read + Send>, progress: Progress) -> Result<u64, StoreError> {
        self.inner.import(from, progress).await
    }

    async fn usage(&self) -> Result<Option<Usage>, StoreError> {
        self.inner.usage().await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.inner.counts().await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}

#[async_trait]
impl Harness for Fault {
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(Faulty { inner: memory::open(), fault: *self, fences: Mutex::default() }))
    }
}

#[tokio::test]
async fn a_store_that_breaks_its_word_is_found_out() {
    for (fault, promise) in [
        (Fault::ForgetsDuplicates, "a_delivery_accepted_many_times_at_once_is_new_exactly_once"),
        (Fault::IgnoresFences, "a_late_decision_changes_nothing"),
        (Fault::IgnoresFences, "a_late_attempt_changes_nothing"),
        (Fault::IgnoresLeases, "a_lane_is_decided_by_one_at_a_time_and_others_do_not_wait"),
        (Fault::IgnoresLeases, "events_taken_up_together_are_the_oldest_of_different_lanes"),
        (Fault::IgnoresLeases, "sends_of_a_lane_leave_one_at_a_time"),
        (Fault::KnowsNoOrder, "what_happened_earlier_goes_before_what_still_waits_for_it"),
        (Fault::KnowsNoOrder, "a_lane_that_waits_for_what_happened_before_holds_up_no_other"),
        (Fault::KnowsNoOrder, "a_send_that_is_tried_again_is_not_overtaken_in_its_lane"),
        (Fault::KnowsNoOrder, "a_lane_goes_on_when_its_patience_ends_and_says_so"),
        (Fault::KnowsNoOrder, "a_reply_that_waits_for_the_end_of_a_burst_is_superseded"),
        (Fault::ForgetsNothing, "a_conversation_is_forgotten_when_nothing_in_it_counts"),
        (Fault::ForgetsNothing, "a_correspondent_is_forgotten_when_nothing_known_of_them_counts"),
        (Fault::ForgetsAtOnce, "a_conversation_is_forgotten_when_nothing_in_it_counts"),
        (Fault::ForgetsAtOnce, "a_correspondent_is_forgotten_when_nothing_known_of_them_counts"),
        (Fault::AttemptsAreNotKept, "the_start_of_an_attempt_is_kept_before_the_call"),
    ] {
        let found = broken(|| Box::new(fault), PROMISES).await;
        assert!(found.contains(&promise), "{promise} is not among {found:?}");
    }
    assert_eq!(run(|| Box::new(Fault::None), PROMISES).await, []);
}
