//! A burst of messages is answered once: `settle`.

use serde_json::json;

use crate::model::{CancelOn, Decision};
use crate::rules::Book;
use crate::rules::testing::{Play, book, rules, story, surroundings, unguarded};

fn play(list: &str) -> Play {
    Play::of(book(&[("rules.yaml", &rules(list))], unguarded()))
}

/// Which rules' replies are superseded.
fn superseded(decision: &Decision) -> Vec<&str> {
    decision.supersedes.iter().map(|other| other.rule.as_str()).collect()
}

const GREET: &str = "  - name: greet\n    settle: 20s\n    do: [{ reply: { text: \"{{ message.text }}\" } }]";

#[test]
fn the_last_message_of_a_burst_is_answered_and_only_it() {
    let mut play = play(GREET);
    let hear = |play: &mut Play, text: &str| play.decide(json!({ "message": { "text": text } }));
    let first = hear(&mut play, "hello");
    assert_eq!((story(&first).as_str(), superseded(&first)), ("greet reply: chosen", vec![]));
    assert_eq!(first.trace.matched[0].actions[0].rendered["settle"], "20s");
    assert_eq!(first.sends[0].due, play.now + jiff::SignedDuration::from_secs(20));
    let second = hear(play.wait("19s"), "are you there?");
    assert_eq!((story(&second).as_str(), superseded(&second)), ("greet reply: chosen", vec!["greet"]));
    assert_eq!(second.supersedes[0].send, first.sends[0].id);
    let third = hear(play.wait("19s"), "please!");
    assert_eq!(third.supersedes[0].send, second.sends[0].id);
    // The burst is over: the reply has left, and the usual limits hold again.
    let fourth = hear(play.wait("20s"), "hello?");
    assert_eq!((story(&fourth).as_str(), superseded(&fourth)), ("greet reply: blocked: once", vec![]));
}

#[test]
fn what_waits_stays_where_the_next_message_has_no_answer() {
    let list = format!("{GREET}\n    when: {{ message.text: {{ contains: order }} }}");
    let mut play = play(&list);
    assert_eq!(play.hear("where is my order?"), "greet reply: chosen");
    assert_eq!(play.wait("5s").hear("thanks"), "");
    assert_eq!(play.world.settling.len(), 1);
    let again = play.wait("5s").decide(json!({ "message": { "text": "order 7, that is" } }));
    assert_eq!(superseded(&again), ["greet"]);
    assert_eq!(play.world.settling.len(), 1);
    // Not remembered as answered: neither did the first count, nor did its going away.
    assert_eq!(play.wait("30s").hear("order"), "greet reply: blocked: once");
}

#[test]
fn the_answer_of_another_rule_takes_the_place_as_well() {
    let refund = "  - name: refund\n    when: { message.text: { contains: refund } }\n    stop: true\n    do: [{ reply: { text: soon } }]";
    let mut play = play(&format!("{refund}\n{GREET}"));
    assert_eq!(play.hear("hi"), "greet reply: chosen");
    let second = play.wait("3s").decide(json!({ "message": { "text": "a refund please" } }));
    assert_eq!((story(&second).as_str(), superseded(&second)), ("refund reply: chosen", vec!["greet"]));
    // The greeting was never said, so it is not too soon for it.
    assert_eq!(play.wait("60s").hear("hi"), "greet reply: chosen");
}

#[test]
fn a_burst_counts_as_one_reply() {
    let mut play = Play::of(book(&[("rules.yaml", &rules(GREET))], surroundings()));
    for _ in 0..30 {
        assert_eq!(play.wait("5s").hear("hello"), "greet reply: chosen");
    }
    assert!(play.world.windows.values().all(|window| window.times.len() <= 1), "{:?}", play.world.windows);
}

#[test]
fn the_limits_of_a_rule_take_a_burst_for_one_message() {
    for once in ["{}", "{ quiet: 15m }", "{ per: contact, every: 7d }"] {
        let mut play = play(&format!("{GREET}\n    once: {once}"));
        for _ in 0..3 {
            assert_eq!(play.wait("5s").hear("hello"), "greet reply: chosen", "{once}");
        }
        assert_eq!(play.wait("60s").hear("hello"), "greet reply: blocked: once", "{once}");
    }
}

#[test]
fn a_person_ends_the_burst_and_other_conversations_have_their_own() {
    let mut play = play(GREET);
    let hear = |play: &mut Play, conversation: &str, email: &str| {
        let message = json!({ "text": "hello" });
        play.decide(
            json!({ "conversation": { "id": conversation }, "contact": { "email": email }, "message": message }),
        )
    };
    hear(&mut play, "a", "ann@example.org");
    assert!(superseded(&hear(&mut play, "b", "bob@example.org")).is_empty());
    let sent = json!({ "kind": "message.sent", "conversation": { "id": "a" }, "message": { "author": "member" } });
    assert_eq!(play.wait("2s").decide(sent).cancels, Some(CancelOn::HumanReply));
    assert_eq!(play.world.settling.len(), 1);
    assert_eq!(superseded(&hear(play.wait("2s"), "b", "bob@example.org")), ["greet"]);
}

#[test]
fn only_a_reply_waits_and_only_where_nobody_has_to_agree() {
    let list = GREET.replace("do: [", "do: [{ tag: { add: [x] } }, ");
    let hello = || json!({ "message": { "text": "hello" } });
    let decision = play(&list).decide(hello());
    let waits: Vec<bool> = decision.sends.iter().map(|send| send.settling.is_some()).collect();
    assert_eq!(waits, [false, true]);
    assert_eq!(decision.sends[0].due, decision.at);
    let held = play(&format!("{GREET}\n    mode: approve")).decide(hello());
    assert!(held.sends.len() == 1 && held.sends[0].settling.is_none());
}

#[test]
fn a_settle_that_makes_no_sense_is_refused() {
    let faults = |settle: &str, action: &str| {
        let list = format!("  - name: a\n    settle: {settle}\n    do: [{action}]");
        let files = vec![("rules.yaml".to_owned(), rules(&list))];
        Book::compile(files, surroundings()).err().unwrap().to_string()
    };
    let said = |settle: &str, action: &str, words: &str| {
        let faults = faults(settle, action);
        assert!(faults.contains("rules.yaml:4:") && faults.contains(words), "{faults}");
    };
    said(
        "20s",
        "{ tag: { add: [x] } }",
        "the rule has no reply that could wait for the end of a burst; other actions are taken at once",
    );
    said("0s", "{ reply: { text: x } }", "`0s` is not a wait between 1s and 1h");
    said("2h", "{ reply: { text: x } }", "`2h` is not a wait between 1s and 1h");
    said("soon", "{ reply: { text: x } }", "soon");
}

#[test]
fn what_came_too_late_to_be_put_in_order_says_so() {
    let mut play = play(GREET);
    let mut decided_after = |happened: i64, arrives: bool| {
        let event = crate::rules::testing::facts(json!({})).event;
        let at = play.now + jiff::SignedDuration::from_secs(happened);
        let received_at = if arrives { at } else { play.now };
        let facts = play.world.facts(&play.book, crate::model::Event { at, received_at, ..(*event).clone() }, play.now);
        let (facts, decision) = play.world.decide(&play.book, facts, crate::rules::Depth::Matched);
        play.world.keep(&facts.event, &decision);
        decision.trace.decided_after.map(|after| after.duration_since(play.now).as_secs())
    };
    let told: Vec<_> = [(-10, false), (-5, false), (-7, false), (-5, false), (-30, true)]
        .map(|(happened, arrives)| decided_after(happened, arrives))
        .into();
    assert_eq!(told, [None, None, Some(-5), None, None]);
}
