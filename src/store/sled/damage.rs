//! Damage of sled's file that is met while the journal is replayed into it, or while the program runs: one more start makes
//! the state anew, and everything is there. What only failed for a moment is no damage.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::base::{self, answered};
use super::tests::{Folder, journaled, tiny};
use super::torn::copy;
use super::torn::everything::{differing, fill, lines};
use super::{Journaled, Options};
use crate::store::conformance::sample::event;
use crate::store::kv::{Batch, Kv, Order, Pair};
use crate::store::local::{Core, Local};
use crate::store::{Accepted, Store, StoreError};
use ::sled::Error;

/// Nothing is read through at the start, and nothing is applied that is not replayed.
fn lazy() -> Options {
    let hour = Duration::from_secs(3_600);
    Options { checked: 0, pace: hour, ..Options::default() }
}

/// Flips a bit in every 64 bytes of sled's file: what it has read stays right, what it reads from now on does not.
fn harm(folder: &Path) {
    let db = folder.join("state/db");
    let mut bytes = fs::read(&db).unwrap();
    bytes.iter_mut().step_by(64).for_each(|byte| *byte ^= 0x10);
    // In place: sled has the file open.
    fs::File::options().write(true).open(&db).unwrap().write_all(&bytes).unwrap();
}

fn is_noted(folder: &Path) -> bool {
    folder.join("rebuild").exists()
}

/// How many states were set aside.
fn aside(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with("state.damaged-")).count()
}

/// A store with what is below it.
fn running(folder: &Path, options: &Options) -> (Arc<Journaled>, Arc<dyn Store>) {
    let kv = Arc::new(journaled(folder, options).unwrap());
    let mut core = Core::new(Arc::clone(&kv) as Arc<dyn Kv>);
    core.load().unwrap();
    (kv, Arc::new(Local::start(core)))
}

/// What must be there, and a folder that a killed process left: sled knows a part of it, and the journal the rest.
async fn killed(home: &Folder) -> (BTreeSet<String>, PathBuf) {
    let (first, left) = (home.path(), home.path().with_file_name("left"));
    let store = super::open_with(&first, &tiny()).unwrap();
    fill(&*store, 0, 60).await;
    store.close().await.unwrap();
    let store = super::open_with(&first, &lazy()).unwrap();
    fill(&*store, 60, 90).await;
    copy(&first, &left);
    let wanted = lines(&*store).await;
    store.close().await.unwrap();
    (wanted, left)
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_is_met_while_the_journal_is_replayed_is_mended_by_the_same_start() {
    let home = Folder::new();
    let (wanted, left) = killed(&home).await;
    for is_harmed in [false, true] {
        let folder = home.path().with_file_name(format!("left-{is_harmed}"));
        copy(&left, &folder);
        // Called for the last file of the journal, after the state was opened and before anything is replayed.
        let (below, is_to_come) = (folder.clone(), AtomicBool::new(is_harmed));
        let observer = move |_: &Path, _: u64| {
            if is_to_come.swap(false, Ordering::SeqCst) {
                harm(&below);
            }
        };
        let options = Options { observer: Some(Arc::new(observer)), ..lazy() };
        let store = super::open_with(&folder, &options).unwrap();
        assert_eq!(differing(&wanted, &lines(&*store).await), [""; 0]);
        assert_eq!((is_noted(&folder), aside(&folder)), (false, usize::from(is_harmed)));
        assert_eq!(store.accept(event("7", "7")).await.unwrap(), Accepted::Duplicate);
        store.close().await.unwrap();
    }
}

/// Every key.
fn read(kv: &Journaled) -> Result<Vec<Pair>, StoreError> {
    kv.page(&(vec![1]..vec![0xff]), Order::Forward, 100_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_is_met_by_a_running_store_ends_it_and_the_next_start_mends_it() {
    for is_written in [false, true] {
        let folder = Folder::new();
        // Whoever takes a snapshot reads everything, and what has been read stays right.
        let without_snapshots = Options { segment: Options::default().segment, ..tiny() };
        let (kv, store) = running(&folder.path(), &without_snapshots);
        fill(&*store, 0, 60).await;
        let wanted = lines(&*store).await;
        applied(&kv).await;
        let (key, value) = read(&kv).unwrap().pop().unwrap();
        // As after a failure of sled's that passed: everything is read from the file again.
        kv.shared.state.reopen().unwrap();
        harm(&folder.path());
        if is_written {
            let mut batch = Batch::default();
            batch.put(key, value);
            kv.apply(batch).unwrap();
            kv.flush().unwrap();
        } else {
            assert!(matches!(read(&kv), Err(StoreError::Failed { .. })));
        }
        tokio::time::timeout(Duration::from_secs(20), async {
            while !store.is_broken() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .unwrap();
        assert!(is_noted(&folder.path()));
        assert!(store.accept(event("late", "late")).await.is_err());
        let _ = store.close().await;
        drop((kv, store));
        let store = super::open_with(&folder.path(), &tiny()).unwrap();
        assert_eq!((is_noted(&folder.path()), aside(&folder.path())), (false, 1));
        assert!(!store.is_broken());
        assert_eq!(differing(&wanted, &lines(&*store).await), [""; 0]);
        store.close().await.unwrap();
    }
}

/// Returns when nothing is above the state.
async fn applied(kv: &Journaled) {
    while !kv.shared.layers(|layers| layers.lower().is_none() && !layers.is_ready()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_passes_leaves_no_mark() {
    let folder = Folder::new();
    let (kv, store) = running(&folder.path(), &tiny());
    fill(&*store, 0, 12).await;
    let wanted = lines(&*store).await;
    applied(&kv).await;
    // The folder is not where it was, and sled cannot be opened again …
    let moved = folder.path().join("moved");
    fs::rename(folder.path().join("state"), &moved).unwrap();
    fs::write(folder.path().join("state"), "in the way").unwrap();
    assert!(matches!(kv.shared.state.reopen(), Err(StoreError::Failed { .. })));
    assert!(matches!(read(&kv), Err(StoreError::Failed { .. })));
    assert!(!is_noted(&folder.path()) && !store.is_broken());
    // … until it is there again.
    fs::remove_file(folder.path().join("state")).unwrap();
    fs::rename(&moved, folder.path().join("state")).unwrap();
    kv.shared.state.reopen().unwrap();
    assert_eq!(differing(&wanted, &lines(&*store).await), [""; 0]);
    assert!(matches!(store.accept(event("new", "new")).await, Ok(Accepted::New)));
    store.close().await.unwrap();
    assert_eq!((is_noted(&folder.path()), aside(&folder.path())), (false, 0));
}

#[test]
fn what_the_system_refuses_is_told_from_what_the_device_has_lost() {
    let is_damage = |error: Error| matches!(answered("reading", error), StoreError::Corrupt { .. });
    let system = |code| Error::Io(io::Error::from_raw_os_error(code));
    assert!(is_damage(Error::Corruption { at: None, bt: () }));
    assert!(is_damage(Error::ReportableBug(String::new())));
    assert!(is_damage(Error::Io(io::ErrorKind::UnexpectedEof.into())));
    // EIO; then EACCES, EMFILE, EFBIG, ENOSPC, EDQUOT.
    assert!(is_damage(system(5)));
    assert!([13, 24, 27, 28, 122].into_iter().all(|code| !is_damage(system(code))));
    let panicked = base::guarded::<()>(Path::new("."), || panic!("planted"));
    assert!(matches!(panicked, Err(StoreError::Corrupt { .. })));
}

#[test]
fn a_state_that_cannot_be_made_anew_is_refused_with_what_helps() {
    let folder = Folder::new();
    super::open(&folder.path()).unwrap();
    fs::write(folder.path().join("rebuild"), "").unwrap();
    let in_the_way = folder.path().join("state.damaged-in-the-way");
    fs::write(&in_the_way, "not a folder").unwrap();
    let told = super::open(&folder.path()).err().unwrap().to_string();
    assert!(told.contains("nothing is lost") && told.contains("start again"), "{told}");
    fs::remove_file(&in_the_way).unwrap();
    super::open(&folder.path()).unwrap();
}
