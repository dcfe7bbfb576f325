//! Typical mistakes, word for word as their authors read them: where, what, and what would be right.

use tempfile::TempDir;

use crate::stage::{run_in, write};

/// A folder as `init` writes it, with one file wrong.
fn with(name: &str, text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["init"]).fine();
    write(folder.path(), name, text);
    folder
}

/// What `check` says of three wrong files, one after the other, and how it ends.
fn check(code: i32, name: &str, texts: [&str; 3]) -> String {
    let said = texts.map(|text| {
        let ran = run_in(with(name, text).path(), &["check"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{ran:?}");
        ran.stderr
    });
    said.join("\n")
}

#[test]
fn in_the_configuration() {
    let misspelt = "
accounts:
  support:
    provider: sequenzy
    apikey: sk_live_1
sources:
  inbox:
    account: suport
    verify: { scheme: sequenzy, secrets: whsec_1 }
";
    let tab = "accounts:\n\tsupport:\n";
    let open = "
admin: { listen: 0.0.0.0:8081 }
accounts:
  support: { provider: spruce, token: '${SPRUCE_TOKEN}' }
sources:
  inbox: { account: support }
";
    insta::assert_snapshot!(check(2, "rejoinder.yaml", [misspelt, tab, open]), @"
    rejoinder.yaml:3:3: missing key `api_key`
    rejoinder.yaml:5:5: unknown key `apikey`; did you mean `api_key`? (known: provider, own_addresses, on_unknown, concurrency, quota, api_key, sender_profile_id, base_url)
    rejoinder.yaml:8:5: there is no account `suport`; did you mean `support`? (known: support)
    rejoinder.yaml:9:33: `secrets`: a text is not a list; write `secrets: [ … ]`

    rejoinder.yaml:2:1: not valid YAML: found character that cannot start any token; the line begins with a tab, and YAML indents with blanks

    rejoinder.yaml:2:10: the admin listener is reachable from outside; set `admin.token`, or listen on 127.0.0.1
    rejoinder.yaml:4:32: the environment variable `SPRUCE_TOKEN` is not set; set it, or write `${SPRUCE_TOKEN:-default}`
    rejoinder.yaml:6:3: the source has no `verify` and no `poll`; say how its sender proves who it is (or write `verify: { scheme: none }`), or how often to look (`poll: { every: 60s }`)
    ");
}

#[test]
fn in_rules() {
    let misspelt = "
version: 1
rules:
  - name: refunds
    on: message.recieved
    when: { message.txt: refund }
    do:
      - rply: { text: Hi }
    mode: shaddow
";
    let meant = "
version: 1
rules:
  - name: refunds
    when: { message.text: { matches: '(refund' }, contact.email: { not_matches: '[a' } }
    do:
      - note: { text: look, page: [dr-lee] }
";
    let names = "
version: 1
rules:
  - name: refunds
    do:
      - reply: { text: 'Hi {{ contact.fist_name }}' }
      - reply: { snippet: huors }
      - note: { text: look, page: [dr-lee] }
    once: { every: daily }
  - name: refunds
    do: [ { reply: { markdown: 'Hi {{ contact.first_name | defualt(\"there\") }}' } } ]
";
    insta::assert_snapshot!(check(1, "rules/20.yaml", [misspelt, meant, names]), @"
    rules/20.yaml:5:5: `message.recieved` is not known here; did you mean `message.received`? (known: message.received, message.sent, note.added, conversation.opened, conversation.updated, conversation.closed, contact.updated, delivery.updated, unreadable, other)
    rules/20.yaml:6:13: unknown key `message.txt`; did you mean `message.text`?
    rules/20.yaml:8:9: unknown key `rply`; did you mean `reply`? (known: reply, note, snippet, tag, assign, close, http, set, unset, script)
    rules/20.yaml:9:5: `shaddow` is not known here; did you mean `shadow`? (known: off, shadow, draft, approve, auto)
    4 faults

    rules/20.yaml:5:29: `(refund` is not a regular expression: unclosed group
    rules/20.yaml:5:68: `[a` is not a regular expression: unclosed character class
    rules/20.yaml:7:36: there is no member `dr-lee`
    3 faults

    rules/20.yaml:6:31: the template does not compile: there is no field `contact.fist_name`; did you mean `contact.first_name`?
    rules/20.yaml:7:18: there is no snippet `huors`; did you mean `hours`? (known: hours)
    rules/20.yaml:8:36: there is no member `dr-lee`
    rules/20.yaml:9:13: `daily` is not a duration; write it like 30s, 15m, 24h or 7d
    rules/20.yaml:10:5: there is a rule `refunds` already, at rules/20.yaml:4; names must be unique
    rules/20.yaml:11:60: the template does not compile: unknown filter `defualt`; did you mean `default`?
    6 faults
    ");
}

#[test]
fn in_scripts() {
    let bracket = "fn decide(event, state) {\n    reply(\"hi\"\n}\n";
    let kind = "const ON = [\"message.recieved\"];\nfn decide(event, state) { reply(\"hi\"); }\n";
    let file = "import \"fs\" as fs;\nfn decide(event, state) { fs::read(\"x\"); }\n";
    insta::assert_snapshot!(check(1, "rules/20.rhai", [bracket, kind, file]), @r"
    rules/20.rhai:3:1: Expecting ',' to separate the arguments to function call 'reply'
    1 fault

    rules/20.rhai:1:12: unknown event kind `message.recieved`; did you mean `message.received`? (known: message.received, message.sent, note.added, conversation.opened, conversation.updated, conversation.closed, contact.updated, delivery.updated, unreadable, other)
    1 fault

    rules/20.rhai:1:1: 'import' is a reserved keyword
    1 fault
    ");
}

#[test]
fn in_snippets() {
    let open = "Hi {{ contact.first_name\n";
    let unknown = "Hello\n\nHi {{ customer.name }}\n";
    let filter = "Hi {{ contact.first_name | upcase }}\n";
    insta::assert_snapshot!(check(1, "rules/snippets/hours.md", [open, unknown, filter]), @r"
    rules/10-first.yaml:9:18: rules/snippets/hours.md:1:15: the template does not compile: syntax error: unexpected end of input, expected end of variable block
    1 fault

    rules/10-first.yaml:9:18: rules/snippets/hours.md:3:7: the template does not compile: unknown variable `customer` (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
    1 fault

    rules/10-first.yaml:9:18: rules/snippets/hours.md:1:28: the template does not compile: unknown filter `upcase`
    1 fault
    ");
}

#[test]
fn in_rule_tests() {
    let said = [
        (
            "
tests:
  - name: hours
    event: { message: { txt: opening hours } }
    expects: [ { reply: {} } ]
",
            2,
        ),
        (
            "
tests:
  - name: hours
    event: { message: { text: opening hours } }
    expect: [ { reply: { text: { contains: closed } } }, { note: { page: [dr-lee] } } ]
",
            1,
        ),
        (
            "
tests:
  - name: nothing is expected
    event: { message: { text: opening hours } }
  - name: odd time
    now: tomorrow
    event: { message: { text: opening hours } }
    rules: [opening-hours]
",
            1,
        ),
    ]
    .map(|(text, code)| {
        let ran = run_in(with("rules/20.test.yaml", text).path(), &["test", "rules/20.test.yaml"]);
        assert_eq!(ran.code, code, "{ran:?}");
        format!("{}{}", ran.stdout, ran.stderr)
    });
    insta::assert_snapshot!(said.join("\n"), @r#"
    rules/20.test.yaml:4:25: unknown key `txt`; did you mean `text`? (known: id, direction, text, full_text, html, subject, from, to, cc, headers, attachments, language, is_automated, author, thread_id, request_id)
    rules/20.test.yaml:5:5: unknown key `expects`; did you mean `expect`? (known: name, now, given, after, event, payload, source, expect, blocked, failed, rules, supersedes, steps)

    ✗ rules/20.test.yaml:3: hours
        reply.text: expected contains "closed", got
          | Hi there,
          |
          | we are open Monday to Friday, 9:00 to 17:00.
        expected note: {"page":["dr-lee"]}; done: reply, tag
        why
          no YAML rule has the action `note`
    0 passed, 1 failed

    ✗ rules/20.test.yaml:3: nothing is expected
        nothing is expected; write `expect:`, `blocked:` or `rules:` (`expect: []` means that nothing may be done)
    ✗ rules/20.test.yaml:5: odd time
        now: `tomorrow` is not a time stamp, such as 2026-01-05T10:00:00Z
    0 passed, 2 failed
    "#);
}
