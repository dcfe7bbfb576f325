//! What was measured, as the table of docs/performance.md: ratios, because times are of one machine.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// What the largest book took to load.
pub(crate) struct Loaded {
    /// From texts to a book in force.
    pub(crate) time: Duration,
    /// Bytes that the book holds.
    pub(crate) held: usize,
    /// Bytes that were held at the most meanwhile.
    pub(crate) peak: usize,
}

/// The table: what an event costs with each book, beside a book of 100 rules and beside plain evaluation.
pub(crate) fn table(loaded: &Loaded, sizes: &[usize]) -> String {
    let mut text =
        "\n| rules | indexed | plain | beside 100 rules | plain / indexed |\n|---|---|---|---|---|\n".to_owned();
    let base = median("indexed", 100);
    for size in sizes {
        let (indexed, plain) = (median("indexed", *size), median("plain", *size));
        let ratio = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => format!("{:.1}", a / b),
            _ => "not measured".to_owned(),
        };
        let micros = |time: Option<f64>| ratio(time, Some(1_000.0));
        let _ = writeln!(
            text,
            "| {size} | {} µs | {} µs | {} | {} |",
            micros(indexed),
            micros(plain),
            ratio(indexed, base),
            ratio(plain, indexed)
        );
    }
    let megabytes = |bytes: usize| bytes / 1_000_000;
    let _ = writeln!(
        text,
        "\nA book of 10,000 rules loads in {:.2} s and holds {} MB; {} MB at the most while it is loaded.",
        loaded.time.as_secs_f64(),
        megabytes(loaded.held),
        megabytes(loaded.peak)
    );
    text
}

/// The median that criterion has written down, in nanoseconds.
fn median(how: &str, size: usize) -> Option<f64> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("criterion");
    let file = folder.join("event").join(how).join(size.to_string()).join("new/estimates.json");
    let estimates: Value = serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
