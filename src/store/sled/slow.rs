//! A disk that takes its time, and a state that cannot be written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::tests::{Folder, tiny};
use super::{Observer, Options};
use crate::store::conformance::sample::{LEASE, at, decision, event};
use crate::store::{Accepted, Store};

/// Holds up everything that is made durable, until it is let go.
fn gate(is_shut: &Arc<AtomicBool>) -> Observer {
    let is_shut = Arc::clone(is_shut);
    Arc::new(move |_, _| {
        while is_shut.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    })
}

fn open(folder: &Folder, observer: Observer) -> Arc<dyn Store> {
    super::open_with(&folder.path(), &Options { observer: Some(observer), ..tiny() }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_waits_for_the_disk_and_reading_does_not() {
    let (folder, is_shut) = (Folder::new(), Arc::new(AtomicBool::new(false)));
    let store = open(&folder, gate(&is_shut));
    store.accept(event("1", "1")).await.unwrap();
    is_shut.store(true, Ordering::SeqCst);
    let (other, answered) = (Arc::clone(&store), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&answered);
    let waiting = tokio::spawn(async move {
        let (first, second) = (other.accept(event("2", "2")), other.accept(event("3", "3")));
        for answer in [first, second] {
            let answer = answer.await;
            told.lock().unwrap().push(answer);
        }
    });
    // Long enough for the thread behind the writer to come round several times.
    for _ in 0..20 {
        assert!(store.event(&event("1", "1").id).await.unwrap().is_some());
        assert_eq!(
            store.events(&crate::store::EventQuery::default()).await.unwrap().last().unwrap().event.id,
            event("1", "1").id
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(answered.lock().unwrap().is_empty() && !waiting.is_finished());
    is_shut.store(false, Ordering::SeqCst);
    waiting.await.unwrap();
    assert!(answered.lock().unwrap().iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_hangs_ends_the_store_and_loses_nothing() {
    let (folder, is_shut) = (Folder::new(), Arc::new(AtomicBool::new(false)));
    let hang = gate(&is_shut);
    let observer: Observer = Arc::new(move |path, length| {
        if path.ends_with("state/db") {
            hang(path, length);
        }
    });
    let options = Options { observer: Some(observer), patience: Duration::from_millis(50), ..tiny() };
    let store = super::open_with(&folder.path(), &options).unwrap();
    store.accept(event("1", "1")).await.unwrap();
    is_shut.store(true, Ordering::SeqCst);
    // Acknowledged or not, as it comes: there must be something to apply.
    let _ = store.accept(event("2", "2")).await;
    while !store.is_broken() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(store.accept(event("3", "3")).await.is_err());
    assert!(store.event(&event("1", "1").id).await.unwrap().is_some());
    assert!(store.close().await.is_err());
    // A process would have ended here.
    is_shut.store(false, Ordering::SeqCst);
    drop(store);
    let store = super::open(&folder.path()).unwrap();
    assert!(store.event(&event("1", "1").id).await.unwrap().is_some());
    assert_eq!(store.accept(event("1", "1")).await.unwrap(), Accepted::Duplicate);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_disk_changes_no_order() {
    let folder = Folder::new();
    let store = open(&folder, Arc::new(|_, _| std::thread::sleep(Duration::from_millis(5))));
    let mut accepting = tokio::task::JoinSet::new();
    for lane in 0..4 {
        let store = Arc::clone(&store);
        accepting.spawn(async move {
            for number in 0..10 {
                store.accept(event(&format!("{lane}-{number}"), &lane.to_string())).await.unwrap();
            }
        });
    }
    accepting.join_all().await;
    let mut next = [0; 4];
    while let Some(claim) = store.claim_event(at(0), LEASE).await.unwrap() {
        let lane =
            (0..4).find(|lane| claim.event.id == event(&format!("{lane}-{}", next[*lane]), &lane.to_string()).id);
        next[lane.unwrap_or_else(|| panic!("{} is out of order: {next:?}", claim.event.id))] += 1;
        store.commit_decision(&claim, decision(&claim)).await.unwrap();
    }
    assert_eq!(next, [10; 4]);
    store.close().await.unwrap();
}
