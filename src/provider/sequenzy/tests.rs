//! Sequenzy's payloads, and the exact calls made to it.

use serde_json::{Value, json};

use super::Sequenzy;
use crate::http::CallError;
use crate::model::action::Paged;
use crate::model::{Action, Event, Note, OutgoingAttachment, Reply, ReplyFormat};
use crate::provider::testing::*;
use crate::provider::{Adapter, Provider, ReadBack};

fn payload(name: &str) -> Value {
    fixture("sequenzy", name)
}

fn account() -> std::sync::Arc<dyn Adapter> {
    open(&Sequenzy, json!({ "api_key": "seq_hunter2" }))
}

/// An event in conversation `conv_abc123`.
fn known() -> Event {
    event(&*account(), &payload("email_replied_flat"))
}

/// An event that names no conversation.
fn lost() -> Event {
    event(&*account(), &payload("email_received_html_only"))
}

fn note() -> Note {
    let page = vec![Paged { alias: "dr-lee".to_owned(), id: "x".to_owned() }];
    Note { text: "Look <here>".to_owned(), html: "<p>Look &lt;here&gt;</p>".to_owned(), page, also: Vec::new() }
}

#[test]
fn every_payload_has_its_form() {
    check_fixtures("sequenzy", &*account());
}

#[test]
fn the_same_delivery_has_the_same_key_and_another_has_another() {
    let key = |json: &Value| draft(&*account(), json).dedupe_key;
    assert_eq!(key(&payload("email_delivered")), "evt_delivered_1");
    // A message has the key that its conversation gives it, whichever event tells of it.
    for name in ["email.replied", "email.received"] {
        let told = json!({ "id": name, "type": name, "data": { "reply": { "id": "msg_1" } } });
        assert_eq!(key(&told), "message:msg_1");
    }
    let mut bare = payload("unknown_type");
    let first = key(&bare);
    assert_eq!(first, key(&bare));
    bare["data"] = json!({ "x": 1 });
    assert_ne!(first, key(&bare));
}

#[test]
fn the_conversation_is_found_in_every_place() {
    for data in [
        json!({ "conversation_id": "c1" }),
        json!({ "conversationId": "c1" }),
        json!({ "conversation": { "id": "c1" } }),
        json!({ "reply": { "conversation_id": "c1" } }),
    ] {
        let draft = draft(&*account(), &json!({ "type": "email.replied", "data": data }));
        assert_eq!(draft.conversation.id.as_deref(), Some("c1"), "{data}");
    }
}

#[test]
fn what_is_no_delivery_is_unreadable() {
    for json in [json!(null), json!([]), json!({}), json!({ "type": null }), json!("email.replied")] {
        assert!(matches!(normalise(&*account(), &json), crate::provider::Normalised::Unreadable(_)), "{json}");
    }
}

#[test]
fn settings_are_judged_together() {
    insta::assert_snapshot!(faults(&Sequenzy, json!({ "api_key": "a\nb", "base_url": "sequenzy" })), @r"
    api_key: is empty or holds characters that cannot stand in an HTTP header
    base_url: is not an http or https address; write it like https://api.sequenzy.com/api/v1
    ");
    assert!(!format!("{:?}", super::Account::open(&json!({ "api_key": "hunter2" })).unwrap()).contains("hunter2"));
}

#[tokio::test]
async fn a_reply_and_a_note_are_one_call_each() {
    let made = || vec![answer(201, json!({ "success": true, "message": { "id": "msg_new" } }))];
    let (outcome, seen) = deliver(&*account(), &known(), Action::Reply(reply("Hi")), made()).await;
    assert_eq!(serde_json::to_value(outcome).unwrap(), json!({ "outcome": "delivered", "provider_id": "msg_new" }));
    insta::assert_snapshot!(seen, @r#"
    POST https://api.sequenzy.com/api/v1/conversations/conv_abc123/messages
    authorization: Bearer seq_hunter2
    {"type":"outbound","bodyText":"Hi"}
    "#);

    let full = Reply {
        format: ReplyFormat::Markdown,
        subject: Some("Refund".to_owned()),
        sender: Some("prof_2".to_owned()),
        attachments: vec![file()],
        ..reply("Hi")
    };
    let account = open(
        &Sequenzy,
        json!({ "api_key": "k", "sender_profile_id": "prof_1", "base_url": "http://127.0.0.1:1/sequenzy/" }),
    );
    insta::assert_snapshot!(deliver(&*account, &known(), Action::Reply(full), made()).await.1, @r#"
    POST http://127.0.0.1:1/sequenzy/conversations/conv_abc123/messages
    authorization: Bearer k
    {"type":"outbound","bodyText":"Hi","bodyHtml":"<p>Hi</p>","subject":"Refund","senderProfileId":"prof_2","attachments":[{"filename":"a.txt","content":"aGk=","contentType":"text/plain"}]}
    "#);
    insta::assert_snapshot!(deliver(&*account, &known(), Action::Note(note()), made()).await.1, @r#"
    POST http://127.0.0.1:1/sequenzy/conversations/conv_abc123/messages
    authorization: Bearer k
    {"type":"note","bodyText":"@dr-lee\n\nLook <here>","bodyHtml":"<p>@dr-lee</p><p>Look &lt;here&gt;</p>"}
    "#);
    assert!(deliver(&*account, &known(), Action::Reply(reply("Hi")), made()).await.1.contains("prof_1"));
}

#[tokio::test]
async fn closing_and_tagging() {
    let closed = vec![answer(200, json!({ "success": true }))];
    insta::assert_snapshot!(deliver(&*account(), &known(), Action::Close, closed).await.1, @r#"
    POST https://api.sequenzy.com/api/v1/conversations/conv_abc123/status
    authorization: Bearer seq_hunter2
    {"status":"closed"}
    "#);

    let ok = || answer(200, json!({ "success": true, "matched": 1, "failed": 0 }));
    let (outcome, seen) = deliver(&*account(), &known(), tags(&["refund", "vip"], &["trial"]), vec![ok(), ok()]).await;
    assert_eq!(outcome.name(), "delivered");
    insta::assert_snapshot!(seen, @r#"
    POST https://api.sequenzy.com/api/v1/subscribers/bulk/tags/add
    authorization: Bearer seq_hunter2
    {"tags":["refund","vip"],"subscriberIds":["sub_1"]}

    POST https://api.sequenzy.com/api/v1/subscribers/bulk/tags/remove
    authorization: Bearer seq_hunter2
    {"tags":["trial"],"subscriberIds":["sub_1"]}
    "#);
    let by_address = deliver(&*account(), &lost(), tags(&["a"], &[]), vec![ok()]).await.1;
    assert!(by_address.ends_with(r#"{"tags":["a"],"emails":["bob@example.net"]}"#), "{by_address}");

    for (body, expect) in [
        (json!({ "matched": 0, "notFound": { "emails": ["x"] } }), "refused"),
        (json!({ "matched": 1, "failed": 1 }), "try_later"),
        (json!(null), "delivered"),
    ] {
        let (outcome, _) = deliver(&*account(), &known(), tags(&["a"], &[]), vec![answer(200, body)]).await;
        assert_eq!(outcome.name(), expect);
    }
}

#[tokio::test]
async fn a_conversation_that_is_not_named_is_looked_up() {
    let row = |id: &str, email: &str, at: &str| json!({ "id": id, "subscriberEmail": email, "lastMessageAt": at });
    let list = json!({ "conversations": [
        row("other", "bobby@example.net", "2026-03-02T09:59:00Z"),
        row("older", "bob@example.net", "2026-03-01T09:59:00Z"),
        row("conv/../1", "Bob@Example.net", "2026-03-02T09:00:00Z"),
    ] });
    let made = answer(200, json!({ "message": { "id": "m" } }));
    let (outcome, seen) =
        deliver(&*account(), &lost(), Action::Reply(reply("Hi")), vec![answer(200, list), made]).await;
    assert_eq!(outcome.name(), "delivered");
    insta::assert_snapshot!(seen, @r#"
    GET https://api.sequenzy.com/api/v1/conversations?search=bob%40example.net&status=open
    authorization: Bearer seq_hunter2

    POST https://api.sequenzy.com/api/v1/conversations/conv%2F..%2F1/messages
    authorization: Bearer seq_hunter2
    {"type":"outbound","bodyText":"Hi"}
    "#);
    let nobody = vec![answer(200, json!({ "conversations": [row("x", "eve@example.net", "2026-03-02T09:00:00Z")] }))];
    assert_eq!(deliver(&*account(), &lost(), Action::Close, nobody).await.0.name(), "try_later");
    let reset = vec![Err(CallError::Unanswered("reset".to_owned()))];
    assert_eq!(deliver(&*account(), &lost(), Action::Reply(reply("Hi")), reset).await.0.name(), "try_later");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_without_a_call() {
    let mib = OutgoingAttachment::Inline {
        name: "a".to_owned(),
        content_type: "b".to_owned(),
        content: "A".repeat(4 * 1024 * 1024),
    };
    let with = |attachments| Action::Reply(Reply { attachments, ..reply("Hi") });
    let mut nameless = known();
    nameless.conversation.id = Some("..".to_owned());
    for (event, action) in [
        (&known(), snippet("1", Value::Null)),
        (&known(), assign("1")),
        (&known(), with(vec![OutgoingAttachment::Url { url: "https://x.example".to_owned() }])),
        (&known(), with(vec![mib; 6])),
        (&known(), with(vec![file(); 11])),
        (&nameless, Action::Close),
    ] {
        refusal(&*account(), event, action).await;
    }
}

#[tokio::test]
async fn each_answer_has_one_outcome() {
    for action in [Action::Reply(reply("Hi")), Action::Note(note()), tags(&["a"], &[]), Action::Close] {
        check_outcomes(&*account(), &known(), &action, &[]).await;
    }
}

#[tokio::test]
async fn reading_back_finds_what_landed_and_nothing_else() {
    let message = |kind: &str, text: Value, html: Value, at: &str| json!({ "id": "msg_1", "type": kind, "bodyText": text, "bodyHtml": html, "createdAt": at });
    let after = "2026-03-02T10:00:01Z";
    let landed = ReadBack::Landed { provider_id: Some("msg_1".to_owned()) };
    let markdown = Reply { format: ReplyFormat::Markdown, ..reply("Hi there") };
    for (action, shown, expect) in [
        (
            Action::Reply(reply("Hi there")),
            message("outbound", json!("Hi\r\nthere\n-- \nShop"), json!(null), after),
            landed.clone(),
        ),
        (
            Action::Reply(markdown),
            message("outbound", json!(null), json!("<div>Hi there</div>"), after),
            landed.clone(),
        ),
        (Action::Note(note()), message("note", json!("@dr-lee\n\nLook <here>"), json!(null), after), landed),
        (Action::Reply(reply("Hi there")), message("inbound", json!("Hi there"), json!(null), after), ReadBack::Absent),
        (Action::Reply(reply("Hi there")), message("note", json!("Hi there"), json!(null), after), ReadBack::Absent),
        (Action::Reply(reply("Hi there")), message("outbound", json!("Hi"), json!(null), after), ReadBack::Absent),
        (
            Action::Reply(reply("Hi there")),
            message("outbound", json!("Hi there"), json!(null), "2026-03-02T09:00:00Z"),
            ReadBack::Absent,
        ),
    ] {
        for body in
            [json!({ "conversation": { "messages": [shown] } }), json!({ "conversation": {}, "messages": [shown] })]
        {
            let (found, seen) = read_back(&*account(), &known(), action.clone(), vec![answer(200, body)]).await;
            assert_eq!(found, expect, "{shown}");
            assert_eq!(
                seen,
                "GET https://api.sequenzy.com/api/v1/conversations/conv_abc123\nauthorization: Bearer seq_hunter2"
            );
        }
    }
    assert_eq!(read_back(&*account(), &known(), Action::Close, Vec::new()).await.0, ReadBack::Absent);
}

#[tokio::test]
async fn reading_back_says_when_it_cannot_tell() {
    let untimed = json!({ "messages": [{ "type": "outbound", "bodyText": "Hi" }] });
    for result in [
        answer(500, json!({})),
        answer(404, json!({})),
        answer(200, json!({ "conversation": {} })),
        answer(200, untimed),
        Err(CallError::Unanswered("reset".to_owned())),
    ] {
        let (shown, _) = read_back(&*account(), &known(), Action::Reply(reply("Hi")), vec![result]).await;
        assert!(matches!(shown, ReadBack::Unclear(_)), "{shown:?}");
    }
    let empty = vec![answer(200, json!({ "messages": [] }))];
    let (shown, _) = read_back(&*account(), &known(), Action::Reply(Reply::default()), empty).await;
    assert!(matches!(shown, ReadBack::Unclear(_)), "{shown:?}");
}

#[test]
fn the_quotas_and_the_address_are_the_published_ones() {
    assert_eq!(account().quotas().iter().map(|quota| quota.calls).collect::<Vec<_>>(), [100, 20]);
    assert_eq!(
        account().base_urls().iter().map(|url| url.as_str()).collect::<Vec<_>>(),
        ["https://api.sequenzy.com/api/v1"]
    );
    assert_eq!(Sequenzy.title(), "Sequenzy");
}
