//! Many seeds, and faults that they must find.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::wire::Fate;
use super::*;

/// How many seeds are run unless `REJOINDER_SEEDS` says otherwise.
const SEEDS: u64 = 10_000;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// The story of a seed, what is wrong with it, and how to see it again.
fn report(seed: u64) -> String {
    let Lived { faults, story, .. } = live(&Stock::new(), seed, None, true);
    format!(
        "{}\n\nseed {seed} breaks {} promises\n{}\nto see it again: REJOINDER_SEED={seed} cargo test --lib simulation::tests::many",
        story.join("\n"),
        faults.len(),
        faults.join("\n"),
    )
}

/// The first seed below `last` that breaks a promise. Two threads, because the machines of the CI have two cores.
fn first_bad(last: u64) -> Option<u64> {
    let (next, bad) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let run = || {
        let stock = Stock::new();
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= last || bad.load(Ordering::SeqCst) < seed {
                return;
            }
            if !live(&stock, seed, None, false).faults.is_empty() {
                bad.fetch_min(seed, Ordering::SeqCst);
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(run);
        scope.spawn(run);
    });
    Some(bad.into_inner()).filter(|seed| *seed < u64::MAX)
}

#[test]
fn many_seeds_break_no_promise() {
    if let Some(seed) = variable("REJOINDER_SEED") {
        println!("{}", report(seed));
        assert!(live(&Stock::new(), seed, None, false).faults.is_empty());
    } else if let Some(seed) = first_bad(variable("REJOINDER_SEEDS").unwrap_or(SEEDS)) {
        panic!("{}", report(seed));
    }
}

#[test]
fn a_seed_plays_out_the_same_every_time() {
    let (one, other) = (Stock::new(), Stock::new());
    for seed in 0..40 {
        assert_eq!(live(&one, seed, None, true).story, live(&other, seed, None, true).story, "seed {seed}");
    }
}

#[test]
fn a_planted_fault_is_found() {
    let stock = Stock::new();
    for (planted, promise, within) in Planted::ALL {
        let finds = |seed: &u64| {
            let faults = live(&stock, *seed, Some(planted), false).faults;
            faults.iter().any(|fault| fault.contains(promise))
        };
        assert!((0..within).any(|seed| finds(&seed)), "{planted:?} is not found within {within} seeds");
    }
}

/// A storm in which nothing happens would break no promise either.
#[test]
fn everything_that_can_happen_does() {
    let stock = Stock::new();
    let mut missing: BTreeSet<String> = Fate::FAULTS.iter().map(|fate| format!("meets {fate:?}")).collect();
    missing.extend(
        [
            "is killed with the power",
            "program is killed",
            "the power is gone",
            "the clock is set",
            "arrives late",
            "Duplicate",
            "no space left on device",
            "flushing",
            "GET /sequenzy",
            "GET /fernand",
            "GET /highlevel",
            "GET /spruce",
            "nobody writes",
            "Prune did",
            "something was being forgotten",
            "nothing is remembered",
            "Pause did",
            "Release did",
            "Delivered",
            "Confirmed",
            "expired",
            "contact_message",
            "answered_by_human",
            "cut short",
            "refused",
            "Dead",
        ]
        .map(str::to_owned),
    );
    for seed in 0..600 {
        let story = live(&stock, seed, None, true).story;
        missing.retain(|words| !story.iter().any(|line| line.contains(words.as_str())));
        if missing.is_empty() {
            return;
        }
    }
    panic!("in no seed: {missing:?}");
}
