//! The straight line: receive, verify, normalise, store; claim, decide, store; claim, deliver, store.
//! Three steps, each ending in one durable transaction. Loops live in `worker`, sockets in `server`.

use crate::engine::{Engine, Source};
use crate::journey;
use crate::model::{AccountName, Delivery, EventId, SendId, SendState};
use crate::outbox::{self, Remedy};
use crate::provider::ReadBack;
use crate::signature::{self, Answer, Rejection};
use crate::store::{Accepted, Commit, StoreError};

/// Why a delivery was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is not from who it says.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It could not be kept; the sender shall try again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is an event, and kept.
    Event(EventId, Accepted),
    /// It only asked whether somebody is there. Nothing is kept.
    Handshake(Answer),
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// One piece of work was done.
    Did(T),
    /// There was nothing to do.
    Idle,
}

/// Verifies a delivery, reads it and keeps it. When this returns an event, the event survives a power cut.
pub async fn accept(engine: &Engine, source: &Source, delivery: Delivery) -> Result<Received, Refusal> {
    let verified = signature::verify(source.verifier.as_ref(), delivery, engine.clock.now())?;
    if let Some(answer) = source.verifier.handshake(&verified) {
        return Ok(Received::Handshake(answer));
    }
    let event = journey::normalise(engine, source, &verified)?;
    let id = event.id.clone();
    if let Some(token) = source.verifier.token(&verified)
        && !engine.store.redeem(&token, &event).await?
    {
        return Err(Rejection::Replayed.into());
    }
    let accepted = engine.store.accept(event).await?;
    engine.bells.decide.notify_one();
    Ok(Received::Event(id, accepted))
}

/// Decides the next event and keeps the decision with everything it asks for.
pub async fn decide(engine: &Engine) -> Result<Step<EventId>, StoreError> {
    let Some(claim) = engine.store.claim_event(engine.clock.now(), engine.lease).await? else { return Ok(Step::Idle) };
    let decision = journey::decide(engine, &claim).await?;
    let decision = journey::fold(engine, &claim.event, decision);
    let summary = journey::Summary::of(&claim.event, &decision);
    if engine.store.commit_decision(&claim, decision).await? == Commit::Done {
        summary.report(&engine.failures);
        engine.bells.deliver.notify_waiters();
    }
    Ok(Step::Did(claim.event.id))
}

/// Carries out the next send of an account and keeps how it came out. A send of unknown outcome is never repeated blindly:
/// the provider recognises the repeat, or the conversation is read back, not before the provider had time to show it.
pub async fn deliver(engine: &Engine, account: &AccountName) -> Result<Step<SendId>, StoreError> {
    let Some(claim) = engine.store.claim_send(account, engine.clock.now(), engine.lease).await? else {
        return Ok(Step::Idle);
    };
    let (started_at, send) = (engine.clock.now(), claim.send.clone());
    let remedy = journey::remedy(engine, &send, started_at);
    if let Some(withheld) = journey::withheld(engine, &claim, remedy).await? {
        let id = withheld.id.clone();
        let summary = journey::Withheld::of(&withheld);
        summary.report(engine.store.commit_attempt(&claim, withheld).await?);
        engine.bells.decide.notify_one();
        return Ok(Step::Did(id));
    }
    let settled = if send.state == SendState::Pending || remedy == Remedy::Repeat {
        let outcome = journey::carry_out(engine, &claim).await;
        outbox::after_attempt(send, started_at, outcome, remedy, &engine.retry, engine.clock.now())
    } else if outbox::settled_at(&send) > started_at {
        outbox::wait_to_read_back(send)
    } else {
        let (found, provider_id) = match journey::read_back(engine, &claim).await {
            ReadBack::Landed { provider_id } => (Some(true), provider_id),
            ReadBack::Absent => (Some(false), None),
            ReadBack::Unclear(_) => (None, None),
        };
        outbox::after_read_back(send, found, provider_id, &engine.retry, engine.clock.now())
    };
    let (id, took) = (settled.id.clone(), engine.clock.now().duration_since(started_at));
    let summary = journey::SendSummary::of(&settled, &claim.send, took);
    summary.report(engine.store.commit_attempt(&claim, settled).await?);
    engine.bells.decide.notify_one();
    Ok(Step::Did(id))
}
