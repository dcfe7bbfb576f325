//! Promises about dead letters.

use super::sample::{
    LEASE, accept, at, claim, claim_send, commit, dead, dead_letter, decision, delivered, desk, echo, event, hand,
    replied, send, settle,
};
use super::{Harness, Kept, same};
use crate::model::{SendId, SendState};
use crate::store::{Changed, Key};

pub(super) async fn a_dead_letter_is_driven_again_with_its_key(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let id = dead_letter(&*store, event("1", "a")).await?;
    same("a send to deliver", store.claim_send(&desk(), at(99), LEASE).await?.is_none(), true)?;
    let before = send(&*store, &id).await?;
    same("driving it", store.redrive(&id, Key::Keep, &hand(100, "redrive", "")).await?, Changed::Done)?;
    let again = claim_send(&*store, 100).await?;
    same("the send", &again.send.id, &id)?;
    same("its key", &again.send.idempotency_key, &before.idempotency_key)?;
    same("its attempts", again.send.attempts.len(), 2)?;
    same("its attempts before that", (again.send.redriven_after, again.send.renewed_after), (1, 0))?;
    settle(&*store, &again, delivered(&again)).await?;
    same("dead letters", store.counts().await?.dead, 0)
}

pub(super) async fn a_dead_letter_driven_again_on_purpose_has_a_new_key_each_time(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let id = dead_letter(&*store, event("1", "a")).await?;
    for (now, suffix) in [(100, ".r2"), (200, ".r3")] {
        same("driving it", store.redrive(&id, Key::Renew, &hand(now, "redrive", "")).await?, Changed::Done)?;
        let again = claim_send(&*store, now).await?;
        same("its key", &again.send.idempotency_key, &format!("{id}{suffix}"))?;
        same("its attempts under older keys", again.send.renewed_after + 1, again.send.attempts.len())?;
        settle(&*store, &again, dead(&again)).await?;
    }
    Ok(())
}

pub(super) async fn a_dropped_letter_never_leaves(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let id = dead_letter(&*store, event("1", "a")).await?;
    same("dropping it", store.drop_send(&id, &hand(9, "drop", "answered by phone")).await?, Changed::Done)?;
    let dropped = SendState::Dropped { reason: "answered by phone".to_owned() };
    same("its state", send(&*store, &id).await?.state, dropped)?;
    same("driving it", store.redrive(&id, Key::Keep, &hand(100, "redrive", "")).await?, Changed::WrongState)?;
    same("a send to deliver", store.claim_send(&desk(), at(100), LEASE).await?.is_none(), true)
}

pub(super) async fn only_a_dead_letter_can_be_changed(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let nobody = SendId::from("snd_0");
    same("driving nothing", store.redrive(&nobody, Key::Keep, &hand(0, "redrive", "")).await?, Changed::NotFound)?;
    same("dropping nothing", store.drop_send(&nobody, &hand(9, "drop", "x")).await?, Changed::NotFound)?;
    for id in replied(&*store, event("1", "a"), &[60]).await? {
        same(
            "driving one that waits",
            store.redrive(&id, Key::Renew, &hand(0, "redrive", "")).await?,
            Changed::WrongState,
        )?;
        same("dropping one that waits", store.drop_send(&id, &hand(9, "drop", "x")).await?, Changed::WrongState)?;
        let waits = send(&*store, &id).await?;
        same("its due time and key", (waits.due, waits.idempotency_key), (at(60), id.to_string()))?;
    }
    Ok(())
}

pub(super) async fn a_dead_letter_that_arrived_after_all_is_confirmed(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[0]).await?;
    let sending = claim_send(&*store, 2).await?;
    let mut given_up = dead(&sending);
    given_up.request_id = Some("request".to_owned());
    settle(&*store, &sending, given_up).await?;
    accept(&*store, echo("echo", &event("1", "a"), "request")).await?;
    let ours = claim(&*store, 6).await?;
    commit(&*store, &ours, decision(&ours)).await?;
    same("its state", send(&*store, &sending.send.id).await?.state, SendState::Confirmed)?;
    same("driving it", store.redrive(&sending.send.id, Key::Keep, &hand(9, "redrive", "")).await?, Changed::WrongState)
}
