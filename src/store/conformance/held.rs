//! Promises about sends that wait for a person.

use super::sample::{
    self, LEASE, accept, at, claim, claim_send, commit, decision, desk, event, hand, replied, reply, send,
};
use super::{Harness, Kept, Seen, same, there};
use crate::model::{Decision, HoldCause, Send as OutgoingSend, SendId, SendState};
use crate::store::{Changed, Key, SendQuery, Store};

/// A held send on the event, of which an ordinary one is due in the same lane.
async fn held(store: &dyn Store, key: &str) -> Result<SendId, Seen> {
    accept(store, event(key, "a")).await?;
    let claim = claim(store, 0).await?;
    let state = SendState::Held { cause: HoldCause::Approval, reason: "the rule asks for approval".to_owned() };
    let waits = OutgoingSend { state, expires: Some(at(100)), ..reply(&claim.event, 0, 0) };
    let (id, other) = (waits.id.clone(), reply(&claim.event, 1, 0));
    commit(store, &claim, Decision { sends: vec![waits, other], ..decision(&claim) }).await?;
    Ok(id)
}

pub(super) async fn a_held_send_does_not_leave_and_holds_up_nobody(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let id = held(&*store, "1").await?;
    same("whether the other one leaves", claim_send(&*store, 9).await?.send.id == id, false)?;
    same("a second send to deliver", store.claim_send(&desk(), at(9), LEASE).await?.is_none(), true)?;
    let counts = store.counts().await?;
    same("held and open", (counts.held, counts.open_sends), (1, 1))?;
    let query = SendQuery { state: Some("held".to_owned()), ..SendQuery::default() };
    let listed: Vec<SendId> = store.sends(&query).await?.into_iter().map(|send| send.id).collect();
    same("held sends", listed, vec![id])?;
    same("events forgotten", store.prune(at(999)).await?, 0)
}

pub(super) async fn a_released_send_leaves_and_says_who_let_it_go(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let id = held(&*store, "1").await?;
    let other = claim_send(&*store, 2).await?;
    super::sample::settle(&*store, &other, super::sample::delivered(&other)).await?;
    same("driving it", store.redrive(&id, Key::Keep, &hand(3, "redrive", "")).await?, Changed::WrongState)?;
    same("releasing it", store.release(&id, &hand(50, "approve", "looks right")).await?, Changed::Done)?;
    let leaves = claim_send(&*store, 50).await?.send;
    same("the send", &leaves.id, &id)?;
    same("who let it go", leaves.hands, vec![hand(50, "approve", "looks right")])?;
    same("until when it may leave", leaves.expires, Some(at(150)))?;
    same("releasing it again", store.release(&id, &hand(51, "approve", "")).await?, Changed::WrongState)?;
    let nobody = SendId::from("snd_0");
    same("releasing nothing", store.release(&nobody, &hand(51, "approve", "")).await?, Changed::NotFound)?;
    same("held", store.counts().await?.held, 0)
}

pub(super) async fn a_held_send_that_was_dropped_never_leaves(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let id = held(&*store, "1").await?;
    same("dropping it", store.drop_send(&id, &hand(3, "drop", "answered by phone")).await?, Changed::Done)?;
    let dropped = SendState::Dropped { reason: "answered by phone".to_owned() };
    same("its state", send(&*store, &id).await?.state, dropped)?;
    same("releasing it", store.release(&id, &hand(4, "release", "")).await?, Changed::WrongState)?;
    for waits in replied(&*store, event("2", "b"), &[60]).await? {
        same(
            "releasing one that is not held",
            store.release(&waits, &hand(4, "release", "")).await?,
            Changed::WrongState,
        )?;
    }
    there("the send of the other action", store.claim_send(&desk(), at(9), LEASE).await?).map(drop)
}

pub(super) async fn a_doubt_is_ended_by_who_saw_it_arrive_or_sends_it_again(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let waiting = held(&*store, "1").await?;
    same(
        "confirming what was never tried",
        store.confirm(&waiting, &hand(2, "confirm", "")).await?,
        Changed::WrongState,
    )?;
    for (key, confirmed) in [("2", true), ("3", false)] {
        replied(&*store, event(key, key), &[0]).await?;
        let sending = claim_send(&*store, 2).await?;
        let state = SendState::Held { cause: HoldCause::Unknown, reason: "nobody can tell".to_owned() };
        let doubtful = OutgoingSend { state, ..sample::delivered(&sending) };
        sample::settle(&*store, &sending, doubtful).await?;
        let id = &sending.send.id;
        if confirmed {
            same("confirming it", store.confirm(id, &hand(3, "confirm", "it is there")).await?, Changed::Done)?;
            let seen = send(&*store, id).await?;
            same("its state", seen.state, SendState::Confirmed)?;
            same("who saw it", seen.hands, vec![hand(3, "confirm", "it is there")])?;
            same("releasing it", store.release(id, &hand(4, "release", "")).await?, Changed::WrongState)?;
            same("confirming it again", store.confirm(id, &hand(4, "confirm", "")).await?, Changed::WrongState)?;
        } else {
            same("releasing it", store.release(id, &hand(4, "release", "")).await?, Changed::Done)?;
            let again = send(&*store, id).await?;
            same("its state and counted attempts", (again.state, again.redriven_after), (SendState::Pending, 1))?;
        }
    }
    let nobody = SendId::from("snd_0");
    same("confirming nothing", store.confirm(&nobody, &hand(5, "confirm", "")).await?, Changed::NotFound)
}
