//! What the system says of a process and of a folder. Read from `/proc` where there is one; nothing elsewhere.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::clock;

/// Ticks of `/proc/PID/stat` in a second: `USER_HZ`, which is 100 on every architecture that matters here.
const TICKS: u64 = 100;

/// How often the disk is asked to sync, to know how long it takes.
const SYNCS: u32 = 200;

/// Where processes run: the program that is measured on the first core, who measures it on the second.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Cores {
    /// How many there are.
    pub(super) count: usize,
    /// Whether each side has a core of its own.
    pub(super) apart: bool,
}

impl Cores {
    /// Takes the second core for this process, where `taskset` and a second core are there.
    pub(super) fn part() -> Self {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let pid = std::process::id().to_string();
        let quiet = |command: &mut Command| command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let moved = || quiet(Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", "1", &pid]));
        Self { count, apart: count > 1 && moved().is_ok_and(|status| status.success()) }
    }

    /// A command on the first core.
    pub(super) fn first(self, program: &Path) -> Command {
        if !self.apart {
            return Command::new(program);
        }
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", "0"]).arg(program);
        command
    }
}

/// The time for which a process has been on a core.
pub(super) fn cpu(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program may hold anything, also blanks; it ends with the last bracket. See proc_pid_stat(5).
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS))
}

/// The memory that a process has, and the most that it had, in bytes.
pub(super) fn memory(pid: u32) -> Option<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kilobytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some((kilobytes("VmRSS:")? * 1_024, kilobytes("VmHWM:")? * 1_024))
}

/// What a folder takes on the disk, in bytes. What is preallocated counts, holes do not.
pub(super) fn size(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { on_disk(&metadata) };
    }
    Ok(bytes)
}

#[cfg(unix)]
fn on_disk(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(metadata) * 512
}

#[cfg(not(unix))]
fn on_disk(metadata: &std::fs::Metadata) -> u64 {
    metadata.len()
}

/// How long the disk takes for an append of 4 KB with `fdatasync`, in microseconds.
pub(super) fn syncs(folder: &Path) -> anyhow::Result<Histogram<u64>> {
    let path = folder.join("sync");
    let (mut file, mut took) = (File::create(&path)?, Histogram::new(3)?);
    for _ in 0..SYNCS {
        let begun = clock::instant();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        took.record(u64::try_from(begun.elapsed().as_micros())?)?;
    }
    std::fs::remove_file(path)?;
    Ok(took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_works_is_seen_to_work() {
        let (pid, before) = (std::process::id(), cpu(std::process::id()).unwrap());
        let mut sum = 0_u64;
        while cpu(pid).unwrap() < before + Duration::from_millis(30) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let (now, most) = memory(pid).unwrap();
        assert!(now > 1 << 20 && most >= now);
        assert_eq!(cpu(u32::MAX), None);
    }

    #[test]
    fn a_folder_is_as_large_as_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        std::fs::create_dir(&below).unwrap();
        let before = size(folder.path()).unwrap();
        let mut file = File::create(below.join("file")).unwrap();
        file.write_all(&[1; 100_000]).unwrap();
        file.sync_all().unwrap();
        assert!(size(folder.path()).unwrap() >= before + 90_000);
    }
}
