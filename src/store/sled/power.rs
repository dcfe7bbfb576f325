//! The power goes while everybody is at work. Only what was made durable is sure to be there; of the rest the device kept any
//! part. Whatever it kept, the folder can be opened, and nothing that was acknowledged is missing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use super::load::{self, Acknowledged};
use super::tests::tiny;
use super::{Observer, Options};
use crate::model::EventId;
use crate::store::conformance::sample::event;
use crate::store::{Accepted, Store, StoreError};

/// A device keeps or loses so many bytes together.
const UNIT: usize = 128;

/// How often the power goes in one run, and how many runs there are.
const CUTS: usize = 6;
const RUNS: u64 = 12;

/// SplitMix64: the same fate for the same seed.
struct Fate(u64);

impl Fate {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// What is known to be durable.
#[derive(Default)]
struct Device {
    /// How much of each file of the journal, and the length of each snapshot.
    synced: BTreeMap<PathBuf, usize>,
    /// The files of sled as they were when it was last made durable.
    state: BTreeMap<PathBuf, Vec<u8>>,
}

/// A fault that the test must find.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Planted {
    None,
    /// Every third time the journal is not made durable.
    SyncLeftOut,
    /// What is acknowledged is told before it is asked for.
    ToldTooEarly,
}

type Shared = Arc<Mutex<Device>>;

fn observer(device: &Shared, planted: Planted) -> Observer {
    let (device, told) = (Arc::clone(device), Mutex::new(0_u64));
    Arc::new(move |path, length| {
        // Time in which the power can go before this counts.
        std::thread::sleep(Duration::from_millis(1));
        let mut told = told.lock().unwrap();
        *told += 1;
        let is_journal = path.extension().is_some_and(|extension| extension == "log");
        if planted == Planted::SyncLeftOut && is_journal && *told % 3 == 0 {
            return;
        }
        let mut device = device.lock().unwrap_or_else(PoisonError::into_inner);
        match path.file_name().is_some_and(|name| name == "db") {
            true => device.state = files(path.parent().unwrap()),
            false => drop(device.synced.insert(path.to_owned(), length as usize)),
        }
    })
}

/// The files of a folder. One that goes away meanwhile is not there.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.path(), fs::read(entry.path()).ok()?))).collect()
}

/// Some of the new, some of the old, where they differ.
fn mixed(old: &[u8], new: &[u8], fate: &mut Fate) -> Vec<u8> {
    let mut kept = new.to_vec();
    for (index, unit) in kept.chunks_mut(UNIT).enumerate() {
        if fate.coin() {
            let before = old.get(index * UNIT..).unwrap_or_default();
            unit.iter_mut().enumerate().for_each(|(at, byte)| *byte = before.get(at).copied().unwrap_or(0));
        }
    }
    kept
}

/// Writes into `to` what the device has of the folder `from`.
fn lose_power(device: &Device, from: &Path, to: &Path, fate: &mut Fate) {
    let (whole, torn, newer) = (fate.coin(), fate.coin(), fate.below(3));
    for below in ["journal", "snapshots"] {
        fs::create_dir_all(to.join(below)).unwrap();
        for (path, bytes) in files(&from.join(below)) {
            let name = to.join(below).join(path.file_name().unwrap());
            match device.synced.get(&path) {
                Some(durable) if below == "journal" => {
                    let mut kept = bytes[..*durable].to_vec();
                    if !whole {
                        kept.resize(bytes.len(), 0);
                        kept = mixed(&kept, &bytes, fate);
                        kept[..*durable].copy_from_slice(&bytes[..*durable]);
                    }
                    if torn {
                        kept.truncate(durable + fate.below((kept.len() - durable) as u64 + 1) as usize);
                    }
                    fs::write(name, kept).unwrap();
                }
                Some(_) => fs::write(name, bytes).unwrap(),
                // It was being made: it is not there, or as long as it shall be, or has something in it.
                None => match fate.below(3) {
                    0 => {}
                    1 => fs::write(name, vec![0; bytes.len()]).unwrap(),
                    _ => fs::write(name, &bytes[..fate.below(bytes.len() as u64 + 1) as usize]).unwrap(),
                },
            }
        }
    }
    let state = to.join("state");
    fs::create_dir_all(&state).unwrap();
    let now = files(&from.join("state"));
    for path in device.state.keys().chain(now.keys()) {
        let (old, new) = (device.state.get(path), now.get(path));
        let kept = match (old, new, newer) {
            (Some(old), _, 0) => Some(old.clone()),
            (Some(old), Some(new), 1) => Some(mixed(old, new, fate)),
            (_, new, 2) => new.cloned(),
            (old, new, _) => {
                if fate.coin() {
                    old.cloned()
                } else {
                    new.cloned()
                }
            }
        };
        if let Some(kept) = kept {
            fs::write(state.join(path.file_name().unwrap()), kept).unwrap();
        }
    }
}

async fn open(path: &Path, options: Options) -> Result<Arc<dyn Store>, StoreError> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || super::open_with(&path, &options)).await.unwrap()
}

/// What is wrong after the power has gone at several moments of one run.
async fn run(seed: u64, planted: Planted) -> Vec<String> {
    let (home, mut fate, device) = (TempDir::new().unwrap(), Fate(seed), Shared::default());
    let folder = home.path().join("data");
    let options = Options { observer: Some(observer(&device, planted)), ..tiny() };
    let store = open(&folder, options).await.unwrap();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let say: load::Say = {
        let told = Arc::clone(&told);
        Arc::new(move |line| told.lock().unwrap().push(line))
    };
    let early =
        (planted == Planted::ToldTooEarly).then(|| tokio::spawn(tell_early(Arc::clone(&store), Arc::clone(&say))));
    let everybody = load::start(&store, &seed.to_string(), &say);
    let mut wrong = Vec::new();
    for cut in 0..CUTS {
        tokio::time::sleep(Duration::from_millis(5 + fate.below(60))).await;
        let after = home.path().join(format!("after-{cut}"));
        let acknowledged = {
            // Nothing becomes durable from here on. What is told now was durable before.
            let held = device.lock().unwrap_or_else(PoisonError::into_inner);
            let acknowledged = Acknowledged::of(&told.lock().unwrap());
            lose_power(&held, &folder, &after, &mut fate);
            acknowledged
        };
        wrong.extend(
            look(&after, &acknowledged).await.into_iter().map(|what| format!("seed {seed}, cut {cut}: {what}")),
        );
    }
    store.close().await.unwrap();
    everybody.join_all().await;
    if let Some(early) = early {
        early.await.unwrap();
    }
    wrong
}

async fn look(folder: &Path, acknowledged: &Acknowledged) -> Vec<String> {
    let store = match open(folder, tiny()).await {
        Ok(store) => store,
        Err(error) => return vec![error.to_string()],
    };
    let missing = acknowledged.missing_in(&*store).await;
    // It goes on, and what it goes on with stays.
    let new: EventId = {
        let new = event("new", "new");
        assert_eq!(store.accept(new.clone()).await.unwrap(), Accepted::New);
        new.id
    };
    store.close().await.unwrap();
    let store = open(folder, tiny()).await.unwrap();
    assert!(store.event(&new).await.unwrap().is_some());
    store.close().await.unwrap();
    missing
}

/// Says of each event that it is accepted before it is.
async fn tell_early(store: Arc<dyn Store>, say: load::Say) {
    for number in 0.. {
        let new = event(&format!("early-{number}"), "early");
        say(format!("accepted {}", new.id));
        if store.accept(new).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_a_power_cut() {
    for seed in 0..RUNS {
        assert_eq!(run(seed, Planted::None).await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_left_out_is_found() {
    assert_ne!(run(1, Planted::SyncLeftOut).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_before_the_sync_is_found() {
    assert_ne!(run(1, Planted::ToldTooEarly).await, [""; 0]);
}
