//! Soft signs, whom a mail was sent to, addresses that bounce, and numbers of single rules.

use serde_json::{Value, json};

use super::{blocks, verdict_of};
use crate::model::{Facts, ReplyKind};
use crate::rules::testing::{Play, book, facts, now, rules, surroundings};
use crate::rules::{GuardSettings, Surroundings};

fn settings(written: Value) -> GuardSettings {
    serde_json::from_value(written).unwrap()
}

/// Which kinds of reply are stopped, and by what.
fn stopped(facts: &Facts, settings: &GuardSettings) -> String {
    let verdict = verdict_of(facts, settings);
    let kinds = [("answer", ReplyKind::Answer), ("ack", ReplyKind::Ack), ("away", ReplyKind::Away)];
    let told = kinds.map(|(name, kind)| verdict.against(Some(kind), &[]).map(|(code, _)| format!("{name}: {code}")));
    told.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[test]
fn an_absence_notice_answers_only_what_names_us() {
    let all = "answer: not_addressed, ack: not_addressed, away: not_addressed";
    let others = json!({ "to": ["bob@example.org"], "headers": null });
    let headers = json!({ "headers": { "To": "bob@example.org" } });
    for (what, message, require, wanted) in [
        ("told by the provider", others.clone(), "auto", "away: not_addressed"),
        ("told by the provider, for all kinds", others.clone(), "always", all),
        ("told by headers", headers.clone(), "auto", all),
        ("told by headers, for absence notices", headers.clone(), "never", "away: not_addressed"),
        ("us", json!({ "headers": { "Cc": "x@y.example, Desk <SUPPORT@desk.example>" } }), "always", ""),
        (
            "us in a blind copy that is shown",
            json!({ "headers": { "To": "x@y.example", "Resent-Bcc": "support@desk.example" } }),
            "auto",
            "",
        ),
        ("no recipient in whole headers", json!({ "headers": { "From": "ann@example.org" } }), "auto", all),
        ("not shown", json!({ "headers": { "Date": "x" } }), "always", ""),
        ("nothing shown", json!({ "headers": null }), "always", ""),
    ] {
        let facts = facts(json!({ "message": message }));
        assert_eq!(stopped(&facts, &settings(json!({ "require_addressed": require }))), wanted, "{what}");
    }
    let text = json!({ "conversation": { "channel": "sms" }, "contact": { "phone": "+15550199" }, "message": { "to": ["+15550111"] } });
    assert_eq!(stopped(&facts(text), &GuardSettings::default()), "");
}

#[test]
fn a_reply_to_everybody_reaches_one_person_outside() {
    let to = |to: &[&str]| {
        facts(json!({ "message": { "to": to, "cc": ["Support <support@desk.example>"], "headers": null } }))
    };
    let judged = |facts: &Facts, limit: usize, own: &[&str]| {
        let mut surroundings = Surroundings { guard: settings(json!({ "max_recipients": limit })), ..surroundings() };
        surroundings.accounts[0].answers_everybody = true;
        surroundings.accounts[0].own_addresses = own.iter().map(|own| (*own).to_owned()).collect();
        blocks(&super::examine(facts, &surroundings, None))
    };
    let us = ["support@desk.example"];
    assert_eq!(judged(&to(&["someone@example.org"]), 1, &us), "");
    assert_eq!(judged(&to(&["bob@example.org"]), 1, &us), "many_recipients");
    assert_eq!(judged(&to(&["bob@example.org"]), 2, &us), "");
    assert_eq!(judged(&to(&["bob@example.org", "carl@example.org"]), 2, &us), "many_recipients");
    // Nobody said which addresses are ours; one of them is.
    assert_eq!(
        (judged(&to(&[]), 1, &[]), judged(&to(&["bob@example.org"]), 1, &[])),
        (String::new(), "many_recipients".to_owned())
    );
    // The sender alone is answered elsewhere.
    assert_eq!(blocks(&verdict_of(&to(&["bob@example.org"]), &GuardSettings::default())), "");
}

#[test]
fn an_answer_within_seconds_is_suspect_and_not_stopped() {
    for (ago, is_suspect) in [(0, false), (1, true), (9, true), (10, false), (3600, false), (-1, false)] {
        let mut facts = facts(json!({ "message": { "text": "x" } }));
        facts.conversation.last_automatic = Some(now() - jiff::SignedDuration::from_secs(ago));
        let verdict = verdict_of(&facts, &GuardSettings::default());
        assert_eq!((verdict.is_suspect(), blocks(&verdict).as_str()), (is_suspect, ""), "{ago}");
    }
}

#[test]
fn a_selection_of_headers_shows_no_person() {
    for (what, channel, message, result) in [
        ("no headers", "email", json!({ "headers": {} }), "suspect"),
        ("some headers", "email", json!({ "headers": { "Message-ID": "<x@y>" } }), "suspect"),
        ("with its author", "email", json!({ "headers": { "FROM": "ann@example.org" } }), "pass"),
        ("as a test has them", "email", json!({}), "pass"),
        ("a chat", "chat", json!({ "headers": {} }), "not_applicable"),
        ("a chat as a test has it", "chat", json!({}), "not_applicable"),
    ] {
        let facts = facts(json!({ "conversation": { "channel": channel }, "message": message }));
        let verdict = verdict_of(&facts, &GuardSettings::default());
        let step = verdict.steps.iter().find(|step| step.code == "headers").unwrap();
        assert_eq!((&*step.result, verdict.is_suspect()), (result, result == "suspect"), "{what}: {}", step.saw);
    }
    let mut play = Play::new("  - name: a\n    once: { per: event }\n    do: [{ reply: { text: x } }]");
    let mail = json!({ "conversation": { "channel": "email" }, "message": { "text": "x", "headers": {} } });
    assert_eq!(play.tell(mail.clone()), "a reply: chosen");
    assert_ne!(play.tell(mail), "a reply: chosen");
}

#[test]
fn a_reply_that_waits_is_answered_when_it_has_left() {
    let list = "  - name: a\n    do: [{ reply: { text: x, delay: 10m } }]\n    once: { per: event }";
    for (waits, is_suspect) in
        [(["5m", "0s"], false), (["9m", "59s"], false), (["10m", "3s"], true), (["10m", "10s"], false)]
    {
        let mut play = Play::new(list);
        play.hear("x");
        let decision = play.wait(waits[0]).wait(waits[1]).decide(json!({}));
        let step = decision.trace.guard.iter().find(|step| step.code == "suspect_speed").unwrap();
        assert_eq!(step.result == "suspect", is_suspect, "{waits:?}: {}", step.saw);
    }
}

#[test]
fn a_reply_that_waits_is_not_yet_a_word() {
    let list = "  - name: slow\n    when: { message.text: { contains: slow } }\n    do: [{ reply: { text: x, delay: 3d } }]
  - name: quiet\n    when: { message.text: { contains: quick } }\n    once: { per: event, quiet: 1h }\n    do: [{ reply: { text: y } }]";
    let mut play = Play::new(list);
    assert_eq!(play.hear("slow"), "slow reply: chosen");
    assert_eq!(play.wait("30m").hear("quick"), "quiet reply: blocked: once");
    assert_eq!(play.wait("2h").hear("quick"), "quiet reply: chosen");
}

#[test]
fn a_channel_without_headers_is_no_sign_of_a_program() {
    for (channel, contact, is_suspect) in [
        (Some("email"), json!({ "email": "ann@example.org" }), true),
        (None, json!({ "email": "ann@example.org" }), true),
        (None, json!({ "phone": "+15550199" }), false),
        (Some("sms"), json!({ "phone": "+15550199", "email": "ann@example.org" }), false),
        (Some("whatsapp"), json!({ "id": "7" }), false),
        (Some("chat"), json!({ "email": "ann@example.org" }), false),
    ] {
        let facts = facts(
            json!({ "conversation": { "channel": channel }, "contact": contact, "message": { "headers": null } }),
        );
        assert_eq!(verdict_of(&facts, &GuardSettings::default()).is_suspect(), is_suspect, "{channel:?}");
    }
}

#[test]
fn who_cannot_be_reached_is_left_alone_for_a_while() {
    let list = "  - name: a\n    on: [message.received, delivery.updated]\n    once: { per: event }\n    do: [{ reply: { text: x } }, { tag: { add: [x] } }]";
    let report = |status: &str, is_permanent: bool| json!({ "kind": "delivery.updated", "delivery": { "status": status, "is_permanent": is_permanent } });
    let notice = json!({ "message": { "from": "mailer-daemon@mx.example", "headers": { "X-Failed-Recipients": "Someone@example.org" } } });
    let open = "a reply: chosen\na tag: chosen";
    let closed = "a reply: blocked: bounced_recipient\na tag: chosen";
    for (what, event, then) in [
        ("bounced for good", report("bounced", true), closed),
        ("bounced, and may pass", report("bounced", false), open),
        ("failed for good", report("failed", true), closed),
        ("called it spam", report("complained", false), open),
        ("a mail system's notice", notice, closed),
    ] {
        let mut play = Play::new(list);
        play.decide(event);
        assert_eq!(play.wait("1h").hear("x"), then, "{what}");
    }
    let mut play = Play::new(list);
    play.decide(report("bounced", true));
    assert_eq!(play.wait("60d").hear("x"), open);
    play.decide(report("bounced", true));
    play.decide(report("delivered", false));
    assert_eq!(play.wait("4h").hear("x"), open);
}

#[test]
fn a_rule_has_numbers_of_its_own() {
    let list = "  - name: strict\n    do: [{ reply: { text: x } }]\n  - name: free\n    do: [{ reply: { text: y } }]";
    let guard = settings(json!({ "rules": { "free": { "suppress_requested": false, "answer": "1m" } } }));
    let mut play = Play::of(book(&[("r.yaml", &rules(list))], Surroundings { guard, ..surroundings() }));
    let headers = json!({ "From": "ann@example.org", "To": "support@desk.example", "X-Auto-Response-Suppress": "OOF" });
    let asks = json!({ "message": { "text": "x", "headers": headers } });
    let told = "strict reply: blocked: suppress_requested\nfree reply: chosen";
    assert_eq!(play.tell(asks.clone()), told);
    assert_eq!(play.wait("2m").tell(asks), told);
}
