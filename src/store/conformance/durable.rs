//! Promises that hold over a restart.

use super::sample::{
    LEASE, accept, at, attempted, claim, claim_send, commit, dead_letter, decision, delivered, desk, echo, event,
    replied, send, settle,
};
use super::{Harness, Kept, same, there};
use crate::model::{BookHash, Decision, Event, Message, Outcome, Position, SendState, SourceName};
use crate::secret::Secret;
use crate::store::{Accepted, Commit, Counts, EventQuery};

pub(super) async fn an_accepted_event_is_still_waiting(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let mut long = event("2", "b");
    long.message = Some(Message { text: "long ".repeat(200_000), ..Message::default() });
    accept(&*store, event("1", "a")).await?;
    accept(&*store, long.clone()).await?;
    store.close().await?;
    let store = harness.open().await?;
    same("the event", claim(&*store, 0).await?.event, event("1", "a").into())?;
    same("whether the long one is whole", *claim(&*store, 0).await?.event == long, true)
}

pub(super) async fn a_repeat_is_still_recognised(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    store.close().await?;
    let store = harness.open().await?;
    same("the same delivery", store.accept(event("1", "a")).await?, Accepted::Duplicate)
}

pub(super) async fn what_was_decided_stays_decided(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[]).await?;
    let before = store.event(&event("1", "a").id).await?;
    store.close().await?;
    let store = harness.open().await?;
    same("the event", store.event(&event("1", "a").id).await?, before)?;
    same("an event to decide", store.claim_event(at(99), LEASE).await?.is_none(), true)
}

pub(super) async fn the_order_of_a_lane_stays(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    for key in 0..40 {
        accept(&*store, event(&key.to_string(), "a")).await?;
    }
    store.close().await?;
    let store = harness.open().await?;
    accept(&*store, event("40", "a")).await?;
    for key in 0..=40 {
        let next = claim(&*store, 0).await?;
        same("the next event", &next.event.id, &event(&key.to_string(), "a").id)?;
        commit(&*store, &next, decision(&next)).await?;
    }
    let newest = store.events(&EventQuery { limit: 1, ..EventQuery::default() }).await?;
    same("the newest", newest.into_iter().map(|stored| stored.event.id).next(), Some(event("40", "a").id))
}

pub(super) async fn records_stay_as_committed(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let first = claim(&*store, 0).await?;
    let mut decided: Decision = decision(&first);
    decided.conversation.state.insert("order".to_owned(), "7".into());
    decided.contact.responses.insert("greet".to_owned(), at(1));
    commit(&*store, &first, decided.clone()).await?;
    store.close().await?;
    let store = harness.open().await?;
    accept(&*store, event("2", "a")).await?;
    let second = claim(&*store, 0).await?;
    same("the conversation", second.conversation, decided.conversation)?;
    same("the contact's responses", second.contact.responses, decided.contact.responses)?;
    same("whether the version is the same", second.contact.version == first.contact.version, false)
}

pub(super) async fn sends_stay_in_the_outbox(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let ids = replied(&*store, event("1", "a"), &[60]).await?;
    let id = there("the send", ids.first())?;
    let before = send(&*store, id).await?;
    store.close().await?;
    let store = harness.open().await?;
    same("the send", send(&*store, id).await?, before)?;
    same("when it is due", store.next_due(&desk()).await?, Some(at(60)))?;
    same("the send to deliver", claim_send(&*store, 60).await?.send.id, id.clone())
}

pub(super) async fn an_attempt_that_was_cut_short_is_of_unknown_outcome(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[0]).await?;
    let sending = claim_send(&*store, 2).await?;
    store.close().await?;
    let store = harness.open().await?;
    same("the state", send(&*store, &sending.send.id).await?.state, SendState::Unknown)?;
    let again = claim_send(&*store, 3).await?;
    same("the attempts", again.send.attempts, sending.send.attempts)
}

pub(super) async fn an_ended_attempt_is_not_cut_short(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[0]).await?;
    let sending = claim_send(&*store, 2).await?;
    let later = Outcome::TryLater { reason: "busy".to_owned(), after: None };
    settle(&*store, &sending, attempted(&sending, later, SendState::Pending)).await?;
    store.close().await?;
    let store = harness.open().await?;
    let again = claim_send(&*store, 9).await?;
    same("the state and attempts", (again.send.state, again.send.attempts.len()), (SendState::Pending, 2))
}

pub(super) async fn a_message_of_ours_is_still_known(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let ids = replied(&*store, event("1", "a"), &[0]).await?;
    let sending = claim_send(&*store, 2).await?;
    settle(&*store, &sending, delivered(&sending)).await?;
    store.close().await?;
    let store = harness.open().await?;
    let id = there("the send", ids.first())?;
    accept(&*store, echo("echo", &event("1", "a"), &format!("provider-{id}"))).await?;
    same("the send that it is", claim(&*store, 6).await?.own.as_ref(), Some(id))
}

pub(super) async fn dead_letters_books_and_credentials_stay(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    dead_letter(&*store, event("1", "a")).await?;
    let (hash, files) = (BookHash::from("1234"), vec![("a.yaml".to_owned(), "x".repeat(300_000))]);
    store.keep_book(&hash, &files).await?;
    store.keep_credential("desk", &Secret::from("value")).await?;
    store.close().await?;
    let store = harness.open().await?;
    same("what is in the store", store.counts().await?, Counts { dead: 1, ..Counts::default() })?;
    same("whether the book is whole", store.book(&hash).await? == Some(files), true)?;
    let kept = there("the credential", store.credential("desk").await?)?;
    same("whether it is the one kept", kept.expose() == "value", true)
}

pub(super) async fn a_lease_from_before_is_worth_nothing(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let before = claim(&*store, 0).await?;
    store.close().await?;
    let store = harness.open().await?;
    let now = claim(&*store, 0).await?;
    let late = store.commit_decision(&before, decision(&before)).await?;
    same("the decision from before", late, Commit::LeaseLost)?;
    commit(&*store, &now, decision(&now)).await
}

pub(super) async fn what_was_forgotten_stays_forgotten(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let old = |key: &str| Event { received_at: at(-100), ..event(key, key) };
    replied(&*store, event("young", "y"), &[]).await?;
    replied(&*store, old("1"), &[]).await?;
    same("events forgotten", store.prune(at(-99)).await?, 1)?;
    store.close().await?;
    let store = harness.open().await?;
    accept(&*store, old("2")).await?;
    let listed = store.events(&EventQuery::default()).await?;
    let listed: Vec<_> = listed.into_iter().map(|stored| stored.event.id).collect();
    same("events", listed, vec![old("2").id, event("young", "y").id])
}

pub(super) async fn positions_stay(harness: &dyn Harness) -> Kept {
    let (store, inbox) = (harness.open().await?, SourceName::from("inbox"));
    store.keep_position(&inbox, &Position::at(at(1))).await?;
    store.close().await?;
    let store = harness.open().await?;
    same("the position", store.position(&inbox).await?, Some(Position::at(at(1))))
}

pub(super) async fn a_store_that_was_dropped_is_closed_in_order(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    drop(store);
    let store = harness.open().await?;
    same("the event", claim(&*store, 0).await?.event, event("1", "a").into())
}
