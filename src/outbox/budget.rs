//! How fast an account may be called: what its provider publishes, lowered by what its answers say. Is told the time.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest that an account rests for what one answer said; then a call looks whether it still holds.
const LONGEST_REST: SignedDuration = SignedDuration::from_hours(1);

/// Which calls a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallClass {
    /// Calls that only read: GET and HEAD.
    Read,
    /// Calls that change something: all others.
    Write,
    /// All calls.
    Any,
}

impl CallClass {
    /// That of a call.
    pub fn of(is_read: bool) -> Self {
        if is_read { Self::Read } else { Self::Write }
    }

    /// Whether a call counts.
    pub fn counts(self, is_read: bool) -> bool {
        self == Self::Any || self == Self::of(is_read)
    }

    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Any => "any",
        }
    }
}

/// A published rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Which calls it counts.
    pub class: CallClass,
    /// How many calls.
    pub calls: u32,
    /// In which time.
    pub per: SignedDuration,
}

/// What an answer said is left of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Which limit, by the name of its header.
    pub meter: &'static str,
    /// Which calls it counts.
    pub class: CallClass,
    /// How many calls are left.
    pub left: u32,
    /// When there are more, or when to look again.
    pub until: Timestamp,
}

/// How much of a limit is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Left {
    /// Which calls it counts.
    pub class: CallClass,
    /// How many calls it allows; absent where only answers tell.
    pub calls: Option<u32>,
    /// In how many seconds.
    pub per: Option<u64>,
    /// How many could be made at once now.
    pub left: u32,
}

/// The rate budget of one account. Each limit is a window that slides over the calls that were made: nothing less than what
/// is published can go, and a call that was not made after all is taken out again.
pub struct Budget {
    limits: Vec<Limit>,
    told: Vec<Remaining>,
    quiet_until: Option<Timestamp>,
    seen: Option<Timestamp>,
    /// How much time has passed since the first look.
    passed: Duration,
}

/// A call that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    is_read: bool,
    at: Duration,
}

struct Limit {
    quota: Quota,
    window: Duration,
    /// When calls were made, oldest first.
    calls: VecDeque<Duration>,
}

impl Budget {
    /// A budget of limits.
    pub fn new(quotas: &[Quota]) -> Self {
        let limits = quotas.iter().filter_map(|quota| Limit::new(*quota)).collect();
        Self { limits, told: Vec::new(), quiet_until: None, seen: None, passed: Duration::ZERO }
    }

    /// Counts a call, or says how long it has to wait and counts nothing.
    pub fn take(&mut self, is_read: bool, now: Timestamp) -> Result<Counted, SignedDuration> {
        self.pass_to(now);
        let passed = self.passed;
        let waits = self.covering(is_read).map(|limit| limit.wait(passed));
        let wait = waits.max().unwrap_or_default();
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX).max(self.rests(is_read, now));
        if wait > SignedDuration::ZERO {
            return Err(wait);
        }
        self.covering(is_read).for_each(|limit| limit.calls.push_back(passed));
        let told = self.told.iter_mut().filter(|told| told.class.counts(is_read));
        told.for_each(|told| told.left = told.left.saturating_sub(1));
        Ok(Counted { is_read, at: passed })
    }

    /// A call that was counted is made now; it counts from now on.
    pub fn make(&mut self, counted: Counted, now: Timestamp) {
        self.pass_to(now);
        let passed = self.passed;
        for limit in self.covering(counted.is_read) {
            if limit.remove(counted.at) {
                limit.calls.push_back(passed);
            }
        }
    }

    /// A call that was counted is not made.
    pub fn give_back(&mut self, counted: Counted) {
        self.covering(counted.is_read).for_each(|limit| {
            limit.remove(counted.at);
        });
        let told = self.told.iter_mut().filter(|told| told.class.counts(counted.is_read));
        told.for_each(|told| told.left = told.left.saturating_add(1));
    }

    /// How long the account rests for what its answers said, whatever else it may do.
    pub fn rests(&self, is_read: bool, now: Timestamp) -> SignedDuration {
        let spent = self.told.iter().filter(|told| told.class.counts(is_read) && told.left == 0);
        let ends = spent.map(|told| told.until).chain(self.quiet_until);
        ends.max().map_or(SignedDuration::ZERO, |end| end.duration_since(now).max(SignedDuration::ZERO))
    }

    /// Makes no call for a while, because an answer asked for that.
    pub fn be_quiet(&mut self, wait: SignedDuration, now: Timestamp) {
        let until = now.saturating_add(wait.min(LONGEST_REST)).unwrap_or(now);
        self.quiet_until = self.quiet_until.max(Some(until));
    }

    /// Heeds what an answer said is left. It lowers what was left: answers overtake each other, and the limits that are
    /// published stand beside it.
    pub fn heed(&mut self, said: Remaining, now: Timestamp) {
        let until = said.until.min(now.saturating_add(LONGEST_REST).unwrap_or(now));
        self.told.retain(|told| told.until > now);
        match self.told.iter_mut().find(|told| (told.meter, told.class) == (said.meter, said.class)) {
            Some(told) => told.left = told.left.min(said.left),
            None if until > now => self.told.push(Remaining { until, ..said }),
            None => {}
        }
    }

    /// Whether reads and writes are counted together.
    pub fn is_shared(&self) -> bool {
        self.limits.is_empty() || self.limits.iter().any(|limit| limit.quota.class == CallClass::Any)
    }

    /// What is left of each limit.
    pub fn left(&mut self, now: Timestamp) -> Vec<Left> {
        self.pass_to(now);
        let (passed, told) = (self.passed, self.told.iter());
        let limits = self.limits.iter_mut().map(|limit| Left {
            class: limit.quota.class,
            calls: Some(limit.quota.calls),
            per: u64::try_from(limit.quota.per.as_secs()).ok(),
            left: limit.left(passed),
        });
        limits.chain(told.map(|told| Left { class: told.class, calls: None, per: None, left: told.left })).collect()
    }

    fn covering(&mut self, is_read: bool) -> impl Iterator<Item = &mut Limit> {
        self.limits.iter_mut().filter(move |limit| limit.quota.class.counts(is_read))
    }

    /// A clock that is set back costs no more than the time that it repeats.
    fn pass_to(&mut self, now: Timestamp) {
        let passed = self.seen.map_or(SignedDuration::ZERO, |seen| now.duration_since(seen));
        self.passed += Duration::try_from(passed).unwrap_or_default();
        self.seen = Some(now);
        // No rest is longer than the longest, also when the clock was set back meanwhile.
        let longest = now.saturating_add(LONGEST_REST).unwrap_or(now);
        self.told.retain(|told| told.until > now);
        self.told.iter_mut().for_each(|told| told.until = told.until.min(longest));
        self.quiet_until = self.quiet_until.filter(|until| *until > now).map(|until| until.min(longest));
    }
}

impl Limit {
    fn new(quota: Quota) -> Option<Self> {
        let per = Duration::try_from(quota.per).ok()?;
        // A call arrives sooner or later after it left, so the window is a little longer than the provider's.
        Some(Self { quota, window: per + per / 20, calls: VecDeque::new() })
    }

    /// How long the next call has to wait.
    fn wait(&mut self, now: Duration) -> Duration {
        if self.left(now) > 0 {
            return Duration::ZERO;
        }
        self.calls.front().map_or(self.window, |first| (*first + self.window).saturating_sub(now))
    }

    /// How many calls can be made at once.
    fn left(&mut self, now: Duration) -> u32 {
        while self.calls.front().is_some_and(|first| *first + self.window <= now) {
            self.calls.pop_front();
        }
        self.quota.calls.saturating_sub(u32::try_from(self.calls.len()).unwrap_or(u32::MAX))
    }

    /// Takes out one call of that time; false where it has left the window.
    fn remove(&mut self, at: Duration) -> bool {
        let found = self.calls.binary_search(&at);
        found.is_ok_and(|index| self.calls.remove(index).is_some())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quota(class: CallClass, calls: u32, seconds: i64) -> Quota {
        Quota { class, calls, per: SignedDuration::from_secs(seconds) }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_000_000_000 + millis).unwrap()
    }

    fn said(left: u32, until: i64) -> Remaining {
        Remaining { meter: "remaining", class: CallClass::Any, left, until: at(until) }
    }

    #[test]
    fn reads_and_writes_are_counted_apart_where_their_limits_are() {
        let mut budget = Budget::new(&[quota(CallClass::Read, 20, 60), quota(CallClass::Write, 2, 60)]);
        let first = budget.take(false, at(0)).unwrap();
        assert!(budget.take(false, at(1_000)).is_ok());
        assert_eq!(budget.take(false, at(1_000)), Err(SignedDuration::from_secs(62)));
        assert!(budget.take(true, at(1_000)).is_ok());
        assert!(!budget.is_shared() && Budget::new(&[]).is_shared());
        let left = |budget: &mut Budget| budget.left(at(1_000)).iter().map(|left| left.left).collect::<Vec<_>>();
        assert_eq!(left(&mut budget), [19, 0]);
        budget.give_back(first);
        assert_eq!(left(&mut budget), [19, 1]);
        let last = budget.take(false, at(1_000)).unwrap();
        budget.make(last, at(20_000));
        assert!(budget.take(false, at(64_000)).is_ok());
        assert_eq!(
            budget.take(false, at(64_000)),
            Err(SignedDuration::from_secs(19)),
            "it counts from when it was made"
        );
    }

    #[test]
    fn answers_lower_the_budget_and_never_raise_it() {
        let mut budget = Budget::new(&[quota(CallClass::Any, 2, 60)]);
        budget.heed(said(1_000, 60_000), at(0));
        assert!(budget.take(true, at(0)).is_ok() && budget.take(true, at(0)).is_ok());
        assert!(budget.take(true, at(0)).is_err(), "the published limit stands");
        let mut budget = Budget::new(&[]);
        budget.heed(said(1, 60_000), at(0));
        budget.heed(said(5, 90_000), at(0));
        assert!(budget.take(true, at(0)).is_ok());
        assert_eq!(budget.take(true, at(10_000)), Err(SignedDuration::from_secs(50)));
        assert!(budget.take(true, at(60_000)).is_ok());
        let mut budget = Budget::new(&[]);
        budget.heed(said(0, 90_000_000), at(0));
        assert_eq!(budget.take(true, at(0)), Err(LONGEST_REST), "somebody looks whether it still holds");
    }

    #[test]
    fn a_wait_that_is_asked_for_is_everybodys() {
        let mut budget = Budget::new(&[]);
        budget.be_quiet(SignedDuration::from_secs(30), at(0));
        budget.be_quiet(SignedDuration::from_secs(5), at(0));
        assert_eq!(budget.take(false, at(10_000)), Err(SignedDuration::from_secs(20)));
        assert!(budget.take(true, at(30_000)).is_ok());
        budget.be_quiet(SignedDuration::from_hours(48), at(0));
        assert_eq!(budget.take(true, at(0)), Err(LONGEST_REST));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever is asked, given back and waited for, and however the clock jumps back: no window holds too many calls.
        #[test]
        fn no_window_of_any_limit_holds_too_many_calls(
            steps in prop::collection::vec((any::<bool>(), 0_i64..400, any::<bool>()), 1..300),
        ) {
            let quotas = [quota(CallClass::Any, 10, 4), quota(CallClass::Any, 4, 1), quota(CallClass::Write, 3, 2)];
            let (mut budget, mut clock, mut passed) = (Budget::new(&quotas), 0, 0);
            let mut made: Vec<(i64, bool)> = Vec::new();
            for (is_read, wait, is_used) in steps {
                // One wait in twenty is a clock that is set back.
                let jump = if wait < 20 { -1_000 } else { wait };
                clock += jump;
                passed += jump.max(0);
                if let Ok(counted) = budget.take(is_read, at(clock)) {
                    if is_used { made.push((passed, is_read)) } else { budget.give_back(counted) }
                }
            }
            for quota in quotas {
                let times: Vec<i64> = made.iter().filter(|(_, is_read)| quota.class.counts(*is_read)).map(|(at, _)| *at).collect();
                for (index, start) in times.iter().enumerate() {
                    let window = times[index..].iter().take_while(|at| **at - start < quota.per.as_millis() as i64);
                    prop_assert!(window.count() <= quota.calls as usize, "{quota:?} {times:?}");
                }
            }
        }
    }
}
