//! Modes `approve` and `draft`, and the mode of one conversation: what a person says yes or no to.

use jiff::SignedDuration;
use rejoinder::provider::sandbox::EntryKind;
use serde_json::{Value, json};

use super::{EAGER, SPRUCE, a_person_answers, get, one, refused, replies, tell};
use crate::rig::{Bench, entries};

const CAREFUL: &str = r#"
version: 1
rules:
  - name: greet
    once: { per: event }
    mode: approve
    do: [{ reply: { text: "We have it." } }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_approval_leaves_after_it_and_not_when_a_person_was_faster() {
    let bench = Bench::new(CAREFUL).await;
    let (first, second) = (one(&bench, "hello").await, bench.arrive(SPRUCE, "1002", "hello").await);
    bench.settle().await;
    let (first, second) = (bench.send(&first).await.id, bench.send(&second).await.id);
    assert_eq!((replies(&bench, "1001"), replies(&bench, "1002")), (0, 0));
    let (code, why) = refused(&bench, &format!("/held/{first}/release"), json!({})).await;
    assert_eq!((code, why.ends_with("it waits for approval: approve or drop it")), (409, true), "{why}");
    let answer = tell(&bench, &format!("/held/{first}/approve"), json!({ "by": "kim" })).await;
    assert_eq!(answer, json!({ "status": "approved", "send": first }));
    bench.settle().await;
    bench.pass(SignedDuration::from_hours(30));
    a_person_answers(&bench, "1002").await;
    bench.settle().await;
    tell(&bench, &format!("/held/{second}/approve"), json!({ "by": "kim", "why": "looks right" })).await;
    bench.settle().await;
    assert_eq!((replies(&bench, "1001"), replies(&bench, "1002")), (1, 0));
    let late = get(&bench, &format!("/outbox/{second}")).await;
    assert_eq!((&late["state"], &late["reason"]), (&json!("cancelled"), &json!("answered_by_human")));
    assert_eq!((&late["hands"][0]["did"], &late["hands"][0]["why"]), (&json!("approve"), &json!("looks right")));
    let (code, why) = refused(&bench, &format!("/held/{first}/approve"), json!({})).await;
    assert_eq!((code, why), (409, format!("the send `{first}` is confirmed, not held")));
}

/// A reply that was approved after its time keeps as much time to leave as it had.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_approval_is_not_being_late() {
    let bench = Bench::new(CAREFUL).await;
    let event = one(&bench, "hello").await;
    bench.pass(SignedDuration::from_hours(100));
    let id = bench.send(&event).await.id;
    tell(&bench, &format!("/held/{id}/approve"), json!({})).await;
    bench.settle().await;
    assert_eq!(replies(&bench, "1001"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn held_sends_are_changed_together_or_dropped_with_a_reason() {
    let bench = Bench::new(CAREFUL).await;
    for conversation in ["1001", "1002", "1003"] {
        bench.arrive(SPRUCE, conversation, "hello").await;
    }
    bench.settle().await;
    let ids: Vec<Value> = get(&bench, "/held?rule=greet&account=spruce").await["sends"]
        .as_array()
        .unwrap()
        .iter()
        .map(|send| send["id"].clone())
        .collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(get(&bench, "/held?cause=paused").await["sends"], json!([]));
    let id = ids[0].as_str().unwrap();
    let (code, why) = refused(&bench, &format!("/held/{id}/drop"), json!({ "by": "kim" })).await;
    assert_eq!((code, why.starts_with("`why` is missing")), (422, true), "{why}");
    tell(&bench, &format!("/held/{id}/drop"), json!({ "by": "kim", "why": "by phone" })).await;
    let dropped = get(&bench, &format!("/outbox/{id}")).await;
    assert_eq!((&dropped["state"], &dropped["reason"]), (&json!("dropped"), &json!("by phone")));
    assert_eq!((&dropped["hands"][0]["by"], &dropped["hands"][0]["did"]), (&json!("kim"), &json!("drop")));

    let (code, why) = refused(&bench, "/held/approve", json!({ "by": "kim" })).await;
    assert_eq!((code, why.starts_with("say which: ")), (422, true), "{why}");
    let (code, why) = refused(&bench, "/held/approve", json!({ "rule": "gret" })).await;
    assert_eq!((code, why.starts_with("there is no rule `gret`; did you mean `greet`?")), (404, true), "{why}");
    let (code, why) = refused(&bench, "/held/drop", json!({ "cause": "aproval", "why": "x" })).await;
    assert_eq!((code, why.starts_with("there is no cause `aproval`; did you mean `approval`?")), (400, true), "{why}");
    let dry = tell(&bench, "/held/approve", json!({ "rule": "greet", "dry_run": true })).await;
    assert_eq!((&dry["status"], &dry["sends"]), (&json!("dry_run"), &json!([ids[2], ids[1]])));
    bench.settle().await;
    assert_eq!(get(&bench, "/status").await["counts"]["held"], 2, "a dry run changes nothing");
    let released = tell(&bench, "/held/release", json!({ "all": true })).await;
    assert_eq!(
        (released["sends"].as_array().map(Vec::len), released["left"].as_array().map(Vec::len)),
        (Some(0), Some(2))
    );
    tell(&bench, "/held/approve", json!({ "rule": "greet", "by": "kim" })).await;
    bench.settle().await;
    assert_eq!(["1001", "1002", "1003"].map(|conversation| replies(&bench, conversation)), [1, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_a_note_at_the_provider_and_nothing_to_the_contact() {
    let draft = CAREFUL.replace("approve", "draft").leak();
    let bench = Bench::new(draft).await;
    one(&bench, "hello").await;
    let notes = entries(&bench.sandbox, SPRUCE, "1001", EntryKind::Note);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_eq!(notes[0].text, "Draft by the rule “greet”, not sent:\n\nWe have it.");
    assert_eq!(replies(&bench, "1001"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_can_have_a_mode_of_its_own() {
    let bench = Bench::new(EAGER).await;
    let order = |mode: Value| json!({ "conversation": "1001", "mode": mode, "by": "kim" });
    let (code, why) = refused(&bench, "/mode", order(json!("draft"))).await;
    assert_eq!((code, why.as_str()), (404, "there is no conversation `1001`"));
    one(&bench, "one").await;
    let count = || (replies(&bench, "1001"), entries(&bench.sandbox, SPRUCE, "1001", EntryKind::Note).len());
    assert_eq!(count(), (1, 0));
    for (mode, wanted) in [("draft", (1, 1)), ("shadow", (1, 1)), ("off", (1, 1)), ("approve", (1, 1))] {
        bench.pass(SignedDuration::from_hours(1));
        let answer = tell(&bench, "/mode", order(json!(mode))).await;
        assert_eq!((&answer["status"], &answer["control"]["mode_by"]["by"]), (&json!(mode), &json!("kim")));
        one(&bench, mode).await;
        assert_eq!(count(), wanted, "{mode}");
    }
    assert_eq!(get(&bench, "/held").await["sends"].as_array().map(Vec::len), Some(1));
    bench.arrive(SPRUCE, "1002", "elsewhere").await;
    bench.settle().await;
    assert_eq!(replies(&bench, "1002"), 1, "the rule's own mode holds elsewhere");
    let (code, why) = refused(&bench, "/mode", order(json!("drft"))).await;
    assert_eq!((code, why.starts_with("there is no mode `drft`; did you mean `draft`?")), (400, true), "{why}");
    tell(&bench, "/mode", order(Value::Null)).await;
    assert_eq!(get(&bench, "/controls").await["controls"], json!([]));
    bench.pass(SignedDuration::from_hours(1));
    one(&bench, "last").await;
    assert_eq!(replies(&bench, "1001"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_approved_during_a_pause_waits_for_its_end() {
    let bench = Bench::new(CAREFUL).await;
    let event = one(&bench, "hello").await;
    tell(&bench, "/pause", json!({ "scope": "account:spruce", "by": "kim", "why": "moving" })).await;
    let id = bench.send(&event).await.id;
    tell(&bench, &format!("/held/{id}/approve"), json!({ "by": "lee" })).await;
    bench.settle().await;
    assert_eq!(get(&bench, "/held").await["sends"][0]["cause"], "paused");
    tell(&bench, "/resume", json!({ "scope": "account:spruce", "by": "kim" })).await;
    bench.settle().await;
    assert_eq!(replies(&bench, "1001"), 1);
    let hands = bench.send(&event).await.hands;
    let told: Vec<_> = hands.iter().map(|hand| (hand.did.as_str(), hand.by.as_str())).collect();
    assert_eq!(told, [("approve", "lee"), ("release", "kim")]);
}
