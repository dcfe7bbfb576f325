//! What was measured, beside the floor and beside what was aimed at.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::load::Load;
use super::machine::Cores;
use crate::cli::output;

/// Everything that was measured in one run.
#[derive(Serialize)]
pub(super) struct Report {
    /// The machine.
    pub(super) cores: Cores,
    /// How long an append of 4 KB with `fdatasync` takes.
    pub(super) sync: Latency,
    /// The floor and the engine by turns.
    pub(super) pairs: Vec<Pair>,
    /// From the first byte of a delivery to the request at the provider, at a fixed rate.
    pub(super) end_to_end: EndToEnd,
    /// Memory of the engine, in bytes.
    pub(super) memory: Memory,
    /// The engine started again.
    pub(super) starts: Starts,
    /// What was aimed at.
    pub(super) targets: Vec<Target>,
}

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    /// For one of two.
    pub(super) p50: f64,
    /// For 99 of 100.
    pub(super) p99: f64,
}

/// One program under one load.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Measured {
    /// Acknowledged in a second.
    pub(super) accepted: f64,
    /// Finished in a second: decided, and the last reply arrived.
    pub(super) finished: f64,
    /// From request to answer.
    pub(super) latency: Latency,
    /// Time on a core for each, in microseconds, until the last was finished.
    pub(super) cpu: Option<f64>,
    /// Bytes on the disk for each.
    pub(super) disk: f64,
    /// The part of the time for which the senders were on their core; near 1, it is they who are measured.
    pub(super) senders: Option<f64>,
}

/// The floor and the engine under the same load, one after the other.
#[derive(Serialize)]
pub(super) struct Pair {
    /// Which messages a rule answers.
    pub(super) load: &'static str,
    /// Open connections.
    pub(super) connections: usize,
    /// The program that only verifies and appends.
    pub(super) floor: Measured,
    /// This program.
    pub(super) engine: Measured,
    /// Accepted, engine to floor.
    pub(super) accepted_ratio: f64,
    /// Finished, engine to floor.
    pub(super) finished_ratio: f64,
    /// 99 of 100, engine to floor.
    pub(super) p99_ratio: f64,
}

/// From first byte to request.
#[derive(Clone, Copy, Serialize)]
pub(super) struct EndToEnd {
    /// Deliveries in a second.
    pub(super) rate: u32,
    /// How many.
    pub(super) events: u64,
    /// How long it took.
    pub(super) latency: Latency,
}

/// Memory, in bytes.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct Memory {
    /// Just started.
    pub(super) idle: Option<u64>,
    /// The most of all loads.
    pub(super) most: Option<u64>,
}

/// Starts, in milliseconds until ready.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Starts {
    /// How many settled events there were.
    pub(super) settled: u64,
    /// After it had ended in order.
    pub(super) after_stop: f64,
    /// After SIGKILL under load.
    pub(super) after_kill: f64,
}

/// Something that is aimed at.
#[derive(Serialize)]
pub(super) struct Target {
    /// What.
    pub(super) what: &'static str,
    /// What came out.
    pub(super) measured: Option<f64>,
    /// What is wanted.
    pub(super) wanted: f64,
    /// In what.
    pub(super) unit: &'static str,
    /// Whether it is met; nothing where it was not measured.
    pub(super) is_met: Option<bool>,
}

impl Latency {
    /// Of microseconds.
    pub(super) fn of(times: &Histogram<u64>) -> Self {
        let at = |quantile| Duration::from_micros(times.value_at_quantile(quantile)).as_secs_f64() * 1_000.0;
        Self { p50: at(0.5), p99: at(0.99) }
    }
}

impl Measured {
    /// Of a load that was finished after `finished`, with the time on a core it took, and what it left on the disk.
    pub(super) fn of(
        load: &Load,
        finished: Duration,
        cpu: Option<Duration>,
        disk: u64,
        senders: Option<Duration>,
    ) -> Self {
        let count = load.acknowledged() as f64;
        Self {
            accepted: count / load.took.as_secs_f64(),
            finished: count / finished.as_secs_f64(),
            latency: Latency::of(&load.latency),
            cpu: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / count),
            disk: disk as f64 / count,
            senders: senders.map(|busy| busy.as_secs_f64() / load.took.as_secs_f64()),
        }
    }
}

impl Pair {
    pub(super) fn new(load: &'static str, connections: usize, floor: Measured, engine: Measured) -> Self {
        let accepted_ratio = engine.accepted / floor.accepted;
        let finished_ratio = engine.finished / floor.accepted;
        let p99_ratio = engine.latency.p99 / floor.latency.p99;
        Self { load, connections, floor, engine, accepted_ratio, finished_ratio, p99_ratio }
    }
}

impl Report {
    /// Compares with what is aimed at; `connections` is the number that the targets speak of.
    pub(super) fn judge(&mut self, connections: usize) {
        let pair = |load: &str| self.pairs.iter().find(|pair| pair.load == load && pair.connections == connections);
        let (plain, tenth, every) = (pair("none"), pair("tenth"), pair("every"));
        let megabytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / 1e6);
        let least = |what, measured: Option<f64>, wanted: f64, unit| {
            let is_met = measured.map(|measured| measured >= wanted);
            Target { what, measured, wanted, unit, is_met }
        };
        let most = |what, measured: Option<f64>, wanted: f64, unit| {
            let is_met = measured.map(|measured| measured <= wanted);
            Target { what, measured, wanted, unit, is_met }
        };
        self.targets = vec![
            least("accepted, none answered", plain.map(|pair| pair.accepted_ratio), 0.65, "of the floor, at least"),
            most("p99 of accepting, none answered", plain.map(|pair| pair.p99_ratio), 2.0, "times the floor's"),
            least("finished, 1 in 10 answered", tenth.map(|pair| pair.finished_ratio), 0.5, "of the floor, at least"),
            least(
                "finished, every one answered",
                every.map(|pair| pair.finished_ratio),
                0.42,
                "of the floor, at least",
            ),
            most("first byte to request, p50", Some(self.end_to_end.latency.p50), 3.0, "ms"),
            most("first byte to request, p99", Some(self.end_to_end.latency.p99), 15.0, "ms"),
            most("disk for each event", every.map(|pair| pair.engine.disk), 2_500.0, "bytes"),
            most("CPU for each event, none answered", plain.and_then(|pair| pair.engine.cpu), 60.0, "µs"),
            most("CPU for each event, every one answered", every.and_then(|pair| pair.engine.cpu), 150.0, "µs"),
            most("memory, idle", megabytes(self.memory.idle), 30.0, "MB"),
            most("memory, at full load", megabytes(self.memory.most), 150.0, "MB"),
            most("start with settled events", Some(self.starts.after_stop), 1_000.0, "ms"),
            most("start after SIGKILL under load", Some(self.starts.after_kill), 2_000.0, "ms"),
        ];
    }

    /// Prints it for people.
    pub(super) fn print(&self) {
        let apart = if self.cores.apart { "a core for each side" } else { "both sides on all cores; no `taskset`" };
        output::line(format!(
            "{} cores, {apart}. An append with fdatasync takes {} ms (p50), {} ms (p99).\n",
            self.cores.count,
            short(self.sync.p50),
            short(self.sync.p99)
        ));
        let head = [
            "ANSWERED",
            "CONNECTIONS",
            "PROGRAM",
            "ACCEPTED/S",
            "FINISHED/S",
            "P50 MS",
            "P99 MS",
            "CPU µS",
            "DISK BYTES",
            "SENDERS",
            "ACCEPTED",
            "FINISHED",
            "P99",
        ];
        output::table(&head, self.pairs.iter().flat_map(Pair::rows).collect(), "nothing was measured");
        let end_to_end = &self.end_to_end;
        output::line(format!(
            "\nFirst byte to request, {} events at {}/s: {} ms (p50), {} ms (p99).\nStarts with {} settled events: {} ms; \
             after SIGKILL under load {} ms.\n",
            end_to_end.events,
            end_to_end.rate,
            short(end_to_end.latency.p50),
            short(end_to_end.latency.p99),
            self.starts.settled,
            short(self.starts.after_stop),
            short(self.starts.after_kill),
        ));
        let rows = self.targets.iter().map(|target| {
            let is_met = target.is_met.map_or("not measured", |is_met| if is_met { "met" } else { "missed" });
            let measured = target.measured.map_or_else(String::new, short);
            vec![target.what.to_owned(), measured, short(target.wanted), target.unit.to_owned(), is_met.to_owned()]
        });
        output::table(&["TARGET", "MEASURED", "WANTED", "", ""], rows.collect(), "");
    }
}

impl Pair {
    fn rows(&self) -> [Vec<String>; 2] {
        let row = |program: &str, measured: &Measured, ratios: [f64; 3]| {
            let optional = |value: Option<f64>| value.map_or_else(String::new, short);
            let mut row = vec![self.load.to_owned(), self.connections.to_string(), program.to_owned()];
            row.extend([measured.accepted, measured.finished, measured.latency.p50, measured.latency.p99].map(short));
            row.extend([optional(measured.cpu), short(measured.disk), optional(measured.senders)]);
            row.extend(ratios.map(|ratio| format!("{ratio:.2}")));
            row
        };
        [
            row("floor", &self.floor, [1.0; 3]),
            row("engine", &self.engine, [self.accepted_ratio, self.finished_ratio, self.p99_ratio]),
        ]
    }
}

/// Three digits are more than such a measurement is worth.
pub(super) fn short(value: f64) -> String {
    match value {
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => format!("{large:.0}"),
    }
}
