//! Each lint finds what is planted for it, word for word, and keeps quiet about what comes near.

use super::super::testing::{book, rules, surroundings};
use super::super::{SnippetFile, Surroundings, template::Form};
use super::*;

/// Surroundings without what no rule of a test uses.
fn bare() -> Surroundings {
    let (snippets, members) = (Default::default(), Default::default());
    let (hooks, schedules) = (Default::default(), Default::default());
    Surroundings { snippets, members, hooks, schedules, ..surroundings() }
}

/// What the lints say of several files.
fn of_files(files: &[(&str, &str)]) -> String {
    of_book(files, bare())
}

fn of_book(files: &[(&str, &str)], surroundings: Surroundings) -> String {
    let warnings = examine(&book(files, surroundings));
    warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What the lints say of the rules below `rules:`; the first rule stands in line 3.
fn told(list: &str) -> String {
    of_files(&[("r.yaml", &rules(list))])
}

/// Of one rule that tags what meets these conditions; they stand in line 5.
fn of_when(when: &str) -> String {
    let list = format!("  - name: a\n    when:\n      {when}\n    do: [{{ tag: {{ add: [x] }} }}]");
    let mut schedules = (*surroundings().schedules).clone();
    schedules.retain(|name, _| when.contains(name.as_str()));
    of_book(&[("r.yaml", &rules(&list))], Surroundings { schedules: schedules.into(), ..bare() })
}

/// Of one rule with this action, which stands in line 5.
fn of_action(action: &str) -> String {
    told(&format!("  - name: a\n    do:\n      - {action}"))
}

fn quiet(lists: &[&str]) {
    for list in lists {
        assert_eq!(told(list), "", "{list}");
    }
}

#[test]
fn a_rule_that_never_matches() {
    insta::assert_snapshot!(of_when("provider: { equals: sandbox, not_equals: sandbox }"), @r#"
    r.yaml:5:36: warning: rule `a`: it can never match: `provider: { equals: "sandbox" }` and `provider: { not_equals: "sandbox" }` do not hold together [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("all: [{ contact.email: a@b.example }, { contact.email: c@d.example }]"), @r#"
    r.yaml:5:47: warning: rule `a`: it can never match: `contact.email: { equals: "a@b.example" }` and `contact.email: { equals: "c@d.example" }` do not hold together [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("conversation.message_count: { gt: 5, lt: 3 }"), @"
    r.yaml:5:44: warning: rule `a`: it can never match: `conversation.message_count: { gt: 5 }` and `conversation.message_count: { lt: 3 }` do not hold together [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    ");
    insta::assert_snapshot!(of_when("event.at: { older_than: 2h, newer_than: 1h }"), @r#"
    r.yaml:5:35: warning: rule `a`: it can never match: `event.at: { older_than: "2h" }` and `event.at: { newer_than: "1h" }` do not hold together [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("event.weekday: [sunday, monday]\n      all: [{ event.weekday: tuesday }]"), @r#"
    r.yaml:6:15: warning: rule `a`: it can never match: `event.weekday: { one_of: ["sunday","monday"] }` and `event.weekday: { equals: "tuesday" }` do not hold together [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("event.weekday: sonday"), @r#"
    r.yaml:5:7: warning: rule `a`: it can never match: nothing meets `event.weekday: { equals: "sonday" }`; did you mean `monday`? [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("event.hour: { gte: 24 }"), @"
    r.yaml:5:21: warning: rule `a`: it can never match: nothing meets `event.hour: { gte: 24 }` [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    ");
    insta::assert_snapshot!(of_when("source: inbocks"), @r#"
    r.yaml:5:7: warning: rule `a`: it can never match: nothing meets `source: { equals: "inbocks" }` [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("contact.email: { exists: false, contains: '@' }"), @r#"
    r.yaml:5:39: warning: rule `a`: it can never match: `contact.email: { exists: false }` and `contact.email: { contains: "@" }` do not hold together [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("contact.tags: { empty: true, has: vip }"), @r#"
    r.yaml:5:36: warning: rule `a`: it can never match: `contact.tags: { empty: true }` and `contact.tags: { has: "vip" }` do not hold together [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("message.text: { starts_with: hello, not_contains: hell }"), @r#"
    r.yaml:5:43: warning: rule `a`: it can never match: `message.text: { starts_with: "hello" }` and `message.text: { not_contains: "hell" }` do not hold together [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("message.subject: { starts_with: 'Re:' }\n      all: [{ message.subject: { starts_with: 'Fwd:' } }]"), @r#"
    r.yaml:6:34: warning: rule `a`: it can never match: `message.subject: { starts_with: "Re:" }` and `message.subject: { starts_with: "Fwd:" }` do not hold together [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("conversation.channel: email\n      any: [{ conversation.channel: sms }, { conversation.channel: { contains: chat } }]"), @r#"
    r.yaml:6:15: warning: rule `a`: it can never match: `conversation.channel: { equals: "email" }` and `conversation.channel: { equals: "sms" }` do not hold together (nor do the other alternatives) [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
    insta::assert_snapshot!(told("  - name: a\n    on: note.added\n    when: { event.kind: message.received }\n    stop: true"), @r#"
    r.yaml:5:13: warning: rule `a`: it can never match: `event.kind: { equals: "message.received" }` is not among its kinds of event (`on`) [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("script: 'conversation.message_count > 1'\n      not: { script: 'conversation.message_count > 1' }"), @r#"
    r.yaml:3:5: warning: rule `a`: it can never match: `script: "conversation.message_count > 1"` and not `script: "conversation.message_count > 1"` do not hold together [never-matches]
      write the alternatives under `any`, or take one of the conditions out; `allow_lints: [never-matches]` keeps it as it is
    "#);
}

#[test]
fn conditions_that_can_hold_together() {
    for when in [
        "contact.tags: { has: vip }\n      all: [{ contact.tags: { has: new } }]",
        "message.text: { contains: refund, not_contains: order }",
        "message.subject: { starts_with: 'Re:' }\n      all: [{ message.subject: { starts_with: 're: order' } }]",
        "conversation.message_count: { gte: 3, lte: 3 }",
        "conversation.channel: Email\n      all: [{ conversation.channel: { contains: mail, case: sensitive } }]",
        "event.hour: { gt: 22 }",
        "any: [{ event.hour: { lt: 8 } }, { event.hour: { gte: 18 } }]",
        "contact.email: { exists: false, not_contains: '@' }",
        "contact.email: { empty: true, not_exists: false }",
        "raw.items.id: 1\n      all: [{ raw.items.id: 2 }]",
        "message.text: { contains: Refund, case: sensitive }\n      not: { message.text: { contains: REFUND, case: sensitive } }",
        "message.text: { contains: refund }\n      not: { message.text: { contains: refund, case: sensitive } }",
        "event.at: { older_than: 1h, newer_than: 2h }",
        "event.weekday: Sunday",
        "conversation.message_count: { not_gt: 5, not_lt: 3 }",
        "captures.n: { equals: '1' }\n      all: [{ captures.n: '2' }]\n      message.text: { matches: '(?<n>.)' }",
    ] {
        assert_eq!(of_when(when), "", "{when}");
    }
}

#[test]
fn a_field_that_holds_something_else() {
    let wrong = [
        "message.is_automated: 'yes'",
        "message.is_automated: [1, 'true']",
        "message.is_automated: { gt: 1 }",
        "message.is_automated: { contains: yes }",
        "contact.email: { older_than: 3d }",
        "contact.email: true",
        "contact.tags: { newer_than: 3d }",
        "message.headers: { contains: x }",
        "message.headers: x",
        "message.attachments: { matches: pdf }",
        "conversation.message_count: many",
        "conversation.message_count: [few, many]",
        "conversation.message_count: { older_than: 3d }",
        "message.attachments.size: { has: large }",
        "event.at: today",
        "event.at: { lt: 5 }",
        "provider: sprce",
        "within: office\n      not_within: office",
        "within: [office, night]\n      not_within: [night, office]",
    ];
    let found = |when: &str| of_when(when).lines().next().unwrap_or_default().to_owned();
    insta::assert_snapshot!(wrong.map(found).join("\n"), @r#"
    r.yaml:5:7: warning: rule `a`: it can never match: nothing meets `message.is_automated: { equals: "yes" }`; the field holds this: true or false [never-matches]
    r.yaml:5:7: warning: rule `a`: it can never match: nothing meets `message.is_automated: { one_of: [1,"true"] }`; the field holds this: true or false [never-matches]
    r.yaml:5:31: warning: rule `a`: it can never match: nothing meets `message.is_automated: { gt: 1 }`; the field holds this: true or false [never-matches]
    r.yaml:5:31: warning: rule `a`: it can never match: nothing meets `message.is_automated: { contains: "yes" }` [never-matches]
    r.yaml:5:24: warning: rule `a`: it can never match: nothing meets `contact.email: { older_than: "3d" }`; the field holds this: text [never-matches]
    r.yaml:5:7: warning: rule `a`: it can never match: nothing meets `contact.email: { equals: true }`; the field holds this: text [never-matches]
    r.yaml:5:23: warning: rule `a`: it can never match: nothing meets `contact.tags: { newer_than: "3d" }`; the field holds this: list of texts [never-matches]
    r.yaml:5:26: warning: rule `a`: it can never match: nothing meets `message.headers: { contains: "x" }`; the field holds this: mapping; test `message.headers.NAME` [never-matches]
    r.yaml:5:7: warning: rule `a`: it can never match: nothing meets `message.headers: { equals: "x" }`; the field holds this: mapping; test `message.headers.NAME` [never-matches]
    r.yaml:5:30: warning: rule `a`: it can never match: nothing meets `message.attachments: { matches: "pdf" }`; the field holds this: list of mappings; test a field below it, such as `message.attachments.name` [never-matches]
    r.yaml:5:7: warning: rule `a`: it can never match: nothing meets `conversation.message_count: { equals: "many" }`; the field holds this: number [never-matches]
    r.yaml:5:7: warning: rule `a`: it can never match: nothing meets `conversation.message_count: { one_of: ["few","many"] }`; the field holds this: number [never-matches]
    r.yaml:5:37: warning: rule `a`: it can never match: nothing meets `conversation.message_count: { older_than: "3d" }`; the field holds this: number [never-matches]
    r.yaml:5:35: warning: rule `a`: it can never match: nothing meets `message.attachments.size: { has: "large" }`; the field holds this: list of numbers [never-matches]
    r.yaml:5:7: warning: rule `a`: it can never match: nothing meets `event.at: { equals: "today" }`; the field holds this: time stamp [never-matches]
    r.yaml:5:19: warning: rule `a`: it can never match: nothing meets `event.at: { lt: 5 }`; the field holds this: time stamp [never-matches]
    r.yaml:5:7: warning: rule `a`: it can never match: nothing meets `provider: { equals: "sprce" }`; did you mean `spruce`? [never-matches]
    r.yaml:3:5: warning: rule `a`: it can never match: `within: "office"` and not `within: "office"` do not hold together [never-matches]
    r.yaml:3:5: warning: rule `a`: it can never match: `within: "office"` and not `within: "office"` do not hold together (nor do the other alternatives) [never-matches]
    "#);
}

#[test]
fn a_field_that_holds_what_is_wanted() {
    for when in [
        "message.is_automated: true",
        "message.is_automated: [true, 'yes']",
        "message.is_automated: { not_equals: 'yes' }",
        "message.is_automated: { exists: false }",
        "contact.phone: { gt: 5 }",
        "contact.email: { not_older_than: 3d }",
        "contact.name: 7",
        "contact.tags: { has: 7 }",
        "message.headers: { exists: true }",
        "message.headers: { empty: true }",
        "message.headers.date: { contains: x }",
        "message.attachments: { empty: false }",
        "message.attachments.name: { ends_with: .pdf }",
        "conversation.message_count: '5'",
        "conversation.message_count: [many, 3]",
        "raw.n: { older_than: 3d }",
        "event.at: '2026-01-05T10:00:00Z'",
        "event.at: { starts_with: '2026' }",
        "within: office\n      not_within: night",
        "within: [office, night]\n      not_within: office",
        "any: [{ within: office }, { not_within: office }]",
    ] {
        assert_eq!(of_when(when), "", "{when}");
    }
}

#[test]
fn a_rule_behind_a_stop() {
    insta::assert_snapshot!(told("  - name: a\n    do: [{ tag: { add: [x] } }]\n    stop: true\n  - name: b\n    do: [{ tag: { add: [y] } }]"), @"
    r.yaml:6:5: warning: rule `b`: it is never looked at: `a` (r.yaml:3) matches whenever it would, and stops [hidden-by-stop]
      move this rule before the one that stops, or narrow that one's conditions; `allow_lints: [hidden-by-stop]` keeps it as it is
    ");
    insta::assert_snapshot!(told("  - name: a\n    when: { message.text: { contains_any: [refund, money] } }\n    stop: true\n  - name: b\n    when: { message.text: { contains: refunds }, contact.tags: { has: vip } }\n    do: [{ tag: { add: [y] } }]"), @"
    r.yaml:6:5: warning: rule `b`: it is never looked at: `a` (r.yaml:3) matches whenever it would, and stops [hidden-by-stop]
      move this rule before the one that stops, or narrow that one's conditions; `allow_lints: [hidden-by-stop]` keeps it as it is
    ");
    insta::assert_snapshot!(told("  - name: a\n    on: [message.received, note.added]\n    when: { any: [{ provider: spruce }, { provider: sandbox }] }\n    stop: true\n  - name: b\n    on: note.added\n    when: { provider: spruce }\n    do: [{ tag: { add: [y] } }]"), @"
    r.yaml:7:5: warning: rule `b`: it is never looked at: `a` (r.yaml:3) matches whenever it would, and stops [hidden-by-stop]
      move this rule before the one that stops, or narrow that one's conditions; `allow_lints: [hidden-by-stop]` keeps it as it is
    ");
    // A rule whose replies a person sends stops the ones after it all the same.
    let draft = told("  - name: a\n    mode: draft\n    stop: true\n  - name: b\n    do: [{ tag: { add: [y] } }]");
    assert!(draft.starts_with("r.yaml:6:5: warning: rule `b`: it is never looked at"), "{draft}");
    quiet(&[
        "  - name: a\n    stop: true\n    mode: shadow\n  - name: b\n    do: [{ tag: { add: [y] } }]",
        "  - name: a\n    stop: true\n  - name: b\n    on: note.added\n    do: [{ tag: { add: [y] } }]",
        "  - name: a\n    stop: true\n    when: { message.text: { contains: refund } }\n  - name: b\n    when: { message.text: { contains: money } }\n    do: [{ tag: { add: [y] } }]",
        "  - name: a\n    stop: true\n    when: { message.text: { contains: x }, provider: spruce }\n  - name: b\n    when: { message.text: { contains: x } }\n    do: [{ tag: { add: [y] } }]",
        "  - name: a\n    stop: true\n  - name: b\n    veto: reply",
        "  - name: a\n    when: { state.n: { exists: true } }\n    stop: true\n  - name: m\n    do: [{ set: { n: 1 } }]\n  - name: b\n    when: { state.n: { exists: true } }\n    do: [{ tag: { add: [y] } }]",
        "  - name: b\n    do: [{ tag: { add: [y] } }]\n  - name: a\n    stop: true",
    ]);
}

#[test]
fn a_negated_alternative() {
    insta::assert_snapshot!(of_when("any: [{ message.text: { not_contains: a } }, { message.text: { not_contains: b } }]"), @r#"
    r.yaml:5:31: warning: rule `a`: `message.text: { not_contains: "a" }` is one alternative of `any`, and nearly everything meets it [any-with-not]
      write the negated conditions beside each other without `any`, or `not: { any: [...] }`; `allow_lints: [any-with-not]` keeps it as it is
    r.yaml:5:70: warning: rule `a`: `message.text: { not_contains: "b" }` is one alternative of `any`, and nearly everything meets it [any-with-not]
      write the negated conditions beside each other without `any`, or `not: { any: [...] }`; `allow_lints: [any-with-not]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("any: [{ message.text: { not_matches: a } }, { contact.tags: { has: b } }]"), @r#"
    r.yaml:5:31: warning: rule `a`: `message.text: { not_matches: "a" }` is one alternative of `any`, and nearly everything meets it [any-with-not]
      write the negated conditions beside each other without `any`, or `not: { any: [...] }`; `allow_lints: [any-with-not]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("any: [{ provider: { not_equals: spruce } }, { provider: { not_equals: sequenzy } }]"), @r#"
    r.yaml:5:27: warning: rule `a`: `provider: { not_equals: "spruce" }` is one alternative of `any`, and nearly everything meets it [any-with-not]
      write the negated conditions beside each other without `any`, or `not: { any: [...] }`; `allow_lints: [any-with-not]` keeps it as it is
    r.yaml:5:65: warning: rule `a`: `provider: { not_equals: "sequenzy" }` is one alternative of `any`, and nearly everything meets it [any-with-not]
      write the negated conditions beside each other without `any`, or `not: { any: [...] }`; `allow_lints: [any-with-not]` keeps it as it is
    "#);
    insta::assert_snapshot!(of_when("any: [{ not: { message.text: { not_contains: a } } }, { all: [{ any: [{ message.text: { not_contains: a } }, { message.text: x }] }, { message.text: y }] }]"), @r#"
    r.yaml:5:95: warning: rule `a`: `message.text: { not_contains: "a" }` is one alternative of `any`, and nearly everything meets it [any-with-not]
      write the negated conditions beside each other without `any`, or `not: { any: [...] }`; `allow_lints: [any-with-not]` keeps it as it is
    "#);
    for when in [
        "not: { any: [{ message.text: { contains: a } }, { message.text: { contains: b } }] }",
        "message.text: { not_contains: a, not_contains_any: [b] }",
        "any: [{ message.text: { not_contains: a, contains: b } }, { message.text: { contains: c } }]",
        "any: [{ message.text: { not_contains: a } }]",
        "any: [{ provider: { not_equals: spruce } }, { contact.tags: { has: b } }]",
        "any: [{ contact.email: { not_exists: true } }, { contact.phone: { not_exists: true } }]",
    ] {
        assert_eq!(of_when(when), "", "{when}");
    }
}

#[test]
fn two_rules_that_both_reply() {
    let reply = |name: &str, rest: &str| format!("  - name: {name}\n    do: [{{ reply: {{ text: x }} }}]\n{rest}");
    insta::assert_snapshot!(told(&format!("{}{}", reply("a", "    when: { message.text: { contains: x } }\n"), reply("b", ""))), @"
    r.yaml:7:10: warning: rule `b`: it and `a` (r.yaml:3) can both reply to one event, and only the first reply is sent [two-replies]
      give the earlier rule `stop: true`, or let their conditions exclude each other; `allow_lints: [two-replies]` says that the first one shall win
    ");
    insta::assert_snapshot!(told("  - name: a\n    do:\n      - reply: { text: x }\n      - snippet: { id: 1 }"), @"
    r.yaml:6:9: warning: rule `a`: it replies 2 times to one event, and only the first reply is sent [two-replies]
      give the earlier rule `stop: true`, or let their conditions exclude each other; `allow_lints: [two-replies]` says that the first one shall win
    ");
    insta::assert_snapshot!(of_files(&[("a.yaml", &rules(&reply("a", ""))), ("b.rhai", "fn decide(event, state) {\n  if event.message.text == \"x\" {\n    reply(\"y\");\n  }\n}\n")]), @"
    b.rhai:3:5: warning: rule `b`: it and `a` (a.yaml:3) can both reply to one event, and only the first reply is sent [two-replies]
      give the earlier rule `stop: true`, or let their conditions exclude each other; `allow_lints: [two-replies]` says that the first one shall win
    ");
    insta::assert_snapshot!(told(&format!("{}  - name: b\n    do:\n      - script: |\n          if state.x == () {{\n            reply(\"y\");\n          }}\n      - set: {{ x: 1 }}\n", reply("a", ""))), @"
    r.yaml:9:13: warning: rule `b`: it and `a` (r.yaml:3) can both reply to one event, and only the first reply is sent [two-replies]
      give the earlier rule `stop: true`, or let their conditions exclude each other; `allow_lints: [two-replies]` says that the first one shall win
    ");
    let mut both = bare();
    both.guard.allow_multiple = true;
    insta::assert_snapshot!(of_book(&[("r.yaml", &rules(&format!("{}{}", reply("a", ""), reply("b", ""))))], both), @"
    r.yaml:6:10: warning: rule `b`: it and `a` (r.yaml:3) can both reply to one event, and `guard.allow_multiple` lets both leave [two-replies]
      give the earlier rule `stop: true`, or let their conditions exclude each other; `allow_lints: [two-replies]` says that the first one shall win
    ");
    // What a person sends or approves is the one reply of the event as well.
    for mode in ["draft", "approve"] {
        let first = reply("a", &format!("    mode: {mode}\n"));
        let told = told(&format!("{first}{}", reply("b", "")));
        let end = if mode == "draft" { "is drafted [two-replies]" } else { "is held for approval [two-replies]" };
        assert!(told.starts_with("r.yaml:") && told.contains(&format!("only the first reply {end}\n")), "{told}");
    }
    for (first, second) in [
        ("    stop: true\n    when: { provider: spruce }\n", ""),
        ("    mode: draft\n    stop: true\n    when: { provider: spruce }\n", ""),
        ("    mode: shadow\n", ""),
        ("", "    mode: off\n"),
        ("    on: note.added\n", ""),
        (
            "    when: { event.weekday: [saturday, sunday] }\n",
            "    when: { event.weekday: { not_one_of: [sunday, saturday] } }\n",
        ),
        (
            "    when: { message.text: { contains: x } }\n",
            "    when: { not: { message.text: { contains_any: [x, y] } } }\n",
        ),
        ("    handle: h\n", "    handle: h\n    once: { per: conversation }\n"),
    ] {
        quiet(&[&format!("{}{}", reply("a", first), reply("b", second))]);
    }
    quiet(&["  - name: a\n    do: [{ note: { text: x } }]\n  - name: b\n    do: [{ reply: { text: x } }]"]);
}

#[test]
fn a_reply_without_a_limit() {
    let once = |once: &str, action: &str| told(&format!("  - name: a\n    do: [{{ {action} }}]\n    once: {once}"));
    insta::assert_snapshot!(once("{ per: event }", "reply: { text: x }"), @"
    r.yaml:5:13: warning: rule `a`: it replies to every event that it matches: with `per: event` nothing but the caps limits it [unlimited-reply]
      count `per: conversation` or `per: contact` with `every`, or add `quiet`; `allow_lints: [unlimited-reply]` keeps it as it is
    ");
    for (limit, action) in [
        ("{ per: event, quiet: 15m }", "reply: { text: x }"),
        ("{ per: conversation }", "reply: { text: x }"),
        ("{ per: event }", "note: { text: x }"),
    ] {
        assert_eq!(once(limit, action), "", "{limit} {action}");
    }
}

#[test]
fn a_field_that_nobody_sets() {
    let set = "  - name: s\n    do: [{ set: { refunds: 1 } }, { set: { in: contact, vip: true } }]\n";
    insta::assert_snapshot!(told(&format!("{set}  - name: a\n    when: {{ state.refund: {{ gt: 1 }} }}\n    do: [{{ tag: {{ add: [x] }} }}]")), @"
    r.yaml:6:29: warning: rule `a`: `state.refund` is read, and no rule sets it; did you mean `state.refunds`? [undefined-field]
      set it in a rule, or name the one that is set; `allow_lints: [undefined-field]` keeps it as it is
    ");
    insta::assert_snapshot!(told(&format!("{set}  - name: a\n    do: [{{ note: {{ text: 'Hi {{{{ state.vip }}}}' }} }}]")), @"
    r.yaml:6:33: warning: rule `a`: `state.vip` is read, and no rule sets it [undefined-field]
      set it in a rule, or name the one that is set; `allow_lints: [undefined-field]` keeps it as it is
    ");
    insta::assert_snapshot!(told(&format!("{set}  - name: a\n    when: {{ script: 'contact_state.vipp == true' }}\n    do: [{{ tag: {{ add: [x] }} }}]")), @"
    r.yaml:6:36: warning: rule `a`: `contact_state.vipp` is read, and no rule sets it; did you mean `contact_state.vip`? [undefined-field]
      set it in a rule, or name the one that is set; `allow_lints: [undefined-field]` keeps it as it is
    ");
    insta::assert_snapshot!(of_files(&[("a.rhai", "fn decide(event, state) {\n  if state.asked > 3 { tag(\"x\"); }\n  set(\"askd\", 1);\n}\n")]), @"
    a.rhai:2:12: warning: rule `a`: `state.asked` is read, and no rule sets it; did you mean `state.askd`? [undefined-field]
      set it in a rule, or name the one that is set; `allow_lints: [undefined-field]` keeps it as it is
    ");
    let hooks =
        || Surroundings { hooks: [("crm".to_owned(), "https://crm.example".parse().unwrap())].into(), ..bare() };
    let call = "  - name: a\n    do:\n      - http:\n          hook: crm\n          path: '/x/{{ state.order }}'\n          headers: { X-Vip: '{{ contact_state.vip }}' }\n          body: { a: [1, 'of {{ state.count }}'] }";
    insta::assert_snapshot!(of_book(&[("r.yaml", &rules(call))], hooks()), @"
    r.yaml:7:24: warning: rule `a`: `state.order` is read, and no rule sets it [undefined-field]
      set it in a rule, or name the one that is set; `allow_lints: [undefined-field]` keeps it as it is
    r.yaml:8:33: warning: rule `a`: `contact_state.vip` is read, and no rule sets it [undefined-field]
      set it in a rule, or name the one that is set; `allow_lints: [undefined-field]` keeps it as it is
    r.yaml:9:33: warning: rule `a`: `state.count` is read, and no rule sets it [undefined-field]
      set it in a rule, or name the one that is set; `allow_lints: [undefined-field]` keeps it as it is
    ");
    let known = "  - name: s\n    do: [{ set: { order: 1, count: 1 } }, { set: { in: contact, vip: true } }]\n";
    assert_eq!(of_book(&[("r.yaml", &rules(&format!("{known}{call}")))], hooks()), "");
    let mut with = bare();
    let snippet = |source: &str| SnippetFile {
        file: "snippets/s.md".to_owned(),
        form: Form::Markdown,
        source: source.to_owned(),
    };
    with.snippets = [("s".to_owned(), snippet("Order {{ captures.order | default('?') }}"))].into();
    insta::assert_snapshot!(of_book(&[("r.yaml", &rules("  - name: a\n    do: [{ reply: { snippet: s } }]"))], with.clone()), @"
    r.yaml:4:21: warning: rule `a`: `captures.order` is read, and no `matches` of this rule captures it [undefined-field]
      set it in a rule, or name the one that is set; `allow_lints: [undefined-field]` keeps it as it is
    ");
    let defined =
        "  - name: a\n    when: { message.text: { matches: '(?<order>.)' } }\n    do: [{ reply: { snippet: s } }]";
    assert_eq!(of_book(&[("r.yaml", &rules(defined))], with), "");
    quiet(&[
        &format!(
            "{set}  - name: a\n    when: {{ state.refunds: {{ gt: 1 }}, contact_state.vip: true }}\n    do: [{{ tag: {{ add: [x] }} }}]"
        ),
        "  - name: s\n    do: [{ script: 'set(message.text, 1)' }]\n  - name: a\n    when: { state.anything: 1 }\n    stop: true",
        "  - name: s\n    do: [{ script: 'set(#{ a: message.text, \"in\": \"contact\" })' }]\n  - name: a\n    when: { contact_state.a: x }\n    stop: true",
    ]);
}

#[test]
fn a_text_of_which_nothing_may_be_left() {
    insta::assert_snapshot!(of_action("reply: { text: '{% if message.subject %}About it{% endif %}' }"), @"
    r.yaml:5:18: warning: rule `a`: the text comes to nothing where the values it asks for are missing [can-render-empty]
      give the `if` an `else`, or the value a default with words in it; `allow_lints: [can-render-empty]` keeps it as it is
    ");
    insta::assert_snapshot!(of_action("note: { markdown: '{{ contact.name | default(\"\") }}' }"), @"
    r.yaml:5:17: warning: rule `a`: the text comes to nothing where the values it asks for are missing [can-render-empty]
      give the `if` an `else`, or the value a default with words in it; `allow_lints: [can-render-empty]` keeps it as it is
    ");
    insta::assert_snapshot!(of_action("reply: { text: '{% if not contact.name %}Who are you?{% endif %}' }"), @"
    r.yaml:5:18: warning: rule `a`: the text comes to nothing where the values it asks for are there [can-render-empty]
      give the `if` an `else`, or the value a default with words in it; `allow_lints: [can-render-empty]` keeps it as it is
    ");
    insta::assert_snapshot!(of_action("tag: { add: [x, '{{ contact.name | default(\"\") }}'] }"), @"
    r.yaml:5:25: warning: rule `a`: the text comes to nothing where the values it asks for are missing [can-render-empty]
      give the `if` an `else`, or the value a default with words in it; `allow_lints: [can-render-empty]` keeps it as it is
    ");
    insta::assert_snapshot!(of_action("reply: { html: '{# nothing #}' }"), @"
    r.yaml:5:18: warning: rule `a`: the text comes to nothing whatever the event [can-render-empty]
      give the `if` an `else`, or the value a default with words in it; `allow_lints: [can-render-empty]` keeps it as it is
    ");
    for action in [
        "reply: { text: '{% if message.subject %}About it{% else %}Hello{% endif %}' }",
        "reply: { text: 'Hi {{ contact.name | default(\"\") }}' }",
        "reply: { text: '{{ contact.name }}' }",
        "set: { a: '{{ contact.name | default(\"\") }}' }",
        "reply: { text: x, subject: '{{ contact.name | default(\"\") }}' }",
    ] {
        assert_eq!(of_action(action), "", "{action}");
    }
}

#[test]
fn a_reply_in_a_script_of_a_folder() {
    let first = "  - name: first\n    do: [{ reply: { text: x } }]\n  - name: second\n    do:\n      - script: { file: s.rhai }";
    let of = |source: &str| of_files(&[("r.yaml", &rules(first)), ("scripts/s.rhai", source)]);
    insta::assert_snapshot!(of("tag(\"x\");\nreply(\"x\");"), @"
    r.yaml:7:9: warning: rule `second`: it and `first` (r.yaml:3) can both reply to one event, and only the first reply is sent [two-replies]
      give the earlier rule `stop: true`, or let their conditions exclude each other; `allow_lints: [two-replies]` says that the first one shall win
    ");
    assert_eq!(of("tag(\"x\");"), "");
}

#[test]
fn a_snippet_that_nobody_sends() {
    let of = |list: &str| {
        let mut snippets = surroundings().snippets;
        snippets.remove("broken");
        of_book(&[("r.yaml", &rules(list))], Surroundings { snippets, ..bare() })
    };
    insta::assert_snapshot!(of("  - name: a\n    do: [{ reply: { text: x } }]"), @"
    snippets/hours.md: warning: no rule sends the snippet `hours` [unused-snippet]
      name it in a rule, or take the file out of the folder
    ");
    for used in [
        "reply: { snippet: hours }",
        "snippet: { name: hours }",
        "script: 'snippet(\"hours\")'",
        "script: 'reply(#{ snippet: \"hours\" })'",
        "script: 'snippet(message.text)'",
        "script: 'reply(#{ snippet: message.text })'",
    ] {
        assert_eq!(of(&format!("  - name: a\n    do: [{{ {used} }}]")), "", "{used}");
    }
}

#[test]
fn a_schedule_that_nobody_asks_for() {
    let of = |files: &[(&str, &str)]| of_book(files, Surroundings { schedules: surroundings().schedules, ..bare() });
    let tagged = |when: &str, tag: &str| {
        rules(&format!("  - name: a\n    when: {{ {when} }}\n    do: [{{ tag: {{ add: [\"{tag}\"] }} }}]"))
    };
    insta::assert_snapshot!(of(&[("r.yaml", &tagged("within: office", "within night"))]), @"
    schedules.night: warning: no rule asks for the schedule `night` [unused-schedule]
      ask for it with `within`, `not_within` or `next_open`, or take it out of `schedules:`
    ");
    // Each names both of them; of several, one is enough for the other to be told of.
    for list in [
        tagged("within: [office, night]", "x"),
        tagged("within: office", "{{ next_open('night') }}"),
        tagged("any: [{ not_within: office }, { not: { within: night } }]", "x"),
        tagged("script: 'within(\"office\") || within(\"night\")'", "x"),
        tagged("script: within(conversation.subject)", "x"),
    ] {
        assert_eq!(of(&[("r.yaml", &list)]), "", "{list}");
    }
    let script = "fn decide(event, state) { if within(\"office\") || within(\"night\") { tag(\"x\"); } }";
    assert_eq!(of(&[("a.rhai", script)]), "");
    let hours = SnippetFile {
        file: "snippets/hours.md".to_owned(),
        form: Form::Markdown,
        source: "{{ next_open('office') }} {{ next_open('night') }}".to_owned(),
    };
    let with =
        Surroundings { schedules: surroundings().schedules, snippets: [("hours".to_owned(), hours)].into(), ..bare() };
    assert_eq!(of_book(&[("r.yaml", &rules("  - name: a\n    do: [{ reply: { snippet: hours } }]"))], with), "");
}

#[test]
fn a_word_list_that_nobody_names() {
    let of = |lists: &str, wanted: &str| {
        let rule = format!(
            "  - name: a\n    when: {{ message.text: {{ contains_any: {wanted} }} }}\n    do: [{{ tag: {{ add: [x] }} }}]"
        );
        of_files(&[("r.yaml", &format!("{}words:\n{lists}", rules(&rule)))])
    };
    insta::assert_snapshot!(of("  refund: [refund]\n  refunds: [money back]\n", "{ words: refund }"), @"
    r.yaml:8:3: warning: no condition names the word list `refunds`; one names `refund` [unused-words]
      name it in a condition, as in `contains_any: { words: NAME }`, or take it out of `words:`
    ");
    insta::assert_snapshot!(of("  words: [words]\n", "[words]"), @"
    r.yaml:7:3: warning: no condition names the word list `words` [unused-words]
      name it in a condition, as in `contains_any: { words: NAME }`, or take it out of `words:`
    ");
    assert_eq!(of("  refund: [refund]\n", "{ words: refund }"), "");
    let asks = rules(
        "  - name: a\n    when: { any: [{ not: { message.text: { not_contains_any: { words: far } } } }] }\n    stop: true",
    );
    assert_eq!(of_files(&[("r.yaml", &asks), ("w.yaml", "version: 1\nwords: { far: [x] }\nrules: []\n")]), "");
}

#[test]
fn a_member_whom_nobody_names() {
    let of =
        |list: &str| of_book(&[("r.yaml", &rules(list))], Surroundings { members: surroundings().members, ..bare() });
    let action = |action: &str| of(&format!("  - name: a\n    do: [{{ {action} }}]"));
    insta::assert_snapshot!(action("note: { text: 'for kim', page: [dr-lee] }"), @"
    members.kim: warning: no rule names the member `kim` [unused-member]
      name the member in a rule, or take the entry out of `members:`
    ");
    for used in [
        "note: { text: x, page: [dr-lee, kim] }",
        "assign: kim }, { reply: { text: x, as: dr-lee }",
        "script: 'assign(\"kim\"); page(\"dr-lee\", message.text)'",
        "script: 'note(#{ text: message.text, page: [\"kim\", \"dr-lee\"] })'",
        "script: 'note(#{ text: \"x\", page: [message.text] })'",
        "script: 'assign(message.text)'",
    ] {
        assert_eq!(action(used), "", "{used}");
    }
}

#[test]
fn a_hook_that_nobody_calls() {
    let of = |action: &str, alert: Option<&str>| {
        let mut with = Surroundings { hooks: surroundings().hooks, ..bare() };
        with.guard.alert.hook = alert.map(str::to_owned);
        of_book(&[("r.yaml", &rules(&format!("  - name: a\n    do: [{{ {action} }}]")))], with)
    };
    insta::assert_snapshot!(of("http: { hook: crm }", None), @"
    hooks.crm-refunds: warning: no rule calls the hook `crm-refunds` [unused-hook]
      call it in a rule, name it in `guard.alert`, or take it out of `hooks:`
    ");
    insta::assert_snapshot!(of("http: { url: 'https://crm.example/hooks/refundsome' }", None), @"
    hooks.crm-refunds: warning: no rule calls the hook `crm-refunds` [unused-hook]
      call it in a rule, name it in `guard.alert`, or take it out of `hooks:`
    ");
    assert_eq!(of("http: { hook: crm }", Some("crm-refunds")), "");
    for used in [
        "http: { hook: crm }}, { http: { hook: crm-refunds }",
        "http: { url: 'https://crm.example/hooks/refunds/1' }",
        "http: { url: 'https://crm.example/hooks/refunds?a=b' }",
        "http: { url: 'https://{{ contact.name }}.example/hooks' }",
        "script: 'http(#{ hook: \"crm\", body: #{ a: message.text } }); http(#{ hook: \"crm-refunds\" })'",
        "script: 'http(#{ hook: message.text })'",
    ] {
        assert_eq!(of(used, None), "", "{used}");
    }
}

#[test]
fn a_silenced_lint() {
    let rule = |allow: &str| format!("  - name: a\n    when: {{ event.weekday: sonday }}\n    stop: true\n{allow}");
    assert_eq!(told(&rule("    allow_lints: [never-matches]")), "");
    insta::assert_snapshot!(told(&rule("    allow_lints: [never-matches, two-replies]")), @"
    r.yaml:6:34: warning: rule `a`: `two-replies` finds nothing in this rule [unused-allow]
      take the name out of `allow_lints`
    ");
    let script =
        |allow: &str| format!("const ALLOW_LINTS = [\"{allow}\"];\nfn decide(event, state) {{\n  reply(\"x\");\n}}\n");
    let first = rules("  - name: first\n    do: [{ reply: { text: x } }]");
    assert_eq!(of_files(&[("a.yaml", &first), ("b.rhai", &script("two-replies"))]), "");
    insta::assert_snapshot!(of_files(&[("b.rhai", &script("two-replies"))]), @"
    b.rhai:1:21: warning: rule `b`: `two-replies` finds nothing in this rule [unused-allow]
      take the name out of `allow_lints`
    ");
}

#[test]
fn every_lint_is_told_of() {
    for lint in LINTS {
        assert!(lint.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", lint.name);
        for text in [lint.summary, lint.why] {
            assert!(text.ends_with('.') && text.starts_with(|c: char| !c.is_lowercase()), "{}: {text}", lint.name);
        }
        let is_of_rule = !lint.name.starts_with("unused-");
        assert_eq!(lint.help.contains(&format!("`allow_lints: [{}]`", lint.name)), is_of_rule, "{}", lint.help);
        // What no test plants could as well find nothing.
        assert!(include_str!("tests.rs").contains(&format!("[{}]\n", lint.name)), "{} has no test", lint.name);
    }
    let mut sorted = names();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), LINTS.len());
}
