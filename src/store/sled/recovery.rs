//! Starts after something was cut off in the middle, and values that move while they are read.

use std::time::Duration;

use super::folder::Parts;
use super::journal::segment;
use super::stored::Stored;
use super::tests::{Folder, journaled, tiny};
use super::watch::Watch;
use super::{rebuild, snapshot};
use crate::store::StoreError;
use crate::store::conformance::sample::event;
use crate::store::kv::{Batch, Kv};

fn put(kv: &dyn Kv, key: &str, value: &[u8]) {
    let mut batch = Batch::default();
    batch.put(key.into(), value.to_vec());
    kv.apply(batch).unwrap();
    kv.flush().unwrap();
}

/// Writes other keys until `reached`.
fn grow(kv: &dyn Kv, reached: impl Fn() -> bool) {
    for number in 0..20_000 {
        if reached() {
            return;
        }
        put(kv, &format!("grow-{}", number % 50), &[b'g'; 1_000]);
    }
    panic!("that never comes");
}

#[tokio::test]
async fn a_first_file_without_its_head_is_that_of_a_new_folder() {
    for left in [&[][..], b"rejo", &[0; segment::HEAD]] {
        let folder = Folder::new();
        let journal = folder.path().join("journal");
        std::fs::create_dir_all(&journal).unwrap();
        std::fs::write(segment::path(&journal, 1), left).unwrap();
        let store = super::open(&folder.path()).unwrap();
        store.accept(event("1", "1")).await.unwrap();
        store.close().await.unwrap();
        assert!(super::open(&folder.path()).unwrap().event(&event("1", "1").id).await.unwrap().is_some());
    }
}

#[test]
fn a_start_that_was_cut_off_while_it_made_the_state_anew_is_finished_by_the_next() {
    let folder = Folder::new();
    let parts = Parts::of(&folder.path());
    let opened = journaled(&folder.path(), &tiny()).unwrap();
    put(&opened, "book", &[b'l'; 2_000]);
    // Both snapshots point at the value …
    grow(&opened, || snapshot::survey(&parts.snapshots).unwrap().len() == 2);
    let mut batch = Batch::default();
    batch.remove(b"book".to_vec());
    opened.apply(batch).unwrap();
    opened.flush().unwrap();
    // … whose file is removed.
    grow(&opened, || !segment::path(&parts.journal, 1).exists());
    opened.close().unwrap();
    drop(opened);
    std::fs::remove_dir_all(&parts.state).unwrap();
    let segments = segment::survey(&parts.journal).unwrap();
    let half = rebuild::rebuild(&parts, &segments, &Watch::new(Duration::from_secs(60))).unwrap();
    half.close().unwrap();
    let opened = journaled(&folder.path(), &tiny()).unwrap();
    assert_eq!(opened.get(b"book").unwrap(), None);
    assert_eq!(opened.get(b"grow-1").unwrap().map(|value| value.len()), Some(1_000));
}

#[test]
fn a_value_that_moves_while_it_is_read_is_read_where_it_is() {
    let folder = Folder::new();
    let opened = journaled(&folder.path(), &tiny()).unwrap();
    let at = || match opened.shared.state.get(b"book").unwrap() {
        Some(Stored::There(at)) => Some(at),
        _ => None,
    };
    put(&opened, "book", &[b'l'; 2_000]);
    grow(&opened, || at().is_some());
    let seen = at().unwrap();
    grow(&opened, || opened.shared.journal.end().segment > seen.segment);
    put(&opened, "book", &[b'm'; 2_000]);
    grow(&opened, || at().is_some_and(|now| now.segment > seen.segment));
    opened.shared.journal.remove(seen.segment).unwrap();
    let read = |seen| opened.shared.read(b"book", Stored::There(seen));
    assert_eq!(read(seen).unwrap(), Some(vec![b'm'; 2_000]));
    let mut batch = Batch::default();
    batch.remove(b"book".to_vec());
    opened.apply(batch).unwrap();
    opened.flush().unwrap();
    assert_eq!(read(seen).unwrap(), None);
    // What is truly gone is an error.
    put(&opened, "gone", &[b'n'; 2_000]);
    let gone = || opened.shared.state.get(b"gone").unwrap();
    grow(&opened, || gone().is_some());
    std::thread::sleep(Duration::from_millis(50));
    let Some(Stored::There(place)) = gone() else { panic!("{:?}", gone()) };
    grow(&opened, || opened.shared.journal.end().segment > place.segment);
    opened.shared.journal.remove(place.segment).unwrap();
    assert!(matches!(opened.get(b"gone"), Err(StoreError::Corrupt { .. })));
}
