//! Promises about events that wait, leases on them, and decisions.

use std::collections::BTreeSet;

use super::sample::{
    LEASE, accept, at, attempted, bounce, claim, claim_send, commit, decision, delivered, desk, echo, event, event_by,
    replied, reply, send, settle,
};
use super::{Harness, Kept, same, there};
use crate::model::{AccountName, CancelOn, Decision, DeliveryStatus, Message, Outcome, SendState};
use crate::store::{Commit, EventClaim, SendQuery};

pub(super) async fn events_of_a_lane_are_decided_in_the_order_of_acceptance(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    for (key, happened) in [("1", 9), ("2", 3), ("3", 6)] {
        let mut next = event(key, "a");
        next.at = at(happened);
        accept(&*store, next).await?;
    }
    for key in ["1", "2", "3"] {
        let next = claim(&*store, 0).await?;
        same("the next event", &next.event.id, &event(key, "a").id)?;
        commit(&*store, &next, decision(&next)).await?;
    }
    same("an event after the last", store.claim_event(at(0), LEASE).await?.is_none(), true)
}

pub(super) async fn a_lane_is_decided_by_one_at_a_time_and_others_do_not_wait(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    for (key, conversation) in [("1", "a"), ("2", "a"), ("3", "b")] {
        accept(&*store, event(key, conversation)).await?;
    }
    let (first, other) = (claim(&*store, 0).await?, claim(&*store, 0).await?);
    same("the first", &first.event.id, &event("1", "a").id)?;
    same("the second", &other.event.id, &event("3", "b").id)?;
    same("a third", store.claim_event(at(0), LEASE).await?.is_none(), true)?;
    commit(&*store, &first, decision(&first)).await?;
    same("the next of the lane", claim(&*store, 0).await?.event.id.clone(), event("2", "a").id)
}

pub(super) async fn events_taken_up_together_are_the_oldest_of_different_lanes(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    for (key, conversation) in [("1", "a"), ("2", "a"), ("3", "b"), ("4", "c")] {
        accept(&*store, event(key, conversation)).await?;
    }
    let ids = |claims: &[EventClaim]| claims.iter().map(|claim| claim.event.id.clone()).collect::<Vec<_>>();
    let first = store.claim_events(at(0), LEASE, 2).await?;
    same("the first two", ids(&first), vec![event("1", "a").id, event("3", "b").id])?;
    same("the rest", ids(&store.claim_events(at(0), LEASE, 9).await?), vec![event("4", "c").id])?;
    same("when all lanes are taken", ids(&store.claim_events(at(0), LEASE, 9).await?), vec![])?;
    commit(&*store, &first[0], decision(&first[0])).await?;
    same("the next of a lane", ids(&store.claim_events(at(0), LEASE, 9).await?), vec![event("2", "a").id])
}

pub(super) async fn an_event_that_was_given_back_can_be_claimed_at_once(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let first = claim(&*store, 0).await?;
    store.give_back(&first).await?;
    let second = claim(&*store, 0).await?;
    same("the event again", &second.event.id, &first.event.id)?;
    same("a late decision", store.commit_decision(&first, decision(&first)).await?, Commit::LeaseLost)?;
    commit(&*store, &second, decision(&second)).await
}

pub(super) async fn an_event_waits_while_a_send_of_its_lane_is_being_delivered(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    replied(&*store, event("1", "a"), &[0]).await?;
    let sending = claim_send(&*store, 2).await?;
    accept(&*store, event("2", "a")).await?;
    same("an event of the lane", store.claim_event(at(2), LEASE).await?.is_none(), true)?;
    accept(&*store, event("3", "b")).await?;
    same("an event of another lane", claim(&*store, 2).await?.event.id.clone(), event("3", "b").id)?;
    settle(&*store, &sending, delivered(&sending)).await?;
    same("the event afterwards", claim(&*store, 2).await?.event.id.clone(), event("2", "a").id)
}

pub(super) async fn an_event_whose_lease_ended_is_given_to_another(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let first = claim(&*store, 0).await?;
    same("a claim before the end", store.claim_event(at(29), LEASE).await?.is_none(), true)?;
    let second = claim(&*store, 30).await?;
    same("the event", &second.event.id, &first.event.id)?;
    same("whether the fence is new", second.fence != first.fence, true)?;
    commit(&*store, &second, decision(&second)).await
}

pub(super) async fn a_late_decision_changes_nothing(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let late = claim(&*store, 0).await?;
    let current = claim(&*store, 31).await?;
    let answer = reply(&late.event, 0, 0);
    let decided = Decision { sends: vec![answer.clone()], ..decision(&late) };
    same("the late decision", store.commit_decision(&late, decided).await?, Commit::LeaseLost)?;
    same("its send", store.send(&answer.id).await?, None)?;
    same("events that wait", store.counts().await?.undecided, 1)?;
    commit(&*store, &current, decision(&current)).await
}

pub(super) async fn an_event_is_decided_exactly_once(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let only = claim(&*store, 0).await?;
    commit(&*store, &only, decision(&only)).await?;
    same("the second decision", store.commit_decision(&only, decision(&only)).await?, Commit::LeaseLost)?;
    same("another claim", store.claim_event(at(100), LEASE).await?.is_none(), true)
}

pub(super) async fn many_who_claim_at_once_get_different_events(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    for key in 0..20 {
        accept(&*store, event(&key.to_string(), &key.to_string())).await?;
    }
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let store = store.clone();
        all.spawn(async move { store.claim_event(at(0), LEASE).await });
    }
    let (mut events, mut claims) = (BTreeSet::new(), 0);
    while let Some(Ok(claimed)) = all.join_next().await {
        if let Some(claim) = claimed? {
            events.insert(claim.event.id.clone());
            claims += 1;
        }
    }
    same("claims and different events", (claims, events.len()), (20, 20))
}

pub(super) async fn a_claim_carries_the_records_as_last_committed(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    for key in ["1", "2"] {
        accept(&*store, event_by(key, "a", "ann@example.org")).await?;
    }
    let first = claim(&*store, 0).await?;
    same("the first record", first.conversation.message_count, 0)?;
    let mut decided = decision(&first);
    decided.contact.state.insert("refunds".to_owned(), 1.into());
    commit(&*store, &first, decided.clone()).await?;
    let second = claim(&*store, 0).await?;
    same("the conversation", &second.conversation, &decided.conversation)?;
    same("the contact's state", &second.contact.state, &decided.contact.state)?;
    same("whether the version is the same", second.contact.version == first.contact.version, false)?;
    accept(&*store, event_by("3", "b", "Ann+shop@example.org")).await?;
    let elsewhere = claim(&*store, 0).await?;
    same("another conversation", elsewhere.conversation.message_count, 0)?;
    same("the same contact", elsewhere.contact, second.contact)
}

pub(super) async fn a_decision_from_an_older_contact_record_is_refused_and_made_again(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    for (key, conversation) in [("1", "a"), ("2", "b")] {
        accept(&*store, event_by(key, conversation, "ann@example.org")).await?;
    }
    let (first, second) = (claim(&*store, 0).await?, claim(&*store, 0).await?);
    let mut decided = decision(&first);
    decided.contact.state.insert("refunds".to_owned(), 1.into());
    commit(&*store, &first, decided).await?;
    let answer = reply(&second.event, 0, 0);
    let decided = Decision { sends: vec![answer.clone()], ..decision(&second) };
    same("the second decision", store.commit_decision(&second, decided).await?, Commit::FactsChanged)?;
    same("its send", store.send(&answer.id).await?, None)?;
    let again = claim(&*store, 0).await?;
    same("the event", &again.event.id, &second.event.id)?;
    commit(&*store, &again, decision(&again)).await
}

pub(super) async fn a_decision_is_kept_with_its_sends(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let ids = replied(&*store, event("1", "a"), &[7, 0]).await?;
    let stored = there("the event", store.event(&event("1", "a").id).await?)?;
    let decided = there("its decision", stored.decision)?;
    same("rules that were looked at", decided.trace.rules_evaluated, 3)?;
    for (index, (id, due)) in ids.iter().zip([7, 0]).enumerate() {
        same("a send", send(&*store, id).await?, reply(&event("1", "a"), index, due))?;
    }
    let query = SendQuery { event: Some(event("1", "a").id), ..SendQuery::default() };
    same("sends of the event", store.sends(&query).await?.len(), 2)
}

pub(super) async fn a_decision_calls_off_what_waits_in_its_lane_and_named_it(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let first = claim(&*store, 0).await?;
    let named = reply(&first.event, 0, 60);
    let mut other = reply(&first.event, 1, 60);
    other.cancel_on = vec![CancelOn::HumanReply];
    let sends = vec![named.clone(), other.clone()];
    commit(&*store, &first, Decision { sends, ..decision(&first) }).await?;
    let elsewhere = replied(&*store, event("2", "b"), &[60]).await?;
    accept(&*store, event("3", "a")).await?;
    let closing = claim(&*store, 2).await?;
    let own = reply(&closing.event, 0, 60);
    let decided = Decision { cancels: Some(CancelOn::Closed), sends: vec![own.clone()], ..decision(&closing) };
    commit(&*store, &closing, decided).await?;
    let cancelled = SendState::Cancelled { reason: "closed".to_owned() };
    same("the one that named it", send(&*store, &named.id).await?.state, cancelled)?;
    for id in [&other.id, &own.id].into_iter().chain(&elsewhere) {
        same("another one", send(&*store, id).await?.state, SendState::Pending)?;
    }
    same("open sends", store.counts().await?.open_sends, 3)
}

pub(super) async fn a_send_of_unknown_outcome_is_not_called_off(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let ids = replied(&*store, event("1", "a"), &[0]).await?;
    let sending = claim_send(&*store, 2).await?;
    let unknown = Outcome::Unknown { reason: "time-out".to_owned() };
    settle(&*store, &sending, attempted(&sending, unknown, SendState::Unknown)).await?;
    accept(&*store, event("2", "a")).await?;
    let closing = claim(&*store, 6).await?;
    commit(&*store, &closing, Decision { cancels: Some(CancelOn::Closed), ..decision(&closing) }).await?;
    let id = there("the send", ids.first())?;
    same("the send", send(&*store, id).await?.state, SendState::Unknown)
}

pub(super) async fn a_message_of_ours_is_known_by_either_id_and_confirms_its_send(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    for (key, by_request) in [("1", false), ("2", true)] {
        let ids = replied(&*store, event(key, key), &[0]).await?;
        let sending = claim_send(&*store, 2).await?;
        settle(&*store, &sending, delivered(&sending)).await?;
        let id = there("the send", ids.first())?;
        let mut announced = echo(&format!("echo {key}"), &event(key, key), &format!("provider-{id}"));
        if by_request {
            let request_id = Some(format!("request-{id}"));
            announced.message = Some(Message { request_id, ..Message::default() });
        }
        accept(&*store, announced).await?;
        let ours = claim(&*store, 6).await?;
        same("the send that it is", ours.own.as_ref(), Some(id))?;
        commit(&*store, &ours, decision(&ours)).await?;
        same("the send", send(&*store, id).await?.state, SendState::Confirmed)?;
    }
    let ids = replied(&*store, event("3", "c"), &[0]).await?;
    let sending = claim_send(&*store, 2).await?;
    let unknown = Outcome::Unknown { reason: "time-out".to_owned() };
    let mut left = attempted(&sending, unknown, SendState::Unknown);
    left.request_id = Some("request".to_owned());
    settle(&*store, &sending, left).await?;
    accept(&*store, echo("echo 3", &event("3", "c"), "request")).await?;
    let ours = claim(&*store, 6).await?;
    commit(&*store, &ours, decision(&ours)).await?;
    let id = there("the send", ids.first())?;
    same("a send of unknown outcome", send(&*store, id).await?.state, SendState::Confirmed)?;
    same("a send to deliver", store.claim_send(&desk(), at(99), LEASE).await?.is_none(), true)
}

pub(super) async fn the_message_of_another_account_is_not_ours(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let ids = replied(&*store, event("1", "a"), &[0]).await?;
    let sending = claim_send(&*store, 2).await?;
    settle(&*store, &sending, delivered(&sending)).await?;
    let id = there("the send", ids.first())?;
    let mut foreign = echo("echo", &event("1", "a"), &format!("provider-{id}"));
    foreign.account = AccountName::from("another desk");
    accept(&*store, foreign).await?;
    same("the send that it is", claim(&*store, 6).await?.own, None)
}

pub(super) async fn a_send_that_came_back_says_so_and_is_not_confirmed(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let ids = replied(&*store, event("1", "a"), &[0]).await?;
    let id = there("the send", ids.first())?;
    let sending = claim_send(&*store, 2).await?;
    settle(&*store, &sending, delivered(&sending)).await?;
    bounce(&*store, id).await?;
    let after = send(&*store, id).await?;
    same("its state", after.state, SendState::Delivered)?;
    let report = there("the report", after.report)?;
    let told = (report.status, report.is_permanent, report.reason.as_deref());
    same("the report", told, (DeliveryStatus::Bounced, true, Some("general")))?;
    same("a send to deliver", store.claim_send(&desk(), at(99), LEASE).await?.is_none(), true)
}
