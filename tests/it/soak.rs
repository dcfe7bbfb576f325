//! The real program at half of its highest throughput for a while: it keeps up, and nothing grows that should not. For a few
//! seconds among the other tests; `scripts/soak` does it for half an hour and prints a line each minute.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rejoinder::clock::Clock;
use rejoinder::provider::sandbox::{Limits, Sandbox, Speaks};
use tokio::task::JoinSet;

use crate::rig::{Program, Sender, host, message};

const RULES: &str = r#"
version: 1
rules:
  - name: answer
    do:
      - reply: { text: "We have your message." }
"#;

/// For how many minutes; a few seconds where nobody says.
const MINUTES: &str = "REJOINDER_SOAK_MINUTES";

const SENDERS: u32 = 16;

/// Posts until the time is over, each sender one in every `pace`; how many were acknowledged.
async fn post(
    sender: &Arc<Sender>,
    sandbox: &Sandbox,
    next: &Arc<AtomicUsize>,
    time: Duration,
    pace: Duration,
) -> usize {
    let (begun, mut tasks) = (Instant::now(), JoinSet::new());
    for _ in 0..SENDERS {
        let (sender, sandbox, next) = (Arc::clone(sender), sandbox.clone(), Arc::clone(next));
        tasks.spawn(async move {
            let (mut posted, mut ticks) = (0, tokio::time::interval(pace.max(Duration::from_micros(1))));
            while begun.elapsed() < time {
                ticks.tick().await;
                let conversation = next.fetch_add(1, Ordering::Relaxed).to_string();
                let incoming = message(Speaks::Spruce, &conversation, "soak");
                sender.insist(&sandbox.arrive(Speaks::Spruce, incoming, jiff::Timestamp::now())).await;
                posted += 1;
            }
            posted
        });
    }
    tasks.join_all().await.into_iter().sum()
}

/// The bytes and the number of files below a folder.
fn taken(folder: &Path) -> (u64, usize) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.fold((0, 0), |(bytes, files), entry| match entry.metadata() {
        Ok(about) if about.is_dir() => {
            let below = taken(&entry.path());
            (bytes + below.0, files + below.1)
        }
        Ok(about) => (bytes + about.len(), files + 1),
        Err(_) => (bytes, files),
    })
}

/// The memory that a process has in use, in megabytes.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_the_highest_throughput_is_kept_up() {
    let minutes: Option<u32> = std::env::var(MINUTES).ok().map(|minutes| minutes.parse().unwrap());
    let (unit, units) = minutes.map_or((Duration::from_secs(1), 3), |minutes| (Duration::from_secs(60), minutes));
    let sandbox = Sandbox::new(Limits::Off);
    let (address, _hosted) = host(&sandbox, Clock::system(), Duration::ZERO).await;
    let mut program = Program::prepare(address, RULES, |_| {});
    program.start().await;
    let (sender, next) = (program.sender(Speaks::Spruce), Arc::new(AtomicUsize::new(1_000)));
    let (begun, trial) = (Instant::now(), unit / 6);
    let highest = post(&sender, &sandbox, &next, trial, Duration::ZERO).await as f64 / begun.elapsed().as_secs_f64();
    let pace = Duration::from_secs_f64(f64::from(SENDERS) * 2.0 / highest);
    println!("{highest:.0} a second are taken; {:.0} a second are posted from now on", highest / 2.0);
    println!("  unit  posted  waiting  memory MB  data MB  journal files");
    let mut all = 0;
    for number in 1..=units {
        all += post(&sender, &sandbox, &next, unit, pace).await;
        let waiting = program.ask("/api/v1/status").await["counts"]["open_sends"].as_u64().unwrap();
        let (bytes, _) = taken(&program.data());
        let files = taken(&program.data().join("journal")).1;
        println!("{number:6}  {all:6}  {waiting:7}  {:9}  {:7}  {files:13}", memory(program.id()), bytes >> 20);
    }
    program.settle(Duration::from_secs(60)).await;
    assert!(all > 0 && memory(program.id()) > 0 && taken(&program.data()).0 > 0);
    program.stop();
}
