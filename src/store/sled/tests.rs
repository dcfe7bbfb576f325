//! The sled store keeps every promise, and says what is wrong with a folder. Being killed is in `crash`.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;

use crate::model::Message;
use crate::store::conformance::sample::{LEASE, at, decision, event};
use crate::store::conformance::{self, DURABLE, Harness, PROMISES};
use crate::store::{Store, StoreError};

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
async fn what_sled_cannot_read_is_named_with_its_path() {
    for file in ["conf", "db"] {
        let folder = Folder::new();
        let store = folder.open().await.unwrap();
        for key in 0..50 {
            store.accept(event(&key.to_string(), "a")).await.unwrap();
        }
        store.close().await.unwrap();
        let path = folder.path().join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
        std::fs::write(&path, bytes).unwrap();
        let error = folder.open().await.err().unwrap();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn an_unfinished_snapshot_is_removed() {
    let folder = Folder::new();
    folder.open().await.unwrap().close().await.unwrap();
    let unfinished = folder.path().join("snap.FFFFFFFFFFFFFFFF.generating");
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
async fn no_record_is_left_to_a_file_that_sled_never_syncs() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    for key in 0..60_usize {
        let mut long = event(&key.to_string(), &key.to_string());
        long.message = Some(Message { text: "x".repeat(3_000 + key * 100), ..Message::default() });
        store.accept(long).await.unwrap();
    }
    for _ in 0..60 {
        let claim = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
        store.commit_decision(&claim, decision(&claim)).await.unwrap();
    }
    store.close().await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("blobs")).unwrap().count(), 0);
}
