//! How often: `once` as written, the defaults of each kind of reply, handles.

use serde_json::{Value, json};

use crate::rules::testing::{Play, book, rules, surroundings, unguarded};

/// Plays (time passed, event, what is told) in order.
fn play(list: &str, steps: &[(&str, Value, &str)]) {
    let mut play = Play::of(book(&[("rules.yaml", &rules(list))], unguarded()));
    for (number, (after, written, told)) in steps.iter().enumerate() {
        assert_eq!(play.wait(after).tell(written.clone()), *told, "step {} of {list}", number + 1);
    }
}

fn from(email: &str, conversation: &str) -> Value {
    json!({ "contact": { "email": email }, "conversation": { "id": conversation } })
}

fn rule(once: &str, action: &str) -> String {
    format!("  - name: a\n    {once}\n    do: [{{ {action} }}]")
}

const REPLY: &str = "a reply: chosen";
const NO_REPLY: &str = "a reply: blocked: once";

#[test]
fn once_in_a_conversation() {
    let (ann, bob) = (|| from("ann@example.org", "c1"), || from("bob@example.org", "c1"));
    let other = || from("ann@example.org", "c2");
    play(
        &rule("once: { per: conversation }", "reply: { text: x }"),
        &[("0s", ann(), REPLY), ("365d", bob(), NO_REPLY), ("0s", other(), REPLY)],
    );
    play(
        &rule("once: { every: 24h }", "reply: { text: x }"),
        &[
            ("0s", ann(), REPLY),
            ("23h", ann(), NO_REPLY),
            ("59m", ann(), NO_REPLY),
            ("1m", ann(), REPLY),
            ("1h", ann(), NO_REPLY),
        ],
    );
    play(
        &rule("once: {}", "tag: { add: [x] }"),
        &[("0s", ann(), "a tag: chosen"), ("9d", ann(), "a tag: blocked: once")],
    );
}

#[test]
fn once_for_a_contact() {
    let (ann, bob) = (|| from("ann@example.org", "c1"), || from("bob@example.org", "c1"));
    let again = || from("Ann+shop@Example.org", "c2");
    play(
        &rule("once: { per: contact, every: 7d }", "reply: { text: x }"),
        &[("0s", ann(), REPLY), ("6d", again(), NO_REPLY), ("0s", bob(), REPLY), ("1d", again(), REPLY)],
    );
    // Somebody without address, number and id is counted by conversation.
    let nobody = |conversation: &str| json!({ "contact": { "name": "N" }, "conversation": { "id": conversation } });
    play(
        &rule("once: { per: contact }", "reply: { text: x }"),
        &[("0s", nobody("c1"), REPLY), ("1d", nobody("c1"), NO_REPLY), ("0s", nobody("c2"), REPLY)],
    );
}

#[test]
fn once_for_each_event_lifts_every_limit() {
    play(
        &rule("once: { per: event }", "reply: { text: x }"),
        &[("0s", json!({}), REPLY), ("1s", json!({}), REPLY), ("0s", json!({}), REPLY)],
    );
}

#[test]
fn quiet_waits_for_a_silence_of_both_sides() {
    let list = rule("once: { quiet: 15m }", "reply: { text: x }");
    let sent = || json!({ "kind": "message.sent" });
    play(
        &list,
        &[
            ("0s", json!({}), REPLY),
            ("14m", json!({}), NO_REPLY),
            ("14m", json!({}), NO_REPLY),
            ("15m", json!({}), REPLY),
            ("1h", sent(), ""),
            ("5m", json!({}), NO_REPLY),
            ("16m", json!({}), REPLY),
        ],
    );
    let both = rule("once: { per: conversation, every: 1h, quiet: 10m }", "reply: { text: x }");
    play(
        &both,
        &[
            ("0s", json!({}), REPLY),
            ("30m", json!({}), NO_REPLY),
            ("31m", json!({}), REPLY),
            ("1m", json!({}), NO_REPLY),
        ],
    );
}

#[test]
fn once_holds_for_the_whole_rule_and_only_after_it_acted() {
    let list = "
  - name: a
    when: { message.text: { contains: x } }
    once: { per: conversation }
    do: [{ reply: { text: 'Hi {{ contact.name }}' } }, { note: { text: seen } }]";
    let mut play = Play::new(list);
    assert!(play.tell(json!({ "message": { "text": "y" } })).is_empty());
    let named = json!({ "message": { "text": "x" }, "contact": { "name": "Ann", "email": "ann@example.org" } });
    assert_eq!(play.tell(named.clone()), "a reply: chosen\na note: chosen");
    assert_eq!(play.tell(named), "a reply: blocked: once\na note: blocked: once");
    // A rule that could do nothing may try again.
    let alone = rule("once: { per: conversation }", "reply: { text: 'Hi {{ contact.name }}' }");
    let mut play = Play::new(&alone);
    assert!(play.hear("x").contains("`contact.name` is undefined"));
    assert_eq!(play.tell(json!({ "contact": { "name": "Ann" } })), REPLY);
}

#[test]
fn an_answer_goes_to_a_correspondent_once_in_a_quarter_of_an_hour() {
    let (ann, bob) = (|| from("ann@example.org", "c1"), || from("bob@example.org", "c1"));
    let other = || from("ann@example.org", "c2");
    play(
        &rule("description: default", "reply: { text: x }"),
        &[
            ("0s", ann(), REPLY),
            ("14m 59s", ann(), NO_REPLY),
            ("0s", other(), REPLY),
            ("0s", bob(), REPLY),
            ("1s", ann(), REPLY),
            ("10m", bob(), NO_REPLY),
        ],
    );
    let nobody = || json!({ "contact": { "name": "N" } });
    play(
        &rule("description: x", "reply: { text: x }"),
        &[("0s", nobody(), REPLY), ("1m", nobody(), NO_REPLY), ("15m", nobody(), REPLY)],
    );
}

#[test]
fn an_acknowledgement_goes_once_to_a_conversation_and_once_a_day_to_a_correspondent() {
    let (ann, bob) = (|| from("ann@example.org", "c1"), || from("bob@example.org", "c1"));
    let other = || from("ann@example.org", "c2");
    play(
        &rule("description: x", "reply: { text: x, kind: ack }"),
        &[
            ("0s", ann(), REPLY),
            ("1h", other(), NO_REPLY),
            ("0s", bob(), NO_REPLY),
            ("23h", other(), REPLY),
            ("365d", ann(), NO_REPLY),
        ],
    );
}

#[test]
fn an_absence_is_told_to_a_correspondent_once_a_week() {
    let ann = |conversation: &str| from("ann@example.org", conversation);
    play(
        &rule("description: x", "reply: { text: x, kind: away }"),
        &[
            ("0s", ann("c1"), REPLY),
            ("6d 23h", ann("c2"), NO_REPLY),
            ("0s", from("bob@example.org", "c1"), REPLY),
            ("1h", ann("c1"), REPLY),
        ],
    );
}

#[test]
fn the_periods_are_settings() {
    let mut short = surroundings();
    short.guard.answer = jiff::SignedDuration::from_secs(60);
    let text = rules(&rule("description: x", "reply: { text: x }"));
    let mut play = Play::of(book(&[("r.yaml", &text)], short));
    assert_eq!(play.hear("x"), REPLY);
    assert_eq!(play.wait("59s").hear("x"), NO_REPLY);
    assert_eq!(play.wait("1s").hear("x"), REPLY);
}

#[test]
fn vector_18_a_handle_makes_two_rules_one_response() {
    let list = |handle: &str| {
        format!(
            "
  - name: a
    {handle}
    do: [{{ reply: {{ text: one }} }}]
  - name: b
    {handle}
    do: [{{ reply: {{ text: two }} }}]"
        )
    };
    let first = "a reply: chosen\nb reply: blocked: already_answered";
    play(
        &list("handle: h"),
        &[("0s", json!({}), first), ("1m", json!({}), "a reply: blocked: once\nb reply: blocked: once")],
    );
    play(
        &list("description: d"),
        &[("0s", json!({}), first), ("1m", json!({}), "a reply: blocked: once\nb reply: chosen")],
    );
}

#[test]
fn a_handle_joins_a_written_once_with_a_default() {
    let list = "
  - name: a
    when: { message.text: a }
    handle: h
    once: { per: conversation, every: 1d }
    do: [{ reply: { text: one } }]
  - name: b
    when: { message.text: b }
    handle: h
    do: [{ reply: { text: two } }]";
    let say = |text: &str| json!({ "message": { "text": text } });
    play(list, &[("0s", say("a"), REPLY), ("1m", say("b"), "b reply: blocked: once"), ("1h", say("a"), NO_REPLY)]);
    play(list, &[("0s", say("b"), "b reply: chosen"), ("1m", say("a"), NO_REPLY), ("1d", say("a"), REPLY)]);
}

#[test]
fn vector_19_variables_do_not_make_a_new_response() {
    let say = |text: &str| json!({ "message": { "text": text, "subject": text } });
    for action in [
        "reply: { subject: 'Re: {{ message.subject }}', text: 'You wrote: {{ message.text }}' }",
        "script: 'reply(\"You wrote: \" + message.text)'",
        "script: 'if message.text == \"two\" { tag(\"x\"); } reply(#{ text: \"About \" + message.subject, subject: message.subject })'",
    ] {
        let mut play = Play::new(&rule("description: x", action));
        assert_eq!(play.tell(say("one")), REPLY, "{action}");
        let second = play.wait("1m").tell(say("two"));
        assert_eq!(second.trim_start_matches("a tag: chosen\n"), NO_REPLY, "{action}");
        assert!(play.wait("15m").tell(say("two")).ends_with(REPLY), "{action}");
    }
}

#[test]
fn a_thousand_responses_are_remembered() {
    use crate::rules::guard::response::remember;
    use crate::rules::testing::now;
    let mut responses = std::collections::BTreeMap::new();
    for number in 0..1_005_i64 {
        let at = now().checked_add(jiff::SignedDuration::from_secs(number)).unwrap();
        remember(&mut responses, &format!("{}", 9_000 - number), at);
    }
    assert_eq!(responses.len(), 1_000);
    assert!(!responses.contains_key("8996") && responses.contains_key("8995"), "the oldest five are gone");
}
