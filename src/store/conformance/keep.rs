//! Promises about books, credentials, forgetting, counting and closing.

use super::sample::{
    LEASE, accept, at, claim, claim_send, commit, dead_letter, decision, delivered, desk, echo, event, hand, replied,
    settle,
};
use super::{Harness, Kept, same, there};
use crate::model::{BookHash, Event, Position, SendState, SourceName, Stretch};
use crate::secret::Secret;
use crate::store::{Accepted, Changed, Counts, EventQuery, SendQuery, StoreError};

pub(super) async fn a_rule_book_is_kept_under_its_hash(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let files = vec![("a.yaml".to_owned(), "version: 1".to_owned()), ("b.rhai".to_owned(), String::new())];
    let hash = BookHash::from("1234");
    same("before", store.book(&hash).await?, None)?;
    store.keep_book(&hash, &files).await?;
    store.keep_book(&hash, &files).await?;
    same("the files", store.book(&hash).await?, Some(files))
}

pub(super) async fn the_last_credential_counts(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    same("before", store.credential("desk").await?.is_none(), true)?;
    for value in ["first", "second"] {
        store.keep_credential("desk", &Secret::from(value)).await?;
    }
    let kept = there("the credential", store.credential("desk").await?)?;
    same("whether it is the last", kept.expose() == "second", true)
}

pub(super) async fn the_last_position_of_a_source_counts(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let (inbox, other) = (SourceName::from("inbox"), SourceName::from("other"));
    same("before", store.position(&inbox).await?, None)?;
    let last = Position {
        since: at(1),
        until: at(2),
        read_to: Some(at(3)),
        backfill: Some(Stretch { from: at(-9), read_to: Some(at(-5)) }),
    };
    for position in [Position::at(at(1)), last.clone()] {
        store.keep_position(&inbox, &position).await?;
    }
    same("the position", store.position(&inbox).await?, Some(last))?;
    same("that of another source", store.position(&other).await?, None)
}

fn old(key: &str, conversation: &str) -> Event {
    Event { received_at: at(-100), ..event(key, conversation) }
}

pub(super) async fn what_is_old_and_settled_is_forgotten(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("young", "y"), &[]).await?;
    for key in 0..300 {
        replied(&*store, old(&key.to_string(), &key.to_string()), &[]).await?;
    }
    let ids = replied(&*store, old("sent", "s"), &[0]).await?;
    let sending = claim_send(&*store, 2).await?;
    settle(&*store, &sending, delivered(&sending)).await?;
    same("events forgotten", store.prune(at(-99)).await?, 301)?;
    same("events forgotten again", store.prune(at(-99)).await?, 0)?;
    same("events left", store.events(&EventQuery::default()).await?.len(), 1)?;
    let lane = EventQuery { lane: Some(event("", "s").lane()), ..EventQuery::default() };
    same("events left in a lane", store.events(&lane).await?.len(), 0)?;
    same("sends left", store.sends(&SendQuery::default()).await?.len(), 0)?;
    let id = there("the send", ids.first())?;
    // The send was made later than the event arrived, and so was the ledger entry: it is not old yet.
    let announced = echo("echo", &event("sent", "s"), &format!("provider-{id}"));
    accept(&*store, announced.clone()).await?;
    let ours = claim(&*store, 6).await?;
    same("the send that it is", ours.own.as_ref(), Some(id))?;
    commit(&*store, &ours, decision(&ours)).await?;
    store.prune(at(6)).await?;
    accept(&*store, echo("echo again", &announced, &format!("provider-{id}"))).await?;
    same("what the ledger knows later", claim(&*store, 7).await?.own, None)?;
    same("a forgotten delivery that comes again", store.accept(old("1", "1")).await?, Accepted::New)
}

pub(super) async fn what_is_not_settled_is_never_forgotten(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let dead = dead_letter(&*store, old("dead", "d")).await?;
    replied(&*store, old("open", "o"), &[60]).await?;
    accept(&*store, old("undecided", "u")).await?;
    same("events forgotten", store.prune(at(999)).await?, 0)?;
    same("events left", store.events(&EventQuery::default()).await?.len(), 3)?;
    same("what is in the store", store.counts().await?, Counts { undecided: 1, open_sends: 1, held: 0, dead: 1 })?;
    same("dropping the dead letter", store.drop_send(&dead, &hand(9, "drop", "old")).await?, Changed::Done)?;
    same("events forgotten then", store.prune(at(999)).await?, 1)
}

pub(super) async fn counts_follow_every_step(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let is = async |undecided, open_sends, dead| -> Kept {
        same("what is in the store", store.counts().await?, Counts { undecided, open_sends, held: 0, dead })
    };
    is(0, 0, 0).await?;
    accept(&*store, event("1", "a")).await?;
    is(1, 0, 0).await?;
    let claimed = claim(&*store, 0).await?;
    is(1, 0, 0).await?;
    commit(&*store, &claimed, decision(&claimed)).await?;
    is(0, 0, 0).await?;
    let id = dead_letter(&*store, event("2", "b")).await?;
    is(0, 0, 1).await?;
    store.redrive(&id, crate::store::Key::Keep, &hand(3, "redrive", "")).await?;
    is(0, 1, 0).await?;
    let sending = claim_send(&*store, 3).await?;
    is(0, 1, 0).await?;
    let mut done = delivered(&sending);
    done.state = SendState::Delivered;
    settle(&*store, &sending, done).await?;
    is(0, 0, 0).await
}

pub(super) async fn a_closed_store_says_so(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let claimed = claim(&*store, 0).await?;
    store.close().await?;
    let id = event("1", "a").id;
    let answers = [
        ("accept", store.accept(event("2", "a")).await.err()),
        ("redeem", store.redeem("token", &event("2", "a")).await.err()),
        ("claim_event", store.claim_event(at(99), LEASE).await.err()),
        ("commit_decision", store.commit_decision(&claimed, decision(&claimed)).await.err()),
        ("claim_send", store.claim_send(&desk(), at(99), LEASE).await.err()),
        ("event", store.event(&id).await.err()),
        ("events", store.events(&EventQuery::default()).await.err()),
        ("sends", store.sends(&SendQuery::default()).await.err()),
        ("book", store.book(&BookHash::from("x")).await.err()),
        ("credential", store.credential("x").await.err()),
        ("prune", store.prune(at(0)).await.err()),
        ("counts", store.counts().await.err()),
        ("close", store.close().await.err()),
    ];
    for (what, error) in answers {
        same(what, matches!(error, Some(StoreError::Closed)), true)?;
    }
    Ok(())
}
