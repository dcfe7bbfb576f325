//! What scripts can say, and what they cannot do.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::model::EventKind;
use crate::rules::schedule::Present;

pub(super) fn facts() -> Scripted {
    let facts = json!({
        "event": { "id": "e1", "kind": "message.received", "at": "2026-03-02T10:00:00Z" },
        "source": "inbox", "provider": "sequenzy", "account": "support",
        "conversation": { "id": "c1", "message_count": 3, "tags": ["vip", "new"], "status": "open" },
        "contact": { "email": "ann@example.org", "name": null },
        "message": {
            "text": "I want a refund for order 77", "is_automated": false,
            "headers": { "auto-submitted": ["no"] },
            "attachments": [{ "name": "a.pdf", "size": 10 }, { "name": "b.png" }]
        },
        "state": { "asked": 2 },
        "captures": { "order": "77" },
        "raw": { "age": 30.5, "a/b": { "~": 1 }, "deep": { "list": [[1, 2], [3]] }, "long": "x".repeat(70_000) }
    });
    Scripted::new(&facts, Present::default())
}

/// Bounds as they are, but without the clock, which would make the words of an error depend on the machine.
fn engine() -> Engine {
    Engine::new(Limits { wall_time: SignedDuration::from_secs(60), ..Limits::default() })
}

fn messages(faults: &[ScriptFault]) -> String {
    faults.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>().join("\n")
}

fn eval(source: &str) -> Result<bool, String> {
    let engine = engine();
    let expression = engine.compile_expression(source).map_err(|faults| messages(&faults))?;
    expression.eval(&engine, &facts())
}

fn block(source: &str) -> Result<Vec<(String, Value)>, String> {
    let engine = engine();
    let block = engine.compile_block(source).map_err(|faults| messages(&faults))?;
    Ok(block.run(&engine, &facts())?.into_iter().map(|call| (call.name, call.arguments)).collect())
}

#[test]
fn conditions_read_the_facts() {
    for (source, holds) in [
        ("conversation.message_count < 5 && state.refunds != 3", true),
        ("state.refunds == 3", false),
        ("state.refunds > 3 || state.refunds < 3", false),
        ("state.refunds == ()", true),
        ("state.asked == 2", true),
        ("state[\"asked\"] + 1 == 3", true),
        ("contact.name == ()", true),
        ("raw.age > 30", true),
        ("contact_state == ()", true),
        ("contact_state != ()", false),
        ("contact_state.x == ()", true),
        ("\"vip\" in conversation.tags", true),
        ("conversation.tags.contains(\"old\")", false),
        ("conversation.tags.some(|tag| tag == \"new\")", true),
        ("conversation.tags.map(|tag| tag.len()) == [3, 3]", true),
        ("conversation.tags.len() == 2", true),
        ("message.text.contains(\"refund\")", true),
        ("message.text.to_lower().index_of(\"order\") > 0", true),
        ("message.headers[\"auto-submitted\"] == [\"no\"]", true),
        ("message.attachments.some(|file| file.name.ends_with(\".png\"))", true),
        ("message.attachments[0].size == 10", true),
        ("raw?.thread_id?.id == ()", true),
        ("\"asked\" in state", true),
        ("\"other\" in state", false),
        ("state.keys() == [\"asked\"] && state.len() == 1 && !state.is_empty()", true),
        ("raw[\"a/b\"][\"~\"] == 1", true),
        ("raw.deep.list[0][1] == 2", true),
        ("event.kind == \"message.received\" && source == \"inbox\" && provider == \"sequenzy\"", true),
        ("captures.order == \"77\" && parse_int(captures.order) == 77", true),
        ("if message.is_automated { false } else { true }", true),
        ("switch conversation.status { \"open\" => true, _ => false }", true),
    ] {
        assert_eq!(eval(source), Ok(holds), "{source}");
    }
}

#[test]
fn a_condition_that_is_none_says_why() {
    for (source, error) in [
        ("message.text", "the script gave a text, not true or false"),
        ("state.refunds", "the script gave nothing, not true or false"),
        (
            "conversaton.id == \"x\"",
            "unknown variable `conversaton`; did you mean `conversation`? (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)",
        ),
        ("reply(\"x\")", "`reply` cannot be used in a condition"),
        ("state.refunds + 1 > 2", "`+` does not work with nothing and a whole number (line 1, column 15)"),
        (
            "raw.nothing.more == 1",
            "the value before the dot has no such property; `?.` gives `()` instead (line 1, column 13)",
        ),
        ("parse_int(message.text) == 1", "a calculation has no result (line 1, column 1)"),
        ("message.attachments[9] == 1", "the list has 2 items, and not the one asked for (line 1, column 21)"),
        ("raw.long == \"\"", "`raw.long` has more than 65536 bytes (line 1, column 4)"),
        (
            "{ state.asked = 1; true }",
            "facts cannot be changed; `set(key, value)` changes the conversation's state (line 1, column 9)",
        ),
        ("{ throw message.text; }", "the script threw an error (line 1, column 3)"),
    ] {
        let given = if source.starts_with('{') { block(source).map(|_| true) } else { eval(source) };
        assert_eq!(given, Err(error.to_owned()), "{source}");
    }
}

#[test]
fn calls_have_the_shape_of_yaml() {
    for (source, name, arguments) in [
        ("reply(\"Hi {{ x }}\")", "reply", json!({ "text": "Hi {{ x }}" })),
        (
            "reply(#{ markdown: \"*hi*\", delay: \"2m\", cancel_on: [\"closed\"], \"as\": \"bot\" })",
            "reply",
            json!({ "as": "bot", "cancel_on": ["closed"], "delay": "2m", "markdown": "*hi*" }),
        ),
        ("note(\"look\")", "note", json!({ "text": "look" })),
        ("note(#{ text: \"look\", page: \"dr-lee\" })", "note", json!({ "page": ["dr-lee"], "text": "look" })),
        ("page(\"dr-lee\")", "note", json!({ "text": "Please look at this conversation.", "page": ["dr-lee"] })),
        ("page([\"a\", \"b\"], \"now\")", "note", json!({ "text": "now", "page": ["a", "b"] })),
        ("snippet(123)", "snippet", json!({ "id": 123 })),
        ("snippet(\"hello\")", "snippet", json!({ "name": "hello" })),
        ("snippet(123, #{ order: captures.order })", "snippet", json!({ "id": 123, "data": { "order": "77" } })),
        ("snippet(#{ name: \"x\" })", "snippet", json!({ "name": "x" })),
        ("tag(\"x\")", "tag", json!({ "add": ["x"] })),
        ("tag([\"x\", \"y\"])", "tag", json!({ "add": ["x", "y"] })),
        ("tag(#{ add: \"x\", remove: [\"y\"] })", "tag", json!({ "add": ["x"], "remove": ["y"] })),
        ("assign(\"dr-lee\")", "assign", json!("dr-lee")),
        ("close()", "close", json!(true)),
        ("set(\"refunds\", state.asked + 1)", "set", json!({ "refunds": 3 })),
        (
            "set(#{ a: 1.5, b: true, c: (), d: 'x', e: captures })",
            "set",
            json!({ "a": 1.5, "b": true, "c": null, "d": "x", "e": { "order": "77" } }),
        ),
        ("unset(\"x\")", "unset", json!(["x"])),
        ("unset([\"x\", \"y\"])", "unset", json!(["x", "y"])),
        ("veto(\"reply\")", "veto", json!("reply")),
        ("stop()", "stop", json!(true)),
    ] {
        assert_eq!(block(source), Ok(vec![(name.to_owned(), arguments)]), "{source}");
    }
}

#[test]
fn calls_keep_their_order_and_their_meaning() {
    let calls = block("for tag in conversation.tags { tag(tag); } if state.asked > 1 { page(\"lee\", message.text) }");
    let names: Vec<String> = calls.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["tag", "tag", "note"]);
    for (source, error) in [
        ("reply(5)", "`reply` is `reply(text)` or `reply(#{ markdown: …, delay: … })`"),
        ("let x = 5; reply(x)", "`reply` is `reply(text)` or `reply(#{ markdown: …, delay: … })` (line 1, column 12)"),
        (
            "\n reply(|x| x)",
            "`reply` cannot be given a function; it is `reply(text)` or `reply(#{ markdown: …, delay: … })` (line 2, column 2)",
        ),
        ("try { tag(5) } catch { }", "`tag` is `tag(name)`, `tag([name])` or `tag(#{ add: [name], remove: [name] })`"),
        ("replly(\"x\")", "there is no function `replly`; did you mean `reply`?"),
        ("close(1)", "`close` is `close()`, and is given 1 argument"),
        ("loop { tag(\"x\") }", "the script made more than 64 calls (line 1, column 8)"),
        (
            "let s = \"\"; s.pad(60000, 'x'); for i in 0..60 { let m = #{}; for k in 0..8 { m[`${k}`] = s; } set(m) }",
            "the script held more than 16777216 bytes (line 1, column 90)",
        ),
    ] {
        assert_eq!(block(source), Err(error.to_owned()), "{source}");
    }
}

/// Scripts that want more than they may have, and what is said to them under [`tight`] bounds; nothing where the script
/// is harmless in the end.
pub(super) const HOSTILE: &[(&str, &str)] = &[
    ("loop {}", "the script ran more than 20000 operations"),
    ("while true { }", "the script ran more than 20000 operations"),
    ("for i in 0..9000000000 { let x = i; }", "the script ran more than 20000 operations"),
    ("try { loop {} } catch { loop {} }", "the script ran more than 20000 operations"),
    ("fn f(n) { f(n + 1) } f(0)", "the script called functions more than 16 deep"),
    ("fn f(a) { a.for_each(|x| f([x])) } f([1])", "the script called functions more than 16 deep"),
    (
        "let a = []; a.pad(900, 1); a.map(|x| { for i in 0..900 { let y = i; } })",
        "the script ran more than 20000 operations",
    ),
    (
        "let a = []; a.pad(900, 1); a.sort(|x, y| { for i in 0..900 { let y = i; } 1 })",
        "the script ran more than 20000 operations",
    ),
    ("fn f(n) { g(n) } fn g(n) { f(n) } f(0)", "the script called functions more than 16 deep"),
    ("let s = \"x\"; loop { s += s; }", "the script made a text of more than 65536 bytes"),
    ("let s = \"x\"; loop { s = `${s}${s}`; }", "the script made a text of more than 65536 bytes"),
    ("let s = \"x\"; s.pad(9000000000, 'x');", "the script made a text of more than 65536 bytes"),
    (
        "let s = \"x\"; s.pad(60000, 'x'); let t = s; s.replace(\"x\", t);",
        "the script made a text of more than 65536 bytes",
    ),
    ("let s = \"aaaa\"; s.pad(60000, 'a'); s.replace('a', \"bb\");", "the script made a text of more than 65536 bytes"),
    ("let a = []; loop { a.push(1); }", "the script made a list of more than 1000 items"),
    ("let a = [1]; loop { a += a; }", "the script made a list of more than 1000 items"),
    ("let a = [1]; loop { a = [a, a]; }", "the script made a list of more than 1000 items"),
    ("let a = [1]; a.pad(9000000000, 1);", "the script made a list of more than 1000 items"),
    (
        "let a = []; a.pad(1152921504606846976, [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]);",
        "the script made a list of more than 1000 items",
    ),
    ("let m = #{}; let i = 0; loop { m[`k${i}`] = 1; i += 1; }", "the script made a map of more than 1000 entries"),
    ("let m = #{}; let i = 0; loop { m.set(`k${i}`, 1); i += 1; }", "the script made a map of more than 1000 entries"),
    (
        "let s = \"\"; s.pad(60000, 'x'); let m = #{}; let i = 0; loop { m[`${i}`] = s; i += 1; }",
        "the script held more than 1048576 bytes",
    ),
    (
        "let s = \"\"; s.pad(60000, 'x'); let m = #{}; let i = 0; loop { m[`${i}${s}`] = i; i += 1; }",
        "the script held more than 1048576 bytes",
    ),
    (
        "let a = []; a.pad(900, 1); let m = #{}; let i = 0; loop { m[`${i}`] = a; i += 1; }",
        "the script held more than 1048576 bytes",
    ),
    (
        "let a = []; a.pad(300, 0); let b = []; b.pad(900, 1); for i in 0..300 { a[i] = b; }",
        "the script held more than 1048576 bytes",
    ),
    ("let a = []; loop { a = [a]; }", "the script nested lists or maps more than 64 deep"),
    ("let a = [0]; loop { let b = a; a[0] = b; }", "the script nested lists or maps more than 64 deep"),
    ("let m = #{}; loop { m = #{ m: m }; }", "the script nested lists or maps more than 64 deep"),
    (
        "fn big() { let s = \"\"; s.pad(60000, 'x'); [s] } let a = []; a.pad(900, 0); a.map(|x| big())",
        "the script held more than 1048576 bytes",
    ),
    (
        "fn big() { let s = \"\"; s.pad(6000, 'x'); s } let a = []; a.pad(90, 0); a.map(|x| { let b = []; b.pad(9, 0); b.map(|y| big()).len() }); loop {}",
        "the script ran more than 20000 operations",
    ),
    ("fn f(n, a) { let b = a; b.push(n); if n > 0 { f(n - 1, b) } } let a = []; a.pad(900, 1); f(12, a)", ""),
    ("eval(\"1\")", "reserved keyword 'eval' is disabled"),
    ("import \"x\" as y;", "'import' is a reserved keyword"),
    (
        "let m = #{ m: #{} }; let i = 0; loop { m.m[`k${i}`] = i; i += 1; }",
        "the script made a map of more than 1000 entries",
    ),
    ("fn f() { eval(\"loop {}\") } f()", "reserved keyword 'eval' is disabled"),
    ("print(\"x\")", "reserved keyword 'print' is disabled"),
    ("debug(\"x\")", "reserved keyword 'debug' is disabled"),
    ("fn f() { this.x = 1 } f()", "reserved keyword 'this' is disabled"),
    ("sleep(9)", "there is no function `sleep`"),
    ("timestamp()", "there is no function `timestamp`"),
    ("rand()", "there is no function `rand`"),
    ("open_file(\"/etc/passwd\")", "there is no function `open_file`"),
    ("exit()", "there is no function `exit`"),
    ("parse_json(\"[1]\")", "there is no function `parse_json`"),
    ("let x = 1; let f = |y| x + y; f.call(1)", "unknown variable `x`"),
    ("[3, 1, 2, 9, 4, 4, 8, 7, 6, 5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 3].sort(|x, y| 1)", ""),
];

/// Small enough that the words do not depend on how fast the machine is.
fn tight() -> Engine {
    Engine::new(Limits {
        max_operations: 20_000,
        max_array: 1_000,
        max_memory: 1024 * 1024,
        wall_time: SignedDuration::from_secs(60),
        ..Limits::default()
    })
}

fn attempt(engine: &Engine, source: &str) -> Result<usize, String> {
    let block = engine.compile_block(source).map_err(|faults| messages(&faults))?;
    block.run(engine, &facts()).map(|calls| calls.len())
}

#[test]
fn a_script_that_breaks_a_bound_is_told_which() {
    let engine = tight();
    for (source, error) in HOSTILE {
        match attempt(&engine, source) {
            Ok(_) => assert_eq!(*error, "", "{source}"),
            Err(given) => assert!(!error.is_empty() && given.contains(error), "{source}: {given}"),
        }
    }
    let deep = format!("{}1{}", "(1 + ".repeat(60), ")".repeat(60));
    assert_eq!(attempt(&engine, &deep).unwrap_err(), "Expression exceeds maximum complexity");
}

#[test]
fn a_script_that_breaks_a_bound_ends_quickly() {
    let engine = Engine::new(Limits::default());
    for (source, _) in HOSTILE {
        let started = Instant::now();
        let _ = attempt(&engine, source);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(1), "{source} took {took:?}");
    }
}

#[test]
fn the_clock_ends_what_the_count_does_not() {
    let engine = Engine::new(Limits { max_operations: u64::MAX, ..Limits::default() });
    let block = engine.compile_block("loop {}").unwrap();
    let error = block.run(&engine, &facts()).unwrap_err();
    assert!(error.starts_with("the script ran longer than 50ms"), "{error}");
    assert_eq!(self::block("loop {}").unwrap_err(), "the script ran more than 100000 operations (line 1, column 6)");
}

#[test]
fn the_deepest_script_allowed_fits_the_stack_of_a_worker() {
    let source = |depth: usize| {
        let inner = format!("{}f(n + 1){}", "(1 + ".repeat(depth), ")".repeat(depth));
        format!("fn f(n) {{ if n > 14 {{ 1 }} else {{ {inner} }} }} f(0)")
    };
    let called_back = "fn f(a) { if a[0] > 3 { [0] } else { a.map(|x| f([x + 1])) } } f([0])";
    let engine = engine();
    let deepest = (4..40).rev().find(|depth| engine.compile_block(&source(*depth)).is_ok()).unwrap();
    let run = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(move || {
        assert_eq!(block(&source(deepest)), Ok(vec![]));
        assert_eq!(block(called_back), Ok(vec![]));
    });
    run.unwrap().join().unwrap();
}

#[test]
fn a_run_leaves_nothing_behind_for_the_next_one() {
    let engine = engine();
    let bad = engine.compile_block("tag(\"a\"); let s = \"\"; s.pad(60000, 'x'); throw s;").unwrap();
    let good = engine.compile_block("tag(\"b\")").unwrap();
    for _ in 0..500 {
        assert!(bad.run(&engine, &facts()).is_err());
        assert_eq!(good.run(&engine, &facts()).unwrap().len(), 1);
    }
}

fn rule(source: &str) -> Result<ScriptRule, String> {
    engine().compile_rule("rules/triage.rhai", source).map_err(|faults| {
        faults.iter().map(|f| format!("{}:{}: {}", f.line, f.column, f.message)).collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn a_rule_file_says_when_it_runs() {
    let plain = rule("fn decide(event, state) { }").unwrap();
    assert_eq!(
        (plain.name.as_str(), plain.mode.as_str(), plain.on),
        ("triage", "auto", vec![EventKind::MessageReceived])
    );
    let full = rule("const NAME = \"t\";\nconst ON = [\"note.added\", \"message.sent\"];\nconst MODE = \"shadow\";\nconst WORDS = [\"a\"];\nfn decide(event, state) { }").unwrap();
    assert_eq!((full.name.as_str(), full.mode.as_str(), full.name_at), ("t", "shadow", (1, 14)));
    assert_eq!(full.on, [EventKind::NoteAdded, EventKind::MessageSent]);
    assert_eq!(rule("const ON = \"other\"; fn decide(event, state) {}").unwrap().on, [EventKind::Other]);
}

#[test]
fn every_fault_of_a_rule_file_is_reported() {
    let of = |source: &str| rule(source).map(|_| "no fault".to_owned()).unwrap_or_else(|faults| faults);
    insta::assert_snapshot!(of(""), @"1:1: there is no function `decide` with two parameters; write `fn decide(event, state) { … }`");
    insta::assert_snapshot!(of("fn decide(event) {}"), @"1:1: there is no function `decide` with two parameters; write `fn decide(event, state) { … }`");
    insta::assert_snapshot!(of("fn decide(event, state) {\n  message.text\n}"), @"2:3: unknown variable `message`; write `event.message`");
    insta::assert_snapshot!(of("fn decide(event, state) {\n  let x = ;\n}"), @"2:11: Unexpected ';'");
    insta::assert_snapshot!(of("const NAME = 5;\nconst ON = [\"message.recieved\"];\nconst MODE = [1];\n"), @"
    1:1: there is no function `decide` with two parameters; write `fn decide(event, state) { … }`
    1:14: `NAME` must be a text, and is a whole number
    2:12: unknown event kind `message.recieved`; did you mean `message.received`? (known: message.received, message.sent, note.added, conversation.opened, conversation.updated, conversation.closed, contact.updated, delivery.updated, unreadable, other)
    3:14: `MODE` must be a text, and is a list
    ");
    insta::assert_snapshot!(of("const ON = 7;\nfn decide(event, state) {}"), @"1:12: `ON` must be a list of event kinds, and is a whole number");
    insta::assert_snapshot!(of("const ON_ERROR = \"holt\";\nconst MODE = \"shadwo\";\nconst ON = [];\nconst ALLOW_LINTS = [\"two-reply\"];\nfn decide(event, state) { evnt.message.text; stat.x; nobody }"), @"
    1:18: unknown way to treat an error `holt`; did you mean `hold`? (known: skip, hold)
    2:14: unknown mode `shadwo`; did you mean `shadow`? (known: off, shadow, draft, approve, auto)
    3:12: `ON` is empty, so the rule looks at no event
    4:21: unknown lint `two-reply`; did you mean `two-replies`? (known: never-matches, hidden-by-stop, any-with-not, two-replies, unlimited-reply, undefined-field, can-render-empty, unused-snippet, unused-schedule, unused-words, unused-member, unused-hook, unused-allow)
    5:27: unknown variable `evnt`; did you mean `event`?
    5:46: unknown variable `stat`; did you mean `state`?
    5:54: unknown variable `nobody`
    ");
    insta::assert_snapshot!(of("const NAME = \"a\" + x();\nfn decide(event, state) {}"), @"
    1:18: `NAME` must be written out, not computed
    1:20: there is no function `x`
    ");
    insta::assert_snapshot!(of("fn decide(event, state) {\n  if event.mesage.text.to_lowr() == event.contact.nam {\n    repply(\"x\");\n    tag();\n    helper(1, 2);\n    [1].push(1, 2);\n  }\n}\nfn helper(a) { close(a) }"), @"
    2:12: `event` has no `mesage`; did you mean `message`? (known: source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw, id, kind, at, hour, weekday)
    2:24: there is no function `to_lowr`; did you mean `to_lower`?
    2:51: there is no field `contact.nam`; did you mean `contact.name`?
    3:5: there is no function `repply`; did you mean `reply`?
    4:5: `tag` is `tag(name)`, `tag([name])` or `tag(#{ add: [name], remove: [name] })`, and is given none
    5:5: `helper` takes 1 argument, and is given 2 arguments
    9:16: `close` is `close()`, and is given 1 argument
    ");
    let fine = "fn decide(e, s) { let message = #{ anything: 1 }; message.anything; e.kind; e.raw.x.y; e.message.attachments[0].name; s.x; s[\"y\"]; helper(e); let m = #{ f: |x| x }; m.f.call(1); [1].map(|x| x + 1); type_of(s) } fn helper(e) { e.account }";
    insta::assert_snapshot!(of(fine), @"no fault");
}

#[test]
fn a_rule_file_decides() {
    let source = r#"
        const WORDS = ["refund", "money back"];
        fn is_refund(text) { for word in global::WORDS { if text.contains(word) { return true; } } false }
        fn decide(event, state) {
            if event.kind != "message.received" || event.id != "e1" || event.source != "inbox" { return; }
            if is_refund(event.message.text) && state.asked < 3 && event.contact.email.ends_with("@example.org") {
                reply(`Order ${event.captures.order}`);
                set("asked", state.asked + 1);
                tag("refund");
                stop();
            }
        }
    "#;
    let engine = engine();
    let rule = engine.compile_rule("r.rhai", source).unwrap();
    let calls: Vec<String> =
        rule.decide(&engine, &facts()).unwrap().into_iter().map(|c| format!("{} {}", c.name, c.arguments)).collect();
    insta::assert_snapshot!(calls.join("\n"), @r#"
    reply {"text":"Order 77"}
    set {"asked":3}
    tag {"add":["refund"]}
    stop true
    "#);
    let bare = Scripted::new(
        &json!({ "event": { "kind": "message.received", "id": "e1" }, "source": "inbox" }),
        Present::default(),
    );
    let error = rule.decide(&engine, &bare).unwrap_err();
    insta::assert_snapshot!(error, @"`contains` does not work with nothing and a text (line 3, column 66)");
}

#[test]
fn errors_never_quote_what_a_contact_wrote() {
    let secret = "hunter2";
    let facts = Scripted::new(&json!({ "message": { "text": secret }, "state": { "hunter2": 1 } }), Present::default());
    let engine = engine();
    for source in [
        "parse_int(message.text)",
        "parse_float(message.text)",
        "throw message.text",
        "let m = #{}; m[message.text].x",
        "state[message.text].y.z",
        "message.text - 1",
        "message.text[99]",
        "message.text.foo",
        "for x in message.text.len { }",
        "[1][message.text]",
        "reply([message.text])",
        "tag(#{ add: #{ x: message.text } })",
        "call(message.text)",
    ] {
        let error = match engine.compile_block(source) {
            Ok(block) => block.run(&engine, &facts).unwrap_err(),
            Err(faults) => messages(&faults),
        };
        assert!(!error.contains(secret), "{source}: {error}");
    }
}

#[test]
fn every_example_of_the_reference_calls_what_it_is_an_example_of() {
    for call in &CALLS {
        let called = block(call.example).unwrap_or_else(|why| panic!("{}: {why}", call.name));
        let names: Vec<&str> = called.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [call.action], "{}", call.example);
        assert!(call.usage.contains(&format!("`{}(", call.name)), "{}", call.usage);
    }
}
