//! How long an event takes with 10 to 10,000 rules, beside plain evaluation of the same book, and what a book of 10,000
//! rules takes to load. Prints the table of docs/performance.md when it is done:
//!
//!     cargo bench --bench rules

// What cannot be prepared cannot be measured.
#![allow(clippy::expect_used)]

mod book;
mod report;

use std::hint::black_box;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion};
use peak_alloc::PeakAlloc;
use rejoinder::rules::{Depth, decide, decide_plainly};

/// Counts the bytes that are held.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// How many rules a book has.
const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

fn main() {
    // `cargo test --all-targets` runs each of these without `--bench`: once, to see that they run.
    let is_test = !std::env::args().any(|argument| argument == "--bench");
    let loaded = (!is_test).then(load);
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    events(&mut criterion, if is_test { &SIZES[..2] } else { &SIZES });
    criterion.final_summary();
    if let Some(loaded) = loaded {
        println!("{}", report::table(&loaded, &SIZES));
    }
}

/// Loads the largest book.
fn load() -> report::Loaded {
    let files = book::files(SIZES[SIZES.len() - 1]);
    let surroundings = book::surroundings();
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let begun = Instant::now();
    let book = book::compile(files, surroundings);
    let time = begun.elapsed();
    let (held, peak) = (HEAP.current_usage().saturating_sub(before), HEAP.peak_usage().saturating_sub(before));
    black_box(book);
    report::Loaded { time, held, peak }
}

fn events(criterion: &mut Criterion, sizes: &[usize]) {
    let mut group = criterion.benchmark_group("event");
    for size in sizes {
        let book = book::compile(book::files(*size), book::surroundings());
        let facts = book::facts(*size);
        group.bench_function(BenchmarkId::new("indexed", size), |bencher| {
            bencher.iter(|| decide(&book, black_box(&facts), Depth::Matched));
        });
        group.bench_function(BenchmarkId::new("plain", size), |bencher| {
            bencher.iter(|| decide_plainly(&book, black_box(&facts), Depth::Matched));
        });
    }
    group.finish();
}
