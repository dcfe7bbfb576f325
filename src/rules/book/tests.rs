//! Everything that can be refused when a book is loaded, each with the exact words and place.

use super::*;
use crate::rules::testing::{rules, surroundings};

/// The faults of several files.
fn faults(files: &[(&str, &str)]) -> String {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    match Book::compile(files, surroundings()) {
        Ok(_) => "no faults".to_owned(),
        Err(faults) => faults.to_string(),
    }
}

fn of_rules(list: &str) -> String {
    faults(&[("r.yaml", &rules(list))])
}

/// The faults of a rule that does this; the action stands in line 5.
fn of_action(action: &str) -> String {
    of_rules(&format!("  - name: a\n    do:\n      - {action}"))
}

#[test]
fn a_file_that_is_no_book() {
    insta::assert_snapshot!(faults(&[("r.yaml", "version: 1\nrules:\n  - name: a\n   stop: true\n")]), @"r.yaml:4:4: not valid YAML: did not find expected '-' indicator");
    insta::assert_snapshot!(faults(&[("r.yaml", "version: 1\nrules:\n  - name: a\n    stop: true\n    name: b\n")]), @r#"r.yaml:3:5: not valid YAML: rules[0]: duplicate entry with key "name""#);
    insta::assert_snapshot!(faults(&[("r.yaml", "- name: a\n")]), @"r.yaml:1:1: a list is not a mapping with `version`, `words`, `rules`");
    insta::assert_snapshot!(faults(&[("r.yaml", "just words\n")]), @"r.yaml:1:1: a text is not a mapping with `version`, `words`, `rules`");
    insta::assert_snapshot!(faults(&[("r.yaml", "version: 1\n---\nversion: 1\n")]), @"r.yaml: not valid YAML: deserializing from YAML containing more than one document is not supported");
    insta::assert_snapshot!(faults(&[("r.yaml", "version: 2\nrules: []\n")]), @"r.yaml:1:1: `2` is not 1; write `version: 1`");
    insta::assert_snapshot!(faults(&[("r.yaml", "rules: []\n")]), @"r.yaml:1:1: missing key `version`");
    insta::assert_snapshot!(faults(&[("r.yaml", "version: 1\nrules: { name: a }\n")]), @"r.yaml:2:1: `rules`: a mapping is not a list; write `rules: [ … ]`");
    assert_eq!(faults(&[("r.yaml", "version: 1\n")]), "no faults");
}

#[test]
fn an_unknown_key_at_each_level() {
    insta::assert_snapshot!(faults(&[("r.yaml", "version: 1\nrule: []\n")]), @"r.yaml:2:1: unknown key `rule`; did you mean `rules`? (known: version, words, rules)");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    wen: { message.text: x }"), @"r.yaml:5:5: unknown key `wen`; did you mean `when`? (known: name, description, on, when, do, veto, once, settle, handle, allow, mode, on_error, stop, allow_lints)");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    when: { message.txt: x }"), @"r.yaml:5:13: unknown key `message.txt`; did you mean `message.text`?");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    when:\n      message.text: { containz: x }"), @"r.yaml:6:23: unknown key `containz`; did you mean `contains`?");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    when:\n      any:\n        - message.text: x\n        - contact.emial: y"), @"r.yaml:8:11: unknown key `contact.emial`; did you mean `contact.email`?");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    once: { evry: 1h }"), @"r.yaml:5:13: unknown key `evry`; did you mean `every`? (known: per, every, quiet)");
    insta::assert_snapshot!(of_action("repy: { text: x }"), @"r.yaml:5:9: unknown key `repy`; did you mean `reply`? (known: reply, note, snippet, tag, assign, close, http, set, unset, script)");
    insta::assert_snapshot!(of_action("reply: { txt: x }"), @"r.yaml:5:18: unknown key `txt`; did you mean `text`? (known: text, markdown, html, snippet, subject, attachments, delay, cancel_on, as, kind)");
    insta::assert_snapshot!(of_action("note: { text: x, pages: [kim] }"), @"r.yaml:5:26: unknown key `pages`; did you mean `page`? (known: text, markdown, page)");
    insta::assert_snapshot!(of_action("reply: { text: x, attachments: [{ fil: a.pdf }] }"), @"r.yaml:5:43: unknown key `fil`; did you mean `file`? (known: file, url, id, name)");
    insta::assert_snapshot!(of_action("{ note: { text: x }, close: true }"), @"r.yaml:5:9: one key is wanted here; begin the next entry on a line of its own, with `- `");
}

#[test]
fn a_wrong_value_of_a_rule() {
    insta::assert_snapshot!(of_rules("  - stop: true"), @"r.yaml:3:5: missing key `name`");
    insta::assert_snapshot!(of_rules("  - name: ''\n    stop: true"), @"r.yaml:3:5: `name` must not be empty; write a text (How people speak of it; unique in the rule book)");
    insta::assert_snapshot!(of_rules("  - name: a"), @"r.yaml:3:5: the rule `a` does nothing; give it `do`, `veto` or `stop: true`");
    insta::assert_snapshot!(of_rules("  - just words"), @"r.yaml:3:5: an entry of `rules`: a text is not a mapping");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    on: message.recieved"), @"r.yaml:5:5: `message.recieved` is not known here; did you mean `message.received`? (known: message.received, message.sent, note.added, conversation.opened, conversation.updated, conversation.closed, contact.updated, delivery.updated, unreadable, other)");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    on: []"), @"r.yaml:5:5: `on` must not be empty; write at least one entry");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    mode: shadwo"), @"r.yaml:5:5: `shadwo` is not known here; did you mean `shadow`? (known: off, shadow, draft, approve, auto)");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: yes"), @"r.yaml:4:5: `yes` is not true or false");
    insta::assert_snapshot!(of_rules("  - name: a\n    veto: replies"), @"r.yaml:4:5: `replies` is not known here (known: reply, note, tag, assign, close, all)");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    allow: [auto_submitted]"), @"r.yaml:5:13: `auto_submitted` is not known here (known: list, precedence, suppress_requested)");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    handle: ''"), @"r.yaml:5:5: `handle` must not be empty; write a text (The name of the response: rules with the same handle are one response to the loop guard)");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    once: { every: daily }"), @"r.yaml:5:13: `daily` is not a duration; write it like 30s, 15m, 24h or 7d");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    once: { per: event, every: 1d }"), @"r.yaml:5:25: `per: event` lifts every limit, so there is nothing to count for `every`");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    once: { per: day, quiet: -5m }"), @"
    r.yaml:5:13: `day` is not known here (known: conversation, contact, event)
    r.yaml:5:23: `-5m` is negative
    ");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n    once: { quiet: -5m }"), @"r.yaml:5:13: `-5m` is negative");
    insta::assert_snapshot!(of_rules("  - name: a\n    stop: true\n  - name: b\n    stop: true\n  - name: a\n    stop: true"), @"r.yaml:7:5: there is a rule `a` already, at r.yaml:3; names must be unique");
}

#[test]
fn a_wrong_condition() {
    let of = |when: &str| of_rules(&format!("  - name: a\n    stop: true\n    when:\n      {when}"));
    insta::assert_snapshot!(of("message.text: { matches: '(' }"), @"r.yaml:6:23: `(` is not a regular expression: unclosed group");
    insta::assert_snapshot!(of("message.text: { matches: '(?<9>x)' }"), @"r.yaml:6:23: `(?<9>x)` is not a regular expression: invalid capture group character");
    insta::assert_snapshot!(of("message.text:"), @"r.yaml:6:7: `message.text`: an empty value is not true or false or a number or a text or a list or a mapping");
    insta::assert_snapshot!(of("message.text: []"), @"r.yaml:6:7: `message.text` must not be empty; write at least one entry");
    insta::assert_snapshot!(of("message.text: { case: sensitive }"), @"r.yaml:6:7: nothing is compared; write an operator beside `case`, such as `contains`");
    insta::assert_snapshot!(of("message.text: { contains: [a, b] }"), @"r.yaml:6:23: `contains`: a list is not a text or a number");
    insta::assert_snapshot!(of("event.at: { older_than: 5 }"), @"r.yaml:6:19: `5` is not a text");
    insta::assert_snapshot!(of("event.at: { older_than: a while }"), @"r.yaml:6:19: `a while` is not a duration; write it like 30s, 15m, 24h or 7d");
    insta::assert_snapshot!(of("conversation.message_count: { gt: many }"), @"r.yaml:6:37: `many` is not a number");
    insta::assert_snapshot!(of("any: []"), @"r.yaml:6:7: `any` must not be empty; write it like `[{ contact.tags: { has: vip } }, { conversation.status: open }]` (At least one of these holds)");
    insta::assert_snapshot!(of("not: {}"), @"r.yaml:6:7: `not` must not be empty; write it like `{ contact.tags: { has: vip } }` (This does not hold)");
    insta::assert_snapshot!(of("any: [{}]"), @"r.yaml:6:13: an entry of `any` must not be empty; write at least one key");
    insta::assert_snapshot!(of("state.: x"), @"r.yaml:6:7: unknown key `state.`; any name can stand below `state`: write `state.NAME`");
    insta::assert_snapshot!(of("script: conversation.message_count <"), @"r.yaml:6:43: the script does not compile: Script is incomplete");
    insta::assert_snapshot!(of("script: |\n        // about the count\n        conversaton.message_count < 5"), @"r.yaml:8:9: the script does not compile: unknown variable `conversaton`; did you mean `conversation`? (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)");
}

#[test]
fn a_wrong_action() {
    insta::assert_snapshot!(of_action("reply: {}"), @"r.yaml:5:9: there is nothing to say; give one of text, markdown, html, snippet");
    insta::assert_snapshot!(of_action("reply: { text: ' ' }"), @"r.yaml:5:18: there is nothing to say; write the words, or leave the action out");
    insta::assert_snapshot!(of_action("reply: { text: x, markdown: y }"), @"r.yaml:5:27: only one of text, markdown, html, snippet can be given");
    insta::assert_snapshot!(of_action("reply: { html: x, snippet: hours }"), @"r.yaml:5:27: only one of text, markdown, html, snippet can be given");
    insta::assert_snapshot!(of_action("reply: { snippet: huors }"), @"r.yaml:5:18: there is no snippet `huors`; did you mean `hours`? (known: broken, hours)");
    insta::assert_snapshot!(of_action("reply: { snippet: broken }"), @"r.yaml:5:18: snippets/broken.md:2:4: the template does not compile: unknown variable `contct`; did you mean `contact`? (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)");
    insta::assert_snapshot!(of_action("reply: { text: x, delay: later }"), @"r.yaml:5:27: `later` is not a duration; write it like 30s, 15m, 24h or 7d");
    insta::assert_snapshot!(of_action("reply: { text: x, cancel_on: [reply] }"), @"r.yaml:5:39: `reply` is not known here (known: human_reply, contact_message, closed)");
    insta::assert_snapshot!(of_action("reply: { text: x, kind: acknowledge }"), @"r.yaml:5:27: `acknowledge` is not known here (known: answer, ack, away)");
    insta::assert_snapshot!(of_action("reply: { text: x, as: dr-leee }"), @"r.yaml:5:27: there is no member `dr-leee`; did you mean `dr-lee`? (known: dr-lee, kim)");
    insta::assert_snapshot!(of_action("reply: { text: x, attachments: [{ file: a.pdf, url: 'https://x.example/a' }] }"), @"r.yaml:5:41: give exactly one of `file`, `url` and `id`");
    insta::assert_snapshot!(of_action("reply: { text: x, attachments: [{ file: ../secret }] }"), @"r.yaml:5:41: `../secret` leads out of the rules folder; name a file below it");
    insta::assert_snapshot!(of_action("reply: { text: x, attachments: [{ file: none.pdf }] }"), @"r.yaml:5:41: cannot read `none.pdf`: No such file or directory (os error 2)");
    insta::assert_snapshot!(of_action("reply: { text: x, attachments: [{ url: 'http://x.example/a' }] }"), @"r.yaml:5:41: `http://x.example/a` is not an https address; write it like https://desk.example/hours.pdf");
    insta::assert_snapshot!(of_action("reply: just words"), @"r.yaml:5:9: `reply`: a text is not a mapping with `text`, `markdown`, `html`, `snippet`, `subject`, `attachments`, `delay`, `cancel_on`, `as`, `kind`");
    insta::assert_snapshot!(of_action("note: { page: [dr-lee] }"), @"r.yaml:5:9: there is nothing to say; give one of text, markdown");
    insta::assert_snapshot!(of_action("note: { text: x, page: [dr-who] }"), @"r.yaml:5:33: there is no member `dr-who` (known: dr-lee, kim)");
    insta::assert_snapshot!(of_action("snippet: {}"), @"r.yaml:5:9: give either `id`, a snippet at the provider, or `name`, a file in the snippets folder");
    insta::assert_snapshot!(of_action("snippet: { id: 1, name: hours }"), @"r.yaml:5:9: give either `id`, a snippet at the provider, or `name`, a file in the snippets folder");
    insta::assert_snapshot!(of_action("snippet: { name: hours, data: { a: 1 } }"), @"r.yaml:5:33: `data` is for a snippet at the provider; a file in the snippets folder takes none");
    insta::assert_snapshot!(of_action("snippet: 123"), @"r.yaml:5:9: `snippet`: a number is not a mapping with `id`, `name`, `data`; write it like `{ id: 123 }`");
    insta::assert_snapshot!(of_action("tag: {}"), @"r.yaml:5:9: there is no tag to put on or take off; give `add` or `remove`");
    insta::assert_snapshot!(of_action("assign: kimm"), @"r.yaml:5:9: there is no member `kimm`; did you mean `kim`? (known: dr-lee, kim)");
    insta::assert_snapshot!(of_action("close: false"), @"r.yaml:5:9: `false` is not true; write `close: true`");
    insta::assert_snapshot!(of_action("set: { in: contact }"), @"r.yaml:5:9: there is nothing to remember; give a key and its value");
    insta::assert_snapshot!(of_action("set: { in: contacts, a: 1 }"), @"r.yaml:5:16: `contacts` is not known here; did you mean `contact`? (known: conversation, contact)");
    insta::assert_snapshot!(of_action("set: { a: [1] }"), @"r.yaml:5:16: `a`: a list is not true or false or a number or a text");
    insta::assert_snapshot!(of_action("unset: a"), @"r.yaml:5:9: `a` is not a list or a mapping");
    insta::assert_snapshot!(of_action("script: 'tag('"), @"r.yaml:5:22: the script does not compile: Expecting ')' to close the arguments list of this function call 'tag'");
}

#[test]
fn a_template_is_blamed_in_its_own_line() {
    insta::assert_snapshot!(of_action("reply: { text: 'Hi {{ contct.name }}' }"), @"r.yaml:5:31: the template does not compile: unknown variable `contct`; did you mean `contact`? (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)");
    insta::assert_snapshot!(of_action("reply:\n          markdown: |\n            Hi,\n\n            {{ contact.name | shout }}"), @"r.yaml:9:31: the template does not compile: unknown filter `shout`");
    insta::assert_snapshot!(of_action("reply:\n          text: |-\n            {{ contact.name"), @"r.yaml:7:24: the template does not compile: syntax error: unexpected end of input, expected end of variable block");
    insta::assert_snapshot!(of_action("reply:\n          text: |2  # two more\n\n            one\n            {{ contact.name"), @"r.yaml:9:13: the template does not compile: syntax error: unexpected end of input, expected end of variable block");
    insta::assert_snapshot!(of_action("reply:\n          text: >\n            one\n            two {% if %}"), @"r.yaml:7:13: the template does not compile: syntax error: unexpected end of block");
    insta::assert_snapshot!(of_action("reply:\n          text:\n            \"one\\ntwo {% if %}\""), @"r.yaml:7:13: the template does not compile: syntax error: unexpected end of block");
    insta::assert_snapshot!(of_action("set: { a: '{{ stat.a }}' }"), @"r.yaml:5:23: the template does not compile: unknown variable `stat`; did you mean `state`? (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)");
    insta::assert_snapshot!(of_action("tag: { add: [a, '{{ x }}'] }"), @"r.yaml:5:29: the template does not compile: unknown variable `x` (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)");
    insta::assert_snapshot!(of_action("script: |\n          let a = 1;\n          tag(a;"), @"r.yaml:7:16: the script does not compile: Expecting ',' to separate the arguments to function call 'tag'");
}

#[test]
fn what_no_account_in_reach_can_do() {
    let of = |when: &str, action: &str| of_rules(&format!("  - name: a\n    when: {when}\n    do:\n      - {action}"));
    insta::assert_snapshot!(of("{ provider: Spruce }", "snippet: { id: 1 }"), @"r.yaml:6:9: no account that this rule can reach is able to `snippet`: phone (spruce): it keeps no snippets");
    insta::assert_snapshot!(of("{ source: [letters, calls] }", "snippet: { id: 1 }"), @"r.yaml:6:9: no account that this rule can reach is able to `snippet`: mail (sequenzy): it keeps no snippets; phone (spruce): it keeps no snippets");
    insta::assert_snapshot!(of("{ account: mail }", "snippet: { id: 1 }\n      - reply: { text: '{{ x }}' }"), @"
    r.yaml:6:9: no account that this rule can reach is able to `snippet`: mail (sequenzy): it keeps no snippets
    r.yaml:7:28: the template does not compile: unknown variable `x` (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
    ");
    for when in [
        "{}",
        "{ provider: sandbox }",
        "{ source: [letters, inbox] }",
        "{ provider: elsewhere }",
        "{ account: { not_equals: support } }",
    ] {
        assert_eq!(of(when, "snippet: { id: 1 }"), "no faults", "{when}");
    }
}

#[test]
fn a_wrong_script_rule() {
    insta::assert_snapshot!(faults(&[("a.rhai", "fn decide(event, state) {\n  reply(\"x\"\n}\n")]), @"a.rhai:3:1: Expecting ',' to separate the arguments to function call 'reply'");
    insta::assert_snapshot!(faults(&[("a.rhai", "// nothing\n")]), @"a.rhai:1:1: there is no function `decide` with two parameters; write `fn decide(event, state) { … }`");
    insta::assert_snapshot!(faults(&[("a.rhai", "const NAME = \"a\";\nconst MODE = \"shadwo\";\nfn decide(event, state) {}\n")]), @"a.rhai:2:14: unknown mode `shadwo`; did you mean `shadow`? (known: off, shadow, draft, approve, auto)");
    insta::assert_snapshot!(faults(&[("a.rhai", "const ON = [\"message.recieved\"];\nfn decide(event, state) {}\n")]), @"a.rhai:1:12: unknown event kind `message.recieved`; did you mean `message.received`? (known: message.received, message.sent, note.added, conversation.opened, conversation.updated, conversation.closed, contact.updated, delivery.updated, unreadable, other)");
    insta::assert_snapshot!(faults(&[("a.rhai", "const ON = [];\nfn decide(event, state) {}\n")]), @"a.rhai:1:12: `ON` is empty, so the rule looks at no event");
    let yaml = rules("  - name: triage\n    stop: true");
    insta::assert_snapshot!(faults(&[("a.yaml", &yaml), ("triage.rhai", "fn decide(event, state) {}\n")]), @"triage.rhai:1:1: there is a rule `triage` already, at a.yaml:3; names must be unique");
}

#[test]
fn what_a_script_asks_for_is_judged_at_load() {
    let of = |body: &str| faults(&[("a.rhai", &format!("fn decide(event, state) {{\n  {body}\n}}\n"))]);
    insta::assert_snapshot!(of("reply(#{ text: event.message.text, dely: \"2m\" });"), @"a.rhai:2:3: `reply`: unknown key `dely`; did you mean `delay`? (known: text, markdown, html, snippet, subject, attachments, delay, cancel_on, as, kind)");
    insta::assert_snapshot!(of("reply(#{ text: `Hi ${event.contact.name}`, delay: \"soon\" });"), @"a.rhai:2:3: `soon` is not a duration; write it like 30s, 15m, 24h or 7d");
    insta::assert_snapshot!(of("reply(#{ text: \"x\", kind: \"akc\", cancel_on: [\"human\"] });"), @"
    a.rhai:2:3: `reply`: `cancel_on`: `human` is not known here (known: human_reply, contact_message, closed)
    a.rhai:2:3: `reply`: `kind`: `akc` is not known here; did you mean `ack`? (known: answer, ack, away)
    ");
    insta::assert_snapshot!(of("note(#{ text: event.message.text, page: [\"dr-le\"] }); page(\"kimm\", event.message.text);"), @"
    a.rhai:2:3: there is no member `dr-le`; did you mean `dr-lee`? (known: dr-lee, kim)
    a.rhai:2:57: there is no member `kimm`; did you mean `kim`? (known: dr-lee, kim)
    ");
    insta::assert_snapshot!(of("snippet(\"huors\"); reply(#{ snippet: \"broken\" }); assign(\"nobody\");"), @"
    a.rhai:2:3: there is no snippet `huors`; did you mean `hours`? (known: broken, hours)
    a.rhai:2:21: snippets/broken.md:2:4: the template does not compile: unknown variable `contct`; did you mean `contact`? (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
    a.rhai:2:52: there is no member `nobody` (known: dr-lee, kim)
    ");
    insta::assert_snapshot!(of("tag(#{}); veto(\"replies\"); set(#{ \"in\": \"nowhere\", a: 1 }); snippet(#{});"), @"
    a.rhai:2:3: there is no tag to put on or take off; give `add` or `remove`
    a.rhai:2:13: a veto forbids one action or all, and not `replies` (known: reply, note, tag, assign, close, all)
    a.rhai:2:30: `in` is `conversation` or `contact`
    a.rhai:2:63: give either `id`, a snippet at the provider, or `name`, a file in the snippets folder
    ");
    insta::assert_snapshot!(of("reply(#{ text: \"x\", attachments: [#{ file: \"a.pdf\" }] }); reply(1, 2);"), @"
    a.rhai:2:3: a script cannot read a file; give a url or an id, or write `attachments` in YAML
    a.rhai:2:61: `reply` is `reply(text)` or `reply(#{ markdown: …, delay: … })`, and is given 2 arguments
    ");
    insta::assert_snapshot!(of_action("script: |\n          let who = \"kim\";\n          assign(who);\n          page(\"kimm\"); veto(\"reply\");"), @"
    r.yaml:8:11: the script does not compile: there is no member `kimm`; did you mean `kim`? (known: dr-lee, kim)
    r.yaml:8:25: the script does not compile: veto() belongs into a .rhai rule; in YAML write `veto:` beside `do:`
    ");
    insta::assert_snapshot!(of_action("script: 'tag(message.txt); repy(\"x\"); tag(unknown)'"), @"
    r.yaml:5:30: the script does not compile: there is no field `message.txt`; did you mean `message.text`?
    r.yaml:5:36: the script does not compile: there is no function `repy`; did you mean `reply`?
    r.yaml:5:51: the script does not compile: unknown variable `unknown` (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
    ");
    assert_eq!(
        of(
            "let m = #{ txt: 1 }; reply(m); assign(event.conversation.assignee); set(`k${1}`, 1); snippet(event.raw.id); tag([event.message.text]);"
        ),
        "no faults"
    );
}

#[test]
fn every_fault_of_a_template_is_told() {
    insta::assert_snapshot!(of_action("reply:\n          markdown: |\n            Hi {{ contct.name | uper }},\n            {% if message.txt is definned %}{{ a_name | shout(\"| loud\") }}{% endif %}\n            contct.name is unknown"), @"
    r.yaml:7:19: the template does not compile: unknown variable `contct`; did you mean `contact`? (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
    r.yaml:7:33: the template does not compile: unknown filter `uper`; did you mean `upper`?
    r.yaml:8:19: the template does not compile: there is no field `message.txt`; did you mean `message.text`?
    r.yaml:8:34: the template does not compile: unknown test `definned`; did you mean `defined`?
    r.yaml:8:48: the template does not compile: unknown variable `a_name` (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
    r.yaml:8:57: the template does not compile: unknown filter `shout`
    ");
    insta::assert_snapshot!(of_action("note: { text: '{{ message.text | int | rond }} {{ undefined_function(1) }}' }"), @"
    r.yaml:5:48: the template does not compile: unknown filter `rond`; did you mean `round`?
    r.yaml:5:59: the template does not compile: unknown variable `undefined_function` (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
    ");
    assert_eq!(
        of_action(
            "note: { text: '{{ contact.name is defined }} {{ \"is odd|x\" }} {# | nothing #} {{ 1 is not odd }}' }"
        ),
        "no faults"
    );
}

#[test]
fn a_capture_that_no_condition_makes() {
    let of = |when: &str, action: &str| of_rules(&format!("  - name: a\n    when: {when}\n    do:\n      - {action}"));
    let order = "{ message.text: { matches: '(?<order>\\d+)' } }";
    insta::assert_snapshot!(of(order, "note: { text: 'Order {{ captures.ordr }}' }"), @"r.yaml:6:33: no `matches` of this rule captures `ordr`; name a group `(?<ordr>…)`; did you mean `order`? (known: order)");
    insta::assert_snapshot!(of(order, "script: 'tag(captures.number)'"), @"r.yaml:6:31: no `matches` of this rule captures `number`; name a group `(?<number>…)` (known: order)");
    insta::assert_snapshot!(of("{ captures.order: '7' }", "note: { text: x }"), @"r.yaml:4:13: no `matches` of this rule captures `order`; name a group `(?<order>…)`");
    insta::assert_snapshot!(of("{ not: { message.text: { matches: '(?<order>.)' } }, script: 'captures.order == 1' }", "note: { text: x }"), @"r.yaml:4:82: no `matches` of this rule captures `order`; name a group `(?<order>…)`");
    assert_eq!(of(order, "note: { text: 'Order {{ captures.order }}' }"), "no faults");
}

#[test]
fn the_faults_of_all_files_are_told_at_once() {
    let first = rules(
        "  - name: a\n    when: { message.text: { matches: '(' } }\n    do:\n      - reply: { text: '{{ x }}' }\n      - assign: nobody\n  - name: b\n    once: { every: soon }",
    );
    let second = rules("  - name: a\n    wen: {}\n    stop: true");
    let third = rules("  - name: a\n    do:\n      - tag: {}");
    insta::assert_snapshot!(faults(&[("10.yaml", &first), ("20.yaml", &second), ("30.yaml", &third), ("40.rhai", "let x")]), @"
    10.yaml:4:29: `(` is not a regular expression: unclosed group
    10.yaml:6:28: the template does not compile: unknown variable `x` (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
    10.yaml:7:9: there is no member `nobody` (known: dr-lee, kim)
    10.yaml:8:5: the rule `b` does nothing; give it `do`, `veto` or `stop: true`
    10.yaml:9:13: `soon` is not a duration; write it like 30s, 15m, 24h or 7d
    20.yaml:3:5: there is a rule `a` already, at 10.yaml:3; names must be unique
    20.yaml:4:5: unknown key `wen`; did you mean `when`? (known: name, description, on, when, do, veto, once, settle, handle, allow, mode, on_error, stop, allow_lints)
    30.yaml:3:5: there is a rule `a` already, at 10.yaml:3; names must be unique
    30.yaml:5:9: there is no tag to put on or take off; give `add` or `remove`
    40.rhai:1:1: there is no function `decide` with two parameters; write `fn decide(event, state) { … }`
    ");
}

#[test]
fn the_hash_is_of_the_text_and_not_of_the_folder() {
    let hash = |name: &str, text: &str| {
        Book::compile(vec![(name.to_owned(), text.to_owned())], surroundings()).ok().unwrap().hash().clone()
    };
    let text = rules("  - name: a\n    stop: true");
    assert_eq!(hash("/etc/r/10.yaml", &text), hash("./10.yaml", &text));
    assert_ne!(hash("10.yaml", &text), hash("20.yaml", &text));
    let script = "fn decide(event, state) { tag(\"x\"); }";
    assert_ne!(hash("rules/z.rhai", script), hash("rules/scripts/z.rhai", "tag(\"x\");"));
    let both = "// nothing";
    let names = |name: &str| {
        Book::compile(vec![(name.to_owned(), both.to_owned())], surroundings()).map(|book| book.hash().clone())
    };
    assert_ne!(names("rules/scripts/a.rhai").ok(), names("rules/scripts/b.rhai").ok());
    assert_ne!(hash("10.yaml", &text), hash("10.yaml", &format!("{text}\n")));
}

#[test]
fn a_folder_is_read_in_the_order_of_names_and_without_tests() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["20.yml", "10.rhai", "30.yaml", "30.test.yaml", ".hidden.yaml", "notes.txt"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    std::fs::create_dir(folder.path().join("40.yaml")).unwrap();
    let missing = folder.path().join("missing.yaml");
    let files = read_files(&[folder.path().to_owned(), folder.path().join("notes.txt")]).unwrap();
    let names: Vec<&str> = files.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(names, ["10.rhai", "20.yml", "30.yaml", "notes.txt"]);
    let faults = read_files(&[missing.clone(), folder.path().to_owned()]).unwrap_err();
    assert!(faults.to_string().starts_with(&format!("{}: cannot be read: ", missing.display())), "{faults}");
}

#[test]
fn what_is_right_in_a_rule_of_the_wrong_shape_is_judged_in_the_same_run() {
    let list = "
  - name: a
    when:
      message.text: { matches: '(', containz: x }
      contact.email: { matches: '[' }
      any: [{ message.subject: { matches: '*' }, message.form: x }, just words]
      not: { contact.name: { matches: ')' } }
    do:
      - reply: { text: '{{ contct.name }}', dely: 2m, cancel_on: [reply] }
      - note: { txt: x, page: [kimm] }
      - repy: { text: x }
      - assign: nobody
      - script: 'tag(unknown)'
      - tag: [x]
      - note: { text: '{{ captures.any }}' }
    once: { evry: 1h, quiet: soon }
    mode: shaddow
  - stop: yes
    do: [{ reply: { snippet: huors } }]
  - name: captured
    moode: off
    when: { message.text: { matches: '(?<order>.)' } }
    do: [{ note: { text: '{{ captures.ordr }}' } }]";
    insta::assert_snapshot!(of_rules(list), @"
    r.yaml:6:37: unknown key `containz`; did you mean `contains`?
    r.yaml:7:24: `[` is not a regular expression: unclosed character class
    r.yaml:8:34: `*` is not a regular expression: repetition operator missing expression
    r.yaml:8:50: unknown key `message.form`; did you mean `message.from`?
    r.yaml:8:69: an entry of `any`: a text is not a mapping
    r.yaml:9:30: `)` is not a regular expression: unopened group
    r.yaml:11:28: the template does not compile: unknown variable `contct`; did you mean `contact`? (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
    r.yaml:11:45: unknown key `dely`; did you mean `delay`? (known: text, markdown, html, snippet, subject, attachments, delay, cancel_on, as, kind)
    r.yaml:11:67: `reply` is not known here (known: human_reply, contact_message, closed)
    r.yaml:12:17: unknown key `txt`; did you mean `text`? (known: text, markdown, page)
    r.yaml:12:32: there is no member `kimm`; did you mean `kim`? (known: dr-lee, kim)
    r.yaml:13:9: unknown key `repy`; did you mean `reply`? (known: reply, note, snippet, tag, assign, close, http, set, unset, script)
    r.yaml:14:9: there is no member `nobody` (known: dr-lee, kim)
    r.yaml:15:22: the script does not compile: unknown variable `unknown` (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
    r.yaml:16:9: `tag`: a list is not a mapping with `add`, `remove`; write it like `{ add: [refund], remove: [new] }`
    r.yaml:18:13: unknown key `evry`; did you mean `every`? (known: per, every, quiet)
    r.yaml:18:23: `soon` is not a duration; write it like 30s, 15m, 24h or 7d
    r.yaml:19:5: `shaddow` is not known here; did you mean `shadow`? (known: off, shadow, draft, approve, auto)
    r.yaml:20:5: `yes` is not true or false
    r.yaml:20:5: missing key `name`
    r.yaml:21:21: there is no snippet `huors`; did you mean `hours`? (known: broken, hours)
    r.yaml:23:5: unknown key `moode`; did you mean `mode`? (known: name, description, on, when, do, veto, once, settle, handle, allow, mode, on_error, stop, allow_lints)
    r.yaml:25:30: no `matches` of this rule captures `ordr`; name a group `(?<ordr>…)`; did you mean `order`? (known: order)
    ");
}

#[test]
fn one_fault_of_a_script_hides_no_other() {
    let of = |body: &str| faults(&[("a.rhai", &format!("fn decide(event, state) {{\n  {body}\n}}\n"))]);
    let body = "set(\"x\", 1, 2); reply(#{ text: \"x\", dely: \"2m\" }); page(\"nobody\"); tag(unknown);";
    insta::assert_snapshot!(of(body), @"
    a.rhai:2:3: `set` is `set(key, value)` or `set(#{ key: value })`
    a.rhai:2:19: `reply`: unknown key `dely`; did you mean `delay`? (known: text, markdown, html, snippet, subject, attachments, delay, cancel_on, as, kind)
    a.rhai:2:54: there is no member `nobody` (known: dr-lee, kim)
    a.rhai:2:74: unknown variable `unknown`
    ");
    insta::assert_snapshot!(of_action(&format!("script: '{body} note(captures.x)'")), @"
    r.yaml:5:18: the script does not compile: `set` is `set(key, value)` or `set(#{ key: value })`
    r.yaml:5:34: the script does not compile: `reply`: unknown key `dely`; did you mean `delay`? (known: text, markdown, html, snippet, subject, attachments, delay, cancel_on, as, kind)
    r.yaml:5:69: the script does not compile: there is no member `nobody` (known: dr-lee, kim)
    r.yaml:5:89: the script does not compile: unknown variable `unknown` (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
    r.yaml:5:113: no `matches` of this rule captures `x`; name a group `(?<x>…)`
    ");
}

#[test]
fn a_script_that_no_rule_names_is_judged() {
    let script = "set(\"x\", 1, 2);\nassign(\"nobody\");\nif within(\"offce\") { tag(unknown) }";
    insta::assert_snapshot!(faults(&[("rules/scripts/old.rhai", script)]), @"
    rules/scripts/old.rhai:1:1: the script does not compile: `set` is `set(key, value)` or `set(#{ key: value })`
    rules/scripts/old.rhai:2:1: the script does not compile: there is no member `nobody` (known: dr-lee, kim)
    rules/scripts/old.rhai:3:1: there is no schedule `offce` under `schedules:`; did you mean `office`? (known: night, office)
    rules/scripts/old.rhai:3:26: the script does not compile: unknown variable `unknown` (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
    ");
    let rule = rules("  - name: a\n    do:\n      - script: { file: old.rhai }");
    let both = [("rules/a.yaml", rule.as_str()), ("rules/scripts/old.rhai", script)];
    assert_eq!(faults(&both), faults(&both[1..]), "and told once where a rule names it");
}

#[test]
fn a_tag_without_a_name() {
    insta::assert_snapshot!(of_action("tag: { add: [x, ''], remove: [' '] }"), @"
    r.yaml:5:25: a tag must not be empty; write its name, or leave the entry out
    r.yaml:5:39: a tag must not be empty; write its name, or leave the entry out
    ");
    insta::assert_snapshot!(of_action("script: 'tag(\"\")'"), @"r.yaml:5:18: the script does not compile: a tag must not be empty; write its name, or leave the entry out");
    assert_eq!(of_action("tag: { add: [x, '{{ contact.name }}'] }"), "no faults");
}

#[test]
fn a_fault_of_shape_names_the_key_and_what_would_be_right() {
    let told = [
        faults(&[("r.yaml", "version: 1\nwords: { refund: [], vip: [''] }\n")]),
        of_rules("  - name: ''\n    stop: true\n    when: { any: [] }"),
        of_rules("  - name: a\n    stop: true\n    when: { message.text: { contains: '' }, not: {}, all: [{}] }"),
        of_action("close: { x: 1 }"),
        of_action("reply: { text: x, attachments: [a.pdf] }"),
        of_action("reply: { text: x, attachments: a.pdf }"),
        of_action("set: [1]"),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    r.yaml:2:10: `refund` must not be empty; write at least one entry
    r.yaml:2:28: an entry of `vip` must not be empty; write a text
    r.yaml:3:5: `name` must not be empty; write a text (How people speak of it; unique in the rule book)
    r.yaml:5:13: `any` must not be empty; write it like `[{ contact.tags: { has: vip } }, { conversation.status: open }]` (At least one of these holds)
    r.yaml:5:29: `contains` must not be empty; write a text
    r.yaml:5:45: `not` must not be empty; write it like `{ contact.tags: { has: vip } }` (This does not hold)
    r.yaml:5:60: an entry of `all` must not be empty; write at least one key
    r.yaml:5:9: `close`: a mapping is not true; write `close: true`
    r.yaml:5:41: an entry of `attachments`: a text is not a mapping with `file`, `url`, `id`, `name`
    r.yaml:5:27: `attachments`: a text is not a list; write `attachments: [ … ]`
    r.yaml:5:9: `set`: a list is not a mapping; write it like `{ refunds: "{{ (state.refunds | default(0)) + 1 }}" }`
    "#);
    let key = |key: &str| of_rules(&format!("  - name: a\n    stop: true\n    when: {{ {key}: x }}"));
    let keys = [
        "raw",
        "state",
        "state.",
        "messages",
        "message",
        "message.body",
        "stat.n",
        "sate",
        "contact_sate.n",
        "message.header.x-a",
        "weather",
        "weather.now",
    ];
    insta::assert_snapshot!(keys.map(key).join("\n"), @"
    r.yaml:5:13: unknown key `raw`; any name can stand below `raw`: write `raw.NAME`
    r.yaml:5:13: unknown key `state`; any name can stand below `state`: write `state.NAME`
    r.yaml:5:13: unknown key `state.`; any name can stand below `state`: write `state.NAME`
    r.yaml:5:13: unknown key `messages`; did you mean one of message.id, message.direction, message.text, message.full_text, message.html, message.subject, message.from, message.to, message.cc, message.headers, message.attachments, message.language, message.is_automated, message.author?
    r.yaml:5:13: unknown key `message`; did you mean one of message.id, message.direction, message.text, message.full_text, message.html, message.subject, message.from, message.to, message.cc, message.headers, message.attachments, message.language, message.is_automated, message.author?
    r.yaml:5:13: unknown key `message.body`; did you mean `message.id`?
    r.yaml:5:13: unknown key `stat.n`; did you mean `state.n`?
    r.yaml:5:13: unknown key `sate`; did you mean `state.NAME`?
    r.yaml:5:13: unknown key `contact_sate.n`; did you mean `contact_state.n`?
    r.yaml:5:13: unknown key `message.header.x-a`; did you mean `message.headers.x-a`?
    r.yaml:5:13: unknown key `weather`
    r.yaml:5:13: unknown key `weather.now`
    ");
}

#[test]
fn the_name_of_the_guard_is_taken() {
    insta::assert_snapshot!(of_rules("  - name: loop guard\n    stop: true"), @"r.yaml:3:5: `loop guard` is who acts where a cap was reached; call the rule otherwise");
}
