//! What hostile scripts take, measured in a process of its own, where nothing else takes memory or time. Linux tells a
//! process its peak.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use super::tests::{HOSTILE, facts};
use super::{Engine, Limits};

/// The most that a script may take beside what the program has, in KiB.
const MEMORY: usize = 64 * 1024;
/// The longest that a script may run. Without optimisation everything takes longer.
const TIME: Duration = if cfg!(debug_assertions) { Duration::from_secs(1) } else { Duration::from_millis(100) };

/// The most memory that this process has had so far, in KiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// By how much a script raises the peak, and how long it runs.
fn taken(engine: &Engine, source: &str) -> (usize, Duration) {
    let (before, started) = (peak(), Instant::now());
    if let Ok(block) = engine.compile_block(source) {
        let _ = block.run(engine, &facts());
    }
    (peak().saturating_sub(before), started.elapsed())
}

fn alone(test: &str) {
    let name = format!("rules::script::memory::{test}");
    let program = std::env::current_exe().unwrap();
    let run =
        std::process::Command::new(program).args(["--exact", &name, "--ignored", "--nocapture"]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_hostile_script_takes_little_memory_and_time() {
    alone("every_hostile_script");
}

#[test]
#[ignore = "the test above runs it in a process of its own"]
fn every_hostile_script() {
    let engine = Engine::new(Limits::default());
    for (source, _) in HOSTILE {
        let (memory, time) = taken(&engine, source);
        assert!(memory < MEMORY && time < TIME, "{source} took {memory} KiB in {time:?}");
    }
}

#[test]
fn a_script_without_bounds_is_seen_to_take_more() {
    alone("a_planted_growth");
}

#[test]
#[ignore = "the test above runs it in a process of its own"]
fn a_planted_growth() {
    let free = Limits {
        max_memory: 1 << 30,
        max_array: 1 << 24,
        wall_time: jiff::SignedDuration::from_mins(5),
        ..Limits::default()
    };
    let (memory, _) = taken(&Engine::new(free), "let a = []; a.pad(6000000, 1); tag(\"x\")");
    assert!(memory > MEMORY, "{memory} KiB");
}
