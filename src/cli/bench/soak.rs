//! The engine at half of its highest throughput for long, with a retention so short that most of what it took is forgotten
//! again while it runs: memory stays where it is once everything has been seen, and the disk comes down.

use std::time::Duration;

use anyhow::bail;
use hdrhistogram::Histogram;
use jiff::SignedDuration;
use serde::Serialize;

use super::deliveries::{Answered, Mill};
use super::load;
use super::machine::Cores;
use super::report::{Latency, short};
use super::sink::Sink;
use super::target::{Home, PATIENCE, Target};
use super::{Arguments, PART, USUAL};
use crate::cli::output;
use crate::clock;

/// How many times it is looked at: a line each.
const ROWS: u32 = 30;

/// In the first lines, caches fill and nothing is forgotten yet.
const WARM: usize = 10;

/// For how many lines an event is kept.
const KEPT: u32 = 3;

/// In less, there is nothing to see.
const SHORTEST: Duration = Duration::from_secs(3);

/// How long each load is, at the most, so that what is posted is signed shortly before.
const STRETCH: Duration = Duration::from_secs(10);

/// What may be added after the warming up, in bytes: two files of the journal of 64 MB on the disk, which go as a whole; and
/// what an allocator keeps back.
const SLACK: Growth = Growth { disk: 128 << 20, memory: 24 << 20 };

/// How much more there may be in the second half after the warming up than in the first.
const MORE: f64 = 1.2;

/// How many records may be left when every event is forgotten: those that belong to none, such as the rule book.
const OTHERS: u64 = 100;

struct Growth {
    disk: u64,
    memory: u64,
}

/// How it stood after so much time.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Row {
    /// Minutes since the first event.
    minute: f64,
    /// How many events were acknowledged until then.
    events: u64,
    /// Memory, in bytes; absent where the system does not say.
    memory: Option<u64>,
    /// The data folder, in bytes.
    disk: u64,
    /// How many records the store holds.
    records: u64,
    /// From the first byte of a delivery to the request at the provider.
    latency: Latency,
}

/// What was seen.
#[derive(Serialize)]
pub(super) struct Soaked {
    /// Finished in a second, as fast as it goes.
    highest: f64,
    /// For how long an event was kept, in seconds.
    retention: f64,
    rows: Vec<Row>,
    /// How many records are left when every event is forgotten.
    left: u64,
}

/// An engine that is soaked.
struct Soak {
    home: Home,
    target: Target,
    sink: Sink,
    mill: Mill,
    events: u64,
}

/// Runs for `time`, and tells each line as it comes where `is_told`.
pub(super) async fn run(arguments: &Arguments, time: Duration, is_told: bool) -> anyhow::Result<Soaked> {
    if time < SHORTEST {
        bail!("a soak takes {SHORTEST:?} at the least");
    }
    let (cores, sink, mill) = (Cores::part(), Sink::serve().await?, Mill::new()?);
    let (unit, retention) = (time / ROWS, SignedDuration::try_from(time / ROWS * KEPT)?);
    let home = Home::prepare(&arguments.folder, sink.address)?;
    let target = Target::forgetting(cores, &home, retention).await?;
    let mut soak = Soak { home, target, sink, mill, events: 0 };
    let highest = soak.highest(unit).await?;
    let mut soaked = Soaked { highest, retention: retention.as_secs_f64(), rows: Vec::new(), left: 0 };
    if is_told {
        output::line(format!("{} events a second are finished; half of that are posted from now on", short(highest)));
        output::line(format!("An event is kept for {} s.\n", short(soaked.retention)));
        output::line("MINUTE    EVENTS  MEMORY MB   DISK MB    RECORDS    P50 MS    P99 MS");
    }
    let begun = clock::instant();
    for _ in 0..ROWS {
        let latency = soak.post(unit, highest / 2.0).await?;
        let (disk, records) = (soak.home.size()?, soak.home.records().await?);
        let (minute, memory) = (begun.elapsed().as_secs_f64() / 60.0, soak.target.memory().map(|(now, _)| now));
        let row = Row { minute, events: soak.events, memory, disk, records, latency };
        if is_told {
            output::line(row.text());
        }
        soaked.rows.push(row);
    }
    soaked.left = soak.forget(time / ROWS * KEPT).await?;
    soak.target.stop().await?;
    Ok(soaked)
}

impl Soak {
    /// How many events a second it finishes, every one answered, when they come as fast as they are acknowledged.
    async fn highest(&mut self, time: Duration) -> anyhow::Result<f64> {
        let (mut took, mut count) = (Duration::ZERO, 0);
        while took < time {
            let deliveries = self.mill.make(PART / 5, Answered::Everything)?;
            let begun = clock::instant();
            let acknowledged =
                load::closed(self.target.address, deliveries, USUAL, time.saturating_sub(took)).await?.acknowledged();
            self.finish(acknowledged).await?;
            took += begun.elapsed();
            count += acknowledged;
        }
        Ok(count as f64 / took.as_secs_f64())
    }

    /// Posts at a rate for so long, and waits until the last reply has arrived.
    async fn post(&mut self, time: Duration, rate: f64) -> anyhow::Result<Latency> {
        let (mut left, mut latency) = (time, Histogram::<u64>::new(3)?);
        while !left.is_zero() {
            let stretch = left.min(STRETCH);
            left -= stretch;
            let count = (rate * stretch.as_secs_f64()).ceil() as u64;
            let deliveries = self.mill.make(count, Answered::Everything)?;
            let load = load::paced(self.target.address, deliveries, USUAL, Duration::from_secs_f64(1.0 / rate)).await?;
            self.sink.reach(load.acknowledged(), PATIENCE).await?;
            for (number, begun) in &load.begun {
                let Some(arrived) = self.sink.arrival(*number) else { bail!("the reply to {number} is missing") };
                latency.record(u64::try_from(arrived.duration_since(*begun).as_micros())?)?;
            }
            self.finish(load.acknowledged()).await?;
        }
        Ok(Latency::of(&latency))
    }

    async fn finish(&mut self, acknowledged: u64) -> anyhow::Result<()> {
        self.events += acknowledged;
        self.sink.reach(acknowledged, PATIENCE).await?;
        self.home.settle().await?;
        self.sink.clear();
        Ok(())
    }

    /// Waits until every event is forgotten with everything that belonged to it, as long as that may take, and answers how
    /// many records are left then.
    async fn forget(&self, retention: Duration) -> anyhow::Result<u64> {
        let begun = clock::instant();
        loop {
            let (is_empty, records) = (self.home.is_empty().await?, self.home.records().await?);
            if (is_empty && records <= OTHERS) || begun.elapsed() > retention + PATIENCE {
                return Ok(records);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Row {
    fn text(&self) -> String {
        let megabytes = |bytes: u64| short(bytes as f64 / 1e6);
        format!(
            "{:>6}  {:>8}  {:>9}  {:>8}  {:>9}  {:>8}  {:>8}",
            short(self.minute),
            self.events,
            self.memory.map_or_else(String::new, megabytes),
            megabytes(self.disk),
            self.records,
            short(self.latency.p50),
            short(self.latency.p99),
        )
    }
}

impl Soaked {
    /// What should not be, a line each.
    pub(super) fn faults(&self) -> Vec<String> {
        let (before, after) =
            self.rows.get(WARM..).unwrap_or_default().split_at(self.rows.len().saturating_sub(WARM) / 2);
        let most = |rows: &[Row], of: fn(&Row) -> u64| rows.iter().map(of).max().unwrap_or_default();
        let mut faults = Vec::new();
        for (what, of, slack) in [
            ("memory", (|row| row.memory.unwrap_or_default()) as fn(&Row) -> u64, SLACK.memory),
            ("the disk", |row| row.disk, SLACK.disk),
        ] {
            let (before, after) = (most(before, of), most(after, of));
            if after > before + slack && after as f64 > before as f64 * MORE {
                faults.push(format!("{what} grows: {} MB, and later {} MB", before >> 20, after >> 20));
            }
        }
        let events = self.rows.last().map_or(0, |row| row.events);
        if self.left > OTHERS {
            faults.push(format!("{} records are left when all of {events} events are forgotten", self.left));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of so many megabytes of memory and disk.
    fn soaked(memory: fn(u64) -> u64, disk: fn(u64) -> u64, left: u64) -> Soaked {
        let latency = Latency { p50: 1.0, p99: 2.0 };
        let row = |number: u64| Row {
            minute: number as f64,
            events: number,
            memory: Some(memory(number) << 20),
            disk: disk(number) << 20,
            records: 1,
            latency,
        };
        Soaked { highest: 1.0, retention: 1.0, rows: (0..30).map(row).collect(), left }
    }

    #[test]
    fn what_grows_and_what_is_not_forgotten_is_found() {
        let level = |_| 300;
        let warming = |number: u64| number.min(10) * 30;
        assert_eq!(soaked(level, level, 1).faults(), [""; 0]);
        assert_eq!(soaked(warming, warming, 1).faults(), [""; 0]);
        assert_eq!(soaked(|number| 100 + number * 5, level, 1).faults(), ["memory grows: 195 MB, and later 245 MB"]);
        let swinging = |number: u64| 300 + number % 4 * 60;
        assert_eq!(soaked(level, swinging, 1).faults(), [""; 0]);
        assert_eq!(soaked(level, |number| number * 50, 1).faults(), ["the disk grows: 950 MB, and later 1450 MB"]);
        assert_eq!(soaked(level, level, 100).faults(), [""; 0]);
        assert_eq!(soaked(level, level, 101).faults(), ["101 records are left when all of 29 events are forgotten"]);
    }
}
