//! When a snapshot is due, when one that could not be taken is tried again, and how fast one is taken.

use std::cell::Cell;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Options;
use super::journal::Position;
use super::snapshot::Snapshot;
use crate::clock::{self, Clock};

/// A snapshot is due when the journal has grown by as many files since the last.
const EVERY: u64 = 4;

/// … and by as many times the length of the last.
const GROWTH: u64 = 8;

/// How long to wait after a snapshot that could not be taken; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// … up to this long.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// How many times as long as it worked a snapshot rests: taking them must not become what the program does.
const REST: u32 = 3;

/// How long it works before it rests: so short that what comes meanwhile does not wait for long.
const WORK: Duration = Duration::from_millis(5);

/// What counts at the most, where the process was stopped or the disk took its time.
const LONGEST_WORK: Duration = Duration::from_millis(100);

/// Whether a snapshot is due when the state has come to `position`. `dead` are the finished files of the journal in which
/// nothing is needed any more: they stay until both snapshots lie behind them, however little is written, so that what was
/// forgotten does not stay on the disk.
pub(super) fn is_due(options: &Options, snapshots: &[Snapshot], position: Position, dead: &[u64]) -> bool {
    let last = snapshots.last();
    let grown = position.segment - last.map_or(1, |last| last.position.segment).min(position.segment);
    let is_grown = grown >= EVERY
        && grown.saturating_mul(options.segment) >= last.map_or(0, |last| last.length).saturating_mul(GROWTH);
    // One alone frees nothing.
    let covered = if let [oldest, _, ..] = snapshots { oldest.position.segment } else { 0 };
    let could_be_dropped = dead.iter().filter(|number| **number >= covered).count() as u64;
    let is_old = last.is_none_or(|last| options.is_old(last.taken, Clock::system().now()));
    is_grown || (grown > 0 && (could_be_dropped >= EVERY || (could_be_dropped > 0 && is_old)))
}

/// Waits longer after each failure.
#[derive(Default)]
pub(super) struct Patience {
    pause: Option<Duration>,
    not_before: Option<Instant>,
}

impl Patience {
    /// Whether another try may be made.
    pub(super) fn is_over(&self) -> bool {
        self.not_before.is_none_or(|not_before| clock::instant() >= not_before)
    }

    /// A try failed.
    pub(super) fn failed(&mut self) {
        let pause = self.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
        self.pause = Some(pause);
        self.not_before = clock::instant().checked_add(pause);
    }

    /// A try succeeded.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }
}

/// Leaves most of the time to others.
pub(super) struct Pace {
    works_since: Cell<Instant>,
}

impl Pace {
    /// Work begins.
    pub(super) fn begin() -> Self {
        Self { works_since: Cell::new(clock::instant()) }
    }

    /// Rests where there was enough work. What others did on the processor meanwhile counts as work: they need it.
    pub(super) fn keep(&self) {
        let worked = self.works_since.get().elapsed();
        if worked >= WORK {
            sleep(worked.min(LONGEST_WORK) * REST);
            self.works_since.set(clock::instant());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_an_hour() {
        let mut patience = Patience::default();
        assert!(patience.is_over());
        let pauses: Vec<u64> = (0..14)
            .map(|_| {
                patience.failed();
                assert!(!patience.is_over());
                patience.pause.unwrap().as_secs()
            })
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
        patience.succeeded();
        assert!(patience.is_over());
    }

    #[test]
    fn whoever_keeps_the_pace_rests_most_of_the_time() {
        let (begun, pace) = (clock::instant(), Pace::begin());
        let mut worked = Duration::ZERO;
        for _ in 0..3 {
            sleep(WORK);
            worked += WORK;
            pace.keep();
        }
        assert!(begun.elapsed() >= worked * (1 + REST));
    }

    #[test]
    fn whoever_was_stopped_for_long_does_not_rest_for_longer() {
        let begun = clock::instant();
        let minute = Duration::from_secs(60);
        Pace { works_since: Cell::new(begun.checked_sub(minute).unwrap()) }.keep();
        assert!(begun.elapsed() < minute);
    }
}
