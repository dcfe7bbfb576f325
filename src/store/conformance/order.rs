//! Promises about the order of a lane: of what happened out of turn, of what is tried again, of what is superseded, and
//! of what follows from a send of ours.

use super::sample::{
    LEASE, accept, at, attempted, claim, claim_send, commit, decision, delivered, desk, event, replied, reply, send,
    settle,
};
use super::{Harness, Kept, same, there};
use crate::model::decision::Superseded;
use crate::model::{
    Decision, Event, EventId, EventKind, Outcome, SUPERSEDED, Send as OutgoingSend, SendId, SendState, Settling,
    TagChange,
};
use crate::store::{SendClaim, Store};

/// An event that happened at `at(happened)`, arrived at `at(arrived)` and waits until `at(from)` for those before it.
fn timed(key: &str, conversation: &str, happened: i64, arrived: i64, from: i64) -> Event {
    Event { at: at(happened), received_at: at(arrived), decide_from: Some(at(from)), ..event(key, conversation) }
}

async fn nothing_to_decide(store: &dyn Store, now: i64) -> Kept {
    same("an event to decide", store.claim_event(at(now), LEASE).await?.map(|claim| claim.event.id.clone()), None)
}

async fn nothing_to_send(store: &dyn Store, now: i64) -> Kept {
    same("a send to deliver", store.claim_send(&desk(), at(now), LEASE).await?.map(|claim| claim.send.id), None)
}

async fn decided_next(store: &dyn Store, now: i64, id: &EventId) -> Kept {
    let next = claim(store, now).await?;
    same("the next event", &next.event.id, id)?;
    commit(store, &next, decision(&next)).await
}

pub(super) async fn what_happened_earlier_goes_before_what_still_waits_for_it(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let (late, middle) = (timed("late", "a", 9, 10, 12), timed("middle", "a", 8, 10, 11));
    accept(&*store, late.clone()).await?;
    same("when there is something to decide", store.next_undecided().await?, Some(at(12)))?;
    nothing_to_decide(&*store, 10).await?;
    accept(&*store, middle.clone()).await?;
    same("when there is something to decide now", store.next_undecided().await?, Some(at(11)))?;
    // This one was so long on its way that nothing before it is still to come.
    let early = Event { decide_from: None, ..timed("early", "a", 7, 10, 10) };
    accept(&*store, early.clone()).await?;
    decided_next(&*store, 10, &early.id).await?;
    nothing_to_decide(&*store, 10).await?;
    decided_next(&*store, 11, &middle.id).await?;
    nothing_to_decide(&*store, 11).await?;
    decided_next(&*store, 12, &late.id).await?;
    same("when there is more", store.next_undecided().await?, None)
}

pub(super) async fn what_came_too_late_is_decided_in_the_order_of_acceptance(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let first = timed("first", "a", 9, 10, 11);
    accept(&*store, first.clone()).await?;
    let late = timed("late", "a", 3, 11, 12);
    accept(&*store, late.clone()).await?;
    decided_next(&*store, 20, &first.id).await?;
    decided_next(&*store, 20, &late.id).await?;
    let taken = timed("taken", "a", 29, 30, 31);
    accept(&*store, taken.clone()).await?;
    let held = claim(&*store, 31).await?;
    accept(&*store, timed("earlier", "a", 28, 30, 31)).await?;
    nothing_to_decide(&*store, 40).await?;
    commit(&*store, &held, decision(&held)).await?;
    decided_next(&*store, 40, &timed("earlier", "a", 28, 30, 31).id).await
}

pub(super) async fn a_lane_that_waits_for_what_happened_before_holds_up_no_other(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, timed("1", "a", 9, 10, 12)).await?;
    accept(&*store, event("2", "b")).await?;
    accept(&*store, timed("3", "c", 9, 10, 11)).await?;
    decided_next(&*store, 10, &event("2", "b").id).await?;
    nothing_to_decide(&*store, 10).await?;
    decided_next(&*store, 11, &timed("3", "c", 9, 10, 11).id).await?;
    // A clock that was put back makes nobody wait for it to come round.
    decided_next(&*store, 5, &timed("1", "a", 9, 10, 12).id).await
}

/// The reply to one more event of a lane, decided at once.
async fn another(store: &dyn Store, key: &str, due: i64) -> Result<SendId, super::Seen> {
    there("a send", replied(store, event(key, "a"), &[due]).await?.pop())
}

/// The claimed send as one that is tried again at `at(due)` and holds up its lane until `at(until)`.
fn tried(claim: &SendClaim, due: i64, until: i64) -> OutgoingSend {
    let busy = Outcome::TryLater { reason: "busy".to_owned(), after: None };
    OutgoingSend { due: at(due), lane_until: Some(at(until)), ..attempted(claim, busy, SendState::Pending) }
}

async fn with_one_that_is_tried_again(store: &dyn Store) -> Result<(SendId, SendId), super::Seen> {
    let (first, second) = (another(store, "1", 0).await?, another(store, "2", 3).await?);
    let sending = claim_send(store, 2).await?;
    same("the first", &sending.send.id, &first)?;
    settle(store, &sending, tried(&sending, 60, 902)).await?;
    Ok((first, second))
}

pub(super) async fn a_send_that_is_tried_again_is_not_overtaken_in_its_lane(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let (first, second) = with_one_that_is_tried_again(&*store).await?;
    nothing_to_send(&*store, 59).await?;
    same("when there is something to send", store.next_due(&desk()).await?, Some(at(60)))?;
    accept(&*store, event("3", "b")).await?;
    let other = claim(&*store, 5).await?;
    let sends = vec![reply(&other.event, 0, 5)];
    commit(&*store, &other, Decision { sends, ..decision(&other) }).await?;
    let elsewhere = claim_send(&*store, 6).await?;
    same("what leaves in another lane", &elsewhere.event.id, &event("3", "b").id)?;
    settle(&*store, &elsewhere, delivered(&elsewhere)).await?;
    let again = claim_send(&*store, 60).await?;
    same("what leaves first", &again.send.id, &first)?;
    settle(&*store, &again, delivered(&again)).await?;
    let then = claim_send(&*store, 60).await?;
    same("what leaves then", (&then.send.id, then.send.passed.len()), (&second, 0))
}

pub(super) async fn a_lane_goes_on_when_its_patience_ends_and_says_so(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let (first, second) = with_one_that_is_tried_again(&*store).await?;
    let again = claim_send(&*store, 60).await?;
    settle(&*store, &again, tried(&again, 2_000, 902)).await?;
    nothing_to_send(&*store, 901).await?;
    same("when there is something to send", store.next_due(&desk()).await?, Some(at(902)))?;
    let next = claim_send(&*store, 902).await?;
    same("what leaves", (&next.send.id, &next.send.passed), (&second, &vec![first]))?;
    same("what is kept of it", send(&*store, &second).await?.passed.len(), 1)
}

/// A decision that puts a reply which waits for the end of a burst in the place of what waits.
fn answer(claim: &crate::store::EventClaim, due: i64) -> Decision {
    let settling = Settling { until: at(due), responses: vec!["greet".to_owned()] };
    let sends = vec![OutgoingSend { settling: Some(settling), ..reply(&claim.event, 0, due) }];
    let superseded = |send: &OutgoingSend| Superseded { send: send.id.clone(), rule: send.rule.clone() };
    Decision { sends, supersedes: claim.settling.iter().map(superseded).collect(), ..decision(claim) }
}

pub(super) async fn a_reply_that_waits_for_the_end_of_a_burst_is_superseded(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let mut ids = Vec::new();
    for (key, due) in [("1", 20), ("2", 25)] {
        accept(&*store, event(key, "a")).await?;
        let next = claim(&*store, 0).await?;
        let waiting: Vec<_> = next.settling.iter().map(|send| send.id.clone()).collect();
        same("what waits", &waiting, &ids)?;
        ids = answer(&next, due).sends.into_iter().map(|send| send.id).collect();
        commit(&*store, &next, answer(&next, due)).await?;
    }
    let first = SendId::derive(&event("1", "a").id, "greet", 0);
    let cancelled = SendState::Cancelled { reason: SUPERSEDED.to_owned() };
    same("the first reply", send(&*store, &first).await?.state, cancelled)?;
    same("what leaves", Some(&claim_send(&*store, 30).await?.send.id), ids.first())?;
    accept(&*store, event("3", "b")).await?;
    same("what waits elsewhere", claim(&*store, 0).await?.settling.len(), 0)
}

/// Delivers a tag on the event, at `at(2)`; the attempt ends at `at(5)`.
async fn tagged(store: &dyn Store, event: Event) -> Kept {
    accept(store, event).await?;
    let next = claim(store, 0).await?;
    let tag = TagChange { add: vec!["vip".to_owned()], ..TagChange::default() };
    let action = crate::model::Action::Tag(tag);
    let sends = vec![OutgoingSend { action, depth: next.depth, ..reply(&next.event, 0, 0) }];
    commit(store, &next, Decision { sends, ..decision(&next) }).await?;
    let sending = claim_send(store, 2).await?;
    settle(store, &sending, attempted(&sending, Outcome::done(), SendState::Delivered)).await
}

fn change(key: &str, kind: EventKind, conversation: &str, arrived: i64) -> Event {
    let mut change = event(key, conversation);
    (change.kind, change.message, change.received_at) = (kind, None, at(arrived));
    change
}

pub(super) async fn a_change_that_follows_on_a_send_of_ours_is_caused_by_it(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    tagged(&*store, event("1", "a")).await?;
    let mut of_contact = change("elsewhere", EventKind::ContactUpdated, "another", 9);
    of_contact.contact = event("1", "a").contact;
    for (change, depth) in [
        (change("closed", EventKind::ConversationClosed, "a", 9), 1),
        (change("updated", EventKind::ConversationUpdated, "a", 125), 1),
        (change("later", EventKind::ConversationUpdated, "a", 126), 0),
        (change("other", EventKind::ConversationUpdated, "b", 9), 0),
        (of_contact, 1),
        (event("message", "a"), 0),
    ] {
        accept(&*store, change.clone()).await?;
        let next = claim(&*store, 200).await?;
        same(change.id.as_str(), (next.depth, next.own.is_none()), (depth, true))?;
        commit(&*store, &next, decision(&next)).await?;
    }
    tagged(&*store, change("again", EventKind::ConversationUpdated, "a", 9)).await?;
    accept(&*store, change("in turn", EventKind::ConversationUpdated, "a", 9)).await?;
    same("what that caused in turn", claim(&*store, 9).await?.depth, 2)
}

pub(super) async fn a_call_of_a_hook_causes_nothing(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let next = claim(&*store, 0).await?;
    let call = crate::model::Action::Http(crate::model::HttpCall::new("crm", serde_json::Value::Null));
    let account = call.account(&next.event);
    let sends = vec![OutgoingSend::new(&next.event, "greet", 0, call, at(1))];
    commit(&*store, &next, Decision { sends, ..decision(&next) }).await?;
    let sending = there("a call", store.claim_send(&account, at(2), LEASE).await?)?;
    settle(&*store, &sending, attempted(&sending, Outcome::done(), SendState::Delivered)).await?;
    accept(&*store, change("2", EventKind::ConversationUpdated, "a", 9)).await?;
    same("the depth", claim(&*store, 9).await?.depth, 0)
}

pub(super) async fn the_order_of_what_waits_stays_over_a_restart(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let (late, early) = (timed("late", "c", 9, 10, 11), timed("early", "c", 7, 10, 12));
    accept(&*store, late.clone()).await?;
    accept(&*store, early.clone()).await?;
    store.close().await?;
    let store = harness.open().await?;
    nothing_to_decide(&*store, 11).await?;
    decided_next(&*store, 12, &early.id).await?;
    decided_next(&*store, 12, &late.id).await
}

pub(super) async fn a_lane_still_waits_for_a_send_that_is_tried_again(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let (first, second) = with_one_that_is_tried_again(&*store).await?;
    store.close().await?;
    let store = harness.open().await?;
    nothing_to_send(&*store, 59).await?;
    let again = claim_send(&*store, 60).await?;
    same("what leaves first", &again.send.id, &first)?;
    settle(&*store, &again, tried(&again, 2_000, 902)).await?;
    store.close().await?;
    let store = harness.open().await?;
    nothing_to_send(&*store, 901).await?;
    let next = claim_send(&*store, 902).await?;
    same("what leaves then", (next.send.id, next.send.passed), (second, vec![first]))
}

pub(super) async fn what_waits_is_still_called_off_and_superseded(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let next = claim(&*store, 0).await?;
    commit(&*store, &next, answer(&next, 20)).await?;
    let named = there("a send", replied(&*store, event("2", "b"), &[60]).await?.pop())?;
    store.close().await?;
    let store = harness.open().await?;
    accept(&*store, event("3", "a")).await?;
    let next = claim(&*store, 0).await?;
    same("what waits", next.settling.len(), 1)?;
    commit(&*store, &next, answer(&next, 25)).await?;
    accept(&*store, event("4", "b")).await?;
    let next = claim(&*store, 0).await?;
    let cancels = Some(crate::model::CancelOn::Closed);
    commit(&*store, &next, Decision { cancels, ..decision(&next) }).await?;
    store.close().await?;
    let store = harness.open().await?;
    let cancelled = |reason: &str| SendState::Cancelled { reason: reason.to_owned() };
    let first = SendId::derive(&event("1", "a").id, "greet", 0);
    same("the first reply", send(&*store, &first).await?.state, cancelled(SUPERSEDED))?;
    same("the one that was named", send(&*store, &named).await?.state, cancelled("closed"))?;
    same("what leaves", claim_send(&*store, 90).await?.event.id.clone(), event("3", "a").id)?;
    nothing_to_send(&*store, 90).await
}

pub(super) async fn a_send_keeps_when_it_is_due_and_when_it_is_too_late(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let next = claim(&*store, 0).await?;
    let planned = OutgoingSend { expires: Some(at(90)), ..reply(&next.event, 0, 20) };
    commit(&*store, &next, Decision { sends: vec![planned.clone()], ..decision(&next) }).await?;
    store.close().await?;
    let store = harness.open().await?;
    same("the send", send(&*store, &planned.id).await?, planned.clone())?;
    let sending = claim_send(&*store, 20).await?;
    settle(&*store, &sending, tried(&sending, 60, 902)).await?;
    store.close().await?;
    let store = harness.open().await?;
    nothing_to_send(&*store, 59).await?;
    let again = claim_send(&*store, 60).await?;
    same("when it is too late", (again.send.id, again.send.expires), (planned.id, planned.expires))
}

pub(super) async fn what_a_send_caused_is_still_known(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    tagged(&*store, event("1", "a")).await?;
    store.close().await?;
    let store = harness.open().await?;
    accept(&*store, change("2", EventKind::ConversationUpdated, "a", 9)).await?;
    same("the depth", claim(&*store, 9).await?.depth, 1)
}
