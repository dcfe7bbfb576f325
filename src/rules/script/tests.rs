//! What scripts can say, and what they cannot do.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;

fn facts() -> Scripted {
    Scripted::new(&json!({
        "event": { "id": "e1", "kind": "message.received", "at": "2026-03-02T10:00:00Z" },
        "source": "inbox", "provider": "sequenzy", "account": "support",
        "conversation": { "id": "c1", "message_count": 3, "tags": ["vip", "new"], "status": "open" },
        "contact": { "email": "ann@example.org", "name": null, "age": 30.5 },
        "message": {
            "text": "I want a refund for order 77", "is_automated": false,
            "headers": { "auto-submitted": ["no"] },
            "attachments": [{ "name": "a.pdf", "size": 10 }, { "name": "b.png" }]
        },
        "state": { "asked": 2 },
        "captures": { "order": "77" },
        "raw": { "a/b": { "~": 1 }, "deep": { "list": [[1, 2], [3]] }, "long": "x".repeat(70_000) }
    }))
}

/// Bounds as they are, but without the clock, which would make the words of an error depend on the machine.
fn engine() -> Engine {
    Engine::new(Limits { wall_time: SignedDuration::from_secs(60), ..Limits::default() })
}

fn eval(source: &str) -> Result<bool, String> {
    let engine = engine();
    let expression = engine.compile_expression(source).map_err(|fault| fault.message)?;
    expression.eval(&engine, &facts())
}

fn block(source: &str) -> Result<Vec<(String, Value)>, String> {
    let engine = engine();
    let block = engine.compile_block(source).map_err(|fault| fault.message)?;
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
        ("contact.age > 30", true),
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
        ("message?.thread_id?.id == ()", true),
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
            "unknown variable `conversaton`; did you mean `conversation`? (known: event, source, provider, account, conversation, contact, message, state, contact_state, captures, raw)",
        ),
        ("reply(\"x\")", "`reply` cannot be used in a condition (line 1, column 1)"),
        ("state.refunds + 1 > 2", "`+` does not work with nothing and a whole number (line 1, column 15)"),
        (
            "message.nothing.more == 1",
            "the value before the dot has no such property; `?.` gives `()` instead (line 1, column 17)",
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
        ("reply(5)", "`reply` is `reply(text)` or `reply(#{ markdown: …, delay: … })` (line 1, column 1)"),
        (
            "\n reply(|x| x)",
            "`reply` cannot be given a function; it is `reply(text)` or `reply(#{ markdown: …, delay: … })` (line 2, column 2)",
        ),
        (
            "try { tag(5) } catch { }",
            "`tag` is `tag(name)`, `tag([name])` or `tag(#{ add: [name], remove: [name] })` (line 1, column 7)",
        ),
        ("replly(\"x\")", "there is no function `replly`; did you mean `reply`? (line 1, column 1)"),
        ("close(1)", "`close` does not work with a whole number (line 1, column 1)"),
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
const HOSTILE: &[(&str, &str)] = &[
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
    ("print(\"x\")", "reserved keyword 'print' is disabled"),
    ("debug(\"x\")", "reserved keyword 'debug' is disabled"),
    ("fn f() { this.x = 1 } f()", "reserved keyword 'this' is disabled"),
    ("sleep(9)", "`sleep` does not work with a whole number"),
    ("timestamp()", "there is no function `timestamp` without arguments"),
    ("rand()", "there is no function `rand` without arguments"),
    ("open_file(\"/etc/passwd\")", "`open_file` does not work with a text"),
    ("exit()", "there is no function `exit` without arguments"),
    ("parse_json(\"[1]\")", "`parse_json` does not work with a text"),
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
    let block = engine.compile_block(source).map_err(|fault| fault.message)?;
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
        ("triage", "auto", vec!["message.received".to_owned()])
    );
    let full = rule("const NAME = \"t\";\nconst ON = [\"note.added\", \"message.sent\"];\nconst MODE = \"shadow\";\nconst WORDS = [\"a\"];\nfn decide(event, state) { }").unwrap();
    assert_eq!((full.name.as_str(), full.mode.as_str(), full.mode_line), ("t", "shadow", 3));
    assert_eq!(full.on, ["note.added", "message.sent"]);
    assert_eq!(rule("const ON = \"other\"; fn decide(event, state) {}").unwrap().on, ["other"]);
}

#[test]
fn every_fault_of_a_rule_file_is_reported() {
    for (source, faults) in [
        ("", "1:1: there is no function `decide` with two parameters; write `fn decide(event, state) { … }`"),
        (
            "fn decide(event) {}",
            "1:1: there is no function `decide` with two parameters; write `fn decide(event, state) { … }`",
        ),
        ("fn decide(event, state) {\n  message.text\n}", "2:3: unknown variable `message`; write `event.message`"),
        ("fn decide(event, state) {\n  let x = ;\n}", "2:11: Unexpected ';'"),
        (
            "const NAME = 5;\nconst ON = [\"message.recieved\"];\nconst MODE = [1];\n",
            "1:1: `NAME` must be a text, and is a whole number\n2:1: unknown event kind `message.recieved`; did you mean `message.received`? (known: message.received, message.sent, note.added, conversation.opened, conversation.updated, conversation.closed, contact.updated, delivery.updated, unreadable, other)\n3:1: `MODE` must be a text, and is a list\n1:1: there is no function `decide` with two parameters; write `fn decide(event, state) { … }`",
        ),
        ("const ON = 7;\nfn decide(event, state) {}", "1:1: `ON` must be a list of event kinds, and is a whole number"),
    ] {
        assert_eq!(rule(source).map(|_| ()), Err(faults.to_owned()), "{source}");
    }
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
    let bare = Scripted::new(&json!({ "event": { "kind": "message.received", "id": "e1" }, "source": "inbox" }));
    let error = rule.decide(&engine, &bare).unwrap_err();
    insta::assert_snapshot!(error, @"`contains` does not work with nothing and a text (line 3, column 66)");
}

#[test]
fn errors_never_quote_what_a_contact_wrote() {
    let secret = "hunter2";
    let facts = Scripted::new(&json!({ "message": { "text": secret }, "state": { "hunter2": 1 } }));
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
            Err(fault) => fault.message,
        };
        assert!(!error.contains(secret), "{source}: {error}");
    }
}
