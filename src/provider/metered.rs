//! A connection behind an account's gate: within its rate budget, in the order of priorities, and not while the provider
//! is down. Adapters need not know.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use metrics::{counter, histogram};

use super::outcome::{reason, wait};
use super::{Adapter, Meter};
use crate::clock::Clock;
use crate::http::{CallError, Http, Request, Response};
use crate::model::AccountName;
use crate::outbox::{BreakerState, CallClass, Gate, Priority, Quota, Seen, Turn};

/// How long a call waits for its turn; the send or the question that needs it is put off after that.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the account is quiet after a 429 that does not say how long.
const QUIET: SignedDuration = SignedDuration::from_secs(5);

/// The connection of one account. Calls that say nothing else are look-ups.
#[derive(Clone)]
pub struct Metered {
    account: AccountName,
    inner: Arc<dyn Http>,
    gate: Arc<Gate>,
    meters: &'static [Meter],
}

impl Metered {
    /// The connection of an account, with the budget its adapter publishes.
    pub fn new(account: AccountName, inner: Arc<dyn Http>, adapter: &dyn Adapter, clock: Clock) -> Self {
        Self { account, inner, gate: Gate::new(adapter.quotas(), clock), meters: adapter.meters() }
    }

    /// The same with a budget in place of the published one.
    #[must_use]
    pub fn within(self, quotas: &[Quota], clock: Clock) -> Self {
        Self { gate: Gate::new(quotas, clock), ..self }
    }

    /// A connection without budget and breaker.
    pub fn free(inner: Arc<dyn Http>, clock: Clock) -> Self {
        Self { account: AccountName::from("free"), inner, gate: Gate::free(clock), meters: &[] }
    }

    /// Where its calls wait.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The same connection, for calls of a priority.
    pub fn line(&self, priority: Priority) -> Line {
        self.line_with(priority, None)
    }

    /// The same, for a send that already has its turn: the first call that changes something uses it, or the
    /// first of all where it is the one that tries a breaker.
    pub fn line_with(&self, priority: Priority, turn: Option<Turn>) -> Line {
        let (turn, put_off, has_written) = (Mutex::new(turn), Mutex::default(), AtomicBool::new(false));
        Line { metered: self.clone(), priority, turn, put_off, has_written }
    }
}

#[async_trait]
impl Http for Metered {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        self.line(Priority::LookUp).call(request).await
    }
}

/// The connection of one account, for one send or one question.
pub struct Line {
    metered: Metered,
    priority: Priority,
    turn: Mutex<Option<Turn>>,
    put_off: Mutex<Option<SignedDuration>>,
    has_written: AtomicBool,
}

impl Line {
    /// How long it takes until it is worth while to try again, where a call had to wait too long before anything was
    /// changed at the provider.
    pub fn put_off(&self) -> Option<SignedDuration> {
        let put_off = *self.put_off.lock().unwrap_or_else(PoisonError::into_inner);
        put_off.filter(|_| !self.has_written.load(Ordering::Relaxed))
    }

    async fn turn(&self, is_read: bool) -> Result<Turn, CallError> {
        let gate = &self.metered.gate;
        // The call that tries a breaker is whichever comes first: nobody else is let through meanwhile.
        let fits = |turn: &mut Turn| !is_read || turn.is_try();
        if let Some(turn) = self.turn.lock().unwrap_or_else(PoisonError::into_inner).take_if(fits) {
            return Ok(turn);
        }
        let patience = SignedDuration::try_from(PATIENCE).unwrap_or(SignedDuration::MAX);
        if gate.rests(is_read) <= patience
            && let Ok(turn) = tokio::time::timeout(PATIENCE, gate.turn(self.priority, is_read)).await
        {
            return Ok(turn);
        }
        let wait = gate.rests(is_read).max(QUIET);
        *self.put_off.lock().unwrap_or_else(PoisonError::into_inner) = Some(wait);
        Err(CallError::NotSent(format!("the account {} has to wait", self.metered.account)))
    }
}

#[async_trait]
impl Http for Line {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let is_read = request.is_read();
        let mut turn = self.turn(is_read).await?;
        let Metered { account, inner, gate, meters } = &self.metered;
        let labels = [
            ("account", account.to_string()),
            ("class", CallClass::of(is_read).as_str().to_owned()),
            ("priority", self.priority.as_str().to_owned()),
        ];
        counter!("rejoinder_calls_total", &labels).increment(1);
        histogram!("rejoinder_turn_wait_seconds", &labels).record(turn.begin().as_secs_f64().max(0.0));
        self.has_written.fetch_or(!is_read, Ordering::Relaxed);
        let result = inner.call(request).await;
        let (quiet, now) = (quiet(&result, gate), gate.now());
        let read = |meter: &Meter| meter.read(result.as_ref().ok()?, is_read, now);
        let said: Vec<_> = meters.iter().filter_map(read).collect();
        let seen = seen(&result);
        let why = if let Seen::Failed(why) = &seen { why.clone() } else { String::new() };
        match turn.end(seen, quiet, &said) {
            Some(BreakerState::Closed) => tracing::warn!(account = %account, "the breaker closed; sends leave again"),
            Some(_) => {
                tracing::error!(account = %account, reason = why, "the breaker opened; sends of the account wait")
            }
            None => {}
        }
        result
    }
}

/// What a call says of how the provider is. A limit that was reached is an answer like another one.
fn seen(result: &Result<Response, CallError>) -> Seen {
    match result {
        Ok(response) => match response.status {
            401 | 403 => Seen::Failed(format!("credentials refused: {}", reason(response))),
            500..=599 => Seen::Failed(reason(response)),
            _ => Seen::Served,
        },
        Err(CallError::NotSent(_)) => Seen::Failed("no connection".to_owned()),
        Err(CallError::Unanswered(_)) => Seen::Failed("no answer".to_owned()),
        Err(CallError::Forbidden(_)) => Seen::Nothing,
    }
}

/// How long an answer asks the account to be quiet. Any answer may say so; a 429 means it anyway.
fn quiet(result: &Result<Response, CallError>, gate: &Gate) -> Option<SignedDuration> {
    let response = result.as_ref().ok()?;
    match response.status {
        429 => Some(wait(response, gate.now()).unwrap_or(QUIET)),
        503 => wait(response, gate.now()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
