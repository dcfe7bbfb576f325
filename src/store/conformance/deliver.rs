//! Promises about the outbox, leases on sends, and attempts.

use super::sample::{
    LEASE, accept, at, attempted, claim, claim_send, commit, decision, delivered, desk, event, replied, reply, send,
    settle,
};
use super::{Harness, Kept, same, there};
use crate::model::{
    AccountName, Action, Attempt, Decision, Note, Outcome, Paged, Reply, Send as OutgoingSend, SendState,
};
use crate::store::{Commit, Store};

async fn nothing_to_send(store: &dyn Store, now: i64) -> Kept {
    same("a send to deliver", store.claim_send(&desk(), at(now), LEASE).await?.map(|claim| claim.send.id), None)
}

pub(super) async fn a_send_is_not_claimed_before_it_is_due(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[60]).await?;
    nothing_to_send(&*store, 59).await?;
    let sending = claim_send(&*store, 60).await?;
    same("what it answers", (*sending.event).clone(), event("1", "a"))
}

pub(super) async fn sends_leave_in_the_order_they_are_due(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let mut ids = Vec::new();
    for (key, due) in [("1", 9), ("2", 3), ("3", 9), ("4", 6)] {
        ids.extend(replied(&*store, event(key, key), &[due]).await?);
    }
    let mut left = Vec::new();
    for _ in 0..4 {
        left.push(claim_send(&*store, 10).await?.send.id);
    }
    let due: Vec<_> = [1, 3, 0, 2].into_iter().filter_map(|place| ids.get(place).cloned()).collect();
    same("the order", left, due)
}

pub(super) async fn pages_leave_before_replies_before_the_rest(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let member = Paged { alias: "lee".to_owned(), id: "42".to_owned() };
    let page = || Action::Note(Note { page: vec![member.clone()], ..Note::default() });
    let answer = || Action::Reply(Reply::default());
    let mut ids = Vec::new();
    // The page is due last, and behind another send of its lane.
    for (key, actions) in [("1", vec![Action::Close]), ("2", vec![answer()]), ("3", vec![Action::Close, page()])] {
        accept(&*store, event(key, key)).await?;
        let claim = claim(&*store, 0).await?;
        let made = actions.into_iter().enumerate();
        let made =
            made.map(|(index, action)| OutgoingSend::new(&claim.event, "rule", index, action, at(ids.len() as i64)));
        let sends: Vec<_> = made.collect();
        ids.extend(sends.iter().map(|send| send.id.clone()));
        commit(&*store, &claim, Decision { sends, ..decision(&claim) }).await?;
    }
    let mut left = Vec::new();
    for _ in 0..4 {
        let claim = claim_send(&*store, 10).await?;
        left.push(claim.send.id.clone());
        settle(&*store, &claim, delivered(&claim)).await?;
    }
    let order: Vec<_> = [2, 3, 1, 0].into_iter().filter_map(|place| ids.get(place).cloned()).collect();
    same("the order", left, order)
}

pub(super) async fn sends_of_a_lane_leave_one_at_a_time(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let ids = replied(&*store, event("1", "a"), &[0, 0]).await?;
    let first = claim_send(&*store, 2).await?;
    same("the first", Some(&first.send.id), ids.first())?;
    nothing_to_send(&*store, 2).await?;
    settle(&*store, &first, delivered(&first)).await?;
    same("the second", Some(&claim_send(&*store, 2).await?.send.id), ids.get(1))
}

pub(super) async fn a_send_waits_while_an_event_of_its_lane_is_not_decided(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let ids = replied(&*store, event("1", "a"), &[0]).await?;
    accept(&*store, event("2", "a")).await?;
    nothing_to_send(&*store, 2).await?;
    same("the next time due", store.next_due(&desk()).await?, None)?;
    let elsewhere = event("3", "b");
    accept(&*store, elsewhere.clone()).await?;
    let answering = claim(&*store, 2).await?;
    same("the event", &answering.event.id, &event("2", "a").id)?;
    nothing_to_send(&*store, 2).await?;
    let other = claim(&*store, 2).await?;
    let sends = vec![reply(&other.event, 0, 1)];
    commit(&*store, &other, Decision { sends, ..decision(&other) }).await?;
    same("with another lane", store.next_due(&desk()).await?, Some(at(1)))?;
    same("what leaves", (*claim_send(&*store, 2).await?.event).clone(), elsewhere)?;
    commit(&*store, &answering, decision(&answering)).await?;
    same("after the decision", Some(&claim_send(&*store, 2).await?.send.id), ids.first())
}

pub(super) async fn accounts_do_not_wait_for_each_other(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[0]).await?;
    let mut elsewhere = event("2", "b");
    elsewhere.account = AccountName::from("another desk");
    replied(&*store, elsewhere.clone(), &[0]).await?;
    let other = store.claim_send(&elsewhere.account, at(2), LEASE).await?;
    same("what the other sends", there("a send", other)?.event.id.clone(), elsewhere.id)?;
    same("what the first sends", claim_send(&*store, 2).await?.event.id.clone(), event("1", "a").id)
}

pub(super) async fn the_start_of_an_attempt_is_kept_before_the_call(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[0]).await?;
    let sending = claim_send(&*store, 2).await?;
    let started = Attempt::begun(1, at(2));
    same("the attempts of the claim", &sending.send.attempts, &vec![started])?;
    same("the send as kept", send(&*store, &sending.send.id).await?, sending.send)
}

pub(super) async fn a_send_to_be_tried_later_keeps_its_attempts_and_waits(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[0]).await?;
    let sending = claim_send(&*store, 2).await?;
    let later = Outcome::TryLater { reason: "busy".to_owned(), after: None };
    let mut again = attempted(&sending, later, SendState::Pending);
    again.due = at(60);
    settle(&*store, &sending, again).await?;
    nothing_to_send(&*store, 59).await?;
    let second = claim_send(&*store, 60).await?;
    let numbers: Vec<_> = second.send.attempts.iter().map(|attempt| attempt.number).collect();
    same("the attempts", numbers, vec![1, 2])?;
    same("the key", second.send.idempotency_key, sending.send.idempotency_key)
}

pub(super) async fn a_send_of_unknown_outcome_is_claimed_without_a_new_attempt(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[0]).await?;
    let sending = claim_send(&*store, 2).await?;
    let left = attempted(&sending, Outcome::Unknown { reason: "time-out".to_owned() }, SendState::Unknown);
    settle(&*store, &sending, left.clone()).await?;
    same("the send", claim_send(&*store, 6).await?.send, left)
}

pub(super) async fn a_send_whose_lease_ended_is_of_unknown_outcome(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[0]).await?;
    let first = claim_send(&*store, 2).await?;
    nothing_to_send(&*store, 31).await?;
    let second = claim_send(&*store, 32).await?;
    same("the state", &second.send.state, &SendState::Unknown)?;
    same("the attempts", second.send.attempts, first.send.attempts)?;
    same("the state as kept", send(&*store, &first.send.id).await?.state, SendState::Unknown)
}

pub(super) async fn a_late_attempt_changes_nothing(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[0]).await?;
    let late = claim_send(&*store, 2).await?;
    let current = claim_send(&*store, 40).await?;
    same("the late attempt", store.commit_attempt(&late, delivered(&late)).await?, Commit::LeaseLost)?;
    same("the send", send(&*store, &late.send.id).await?, current.send.clone())?;
    settle(&*store, &current, delivered(&current)).await?;
    let again = store.commit_attempt(&current, delivered(&current)).await?;
    same("the same attempt again", again, Commit::LeaseLost)
}

pub(super) async fn the_next_time_due_says_when_there_is_something_to_claim(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    same("with an empty outbox", store.next_due(&desk()).await?, None)?;
    replied(&*store, event("1", "a"), &[20, 3]).await?;
    same("with two sends", store.next_due(&desk()).await?, Some(at(3)))?;
    let sending = claim_send(&*store, 4).await?;
    same("while the lane is busy", store.next_due(&desk()).await?, Some(at(34)))?;
    accept(&*store, event("2", "b")).await?;
    let other = claim(&*store, 4).await?;
    let sends = vec![reply(&other.event, 0, 25)];
    commit(&*store, &other, Decision { sends, ..decision(&other) }).await?;
    same("with another lane", store.next_due(&desk()).await?, Some(at(25)))?;
    settle(&*store, &sending, delivered(&sending)).await?;
    same("with the lane free again", store.next_due(&desk()).await?, Some(at(20)))?;
    same("for another account", store.next_due(&AccountName::from("another desk")).await?, None)
}
