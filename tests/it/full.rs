//! The disk is full. The real program on a small disk of its own: a file system in memory that only it sees, in a mount
//! namespace. What is accepted is finished, what cannot be is refused, and with room again it goes on by itself.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use rejoinder::clock::Clock;
use rejoinder::provider::sandbox::{EntryKind, Limits, Sandbox, Speaks};
use serde_json::json;

use crate::rig::{Program, entries, host, message};

const RULES: &str = r#"
version: 1
rules:
  - name: answer
    do:
      - reply: { text: "We have your message." }
"#;

/// A disk that can be filled and emptied.
struct Disk {
    filler: PathBuf,
}

impl Disk {
    /// The disk mounted at `below` in the data folder of a running program.
    fn of(program: &Program, below: &str) -> Self {
        // As the process sees it: nobody else does.
        let root = PathBuf::from(format!("/proc/{}/root", program.id()));
        let folder = program.data().join(below);
        Self { filler: root.join(folder.strip_prefix("/").unwrap()).join("filler") }
    }

    /// Leaves so many bytes free, or none.
    fn fill(&self, leave: u64) {
        let mut filler = File::options().create(true).append(true).open(&self.filler).unwrap();
        let block = vec![1; 64 * 1024];
        while filler.write_all(&block).is_ok() {}
        while filler.write_all(&block[..512]).is_ok() {}
        let length = filler.metadata().unwrap().len();
        filler.set_len(length.saturating_sub(leave)).unwrap();
    }

    fn empty(&self) {
        std::fs::remove_file(&self.filler).unwrap();
    }
}

struct Stage {
    program: Program,
    sandbox: Sandbox,
    _hosted: tokio::sync::watch::Sender<bool>,
}

impl Stage {
    /// A program with so many bytes of disk at each of these places in its data folder.
    async fn set(disks: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::new(Limits::Off);
        let (address, hosted) = host(&sandbox, Clock::system(), Duration::ZERO).await;
        let mut program = Program::prepare(address, RULES, |config| {
            config["limits"]["provider_timeout"] = json!("10s");
            // The disk is smaller than what the server wants free; here the store itself is asked.
            config["limits"]["min_free_disk"] = json!("0");
        });
        program.on_disks(disks);
        program.start().await;
        Self { program, sandbox, _hosted: hosted }
    }

    /// Posts messages, each in a conversation of its own; how many of them were acknowledged, by conversation.
    async fn post(&self, speaks: Speaks, conversations: std::ops::Range<usize>) -> Vec<String> {
        let sender = self.program.sender(speaks);
        let mut acknowledged = Vec::new();
        for number in conversations {
            let conversation = number.to_string();
            // Long enough to be kept in the journal.
            let incoming = message(speaks, &conversation, &"please ".repeat(100));
            let payload = self.sandbox.arrive(speaks, incoming, jiff::Timestamp::now());
            if sender.post(&payload).await.is_some() {
                acknowledged.push(conversation);
            }
        }
        acknowledged
    }

    async fn status(&self, speaks: Speaks, conversation: &str) -> u16 {
        let incoming = message(speaks, conversation, "is there room?");
        let payload = self.sandbox.arrive(speaks, incoming, jiff::Timestamp::now());
        self.program.sender(speaks).say(&payload).await.unwrap().status
    }

    /// Fills the disk until a delivery is refused, and returns the conversations of those that still found room: of a
    /// group that did not fit nothing stays, and where it was cut off something smaller may fit.
    async fn fill_up(&self, disk: &Disk, conversations: std::ops::Range<usize>) -> Vec<String> {
        let mut acknowledged = Vec::new();
        for conversation in conversations.map(|number| number.to_string()) {
            disk.fill(0);
            match self.status(Speaks::Spruce, &conversation).await {
                503 => return acknowledged,
                200 => acknowledged.push(conversation),
                other => panic!("{other}: {}", self.program.log()),
            }
        }
        panic!("a full disk refused nothing: {}", self.program.log());
    }

    /// Waits until each of them was answered, once.
    async fn assert_answered(&self, speaks: Speaks, conversations: &[String]) {
        self.program.settle(Duration::from_secs(60)).await;
        for conversation in conversations {
            let replies = entries(&self.sandbox, speaks, conversation, EntryKind::Reply);
            assert_eq!(replies.len(), 1, "{conversation}: {replies:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_nearly_full_takes_nothing_new_and_finishes_what_it_has() {
    let mut stage = Stage::set(&[("", "80m")]).await;
    let mut all = stage.post(Speaks::Spruce, 1_000..1_020).await;
    assert_eq!(all.len(), 20);
    let disk = Disk::of(&stage.program, "");
    disk.fill(16 << 20);
    // How much room there is is looked up ten times a second.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(stage.status(Speaks::Spruce, "900001").await, 503);
    assert_eq!(stage.status(Speaks::HighLevel, "900001").await, 429);
    stage.assert_answered(Speaks::Spruce, &all).await;
    disk.empty();
    all.extend(stage.post(Speaks::Spruce, 1_020..1_040).await);
    assert_eq!(all.len(), 40);
    stage.assert_answered(Speaks::Spruce, &all).await;
    stage.program.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_any_room_harms_nothing_and_with_room_it_goes_on_by_itself() {
    let mut stage = Stage::set(&[("", "80m")]).await;
    let disk = Disk::of(&stage.program, "");
    let (mut all, mut refused) = (Vec::new(), 0);
    for round in 0..6 {
        let first = 1_000 + round * 100;
        // Full while everybody is at work: some of these are accepted, and not yet decided or sent.
        let (posted, ()) = tokio::join!(stage.post(Speaks::Spruce, first..first + 30), async {
            tokio::time::sleep(Duration::from_millis(40 + 30 * round as u64)).await;
            disk.fill(0);
        });
        refused += 30 - posted.len();
        all.extend(posted);
        all.extend(stage.fill_up(&disk, first + 70..first + 90).await);
        // Those who decide and send run into it as well.
        tokio::time::sleep(Duration::from_millis(600)).await;
        disk.empty();
        // As a provider does, until it is taken.
        let mut after = Vec::new();
        for number in first + 50..first + 60 {
            while after.len() < number - first - 49 {
                after.extend(stage.post(Speaks::Spruce, number..number + 1).await);
            }
        }
        all.extend(after);
        stage.assert_answered(Speaks::Spruce, &all).await;
    }
    assert!(refused > 0, "the disk was never full in time");
    stage.program.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_without_room_stops_nothing() {
    let mut stage = Stage::set(&[("", "120m"), ("state", "40m")]).await;
    let mut all = stage.post(Speaks::Spruce, 1_000..1_010).await;
    let disk = Disk::of(&stage.program, "state");
    disk.fill(0);
    for round in 0..5 {
        let first = 2_000 + round * 100;
        all.extend(stage.post(Speaks::Spruce, first..first + 60).await);
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    assert_eq!(all.len(), 310, "the journal had room: {}", stage.program.log());
    stage.program.counts("rejoinder_store_state_errors_total").await;
    disk.empty();
    stage.assert_answered(Speaks::Spruce, &all).await;
    all.extend(stage.post(Speaks::Spruce, 3_000..3_010).await);
    stage.assert_answered(Speaks::Spruce, &all).await;
    stage.program.stop();
}
