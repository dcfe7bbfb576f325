//! What the conformance suite cannot see from outside: records that went bad, a disk that fails, flushes that are shared.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{Core, Local, keys};
use crate::model::Decision;
use crate::store::conformance::sample::{LEASE, at, decision, event, reply};
use crate::store::kv::{Batch, Kv, Order, Pair};
use crate::store::memory::Memory;
use crate::store::{Accepted, Commit, EventQuery, Store, StoreError};

/// A disk in memory that counts flushes and can be told to fail.
#[derive(Default)]
struct Disk {
    memory: Memory,
    flushes: AtomicUsize,
    fails: AtomicBool,
    /// The next flush finds no room, and reading fails as often after it.
    full: AtomicUsize,
    unreadable: AtomicUsize,
}

impl Disk {
    fn check_readable(&self) -> Result<(), StoreError> {
        let fails = self.unreadable.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if fails.is_ok() { Err(super::failed("reading", "no space left")) } else { Ok(()) }
    }
}

impl Kv for Disk {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.check_readable()?;
        self.memory.get(key)
    }

    fn page(&self, range: &Range<Vec<u8>>, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.check_readable()?;
        self.memory.page(range, order, limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.memory.apply(batch)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.flushes.fetch_add(1, Ordering::SeqCst);
        let fails = self.full.swap(0, Ordering::SeqCst);
        if fails > 0 {
            self.unreadable.store(fails, Ordering::SeqCst);
            return Err(StoreError::Full { what: "planted".to_owned() });
        }
        if self.fails.load(Ordering::SeqCst) { Err(super::failed("flushing", "no space left")) } else { Ok(()) }
    }

    /// Keeps the data, so that a test can open it again.
    fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn open(disk: &Arc<Disk>) -> Result<Local, StoreError> {
    let mut core = Core::new(disk.clone());
    core.load()?;
    Ok(Local::start(core))
}

fn spoil(disk: &Disk, key: Vec<u8>, value: &[u8]) {
    let mut batch = Batch::default();
    batch.put(key, value.to_vec());
    disk.apply(batch).unwrap();
}

/// Two events, the first decided with one reply.
async fn two_events() -> Arc<Disk> {
    let disk = Arc::new(Disk::default());
    let store = open(&disk).unwrap();
    for key in ["1", "2"] {
        store.accept(event(key, key)).await.unwrap();
    }
    let claim = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
    let sends = vec![reply(&claim.event, 0, 0)];
    store.commit_decision(&claim, Decision { sends, ..decision(&claim) }).await.unwrap();
    disk
}

#[tokio::test]
async fn a_bad_record_in_flight_stops_the_start_by_name() {
    for (key, value) in [
        (keys::event(2), b"\x01{\"id\":\"ann@example.org\"}".as_slice()),
        (keys::event(2), b"\x07{}"),
        (keys::happened(1), b"\x01[]"),
        (keys::send(1), b"\x01[]"),
        (keys::header(), b"\x01{\"layout\":9,\"opened\":1}"),
    ] {
        let disk = two_events().await;
        spoil(&disk, key, value);
        let error = open(&disk).err().unwrap();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert!(!error.to_string().contains("ann@"), "{error}");
    }
    let disk = two_events().await;
    spoil(&disk, keys::event(2), b"\x01{\"id\":7}");
    insta::assert_snapshot!(
        open(&disk).err().unwrap(),
        @"the store holds something unreadable: event number 2, which waits: not the expected JSON at byte 7"
    );
    let disk = two_events().await;
    spoil(&disk, keys::header(), b"\x01{\"layout\":1,\"opened\":1}");
    insta::assert_snapshot!(
        open(&disk).err().unwrap(),
        @"the store holds something unreadable: its layout is version 1, and this program knows version 2; let the program that wrote it export it, and import that here"
    );
}

#[tokio::test]
async fn a_bad_settled_record_hides_no_other() {
    let disk = two_events().await;
    let store = open(&disk).unwrap();
    spoil(&disk, keys::event(1), b"\x01nonsense");
    let listed = store.events(&EventQuery::default()).await.unwrap();
    assert_eq!(listed.into_iter().map(|stored| stored.event.id).collect::<Vec<_>>(), [event("2", "2").id]);
    assert!(matches!(store.event(&event("1", "1").id).await, Err(StoreError::Corrupt { .. })));
}

#[tokio::test]
async fn an_event_whose_facts_are_unreadable_holds_up_its_lane_only() {
    let disk = Arc::new(Disk::default());
    let store = open(&disk).unwrap();
    spoil(&disk, keys::conversation(&event("1", "1").lane()), b"");
    for key in ["1", "2"] {
        store.accept(event(key, key)).await.unwrap();
    }
    assert!(matches!(store.claim_event(at(0), LEASE).await, Err(StoreError::Corrupt { .. })));
    assert_eq!(store.claim_event(at(0), LEASE).await.unwrap().unwrap().event.id, event("2", "2").id);
}

#[tokio::test]
async fn a_job_that_panics_fails_alone() {
    let disk = two_events().await;
    let store = open(&disk).unwrap();
    let claim = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
    let panicked = store.writer.run::<()>(|_| panic!("planted")).await;
    assert!(matches!(panicked, Err(StoreError::Failed { .. })));
    assert_eq!(store.accept(event("1", "1")).await.unwrap(), Accepted::Duplicate);
    assert_eq!(store.counts().await.unwrap().undecided, 1);
    // What is in flight was read anew: the lease is gone, and a claim from before is refused.
    let again = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
    assert_eq!(store.commit_decision(&claim, decision(&claim)).await.unwrap(), Commit::LeaseLost);
    assert_eq!(store.commit_decision(&again, decision(&again)).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn after_a_failed_flush_nothing_is_acknowledged() {
    let disk = Arc::new(Disk::default());
    let store = open(&disk).unwrap();
    disk.fails.store(true, Ordering::SeqCst);
    assert!(matches!(store.accept(event("1", "1")).await, Err(StoreError::Failed { .. })));
    disk.fails.store(false, Ordering::SeqCst);
    assert!(store.is_broken());
    // The first was never durable, so its repeat must not be called a duplicate.
    assert!(matches!(store.accept(event("1", "1")).await, Err(StoreError::Failed { .. })));
}

#[tokio::test]
async fn a_disk_that_fails_for_a_moment_keeps_no_lane_waiting() {
    let disk = two_events().await;
    let store = open(&disk).unwrap();
    disk.unreadable.store(1, Ordering::SeqCst);
    assert!(matches!(store.claim_event(at(0), LEASE).await, Err(StoreError::Failed { .. })));
    let claim = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
    disk.unreadable.store(1, Ordering::SeqCst);
    // Whether a send is known already has to be looked up.
    let sends = vec![reply(&claim.event, 0, 0)];
    let failed = store.commit_decision(&claim, Decision { sends, ..decision(&claim) }).await;
    assert!(matches!(failed, Err(StoreError::Failed { .. })));
    let claim = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
    assert_eq!(store.commit_decision(&claim, decision(&claim)).await.unwrap(), Commit::Done);
    disk.unreadable.store(1, Ordering::SeqCst);
    let desk = crate::store::conformance::sample::desk();
    assert!(matches!(store.claim_send(&desk, at(0), LEASE).await, Err(StoreError::Failed { .. })));
    assert!(store.claim_send(&desk, at(0), LEASE).await.unwrap().is_some());
}

/// A lease is answered before the disk has: until then it goes with what the disk does not take.
async fn all_is_durable(store: &Local) {
    store.writer.run(|_| Ok(())).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_that_cannot_be_read_either_is_no_end() {
    let disk = two_events().await;
    let store = open(&disk).unwrap();
    let claim = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
    all_is_durable(&store).await;
    disk.full.store(3, Ordering::SeqCst);
    assert!(matches!(store.redeem("token", &claim.event).await, Err(StoreError::Full { .. })));
    for _ in 0..2 {
        assert!(matches!(store.counts().await, Err(StoreError::Full { .. })));
        assert!(!store.is_broken());
    }
    assert_eq!(store.counts().await.unwrap().undecided, 1);
    // What was leased before it is still leased.
    assert_eq!(store.commit_decision(&claim, decision(&claim)).await.unwrap(), Commit::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_share_flushes_and_reading_needs_none() {
    let disk = Arc::new(Disk::default());
    let store = Arc::new(open(&disk).unwrap());
    // Holds the thread until all have queued behind it.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let gate = store.clone();
    let gate = tokio::spawn(async move {
        gate.writer
            .run(move |_| {
                let _ = wait.recv();
                Ok(())
            })
            .await
    });
    let before = disk.flushes.load(Ordering::SeqCst);
    let mut all = tokio::task::JoinSet::new();
    for key in 0..64 {
        let store = store.clone();
        all.spawn(async move { store.accept(event(&key.to_string(), "a")).await.unwrap() });
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    go.send(()).unwrap();
    gate.await.unwrap().unwrap();
    all.join_all().await;
    let flushes = disk.flushes.load(Ordering::SeqCst) - before;
    assert!((1..=4).contains(&flushes), "{flushes} flushes for 64 events");
    store.counts().await.unwrap();
    assert_eq!(store.accept(event("1", "a")).await.unwrap(), Accepted::Duplicate);
    assert!(store.claim_event(at(0), LEASE).await.unwrap().is_some());
    assert_eq!(disk.flushes.load(Ordering::SeqCst) - before, flushes);
}

#[tokio::test]
async fn a_lease_kept_over_a_full_disk_decides_once() {
    let disk = Arc::new(Disk::default());
    let store = open(&disk).unwrap();
    let waited = crate::model::Event { at: at(-1), decide_from: Some(at(1)), ..event("1", "1") };
    store.accept(waited).await.unwrap();
    let claim = store.claim_event(at(2), LEASE).await.unwrap().unwrap();
    all_is_durable(&store).await;
    disk.full.store(1, Ordering::SeqCst);
    let full = store.writer.run(|core| core.put(b"bx".to_vec(), b"x".to_vec())).await;
    assert!(matches!(full, Err(StoreError::Full { .. })));
    assert_eq!(store.commit_decision(&claim, decision(&claim)).await.unwrap(), Commit::Done);
    let again = store.claim_event(at(2), LEASE).await.unwrap();
    assert!(again.is_none(), "decided, and claimed again: {:?}", again.map(|it| it.event.id.clone()));
}

#[tokio::test]
async fn a_send_put_off_is_not_overtaken_in_its_lane() {
    use jiff::SignedDuration;
    let disk = Arc::new(Disk::default());
    let store = open(&disk).unwrap();
    store.accept(event("1", "1")).await.unwrap();
    let claim = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
    let sends = vec![reply(&claim.event, 0, 0), reply(&claim.event, 1, 0)];
    let first = sends[0].id.clone();
    store.commit_decision(&claim, Decision { sends, ..decision(&claim) }).await.unwrap();
    let desk = crate::store::conformance::sample::desk();
    let one = store.claim_send(&desk, at(1), LEASE).await.unwrap().unwrap();
    assert_eq!(one.send.id, first);
    let back = crate::outbox::put_back(one.send.clone(), SignedDuration::from_secs(60), at(1));
    store.commit_attempt(&one, back).await.unwrap();
    let next = store.claim_send(&desk, at(2), LEASE).await.unwrap();
    assert!(next.is_none(), "the second answer leaves before the first");
}

#[tokio::test]
async fn sends_that_are_never_claimed_do_not_keep_their_event_in_the_cache() {
    use crate::model::{Hand, HoldCause, SendState};
    let disk = Arc::new(Disk::default());
    let store = open(&disk).unwrap();
    store.accept(event("1", "1")).await.unwrap();
    let claim = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
    let state = SendState::Held { cause: HoldCause::Approval, reason: "x".to_owned() };
    let send = crate::model::Send { state, ..reply(&claim.event, 0, 0) };
    let id = send.id.clone();
    store.commit_decision(&claim, Decision { sends: vec![send], ..decision(&claim) }).await.unwrap();
    let hand = Hand { at: at(1), by: "kim".to_owned(), did: "drop".to_owned(), why: "no".to_owned() };
    store.drop_send(&id, &hand).await.unwrap();
    let is_kept = store.writer.run(|core| Ok(core.recent.get(1).is_some())).await.unwrap();
    assert!(!is_kept, "settled, and in the cache for ever");
}

/// Something to write to, that can be read afterwards.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Shelf {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_flipped_bit_of_an_export_is_imported() {
    let store = crate::store::memory::open();
    for key in ["1", "2", "3"] {
        store.accept(event(key, key)).await.unwrap();
    }
    let shelf = Shelf::default();
    store.export(Box::new(shelf.clone()), Arc::new(|_| {})).await.unwrap();
    let whole = shelf.0.lock().unwrap().clone();
    let import = async |bytes: Vec<u8>| {
        crate::store::memory::open().import(Box::new(std::io::Cursor::new(bytes)), Arc::new(|_| {})).await
    };
    assert!(import(whole.clone()).await.unwrap() > 3);
    // Before, there is only what says how it is compressed (RFC 1952 section 2.3), and the byte before the checksum is filled
    // up with bits that mean nothing.
    for place in (10..whole.len()).filter(|place| *place != whole.len() - 9) {
        let mut harmed = whole.clone();
        harmed[place] ^= 0x10;
        assert!(import(harmed).await.is_err(), "byte {place} of {}", whole.len());
    }
}
