//! What becomes of a reply that was taken and whose answer was lost, by what the account says of it, and what is kept of each
//! answer. Over real connections to the sandbox, whose fault takes effect before it resets.

use rejoinder::model::{Hand, HoldCause, Send as OutgoingSend, SendState};
use rejoinder::provider::sandbox::{Fault, Speaks};
use rejoinder::store::Changed;
use serde_json::json;

use crate::rig::{ALL, Bench, Setup, outcomes};

const REPLY: &str = "version: 1\nrules:\n  - name: answer\n    do: [{ reply: { text: \"It is on its way.\" } }]\n";

/// A bench whose accounts all say this.
async fn bench(change: fn(&mut serde_json::Value)) -> Bench {
    Bench::set(Setup { rules: &[("a.yaml", REPLY)], change, ..Setup::default() }).await
}

fn hold(config: &mut serde_json::Value) {
    ALL.iter().for_each(|speaks| config["accounts"][speaks.as_str()]["on_unknown"] = json!("hold"));
}

fn retry(config: &mut serde_json::Value) {
    ALL.iter().for_each(|speaks| config["accounts"][speaks.as_str()]["on_unknown"] = json!("retry"));
}

/// Lets a reply land without an answer, and no webhook tell of it.
async fn lose(bench: &Bench, speaks: Speaks) -> OutgoingSend {
    let event = bench.arrive(speaks, "1001", "Where is my order?").await;
    bench.decide().await;
    bench.sandbox.fail_next(speaks, Fault::TakeThenReset, 1);
    bench.deliver(speaks).await.unwrap();
    bench.sandbox.take_webhooks();
    bench.settle().await;
    bench.send(&event).await
}

fn by_kim(bench: &Bench, did: &str) -> Hand {
    Hand { at: bench.time.now(), by: "kim".to_owned(), did: did.to_owned(), why: "looked".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_is_held_at_once_where_the_account_says_hold_and_a_person_ends_it() {
    for speaks in ALL {
        let bench = bench(hold).await;
        let send = lose(&bench, speaks).await;
        assert!(matches!(&send.state, SendState::Held { cause: HoldCause::Unknown, .. }), "{speaks:?} {send:?}");
        assert_eq!((outcomes(&send), bench.replies(speaks, "1001").len()), (vec!["unknown"], 1), "{speaks:?}");
        let confirmed = bench.engine.store.confirm(&send.id, &by_kim(&bench, "confirm")).await.unwrap();
        assert_eq!(confirmed, Changed::Done);
        bench.settle().await;
        let send = bench.engine.store.send(&send.id).await.unwrap().unwrap();
        assert_eq!((send.state.name(), bench.replies(speaks, "1001").len()), ("confirmed", 1), "{speaks:?}");
    }
}

/// What a person lets go is sent again: twice where the provider has no keys, once where it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_that_is_released_is_sent_again() {
    for speaks in ALL {
        let bench = bench(hold).await;
        let send = lose(&bench, speaks).await;
        let released = bench.engine.store.release(&send.id, &by_kim(&bench, "release")).await.unwrap();
        assert_eq!(released, Changed::Done);
        bench.settle().await;
        let send = bench.engine.store.send(&send.id).await.unwrap().unwrap();
        assert_eq!(outcomes(&send), ["unknown", "delivered"], "{speaks:?}");
        let expected = if speaks == Speaks::Spruce { 1 } else { 2 };
        assert_eq!(bench.replies(speaks, "1001").len(), expected, "{speaks:?}");
    }
}

/// The danger that the documentation names: without keys, the contact gets it twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_is_sent_again_without_looking_where_the_account_says_retry_and_the_attempt_says_so() {
    for speaks in ALL {
        let bench = bench(retry).await;
        let send = lose(&bench, speaks).await;
        assert_eq!(outcomes(&send), ["unknown", "delivered"], "{speaks:?}");
        let said = format!("{:?}", send.attempts[0].outcome);
        assert!(said.contains("sent again without looking") && said.contains("on_unknown: retry"), "{said}");
        assert!(!bench.wire.seen().iter().any(|call| call.line.starts_with("GET")), "{speaks:?}: nothing was read");
        let expected = if speaks == Speaks::Spruce { 1 } else { 2 };
        assert_eq!(bench.replies(speaks, "1001").len(), expected, "{speaks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_is_kept_with_its_times_and_what_was_answered() {
    for speaks in ALL {
        let bench = bench(|_| {}).await;
        let event = bench.arrive(speaks, "1001", "Where is my order?").await;
        for fault in [Fault::Status(503, None), Fault::Reset, Fault::Status(400, None)] {
            bench.sandbox.fail_next(speaks, fault, 1);
        }
        bench.settle().await;
        let send = bench.send(&event).await;
        let answers: Vec<Option<u16>> =
            send.attempts.iter().map(|attempt| attempt.answer.as_ref().map(|answer| answer.status)).collect();
        assert_eq!(answers[..2], [Some(503), None], "{speaks:?} {send:?}");
        assert!(send.attempts.iter().all(|one| one.ended_at >= Some(one.started_at)), "{send:?}");
        let kept = serde_json::to_string(&send.attempts).unwrap();
        assert!(!kept.contains("on its way") && !kept.contains("example.org"), "{speaks:?} {kept}");
    }
}
