//! Fernand's payloads, and the exact calls made to it.

use serde_json::{Value, json};

use super::Fernand;
use super::fold::fold;
use crate::http::CallError;
use crate::model::action::Paged;
use crate::model::{Action, CancelOn, Event, Note, OutgoingAttachment, Reply, Send};
use crate::provider::testing::*;
use crate::provider::{Adapter, Normalised, ReadBack, ReadError};

fn payload(name: &str) -> Value {
    fixture("fernand", name)
}

fn account() -> std::sync::Arc<dyn Adapter> {
    open(&Fernand, json!({ "api_key": "sk_hunter2", "agent_email": "lee@example.com" }))
}

fn known() -> Event {
    event(&*account(), &payload("message_in"))
}

fn note() -> Note {
    let member = |alias: &str, id: &str| Paged { alias: alias.to_owned(), id: id.to_owned() };
    let page = vec![member("dr-lee", "42"), member("all", "everyone")];
    Note { text: "Look".to_owned(), html: "<p>Look</p>".to_owned(), page, also: Vec::new() }
}

fn snippets() -> Value {
    json!([
        { "id": 7, "title": "Other", "shortcut": null, "actions": [] },
        { "id": 123, "title": "Refund", "shortcut": "refund", "actions": [
            { "id": 2, "name": "status", "data": { "status": "closed" }, "sort": 1 },
            { "id": 1, "name": "reply", "data": { "content": "<p>Done</p>" }, "sort": 0 },
        ] },
    ])
}

#[test]
fn every_payload_has_its_form() {
    check_fixtures("fernand", &*account());
}

#[test]
fn a_message_keeps_its_key_when_the_prefix_goes_away() {
    let key = |name: &str, id: Value| {
        let mut json = payload(name);
        json["id"] = id;
        draft(&*account(), &json).dedupe_key
    };
    assert_eq!(key("message_in", json!("m-5")), key("message_in", json!(5)));
    assert_ne!(key("message_in", json!(5)), key("note", json!(5)));
    assert_ne!(key("message_in", json!("m-5")), key("message_in", json!("m-6")));
    // An id of something unknown may be that of a conversation, and is no key.
    assert!(key("custom_data", json!(5)).starts_with("sha256:"));
}

#[test]
fn what_is_no_delivery_is_unreadable() {
    for json in [json!(null), json!([]), json!(5)] {
        assert!(matches!(normalise(&*account(), &json), Normalised::Unreadable(_)), "{json}");
    }
}

#[test]
fn settings_are_judged_together() {
    insta::assert_snapshot!(faults(&Fernand, json!({ "api_key": "", "delay": "soon", "base_url": "x" })), @r"
    api_key: is empty or holds characters that cannot stand in an HTTP header
    : missing key `agent_email` or `agent_id`: a reply is sent as an agent
    delay: `soon` is not a duration; write it like 30s, 15m, 24h or 7d
    base_url: is not an http or https address; write it like https://api.getfernand.com
    ");
    insta::assert_snapshot!(faults(&Fernand, json!({ "api_key": "k", "agent_id": "lee", "delay": "25h" })), @r"
    agent_id: is not a whole number; write the number of the agent, or `agent_email`
    delay: is longer than Fernand takes; write at most 24h, or use the delay of a rule
    ");
    insta::assert_snapshot!(faults(&Fernand, json!({ "api_key": "k", "agent_id": 1, "agent_email": "a@b" })), @"agent_id: is given beside `agent_email`; one of the two is meant");
    insta::assert_snapshot!(faults(&Fernand, json!({ "api_key": "k", "agent_email": "lee" })), @"agent_email: is not an e-mail address");
    let opened = super::Account::open(&json!({ "api_key": "hunter2", "agent_id": "42" })).unwrap();
    assert!(!format!("{opened:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_reply_or_note_carries_everything_in_one_call() {
    let made = || vec![answer(200, json!({ "id": "m-9", "type": "MESSAGE" }))];
    let (outcome, seen) = deliver(&*account(), &known(), Action::Reply(reply("Hi")), made()).await;
    assert_eq!(serde_json::to_value(outcome).unwrap(), json!({ "outcome": "delivered", "provider_id": "m-9" }));
    insta::assert_snapshot!(seen, @r#"
    POST https://api.getfernand.com/conversations/12345/reply
    x-api-key: sk_hunter2
    {"content":"<p>Hi</p>","delay":7,"agent_email":"lee@example.com","generated_id":"key-1"}
    "#);

    let full =
        Reply { html: String::new(), sender: Some("7".to_owned()), attachments: vec![file()], ..reply("Hi <you>") };
    let account =
        open(&Fernand, json!({ "api_key": "k", "agent_id": 1, "delay": "0s", "base_url": "http://127.0.0.1:1/f" }));
    insta::assert_snapshot!(deliver(&*account, &known(), Action::Reply(full), made()).await.1, @r#"
    POST http://127.0.0.1:1/f/conversations/12345/reply
    x-api-key: k
    {"content":"<p>Hi &lt;you&gt;</p>","attachments":[{"name":"a.txt","type":"text/plain","content":"aGk="}],"delay":0,"agent_id":7,"generated_id":"key-1"}
    "#);

    let made = vec![answer(200, json!({ "id": "n-9" }))];
    let also = vec![tags(&["refund", "vip"], &[]), Action::Close, assign("42")];
    let note = Note { also, ..note() };
    insta::assert_snapshot!(deliver(&*account, &known(), Action::Note(note), made).await.1, @r#"
    POST http://127.0.0.1:1/f/conversations/12345/notes
    x-api-key: k
    {"content":"<p>Look</p>","mentions":["42","everyone"],"actions":[{"name":"tag","data":{"name":"refund"}},{"name":"tag","data":{"name":"vip"}},{"name":"status","data":{"status":"closed"}},{"name":"assign","data":{"agent_id":42}}],"generated_id":"key-1"}
    "#);
}

#[tokio::test]
async fn a_snippet_is_applied_as_its_actions() {
    let answers = || vec![answer(200, snippets()), answer(200, json!({ "id": "m-9" }))];
    let data = json!({ "content": "<p>Done, Ann</p>" });
    let (outcome, seen) = deliver(&*account(), &known(), snippet("123", data), answers()).await;
    assert_eq!(outcome.name(), "delivered");
    insta::assert_snapshot!(seen, @r#"
    GET https://api.getfernand.com/snippets
    x-api-key: sk_hunter2

    POST https://api.getfernand.com/conversations/12345/reply
    x-api-key: sk_hunter2
    {"actions":[{"name":"reply","data":{"content":"<p>Done, Ann</p>"},"snippet_id":123},{"name":"status","data":{"status":"closed"},"snippet_id":123}],"delay":7,"agent_email":"lee@example.com","generated_id":"key-1"}
    "#);
    for (action, expect) in [
        (snippet("124", Value::Null), "refused"),
        (snippet("7", Value::Null), "refused"),
        (snippet("123", json!({ "contents": 1 })), "refused"),
        (snippet("123", json!("x")), "refused"),
    ] {
        let (outcome, _) = deliver(&*account(), &known(), action, vec![answer(200, snippets())]).await;
        assert_eq!(outcome.name(), expect);
    }
    let reset = vec![Err(CallError::Unanswered("reset".to_owned()))];
    assert_eq!(deliver(&*account(), &known(), snippet("123", Value::Null), reset).await.0.name(), "try_later");
}

#[tokio::test]
async fn tagging_assigning_and_closing_alone() {
    let ok = || answer(200, json!({}));
    let gone = vec![ok(), answer(404, json!({}))];
    let (outcome, seen) = deliver(&*account(), &known(), tags(&["urgent"], &["a/b c"]), gone).await;
    assert_eq!(outcome.name(), "delivered");
    insta::assert_snapshot!(seen, @r#"
    POST https://api.getfernand.com/conversations/12345/tags
    x-api-key: sk_hunter2
    {"name":"urgent"}

    DELETE https://api.getfernand.com/conversations/12345/tags/a%2Fb%20c
    x-api-key: sk_hunter2
    "#);
    insta::assert_snapshot!(deliver(&*account(), &known(), assign("42"), vec![ok()]).await.1, @r#"
    PATCH https://api.getfernand.com/conversations/12345
    x-api-key: sk_hunter2
    {"agent_id":42}
    "#);
    assert!(
        deliver(&*account(), &known(), assign("a@b.org"), vec![ok()]).await.1.ends_with(r#"{"agent_email":"a@b.org"}"#)
    );
    insta::assert_snapshot!(deliver(&*account(), &known(), Action::Close, vec![ok()]).await.1, @r#"
    PATCH https://api.getfernand.com/conversations/12345
    x-api-key: sk_hunter2
    {"status":"CLOSED"}
    "#);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_without_a_call() {
    let elsewhere = |id: Option<&str>| {
        let mut event = known();
        event.conversation.id = id.map(str::to_owned);
        event
    };
    let long = "x".repeat(51);
    for (event, action) in [
        (elsewhere(Some("12345/../7")), Action::Close),
        (elsewhere(Some("+1")), Action::Close),
        (elsewhere(Some("conv_1")), Action::Reply(reply("Hi"))),
        (elsewhere(None), Action::Close),
        (known(), Action::Reply(Reply { subject: Some("x".to_owned()), ..reply("Hi") })),
        (known(), Action::Reply(Reply { sender: Some("lee".to_owned()), ..reply("Hi") })),
        (known(), Action::Note(Note { also: vec![Action::Close; 11], ..note() })),
        (known(), Action::Note(Note { also: vec![tags(&[], &["x"])], ..note() })),
        (
            known(),
            Action::Reply(Reply { attachments: vec![OutgoingAttachment::Url { url: String::new() }], ..reply("Hi") }),
        ),
        (known(), tags(&[&long], &[])),
        (known(), assign("lee")),
        (known(), snippet("refund", Value::Null)),
    ] {
        refusal(&*account(), &event, action).await;
    }
}

#[tokio::test]
async fn each_answer_has_one_outcome() {
    for action in [Action::Reply(reply("Hi")), Action::Note(note()), tags(&["a"], &[]), assign("42"), Action::Close] {
        check_outcomes(&*account(), &known(), &action, &[]).await;
    }
    check_outcomes(&*account(), &known(), &tags(&[], &["a"]), &[]).await;
    check_outcomes(&*account(), &known(), &snippet("123", Value::Null), &[snippets()]).await;
}

/// The sends that remain, each with what it carries.
fn folded(sends: Vec<Send>) -> String {
    let also = |action: &Action| match action {
        Action::Note(note) => note.also.clone(),
        _ => Vec::new(),
    };
    let name = |action: &Action| match action {
        Action::Tag(change) => format!("tag{:?}{:?}", change.add, change.remove),
        other => other.name().to_owned(),
    };
    let lines = fold(sends).into_iter().map(|send| {
        let carried: Vec<String> = also(&send.action).iter().map(name).collect();
        format!("{} <- {}", name(&send.action), carried.join(" "))
    });
    lines.map(|line| line.trim_end_matches(" <- ").to_owned()).collect::<Vec<_>>().join("\n")
}

#[test]
fn actions_travel_with_the_note_beside_them() {
    let sends = |actions: Vec<Action>| actions.into_iter().map(send).collect::<Vec<_>>();
    let answer = || Action::Reply(reply("Hi"));
    let told = || Action::Note(note());
    insta::assert_snapshot!(
        folded(sends(vec![tags(&["a"], &[]), assign("42"), answer(), tags(&["b"], &[]), Action::Note(note()), Action::Close])),
        @r#"
    reply
    note <- tag["a"][] assign tag["b"][] close
    "#
    );
    insta::assert_snapshot!(
        folded(sends(vec![told(), tags(&["a"], &["b"]), assign("a@b.org"), snippet("1", Value::Null)])), @r#"
    note
    tag["a"]["b"]
    assign
    snippet
    "#
    );
    insta::assert_snapshot!(folded(sends(vec![tags(&["a"], &[]), Action::Close])), @r#"
    tag["a"][]
    close
    "#);
    let many: Vec<String> = (0..9).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let full = folded(sends(vec![told(), tags(&many, &[]), tags(&["x", "y"], &[]), Action::Close]));
    insta::assert_snapshot!(full, @r#"
    note <- tag["0", "1", "2", "3", "4", "5", "6", "7", "8"][] close
    tag["x", "y"][]
    "#);
}

#[test]
fn a_send_of_another_time_or_fate_keeps_to_itself() {
    let answer = || send(Action::Note(note()));
    let change = |base: Send, change: fn(&mut Send)| {
        let mut send = base;
        change(&mut send);
        send
    };
    let later = |send: &mut Send| send.due += jiff::SignedDuration::from_secs(120);
    for (one, other) in [
        (change(answer(), later), send(Action::Close)),
        (change(answer(), later), change(send(Action::Close), later)),
        (answer(), change(send(Action::Close), later)),
        (answer(), change(send(Action::Close), |send| send.rule = "other".to_owned())),
        (answer(), change(send(Action::Close), |send| send.event = crate::model::EventId::from("evt_2"))),
        (change(answer(), |send| send.cancel_on = vec![CancelOn::HumanReply]), send(Action::Close)),
        // A reply is called off by much that leaves a tag as it is.
        (send(Action::Reply(reply("Hi"))), send(Action::Close)),
    ] {
        assert_eq!(fold(vec![one.clone(), other.clone()]), vec![one, other]);
    }
}

#[tokio::test]
async fn reading_back_finds_what_landed_and_nothing_else() {
    let entry = |kind: &str, way: &str, html: &str, at: &str| json!({ "id": "m-9", "type": kind, "way": way, "message": html, "timestamp": at, "actions": [{}] });
    let (before, after) = ("2026-03-02T09:57:29Z", "2026-03-02T09:59:01Z");
    let asked = entry("MESSAGE", "IN", "<p>Hello</p>", before);
    let applied = json!({ "id": "m-9", "type": "MESSAGE", "timestamp": after, "actions": [{ "snippet_id": 123 }] });
    let marked = json!({ "id": "m-9", "generated_id": "key-1" });
    let landed = ReadBack::Landed { provider_id: Some("m-9".to_owned()) };
    let hi = || Action::Reply(reply("Hi there"));
    for (action, shown, expect) in [
        (hi(), entry("MESSAGE", "OUT", "<div>Hi there<br>-- <br>Lee</div>", after), landed.clone()),
        (hi(), marked, landed.clone()),
        (Action::Note(note()), entry("NOTE", "", "<p>Look</p>", after), landed.clone()),
        (snippet("123", Value::Null), applied, landed),
        (hi(), entry("MESSAGE", "IN", "<p>Hi there</p>", after), ReadBack::Absent),
        (hi(), entry("NOTE", "", "<p>Hi there</p>", after), ReadBack::Absent),
        (hi(), entry("MESSAGE", "OUT", "<p>Hi there</p>", "2026-03-02T09:00:00Z"), ReadBack::Absent),
    ] {
        let timeline = vec![answer(200, json!([shown, asked]))];
        let (found, seen) = read_back(&*account(), &known(), action, timeline).await;
        assert_eq!(found, expect, "{shown}");
        assert_eq!(seen, "GET https://api.getfernand.com/conversations/12345/messages\nx-api-key: sk_hunter2");
    }
    for action in [tags(&["a"], &[]), assign("42"), Action::Close] {
        assert_eq!(read_back(&*account(), &known(), action, Vec::new()).await.0, ReadBack::Absent);
    }
}

#[tokio::test]
async fn reading_back_says_when_it_cannot_tell() {
    let since =
        json!([{ "id": "m-7", "type": "MESSAGE", "way": "OUT", "message": "x", "timestamp": "2026-03-02T10:00:09Z" }]);
    let asked = json!([{ "id": "m-123456", "type": "MESSAGE", "way": "IN", "timestamp": "2026-03-02T09:59:29Z" }]);
    for (action, result) in [
        (Action::Reply(reply("Hi")), answer(500, json!({}))),
        (Action::Reply(reply("Hi")), Err(CallError::Unanswered("reset".to_owned()))),
        (Action::Reply(reply("Hi")), answer(200, json!({}))),
        (Action::Reply(reply("Hi")), answer(200, since)),
        (snippet("123", Value::Null), answer(200, asked)),
    ] {
        let (shown, _) = read_back(&*account(), &known(), action, vec![result]).await;
        assert!(matches!(shown, ReadBack::Unclear(_)), "{shown:?}");
    }
}

#[tokio::test]
async fn agents_and_snippets_are_listed() {
    let agents = json!([
        { "id": 42, "name": "Dr Lee", "email": "lee@example.com" },
        { "id": 43, "name": "Gone", "email": "gone@example.com", "is_removed": true },
        { "name": "no id" },
    ]);
    let stage = Stage::answering([answer(200, agents), answer(200, snippets()), answer(403, json!({}))]);
    assert_eq!(members(account().members(&stage.reading(), None).await), ["42|Dr Lee|lee@example.com"]);
    assert_eq!(saved(account().snippets(&stage.reading(), None).await), ["7|Other|", "123|Refund|refund"]);
    let denied = account().members(&stage.reading(), None).await;
    assert_eq!(denied, Err(ReadError::TryLater { reason: "403".to_owned(), after: None }));
}

#[test]
fn the_quotas_and_the_address_are_the_published_ones() {
    assert_eq!(account().quotas().iter().map(|quota| quota.calls).collect::<Vec<_>>(), [20, 5]);
    assert_eq!(
        account().base_urls().iter().map(|url| url.as_str()).collect::<Vec<_>>(),
        ["https://api.getfernand.com/"]
    );
}
