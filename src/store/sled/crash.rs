//! A process that is killed at any instruction loses nothing it acknowledged. The test starts its own binary again as the
//! process to be killed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::load::{self, Acknowledged};
use super::tests::{Folder, tiny};
use crate::store::{EventQuery, Store};

const FOLDER: &str = "REJOINDER_TEST_CRASH_FOLDER";
const ROUND: &str = "REJOINDER_TEST_CRASH_ROUND";

/// Each folder is opened and killed so often.
const ROUNDS: u64 = 25;
const FOLDERS: usize = 4;

/// How long a start may take: far more than it does, because the machine may be busy and the program is not optimised.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs in a process of its own, which `a_killed_process_loses_nothing_it_acknowledged` starts and kills; without the
/// environment of that test there is nothing to do.
#[test]
fn crash_child() {
    let (Some(folder), Ok(round)) = (std::env::var_os(FOLDER), std::env::var(ROUND)) else { return };
    let store = super::open_with(Path::new(&folder), &tiny()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("\nopen");
    let say: load::Say = Arc::new(|line| println!("{line}"));
    runtime.block_on(async { load::start(&store, &round, &say).join_all().await });
}

/// Starts a child; every whole line it prints comes through the channel.
fn start(folder: &Path, round: u64) -> (Child, Receiver<String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["store::sled::crash::crash_child", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        while printed.read_line(&mut line).is_ok_and(|read| read > 0) {
            if let Some(whole) = line.strip_suffix('\n') {
                let _ = sender.send(whole.to_owned());
            }
            line.clear();
        }
    });
    (child, receiver)
}

fn chance(below: u64) -> u64 {
    RandomState::new().build_hasher().finish() % below
}

async fn open(folder: &Folder, slowest: &mut Duration) -> Arc<dyn Store> {
    let (path, begun) = (folder.path(), Instant::now());
    let store = tokio::task::spawn_blocking(move || super::open_with(&path, &tiny())).await.unwrap().unwrap();
    *slowest = begun.elapsed().max(*slowest);
    assert!(*slowest < PATIENCE, "the start took {slowest:?}");
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_killed_processes_lose_nothing_they_acknowledged() {
    let mut folders = tokio::task::JoinSet::new();
    for _ in 0..FOLDERS {
        folders.spawn(kill_in_one_folder());
    }
    let (mut slowest, mut files) = (Duration::ZERO, 0);
    for (slow, highest) in folders.join_all().await {
        (slowest, files) = (slowest.max(slow), files.max(highest));
    }
    println!("slowest start after a kill: {slowest:?}; up to {files} files of the journal were begun in a folder");
    assert!(files > 8, "so few files were begun that no snapshot was due: {files}");
}

/// Gives how long the slowest start took, and how many files of the journal were begun.
async fn kill_in_one_folder() -> (Duration, u64) {
    let (folder, mut slowest) = (Folder::new(), Duration::ZERO);
    let mut all: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let known = all.len();
        let (mut child, lines) = start(&folder.path(), round);
        // A third is killed wherever it is, also while it opens; a third when it has begun; a third when all steps were made.
        let until = ["", "open", "delivered"][(round % 3) as usize];
        while !until.is_empty() {
            let line = lines.recv_timeout(Duration::from_secs(30)).unwrap();
            all.push(line);
            if all.last().is_some_and(|line| line.starts_with(until)) {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(10 + chance(90)));
        child.kill().unwrap();
        child.wait().unwrap();
        all.extend(lines.iter());
        let store = open(&folder, &mut slowest).await;
        assert_eq!(Acknowledged::of(&all[known..]).missing_in(&*store).await, [""; 0], "round {round}");
        assert_every_event_is_decided_or_waits(&*store).await;
        store.close().await.unwrap();
    }
    let mut acknowledged = Acknowledged::of(&all);
    let (accepted, delivered) = acknowledged.counts();
    assert!(accepted >= 5 && delivered >= 5, "{accepted} accepted, {delivered} delivered");
    let store = open(&folder, &mut slowest).await;
    assert_eq!(acknowledged.missing_in(&*store).await, [""; 0]);
    // Shown something that was never there, the same look must miss it.
    acknowledged.read("accepted evt_0");
    acknowledged.read("delivered snd_0");
    assert_eq!(acknowledged.missing_in(&*store).await, ["event evt_0", "send snd_0"]);
    store.close().await.unwrap();
    let names = std::fs::read_dir(folder.path().join("journal")).unwrap();
    let numbers = names.filter_map(|entry| entry.unwrap().path().file_stem()?.to_str()?.parse().ok());
    (slowest, numbers.max().unwrap_or(0))
}

async fn assert_every_event_is_decided_or_waits(store: &dyn Store) {
    let (mut undecided, mut before) = (0, None);
    loop {
        let page = store.events(&EventQuery { before, limit: 1000, ..EventQuery::default() }).await.unwrap();
        undecided += page.iter().filter(|stored| stored.decision.is_none()).count();
        before = page.last().map(|stored| stored.event.id.clone());
        if before.is_none() {
            break;
        }
    }
    assert_eq!(store.counts().await.unwrap().undecided, undecided);
}
