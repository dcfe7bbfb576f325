//! Promises about lists.

use super::sample::{accept, at, bounce, claim_send, delivered, desk, event, replied, settle};
use super::{Harness, Kept, Seen, same};
use crate::model::{AccountName, EventId, EventKind, SendId, SourceName};
use crate::store::{EventOrder, EventQuery, SendQuery, Store};

/// Three events: 1 and 3 in lane a, 2 in lane b, from another source, of another kind, and later.
async fn three(store: &dyn Store) -> Kept {
    accept(store, event("1", "a")).await?;
    let mut other = event("2", "b");
    (other.source, other.kind) = (SourceName::from("polled"), EventKind::NoteAdded);
    other.received_at = at(100);
    accept(store, other).await?;
    accept(store, event("3", "a")).await
}

fn ids(keys: &[&str]) -> Vec<EventId> {
    keys.iter().map(|key| event(key, "").id).collect()
}

async fn listed(store: &dyn Store, query: EventQuery) -> Result<Vec<EventId>, Seen> {
    Ok(store.events(&query).await?.into_iter().map(|stored| stored.event.id).collect())
}

pub(super) async fn events_are_listed_newest_first(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    three(&*store).await?;
    same("the list", listed(&*store, EventQuery::default()).await?, ids(&["3", "2", "1"]))
}

pub(super) async fn events_are_found_by_every_filter(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    three(&*store).await?;
    let all = EventQuery::default;
    let by_kind = EventQuery { kind: Some(EventKind::NoteAdded), ..all() };
    same("by kind", listed(&*store, by_kind).await?, ids(&["2"]))?;
    let by_source = EventQuery { source: Some(SourceName::from("inbox")), ..all() };
    same("by source", listed(&*store, by_source).await?, ids(&["3", "1"]))?;
    let by_lane = EventQuery { lane: Some(event("", "a").lane()), ..all() };
    same("by lane", listed(&*store, by_lane.clone()).await?, ids(&["3", "1"]))?;
    let since = EventQuery { since: Some(at(100)), ..all() };
    same("by time", listed(&*store, since).await?, ids(&["2"]))?;
    let before = EventQuery { before: Some(event("3", "").id), ..by_lane };
    same("by lane and page", listed(&*store, before).await?, ids(&["1"]))?;
    let after = EventQuery { after: Some(event("1", "").id), ..all() };
    same("after another", listed(&*store, after).await?, ids(&["3", "2"]))?;
    let between = EventQuery { after: Some(event("1", "").id), before: Some(event("3", "").id), ..all() };
    same("between two", listed(&*store, between).await?, ids(&["2"]))?;
    let crossed = EventQuery { after: Some(event("3", "").id), before: Some(event("1", "").id), ..all() };
    same("between two in the wrong order", listed(&*store, crossed).await?, ids(&[]))?;
    let nowhere = EventQuery { after: Some(EventId::from("evt_0")), ..all() };
    same("after an event nobody sent", listed(&*store, nowhere).await?, ids(&[]))?;
    let unknown = EventQuery { before: Some(EventId::from("evt_0")), ..all() };
    same("before an event nobody sent", listed(&*store, unknown).await?, ids(&[]))
}

pub(super) async fn events_are_paged_without_gap_or_repeat(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let keys: Vec<String> = (0..75).map(|key| key.to_string()).collect();
    for key in &keys {
        accept(&*store, event(key, key)).await?;
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = listed(&*store, EventQuery { before, limit: 10, ..EventQuery::default() }).await?;
        before = page.last().cloned();
        if before.is_none() {
            break;
        }
        seen.extend(page);
    }
    let newest: Vec<&str> = keys.iter().rev().map(String::as_str).collect();
    same("all pages", seen, ids(&newest))
}

pub(super) async fn events_are_paged_from_the_oldest_as_well(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let keys: Vec<String> = (0..75).map(|key| key.to_string()).collect();
    for key in &keys {
        accept(&*store, event(key, "a")).await?;
    }
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    for lane in [None, Some(event("", "a").lane())] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let query =
                EventQuery { after, order: EventOrder::Oldest, lane: lane.clone(), limit: 10, ..EventQuery::default() };
            let page = listed(&*store, query).await?;
            after = page.last().cloned();
            if after.is_none() {
                break;
            }
            seen.extend(page);
        }
        same("all pages", seen, ids(&keys))?;
    }
    Ok(())
}

pub(super) async fn sends_are_listed_newest_first(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let mut all = replied(&*store, event("1", "a"), &[60, 0]).await?;
    all.extend(replied(&*store, event("2", "b"), &[30]).await?);
    let listed = store.sends(&SendQuery::default()).await?;
    let listed: Vec<_> = listed.into_iter().map(|send| send.id).rev().collect();
    same("the list, turned round", listed, all)
}

pub(super) async fn sends_are_paged_without_gap_or_repeat(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let mut ids = replied(&*store, event("1", "a"), &[60, 60, 60, 60, 60]).await?;
    ids.reverse();
    let of_event = SendQuery { event: Some(event("1", "a").id), ..SendQuery::default() };
    let waiting = SendQuery { state: Some("pending".to_owned()), ..SendQuery::default() };
    for query in [SendQuery::default(), waiting, of_event] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = store.sends(&SendQuery { before, limit: 2, ..query.clone() }).await?;
            let Some(last) = page.last() else { break };
            before = Some(last.id.clone());
            seen.extend(page.into_iter().map(|send| send.id));
        }
        same("all pages", &seen, &ids)?;
    }
    let nobody = SendQuery { before: Some(SendId::from("snd_0")), ..SendQuery::default() };
    same("before a send that is not there", store.sends(&nobody).await?.len(), 0)
}

pub(super) async fn sends_are_found_by_every_filter(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[0, 60]).await?;
    let sending = claim_send(&*store, 2).await?;
    settle(&*store, &sending, delivered(&sending)).await?;
    replied(&*store, event("2", "b"), &[60]).await?;
    bounce(&*store, &sending.send.id).await?;
    let all = SendQuery::default;
    let state = |name: &str| SendQuery { state: Some(name.to_owned()), ..all() };
    let rule = |name: &str| SendQuery { rule: Some(name.to_owned()), ..all() };
    for (what, query, count) in [
        ("pending", state("pending"), 2),
        ("delivered", state("delivered"), 1),
        ("dead", state("dead"), 0),
        ("of the account", SendQuery { account: Some(desk()), ..all() }, 3),
        ("of another account", SendQuery { account: Some(AccountName::from("x")), ..all() }, 0),
        ("of the rule", rule("greet"), 3),
        ("of another rule", rule("x"), 0),
        ("for the event", SendQuery { event: Some(event("1", "a").id), ..all() }, 2),
        ("pending, for the event", SendQuery { event: Some(event("1", "a").id), ..state("pending") }, 1),
        ("of the conversation", SendQuery { conversation: Some("a".to_owned()), ..all() }, 2),
        ("of its lane", SendQuery { conversation: Some(event("2", "b").lane().to_string()), ..all() }, 1),
        ("of another conversation", SendQuery { conversation: Some("x".to_owned()), ..all() }, 0),
        ("since they were created", SendQuery { since: Some(at(1)), ..all() }, 3),
        ("since later", SendQuery { since: Some(at(2)), ..all() }, 0),
        ("with a reason", SendQuery { reason: Some("x".to_owned()), ..all() }, 0),
        ("reported as bounced", SendQuery { reported: Some("bounced".to_owned()), ..all() }, 1),
        ("reported as delivered", SendQuery { reported: Some("delivered".to_owned()), ..all() }, 0),
        ("of two at most", SendQuery { limit: 2, ..all() }, 2),
    ] {
        same(what, store.sends(&query).await?.len(), count)?;
    }
    Ok(())
}

pub(super) async fn a_list_without_a_limit_holds_a_hundred(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    for key in 0..110 {
        accept(&*store, event(&key.to_string(), "a")).await?;
    }
    same("without a limit", store.events(&EventQuery::default()).await?.len(), 100)?;
    same("with a high one", store.events(&EventQuery { limit: usize::MAX, ..EventQuery::default() }).await?.len(), 110)
}
