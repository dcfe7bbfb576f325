//! Nothing that a hard block stops is ever answered, whatever rules and settings say.

use std::sync::Arc;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::model::{Action, Facts, Headers};
use crate::rules::testing::{book, facts, rules, surroundings};
use crate::rules::{Book, Depth, decide};

const RULES: &str = "
  - name: answers
    on: [message.received, message.sent, note.added, conversation.opened]
    allow: [list, precedence, suppress_requested]
    once: { per: event }
    do:
      - reply: { text: a }
      - reply: { text: b, kind: ack }
      - reply: { text: c, kind: away }
      - snippet: { id: 1 }
      - script: 'reply(\"d\")'
  - name: numbers
    allow: [list, precedence, suppress_requested]
    do: [{ reply: { text: e } }]";

/// Everything that can be loosened is loosened.
static BOOK: LazyLock<Book> = LazyLock::new(|| {
    let mut surroundings = surroundings();
    let guard = json!({
        "allow_multiple": true, "suppress_requested": false, "require_addressed": "never", "max_recipients": 1000,
        "chain_depth": 200, "bounced": "0s", "system_addresses": [],
        "takeover": "0s", "caps": {
            "conversation": [], "correspondent": [], "subject": [], "domain": [], "body": [], "suspect": [],
        },
        "rules": { "numbers": { "chain_depth": 250, "allow_multiple": true } },
        "addresses": { "*": { "require_addressed": "never" } },
    });
    surroundings.guard = serde_json::from_value(guard).unwrap();
    let rhai =
        "const ON = [\"message.received\", \"message.sent\"]; fn decide(event, state) { reply(\"f\"); snippet(2); }";
    book(&[("10.yaml", &rules(RULES)), ("20.rhai", rhai)], surroundings)
});

/// A header with which no rule gets through, in some spelling.
fn hard() -> impl Strategy<Value = (String, String)> {
    let known = prop::sample::select(vec![
        ("Return-Path", "<>"),
        ("Return-Path", " < > (nobody)"),
        ("Content-Type", "multipart/report; report-type=delivery-status; boundary=x"),
        ("Content-Type", "multipart/report; boundary=\"(\"; Report-Type = \"disposition-notification\""),
        ("X-Failed-Recipients", "bob@example.org"),
        ("Auto-Submitted", "auto-generated"),
        ("Auto-Submitted", "auto-replied (vacation); owner-email=\"a@b\""),
        ("Auto-Submitted", "(no) auto-notified"),
        ("X-Autoreply", "yes"),
        ("X-Autorespond", ""),
        ("X-Loop", "True"),
        ("Delivered-To", "autoresponder"),
        ("From", "MAILER-DAEMON@mx.example"),
        ("From", "Support <support+1@desk.example>"),
    ]);
    (known, 0..3_u8).prop_map(|((name, value), case)| {
        let spelled = [str::to_owned as fn(&str) -> String, str::to_uppercase, str::to_lowercase];
        (spelled[usize::from(case)](name), value.to_owned())
    })
}

fn harmless() -> impl Strategy<Value = (String, String)> {
    let names = prop::sample::select(vec![
        "Auto-Submitted",
        "Return-Path",
        "Precedence",
        "List-Id",
        "X-Loop",
        "Content-Type",
        "To",
        "Subject",
        "Reply-To",
    ]);
    let values = prop_oneof![
        Just("no".to_owned()),
        Just("<ann@example.org>".to_owned()),
        Just("text/plain".to_owned()),
        "[ -~]{0,20}"
    ];
    (names, values).prop_map(|(name, value)| (name.to_owned(), value))
}

fn facts_with(headers: Headers, kind: &str) -> Facts {
    let mut facts = facts(json!({ "kind": kind, "message": { "text": "hi" } }));
    if let Some(message) = &mut Arc::make_mut(&mut facts.event).message {
        message.headers = Some(headers);
    }
    facts
}

fn answers(facts: &Facts) -> usize {
    let sends = decide(&BOOK, facts, Depth::Matched).sends;
    sends.iter().filter(|send| matches!(send.action, Action::Reply(_) | Action::Snippet(_))).count()
}

proptest! {
    #[test]
    fn nothing_that_a_hard_block_stops_is_answered(
        hard in hard(),
        others in prop::collection::vec(harmless(), 0..6),
        at in 0..7_usize,
        kind in prop::sample::select(vec!["message.received", "message.sent", "note.added"]),
    ) {
        let mut headers = Headers::new();
        let mut all = others;
        all.insert(at.min(all.len()), hard);
        for (name, value) in &all {
            headers.entry(name.clone()).or_default().push(value.clone());
        }
        prop_assert_eq!(answers(&facts_with(headers, kind)), 0, "{:?}", all);
    }

    #[test]
    fn nothing_of_our_own_is_answered(
        what in prop::sample::select(vec![
            json!({ "message": { "from": "SUPPORT@desk.example" } }),
            json!({ "message": { "from": "Desk <support+x@desk.example> " } }),
            json!({ "message": { "author": "member" } }),
            json!({ "message": { "author": "system" } }),
            json!({ "message": { "is_automated": true } }),
            json!({ "message": { "direction": "outbound" } }),
            json!({ "conversation": { "status": "SPAM" } }),
            json!({ "kind": "message.sent" }),
            Value::Null,
        ]),
        text in "\\PC{0,20}",
    ) {
        let is_own = what.is_null();
        let mut written = if is_own { json!({}) } else { what };
        written["message"]["text"] = text.into();
        let facts = Facts { is_own, ..facts(written) };
        prop_assert_eq!(answers(&facts), 0);
    }
}

#[test]
fn without_such_a_mark_every_rule_answers() {
    // What the properties say would hold of rules that never speak, too.
    assert_eq!(answers(&facts(json!({ "message": { "text": "hi" } }))), 8);
}
