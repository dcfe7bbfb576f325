//! Promises about what came in.

use tokio::task::JoinSet;

use super::sample::{accept, at, event};
use super::{Harness, Kept, same, there};
use crate::model::{Event, EventId, Message, SourceName};
use crate::store::Accepted;

pub(super) async fn an_accepted_event_can_be_read_back(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let stored = there("the event", store.event(&event("1", "a").id).await?)?;
    same("the event", stored.event, event("1", "a"))?;
    same("its decision", stored.decision, None)?;
    same("an event nobody sent", store.event(&EventId::from("evt_0")).await?, None)
}

pub(super) async fn a_delivery_accepted_twice_is_one_event(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    same("the second time", store.accept(event("1", "b")).await?, Accepted::Duplicate)?;
    let stored = there("the event", store.event(&event("1", "a").id).await?)?;
    same("the event", stored.event, event("1", "a"))?;
    same("events that wait", store.counts().await?.undecided, 1)
}

pub(super) async fn a_delivery_accepted_many_times_at_once_is_new_exactly_once(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let store = store.clone();
        all.spawn(async move { store.accept(event("1", "a")).await });
    }
    let mut new = 0;
    while let Some(Ok(accepted)) = all.join_next().await {
        new += usize::from(accepted? == Accepted::New);
    }
    same("answers that it is new", new, 1)?;
    same("events that wait", store.counts().await?.undecided, 1)
}

pub(super) async fn an_event_as_long_as_the_limit_allows_is_kept_whole(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    for (key, bytes) in [("1", 4_000), ("2", 4_100), ("3", 70_000), ("4", 1 << 20)] {
        let mut long = event(key, key);
        long.message = Some(Message { text: "long ".repeat(bytes / 5), ..Message::default() });
        accept(&*store, long.clone()).await?;
        let stored = there("the event", store.event(&long.id).await?)?;
        same("whether it is whole", stored.event == long, true)?;
    }
    same("events in the list", store.events(&Default::default()).await?.len(), 4)
}

pub(super) async fn a_token_is_good_for_one_event(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let redeem = async |token, key: &str| store.redeem(token, &event(key, "a")).await;
    same("a new token", redeem("token", "1").await?, true)?;
    same("the same for another event", redeem("token", "2").await?, false)?;
    same("the same for the same event, which is not kept yet", redeem("token", "1").await?, true)?;
    same("another token for the other event", redeem("other", "2").await?, true)?;
    let elsewhere = Event { source: SourceName::from("elsewhere"), ..event("2", "a") };
    same("the same at another source", store.redeem("token", &elsewhere).await?, true)?;
    store.prune(at(0)).await?;
    same("a token that is not old", redeem("token", "2").await?, false)?;
    store.prune(at(1)).await?;
    same("a token that was forgotten", redeem("token", "2").await?, true)
}
