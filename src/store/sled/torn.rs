//! Whatever is done to a file of the data folder: the store goes on with nothing lost, or refuses and says which file and
//! what helps, or says so when the damaged part is read. It never panics, and nothing is lost in silence.

pub(super) mod everything;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use self::everything::{KINDS, differing, fill, kind, lines};
use super::tests::{journaled, tiny};
use crate::model::EventId;
use crate::store::kv::{Batch, Kv, Order};
use crate::store::{EventQuery, Store, StoreError, StoredEvent};

async fn open(path: &Path) -> Result<Arc<dyn Store>, StoreError> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || super::open_with(&path, &tiny())).await.unwrap()
}

/// The events with their decisions.
async fn all(store: &dyn Store) -> BTreeMap<EventId, StoredEvent> {
    let page = store.events(&EventQuery { limit: 1000, ..EventQuery::default() }).await.unwrap();
    page.into_iter().map(|stored| (stored.event.id.clone(), stored)).collect()
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn files(folder: &Path, below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(folder, &path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

#[derive(Clone, Copy, Debug)]
enum Harm {
    Cut(u64),
    Flip(u64),
    Delete,
    Older,
}

impl Harm {
    /// Every kind, at several places of a file of that length.
    fn all(length: u64) -> Vec<Self> {
        let places = [0, length / 3, length / 2, length.saturating_sub(40), length.saturating_sub(1)];
        let at = places.into_iter().filter(|place| *place < length);
        at.flat_map(|place| [Self::Cut(place), Self::Flip(place)]).chain([Self::Delete, Self::Older]).collect()
    }

    fn do_to(self, file: &Path, older: &Path) {
        match self {
            Self::Cut(length) => fs::File::options().write(true).open(file).unwrap().set_len(length).unwrap(),
            Self::Flip(place) => {
                let mut bytes = fs::read(file).unwrap();
                bytes[place as usize] ^= 0x10;
                fs::write(file, bytes).unwrap();
            }
            Self::Delete => fs::remove_file(file).unwrap(),
            Self::Older => drop(fs::copy(older, file).map_err(|_| fs::remove_file(file))),
        }
    }
}

/// What a folder has to hold.
struct Wanted {
    events: BTreeMap<EventId, StoredEvent>,
    lines: BTreeSet<String>,
}

impl Wanted {
    async fn of(store: &dyn Store) -> Self {
        Self { events: all(store).await, lines: lines(store).await }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    went_on: usize,
    refused: usize,
    told_when_read: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_can_be_harmed_in_silence() {
    let home = TempDir::new().unwrap();
    let (whole, older, harmed) = (home.path().join("whole"), home.path().join("older"), home.path().join("harmed"));
    let store = open(&whole).await.unwrap();
    fill(&*store, 0, 60).await;
    store.close().await.unwrap();
    copy(&whole, &older);
    let store = open(&whole).await.unwrap();
    fill(&*store, 60, 150).await;
    let wanted = Wanted::of(&*store).await;
    store.close().await.unwrap();
    let mut seen = Seen::default();
    for file in files(&whole, Path::new("")) {
        let length = fs::metadata(whole.join(&file)).unwrap().len();
        for harm in Harm::all(length) {
            let _ = fs::remove_dir_all(&harmed);
            copy(&whole, &harmed);
            harm.do_to(&harmed.join(&file), &older.join(&file));
            let what = format!("{harm:?} of {}", file.display());
            match open(&harmed).await {
                Ok(store) => {
                    let found = Wanted::of(&*store).await;
                    let is_missing = |id: &&EventId| found.events.get(*id) != wanted.events.get(*id);
                    for id in wanted.events.keys().filter(is_missing) {
                        // Not in the list, and said when it is asked for.
                        let told = store.event(id).await.unwrap_err().to_string();
                        assert!(told.contains("journal") && told.contains("rejoinder state salvage"), "{what}: {told}");
                    }
                    store.close().await.unwrap();
                    let differing = differing(&wanted.lines, &found.lines);
                    if differing.is_empty() {
                        seen.went_on += 1;
                    } else {
                        assert!(is_lossy(&harmed).await, "{what}: {differing:?} differ, and a check says nothing");
                        seen.told_when_read += 1;
                    }
                }
                Err(error) => {
                    let told = error.to_string();
                    assert!(told.contains("rejoinder state salvage"), "{what}: {told}");
                    assert!(told.contains(".log") || told.contains("journal"), "{what}: {told}");
                    seen.refused += 1;
                }
            }
            assert_salvage_helps(&harmed, &wanted, &what).await;
        }
    }
    assert!(seen.went_on > 20 && seen.refused > 10 && seen.told_when_read > 0, "{seen:?}");
}

/// Whether `state check` finds something that is lost.
async fn is_lossy(folder: &Path) -> bool {
    let path = folder.to_owned();
    let report = tokio::task::spawn_blocking(move || super::check(&path, &(Arc::new(|_| {}) as _))).await.unwrap();
    report.unwrap().is_lossy()
}

/// Whatever it was: after a salvage the store can be opened, and what it does not name is there.
async fn assert_salvage_helps(harmed: &Path, wanted: &Wanted, what: &str) {
    let path = harmed.to_owned();
    let salvaged = tokio::task::spawn_blocking(move || super::salvage(&path)).await.unwrap();
    let salvaged = salvaged.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(!is_lossy(harmed).await, "{what}");
    let store = open(harmed).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let found = Wanted::of(&*store).await;
    for (id, stored) in &wanted.events {
        let is_named = salvaged.lost.iter().any(|lost| lost.contains(id.as_str()));
        // A record that was never acknowledged as far as anybody can tell is named by its place.
        let is_there = found.events.get(id).is_some_and(|found| found.event == stored.event);
        assert!(is_there || is_named || !salvaged.skipped.is_empty(), "{what}: {id} is gone, and nothing says so");
    }
    if salvaged.lost.is_empty() && salvaged.skipped.is_empty() {
        assert_eq!(differing(&wanted.lines, &found.lines), [""; 0], "{what}: nothing is said to be lost");
    }
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_any_kind_that_goes_in_silence_is_missed() {
    let home = TempDir::new().unwrap();
    let (whole, harmed) = (home.path().join("whole"), home.path().join("harmed"));
    let store = open(&whole).await.unwrap();
    fill(&*store, 0, 12).await;
    let wanted = lines(&*store).await;
    store.close().await.unwrap();
    let kinds: BTreeSet<String> = wanted.iter().map(|line| kind(line)).filter(|kind| kind != "none").collect();
    assert_eq!(kinds.len(), KINDS, "{kinds:?}");
    let mut missed = BTreeSet::new();
    for letter in b'a'..=b'z' {
        let _ = fs::remove_dir_all(&harmed);
        copy(&whole, &harmed);
        let kv = journaled(&harmed, &tiny()).unwrap();
        let first = kv.page(&(vec![letter]..vec![letter + 1]), Order::Forward, 1).unwrap();
        let mut batch = Batch::default();
        first.into_iter().for_each(|(key, _)| batch.remove(key));
        let is_known = !batch.is_empty();
        if is_known {
            kv.apply(batch).unwrap();
            kv.flush().unwrap();
        }
        kv.close().unwrap();
        drop(kv);
        let store = open(&harmed).await.unwrap();
        let differing = differing(&wanted, &lines(&*store).await);
        store.close().await.unwrap();
        assert_eq!(differing.is_empty(), !is_known, "{}: {differing:?}", char::from(letter));
        missed.extend(differing);
    }
    assert_eq!(missed, kinds);
}
