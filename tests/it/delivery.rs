//! What becomes of a send when its provider has a bad day: through the pipeline's own steps, over real connections to the
//! sandbox, under a clock of the test.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use rejoinder::model::{Hand, HoldCause, Send as OutgoingSend, SendState};
use rejoinder::outbox::RetryPolicy;
use rejoinder::provider::sandbox::{EntryKind, Fault, Speaks};
use rejoinder::store::{Changed, Key};
use rejoinder::worker;
use serde_json::json;
use tokio::sync::watch;

use crate::rig::{ALL, Bench, Moment, Setup, entries, outcomes};

const REPLY: &str = r#"
version: 1
rules:
  - name: answer
    do: [{ reply: { text: "It is on its way." } }]
"#;

const FEW: RetryPolicy = RetryPolicy { first: Duration::from_secs(2), longest: Duration::from_secs(60), attempts: 3 };

/// The keys under which a message was posted.
fn keys(bench: &Bench) -> Vec<String> {
    let seen = bench.wire.seen();
    seen.into_iter().filter(|call| call.line.starts_with("POST")).map(|call| call.key.unwrap_or_default()).collect()
}

/// Lets a reply meet a fault, then goes on until nothing is left to do. Gives the send; the contact has one reply, or none
/// where it is dead.
async fn meet(speaks: Speaks, faults: &[Fault]) -> (Bench, OutgoingSend) {
    let bench = Bench::new(REPLY).await;
    let event = bench.arrive(speaks, "1001", "Where is my order?").await;
    faults.iter().for_each(|fault| bench.sandbox.fail_next(speaks, *fault, 1));
    bench.settle().await;
    let send = bench.send(&event).await;
    let expected = usize::from(!matches!(send.state, SendState::Dead { .. }));
    assert_eq!(bench.replies(speaks, "1001").len(), expected, "{speaks:?} {faults:?} {send:?}");
    assert!(send.attempts.iter().all(|attempt| attempt.ended_at.is_some()), "{send:?}");
    (bench, send)
}

fn is_done(send: &OutgoingSend) -> bool {
    matches!(send.state, SendState::Delivered | SendState::Confirmed)
}

async fn check(speaks: Speaks, fault: Fault, expect: &[&str]) -> (Bench, OutgoingSend) {
    let (bench, send) = meet(speaks, &[fault]).await;
    assert!(is_done(&send), "{speaks:?} {fault:?} {send:?}");
    assert_eq!(outcomes(&send), expect, "{speaks:?} {fault:?}");
    (bench, send)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_once_gets_the_reply_once() {
    for speaks in ALL {
        for (fault, expect) in [
            (Fault::Status(500, None), "unknown"),
            (Fault::Status(502, None), "unknown"),
            (Fault::Status(503, None), "try_later"),
            (Fault::Status(401, None), "try_later"),
            (Fault::Status(408, None), "try_later"),
            (Fault::Reset, "unknown"),
            (Fault::Garbage, "unknown"),
        ] {
            check(speaks, fault, &[expect, "delivered"]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_is_left_and_the_outcome_is_unknown() {
    for speaks in ALL {
        check(speaks, Fault::Hang, &["unknown", "delivered"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vector_16_a_reply_whose_answer_was_lost_is_found_and_not_sent_again() {
    for speaks in [Speaks::Sequenzy, Speaks::Fernand, Speaks::HighLevel] {
        let (bench, send) = check(speaks, Fault::TakeThenReset, &["unknown"]).await;
        let made = |method| bench.wire.seen().iter().filter(|call| call.line.starts_with(method)).count();
        assert_eq!((made("POST"), made("GET")), (1, 1), "{speaks:?}");
        let shown = entries(&bench.sandbox, speaks, "1001", EntryKind::Reply);
        assert_eq!(send.provider_id.as_ref(), Some(&shown[0].id), "{speaks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_provider_with_keys_a_rejected_repeat_means_that_it_landed() {
    let (bench, send) = check(Speaks::Spruce, Fault::TakeThenReset, &["unknown", "delivered"]).await;
    assert_eq!(keys(&bench), [send.idempotency_key.clone(), send.idempotency_key]);
    assert!(!bench.wire.seen().iter().any(|call| call.line.starts_with("GET")), "nothing had to be read");
}

/// A 422 where nothing can have landed is a refusal, and must not be taken for a delivery.
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_repeat_means_nothing_where_no_attempt_can_have_landed() {
    for (before, landed) in [
        (Fault::Status(429, None), false),
        (Fault::Status(503, None), false),
        (Fault::Status(403, None), false),
        (Fault::Reset, true),
        (Fault::Status(500, None), true),
        (Fault::Garbage, true),
    ] {
        let bench = Bench::new(REPLY).await;
        let event = bench.arrive(Speaks::Spruce, "1001", "hello").await;
        bench.sandbox.fail_next(Speaks::Spruce, before, 1);
        bench.sandbox.fail_next(Speaks::Spruce, Fault::Status(422, None), 1);
        bench.settle().await;
        let send = bench.send(&event).await;
        assert_eq!(send.state == SendState::Delivered, landed, "{before:?} {send:?}");
    }
}

fn by_kim(bench: &Bench) -> Hand {
    Hand { at: bench.time.now(), by: "kim".to_owned(), did: "redrive".to_owned(), why: String::new() }
}

/// A person who renews the key wants a new message: what was tried under the old key says nothing about the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_key_begins_anew() {
    for (key, landed) in [(Key::Keep, true), (Key::Renew, false)] {
        let bench = Bench::set(Setup { rules: &[("a.yaml", REPLY)], retry: FEW, ..Setup::default() }).await;
        let event = bench.arrive(Speaks::Spruce, "1001", "hello").await;
        bench.sandbox.fail_next(Speaks::Spruce, Fault::Reset, 3);
        bench.settle().await;
        let send = bench.send(&event).await;
        let SendState::Held { cause: HoldCause::Unknown, reason } = &send.state else { panic!("{send:?}") };
        assert!(reason.starts_with("given up after 3 attempts: "), "{reason}");
        assert_eq!(bench.engine.store.redrive(&send.id, key, &by_kim(&bench)).await.unwrap(), Changed::Done);
        bench.sandbox.fail_next(Speaks::Spruce, Fault::Status(422, None), 1);
        bench.settle().await;
        let send = bench.send(&event).await;
        assert_eq!(send.state == SendState::Delivered, landed, "{key:?} {send:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_send_has_all_its_attempts_again() {
    let bench = Bench::set(Setup { rules: &[("a.yaml", REPLY)], retry: FEW, ..Setup::default() }).await;
    let event = bench.arrive(Speaks::Sequenzy, "1001", "hello").await;
    bench.sandbox.fail_next(Speaks::Sequenzy, Fault::Status(503, None), 5);
    bench.settle().await;
    let dead = bench.send(&event).await;
    assert_eq!(outcomes(&dead), ["try_later"; 3]);
    bench.engine.store.redrive(&dead.id, Key::Keep, &by_kim(&bench)).await.unwrap();
    bench.settle().await;
    assert_eq!(outcomes(&bench.send(&event).await)[3..], ["try_later", "try_later", "delivered"]);
}

/// Spruce forgets a key after 24 hours; then a repeat is a second message, so the conversation is read back instead.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_provider_has_forgotten_is_not_relied_upon() {
    let bench = Bench::new(REPLY).await;
    let event = bench.arrive(Speaks::Spruce, "1001", "hello").await;
    bench.decide().await;
    bench.sandbox.fail_next(Speaks::Spruce, Fault::TakeThenReset, 1);
    bench.deliver(Speaks::Spruce).await.unwrap();
    assert_eq!(bench.send(&event).await.state, SendState::Unknown);
    // The program was down for two days; the webhook that would have confirmed the message is lost.
    bench.sandbox.take_webhooks();
    bench.pass(SignedDuration::from_hours(48));
    bench.settle().await;
    let send = bench.send(&event).await;
    assert_eq!((send.state.name(), outcomes(&send)), ("delivered", vec!["unknown"]));
    assert!(bench.wire.seen().last().unwrap().line.starts_with("GET"));
    assert_eq!(bench.replies(Speaks::Spruce, "1001").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured() {
    for (status, seconds) in [(429, 90), (503, 300), (429, 3)] {
        for speaks in ALL {
            let (bench, send) = meet(speaks, &[Fault::Status(status, Some(seconds))]).await;
            assert_eq!(outcomes(&send), ["try_later", "delivered"], "{speaks:?}");
            let seen = bench.wire.seen();
            let waited = seen[1].at.duration_since(seen[0].at);
            assert!(waited >= SignedDuration::from_secs(seconds.into()), "{speaks:?} waited {waited}");
            assert_eq!(seen.len(), 2, "{speaks:?} {seen:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_has_the_same_key() {
    for speaks in [Speaks::Spruce, Speaks::Fernand] {
        let faults = [Fault::Status(503, None), Fault::Status(429, Some(1)), Fault::Status(503, None)];
        let (bench, send) = meet(speaks, &faults).await;
        assert_eq!(outcomes(&send), ["try_later", "try_later", "try_later", "delivered"]);
        assert_eq!(keys(&bench), vec![send.idempotency_key; 4], "{speaks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_a_dead_letter_at_once_with_its_reason() {
    for speaks in ALL {
        for status in [400, 404] {
            let (bench, send) = meet(speaks, &[Fault::Status(status, None)]).await;
            assert_eq!(outcomes(&send), ["refused"]);
            let SendState::Dead { reason } = &send.state else { panic!("{send:?}") };
            assert!(reason.starts_with(&format!("refused: {status}")), "{reason}");
            assert_eq!(bench.engine.store.counts().await.unwrap().dead, 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_is_given_up_after_so_many_attempts() {
    for speaks in ALL {
        let bench = Bench::set(Setup { rules: &[("a.yaml", REPLY)], retry: FEW, ..Setup::default() }).await;
        let event = bench.arrive(speaks, "1001", "hello").await;
        bench.sandbox.fail_next(speaks, Fault::Status(503, None), 50);
        bench.settle().await;
        let send = bench.send(&event).await;
        assert_eq!(outcomes(&send), ["try_later"; 3]);
        let SendState::Dead { reason } = &send.state else { panic!("{send:?}") };
        assert!(reason.starts_with("given up after 3 attempts: 503"), "{speaks:?} {reason}");
    }
}

/// Reading back shows nothing that can be relied on: nobody guesses.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_is_left_to_a_person() {
    for speaks in [Speaks::Sequenzy, Speaks::Fernand, Speaks::HighLevel] {
        let bench = Bench::new(REPLY).await;
        let event = bench.arrive(speaks, "1001", "hello").await;
        bench.sandbox.fail_next(speaks, Fault::TakeThenReset, 1);
        bench.sandbox.fail_next(speaks, Fault::Status(503, None), 50);
        // What HighLevel tells by webhook would clear the doubt.
        bench.decide().await;
        bench.deliver(speaks).await.unwrap();
        bench.sandbox.take_webhooks();
        bench.settle().await;
        let send = bench.send(&event).await;
        let SendState::Held { cause: HoldCause::Unknown, reason } = &send.state else { panic!("{send:?}") };
        assert!(reason.starts_with("read back 10 times without a clear answer"), "{reason}");
        assert_eq!((outcomes(&send), bench.replies(speaks, "1001").len()), (vec!["unknown"], 1), "{speaks:?}");
    }
}

/// The commands of the real program, on the folder of an engine that is not running.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_redriven_or_dropped_by_hand() {
    let mut bench = Bench::new(REPLY).await;
    let mut events = Vec::new();
    for conversation in ["1001", "1002"] {
        events.push(bench.arrive(Speaks::Spruce, conversation, "hello").await);
    }
    bench.sandbox.fail_next(Speaks::Spruce, Fault::Status(400, None), 2);
    bench.settle().await;
    let dead = [bench.send(&events[0]).await.id, bench.send(&events[1]).await.id];
    bench.close().await;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rejoinder"));
        command.arg("dead").args(arguments).arg("--config").arg(bench.config_file());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (code, listed) = command(&["list"]);
    assert!(code == Some(0) && dead.iter().all(|id| listed.contains(id.as_str())), "{listed}");
    let (code, said) = command(&["redrive", dead[0].as_str()]);
    assert!(code == Some(0) && said.contains("redriven"), "{said}");
    let (code, said) = command(&["drop", dead[1].as_str(), "--why", "answered by phone"]);
    assert!(code == Some(0) && said.contains("dropped"), "{said}");
    let (code, said) = command(&["redrive", dead[1].as_str()]);
    assert!(code == Some(1) && said.contains("not a dead letter"), "{said}");
    bench.open().await;
    // Less than a clock's tick may lie between the command and now.
    bench.pass(SignedDuration::from_mins(1));
    bench.settle().await;
    assert_eq!(bench.replies(Speaks::Spruce, "1001").len(), 1);
    assert_eq!(bench.replies(Speaks::Spruce, "1002").len(), 0);
    assert!(is_done(&bench.send(&events[0]).await));
    let dropped = SendState::Dropped { reason: "answered by phone".to_owned() };
    assert_eq!(bench.send(&events[1]).await.state, dropped);
}

/// Measured by what is finished, not by time: the replies of the others are there while one provider still hangs.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_or_is_down_never_blocks_other_accounts() {
    let bench = Bench::set(Setup {
        rules: &[("a.yaml", REPLY)],
        change: |config| {
            config["limits"]["provider_timeout"] = json!("30s");
            // A port that nothing listens on.
            config["accounts"]["fernand"]["base_url"] = json!("http://127.0.0.1:1/fernand");
        },
        ..Setup::default()
    })
    .await;
    bench.sandbox.fail_next(Speaks::Sequenzy, Fault::Hang, 100);
    let mut stuck = Vec::new();
    for conversation in 1_001..=1_010 {
        for speaks in [Speaks::Sequenzy, Speaks::Fernand] {
            stuck.push(bench.arrive(speaks, &conversation.to_string(), "hello").await);
        }
    }
    for conversation in 2_001..=2_020 {
        bench.arrive(Speaks::Spruce, &conversation.to_string(), "hello").await;
    }
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(worker::run(Arc::clone(&bench.engine), stopped));
    let answered = async {
        while !(2_001..=2_020).all(|conversation| bench.replies(Speaks::Spruce, &conversation.to_string()).len() == 1) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(25), answered).await.expect("the others wait for the one that hangs");
    for event in &stuck {
        assert!(bench.send(event).await.state.is_open());
    }
    stop.send(true).unwrap();
    running.abort();
}

fn with_oauth(config: &mut serde_json::Value) {
    let account = &mut config["accounts"]["highlevel"];
    account.as_object_mut().unwrap().remove("token");
    account["oauth"] = json!({
        "client_id": "sandboxApp-client", "client_secret": "sandbox-client-secret", "refresh_token": "sandbox-refresh-token",
    });
}

/// The sandbox takes each refresh token once, so whoever comes back with the first one is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_refresh_token_is_stored_before_its_access_token_is_used() {
    let rules = &[("a.yaml", REPLY)];
    let mut bench = Bench::set(Setup { rules, change: with_oauth, ..Setup::default() }).await;
    let event = bench.arrive(Speaks::HighLevel, "1001", "hello").await;
    bench.decide().await;
    bench.wire.hold("/conversations/messages", Moment::Before);
    tokio::select! {
        _ = bench.deliver(Speaks::HighLevel) => panic!("the message was not held"),
        () = bench.wire.reached.notified() => {}
    }
    // The program ends between the refresh and the first use of what it gave.
    bench.close().await;
    bench.open().await;
    bench.settle().await;
    let send = bench.send(&event).await;
    assert!(is_done(&send), "{send:?}");
    assert_eq!(outcomes(&send), ["unknown", "delivered"], "cut short, read back, sent");
    assert_eq!(bench.replies(Speaks::HighLevel, "1001").len(), 1);
    let refreshes = bench.wire.seen().iter().filter(|call| call.line.ends_with("/oauth/token")).count();
    assert_eq!(refreshes, 2);
    // Once more, a day later and after an orderly restart.
    bench.close().await;
    bench.open().await;
    bench.pass(SignedDuration::from_hours(25));
    bench.arrive(Speaks::HighLevel, "1002", "hello").await;
    bench.settle().await;
    assert_eq!(bench.replies(Speaks::HighLevel, "1002").len(), 1);
}
