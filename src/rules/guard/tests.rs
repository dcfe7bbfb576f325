//! Mail as it really looks, and what the guard says of it. Numbers in names are those of the loop guard's test vectors.

mod hard;
mod mail;
mod soft;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::rules::testing::{Play, book, facts, rules, story, surroundings};
use crate::rules::{Depth, decide};

fn verdict_of(facts: &Facts, settings: &GuardSettings) -> Verdict {
    examine(facts, &Surroundings { guard: settings.clone(), ..surroundings() }, None)
}

/// The codes that block a message with these headers, from this address.
fn codes(from: &str, headers: Value) -> String {
    codes_with(from, headers, &GuardSettings::default())
}

fn codes_with(from: &str, headers: Value, settings: &GuardSettings) -> String {
    let facts =
        facts(json!({ "contact": { "email": from }, "message": { "from": from, "text": "hi", "headers": headers } }));
    blocks(&verdict_of(&facts, settings))
}

fn blocks(verdict: &Verdict) -> String {
    let blocks = verdict.steps.iter().filter(|step| step.result == "block");
    blocks.map(|step| &*step.code).collect::<Vec<_>>().join(" ")
}

#[test]
fn vector_01_auto_submitted_no_is_answered() {
    assert_eq!(codes("ann@example.org", json!({ "Auto-Submitted": "no" })), "");
}

#[test]
fn vector_02_and_03_neither_comment_nor_parameter_hides_a_robot() {
    for value in [
        "auto-replied (vacation)",
        "auto-replied; owner-email=\"a@b\"",
        "AUTO-REPLIED",
        "(no) auto-replied",
        "(a (nested) comment) auto-generated ; x=no",
        "auto-replied (unclosed",
        "\r\n\tauto-replied\r\n\t(vacation)",
    ] {
        assert_eq!(codes("ann@example.org", json!({ "Auto-Submitted": value })), "auto_submitted", "{value:?}");
    }
}

#[test]
fn vector_04_every_occurrence_counts() {
    for (name, values, code) in [
        ("Auto-Submitted", ["no", "auto-generated"], "auto_submitted"),
        ("Precedence", ["first-class", "bulk"], "precedence"),
        ("X-Auto-Response-Suppress", ["DR", "OOF"], "suppress_requested"),
        ("Return-Path", ["<ann@example.org>", "<>"], "null_sender"),
        ("Content-Type", ["text/plain", "multipart/report; report-type=delivery-status"], "dsn"),
        ("X-Loop", ["a@b", "true"], "auto_header"),
    ] {
        assert_eq!(codes("ann@example.org", json!({ name: values })), code, "{name}");
    }
    // Should an adapter ever forget to write names in lower case.
    let mut facts = facts(json!({ "message": { "text": "x" } }));
    let names = ["AUTO-SUBMITTED", "List-ID", "x-Failed-Recipients"];
    let headers = names.map(|name| (name.to_owned(), vec!["x".to_owned()])).into_iter().collect();
    Arc::make_mut(&mut facts.event).message.as_mut().unwrap().headers = Some(headers);
    assert_eq!(blocks(&verdict_of(&facts, &GuardSettings::default())), "dsn auto_submitted list");
}

/// A rule that overrules everything it may.
const FORCED: &str = "  - name: a
    allow: [list, precedence, suppress_requested]
    do: [{ reply: { text: x } }]";

fn message(headers: &Value) -> Value {
    json!({ "message": { "text": "hi", "headers": headers } })
}

#[test]
fn vector_05_nothing_overrules_what_comes_from_a_program() {
    for (headers, code) in [
        (json!({ "Return-Path": "<>", "List-Id": "x" }), "null_sender"),
        (json!({ "Return-Path": "< >" }), "null_sender"),
        (json!({ "Return-Path": "" }), "null_sender"),
        (json!({ "X-Failed-Recipients": "a@b", "Precedence": "bulk" }), "dsn"),
        (json!({ "Auto-Submitted": "auto-replied", "List-Id": "x" }), "auto_submitted"),
    ] {
        assert_eq!(Play::new(FORCED).tell(message(&headers)), format!("a reply: blocked: {code}"), "{headers}");
    }
    let own = json!({ "contact": { "email": "support@desk.example" } });
    assert_eq!(Play::new(FORCED).tell(own), "a reply: blocked: own_address");
    let mut ours = Play::new(FORCED);
    ours.is_own = true;
    assert_eq!(ours.hear("x"), "a reply: blocked: own_message");
}

#[test]
fn vector_06_a_request_to_be_left_alone_is_heard_and_can_be_switched_off() {
    let off = GuardSettings { suppress_requested: false, ..GuardSettings::default() };
    for (value, code) in [
        ("DR, RN", ""),
        ("NRN", ""),
        ("OOF", "suppress_requested"),
        ("DR, oof, RN", "suppress_requested"),
        ("AutoReply", "suppress_requested"),
        ("ALL", "suppress_requested"),
        ("NotAll, OOFice", ""),
    ] {
        let headers = json!({ "X-Auto-Response-Suppress": value });
        assert_eq!(codes("ann@example.org", headers.clone()), code, "{value}");
        assert_eq!(codes_with("ann@example.org", headers, &off), "", "{value}");
    }
}

#[test]
fn vector_07_addresses_that_nobody_reads() {
    for address in [
        "noreply@x.example",
        "no-reply-aws@amazon.example",
        "NoReply+tag@x.example",
        "Shop <no_reply@x.example>",
        "do-not-reply@x.example",
        "do_not_reply@x.example",
        "donotreply@x.example",
        "MAILER-DAEMON",
        "postmaster@x.example",
        "root@host",
        "abuse@x.example",
        "talk-request@lists.example",
        "owner-talk@lists.example",
        "majordomo@lists.example",
        "listserv@lists.example",
        "bounce-17@x.example",
    ] {
        assert!(codes(address, json!({})).contains("system_address"), "{address}");
    }
    for address in
        ["ann@noreply.example", "rooty@x.example", "ann.noreply@x.example", "request@x.example", "owner@x.example"]
    {
        assert_eq!(codes(address, json!({})), "", "{address}");
    }
    let short = GuardSettings {
        system_addresses: vec!["ro*t-*-x*".to_owned(), "Exact".to_owned()],
        ..GuardSettings::default()
    };
    for (address, code) in [
        ("postmaster@x.example", ""),
        ("robot-7-xyz@x.example", "system_address"),
        ("robot-7@x.example", ""),
        ("EXACT@x.example", "system_address"),
        ("exactly@x.example", ""),
    ] {
        assert_eq!(codes_with(address, json!({}), &short), code, "{address}");
    }
}

#[test]
fn vector_08_a_list_is_answered_where_the_rule_allows_it() {
    let list = json!({ "List-Unsubscribe": "<mailto:u@x.example>" });
    let plain = "  - name: a\n    do: [{ reply: { text: x } }, { tag: { add: [news] } }]";
    assert_eq!(Play::new(plain).tell(message(&list)), "a reply: blocked: list\na tag: chosen");
    assert_eq!(Play::new(FORCED).tell(message(&list)), "a reply: chosen");
    let both = json!({ "List-Id": "x", "Precedence": "list" });
    let only_list = "  - name: a\n    allow: [list]\n    do: [{ snippet: { id: 1 } }]";
    assert_eq!(Play::new(only_list).tell(message(&both)), "a snippet: blocked: precedence");
    assert_eq!(Play::new(FORCED).tell(message(&both)), "a reply: chosen");
}

#[test]
fn vector_11_our_own_post_is_known_and_not_answered() {
    let all = "do: [{ reply: { text: x } }, { note: { text: x } }, { tag: { add: [x] } }]";
    let text = format!("  - name: a\n    on: [message.received, message.sent, note.added]\n    {all}");
    let mut play = Play::new(&text);
    play.is_own = true;
    // A reply of ours may be tagged and noted.
    let first = "a reply: blocked: own_message\na note: chosen\na tag: chosen";
    assert_eq!(play.hear("x"), first);
    assert_eq!(play.tell(json!({ "kind": "message.sent" })), first);
    // The note it caused causes nothing.
    let second = "a reply: blocked: own_message\na note: blocked: chain_depth\na tag: blocked: chain_depth";
    let note = Facts { is_own: true, depth: 2, ..facts(json!({ "kind": "note.added" })) };
    assert_eq!(story(&decide(&play.book, &note, Depth::Matched)), second);
    // Unless nothing of ours may cause anything.
    let strict = Surroundings { guard: GuardSettings { chain_depth: 0, ..GuardSettings::default() }, ..surroundings() };
    let mut play = Play::of(book(&[("r.yaml", &rules(&text))], strict));
    play.is_own = true;
    assert_eq!(play.tell(json!({ "kind": "message.sent" })), second);
}

#[test]
fn a_chain_ends() {
    let settings = GuardSettings::default();
    let said = |depth: u8| match chain_depth(depth, &settings) {
        Said::Pass(_) => "pass",
        Said::BlockIn(Reach::Replies, _) => "no reply",
        Said::Block(_) => "nothing",
        _ => "?",
    };
    assert_eq!([0, 1, 2, 255].map(said), ["pass", "no reply", "nothing", "nothing"]);
}

#[test]
fn vector_22_the_absence_of_a_teammate_is_not_sent_to_customers() {
    for written in [
        json!({ "message": { "author": "member", "text": "I am away" } }),
        json!({ "message": { "author": "member", "headers": { "Auto-Submitted": "auto-replied" } } }),
    ] {
        let verdict = verdict_of(&facts(written.clone()), &GuardSettings::default());
        assert!(verdict.against(Some(ReplyKind::Answer), &[Allowed::List]).is_some(), "{written}");
        assert!(blocks(&verdict).contains("internal_author"), "{written}");
    }
}

#[test]
fn where_a_message_comes_from() {
    for (what, written, blocked) in [
        ("a contact", json!({}), ""),
        ("a contact whose author the provider does not tell", json!({ "message": { "author": "unknown" } }), ""),
        ("one of our addresses", json!({ "message": { "from": "Support <SUPPORT@desk.example>" } }), "own_address"),
        ("one of our addresses with a tag", json!({ "message": { "from": "support+17@desk.example" } }), "own_address"),
        (
            "one of our addresses with a comment",
            json!({ "message": { "from": "support@desk.example (Support)" } }),
            "own_address",
        ),
        ("a face in the name", json!({ "message": { "from": "Ann :( <ann@example.org>" } }), ""),
        ("one of our numbers", json!({ "message": { "from": "+15550100" } }), "own_address"),
        (
            "one of our numbers, told of the contact alone",
            json!({ "contact": { "phone": "+1 (555) 0100" } }),
            "own_address",
        ),
        ("another number", json!({ "message": { "from": "+15550101" } }), ""),
        (
            "one of our addresses behind a name",
            json!({ "message": { "from": "Support" }, "contact": { "email": "support@desk.example" } }),
            "own_address",
        ),
        (
            "a robot behind a name",
            json!({ "message": { "from": "Shop" }, "contact": { "email": "noreply@shop.example" } }),
            "system_address",
        ),
        (
            "a mail system behind a name",
            json!({ "message": { "from": "Mail Delivery" }, "contact": { "email": "mailer-daemon@x.example" } }),
            "dsn system_address",
        ),
        ("a name like a robot's", json!({ "message": { "from": "Bounce Studio" } }), ""),
        (
            "a name and nothing else",
            json!({ "message": { "from": "MAILER-DAEMON" }, "contact": { "id": "7" } }),
            "dsn system_address",
        ),
        ("another account's address", json!({ "message": { "from": "mail@desk.example" } }), ""),
        ("the provider's word", json!({ "message": { "is_automated": true } }), "provider_automated"),
        ("a workflow", json!({ "message": { "author": "system" } }), "provider_automated"),
        ("spam", json!({ "conversation": { "status": "Spam" } }), "spam"),
        ("an open conversation", json!({ "conversation": { "status": "open" } }), ""),
        (
            "a teammate's message",
            json!({ "kind": "message.sent", "message": { "from": "support@desk.example" } }),
            "outbound internal_author",
        ),
        ("a note", json!({ "kind": "note.added" }), "outbound internal_author"),
        ("a message of wrong direction", json!({ "message": { "direction": "outbound" } }), "outbound"),
        ("no message at all", json!({ "kind": "conversation.opened" }), ""),
    ] {
        assert_eq!(
            blocks(&verdict_of(&facts(written.clone()), &GuardSettings::default())),
            blocked,
            "{what}: {written}"
        );
    }
}

#[test]
fn notes_and_tags_obey_where_a_message_comes_from() {
    let list = "  - name: a\n    on: [message.received, message.sent, note.added]\n    do: [{ reply: { text: x } }, { note: { text: x } }, { tag: { add: [x] } }]";
    for (written, blocked) in [
        (json!({ "kind": "note.added" }), "reply"),
        (json!({ "kind": "message.sent", "message": { "from": "support@desk.example" } }), "reply"),
        (json!({ "message": { "is_automated": true } }), "reply"),
        (json!({ "message": { "headers": { "Auto-Submitted": "auto-replied" } } }), "reply"),
        (json!({ "message": { "from": "support@desk.example" } }), "reply note tag"),
        (json!({ "conversation": { "status": "spam" } }), "reply note tag"),
    ] {
        let told = Play::new(list).tell(written.clone());
        let stopped =
            told.lines().filter(|line| line.contains("blocked")).filter_map(|line| line[2..].split(':').next());
        assert_eq!(stopped.collect::<Vec<_>>().join(" "), blocked, "{written}");
    }
}

#[test]
fn a_message_id_of_ours_is_known_by_its_host() {
    let ours = GuardSettings { own_hosts: vec!["Mail.Desk.example".to_owned()], ..GuardSettings::default() };
    for (id, blocked) in [
        ("<1.2@mail.desk.example>", "own_origin"),
        ("<1.2@MAIL.DESK.EXAMPLE> ", "own_origin"),
        ("<1.2@mail.desk.example> (added by the relay)", "own_origin"),
        ("(relay@gmail.example) <1.2@mail.desk.example >\t", "own_origin"),
        ("<1.2@desk.example>", ""),
        ("<mail.desk.example@gmail.example>", ""),
        ("", ""),
    ] {
        assert_eq!(codes_with("ann@example.org", json!({ "Message-ID": id }), &ours), blocked, "{id}");
    }
}

#[test]
fn headers_that_are_not_shown_are_recorded_as_such() {
    let mut facts = facts(json!({}));
    Arc::make_mut(&mut facts.event).message.as_mut().unwrap().headers = None;
    let verdict = verdict_of(&facts, &GuardSettings::default());
    let steps: Vec<String> =
        verdict.steps.iter().map(|step| format!("{}: {} ({})", step.code, step.result, step.saw)).collect();
    insta::assert_snapshot!(steps.join("\n"), @r"
    own_message: pass (not in the ledger of our sends)
    outbound: pass (from the contact)
    own_address: pass (none of 2 own addresses)
    own_origin: not_applicable (no headers, or no own hosts configured)
    internal_author: pass (not by a teammate)
    provider_automated: pass (the provider does not say that a program wrote it)
    spam: not_applicable (the provider shows no status)
    null_sender: not_applicable (headers: unavailable)
    dsn: not_applicable (headers: unavailable)
    mdn: not_applicable (headers: unavailable)
    auto_submitted: not_applicable (headers: unavailable)
    list: not_applicable (headers: unavailable)
    precedence: not_applicable (headers: unavailable)
    suppress_requested: not_applicable (headers: unavailable)
    auto_header: not_applicable (headers: unavailable)
    system_address: pass (not a system address)
    bounced_recipient: pass (no message to this correspondent is known to have failed for good)
    suspect_subject: not_applicable (no subject)
    suspect_speed: pass (no automatic reply went to this conversation before)
    headers: suspect (headers: unavailable, so a program cannot be told by them)
    not_addressed: not_applicable (no recipients are shown)
    many_recipients: not_applicable (the provider answers the sender alone)
    quarantined: pass (no quarantine)
    human_takeover: pass (no person has written in this conversation)
    too_old: pass (it happened less than 1d ago)
    chain_depth: pass (not caused by us)
    ");
    // What needs no headers still blocks.
    Arc::make_mut(&mut facts.event).message.as_mut().unwrap().from = Some("mailer-daemon@x.example".to_owned());
    assert_eq!(blocks(&verdict_of(&facts, &GuardSettings::default())), "dsn system_address");
}

#[test]
fn every_step_is_kept_and_named_once() {
    let headers = json!({ "Return-Path": "<>", "Auto-Submitted": "auto-replied", "Precedence": "bulk" });
    let verdict = verdict_of(&facts(message(&headers)), &GuardSettings::default());
    let codes: BTreeSet<&str> = steps().map(|step| step.code).collect();
    assert_eq!((verdict.steps.len(), codes.len()), (steps().count(), steps().count()));
    assert_eq!(verdict.against(Some(ReplyKind::Answer), &[]).unwrap().0, "null_sender");
    assert_eq!(verdict.against(None, &[]), None);
    assert!(steps().all(|step| !step.basis.is_empty()));
}

#[test]
fn the_guard_speaks_before_once() {
    let robot = json!({ "message": { "text": "x", "headers": { "Auto-Submitted": "auto-replied" } } });
    let text = rules("  - name: a\n    once: { per: conversation }\n    do: [{ reply: { text: x } }]");
    let mut play = Play::of(book(&[("r.yaml", &text)], surroundings()));
    assert_eq!(play.hear("x"), "a reply: chosen");
    assert_eq!(play.tell(robot), "a reply: blocked: auto_submitted");
}
