//! `bench`: this program under load on this machine, beside the floor in the same run: a program that only verifies and
//! appends. Both are processes of their own, on one core; who posts and who takes the replies is here, on another. Loopback
//! only. What is measured and what is aimed at stands in docs/performance.md.

mod deliveries;
mod floor;
mod load;
mod machine;
mod report;
mod sink;
mod soak;
mod target;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use hdrhistogram::Histogram;
use jiff::SignedDuration;
use serde_json::json;

use self::deliveries::{Answered, Mill};
use self::machine::Cores;
use self::report::{EndToEnd, Latency, Measured, Memory, Pair, Report, Starts};
use self::sink::Sink;
use self::target::{Home, PATIENCE, Target};
use super::signals::{Signals, Told};
use super::{Ended, Format, output, serve};
use crate::clock;
use crate::config::{self, Settings};
use crate::model::duration;

/// The number of connections that the targets speak of.
const USUAL: usize = 32;

/// How many deliveries are signed at once, so that memory and the age of signatures stay small.
const PART: u64 = 10_000;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rejoinder bench\n  rejoinder bench --connections 32 --settled 1000000 --format json"
)]
pub(super) struct Arguments {
    /// Open connections, several to be tried one after the other.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1,16,32,64,256")]
    connections: Vec<usize>,
    /// Deliveries of each load, at the most.
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    events: u64,
    /// How long each load is posted, at the most.
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    seconds: u64,
    /// Deliveries in a second, where the time from first byte to request is measured.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    rate: u32,
    /// Settled events in the store when the engine is started again.
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    settled: u64,
    /// Where the data is written; it goes when all is done. A folder in memory would measure no disk.
    #[arg(long, value_name = "FOLDER", default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Instead of all that, run at half of the highest throughput for so long, and fail where memory or disk grow.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    soak: Option<SignedDuration>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Be the engine of this configuration, and forget after `--retention`.
    #[arg(long, hide = true, requires = "retention")]
    be_engine: Option<PathBuf>,
    /// After how many seconds the engine forgets: sooner than a configuration may say.
    #[arg(long, hide = true)]
    retention: Option<f64>,
    /// Be the floor, and append to this file.
    #[arg(long, hide = true, requires = "listen")]
    be_floor: Option<PathBuf>,
    /// Where the floor listens.
    #[arg(long, hide = true)]
    listen: Option<SocketAddr>,
}

/// What all measurements share.
struct Bench {
    arguments: Arguments,
    cores: Cores,
    sink: Sink,
    mill: Mill,
    memory: Memory,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Ended> {
    if let (Some(file), Some(address)) = (&arguments.be_floor, arguments.listen) {
        floor::run(file, address).await?;
        return Ok(Ended::Fine);
    }
    if let (Some(file), Some(retention)) = (&arguments.be_engine, arguments.retention) {
        let settings = Settings { retention: SignedDuration::try_from_secs_f64(retention)?, ..config::load(file)? };
        return serve::run_with(settings).await;
    }
    if arguments.connections.contains(&0) || arguments.events == 0 || arguments.seconds == 0 || arguments.rate == 0 {
        bail!("connections, events, seconds and rate must be more than nothing");
    }
    if let Some(time) = arguments.soak {
        return soak(arguments, Duration::try_from(time)?).await;
    }
    let format = arguments.format;
    let (cores, sink, mill) = (Cores::part(), Sink::serve().await?, Mill::new()?);
    let bench = Bench { arguments, cores, sink, mill, memory: Memory::default() };
    let mut signals = Signals::listen()?;
    let report = tokio::select! {
        report = bench.measure() => report?,
        // What was started and written goes with what measured it.
        () = async { while signals.next().await != Told::End {} } => bail!("ended before everything was measured"),
    };
    match format {
        Format::Text => report.print(),
        Format::Json => output::json(&json!(report)),
    }
    Ok(Ended::Fine)
}

async fn soak(arguments: Arguments, time: Duration) -> anyhow::Result<Ended> {
    let is_told = matches!(arguments.format, Format::Text);
    let mut signals = Signals::listen()?;
    let soaked = tokio::select! {
        soaked = soak::run(&arguments, time, is_told) => soaked?,
        () = async { while signals.next().await != Told::End {} } => bail!("ended before everything was seen"),
    };
    let faults = soaked.faults();
    if is_told {
        output::line("");
        faults.iter().for_each(output::line);
    } else {
        let mut answer = json!(soaked);
        answer["faults"] = json!(faults);
        output::json(&answer);
    }
    Ok(if faults.is_empty() { Ended::Fine } else { Ended::Failed })
}

impl Bench {
    async fn measure(mut self) -> anyhow::Result<Report> {
        let folder = target::folder(&self.arguments.folder)?;
        let sync = Latency::of(&machine::syncs(folder.path())?);
        let mut pairs = Vec::new();
        let connections = self.arguments.connections.clone();
        for connections in &connections {
            pairs.push(self.pair("none", Answered::Nothing, *connections).await?);
        }
        let usual = if connections.contains(&USUAL) { USUAL } else { connections[0] };
        pairs.push(self.pair("tenth", Answered::Tenth, usual).await?);
        pairs.push(self.pair("every", Answered::Everything, usual).await?);
        let end_to_end = self.end_to_end().await?;
        let starts = self.starts(usual).await?;
        let mut report =
            Report { cores: self.cores, sync, pairs, end_to_end, memory: self.memory, starts, targets: Vec::new() };
        report.judge(usual);
        Ok(report)
    }

    fn most(&self) -> Duration {
        Duration::from_secs(self.arguments.seconds)
    }

    async fn pair(&mut self, load: &'static str, answered: Answered, connections: usize) -> anyhow::Result<Pair> {
        let floor = self.floor(connections).await?;
        let engine = self.engine(answered, connections).await?;
        Ok(Pair::new(load, connections, floor, engine))
    }

    async fn floor(&mut self, connections: usize) -> anyhow::Result<Measured> {
        let folder = target::folder(&self.arguments.folder)?;
        let target = Target::floor(self.cores, &folder).await?;
        let deliveries = self.mill.make(self.arguments.events, Answered::Nothing)?;
        let (cpu, own) = (target.cpu(), own_cpu());
        let load = load::closed(target.address, deliveries, connections, self.most()).await?;
        let (cpu, own) = (since(cpu, target.cpu()), since(own, own_cpu()));
        Ok(Measured::of(&load, load.took, cpu, machine::size(folder.path())?, own))
    }

    /// The engine, until the last event is decided and the last reply has arrived.
    async fn engine(&mut self, answered: Answered, connections: usize) -> anyhow::Result<Measured> {
        let home = Home::prepare(&self.arguments.folder, self.sink.address)?;
        let target = Target::engine(self.cores, &home).await?;
        self.sink.clear();
        self.memory.idle = self.memory.idle.or(target.memory().map(|(now, _)| now));
        let deliveries = self.mill.make(self.arguments.events, answered)?;
        let (disk, cpu, own, start) = (home.size()?, target.cpu(), own_cpu(), clock::instant());
        let load = load::closed(target.address, deliveries, connections, self.most()).await?;
        let own = since(own, own_cpu());
        let last = self.sink.reach(answered.of(load.acknowledged()), PATIENCE).await?;
        home.settle().await?;
        let finished = match (answered, last) {
            (Answered::Nothing, _) | (_, None) => start.elapsed(),
            (_, Some(last)) => last.duration_since(start),
        };
        let cpu = since(cpu, target.cpu());
        self.memory.most = self.memory.most.max(target.memory().map(|(_, most)| most));
        target.stop().await?;
        Ok(Measured::of(&load, finished.max(load.took), cpu, home.size()?.saturating_sub(disk), own))
    }

    async fn end_to_end(&mut self) -> anyhow::Result<EndToEnd> {
        let rate = self.arguments.rate;
        let home = Home::prepare(&self.arguments.folder, self.sink.address)?;
        let target = Target::engine(self.cores, &home).await?;
        self.sink.clear();
        let events = u64::from(rate) * self.arguments.seconds;
        let deliveries = self.mill.make(events, Answered::Everything)?;
        let load = load::paced(target.address, deliveries, USUAL, Duration::from_secs(1) / rate).await?;
        self.sink.reach(events, PATIENCE).await?;
        let mut took = Histogram::<u64>::new(3)?;
        for (number, begun) in &load.begun {
            let Some(arrived) = self.sink.arrival(*number) else { bail!("the reply to delivery {number} is missing") };
            took.record(u64::try_from(arrived.duration_since(*begun).as_micros())?)?;
        }
        target.stop().await?;
        Ok(EndToEnd { rate, events, latency: Latency::of(&took) })
    }

    /// Fills a store, one event in ten answered, and starts the engine again: after it has ended, and after SIGKILL.
    async fn starts(&mut self, connections: usize) -> anyhow::Result<Starts> {
        let home = Home::prepare(&self.arguments.folder, self.sink.address)?;
        let target = Target::engine(self.cores, &home).await?;
        let mut settled = 0;
        while settled < self.arguments.settled {
            let part = PART.min(self.arguments.settled - settled);
            let deliveries = self.mill.make(part, Answered::Tenth)?;
            settled += load::closed(target.address, deliveries, connections, PATIENCE).await?.acknowledged();
        }
        home.settle().await?;
        self.memory.most = self.memory.most.max(target.memory().map(|(_, most)| most));
        target.stop().await?;
        let target = Target::engine(self.cores, &home).await?;
        let after_stop = target.started_in;
        let deliveries = self.mill.make(self.arguments.events, Answered::Tenth)?;
        let under_load = tokio::spawn(load::closed(target.address, deliveries, connections, self.most()));
        tokio::time::sleep(self.most() / 2).await;
        drop(target);
        // Cut off, or finished before.
        let _ = under_load.await?;
        let after_kill = Target::engine(self.cores, &home).await?.started_in;
        let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0;
        Ok(Starts { settled, after_stop: milliseconds(after_stop), after_kill: milliseconds(after_kill) })
    }
}

fn own_cpu() -> Option<Duration> {
    machine::cpu(std::process::id())
}

fn since(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    after?.checked_sub(before?)
}
