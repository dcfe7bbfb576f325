//! When a send is tried again: exponentially later, with jitter, and not for ever.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::SignedDuration;

/// When a send is tried again.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Before the second try; 2 s by default. Each wait after it is twice as long, with up to half of it added at random.
    pub first: Duration,
    /// The longest wait; 1 h by default.
    pub longest: Duration,
    /// How often it is tried at the most; 16 by default, which is about ten hours.
    pub attempts: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { first: Duration::from_secs(2), longest: Duration::from_secs(3_600), attempts: 16 }
    }
}

impl RetryPolicy {
    /// The wait after failed attempt `number` (from 1), or nothing when it was the last. `after` is what the provider asked
    /// for: a lower bound. `seed` makes the jitter a function of the send, so that deciding is repeatable.
    pub fn wait(&self, number: u32, after: Option<SignedDuration>, seed: u64) -> Option<SignedDuration> {
        if number >= self.attempts {
            return None;
        }
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(self.first)
            .with_max_delay(self.longest)
            .with_max_times(self.attempts as usize)
            .with_jitter()
            .with_jitter_seed(seed)
            .build();
        let wait = waits.nth(number.saturating_sub(1) as usize)?.min(self.longest);
        let wait = SignedDuration::try_from(wait).ok()?;
        Some(after.map_or(wait, |after| after.max(wait)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_end_and_honour_the_provider() {
        let policy = RetryPolicy::default();
        let waits: Vec<f64> = (1..16).map(|number| policy.wait(number, None, 7).unwrap().as_secs_f64()).collect();
        assert!(waits[0] >= 2.0 && waits[0] <= 4.0, "{waits:?}");
        assert!(waits.windows(2).all(|pair| pair[1] >= pair[0] * 0.6), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= 3_600.0));
        assert_eq!(policy.wait(16, None, 7), None);
        assert_eq!(policy.wait(1, Some(SignedDuration::from_secs(90)), 7), Some(SignedDuration::from_secs(90)));
        assert_eq!(policy.wait(3, None, 7), policy.wait(3, None, 7));
    }
}
