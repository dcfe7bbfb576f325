//! What HighLevel's adapter makes of real payloads, and exactly what it sends.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::HighLevel;
use crate::http::CallError;
use crate::model::action::Paged;
use crate::model::{Action, Event, Note, Outcome, OutgoingAttachment, Reply, Send as OutgoingSend};
use crate::provider::testing::{self, *};
use crate::provider::{Adapter, ReadBack};

fn open(settings: Value) -> Arc<dyn Adapter> {
    testing::open(&HighLevel, settings)
}

fn with_token() -> Arc<dyn Adapter> {
    open(json!({ "token": "pit-secret", "location_id": "loc" }))
}

fn with_oauth() -> Arc<dyn Adapter> {
    open(json!({
        "oauth": { "client_id": "app-1", "client_secret": "cs-secret", "refresh_token": "r0-secret" },
        "location_id": "loc",
    }))
}

/// The event that a payload becomes.
fn event(json: Value) -> Event {
    testing::event(&*with_token(), &json)
}

fn sms() -> Event {
    event(json!({
        "type": "InboundMessage", "locationId": "loc", "contactId": "c1", "conversationId": "v1", "messageId": "m1",
        "messageType": "SMS", "direction": "inbound", "body": "refund?", "webhookId": "w1",
    }))
}

fn email() -> Event {
    event(json!({
        "type": "InboundMessage", "locationId": "loc", "contactId": "c1", "conversationId": "v1",
        "messageType": "Email", "emailMessageId": "e1", "threadId": "t1", "subject": "Order Confirmed",
        "from": "Ann <ann@example.org>", "body": "<p>refund?</p>",
    }))
}

fn note(text: &str) -> Note {
    let page = vec![Paged { alias: "dr-lee".to_owned(), id: "u7".to_owned() }];
    Note { text: text.to_owned(), page, ..Note::default() }
}

async fn deliver(adapter: &dyn Adapter, stage: &Stage, event: &Event, action: Action) -> Outcome {
    adapter.deliver(&stage.call(&send(action), event, 1)).await
}

/// The body of the one call that an action leads to.
async fn sent(event: &Event, action: Action) -> Value {
    let stage = Stage::default().on("POST /conversations/messages", 201, json!({ "messageId": "m9" }));
    deliver(&*with_token(), &stage, event, action).await;
    serde_json::from_str(stage.log().lines().last().unwrap()).unwrap()
}

#[test]
fn fixtures_become_their_snapshots() {
    check_fixtures("highlevel", &*with_token());
}

#[test]
fn settings_need_one_credential() {
    let faults = |settings| faults(&HighLevel, settings);
    let oauth = json!({ "client_id": "a", "client_secret": "s3cret", "refresh_token": "s3cret" });
    assert_eq!(faults(json!({ "location_id": "l", "oauth": oauth })), "");
    insta::assert_snapshot!(faults(json!({ "location_id": "l" })), @": write `token` or `oauth`");
    insta::assert_snapshot!(faults(json!({ "location_id": "l", "token": "s3cret", "oauth": oauth, "base_url": "x" })), @r"
    base_url: is not an http or https address; write it like https://services.leadconnectorhq.com
    oauth: write either `token` or `oauth`, not both
    ");
    insta::assert_snapshot!(faults(json!({ "location_id": "l", "token": "s3\ncret" })), @"token: is empty or holds characters that cannot stand in an HTTP header");
    insta::assert_snapshot!(faults(json!({ "location_id": "l", "token": "s3cret", "colour": 1 })), @": the keys are not those of this provider");
}

#[test]
fn debug_output_of_settings_shows_no_secret() {
    let oauth = json!({ "client_id": "a", "client_secret": "s3cret", "refresh_token": "s3cret" });
    let settings = json!({ "location_id": "l", "token": "s3cret", "oauth": oauth });
    let settings: super::config::Settings = serde_json::from_value(settings).unwrap();
    assert!(!format!("{settings:?}").contains("s3cret"));
}

#[test]
fn a_delivery_for_another_location_or_app_is_not_ours() {
    let app = open(json!({ "token": "t", "location_id": "loc", "app_id": "app" }));
    for (json, any_app, this_app) in [
        (json!({ "locationId": "loc", "appId": "app" }), true, true),
        (json!({ "data": { "locationId": "loc", "appId": "app" } }), true, true),
        (json!({ "locationId": "loc" }), true, false),
        (json!({ "locationId": "loc", "appId": "other" }), true, false),
        (json!({ "locationId": "other", "appId": "app" }), false, false),
        (json!({ "locationId": "other", "data": { "locationId": "loc" } }), false, false),
        (json!({ "appId": "app" }), false, false),
        (json!([]), false, false),
    ] {
        assert_eq!(with_token().is_addressed(&json), any_app, "{json}");
        assert_eq!(app.is_addressed(&json), this_app, "{json}");
    }
}

#[test]
fn who_wrote_is_told_from_the_source() {
    for (kind, source, user, author) in [
        ("InboundMessage", json!("app"), json!("u1"), "contact"),
        ("OutboundMessage", json!("app"), json!("u1"), "member"),
        ("OutboundMessage", Value::Null, json!("u1"), "member"),
        ("OutboundMessage", json!("app"), Value::Null, "unknown"),
        ("OutboundMessage", json!("workflow"), Value::Null, "system"),
        ("OutboundMessage", json!("api"), json!("u1"), "system"),
    ] {
        let event = event(json!({ "type": kind, "messageType": "SMS", "source": source, "userId": user }));
        assert_eq!(json!(event.message.unwrap().author), author, "{kind} {source} {user}");
    }
}

#[test]
fn a_repeat_has_the_key_of_the_first_and_a_new_status_has_another() {
    let key = |json: Value| draft(&*with_token(), &json).dedupe_key;
    assert_eq!(key(json!({ "type": "A", "webhookId": "w", "timestamp": "1" })), "w");
    assert_eq!(key(json!({ "type": "A", "messageId": "m", "status": "sent" })), "A|m|sent");
    assert_eq!(key(json!({ "type": "A", "messageId": "m", "status": "read" })), "A|m|read");
    assert_ne!(key(json!({ "type": "A", "x": 1 })), key(json!({ "type": "A", "x": 2 })));
    // A message has the key that the lists of messages and of mails give it, whatever becomes of it.
    let sms =
        |status| key(json!({ "type": "OutboundMessage", "messageId": "m", "status": status, "webhookId": status }));
    assert_eq!((sms("sent"), sms("read")), ("message:m".to_owned(), "message:m".to_owned()));
    assert_eq!(key(json!({ "type": "InboundMessage", "messageId": "m", "emailMessageId": "e" })), "message:e");
    assert_eq!(key(json!({ "type": "InboundMessage", "webhookId": "w" })), "w");
}

#[tokio::test]
async fn an_sms_is_answered_by_contact_and_channel() {
    let stage = Stage::default().on("POST /conversations/messages", 201, json!({ "messageId": "m9" }));
    let adapter = open(json!({ "token": "pit-secret", "location_id": "loc", "from_number": "+1499" }));
    let outcome = deliver(&*adapter, &stage, &sms(), Action::Reply(reply("On its way"))).await;
    assert_eq!(outcome, Outcome::Delivered { provider_id: Some("m9".to_owned()), request_id: None });
    insta::assert_snapshot!(stage.log(), @r#"
    POST https://services.leadconnectorhq.com/conversations/messages
    authorization: Bearer pit-secret
    version: 2021-04-15
    {"type":"SMS","contactId":"c1","fromNumber":"+1499","message":"On its way"}
    "#);
}

#[tokio::test]
async fn a_mail_is_answered_in_its_thread_to_its_sender_alone() {
    let answer = json!({ "conversationId": "v1", "messageId": "m9", "emailMessageId": "e9" });
    let stage = Stage::default().on("POST /conversations/messages", 200, answer);
    let attachments = vec![OutgoingAttachment::Url { url: "https://storage.com/file1.pdf".to_owned() }];
    let reply = Reply { attachments, ..reply("On its way") };
    let outcome = deliver(&*with_token(), &stage, &email(), Action::Reply(reply)).await;
    let ids = Outcome::Delivered { provider_id: Some("m9".to_owned()), request_id: Some("e9".to_owned()) };
    assert_eq!(outcome, ids);
    insta::assert_snapshot!(stage.log(), @r#"
    POST https://services.leadconnectorhq.com/conversations/messages
    authorization: Bearer pit-secret
    version: 2021-04-15
    {"type":"Email","contactId":"c1","html":"<p>On its way</p>","threadId":"t1","emailReplyMode":"reply","replyMessageId":"e1","subject":"Re: Order Confirmed","attachments":["https://storage.com/file1.pdf"]}
    "#);
}

#[tokio::test]
async fn a_reply_takes_what_its_rule_says_and_a_template_is_named() {
    let by = Reply { subject: Some("Hello".to_owned()), sender: Some("desk@example.com".to_owned()), ..reply("x") };
    insta::assert_snapshot!(sent(&email(), Action::Reply(by)).await, @r#"{"type":"Email","contactId":"c1","html":"<p>x</p>","threadId":"t1","emailReplyMode":"reply","replyMessageId":"e1","subject":"Hello","emailFrom":"desk@example.com"}"#);
    let template = snippet("tpl1", Value::Null);
    insta::assert_snapshot!(sent(&email(), template.clone()).await, @r#"{"type":"Email","contactId":"c1","templateId":"tpl1","threadId":"t1","emailReplyMode":"reply","replyMessageId":"e1","subject":"Re: Order Confirmed"}"#);
    insta::assert_snapshot!(sent(&sms(), template).await, @r#"{"type":"SMS","contactId":"c1","templateId":"tpl1"}"#);
}

#[tokio::test]
async fn a_custom_channel_goes_through_the_provider_of_the_event() {
    let custom = event(json!({
        "type": "InboundMessage", "messageType": "Custom", "contactId": "c1", "conversationProviderId": "cp1",
    }));
    insta::assert_snapshot!(sent(&custom, Action::Reply(reply("x"))).await, @r#"{"type":"Custom","contactId":"c1","conversationProviderId":"cp1","message":"x"}"#);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_any_call() {
    let on = |channel: &str| event(json!({ "type": "InboundMessage", "messageType": channel, "contactId": "c1" }));
    let nobody = event(json!({ "type": "InboundMessage", "messageType": "SMS" }));
    let upwards = event(json!({ "type": "InboundMessage", "messageType": "SMS", "contactId": ".." }));
    for (event, action, reason) in [
        (on("CALL"), Action::Reply(reply("x")), "no message on this channel"),
        (on("VoiceMail"), Action::Reply(reply("x")), "no message on this channel"),
        (on("GMB"), Action::Reply(reply("x")), "no message on this channel"),
        (on("Custom"), Action::Reply(reply("x")), "conversation_provider_id"),
        (on("SMS"), Action::Reply(Reply { attachments: vec![file()], ..reply("x") }), "as addresses only"),
        (on("SMS"), Action::Close, "no call that closes"),
        (nobody.clone(), Action::Reply(reply("x")), "no contact"),
        (nobody, Action::Note(note("x")), "no contact"),
        (upwards, Action::Note(note("x")), "cannot stand in an address"),
    ] {
        let said = refusal(&*with_token(), &event, action).await;
        assert!(said.contains(reason), "{said}");
    }
}

#[tokio::test]
async fn a_note_is_a_contact_note_that_names_who_is_paged() {
    let stage = Stage::default().on("POST /contacts/c1/notes", 201, json!({ "note": { "id": "n1" } }));
    let outcome = deliver(&*with_token(), &stage, &sms(), Action::Note(note("Look at this"))).await;
    assert_eq!(outcome, Outcome::Delivered { provider_id: Some("n1".to_owned()), request_id: None });
    insta::assert_snapshot!(stage.log(), @r#"
    POST https://services.leadconnectorhq.com/contacts/c1/notes
    authorization: Bearer pit-secret
    version: 2021-07-28
    {"body":"Look at this\n\n@dr-lee"}
    "#);
}

#[tokio::test]
async fn a_comment_mentions_and_becomes_a_contact_note_where_it_is_refused() {
    let adapter = open(json!({ "token": "pit-secret", "location_id": "loc", "internal_comment": true }));
    let stage = Stage::default().on("POST /conversations/messages", 201, json!({ "messageId": "m9" }));
    deliver(&*adapter, &stage, &sms(), Action::Note(note("Look at this"))).await;
    insta::assert_snapshot!(stage.log().lines().last().unwrap(), @r#"{"type":"InternalComment","contactId":"c1","message":"Look at this\n\n@dr-lee","mentions":["u7"]}"#);

    for (status, outcome, calls) in
        [(401, "delivered", 2), (422, "delivered", 2), (429, "try_later", 1), (500, "unknown", 1)]
    {
        let stage = Stage::default().on("POST /conversations/messages", status, json!({})).on(
            "POST /contacts/c1/notes",
            201,
            json!({}),
        );
        let seen = deliver(&*adapter, &stage, &sms(), Action::Note(note("x"))).await;
        assert_eq!((seen.name(), stage.lines().len()), (outcome, calls), "{status}");
    }
}

#[tokio::test]
async fn tags_are_added_and_removed_and_a_contact_is_assigned() {
    let stage = Stage::default()
        .on("POST /contacts/c1/tags", 201, json!({}))
        .on("DELETE /contacts/c1/tags", 200, json!({}))
        .on("PUT /contacts/c1", 200, json!({}));
    assert_eq!(deliver(&*with_token(), &stage, &sms(), tags(&["a"], &["b"])).await, Outcome::done());
    assert_eq!(deliver(&*with_token(), &stage, &sms(), assign("u7")).await, Outcome::done());
    insta::assert_snapshot!(stage.log(), @r#"
    POST https://services.leadconnectorhq.com/contacts/c1/tags
    authorization: Bearer pit-secret
    version: 2021-07-28
    {"tags":["a"]}

    DELETE https://services.leadconnectorhq.com/contacts/c1/tags
    authorization: Bearer pit-secret
    version: 2021-07-28
    {"tags":["b"]}

    PUT https://services.leadconnectorhq.com/contacts/c1
    authorization: Bearer pit-secret
    version: 2021-07-28
    {"assignedTo":"u7"}
    "#);
}

#[tokio::test]
async fn each_answer_has_one_outcome() {
    for action in [Action::Reply(reply("x")), snippet("tpl1", Value::Null), Action::Note(note("x")), assign("u7")] {
        check_outcomes(&*with_token(), &sms(), &action, &[]).await;
    }
    check_outcomes(&*with_token(), &sms(), &tags(&["a"], &[]), &[]).await;
    check_outcomes(&*with_token(), &sms(), &tags(&["a"], &["b"]), &[json!({})]).await;
}

fn granted(n: u32) -> Value {
    json!({ "access_token": format!("a{n}"), "refresh_token": format!("r{n}"), "expires_in": 86399 })
}

fn oauth_stage() -> Stage {
    Stage::default().on("POST /oauth/token", 200, granted(1)).on("POST /conversations/messages", 200, json!({}))
}

#[tokio::test]
async fn the_new_refresh_token_is_kept_before_the_new_access_token_is_used() {
    let stage = oauth_stage();
    assert_eq!(deliver(&*with_oauth(), &stage, &sms(), Action::Reply(reply("x"))).await, Outcome::done());
    insta::assert_snapshot!(stage.log(), @r#"
    POST https://services.leadconnectorhq.com/oauth/token
    content-type: application/x-www-form-urlencoded
    client_id=app-1&client_secret=cs-secret&grant_type=refresh_token&refresh_token=r0-secret&user_type=Location

    KEEP r1

    POST https://services.leadconnectorhq.com/conversations/messages
    authorization: Bearer a1
    version: 2021-04-15
    {"type":"SMS","contactId":"c1","message":"x"}
    "#);
}

#[tokio::test]
async fn the_kept_refresh_token_wins_over_the_configured_one() {
    let stage = oauth_stage().on("POST /oauth/token", 200, granted(2)).on("POST /conversations", 200, json!({}));
    for _ in 0..2 {
        deliver(&*with_oauth(), &stage, &sms(), Action::Reply(reply("x"))).await;
    }
    assert!(stage.log().contains("refresh_token=r0-secret&"));
    assert!(stage.log().contains("refresh_token=r1&"), "{}", stage.log());
}

#[tokio::test]
async fn a_token_that_cannot_be_kept_is_not_used_and_is_kept_later() {
    let (stage, adapter) = (oauth_stage(), with_oauth());
    stage.break_vault(true);
    let outcome = deliver(&*adapter, &stage, &sms(), Action::Reply(reply("x"))).await;
    assert_eq!(outcome.name(), "try_later");
    assert_eq!(stage.lines(), ["POST /oauth/token"]);
    stage.break_vault(false);
    deliver(&*adapter, &stage, &sms(), Action::Reply(reply("x"))).await;
    assert_eq!(stage.lines(), ["POST /oauth/token", "KEEP r1", "POST /conversations/messages"]);
}

#[tokio::test]
async fn two_sends_at_once_refresh_once() {
    let stage = oauth_stage().on("POST /conversations/messages", 200, json!({}));
    let (adapter, event, outgoing) = (with_oauth(), sms(), send(Action::Reply(reply("x"))));
    let (one, other) = (stage.call(&outgoing, &event, 1), stage.call(&outgoing, &event, 1));
    let outcomes = tokio::join!(adapter.deliver(&one), adapter.deliver(&other));
    assert_eq!(outcomes, (Outcome::done(), Outcome::done()));
    let tokens = stage.lines().iter().filter(|line| line.contains("/oauth/token")).count();
    assert_eq!(tokens, 1, "{:?}", stage.lines());
}

#[tokio::test]
async fn a_401_refreshes_once_and_calls_once_more() {
    let path = "POST /conversations/messages";
    for (second, outcome) in [(200, "delivered"), (401, "try_later")] {
        let stage = Stage::default()
            .on("POST /oauth/token", 200, granted(1))
            .on(path, 401, json!({}))
            .on("POST /oauth/token", 200, granted(2))
            .on(path, second, json!({}));
        let seen = deliver(&*with_oauth(), &stage, &sms(), Action::Reply(reply("x"))).await;
        assert_eq!(seen.name(), outcome);
        assert_eq!(stage.lines(), ["POST /oauth/token", "KEEP r1", path, "POST /oauth/token", "KEEP r2", path]);
        assert!(stage.log().contains("Bearer a2"));
    }
}

#[tokio::test]
async fn a_refused_refresh_sends_nothing_and_says_no_secret() {
    let stage = Stage::default().on("POST /oauth/token", 400, json!({ "error": "invalid_grant" }));
    let outcome = deliver(&*with_oauth(), &stage, &sms(), Action::Reply(reply("x"))).await;
    let reason = "no access token: refreshing failed: 400 invalid_grant".to_owned();
    assert_eq!(outcome, Outcome::TryLater { reason, after: None });
}

async fn read_back(event: &Event, stage: &Stage, action: Action) -> ReadBack {
    let adapter = open(json!({ "token": "pit-secret", "location_id": "loc", "internal_comment": true }));
    adapter.read_back(&stage.call(&send(action), event, 2)).await
}

fn listed(messages: Value) -> Stage {
    let page = json!({ "messages": { "lastMessageId": "z", "nextPage": false, "messages": messages } });
    Stage::default().on("GET /conversations/v1/messages?limit=100", 200, page)
}

fn landed(id: &str) -> ReadBack {
    ReadBack::Landed { provider_id: Some(id.to_owned()) }
}

#[tokio::test]
async fn a_reply_is_found_among_the_messages_since_the_attempt() {
    let item = |direction: &str, at: &str, body: &str| json!([{ "id": "m9", "direction": direction, "dateAdded": at, "body": body, "messageType": "TYPE_SMS" }]);
    for (messages, expected) in [
        (item("outbound", "2026-03-02T09:59:02Z", "Hello:  On its\nway"), landed("m9")),
        (item("inbound", "2026-03-02T09:59:02Z", "On its way"), ReadBack::Absent),
        (item("outbound", "2026-03-02T09:50:00Z", "On its way"), ReadBack::Absent),
        (item("outbound", "2026-03-02T09:59:02Z", "Something else"), ReadBack::Absent),
        (json!([]), ReadBack::Absent),
    ] {
        assert_eq!(
            read_back(&sms(), &listed(messages.clone()), Action::Reply(reply("On its way"))).await,
            expected,
            "{messages}"
        );
    }
}

#[tokio::test]
async fn a_mail_is_found_by_fetching_it() {
    let thread = json!([{ "id": "m8", "direction": "outbound", "dateAdded": "2026-01-01T00:00:00Z",
        "messageType": "TYPE_EMAIL", "meta": { "email": { "messageIds": ["e1", "e9"] } } }]);
    let mail =
        |body: &str| json!({ "id": "e9", "direction": "outbound", "dateAdded": "2026-03-02T09:59:02Z", "body": body });
    let stage = listed(thread.clone()).on(
        "GET /conversations/messages/email/e9",
        200,
        mail("<div><p>On its <b>way</b></p></div>"),
    );
    assert_eq!(read_back(&email(), &stage, Action::Reply(reply("On its way"))).await, landed("e9"));
    let old = json!({ "id": "e1", "direction": "inbound", "dateAdded": "2026-03-02T09:58:59Z", "body": "On its way" });
    let stage = listed(thread)
        .on("GET /conversations/messages/email/e9", 200, json!({ "emailMessage": mail("other") }))
        .on("GET /conversations/messages/email/e1", 200, old);
    assert_eq!(read_back(&email(), &stage, Action::Reply(reply("On its way"))).await, ReadBack::Absent);
}

#[tokio::test]
async fn a_comment_is_also_looked_for_among_the_notes() {
    let comment = json!([{ "id": "m9", "messageType": "TYPE_INTERNAL_COMMENT",
        "dateAdded": "2026-03-02T09:59:02Z", "body": "Look\n\n@dr-lee" }]);
    assert_eq!(read_back(&sms(), &listed(comment), Action::Note(note("Look"))).await, landed("m9"));
    for (body, expected) in [("<p>Look</p> @dr-lee", landed("n1")), ("Other", ReadBack::Absent)] {
        let notes = json!({ "notes": [{ "id": "n1", "body": body, "dateAdded": "2026-03-02T09:59:02Z" }] });
        let stage = listed(json!([])).on("GET /contacts/c1/notes", 200, notes);
        assert_eq!(read_back(&sms(), &stage, Action::Note(note("Look"))).await, expected);
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_unclear() {
    let unclear = |seen: ReadBack| assert!(matches!(seen, ReadBack::Unclear(_)), "{seen:?}");
    let action = || Action::Reply(reply("On its way"));
    unclear(read_back(&sms(), &Stage::default().on("GET", 500, json!({})), action()).await);
    unclear(read_back(&sms(), &Stage::default().on("GET", 200, json!("?")), action()).await);
    unclear(read_back(&sms(), &Stage::default().fail("GET", CallError::NotSent(String::new())), action()).await);
    unclear(read_back(&sms(), &Stage::default(), Action::Reply(Reply::default())).await);
    let long = json!({ "messages": { "nextPage": true, "messages": [] } });
    unclear(read_back(&sms(), &Stage::default().on("GET", 200, long), action()).await);
    let outbound = json!([{ "id": "m9", "direction": "outbound", "messageType": "TYPE_SMS", "body": "?" }]);
    let template = snippet("tpl", Value::Null);
    unclear(read_back(&sms(), &listed(outbound), template.clone()).await);
    assert_eq!(read_back(&sms(), &listed(json!([])), template).await, ReadBack::Absent);
    assert_eq!(read_back(&sms(), &Stage::default(), Action::Close).await, ReadBack::Absent);

    let (stage, event) = (Stage::default(), sms());
    let mut young: OutgoingSend = send(action());
    young.attempts[0].started_at = now() - SignedDuration::from_secs(2);
    unclear(with_token().read_back(&stage.call(&young, &event, 2)).await);
}
