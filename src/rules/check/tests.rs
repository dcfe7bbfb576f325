//! The runner of rule tests: what it passes, what it finds, and how it says so.

use serde_json::json;

use super::*;
use crate::model::{Event, SourceName};
use crate::rules::Book;
use crate::rules::testing::{book, event, now, rules, surroundings};

const LIST: &str = "
  - name: refund
    when: { message.text: { contains: refund } }
    do:
      - reply: { markdown: 'Hi {{ contact.first_name | default(\"there\") }}, your **refund**', delay: 2m, cancel_on: [closed] }
      - note: { text: 'refund {{ state.n | default(0) }}', page: [dr-lee] }
      - tag: { add: [refund, money] }
      - set: { n: '{{ state.n | default(0) + 1 }}' }
      - assign: dr-lee
    once: { per: conversation, every: 24h }
  - name: late
    when: { event.hour: { gte: 18 } }
    do: [{ tag: { add: [late] } }]
  - name: lawyer
    when: { message.text: { contains: lawyer } }
    veto: reply
  - name: broken
    when: { message.text: { contains: broken } }
    do: [{ note: { text: '{{ contact.phone }}' } }]
  - name: scripted
    when: { message.text: { contains: script }, script: state.none + 1 > 0 }
    do: [{ close: true }]";

fn the_book() -> Book {
    book(&[("r.yaml", &rules(LIST))], surroundings())
}

fn nothing(source: &SourceName, file: &str) -> Result<Event, String> {
    Err(format!("no file `{file}` for `{source}`"))
}

/// How the tests of a file came out, as `test` tells it; its faults where it cannot be read.
fn told(tests: &str) -> String {
    let report = match run(&the_book(), "t.yaml", &format!("tests:\n{tests}\n"), &nothing) {
        Ok(report) => report,
        Err(faults) => return faults.to_string(),
    };
    let lines = report.cases.iter().map(|case| match case.differences.is_empty() {
        true => format!("passed {} at {}", case.name, case.place),
        false => format!("failed {} at {}\n  {}", case.name, case.place, case.differences.join("\n  ")),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The same of one test, of a message with this text.
fn of(text: &str, expected: &str) -> String {
    told(&format!("  - name: t\n    event: {{ message: {{ text: {text} }} }}\n    {expected}"))
}

#[test]
fn what_comes_true_passes() {
    for expected in [
        "expect: [{ reply: { text: 'Hi there, your refund' } }]",
        "expect: [{ reply: { text: { contains: REFUND, not_contains: lawyer }, html: { contains: '<strong>' }, kind: answer } }]",
        "expect: [{ reply: { delay: 2m, cancel_on: [closed] } }]",
        "expect: [{ reply: {} }, { tag: { add: [refund, money] } }, { set: { n: 1 } }, { assign: dr-lee }]",
        "expect: [{ note: { text: refund 0, page: [dr-lee] } }]",
        "expect: [{ tag: { add: { has: money } } }]",
        "expect: [{ reply: { text: { contains: Hi, case: sensitive } } }]",
        "rules: [refund]",
        "now: 2026-01-05T18:00:00Z\n    rules: [refund, late]",
        "given: { state: { n: 4 } }\n    expect: [{ note: { text: refund 4 } }, { set: { n: 5 } }]",
    ] {
        assert_eq!(of("refund", expected), "passed t at t.yaml:2", "{expected}");
    }
    assert_eq!(of("tea", "expect: []"), "passed t at t.yaml:2");
    assert_eq!(of("tea", "rules: []"), "passed t at t.yaml:2");
    assert_eq!(of("refund or my lawyer", "blocked: veto"), "passed t at t.yaml:2");
}

#[test]
fn a_planted_wrong_expectation_is_found_and_told() {
    insta::assert_snapshot!(of("refund", "expect: []"), @r#"
    failed t at t.yaml:2
      expected nothing, got reply: {"kind":"answer","text":"Hi there, your refund","html":"<p>Hi there, your <strong>refund</strong></p>","format":"markdown","delay":"2m","cancel_on":["closed"]}
      expected nothing, got note: {"page":["dr-lee"],"text":"refund 0","html":"<p>refund 0</p>"}
      expected nothing, got tag: {"add":["refund","money"]}
      expected nothing, got assign: "dr-lee"
    "#);
    insta::assert_snapshot!(of("refund", "expect: [{ reply: { text: { contains: lawyer } } }]"), @r#"
    failed t at t.yaml:2
      reply.text: expected contains "lawyer", got "Hi there, your refund"
    "#);
    insta::assert_snapshot!(of("refund", "expect: [{ reply: { text: 'Hi there', kind: ack } }]"), @r#"
    failed t at t.yaml:2
      reply.text: expected "Hi there", got "Hi there, your refund"
      reply.kind: expected "ack", got "answer"
    "#);
    insta::assert_snapshot!(of("refund", "expect: [{ note: { page: [kim] } }]"), @r#"
    failed t at t.yaml:2
      note.page: expected ["kim"], got ["dr-lee"]
    "#);
    insta::assert_snapshot!(of("refund", "expect: [{ tag: { add: [refund] } }]"), @r#"
    failed t at t.yaml:2
      tag.add: expected ["refund"], got ["refund","money"]
    "#);
    insta::assert_snapshot!(of("refund", "expect: [{ set: { n: 2 } }]"), @r"
    failed t at t.yaml:2
      set.n: expected 2, got 1
    ");
    insta::assert_snapshot!(of("refund", "expect: [{ close: true }]"), @r"
    failed t at t.yaml:2
      expected close: true; done: reply, note, tag, set, assign
    ");
    insta::assert_snapshot!(of("refund", "expect: [{ tag: {} }, { note: {} }]"), @r"
    failed t at t.yaml:2
      expected note: {}; done: reply, note, tag, set, assign (each expectation is met by one action, in the order written)
    ");
    insta::assert_snapshot!(of("tea", "expect: [{ reply: {} }]"), @r"
    failed t at t.yaml:2
      expected reply: {}; nothing was done
    ");
    insta::assert_snapshot!(of("refund", "expect: [{ reply: {} }, { reply: {} }]"), @r"
    failed t at t.yaml:2
      expected reply: {}; done: reply, note, tag, set, assign (each expectation is met by one action, in the order written)
    ");
    insta::assert_snapshot!(of("refund", "expect: [{ reply: { text: { matches: '(' } } }]"), @r"
    failed t at t.yaml:2
      reply.text: `(` is not a regular expression: unclosed group
    ");
    insta::assert_snapshot!(of("refund", "expect: [{ reply: { text: { not_contains: Refund } } }]"), @r#"
    failed t at t.yaml:2
      reply.text: expected not_contains "Refund", got "Hi there, your refund"
    "#);
}

#[test]
fn a_planted_wrong_code_or_rule_is_found_and_told() {
    insta::assert_snapshot!(of("refund", "blocked: list"), @r"
    failed t at t.yaml:2
      expected blocked: list; nothing was blocked
    ");
    insta::assert_snapshot!(of("tea", "blocked: list"), @r"
    failed t at t.yaml:2
      expected blocked: list; nothing was blocked (no rule matched)
    ");
    insta::assert_snapshot!(of("refund or my lawyer", "blocked: list"), @r"
    failed t at t.yaml:2
      expected blocked: list; blocked: veto
    ");
    insta::assert_snapshot!(of("refund", "rules: [refund, late]"), @r"
    failed t at t.yaml:2
      rules: expected [refund, late], matched [refund]
    ");
    insta::assert_snapshot!(of("broken script", "expect: []"), @r#"
    failed t at t.yaml:2
      the rule `scripted` failed: `+` does not work with nothing and a whole number (line 1, column 12)
      the note of `broken` failed: `contact.phone` is undefined; give it a default: {{ contact.phone | default("there") }}
    "#);
}

#[test]
fn a_robot_is_blocked_with_its_code() {
    let robot = "
  - name: robot
    event: { message: { text: refund, headers: { Auto-Submitted: [no, auto-replied] } } }
    expect: [{ note: {} }]
    blocked: auto_submitted
  - name: not every word
    event: { message: { text: refund, headers: { Auto-Submitted: no } } }
    blocked: auto_submitted";
    insta::assert_snapshot!(told(robot), @r"
    passed robot at t.yaml:3
    failed not every word at t.yaml:7
      expected blocked: auto_submitted; nothing was blocked
    ");
}

#[test]
fn steps_share_a_memory_and_a_clock() {
    let steps = "
  - name: once a day
    now: 2026-03-02T10:00:00+01:00
    given: { state: { n: 7 }, contact_state: { vip: true } }
    steps:
      - event: { message: { text: refund } }
        expect: [{ note: { text: refund 7 } }]
      - after: 1h
        event: { message: { text: refund } }
        expect: []
        blocked: once
      - event: { message: { text: refund }, conversation: { id: another } }
        expect: [{ note: { text: refund 0 } }]
      - after: 23h
        event: { message: { text: refund } }
        expect: [{ reply: {} }, { set: { n: 9 } }]
      - after: 8h 30m
        event: { message: { text: tea } }
        rules: []";
    insta::assert_snapshot!(told(steps), @"passed once a day at t.yaml:3");
}

#[test]
fn a_payload_goes_through_its_source() {
    let adapter = |source: &SourceName, file: &str| {
        assert_eq!((source.as_str(), file), ("calls", "p.json"));
        // No time of its own: `at` is that of the arrival.
        let mut event = event(json!({ "source": "calls", "message": { "text": "refund" } }), &surroundings(), 0, now());
        event.at = "2030-01-01T20:00:00Z".parse().unwrap();
        event.received_at = event.at;
        Ok(event)
    };
    let tests = "tests:\n  - name: p\n    payload: p.json\n    source: calls\n    rules: [refund]\n";
    let report = run(&the_book(), "t.yaml", tests, &adapter).unwrap();
    assert_eq!(report.cases[0].differences, Vec::<String>::new());
    assert_eq!(report.reached.iter().collect::<Vec<_>>(), ["refund"]);
}

#[test]
fn a_test_that_says_two_things_or_nothing_is_refused() {
    insta::assert_snapshot!(told("  - name: t\n    event: {}"), @r"
    failed t at t.yaml:2
      nothing is expected; write `expect:`, `blocked:` or `rules:` (`expect: []` means that nothing may be done)
    ");
    insta::assert_snapshot!(told("  - name: t\n    payload: p.json\n    rules: []"), @r"
    failed t at t.yaml:2
      a `payload` needs the `source` it comes in by
    ");
    insta::assert_snapshot!(told("  - name: t\n    payload: p.json\n    source: inbox\n    rules: []"), @r"
    failed t at t.yaml:2
      no file `p.json` for `inbox`
    ");
    insta::assert_snapshot!(told("  - name: t\n    payload: p.json\n    event: {}\n    rules: []"), @r"
    failed t at t.yaml:2
      give either `event` or `payload`
    ");
    insta::assert_snapshot!(told("  - name: t\n    source: inbox\n    event: {}\n    rules: []"), @r"
    failed t at t.yaml:2
      `source` goes with `payload`; beside `event` write `event: { source: … }`
    ");
    insta::assert_snapshot!(told("  - name: t\n    rules: []\n    steps: [{ event: {}, rules: [] }]"), @r"
    failed t at t.yaml:2
      a test has either `steps` or one event of its own; move `event`, `expect` and the like into a step
    ");
    insta::assert_snapshot!(told("  - name: t\n    now: today\n    rules: []"), @r"
    failed t at t.yaml:2
      now: `today` is not a time stamp, such as 2026-01-05T10:00:00Z
    ");
    insta::assert_snapshot!(told("  - name: t\n    steps: [{ after: a while, rules: [] }, { rules: [] }]"), @r"
    failed t at t.yaml:2
      step 1: after: `a while` is not a duration; write it like 30s, 15m, 24h or 7d
    ");
}

#[test]
fn a_mistyped_key_is_refused_with_its_line() {
    insta::assert_snapshot!(told("  - name: t\n    evnt: {}\n    rules: []"), @"t.yaml:3:5: unknown key `evnt`; did you mean `event`? (known: name, now, given, after, event, payload, source, expect, blocked, rules, steps)");
    insta::assert_snapshot!(told("  - name: t\n    rules: []\n    event:\n      mesage: { text: x }"), @"t.yaml:5:7: unknown key `mesage`; did you mean `message`? (known: kind, source, provider, account, conversation, contact, message, raw)");
    insta::assert_snapshot!(told("  - name: t\n    rules: []\n    event:\n      message: { txt: x }"), @"t.yaml:5:18: unknown key `txt`; did you mean `text`? (known: id, direction, text, full_text, html, subject, from, to, cc, headers, attachments, language, is_automated, author, thread_id, request_id)");
    insta::assert_snapshot!(told("  - name: t\n    rules: []\n    given: { stat: {} }"), @"t.yaml:4:14: unknown key `stat`; did you mean `state`? (known: state, contact_state)");
    insta::assert_snapshot!(told("  - name: t\n    expect:\n      - repy: {}"), @"t.yaml:4:9: unknown key `repy`; did you mean `reply`? (known: reply, note, snippet, tag, assign, close, set, unset)");
    insta::assert_snapshot!(told("  - name: t\n    expect:\n      - reply: { txt: { not_contains: x } }"), @"t.yaml:4:18: unknown key `txt`; did you mean `text`? (known: text, html, format, subject, as, kind, delay, cancel_on, attachments)");
    insta::assert_snapshot!(told("  - name: t\n    expect:\n      - reply: { text: { not_contians: x } }"), @"t.yaml:4:26: unknown key `not_contians`; did you mean `not_contains`?");
    insta::assert_snapshot!(told("  - name: t\n    steps:\n      - evnt: {}\n        expct: []"), @r"
    t.yaml:4:9: unknown key `evnt`; did you mean `event`? (known: after, event, payload, source, expect, blocked, rules)
    t.yaml:5:9: unknown key `expct`; did you mean `expect`? (known: after, event, payload, source, expect, blocked, rules)
    ");
    insta::assert_snapshot!(told("  - rules: []"), @"t.yaml:2:5: missing key `name`");
    insta::assert_snapshot!(told("  - name: t\n    rules: refund"), @"t.yaml:3:5: a text is not a list or empty");
}

#[test]
fn an_event_is_filled_in_like_real_ones() {
    let event = event(
        json!({ "source": "calls", "contact": { "name": "Pat Green", "phone": "+1555" }, "conversation": { "subject": "s" }, "message": { "text": "x", "headers": { "X-A": "1" } } }),
        &surroundings(),
        3,
        now(),
    );
    let message = event.message.as_ref().unwrap();
    assert_eq!((event.provider.as_str(), event.account.as_str()), ("spruce", "phone"));
    assert_eq!(event.contact.first_name.as_deref(), Some("Pat"));
    assert_eq!((message.from.as_deref(), message.subject.as_deref()), (Some("+1555"), Some("s")));
    assert_eq!((message.full_text.as_str(), message.id.as_deref()), ("x", Some("test-message-3")));
    assert_eq!(message.headers.as_ref().unwrap()["x-a"], ["1"]);
}
