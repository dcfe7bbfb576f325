//! Who is heard at all: vetoes, `stop`, modes, and the first reply.

use serde_json::json;

use crate::model::EventKind;
use crate::rules::testing::{Play, book, facts, rules, story, unguarded};
use crate::rules::{Depth, decide};

#[test]
fn vector_17_a_veto_placed_last_wins() {
    let mut play = Play::new(
        "
  - name: answer
    do: [{ reply: { text: hello } }, { note: { text: seen } }]
    stop: true
  - name: lawyers
    when: { message.text: { contains: lawyer } }
    veto: reply",
    );
    assert_eq!(play.hear("hi"), "answer reply: chosen\nanswer note: chosen");
    assert_eq!(play.hear("my lawyer"), "answer reply: vetoed by lawyers\nanswer note: chosen");
}

#[test]
fn a_veto_forbids_what_it_names() {
    let doing = "do: [{ reply: { text: x } }, { snippet: { id: 1 } }, { note: { text: x } }, { tag: { add: [x] } }, { assign: dr-lee }, { close: true }, { set: { a: 1 } }, { script: 'tag(\"y\")' }]";
    for (veto, forbidden) in [
        ("reply", "reply snippet"),
        ("[note, tag]", "note tag tag"),
        ("assign", "assign"),
        ("close", "close"),
        ("all", "reply snippet note tag assign close set script"),
    ] {
        let mut play = Play::new(&format!("  - name: a\n    {doing}\n  - name: v\n    veto: {veto}"));
        let told = play.hear("x");
        let vetoed: Vec<&str> =
            told.lines().filter_map(|line| line.strip_suffix(": vetoed by v")?.strip_prefix("a ")).collect();
        assert_eq!(vetoed.join(" "), forbidden, "{veto}\n{told}");
    }
}

#[test]
fn a_veto_that_is_off_in_shadow_or_of_another_kind_forbids_nothing() {
    for line in ["mode: off", "mode: shadow", "on: message.sent", "when: { message.text: else }"] {
        let mut play = Play::new(&format!(
            "  - name: a\n    do: [{{ reply: {{ text: x }} }}]\n  - name: v\n    {line}\n    veto: all"
        ));
        assert_eq!(play.hear("x"), "a reply: chosen", "{line}");
    }
}

#[test]
fn a_veto_that_fails_is_told_even_where_the_rules_have_stopped() {
    let mut play = Play::new(
        "
  - name: a
    do: [{ reply: { text: x } }]
    stop: true
  - name: v
    when: { script: state.none + 1 > 0 }
    veto: reply",
    );
    insta::assert_snapshot!(play.hear("x"), @"
    a reply: vetoed by v
    v failed: `+` does not work with nothing and a whole number (line 1, column 12)
    ");
}

#[test]
fn stop_ends_the_book_and_says_so() {
    let list = "
  - name: a
    when: { message.text: a }
    do: [{ tag: { add: [a] } }]
    stop: true
  - name: b
    do: [{ tag: { add: [b] } }]
  - name: off
    mode: off
    do: [{ tag: { add: [c] } }]
  - name: opened
    on: conversation.opened
    do: [{ tag: { add: [c] } }]";
    let mut play = Play::new(list);
    assert_eq!(play.hear("a"), "a tag: chosen");
    assert_eq!(play.hear("b"), "b tag: chosen");
    let decision = decide(&play.book, &facts(json!({ "message": { "text": "b" } })), Depth::Everything);
    let why = decision.trace.unmatched.iter().map(|rule| format!("{}: {}", rule.rule, rule.because));
    insta::assert_snapshot!(why.collect::<Vec<_>>().join("\n"), @r"
    a: its conditions do not hold
    off: its mode is off
    opened: it looks at conversation.opened, and this is message.received
    ");
    let decision = decide(&play.book, &facts(json!({ "message": { "text": "a" } })), Depth::Everything);
    assert!(decision.trace.matched[0].stopped);
    assert_eq!(decision.trace.unmatched.len(), 3);
    assert_eq!(decision.trace.unmatched[0].because, "the rule `a` stopped the rules after it");
    assert_eq!(decide(&play.book, &facts(json!({})), Depth::Matched).trace.unmatched, []);
}

#[test]
fn a_rule_in_shadow_is_recorded_and_changes_nothing() {
    let mut play = Play::new(
        "
  - name: s
    mode: shadow
    do: [{ reply: { text: shadow } }, { set: { a: 1 } }, { script: 'tag(\"x\"); stop()' }]
    once: { per: conversation }
    stop: true
  - name: a
    when: { state.a: { not_exists: true } }
    do: [{ reply: { text: real } }]
    once: { per: event }",
    );
    for _ in 0..2 {
        let decision = play.decide(json!({}));
        assert_eq!(story(&decision), "s reply: shadowed\ns set: shadowed\ns tag: shadowed\na reply: chosen");
        assert!(!decision.trace.matched[0].stopped);
        assert_eq!(decision.sends.len(), 1);
        assert_eq!(decision.conversation.state.len(), 0);
    }
}

#[test]
fn the_first_reply_wins_unless_several_are_allowed() {
    let list = "
  - name: a
    do: [{ reply: { text: a1 } }, { reply: { text: a2 } }]
  - name: b
    do: [{ snippet: { id: 1 } }, { tag: { add: [b] } }]";
    let one =
        "a reply: chosen\na reply: blocked: already_answered\nb snippet: blocked: already_answered\nb tag: chosen";
    assert_eq!(Play::new(list).hear("x"), one);
    let mut many = unguarded();
    many.guard.allow_multiple = true;
    let mut play = Play::of(book(&[("r.yaml", &rules(list))], many));
    assert_eq!(play.hear("x"), "a reply: chosen\na reply: chosen\nb snippet: chosen\nb tag: chosen");
}

#[test]
fn a_reply_that_could_not_be_made_leaves_room_for_the_next() {
    let mut play = Play::new(
        "
  - name: a
    do: [{ reply: { text: 'Hi {{ contact.name }}' } }]
  - name: b
    do: [{ reply: { text: Hi } }]",
    );
    insta::assert_snapshot!(play.hear("x"), @r#"
    a reply: failed: `contact.name` is undefined; give it a default: {{ contact.name | default("there") }}
    b reply: chosen
    "#);
}

#[test]
fn a_rule_looks_at_the_kinds_it_names() {
    let mut play = Play::new(
        "
  - name: default
    do: [{ tag: { add: [a] } }]
  - name: many
    on: [conversation.closed, message.sent]
    do: [{ tag: { add: [b] } }]",
    );
    for kind in EventKind::ALL {
        let wanted = match kind {
            EventKind::MessageReceived => "default tag: chosen",
            EventKind::ConversationClosed | EventKind::MessageSent => "many tag: chosen",
            _ => "",
        };
        assert_eq!(play.tell(json!({ "kind": kind })), wanted, "{kind}");
    }
}

#[test]
fn what_an_event_calls_off_and_leaves_behind() {
    let mut play = Play::new("  - name: a\n    mode: off\n    stop: true");
    for (written, is_own, cancels, count) in [
        (json!({ "kind": "message.received" }), false, Some("contact_message"), 1),
        (json!({ "kind": "message.sent" }), false, Some("human_reply"), 2),
        (json!({ "kind": "message.sent" }), true, None, 3),
        (json!({ "kind": "message.sent", "message": { "author": "system" } }), false, None, 4),
        (json!({ "kind": "message.sent", "message": { "is_automated": true } }), false, None, 5),
        (json!({ "kind": "message.sent", "message": { "author": "unknown" } }), false, Some("human_reply"), 6),
        (json!({ "kind": "note.added" }), false, None, 6),
        (json!({ "kind": "conversation.closed" }), false, Some("closed"), 6),
        (json!({ "kind": "conversation.updated" }), false, None, 6),
    ] {
        play.is_own = is_own;
        let decision = play.decide(written.clone());
        assert_eq!(decision.cancels.map(|cause| cause.as_str()), cancels, "{written}");
        assert_eq!(decision.conversation.message_count, count, "{written}");
        assert_eq!(decision.seen.is_own, is_own);
    }
}
