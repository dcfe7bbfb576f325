//! A process that is killed at any instruction loses nothing it acknowledged. The test starts its own binary again as the
//! process to be killed.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::tests::Folder;
use crate::model::{Decision, EventId, SendId, SendState};
use crate::store::conformance::Harness;
use crate::store::conformance::sample::{LEASE, at, decision, delivered, desk, event, reply};
use crate::store::{Commit, EventQuery, SendQuery, Store};

const FOLDER: &str = "REJOINDER_TEST_CRASH_FOLDER";
const ROUND: &str = "REJOINDER_TEST_CRASH_ROUND";
const ROUNDS: u64 = 15;

/// What a child was told is durable.
#[derive(Debug, Default)]
struct Acknowledged {
    accepted: BTreeSet<EventId>,
    decided: BTreeSet<EventId>,
    started: BTreeSet<SendId>,
    delivered: BTreeSet<SendId>,
}

impl Acknowledged {
    fn of(lines: &[String]) -> Self {
        let mut acknowledged = Self::default();
        lines.iter().for_each(|line| acknowledged.read(line));
        acknowledged
    }

    fn read(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("accepted", id)) => drop(self.accepted.insert(id.into())),
            Some(("decided", id)) => drop(self.decided.insert(id.into())),
            Some(("started", id)) => drop(self.started.insert(id.into())),
            Some(("delivered", id)) => drop(self.delivered.insert(id.into())),
            _ => {}
        }
    }

    /// Everything that is not as acknowledged.
    async fn missing_in(&self, store: &dyn Store) -> Vec<String> {
        let mut missing = Vec::new();
        for id in self.accepted.iter().chain(&self.decided) {
            let Some(stored) = store.event(id).await.unwrap() else {
                missing.push(format!("event {id}"));
                continue;
            };
            if self.decided.contains(id) && stored.decision.is_none() {
                missing.push(format!("the decision on {id}"));
            }
            let query = SendQuery { event: Some(id.clone()), ..SendQuery::default() };
            if stored.decision.is_some() && store.sends(&query).await.unwrap().len() != 1 {
                missing.push(format!("the send of {id}"));
            }
        }
        for id in self.started.iter().chain(&self.delivered) {
            let Some(send) = store.send(id).await.unwrap() else {
                missing.push(format!("send {id}"));
                continue;
            };
            if !send.was_tried() || send.state == SendState::Pending {
                missing.push(format!("the attempt of {id}"));
            }
            if self.delivered.contains(id) && send.state != SendState::Delivered {
                missing.push(format!("the delivery of {id}"));
            }
        }
        missing
    }
}

/// Runs in a process of its own, which `a_killed_process_loses_nothing_it_acknowledged` starts and kills; without the
/// environment of that test there is nothing to do.
#[test]
fn crash_child() {
    let (Some(folder), Ok(round)) = (std::env::var_os(FOLDER), std::env::var(ROUND)) else { return };
    let store = super::open(Path::new(&folder)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("\nopen");
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for producer in 0..4 {
            tasks.spawn(produce(store.clone(), format!("{round}-{producer}")));
        }
        for _ in 0..2 {
            tasks.spawn(decide(store.clone()));
            tasks.spawn(deliver(store.clone()));
        }
        tasks.join_all().await;
    });
}

async fn produce(store: Arc<dyn Store>, name: String) {
    for number in 0.. {
        let new = event(&format!("{name}-{number}"), &format!("{name}-{}", number % 5));
        let id = new.id.clone();
        store.accept(new).await.unwrap();
        println!("accepted {id}");
    }
}

async fn decide(store: Arc<dyn Store>) {
    loop {
        let Some(claim) = store.claim_event(at(0), LEASE).await.unwrap() else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        let sends = vec![reply(&claim.event, 0, 0)];
        let committed = store.commit_decision(&claim, Decision { sends, ..decision(&claim) }).await.unwrap();
        assert_eq!(committed, Commit::Done);
        println!("decided {}", claim.event.id);
    }
}

async fn deliver(store: Arc<dyn Store>) {
    loop {
        let Some(claim) = store.claim_send(&desk(), at(0), LEASE).await.unwrap() else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        println!("started {}", claim.send.id);
        assert_eq!(store.commit_attempt(&claim, delivered(&claim)).await.unwrap(), Commit::Done);
        println!("delivered {}", claim.send.id);
    }
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

#[tokio::test]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    let folder = Folder::new();
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
        std::thread::sleep(Duration::from_millis(20 + chance(180)));
        child.kill().unwrap();
        child.wait().unwrap();
        all.extend(lines.iter());
        let store = folder.open().await.unwrap();
        assert_eq!(Acknowledged::of(&all[known..]).missing_in(&*store).await, [""; 0], "round {round}");
        assert_every_event_is_decided_or_waits(&*store).await;
        store.close().await.unwrap();
    }
    let mut acknowledged = Acknowledged::of(&all);
    let (accepted, delivered) = (acknowledged.accepted.len(), acknowledged.delivered.len());
    assert!(accepted >= 5 && delivered >= 5, "{accepted} accepted, {delivered} delivered");
    let store = folder.open().await.unwrap();
    assert_eq!(acknowledged.missing_in(&*store).await, [""; 0]);
    // Shown something that was never there, the same look must miss it.
    acknowledged.read("accepted evt_0");
    acknowledged.read("delivered snd_0");
    assert_eq!(acknowledged.missing_in(&*store).await, ["event evt_0", "send snd_0"]);
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
