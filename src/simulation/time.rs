//! Two clocks: the world's, which goes forward, and the machine's, which somebody may set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::rules::testing;

/// The time in a seed. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Time(Arc<Clocks>);

#[derive(Default)]
struct Clocks {
    /// Milliseconds since the beginning.
    world: AtomicI64,
    /// By how much the machine's clock is ahead, in milliseconds.
    ahead: AtomicI64,
    jumps: AtomicI64,
}

impl Time {
    /// The time at the providers.
    pub(super) fn world(&self) -> Timestamp {
        at(self.0.world.load(Ordering::SeqCst))
    }

    /// The time that the engine is told.
    pub(super) fn machine(&self) -> Timestamp {
        at(self.0.world.load(Ordering::SeqCst) + self.0.ahead.load(Ordering::SeqCst))
    }

    /// The engine's clock.
    pub(super) fn clock(&self) -> Clock {
        let time = self.clone();
        Clock::from_fn(move || time.machine())
    }

    /// Time passes.
    pub(super) fn pass(&self, time: SignedDuration) {
        self.0.world.fetch_add(millis(time).max(1), Ordering::SeqCst);
    }

    /// Time passes until the machine's clock shows this. A send is due to the nanosecond, so it arrives a moment later.
    pub(super) fn reach(&self, machine: Timestamp) {
        self.pass(machine.duration_since(self.machine()) + SignedDuration::from_millis(1));
    }

    /// Somebody sets the machine's clock.
    pub(super) fn jump(&self, by: SignedDuration) {
        self.0.ahead.fetch_add(millis(by), Ordering::SeqCst);
        self.0.jumps.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether somebody has.
    pub(super) fn has_jumped(&self) -> bool {
        self.0.jumps.load(Ordering::SeqCst) > 0
    }
}

fn at(millis: i64) -> Timestamp {
    testing::now().checked_add(SignedDuration::from_millis(millis)).unwrap()
}

fn millis(time: SignedDuration) -> i64 {
    i64::try_from(time.as_millis()).unwrap()
}
