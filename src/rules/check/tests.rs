//! The runner of rule tests: what it passes, what it finds, and how it says so.

use serde_json::json;

use super::*;
use crate::model::{Event, SourceName};
use crate::rules::Book;
use crate::rules::testing::{book, broken_book, event, now, rules, surroundings};

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
    let report = match run(&the_book(), "t.yaml", &format!("tests:\n{tests}\n"), &nothing, &Options::default()) {
        Ok(report) => report,
        Err(faults) => return faults.to_string(),
    };
    let lines = report.cases.iter().map(|case| match case.differences.is_empty() {
        true => format!("passed {} at {}", case.name, case.place),
        false => {
            let said = case.differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            format!("failed {} at {}\n  {}", case.name, case.place, said.replace('\n', "\n  "))
        }
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
      expected nothing, got reply by the rule `refund`: "Hi there, your refund"
      expected nothing, got note by the rule `refund`: "refund 0"
      expected nothing, got tag by the rule `refund`: {"add":["refund","money"]}
      expected nothing, got assign by the rule `refund`: "dr-lee"
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
fn a_failure_can_be_expected() {
    assert_eq!(of("broken", "failed: Contact.Phone"), "passed t at t.yaml:2");
    assert_eq!(of("script", "failed: does not work with nothing"), "passed t at t.yaml:2");
    insta::assert_snapshot!(of("tea", "failed: contact.phone"), @r"
    failed t at t.yaml:2
      expected failed: contact.phone; nothing failed
    ");
    insta::assert_snapshot!(of("broken", "failed: contact.email"), @r#"
    failed t at t.yaml:2
      expected failed: contact.email; the note of `broken` failed: `contact.phone` is undefined; give it a default: {{ contact.phone | default("there") }}
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
    let report = run(&the_book(), "t.yaml", tests, &adapter, &Options::default()).unwrap();
    assert_eq!(report.cases[0].differences, []);
    assert!(report.seen.has_matched("refund") && !report.seen.has_matched("late"));
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
    insta::assert_snapshot!(told("  - name: t\n    evnt: {}\n    rules: []"), @"t.yaml:3:5: unknown key `evnt`; did you mean `event`? (known: name, now, given, after, event, payload, source, expect, blocked, failed, rules, supersedes, steps)");
    insta::assert_snapshot!(told("  - name: t\n    rules: []\n    event:\n      mesage: { text: x }"), @"t.yaml:5:7: unknown key `mesage`; did you mean `message`? (known: kind, source, provider, account, conversation, contact, message, delivery, raw)");
    insta::assert_snapshot!(told("  - name: t\n    rules: []\n    event:\n      message: { txt: x }"), @"t.yaml:5:18: unknown key `txt`; did you mean `text`? (known: id, direction, text, full_text, html, subject, from, to, cc, headers, attachments, language, is_automated, author, thread_id, request_id)");
    insta::assert_snapshot!(told("  - name: t\n    rules: []\n    given: { stat: {} }"), @"t.yaml:4:14: unknown key `stat`; did you mean `state`? (known: state, contact_state)");
    insta::assert_snapshot!(told("  - name: t\n    expect:\n      - repy: {}"), @"t.yaml:4:9: unknown key `repy`; did you mean `reply`? (known: reply, note, snippet, tag, assign, close, http, set, unset, verdict)");
    insta::assert_snapshot!(told("  - name: t\n    expect:\n      - reply: { txt: { not_contains: x } }"), @"t.yaml:4:18: unknown key `txt`; did you mean `text`? (known: text, html, format, subject, as, kind, delay, settle, cancel_on, attachments)");
    insta::assert_snapshot!(told("  - name: t\n    expect:\n      - reply: { text: { not_contians: x } }"), @"t.yaml:4:26: unknown key `not_contians`; did you mean `not_contains`?");
    insta::assert_snapshot!(told("  - name: t\n    steps:\n      - evnt: {}\n        expct: []"), @r"
    t.yaml:4:9: unknown key `evnt`; did you mean `event`? (known: after, event, payload, source, expect, blocked, failed, rules, supersedes)
    t.yaml:5:9: unknown key `expct`; did you mean `expect`? (known: after, event, payload, source, expect, blocked, failed, rules, supersedes)
    ");
    insta::assert_snapshot!(told("  - rules: []"), @"t.yaml:2:5: missing key `name`");
    insta::assert_snapshot!(told("  - name: t\n    rules: refund"), @"t.yaml:3:5: `rules`: a text is not a list or empty");
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

#[test]
fn names_that_the_configuration_does_not_have_are_refused() {
    let of = |event: &str| told(&format!("  - name: t\n    event: {event}\n    rules: []"));
    assert_eq!(of("{ source: calls, account: phone, provider: spruce }"), "passed t at t.yaml:2");
    insta::assert_snapshot!(of("{ source: cals }"), @r"
    failed t at t.yaml:2
      event.source: no source is called `cals` in the configuration; did you mean `calls`? (known: calls, inbox, letters)
    ");
    insta::assert_snapshot!(of("{ account: phon }"), @r"
    failed t at t.yaml:2
      event.account: no account is called `phon` in the configuration; did you mean `phone`? (known: mail, phone, support)
    ");
    insta::assert_snapshot!(of("{ provider: spruze }"), @r"
    failed t at t.yaml:2
      event.provider: no provider is called `spruze` in the configuration; did you mean `spruce`? (known: sandbox, sequenzy, spruce)
    ");
}

#[test]
fn the_mode_of_a_rule_is_pinned_by_its_verdict() {
    let book = |mode: &str| {
        let list =
            format!("  - name: a\n    mode: {mode}\n    do: [{{ reply: {{ text: x }} }}, {{ tag: {{ add: [y] }} }}]");
        book(&[("r.yaml", &rules(&list))], surroundings())
    };
    let of = |mode: &str, expected: &str| {
        let tests = format!("tests:\n  - name: t\n    expect: {expected}\n");
        match run(&book(mode), "t.yaml", &tests, &nothing, &Options::default()) {
            Ok(report) => report.cases[0].differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            Err(faults) => faults.to_string(),
        }
    };
    for (mode, verdict) in [("auto", "chosen"), ("approve", "held"), ("draft", "drafted"), ("shadow", "shadowed")] {
        let expected = format!("[{{ reply: {{ text: x }}, verdict: {verdict} }}]");
        assert_eq!(of(mode, &expected), "", "{mode}");
        assert_eq!(of(mode, "[{ reply: { text: x } }]"), "", "{mode}");
    }
    assert_eq!(of("approve", "[{ verdict: held, reply: {} }, { tag: {}, verdict: chosen }]"), "");
    insta::assert_snapshot!(of("auto", "[{ reply: { text: z }, verdict: held }]"), @r#"
    reply.text: expected "z", got "x"
    reply.verdict: expected "held", got "chosen"
    "#);
    insta::assert_snapshot!(of("auto", "[{ verdict: held }]"), @"an expectation needs an action beside `verdict`");
    insta::assert_snapshot!(of("auto", "[{ reply: {}, verdict: hold }]"), @"t.yaml:3:27: `hold` is not known here; did you mean `held`? (known: chosen, held, drafted, shadowed)");
    insta::assert_snapshot!(of("auto", "[{ reply: {}, tag: {} }]"), @"t.yaml:3:14: one key is wanted here; begin the next entry on a line of its own, with `- `");
    insta::assert_snapshot!(of("auto", "[{ reply: {}, tag: {}, verdict: held }]"), @r#"t.yaml:3:14: {"reply":{},"tag":{},"verdict":"held"} has more than 2 properties"#);
}

#[test]
fn an_unknown_code_of_the_loop_guard_is_refused() {
    let told = of("refund", "blocked: auto_submited");
    assert!(
        told.starts_with("t.yaml:4:5: `auto_submited` is not known here; did you mean `auto_submitted`?"),
        "{told}"
    );
    for code in ["loop_cap", "suspect_cap", "already_answered", "once", "veto", "chain_depth"] {
        assert!(of("refund", &format!("blocked: {code}")).contains("; nothing was blocked"), "{code}");
    }
    assert_eq!(of("tea", "blocked: null\n    rules: []"), "passed t at t.yaml:2");
}

#[test]
fn a_veto_of_a_rule_in_any_mode_that_acts_is_counted() {
    let of = |mode: &str| {
        let list = format!("  - name: hush\n    mode: {mode}\n    when: {{ message.text: never }}\n    veto: reply");
        let book = book(&[("r.yaml", &rules(&list))], surroundings());
        Coverage::of(&book, &Seen::default()).actions.of
    };
    assert_eq!(["auto", "approve", "draft", "shadow", "off"].map(of), [1, 1, 1, 0, 0]);
}

#[test]
fn a_rule_that_was_not_asked_is_not_covered() {
    let list = "
  - name: first
    stop: true
  - name: second
    when: { message.text: { contains: refund } }
    do: [{ tag: { add: [x] } }]
  - name: sent
    on: message.sent
    when: { message.text: { contains: refund } }
    do: [{ tag: { add: [x] } }]";
    let book = book(&[("r.yaml", &rules(list))], surroundings());
    let tests = "tests:\n  - { name: a, event: { message: { text: refund } }, rules: [first] }\n  - { name: b, event: { message: { text: tea } }, rules: [first] }\n";
    let options = Options { depth: crate::rules::Depth::Everything, ..Options::default() };
    let report = run(&book, "t.yaml", tests, &nothing, &options).unwrap();
    let coverage = Coverage::of(&book, &report.seen);
    assert_eq!((coverage.conditions.covered, coverage.conditions.of), (0, 2));
    assert!(coverage.uncovered.iter().any(|one| one.what.ends_with("never looked at")));
}

#[test]
fn a_fault_of_shape_in_one_test_does_not_hide_those_of_the_others() {
    insta::assert_snapshot!(told("
  - name: shape
    evnt: {}
    now: today
  - name: nothing is expected
  - name: time
    now: today
    rules: []
  - name: steps
    steps: [{ rules: [] }, { after: a while, rules: [] }, { payload: p.json, rules: [] }]
  - name: fails, and is not told of
    rules: [nothing]"), @"
    t.yaml:4:5: unknown key `evnt`; did you mean `event`? (known: name, now, given, after, event, payload, source, expect, blocked, failed, rules, supersedes, steps)
    t.yaml:6:5: nothing is expected; write `expect:`, `blocked:` or `rules:` (`expect: []` means that nothing may be done)
    t.yaml:7:5: now: `today` is not a time stamp, such as 2026-01-05T10:00:00Z
    t.yaml:10:5: step 2: after: `a while` is not a duration; write it like 30s, 15m, 24h or 7d
    t.yaml:10:5: step 3: a `payload` needs the `source` it comes in by
    ");
}

#[test]
fn a_fault_in_the_program_fails_a_test_that_wants_nothing_done() {
    let book = broken_book(LIST, surroundings());
    let tests = "tests:\n  - { name: t, event: { message: { text: refund } }, expect: [] }\n";
    let report = run(&book, "t.yaml", tests, &nothing, &Options::default()).unwrap();
    let said: Vec<_> = report.cases[0].differences.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["every rule failed: deciding failed by a fault in the program, and nothing was sent"]);
}
