//! The straight line: receive, verify, normalise, store; claim, decide, store; claim, deliver, store.
//! Three steps, each ending in one durable transaction. Loops live in `worker`, sockets in `server`.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::SignedDuration;

use crate::engine::{Engine, Source};
use crate::journey;
use crate::model::{AccountName, Decision, Delivery, Event, EventId, SendId, SendState};
use crate::outbox::{self, Priority, Remedy, Turn};
use crate::provider::Polled;
use crate::signature::{self, Answer, Rejected, Rejection};
use crate::store::{Accepted, Commit, EventClaim, SendClaim, StoreError};

/// How many events are taken up at once.
const TOGETHER: usize = 16;

/// Why a delivery was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is not from who it says.
    #[error(transparent)]
    Rejected(#[from] Box<Rejected>),
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
    let event = match journey::normalise(engine, source, &verified) {
        Ok(event) => event,
        Err(rejection) => return Err(verified.reject(rejection).into()),
    };
    let id = event.id.clone();
    if let Some(token) = source.verifier.token(&verified)
        && !engine.store.redeem(&token, &event).await?
    {
        return Err(verified.reject(Rejection::Replayed).into());
    }
    let accepted = keep(engine, event).await?;
    Ok(Received::Event(id, accepted))
}

/// Keeps a message that was read at the provider over a connection of our own, so that there is no signature to verify. A
/// message that was delivered as well is known by its key. When this returns, the event survives a power cut.
pub async fn found(engine: &Engine, source: &Source, polled: Polled) -> Result<(EventId, Accepted), StoreError> {
    let event = journey::found(engine, source, polled);
    let id = event.id.clone();
    let accepted = keep(engine, event).await?;
    Ok((id, accepted))
}

async fn keep(engine: &Engine, event: Event) -> Result<Accepted, StoreError> {
    let accepted = engine.store.accept(event).await?;
    if accepted == Accepted::New {
        engine.pressure.took();
    }
    engine.bells.decide.notify_one();
    Ok(accepted)
}

/// Decides the next events, each by itself, and keeps each decision with everything it asks for. Several at once, so that
/// waking whoever does it is paid once for all that wait.
pub async fn decide(engine: &Engine) -> Result<Step<Vec<EventId>>, StoreError> {
    // Where there are scripts, what is taken up together would wait for the slowest.
    let most = if engine.book.load().has_scripts() { 1 } else { TOGETHER };
    let claims = engine.store.claim_events(engine.clock.now(), engine.lease, most).await?;
    if claims.is_empty() {
        return Ok(Step::Idle);
    }
    let decided = join_all(claims.iter().map(|claim| decide_alone(engine, claim))).await;
    decided.into_iter().collect::<Result<_, _>>().map(Step::Did)
}

/// Decides an event so that whatever goes wrong with it is no matter of those that were taken up with it.
async fn decide_alone(engine: &Engine, claim: &EventClaim) -> Result<EventId, StoreError> {
    match AssertUnwindSafe(decide_claimed(engine, claim)).catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            // What cannot be read would be claimed again at once, before all others, and for ever.
            if !matches!(error, StoreError::Corrupt { .. }) {
                // Where the store cannot take it back either, the lease ends by itself.
                let _ = engine.store.give_back(claim).await;
            }
            return Err(error);
        }
        Err(_) => tracing::error!(event = %claim.event.id, "deciding panicked; the event is taken up again later"),
    }
    Ok(claim.event.id.clone())
}

async fn decide_claimed(engine: &Engine, claim: &EventClaim) -> Result<(), StoreError> {
    let decision = journey::decide(engine, claim).await?;
    let decision = journey::fold(engine, &claim.event, decision);
    let summary = journey::Summary::of(claim, &decision);
    let accounts = concerned(&decision, &claim.event.account);
    if engine.store.commit_decision(claim, decision).await? == Commit::Done {
        summary.report(&engine.failures);
        engine.wake_senders(&accounts);
    }
    Ok(())
}

/// The accounts that may have something to send now: those of the new sends, and the one of the conversation, whose sends
/// may have waited for the decision. None stands for all: in a lane that was only set free sends of any account may wait.
fn concerned(decision: &Decision, own: &AccountName) -> BTreeSet<AccountName> {
    let mut accounts: BTreeSet<AccountName> = decision.sends.iter().map(|send| send.account.clone()).collect();
    if !accounts.is_empty() {
        accounts.insert(own.clone());
    }
    accounts
}

/// Carries out the next send of an account and keeps how it came out. A send of unknown outcome is never repeated blindly:
/// the provider recognises the repeat, or the conversation is read back, not before the provider had time to show it.
///
/// Nothing is to be done while the account has to wait, for its rate budget or its breaker.
pub async fn deliver(engine: &Engine, account: &AccountName) -> Result<Step<SendId>, StoreError> {
    match engine.accounts.get(account).map(|account| account.http.gate().turn_now(Priority::Act, false)) {
        Some(None) => Ok(Step::Idle),
        turn => deliver_in(engine, account, turn.flatten()).await,
    }
}

/// The same, in a turn that was waited for.
pub async fn deliver_in(
    engine: &Engine,
    account: &AccountName,
    turn: Option<Turn>,
) -> Result<Step<SendId>, StoreError> {
    let claimed_at = engine.clock.now();
    let Some(claim) = engine.store.claim_send(account, claimed_at, engine.lease).await? else {
        return Ok(Step::Idle);
    };
    if claim.more {
        // The next sender looks while this one is busy.
        engine.wake_senders([account]);
    }
    let (started_at, send) = (engine.clock.now(), claim.send.clone());
    let remedy = journey::remedy(engine, &send, started_at);
    if let Some(withheld) = journey::withheld(engine, &claim, remedy).await? {
        let id = withheld.id.clone();
        let summary = journey::Withheld::of(&withheld);
        summary.report(engine.store.commit_attempt(&claim, withheld).await?);
        engine.bells.decide.notify_one();
        return Ok(Step::Did(id));
    }
    if engine.clock.now().duration_since(claimed_at) > engine.lease / 5 {
        // Whoever was held up for so long, or whose clock was set, would still be calling when the lease is over.
        return put_off(engine, &claim, SignedDuration::ZERO).await;
    }
    let settled = if send.state == SendState::Pending || remedy == Remedy::Repeat {
        match journey::carry_out(engine, &claim, turn).await {
            Ok(tried) => outbox::after_attempt(send, tried, remedy, &engine.retry, engine.clock.now()),
            Err(wait) => return put_off(engine, &claim, wait).await,
        }
    } else if remedy == Remedy::Hold {
        outbox::held_in_doubt(send, started_at)
    } else if outbox::settled_at(&send) > started_at {
        outbox::wait_to_read_back(send)
    } else {
        match journey::read_back(engine, &claim, turn).await {
            Ok(told) => outbox::after_read_back(send, told, &engine.retry, engine.clock.now()),
            Err(wait) => return put_off(engine, &claim, wait).await,
        }
    };
    let settled = outbox::hold_up(settled, engine.patience.lane);
    let (id, took) = (settled.id.clone(), engine.clock.now().duration_since(started_at));
    let summary = journey::SendSummary::of(&settled, &claim.send, took);
    summary.report(engine.store.commit_attempt(&claim, settled).await?);
    engine.bells.decide.notify_one();
    Ok(Step::Did(id))
}

/// Puts back a send that was taken up and could not be made, because its account has to wait.
async fn put_off(engine: &Engine, claim: &SendClaim, wait: SignedDuration) -> Result<Step<SendId>, StoreError> {
    let back = outbox::put_back(claim.send.clone(), wait, engine.clock.now());
    let (id, summary) = (back.id.clone(), journey::Withheld::put_off(&back));
    summary.report(engine.store.commit_attempt(claim, back).await?);
    engine.bells.decide.notify_one();
    Ok(Step::Did(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Send};
    use crate::rules::{self, testing};

    #[test]
    fn whoever_may_have_something_to_send_is_woken() {
        let facts = testing::facts(serde_json::json!({}));
        let book = testing::book(&[], testing::surroundings());
        let mut decision = rules::undecided(&book, &facts);
        let own = AccountName::from("desk");
        assert!(concerned(&decision, &own).is_empty(), "none stands for all");
        let mut call = Send::new(&facts.event, "rule", 0, Action::Close, facts.now);
        call.account = AccountName::from("hook:crm");
        decision.sends.push(call);
        let names = concerned(&decision, &own);
        assert_eq!(names.iter().map(AccountName::as_str).collect::<Vec<_>>(), ["desk", "hook:crm"]);
    }
}
