//! How far a rule goes: the ladder of modes, and the mode that people order for one conversation.

use serde_json::json;

use crate::model::{Action, Control, HoldCause, Mode, Scope, SendState};
use crate::rules::testing::Play;

fn rule(mode: &str) -> String {
    format!(
        "  - name: a
    mode: {mode}
    do: [{{ reply: {{ text: hello }} }}, {{ note: {{ text: n }} }}, close: {{}}, set: {{ k: 1 }}]
    stop: true
  - name: b
    do: [{{ tag: {{ add: [t] }} }}]"
    )
    .replace("close: {}, set: { k: 1 }]", "{ close: true }, { set: { k: 1 } }]")
}

#[test]
fn each_step_of_the_ladder_goes_further() {
    for (mode, told, sent) in [
        ("off", "b tag: chosen", "tag pending"),
        (
            "shadow",
            "a reply: shadowed\na note: shadowed\na close: shadowed\na set: shadowed\nb tag: chosen",
            "tag pending",
        ),
        ("draft", "a reply: drafted\na note: chosen\na close: drafted\na set: chosen", "note pending, note pending"),
        (
            "approve",
            "a reply: held: approval\na note: chosen\na close: held: approval\na set: chosen",
            "reply held, note pending, close held",
        ),
        (
            "auto",
            "a reply: chosen\na note: chosen\na close: chosen\na set: chosen",
            "reply pending, note pending, close pending",
        ),
    ] {
        let mut play = Play::new(&rule(mode));
        let decision = play.decide(json!({ "message": { "text": "x" } }));
        assert_eq!(crate::rules::testing::story(&decision), told, "{mode}");
        let sends = decision.sends.iter().map(|send| format!("{} {}", send.action.name(), send.state.name()));
        assert_eq!(sends.collect::<Vec<_>>().join(", "), sent, "{mode}");
        assert_eq!(decision.conversation.state.contains_key("k"), !matches!(mode, "off" | "shadow"), "{mode}");
    }
}

#[test]
fn a_draft_holds_the_words_and_names_the_rule() {
    let mut play = Play::new(
        "  - name: polite\n    mode: draft\n    do: [{ reply: { markdown: 'Hello **Ann**' } }, { snippet: { id: 7 } }]",
    );
    let decision = play.decide(json!({ "message": { "text": "x" } }));
    let Action::Note(note) = &decision.sends[0].action else { panic!("{decision:?}") };
    assert_eq!(note.text, "Draft by the rule “polite”, not sent:\n\nHello Ann");
    assert_eq!(note.html, "<p>Draft by the rule “polite”, not sent:</p><p>Hello <strong>Ann</strong></p>");
    assert_eq!(decision.conversation.last_automatic, None);
    // The contact has got nothing, so nothing is counted; but a person does not need the same draft again at once.
    assert!(decision.windows.is_empty());
    assert_eq!(play.wait("1m").hear("x"), "polite reply: blocked: once\npolite snippet: drafted");
}

#[test]
fn a_held_reply_counts_as_one_that_leaves() {
    let mut play = Play::new(&rule("approve"));
    let decision = play.decide(json!({ "message": { "text": "x" } }));
    let held = SendState::Held { cause: HoldCause::Approval, reason: "its rule asks for approval".to_owned() };
    assert_eq!(decision.sends[0].state, held);
    assert!(!decision.sends[0].counted.is_empty() && !decision.windows.is_empty());
    assert!(play.hear("x").starts_with("a reply: blocked: once"));
}

#[test]
fn people_order_another_mode_for_one_conversation() {
    let mut play =
        Play::new(&format!("{}\n  - name: c\n    mode: off\n    do: [{{ tag: {{ add: [c] }} }}]", rule("auto")));
    let lane = |conversation: &str| {
        let written = json!({ "conversation": { "id": conversation } });
        crate::rules::testing::event(written, &crate::rules::testing::surroundings(), 0, crate::rules::testing::now())
            .lane()
    };
    let shadow = Control { mode: Some(Mode::Shadow), ..Control::of(Scope::Conversation(lane("c1"))) };
    play.world.controls.0.push(shadow);
    let hear =
        |play: &mut Play, id: &str| play.tell(json!({ "conversation": { "id": id }, "message": { "text": "x" } }));
    assert!(hear(&mut play, "c1").starts_with("a reply: shadowed"));
    assert!(hear(&mut play, "c2").starts_with("a reply: chosen"));
    play.world.controls.0[0].mode = Some(Mode::Off);
    assert_eq!(hear(&mut play, "c1"), "");
    // What is off stays off.
    play.world.controls.0[0].mode = Some(Mode::Auto);
    assert!(!hear(&mut play, "c1").contains("c tag"));
}

#[test]
fn a_veto_in_draft_and_approve_counts_and_one_in_shadow_does_not() {
    for (mode, told) in [
        ("shadow", "a reply: chosen"),
        ("draft", "a reply: vetoed by v"),
        ("approve", "a reply: vetoed by v"),
        ("auto", "a reply: vetoed by v"),
    ] {
        let list = format!(
            "  - name: a\n    do: [{{ reply: {{ text: x }} }}]\n  - name: v\n    mode: {mode}\n    veto: reply"
        );
        assert_eq!(Play::new(&list).hear("x"), told, "{mode}");
    }
}

#[test]
fn a_failed_rule_that_says_hold_keeps_the_answers_of_the_others_for_a_person() {
    let list = |on_error: &str, mode: &str| {
        format!(
            "  - name: broken
    mode: {mode}
    on_error: {on_error}
    when: {{ script: 'parse_int(message.text) > 3' }}
    do: [{{ tag: {{ add: [t] }} }}]
  - name: a
    do: [{{ reply: {{ text: x }} }}, {{ note: {{ text: n }} }}, {{ close: true }}]"
        )
    };
    let told = |on_error: &str, mode: &str| {
        let mut play = Play::new(&list(on_error, mode));
        let decision = play.decide(json!({ "message": { "text": "x" } }));
        assert_eq!(decision.trace.errors.len(), 1);
        let sends: Vec<_> = decision.sends.iter().map(|send| send.state.name()).collect();
        let verdicts = crate::rules::testing::story(&decision);
        (sends.join(" "), verdicts.lines().take(3).collect::<Vec<_>>().join(", "))
    };
    let chosen = ("pending pending pending".to_owned(), "a reply: chosen, a note: chosen, a close: chosen".to_owned());
    assert_eq!(told("skip", "auto"), chosen);
    assert_eq!(told("hold", "shadow"), chosen);
    let held = "a reply: held: rule_error, a note: chosen, a close: held: rule_error";
    assert_eq!(told("hold", "auto"), ("held pending held".to_owned(), held.to_owned()));
}
