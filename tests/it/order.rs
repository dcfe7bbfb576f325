//! The order of a conversation, in and out: by the provider's time, behind what is tried again, once for a burst.

use jiff::SignedDuration;
use rejoinder::model::SendState;
use rejoinder::provider::sandbox::{Fault, Speaks};
use serde_json::json;

use crate::rig::{Bench, Setup, message};

const ECHO: &str = r#"
version: 1
rules:
  - name: echo
    once: { per: event }
    do: [{ reply: { text: "You wrote: {{ message.text }}" } }]
"#;

const SETTLING: &str = r#"
version: 1
rules:
  - name: echo
    settle: 20s
    do: [{ reply: { text: "You wrote: {{ message.text }}" } }]
"#;

async fn bench(rules: &'static str) -> Bench {
    let change = |config: &mut serde_json::Value| {
        config["limits"]["reorder_window"] = json!("2s");
        config["limits"]["lane_patience"] = json!("10m");
        config["guard"] = json!({ "caps": { "conversation": [], "correspondent": [] } });
    };
    Bench::set(Setup { rules: Box::leak(Box::new([("rules.yaml", rules)])), change, ..Setup::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_overtake_each_other_are_decided_as_things_happened() {
    let bench = bench(ECHO).await;
    let first = bench.sandbox.arrive(Speaks::Spruce, message(Speaks::Spruce, "1001", "one"), bench.time.now());
    bench.pass(SignedDuration::from_millis(300));
    let second = bench.sandbox.arrive(Speaks::Spruce, message(Speaks::Spruce, "1001", "two"), bench.time.now());
    let (second, _) = bench.post(Speaks::Spruce, &second).await;
    assert_eq!(bench.decide().await, [], "it may not be the first");
    bench.pass(SignedDuration::from_millis(700));
    let (first, _) = bench.post(Speaks::Spruce, &first).await;
    assert_eq!(bench.decide().await, []);
    bench.pass(SignedDuration::from_secs(2));
    assert_eq!(bench.decide().await, [first, second]);
    bench.settle().await;
    assert_eq!(bench.replies(Speaks::Spruce, "1001"), ["You wrote: one", "You wrote: two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_tried_again_is_not_overtaken_until_the_patience_ends() {
    let bench = bench(ECHO).await;
    // Long enough that the later one is not held up any more when the earlier one gets through.
    bench.sandbox.fail_next(Speaks::Spruce, Fault::Status(503, None), 12);
    let mut sends = Vec::new();
    for text in ["one", "two"] {
        let event = bench.arrive(Speaks::Spruce, "1001", text).await;
        bench.pass(SignedDuration::from_secs(2));
        assert_eq!(bench.decide().await, std::slice::from_ref(&event));
        sends.push(bench.send(&event).await.id);
        assert_eq!(bench.deliver(Speaks::Spruce).await.as_ref(), sends.first().filter(|_| text == "one"));
    }
    let elsewhere = bench.arrive(Speaks::Spruce, "1002", "three").await;
    bench.pass(SignedDuration::from_millis(2));
    bench.settle().await;
    let stored = |index: usize| bench.engine.store.send(&sends[index]);
    let (first, second) = (stored(0).await.unwrap().unwrap(), stored(1).await.unwrap().unwrap());
    assert!(matches!(first.state, SendState::Delivered | SendState::Confirmed), "{first:?}");
    let (begun, went) = (first.attempts[0].started_at, second.attempts[0].started_at);
    let waited = went.duration_since(begun);
    match second.passed.as_slice() {
        [] => assert!(first.attempts.last().unwrap().started_at <= went, "{first:?} {second:?}"),
        passed => assert_eq!((passed, waited >= SignedDuration::from_mins(10)), (&sends[..1], true)),
    }
    let other = bench.send(&elsewhere).await;
    assert!(other.attempts[0].started_at < went, "another conversation does not wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_answered_once_and_after_its_last_message() {
    let bench = bench(SETTLING).await;
    let mut events = Vec::new();
    for text in ["Hello?", "Anybody?", "I want a refund"] {
        events.push(bench.arrive(Speaks::Spruce, "1001", text).await);
        bench.pass(SignedDuration::from_secs(5));
        bench.decide().await;
        assert_eq!(bench.deliver(Speaks::Spruce).await, None);
    }
    bench.settle().await;
    assert_eq!(bench.replies(Speaks::Spruce, "1001"), ["You wrote: I want a refund"]);
    for event in &events[..2] {
        let SendState::Cancelled { reason } = bench.send(event).await.state else { panic!("it was not called off") };
        assert_eq!(reason, "superseded");
    }
}
