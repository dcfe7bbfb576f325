//! A store with every kind of key in it, and everything that it holds, line by line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::super::tests::dense;
use crate::model::{
    BookHash, CapScope, ControlChange, Decision, HoldCause, Message, Pause, Position, Quarantine, QuarantineId, Scope,
    Send as OutgoingSend, SendState, SourceName, Window, WindowKey,
};
use crate::secret::Secret;
use crate::store::conformance::sample::{LEASE, at, dead, decision, delivered, desk, event, reply};
use crate::store::{EventClaim, Store};

/// How many kinds of key there are, without the one that tells of the store itself.
pub(super) const KINDS: usize = 20;

/// Events of which every third waits to be decided.
pub(in crate::store::sled) async fn fill(store: &dyn Store, from: usize, to: usize) {
    keep(store, &format!("round {from}")).await;
    for key in from..to {
        let mut long = event(&key.to_string(), &(key % 11).to_string());
        long.message = Some(Message { text: dense(key as u64, 700), ..Message::default() });
        store.accept(long).await.unwrap();
        if key % 3 == 0 {
            continue;
        }
        let claim = store.claim_event(at(0), LEASE).await.unwrap().unwrap();
        let sends = vec![reply(&claim.event, 0, 0)];
        store.commit_decision(&claim, Decision { sends, ..decision(&claim) }).await.unwrap();
    }
}

/// One of everything that is not an event; long, so that it stays in the journal.
async fn keep(store: &dyn Store, round: &str) {
    let long = || dense(round.len() as u64, 700);
    store.keep_book(&BookHash::from(round), &[("a.yaml".to_owned(), long())]).await.unwrap();
    store.keep_credential(round, &Secret::from(long().as_str())).await.unwrap();
    store.keep_position(&SourceName::from(round), &Position::at(at(1))).await.unwrap();
    let pause = Pause { by: "kim".to_owned(), why: long(), at: at(1) };
    store.change_control(&Scope::Rule(round.to_owned()), &ControlChange::Pause(pause)).await.unwrap();
    let last = event(round, round);
    assert!(store.redeem(&format!("token of {round}"), &last).await.unwrap());
    store.accept(last.clone()).await.unwrap();
    while let Some(claim) = store.claim_event(at(0), LEASE).await.unwrap() {
        let decided = if claim.event.id == last.id { with_everything(&claim, round) } else { decision(&claim) };
        store.commit_decision(&claim, decided).await.unwrap();
    }
    for settled in [delivered, dead] {
        let claim = store.claim_send(&desk(), at(2), LEASE).await.unwrap().unwrap();
        store.commit_attempt(&claim, settled(&claim)).await.unwrap();
    }
}

/// A reply that leaves, one that is held, one that fails, a window, a quarantine, and something remembered of whom it is
/// from.
fn with_everything(claim: &EventClaim, round: &str) -> Decision {
    let held = SendState::Held { cause: HoldCause::Approval, reason: dense(1, 700) };
    let sends = vec![
        reply(&claim.event, 0, 0),
        OutgoingSend { state: held, ..reply(&claim.event, 1, 0) },
        reply(&claim.event, 2, 0),
    ];
    let key = WindowKey::derive(CapScope::Conversation, &[round]);
    let quarantine = Quarantine {
        id: QuarantineId::from(round),
        keys: vec![key.clone()],
        scope: CapScope::Conversation,
        cap: "2/10m".to_owned(),
        account: desk(),
        conversation: claim.event.lane(),
        event: claim.event.id.clone(),
        rule: "greet".to_owned(),
        who: Some(dense(2, 700)),
        evidence: vec![at(1)],
        since: at(1),
        until: at(100),
        released: None,
    };
    let mut decided = decision(claim);
    decided.contact.state.insert("note".to_owned(), json!(dense(3, 700)));
    decided.conversation.state.insert("note".to_owned(), json!(dense(4, 700)));
    let windows = BTreeMap::from([(key, Window { times: vec![at(1); 40], version: 0 })]);
    Decision { sends, windows, quarantines: vec![quarantine], ..decided }
}

/// Every line of an export but the last, which counts them.
pub(in crate::store::sled) async fn lines(store: &dyn Store) -> BTreeSet<String> {
    let file = NamedTempFile::new().unwrap();
    store.export(Box::new(file.reopen().unwrap()), Arc::new(|_| {})).await.unwrap();
    let read = BufReader::new(MultiGzDecoder::new(File::open(file.path()).unwrap()));
    read.lines().map(Result::unwrap).filter(|line| !line.starts_with(r#"{"lines""#)).collect()
}

/// The kinds of the lines that are in one and not in the other.
pub(in crate::store::sled) fn differing(wanted: &BTreeSet<String>, found: &BTreeSet<String>) -> Vec<String> {
    wanted.symmetric_difference(found).map(|line| kind(line)).collect()
}

/// The kind of key of a line; the first line of an export has none.
pub(super) fn kind(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap();
    line["kind"].as_str().unwrap_or("none").to_owned()
}
