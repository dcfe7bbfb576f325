//! The engine under every fault that can be thought of, by seed: on a virtual clock, over a disk that fails and loses what
//! was not flushed, with providers that fail before and after doing what they were asked, webhooks that come late, twice
//! and in disorder, and a program that is killed between any two steps. A seed plays out the same every time.
//!
//! `REJOINDER_SEED=1234 cargo test --lib simulation -- --nocapture` tells the story of one seed;
//! `REJOINDER_SEEDS=100000` runs so many.

mod check;
mod forgotten;
mod life;
mod moves;
mod planted;
mod stock;
mod task;
mod tests;
mod time;
mod weather;
mod wire;
mod witness;

use jiff::SignedDuration;

use crate::provider::sandbox::Speaks;

use self::life::Life;
use self::planted::Planted;
use self::stock::Stock;

/// How long a claim holds, as in production.
const LEASE: SignedDuration = SignedDuration::from_mins(5);

/// For how long a provider that recognises repeats is relied upon to do so.
const KEYS: SignedDuration = SignedDuration::from_hours(23);

/// Whether the provider recognises a repeat by its key.
fn has_keys(speaks: Speaks) -> bool {
    speaks == Speaks::Spruce
}

/// What a seed came to.
struct Lived {
    faults: Vec<String>,
    story: Vec<String>,
}

/// Lives a seed.
fn live(stock: &Stock, seed: u64, planted: Option<Planted>, is_told: bool) -> Lived {
    let mut life = Life::new(stock, seed, planted, is_told);
    life.run();
    let mut faults = life.faults.clone();
    faults.extend(check::faults(&life));
    let ends = if is_told { check::ends(&life) } else { Vec::new() };
    Lived { faults, story: [life.story(), ends].concat() }
}
