//! What the trace tells beside the verdicts: vetoes as they were found, and the findings of every rule.

use serde_json::json;

use crate::model::{Facts, Finding};
use crate::rules::testing::{Play, book, facts, rules, story, surroundings};
use crate::rules::{Book, Depth, decide};

/// The rules that matched, each with what it is said to forbid.
fn forbidden(play: &mut Play) -> String {
    let decision = play.decide(json!({ "message": { "text": "x" } }));
    let matched = decision.trace.matched.iter().map(|rule| format!("{}: {}", rule.rule, rule.vetoes.join(" ")));
    matched.chain([story(&decision)]).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_veto_is_told_as_it_was_found_before_the_state_changed() {
    let yaml = rules(
        "
  - name: mark
    do: [{ set: { seen: true } }]
  - name: hush
    when: { state.seen: true }
    veto: reply
  - name: always
    veto: note
  - name: shown
    mode: shadow
    veto: all
  - name: answer
    do: [{ reply: { text: x } }, { note: { text: x } }]",
    );
    let script = "fn decide(event, state) { if state.seen == true { veto(\"reply\"); } tag(\"x\"); veto(\"assign\"); }";
    let book = || book(&[("10.yaml", &yaml), ("15-script.rhai", script)], surroundings());
    let mut play = Play::of(book());
    insta::assert_snapshot!(forbidden(&mut play), @r"
    mark: 
    hush: 
    always: note
    shown: 
    answer: 
    15-script: assign
    mark set: chosen
    answer reply: chosen
    answer note: vetoed by always
    15-script tag: chosen
    ");
    // The second message finds the state that the first one left.
    insta::assert_snapshot!(forbidden(play.wait("1h")), @r"
    mark: 
    hush: reply
    always: note
    shown: 
    answer: 
    15-script: reply assign
    mark set: chosen
    answer reply: vetoed by hush
    answer note: vetoed by always
    15-script tag: chosen
    ");
}

fn told(findings: &[Finding]) -> String {
    let one =
        |finding: &Finding| format!("{} {}: {} ({})", finding.subject, finding.wanted, finding.saw, finding.holds);
    findings.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn unmatched(book: &Book, facts: &Facts) -> String {
    let trace = decide(book, facts, Depth::Everything).trace;
    let one = |rule: &crate::model::decision::UnmatchedRule| {
        let asked = if rule.asked { "asked" } else { "not asked" };
        format!("{} {asked}, {}\n  {}", rule.rule, rule.because, told(&rule.findings))
    };
    trace.unmatched.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_rule_that_failed_or_was_not_asked_has_findings_too() {
    let list = "
  - name: broken
    when: { message.text: { contains: x }, script: state.none + 1 > 0 }
    do: [{ set: { a: 1 } }]
  - name: gone
    mode: off
    when: { message.text: tea }
    do: [{ set: { a: 1 } }]
  - name: sent
    on: message.sent
    when: { message.text: x }
    do: [{ set: { a: 1 } }]
  - name: last
    stop: true
  - name: after
    when: { message.text: { contains: y } }
    do: [{ set: { a: 1 } }]";
    let after = "fn decide(event, state) { set(\"a\", 1); reply(\"hello\"); }";
    let broken = "fn decide(event, state) { set(\"a\", state.none + 1); }";
    let files = [("10.yaml", rules(list)), ("20-after.rhai", after.to_owned()), ("30-broken.rhai", broken.to_owned())];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let book = book(&files, surroundings());
    let facts = facts(json!({ "message": { "text": "x" } }));
    insta::assert_snapshot!(unmatched(&book, &facts), @r#"
    broken asked, it failed: `+` does not work with nothing and a whole number (line 1, column 12)
      message.text contains "x": "x" (true), script state.none + 1 > 0: failed: `+` does not work with nothing and a whole number (line 1, column 12) (false)
    gone not asked, its mode is off
      message.text equals "tea": "x" (false)
    sent not asked, it looks at message.sent, and this is message.received
      message.text equals "x": "x" (true)
    after not asked, the rule `last` stopped the rules after it
      message.text contains "y": "x" (false)
    20-after not asked, the rule `last` stopped the rules after it
      decide asks for something: set, reply (true)
    30-broken not asked, the rule `last` stopped the rules after it
      decide asks for something: failed: `+` does not work with nothing and a whole number (line 1, column 47) (false)
    "#);
    // Nothing follows from having been looked at.
    let (every, some) = (decide(&book, &facts, Depth::Everything), decide(&book, &facts, Depth::Matched));
    assert!(every.conversation == some.conversation && every.conversation.state.is_empty());
    assert_eq!((every.sends.len(), story(&every)), (0, story(&some)));
    assert_eq!(every.trace.rules_evaluated, some.trace.rules_evaluated);
    assert_eq!(some.trace.unmatched, []);
}
