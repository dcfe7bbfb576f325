//! What a seed makes of the world: which faults there are and how much happens. Each seed has some faults and not others,
//! because what one fault hides another shows.

use fastrand::Rng;
use jiff::SignedDuration;

use super::wire::Fate;
use crate::model::SHORTEST_RETENTION;
use crate::provider::sandbox::Speaks;

/// The providers, in the order of the documentation.
pub(super) const ALL: [Speaks; 4] = [Speaks::Sequenzy, Speaks::Fernand, Speaks::HighLevel, Speaks::Spruce];

/// Which faults there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Weather {
    /// The power goes, or the process is killed; so often at the most.
    pub(super) crashes: u32,
    /// The disk is full, or a flush fails; so often at the most.
    pub(super) disk: u32,
    /// Hours without power.
    pub(super) outages: u32,
    /// Days in which nobody writes; so often at the most.
    pub(super) lulls: u32,
    /// How long things are kept.
    pub(super) retention: SignedDuration,
    /// Somebody sets the clock.
    pub(super) jumps: u32,
    /// Webhooks come twice.
    pub(super) repeats: bool,
    /// Webhooks overtake each other.
    pub(super) disorder: bool,
    /// People of ours write as well.
    pub(super) colleagues: u32,
    /// Everything is paused; so often at the most.
    pub(super) pauses: u32,
    /// Of a hundred calls, so many go wrong.
    pub(super) calls: u32,
    /// Which ways calls go wrong.
    fates: Vec<Fate>,
}

impl Weather {
    /// The weather of a seed.
    pub(super) fn of(rng: &mut Rng) -> Self {
        let fates = Fate::FAULTS.into_iter().filter(|_| rng.bool()).collect();
        Self {
            crashes: if rng.bool() { rng.u32(1..4) } else { 0 },
            disk: if rng.u8(0..4) == 0 { 1 } else { 0 },
            outages: if rng.u8(0..4) == 0 { rng.u32(1..3) } else { 0 },
            lulls: if rng.u8(0..3) == 0 { rng.u32(1..4) } else { 0 },
            retention: SHORTEST_RETENTION + SignedDuration::from_hours(rng.i64(0..48)),
            jumps: if rng.u8(0..5) == 0 { rng.u32(1..3) } else { 0 },
            repeats: rng.bool(),
            disorder: rng.bool(),
            colleagues: if rng.u8(0..4) == 0 { 1 } else { 0 },
            pauses: if rng.u8(0..5) == 0 { 1 } else { 0 },
            calls: [0, 15, 40][rng.usize(0..3)],
            fates,
        }
    }

    /// How a call goes.
    pub(super) fn fate(&self, rng: &mut Rng) -> Fate {
        match !self.fates.is_empty() && rng.u32(0..100) < self.calls {
            true => self.fates[rng.usize(0..self.fates.len())],
            false => Fate::Fine,
        }
    }
}

/// Who writes where: up to three conversations at up to two providers.
pub(super) fn conversations(rng: &mut Rng) -> Vec<(Speaks, String)> {
    let (one, other) = (ALL[rng.usize(0..4)], ALL[rng.usize(0..4)]);
    let count = rng.usize(1..4);
    (0..count).map(|number| (if number == 1 { other } else { one }, format!("100{number}"))).collect()
}

/// What a customer says; each word is one that a rule looks for.
pub(super) const WORDS: [&str; 6] = ["question", "urgent", "later", "hello", "thanks", "thanks"];
