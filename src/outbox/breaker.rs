//! Stops calling an account whose provider is down or does not take our credentials, and finds out when that is over.
//! Calls nobody, and is told the time: what came of calls goes in, whether another may be made comes out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::RetryPolicy;

/// How many calls in a row must fail. Above the number of sends that are usually under way at once: an access token that
/// has run out fails all of them before it is renewed.
const TRIPS: u32 = 5;

/// How long the account rests before one call tries again: ten seconds, then twice as long each time, up to ten minutes.
const RESTS: RetryPolicy =
    RetryPolicy { first: Duration::from_secs(10), longest: Duration::from_secs(600), attempts: u32::MAX };

/// After so many rests they do not grow any more.
const GROWING: u32 = 8;

/// How long others wait while one call tries; they are woken when it comes back.
const TRYING: SignedDuration = SignedDuration::from_secs(1);

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The provider answered, whatever it said of this one call.
    Served,
    /// The provider failed or did not answer, or refused our credentials; in words without content.
    Failed(String),
    /// Nothing that says how the provider is.
    Nothing,
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls are made.
    #[default]
    Closed,
    /// No call is made.
    Open,
    /// One call is made, to see whether the others may follow.
    HalfOpen,
}

impl BreakerState {
    /// The number in metrics: 0 closed, 1 half open, 2 open.
    pub fn number(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// The breaker of one account.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    state: BreakerState,
    /// When it opened or closed; absent while it never did.
    since: Option<Timestamp>,
    /// How the last failure looked.
    reason: Option<String>,
    failures: u32,
    rests: u32,
    until: Option<Timestamp>,
    is_trying: bool,
}

impl Breaker {
    /// How long a call has to wait.
    pub fn rests(&self, now: Timestamp) -> SignedDuration {
        match self.state {
            BreakerState::Closed => SignedDuration::ZERO,
            BreakerState::HalfOpen if self.is_trying => TRYING,
            BreakerState::HalfOpen => SignedDuration::ZERO,
            BreakerState::Open => {
                // No rest is longer than the longest, also when the clock was set back meanwhile.
                let longest = SignedDuration::try_from(RESTS.longest).unwrap_or(SignedDuration::ZERO);
                let rest = self.until.map_or(SignedDuration::ZERO, |until| until.duration_since(now));
                rest.clamp(SignedDuration::ZERO, longest)
            }
        }
    }

    /// A call begins that had not to wait. Answers whether it is the one that tries.
    pub fn begin(&mut self) -> bool {
        if self.state == BreakerState::Closed {
            return false;
        }
        (self.state, self.is_trying) = (BreakerState::HalfOpen, true);
        true
    }

    /// A call ended. Answers whether the breaker opened or closed by it.
    pub fn end(&mut self, is_try: bool, seen: Seen, now: Timestamp) -> bool {
        if is_try {
            self.is_trying = false;
        }
        match (self.state, seen) {
            (_, Seen::Nothing) => false,
            (BreakerState::Closed, Seen::Served) => {
                self.failures = 0;
                false
            }
            (BreakerState::Closed, Seen::Failed(reason)) => {
                self.failures += 1;
                self.reason = Some(reason);
                self.failures >= TRIPS && self.open(now)
            }
            // What was under way when it opened says nothing new.
            _ if !is_try => false,
            (_, Seen::Served) => {
                *self = Self { reason: self.reason.take(), since: Some(now), ..Self::default() };
                true
            }
            (_, Seen::Failed(reason)) => {
                self.reason = Some(reason);
                self.rest(now);
                false
            }
        }
    }

    /// Where it stands.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// When it opened or closed last; absent while it never did.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// How the last failure looked.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// When one call tries again, where it is open.
    pub fn until(&self) -> Option<Timestamp> {
        self.until.filter(|_| self.state == BreakerState::Open)
    }

    fn open(&mut self, now: Timestamp) -> bool {
        self.since = Some(now);
        self.rest(now);
        true
    }

    fn rest(&mut self, now: Timestamp) {
        self.rests = (self.rests + 1).min(GROWING);
        let seed = now.as_millisecond().unsigned_abs();
        let rest = RESTS.wait(self.rests, None, seed).unwrap_or(TRYING);
        (self.state, self.until) = (BreakerState::Open, now.checked_add(rest).ok());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn failed() -> Seen {
        Seen::Failed("503".to_owned())
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        let changes: Vec<bool> = (0..TRIPS).map(|_| breaker.end(false, failed(), at(0))).collect();
        assert_eq!(changes, [false, false, false, false, true]);
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            (1..TRIPS).for_each(|_| assert!(!breaker.end(false, failed(), at(0))));
            assert!(!breaker.end(false, Seen::Served, at(0)));
            assert!(!breaker.end(false, Seen::Nothing, at(0)));
        }
        assert_eq!((breaker.state(), breaker.rests(at(0))), (BreakerState::Closed, SignedDuration::ZERO));
        let breaker = opened();
        assert_eq!(
            (breaker.state(), breaker.since(), breaker.reason()),
            (BreakerState::Open, Some(at(0)), Some("503"))
        );
        let rest = breaker.rests(at(0)).as_secs();
        assert!((10..=20).contains(&rest), "{rest}");
    }

    #[test]
    fn one_call_tries_and_closes_it() {
        let mut breaker = opened();
        let now = breaker.until().unwrap();
        assert_eq!(breaker.rests(now), SignedDuration::ZERO);
        assert!(breaker.begin());
        assert_eq!((breaker.state(), breaker.rests(now)), (BreakerState::HalfOpen, TRYING), "the others wait");
        assert!(!breaker.end(false, Seen::Served, now), "what was under way says nothing");
        assert!(breaker.end(true, Seen::Served, now));
        assert_eq!((breaker.state(), breaker.since(), breaker.failures), (BreakerState::Closed, Some(now), 0));
        assert!(!breaker.begin());
    }

    #[test]
    fn a_try_that_was_not_made_leaves_its_place() {
        let mut breaker = opened();
        let now = breaker.until().unwrap();
        assert!(breaker.begin() && !breaker.end(true, Seen::Nothing, now));
        assert_eq!((breaker.state(), breaker.rests(now)), (BreakerState::HalfOpen, SignedDuration::ZERO));
    }

    #[test]
    fn rests_grow_and_end() {
        let (mut breaker, mut now, mut rests) = (opened(), at(0), Vec::new());
        for _ in 0..12 {
            let rest = breaker.rests(now);
            rests.push(rest.as_secs());
            now += rest;
            assert!(breaker.begin() && !breaker.end(true, failed(), now));
        }
        assert!(
            rests[0] < 21 && rests[3] > rests[0] && rests.iter().all(|rest| (10..=600).contains(rest)),
            "{rests:?}"
        );
        assert!(rests[9..].iter().all(|rest| *rest >= 500), "{rests:?}");
        assert_eq!(breaker.since(), Some(at(0)), "it has been open all the time");
        assert!(breaker.rests(at(-1_000_000)).as_secs() <= 600);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever happens, at most one call tries at a time, nothing passes an open breaker, and it is never stuck.
        #[test]
        fn it_lets_one_call_try_and_is_never_stuck(steps in prop::collection::vec((0_u8..4, 0_i64..300), 1..200)) {
            let (mut breaker, mut now, mut trying) = (Breaker::default(), at(0), false);
            for (what, wait) in steps {
                now += SignedDuration::from_secs(wait);
                if breaker.rests(now) == SignedDuration::ZERO {
                    let is_try = breaker.begin();
                    prop_assert!(!(is_try && trying), "a second try beside the first");
                    prop_assert_eq!(is_try, breaker.state() == BreakerState::HalfOpen);
                    let seen = match what { 0 => Seen::Served, 3 => Seen::Nothing, _ => failed() };
                    trying = is_try && what == 3 && wait % 2 == 0;
                    if !trying {
                        breaker.end(is_try, seen, now);
                    }
                } else if trying {
                    trying = false;
                    breaker.end(true, failed(), now);
                }
            }
            if trying {
                breaker.end(true, Seen::Nothing, now);
            }
            prop_assert!(breaker.rests(now + SignedDuration::from_secs(600)) == SignedDuration::ZERO);
        }
    }
}
