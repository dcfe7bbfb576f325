//! Rules written in Rhai, and scripts inside YAML rules.

use serde_json::{Value, json};

use crate::rules::testing::{Play, book, rules, story, surroundings};

fn script(body: &str) -> Play {
    Play::of(book(&[("triage.rhai", &format!("fn decide(event, state) {{ {body} }}"))], surroundings()))
}

#[test]
fn a_script_asks_for_the_same_actions_as_yaml() {
    let mut play = script(
        "reply(\"Hi \" + event.contact.email); page(\"dr-lee\", \"look\"); page(\"dr-lee\"); snippet(7, #{ a: 1 }); snippet(\"hours\");
         tag([\"a\", \"b\"]); assign(\"dr-lee\"); set(\"n\", 3); set(\"text\", \"3\"); unset(\"gone\"); close();",
    );
    let decision = play.decide(json!({}));
    insta::assert_snapshot!(story(&decision), @r"
    triage reply: chosen
    triage note: chosen
    triage note: chosen
    triage snippet: blocked: already_answered
    triage snippet: blocked: already_answered
    triage tag: chosen
    triage assign: chosen
    triage set: chosen
    triage set: chosen
    triage unset: chosen
    triage close: chosen
    ");
    insta::assert_snapshot!(Value::Object(decision.conversation.state), @r#"{"n":3,"text":"3"}"#);
    assert_eq!(decision.trace.matched[0].place, "triage.rhai:1");
}

#[test]
fn a_script_that_asks_for_nothing_does_not_match() {
    let mut play = script("if event.message.text == \"x\" { stop() }");
    assert_eq!(play.decide(json!({})).trace.matched, []);
    let stopped = play.decide(json!({ "message": { "text": "x" } }));
    assert!(stopped.trace.matched[0].stopped && stopped.trace.matched[0].actions.is_empty());
}

#[test]
fn a_veto_of_a_script_comes_before_all_rules() {
    let yaml = rules("  - name: a\n    do: [{ reply: { text: x } }, { note: { text: x } }]\n    once: { per: event }");
    let rhai = "fn decide(event, state) { if event.message.text == \"law\" { veto(\"reply\"); tag(\"law\"); } }";
    let mut play = Play::of(book(&[("10.yaml", &yaml), ("90-law.rhai", rhai)], surroundings()));
    assert_eq!(play.hear("law"), "a reply: vetoed by 90-law\na note: chosen\n90-law tag: chosen");
    assert_eq!(play.hear("tea"), "a reply: chosen\na note: chosen");
}

#[test]
fn a_mistyped_veto_fails_its_rule_visibly() {
    let yaml = rules("  - name: a\n    do: [{ note: { text: x } }]");
    let rhai = "fn decide(event, state) { let what = \"replies\"; veto(what); tag(\"law\"); }";
    let mut play = Play::of(book(&[("10.yaml", &yaml), ("90-law.rhai", rhai)], surroundings()));
    insta::assert_snapshot!(play.hear("law"), @r"
    a note: chosen
    90-law failed: `veto` is given one of reply, note, tag, assign, close, all
    ");
}

#[test]
fn a_script_that_breaks_fails_its_rule_alone() {
    let list = "
  - name: first
    when: { script: 'message.text + state.none.deep > 1' }
    do: [{ tag: { add: [a] } }]
  - name: second
    do: [{ tag: { add: [b] } }]";
    let endless = "fn decide(event, state) { tag(\"x\"); loop {} }";
    let mut play = Play::of(book(&[("10.yaml", &rules(list)), ("20.rhai", endless)], surroundings()));
    insta::assert_snapshot!(play.hear("x"), @r"
    second tag: chosen
    first failed: the value before the dot has no such property; `?.` gives `()` instead (line 1, column 27)
    20 failed: the script ran more than 100000 operations
    ");
}

#[test]
fn arguments_that_make_no_sense_fail_that_call_by_name() {
    let mut play = script(
        // In variables, because what is written out is judged at load.
        "let a = #{ txt: \"x\" }; reply(a); a = #{ text: \"x\", delay: \"later\" }; reply(a); a = #{ text: \"x\", page: \"nobody\" }; note(a);
         a = #{}; tag(a); a = [\"\"]; tag(a); a = \"kimm\"; assign(a); a = \"in\"; set(a, \"contact\"); a = #{ \"in\": \"nowhere\", a: 1 }; set(a);
         a = #{ text: \"x\", attachments: [#{ file: \"a.pdf\" }] }; reply(a); a = #{ text: \"x\", kind: \"maybe\" }; reply(a);
         a = \"huors\"; snippet(a); tag(\"end\");",
    );
    insta::assert_snapshot!(play.hear("x"), @"
    triage reply: failed: unknown field `txt`, expected one of `text`, `markdown`, `html`, `snippet`, `subject`, `attachments`, `delay`, `cancel_on`, `as`, `kind`
    triage reply: failed: `later` is not a duration; write it like 30s, 15m, 24h or 7d
    triage note: failed: there is no member `nobody` (known: dr-lee, kim)
    triage tag: failed: there is no tag to put on or take off; give `add` or `remove`
    triage tag: failed: a tag must not be empty; write its name, or leave the entry out
    triage assign: failed: there is no member `kimm`; did you mean `kim`? (known: dr-lee, kim)
    triage set: failed: there is nothing to remember; give a key and its value
    triage set: failed: `in` is `conversation` or `contact`
    triage reply: failed: a script cannot read a file; give a url or an id, or write `attachments` in YAML
    triage reply: failed: unknown variant `maybe`, expected one of `answer`, `ack`, `away`
    triage snippet: failed: there is no snippet `huors`; did you mean `hours`? (known: broken, hours)
    triage tag: chosen
    ");
}

#[test]
fn a_text_of_a_script_is_no_template() {
    let mut play = script("note(\"{{ contact.name }} {% raw %}\")");
    let decision = play.decide(json!({}));
    assert_eq!(decision.trace.matched[0].actions[0].rendered["text"], "{{ contact.name }} {% raw %}");
}

#[test]
fn a_script_sees_what_the_rules_before_it_set() {
    let yaml = rules("  - name: a\n    do: [{ set: { n: 4 } }]");
    let rhai = "fn decide(event, state) { tag(\"n\" + state.n + event.state.n) }";
    let mut play = Play::of(book(&[("10.yaml", &yaml), ("20.rhai", rhai)], surroundings()));
    let decision = play.decide(json!({}));
    assert_eq!(decision.trace.matched[1].actions[0].rendered["add"], json!(["n44"]));
}
