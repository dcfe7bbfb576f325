//! Where the calls of an account wait for their turn: within its rate budget, behind its breaker, the first first. What
//! waits here has not left yet, and can be given up at any moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::breaker::{Breaker, BreakerState, Seen};
use super::budget::{Budget, Counted, Left, Quota, Remaining};
use super::priority::{Priority, Turns};
use crate::clock::Clock;

/// The gate before one account.
pub struct Gate {
    clock: Clock,
    is_free: bool,
    state: Mutex<State>,
    /// Rung when another call may be the first.
    moved: Notify,
}

struct State {
    budget: Budget,
    breaker: Breaker,
    /// Who waits: by the order in which they came, with what they want. True is a call that only reads.
    waiting: BTreeMap<u64, (Priority, bool)>,
    next: u64,
    turns: Turns,
}

/// What can be seen of a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateStatus {
    /// What is left of each limit.
    pub budget: Vec<Left>,
    /// How many calls and senders stand here: calls that wait, and while the budget is short or the breaker open also idle
    /// senders, which look for work only once they have a turn.
    pub waiting: usize,
    /// Until when no call is made, because an answer asked for that; absent where calls are made.
    pub quiet_until: Option<Timestamp>,
    /// Where the breaker stands.
    pub breaker: BreakerState,
    /// When the breaker opened or closed last; absent while it never did.
    pub since: Option<Timestamp>,
    /// How the last failure looked.
    pub reason: Option<String>,
    /// When one call tries again, where the breaker is open.
    pub until: Option<Timestamp>,
}

impl Gate {
    /// A gate with a budget and a breaker.
    pub fn new(quotas: &[Quota], clock: Clock) -> Arc<Self> {
        Arc::new(Self::with(quotas, clock, false))
    }

    /// A gate that always stands open.
    pub fn free(clock: Clock) -> Arc<Self> {
        Arc::new(Self::with(&[], clock, true))
    }

    fn with(quotas: &[Quota], clock: Clock, is_free: bool) -> Self {
        let state = State {
            budget: Budget::new(quotas),
            breaker: Breaker::default(),
            waiting: BTreeMap::new(),
            next: 0,
            turns: Turns::default(),
        };
        Self { clock, is_free, state: Mutex::new(state), moved: Notify::new() }
    }

    /// Waits for a turn, however long. Whoever stops waiting gives up the place.
    pub async fn turn(self: &Arc<Self>, priority: Priority, is_read: bool) -> Turn {
        let place = self.stand(priority, is_read);
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            // Listening begins before looking, so that what moves in between is not missed.
            moved.as_mut().enable();
            match self.step(&place) {
                Ok(turn) => return turn,
                Err(None) => moved.await,
                Err(Some(wait)) => {
                    tokio::select! {
                        () = moved => {}
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
    }

    /// A turn, if there is one at once.
    pub fn turn_now(self: &Arc<Self>, priority: Priority, is_read: bool) -> Option<Turn> {
        self.step(&self.stand(priority, is_read)).ok()
    }

    /// How long every call has to wait, whatever else waits: for the breaker, or because an answer said so.
    pub fn rests(&self, is_read: bool) -> SignedDuration {
        let (state, now) = (self.state(), self.clock.now());
        state.breaker.rests(now).max(state.budget.rests(is_read, now))
    }

    /// What can be seen of it now.
    pub fn status(&self) -> GateStatus {
        let now = self.clock.now();
        let mut state = self.state();
        let budget = state.budget.left(now);
        let rests = [true, false].map(|is_read| state.budget.rests(is_read, now)).into_iter().min();
        let quiet = rests.filter(|rest| *rest > SignedDuration::ZERO).and_then(|rest| now.checked_add(rest).ok());
        GateStatus {
            budget,
            waiting: state.waiting.len(),
            quiet_until: quiet,
            breaker: state.breaker.state(),
            since: state.breaker.since(),
            reason: state.breaker.reason().map(str::to_owned),
            until: state.breaker.until(),
        }
    }

    /// The time by which it goes.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn stand(&self, priority: Priority, is_read: bool) -> Place<'_> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.waiting.insert(number, (priority, is_read));
        Place { gate: self, number, is_read, since: self.clock.now() }
    }

    /// Takes the turn of a place, or says how long it has to wait; nothing where others are before it.
    fn step(self: &Arc<Self>, place: &Place<'_>) -> Result<Turn, Option<Duration>> {
        let now = self.clock.now();
        let (mut state, mut counted) = (self.state(), None);
        if !self.is_free {
            if state.first(place.is_read) != Some(place.number) {
                return Err(None);
            }
            let rests = state.breaker.rests(now);
            if rests > SignedDuration::ZERO {
                return Err(Some(sleep(rests)));
            }
            counted = Some(state.budget.take(place.is_read, now).map_err(|wait| Some(sleep(wait)))?);
        }
        let is_try = !self.is_free && state.breaker.begin();
        state.turns.pass();
        let waited = now.duration_since(place.since);
        Ok(Turn { gate: Arc::clone(self), counted, is_try, waited, stage: Stage::Taken })
    }

    /// The state is changed by whole steps, so what a panicking holder left behind is still usable.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whose turn it is among those that wait for the same: the first by priority and then by age, now and then by age
    /// alone.
    fn first(&self, is_read: bool) -> Option<u64> {
        let is_shared = self.budget.is_shared();
        let mut rivals = self.waiting.iter().filter(|(_, (_, reads))| is_shared || *reads == is_read);
        match self.turns.is_by_age() {
            true => rivals.next().map(|(number, _)| *number),
            false => rivals.min_by_key(|(number, (priority, _))| (*priority, **number)).map(|(number, _)| *number),
        }
    }
}

/// A wait is looked at again after a while, since the clock may have been set.
fn sleep(wait: SignedDuration) -> Duration {
    const LOOK: Duration = Duration::from_secs(60);
    Duration::try_from(wait).unwrap_or(LOOK).min(LOOK)
}

/// A place among those that wait; given up when it is dropped.
struct Place<'a> {
    gate: &'a Gate,
    number: u64,
    is_read: bool,
    since: Timestamp,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.state().waiting.remove(&self.number);
        self.gate.moved.notify_waiters();
    }
}

/// Leave for one call. A turn that is dropped unused is given back; one whose call never came back counts as a failure.
pub struct Turn {
    gate: Arc<Gate>,
    /// Nothing where the gate is free.
    counted: Option<Counted>,
    is_try: bool,
    waited: SignedDuration,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Taken,
    Begun,
    Ended,
}

impl Turn {
    /// Whether it is the one that tries whether the provider is well again.
    pub fn is_try(&self) -> bool {
        self.is_try
    }

    /// The call begins. Answers how long it waited.
    pub fn begin(&mut self) -> SignedDuration {
        self.stage = Stage::Begun;
        if let Some(counted) = self.counted {
            self.gate.state().budget.make(counted, self.gate.clock.now());
        }
        self.waited
    }

    /// The call came back. `wait` is what the answer asks everybody to wait, `said` what it says is left. Answers where the
    /// breaker stands now, if it opened or closed by it.
    pub fn end(mut self, seen: Seen, wait: Option<SignedDuration>, said: &[Remaining]) -> Option<BreakerState> {
        let now = self.gate.clock.now();
        let mut state = self.gate.state();
        if let Some(wait) = wait {
            state.budget.be_quiet(wait, now);
        }
        said.iter().for_each(|said| state.budget.heed(*said, now));
        drop(state);
        self.close(seen)
    }

    fn close(&mut self, seen: Seen) -> Option<BreakerState> {
        self.stage = Stage::Ended;
        if self.gate.is_free {
            return None;
        }
        let mut state = self.gate.state();
        let has_changed = state.breaker.end(self.is_try, seen, self.gate.clock.now());
        let stands = state.breaker.state();
        drop(state);
        if has_changed || self.is_try {
            self.gate.moved.notify_waiters();
        }
        has_changed.then_some(stands)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        match self.stage {
            Stage::Taken => {
                if let Some(counted) = self.counted {
                    self.gate.state().budget.give_back(counted);
                }
                self.close(Seen::Nothing);
                self.gate.moved.notify_waiters();
            }
            Stage::Begun => drop(self.close(Seen::Failed("no answer in time".to_owned()))),
            Stage::Ended => {}
        }
    }
}

#[cfg(test)]
mod tests;
