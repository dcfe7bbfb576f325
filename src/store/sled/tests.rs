//! The sled store keeps every promise, and says what is wrong with a folder. Being killed is in `crash`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::watch::Watch;
use super::{Journaled, Options};
use crate::model::{Decision, Message};
use crate::store::conformance::sample::{LEASE, at, decision, event, reply};
use crate::store::conformance::{self, DURABLE, Harness, PROMISES};
use crate::store::{Store, StoreError};

/// A text that does not become shorter when it is compressed, so that it stays in the journal.
pub(super) fn dense(seed: u64, length: usize) -> String {
    let block = |index: usize| format!("{:016x}", xxh3_64_with_seed(&index.to_le_bytes(), seed));
    (0..length.div_ceil(16)).map(block).collect()
}

/// A data folder that is removed with the value.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }
}

#[async_trait]
impl Harness for Folder {
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        let path = self.path();
        tokio::task::spawn_blocking(move || super::open(&path)).await.unwrap()
    }
}

#[tokio::test]
async fn sled_keeps_its_promises() {
    assert_eq!(conformance::run(|| Box::new(Folder::new()), PROMISES).await, []);
}

#[tokio::test]
async fn sled_keeps_its_promises_over_a_restart() {
    assert_eq!(conformance::run(|| Box::new(Folder::new()), DURABLE).await, []);
}

#[test]
fn a_folder_in_use_is_busy() {
    let folder = Folder::new();
    let _open = super::open(&folder.path()).unwrap();
    let error = super::open(&folder.path()).err().unwrap();
    assert!(matches!(error, StoreError::Busy { .. }));
    let said = error.to_string().replace(&folder.path().display().to_string(), "DATA");
    insta::assert_snapshot!(said, @"another process has the data folder DATA open; stop it (is `rejoinder serve` running there?) or choose another folder");
}

#[tokio::test]
async fn an_unfinished_snapshot_is_removed() {
    let folder = Folder::new();
    folder.open().await.unwrap().close().await.unwrap();
    let unfinished = folder.path().join("state/snap.FFFFFFFFFFFFFFFF.generating");
    std::fs::write(&unfinished, "nonsense").unwrap();
    folder.open().await.unwrap().close().await.unwrap();
    assert!(!unfinished.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_look_into_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let _open = folder.open().await.unwrap();
    assert_eq!(std::fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn no_value_is_left_to_a_file_that_sled_never_syncs() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    for key in 0..60_usize {
        let mut long = event(&key.to_string(), &key.to_string());
        long.message = Some(Message { text: dense(key as u64, 3_000 + key * 10_000), ..Message::default() });
        store.accept(long).await.unwrap();
    }
    decide_all(&*store).await;
    store.close().await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("state/blobs")).unwrap().count(), 0);
}

/// What is below a store, without it.
pub(super) fn journaled(path: &Path, options: &Options) -> Result<Journaled, StoreError> {
    super::open::open(path, options, &Arc::new(Watch::new(options.patience)))
}

/// Sizes with which files are finished, handed down and covered by snapshots all the time.
pub(super) fn tiny() -> Options {
    let pace = Duration::from_millis(5);
    Options { segment: 20_000, layer: 4_000, pace, reclaim: 100, ..Options::default() }
}

struct Sized(Folder, Options);

#[async_trait]
impl Harness for Sized {
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        let (path, options) = (self.0.path(), self.1.clone());
        tokio::task::spawn_blocking(move || super::open_with(&path, &options)).await.unwrap()
    }
}

#[tokio::test]
async fn tiny_files_keep_every_promise() {
    assert_eq!(conformance::run(|| Box::new(Sized(Folder::new(), tiny())), PROMISES).await, []);
    assert_eq!(conformance::run(|| Box::new(Sized(Folder::new(), tiny())), DURABLE).await, []);
}

async fn decide_all(store: &dyn Store) {
    while let Some(claim) = store.claim_event(at(0), LEASE).await.unwrap() {
        store.commit_decision(&claim, decision(&claim)).await.unwrap();
    }
}

/// Everything a store holds, as it is listed.
async fn everything(store: &dyn Store) -> Vec<crate::store::StoredEvent> {
    store.events(&crate::store::EventQuery { limit: 1000, ..Default::default() }).await.unwrap()
}

#[tokio::test]
async fn a_state_that_is_gone_is_made_anew() {
    for with_snapshot in [false, true] {
        // Files of the usual size are not finished so soon: without a snapshot all of the journal is there.
        let folder = Sized(Folder::new(), if with_snapshot { tiny() } else { Options::default() });
        let store = folder.open().await.unwrap();
        for key in 0..240 {
            store.accept(event(&key.to_string(), &(key % 7).to_string())).await.unwrap();
        }
        decide_all(&*store).await;
        if with_snapshot {
            until(|| snapshots(&folder.0) > 0).await;
        }
        store.accept(event("last", "1")).await.unwrap();
        let before = everything(&*store).await;
        store.close().await.unwrap();
        std::fs::remove_dir_all(folder.0.path().join("state")).unwrap();
        let store = folder.open().await.unwrap();
        assert_eq!(everything(&*store).await, before);
        assert_eq!(store.accept(event("3", "1")).await.unwrap(), crate::store::Accepted::Duplicate);
        assert_eq!(store.counts().await.unwrap().undecided, 1);
        store.close().await.unwrap();
    }
}

fn snapshots(folder: &Folder) -> usize {
    let names = std::fs::read_dir(folder.path().join("snapshots")).unwrap();
    names.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".gz")).count()
}

fn journal_files(folder: &Folder) -> usize {
    std::fs::read_dir(folder.path().join("journal")).unwrap().count()
}

async fn until(reached: impl Fn() -> bool) {
    let all = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
}

#[tokio::test]
async fn what_is_forgotten_gives_its_room_back() {
    let folder = Sized(Folder::new(), tiny());
    let store = folder.open().await.unwrap();
    // One that is never decided keeps its place, wherever its file goes.
    store.accept(event("waits", "waits")).await.unwrap();
    let claim = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
    for round in 0..8 {
        for key in 0..60 {
            let mut long = event(&format!("{round}-{key}"), &key.to_string());
            long.message = Some(Message { text: dense(key as u64, 2_000), ..Message::default() });
            store.accept(long).await.unwrap();
        }
        decide_all(&*store).await;
        // The sample's events are all received at the same moment.
        store.prune(at(1_000_000)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let rounds = async {
        while journal_files(&folder.0) > 8 {
            // Snapshots come with growth.
            for key in 0..30 {
                store.accept(event(&format!("grow-{key}-{:?}", std::time::Instant::now()), "g")).await.unwrap();
            }
            decide_all(&*store).await;
            store.prune(at(1_000_000)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), rounds)
        .await
        .unwrap_or_else(|_| panic!("{} files are left, {} snapshots", journal_files(&folder.0), snapshots(&folder.0)));
    assert_eq!(store.commit_decision(&claim, decision(&claim)).await.unwrap(), crate::store::Commit::Done);
    store.close().await.unwrap();
    let store = folder.open().await.unwrap();
    assert!(store.event(&claim.event.id).await.unwrap().is_some());
}

#[tokio::test]
async fn damage_in_what_was_applied_long_ago_is_told_after_the_start() {
    let folder = Sized(Folder::new(), tiny());
    let store = folder.open().await.unwrap();
    for key in 0..60 {
        let mut long = event(&key.to_string(), "1");
        long.message = Some(Message { text: "y".repeat(1_000), ..Message::default() });
        store.accept(long).await.unwrap();
    }
    decide_all(&*store).await;
    store.close().await.unwrap();
    let entries = std::fs::read_dir(folder.0.path().join("journal")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    // Old, and still needed.
    let old = &files[files.len() - 2];
    let mut bytes = std::fs::read(old).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(old, bytes).unwrap();
    let store = folder.open().await.unwrap();
    let told = async {
        while store.usage().await.unwrap().unwrap().damaged_files != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    store.close().await.unwrap();
}

/// Whether a text is in any file of the journal.
fn is_in_the_journal(folder: &Folder, text: &str) -> bool {
    let files = std::fs::read_dir(folder.path().join("journal")).unwrap();
    let bytes = files.filter_map(|entry| std::fs::read(entry.unwrap().path()).ok());
    bytes.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn what_is_forgotten_leaves_a_quiet_disk_too() {
    // Short and without a repetition, so that it stands there as it is.
    const SECRET: &str = "my secret";
    let options = Options { age: Duration::from_millis(50), pace: Duration::from_millis(5), ..Options::default() };
    let folder = Sized(Folder::new(), options);
    let store = folder.open().await.unwrap();
    let mut long = event("1", "1");
    long.message = Some(Message { text: format!("{SECRET} {}", "y".repeat(1_000)), ..Message::default() });
    store.accept(long).await.unwrap();
    decide_all(&*store).await;
    assert!(is_in_the_journal(&folder.0, SECRET));
    let rounds = async {
        while is_in_the_journal(&folder.0, SECRET) {
            // Nothing else is written.
            store.prune(at(1_000_000)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), rounds)
        .await
        .unwrap_or_else(|_| panic!("{} files are left, {} snapshots", journal_files(&folder.0), snapshots(&folder.0)));
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_a_snapshot_that_was_cut_off_has_left_is_removed() {
    let folder = Sized(Folder::new(), tiny());
    folder.open().await.unwrap().close().await.unwrap();
    let unfinished = folder.0.path().join("snapshots/unfinished");
    std::fs::write(&unfinished, "half").unwrap();
    let store = folder.open().await.unwrap();
    assert!(!unfinished.exists());
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_taken_leaves_nothing_and_is_not_tried_at_once() {
    let folder = Sized(Folder::new(), tiny());
    let store = folder.open().await.unwrap();
    let snapshots_folder = folder.0.path().join("snapshots");
    // The name that a snapshot would get is a folder, whatever it is: renaming fails.
    std::fs::remove_dir_all(&snapshots_folder).unwrap();
    std::fs::write(&snapshots_folder, "in the way").unwrap();
    for key in 0..240 {
        store.accept(event(&key.to_string(), &key.to_string())).await.unwrap();
    }
    decide_all(&*store).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    std::fs::remove_file(&snapshots_folder).unwrap();
    std::fs::create_dir(&snapshots_folder).unwrap();
    until(|| snapshots(&folder.0) > 0).await;
    assert!(!snapshots_folder.join("unfinished").exists());
    store.close().await.unwrap();
}

/// Something to write to, that can be read afterwards.
#[derive(Clone, Default)]
struct Shelf(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Shelf {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Shelf {
    fn reader(&self) -> Box<dyn std::io::Read + Send> {
        Box::new(std::io::Cursor::new(self.0.lock().unwrap().clone()))
    }
}

#[tokio::test]
async fn what_is_exported_is_the_same_in_another_store() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    for key in 0..300 {
        store.accept(event(&key.to_string(), &(key % 7).to_string())).await.unwrap();
    }
    for _ in 0..200 {
        let claim = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
        let sends = vec![reply(&claim.event, 0, 0)];
        store.commit_decision(&claim, Decision { sends, ..decision(&claim) }).await.unwrap();
    }
    let (shelf, told) = (Shelf::default(), Arc::new(AtomicU64::new(0)));
    let progress: crate::store::Progress = {
        let told = Arc::clone(&told);
        Arc::new(move |lines| told.store(lines, Relaxed))
    };
    let lines = store.export(Box::new(shelf.clone()), Arc::clone(&progress)).await.unwrap().lines;
    assert_eq!((told.load(Relaxed), lines > 1_000), (lines, true));
    let other = crate::store::memory::open();
    assert_eq!(other.import(shelf.reader(), Arc::clone(&progress)).await.unwrap(), lines);
    assert_eq!(everything(&*other).await, everything(&*store).await);
    assert_eq!(other.counts().await.unwrap(), store.counts().await.unwrap());
    assert_eq!(
        other.claim_event(at(0), LEASE).await.unwrap().map(|it| it.event.id.clone()),
        Some(event("200", "4").id)
    );
    let again = other.import(shelf.reader(), Arc::clone(&progress)).await.unwrap_err();
    assert!(again.to_string().contains("not empty"), "{again}");
    // Half of it leaves a store that knows.
    shelf.0.lock().unwrap().truncate(9_000);
    let half = Folder::new();
    let torn = half.open().await.unwrap();
    torn.import(shelf.reader(), progress).await.unwrap_err();
    torn.close().await.unwrap();
    let told = half.open().await.err().unwrap().to_string();
    assert!(told.contains("an import into it did not come to its end"), "{told}");
}
