//! Events, decisions and sends to test a store with, and the steps that most promises begin with.
//! Fixed values: no clock and no chance.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Kept, Seen, same, there};
use crate::model::{
    AccountName, Action, Attempt, BookHash, CancelOn, Contact, Conversation, Decision, DeliveryReport, DeliveryStatus,
    Event, EventId, EventKind, Hand, Message, Outcome, Reply, Send as OutgoingSend, SendId, SendState, SourceName,
    Trace,
};
use crate::store::{Accepted, Commit, EventClaim, SendClaim, Store};

/// How long a lease lasts here.
pub const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Seconds after a fixed day in 2026.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + seconds).unwrap_or(Timestamp::MAX)
}

/// The account of every sample.
pub fn desk() -> AccountName {
    AccountName::from("desk")
}

/// A message of the contact `{conversation}@example.org`, the `key`th delivery, arrived at `at(0)`.
pub fn event(key: &str, conversation: &str) -> Event {
    event_by(key, conversation, &format!("{conversation}@example.org"))
}

/// A message by an address.
pub fn event_by(key: &str, conversation: &str, email: &str) -> Event {
    let source = SourceName::from("inbox");
    Event {
        id: EventId::derive(&source, key),
        source,
        provider: "sandbox".to_owned(),
        account: desk(),
        kind: EventKind::MessageReceived,
        at: at(0),
        received_at: at(0),
        decide_from: None,
        conversation: Conversation { id: Some(conversation.to_owned()), ..Conversation::default() },
        contact: Contact { email: Some(email.to_owned()), ..Contact::default() },
        message: Some(Message {
            id: Some(format!("message-{key}")),
            text: "Where is my order?".to_owned(),
            ..Message::default()
        }),
        raw: serde_json::json!({ "key": key }),
        unreadable: None,
        delivery: None,
    }
}

/// A decision that counts the message and sends nothing.
pub fn decision(claim: &EventClaim) -> Decision {
    let mut conversation = claim.conversation.clone();
    conversation.message_count += 1;
    Decision {
        event: claim.event.id.clone(),
        book: BookHash::from("book"),
        at: at(1),
        sends: Vec::new(),
        conversation,
        contact: claim.contact.clone(),
        windows: BTreeMap::new(),
        wanted: Vec::new(),
        quarantines: Vec::new(),
        controls: Vec::new(),
        cancels: None,
        supersedes: Vec::new(),
        trace: Trace { rules_evaluated: 3, ..Trace::default() },
        seen: crate::model::decision::Seen::default(),
    }
}

/// The reply number `index` to the event, due at `at(due)`, called off by a closed conversation.
pub fn reply(event: &Event, index: usize, due: i64) -> OutgoingSend {
    let action = Action::Reply(Reply { text: "It is on its way.".to_owned(), ..Reply::default() });
    let send = OutgoingSend::new(event, "greet", index, action, at(1));
    OutgoingSend { due: at(due), cancel_on: vec![CancelOn::Closed], ..send }
}

/// What a person does at a moment.
pub fn hand(now: i64, did: &str, why: &str) -> Hand {
    Hand { at: at(now), by: "kim".to_owned(), did: did.to_owned(), why: why.to_owned() }
}

/// The claimed send, its attempt ended with the outcome, in the state.
pub fn attempted(claim: &SendClaim, outcome: Outcome, state: SendState) -> OutgoingSend {
    let mut send = claim.send.clone();
    if let Some(Attempt { ended_at, outcome: ended, .. }) = send.attempts.last_mut() {
        (*ended_at, *ended) = (Some(at(5)), Some(outcome));
    }
    send.state = state;
    send
}

/// The claimed send as delivered, with the ids `provider-{id}` and `request-{id}`.
pub fn delivered(claim: &SendClaim) -> OutgoingSend {
    let mut send = attempted(claim, Outcome::done(), SendState::Delivered);
    (send.provider_id, send.request_id) = (Some(format!("provider-{}", send.id)), Some(format!("request-{}", send.id)));
    send
}

/// The claimed send as a dead letter.
pub fn dead(claim: &SendClaim) -> OutgoingSend {
    let refused = Outcome::Refused { reason: "no".to_owned() };
    attempted(claim, refused, SendState::Dead { reason: "refused".to_owned() })
}

/// The message that the provider announces after a send was delivered.
pub fn echo(key: &str, event: &Event, provider_id: &str) -> Event {
    let mut echo = event.clone();
    echo.id = EventId::derive(&echo.source, key);
    echo.kind = EventKind::MessageSent;
    echo.message = Some(Message { id: Some(provider_id.to_owned()), ..Message::default() });
    echo
}

/// Learns that a delivered send came back.
pub(super) async fn bounce(store: &dyn Store, id: &SendId) -> Kept {
    let mut report = event(&format!("bounce {id}"), "elsewhere");
    (report.kind, report.message) = (EventKind::DeliveryUpdated, None);
    let (status, message_id) = (DeliveryStatus::Bounced, Some(format!("provider-{id}")));
    report.delivery =
        Some(DeliveryReport { status, is_permanent: true, reason: Some("general".to_owned()), message_id });
    accept(store, report).await?;
    let ours = claim(store, 7).await?;
    same("the send that is reported on", ours.own.as_ref(), Some(id))?;
    commit(store, &ours, decision(&ours)).await
}

/// Accepts an event that is new.
pub(super) async fn accept(store: &dyn Store, event: Event) -> Kept {
    same("accepting", store.accept(event).await?, Accepted::New)
}

/// Claims an event that is there.
pub(super) async fn claim(store: &dyn Store, now: i64) -> Result<EventClaim, Seen> {
    there("an event to decide", store.claim_event(at(now), LEASE).await?)
}

/// Claims a send that is there.
pub(super) async fn claim_send(store: &dyn Store, now: i64) -> Result<SendClaim, Seen> {
    there("a send to deliver", store.claim_send(&desk(), at(now), LEASE).await?)
}

/// Commits a decision that is taken.
pub(super) async fn commit(store: &dyn Store, claim: &EventClaim, decision: Decision) -> Kept {
    same("deciding", store.commit_decision(claim, decision).await?, Commit::Done)
}

/// Commits an attempt that is taken.
pub(super) async fn settle(store: &dyn Store, claim: &SendClaim, send: OutgoingSend) -> Kept {
    same("delivering", store.commit_attempt(claim, send).await?, Commit::Done)
}

/// Accepts the event and decides it with one reply for each of the times.
pub(super) async fn replied(store: &dyn Store, event: Event, due: &[i64]) -> Result<Vec<SendId>, Seen> {
    accept(store, event).await?;
    let claim = claim(store, 0).await?;
    let replies = due.iter().enumerate().map(|(index, due)| reply(&claim.event, index, *due));
    let sends: Vec<_> = replies.collect();
    let ids = sends.iter().map(|send| send.id.clone()).collect();
    commit(store, &claim, Decision { sends, ..decision(&claim) }).await?;
    Ok(ids)
}

/// A send that must be there.
pub(super) async fn send(store: &dyn Store, id: &SendId) -> Result<OutgoingSend, Seen> {
    there("the send", store.send(id).await?)
}

/// A dead letter on the event.
pub(super) async fn dead_letter(store: &dyn Store, event: Event) -> Result<SendId, Seen> {
    let ids = replied(store, event, &[0]).await?;
    let claim = claim_send(store, 2).await?;
    settle(store, &claim, dead(&claim)).await?;
    there("the dead letter", ids.into_iter().next())
}
