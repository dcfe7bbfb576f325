//! How fast an account may be called: what its provider publishes, kept for sends, reads and look-ups alike.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota as Rate, RateLimiter};

/// The rate budget of one account.
#[derive(Default)]
pub struct Budget {
    limits: Vec<(CallClass, DefaultDirectRateLimiter)>,
}

/// CallClass calls a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallClass {
    /// Calls that only read: GET and HEAD.
    Read,
    /// Calls that change something: all others.
    Write,
    /// All calls.
    Any,
}

impl Budget {
    /// A budget of limits, each so many calls in so much time.
    pub fn new(limits: impl IntoIterator<Item = (CallClass, u32, Duration)>) -> Self {
        let limiter = |(class, calls, per)| Some((class, RateLimiter::direct(rate(calls, per)?)));
        Self { limits: limits.into_iter().filter_map(limiter).collect() }
    }

    /// Waits until a call may be made, and counts it.
    pub async fn admit(&self, is_read: bool) {
        for (class, limiter) in &self.limits {
            let counts = match class {
                CallClass::Any => true,
                CallClass::Read => is_read,
                CallClass::Write => !is_read,
            };
            if counts {
                limiter.until_ready().await;
            }
        }
    }
}

/// A limiter that never lets more than `calls` pass in any window of `per`. It lets a burst pass and then drips; a window
/// can hold the burst and the drips, so the burst is one half and the drips are the other.
fn rate(calls: u32, per: Duration) -> Option<Rate> {
    let burst = (calls / 2).max(1);
    let drips = (calls - burst.min(calls)).max(1);
    let rate = Rate::with_period(per / drips)?;
    Some(rate.allow_burst(NonZeroU32::new(burst)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_never_holds_more_calls_than_published() {
        for (calls, seconds) in [(5_u32, 60_u64), (20, 60), (100, 60), (20, 1), (100, 10)] {
            let rate = rate(calls, Duration::from_secs(seconds)).unwrap();
            let drips = Duration::from_secs(seconds).as_secs_f64() / rate.replenish_interval().as_secs_f64();
            assert!(f64::from(rate.burst_size().get()) + drips <= f64::from(calls) + 0.001, "{calls} in {seconds} s");
        }
    }
}
