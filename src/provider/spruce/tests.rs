//! What Spruce's adapter makes of real payloads, and exactly what it sends.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Spruce;
use crate::model::action::Paged;
use crate::model::{Action, Event, EventKind, Note, Outcome, OutgoingAttachment, Reply};
use crate::provider::testing::{self, *};
use crate::provider::{Adapter, Normalised, ReadBack, ReadError, RegisteredEndpoint, Registration};

fn open(settings: Value) -> Arc<dyn Adapter> {
    testing::open(&Spruce, settings)
}

fn account() -> Arc<dyn Adapter> {
    open(json!({ "token": "org-secret" }))
}

fn event_with(change: impl FnOnce(&mut Value)) -> Event {
    let mut json = fixture("spruce", "item-inbound-sms");
    change(&mut json);
    event(&*account(), &json)
}

fn sms() -> Event {
    event_with(|_| {})
}

async fn deliver(stage: &Stage, event: &Event, attempt: u32, action: Action) -> Outcome {
    account().deliver(&stage.call(&send(action), event, attempt)).await
}

const POST: &str = "POST /v1/conversations/t_29S7786ETXXXX/messages";
const PATCH: &str = "PATCH /v1/conversations/t_29S7786ETXXXX";

fn posted() -> Stage {
    Stage::default().on(POST, 200, json!({ "requestId": "asyncRequest_1" }))
}

fn announced() -> Outcome {
    Outcome::Delivered { provider_id: None, request_id: Some("asyncRequest_1".to_owned()) }
}

#[test]
fn fixtures_become_their_snapshots() {
    check_fixtures("spruce", &*account());
}

#[test]
fn settings_are_judged_together_and_never_quoted() {
    assert!(account().remembers_keys_for(&Action::Reply(reply("x"))).is_some());
    insta::assert_snapshot!(faults(&Spruce, json!({ "token": "s3\ncret", "base_url": "x" })), @r"
    token: is empty or holds characters that cannot stand in an HTTP header
    base_url: is not an http or https address; write it like https://api.sprucehealth.com/v1
    ");
    for wrong in [json!({}), json!({ "token": "s3cret", "colour": 1 })] {
        assert_eq!(faults(&Spruce, wrong), ": the keys are not those of this provider");
    }
}

#[test]
fn each_of_the_fifteen_events_has_a_kind() {
    use EventKind::{
        ContactUpdated, ConversationClosed, ConversationOpened, ConversationUpdated, DeliveryUpdated, MessageReceived,
        MessageSent, NoteAdded, Other,
    };
    let item = |direction: &str, note: bool| json!({ "id": "ti", "direction": direction, "isInternalNote": note });
    for (word, object, kind) in [
        ("contact.created", json!({}), ContactUpdated),
        ("contact.updated", json!({}), ContactUpdated),
        ("contact.deleted", json!({}), ContactUpdated),
        ("contact.merged", json!({}), ContactUpdated),
        ("conversation.created", json!({}), ConversationOpened),
        ("conversation.updated", json!({ "archived": false }), ConversationUpdated),
        ("conversation.updated", json!({ "archived": true }), ConversationClosed),
        ("conversation.deleted", json!({}), ConversationUpdated),
        ("conversationItem.created", item("inbound", false), MessageReceived),
        ("conversationItem.created", item("outbound", false), MessageSent),
        ("conversationItem.created", item("outbound", true), NoteAdded),
        ("conversationItem.created", item("none", false), NoteAdded),
        ("conversationItem.created", json!({}), NoteAdded),
        ("conversationItem.updated", item("inbound", false), ConversationUpdated),
        ("conversationItem.deleted", item("inbound", false), ConversationUpdated),
        ("conversationItem.restored", item("inbound", false), ConversationUpdated),
        ("scheduledMessage.created", json!({}), Other),
        ("scheduledMessage.updated", json!({}), Other),
        ("scheduledMessage.deleted", json!({}), Other),
        ("scheduledMessage.sent", json!({}), DeliveryUpdated),
        ("something.new", json!({}), Other),
    ] {
        let json = json!({ "type": word, "data": { "object": object } });
        assert_eq!(draft(&*account(), &json).kind, kind, "{json}");
    }
    for wrong in [json!({}), json!([]), json!({ "type": "conversation.created" }), json!({ "type": "x", "data": "y" })]
    {
        assert!(matches!(normalise(&*account(), &wrong), Normalised::Unreadable(_)), "{wrong}");
    }
}

#[tokio::test]
async fn a_reply_is_posted_under_its_key() {
    let stage = posted();
    assert_eq!(deliver(&stage, &sms(), 1, Action::Reply(reply("On its way"))).await, announced());
    insta::assert_snapshot!(stage.log(), @r#"
    POST https://api.sprucehealth.com/v1/conversations/t_29S7786ETXXXX/messages
    authorization: Bearer org-secret
    s-idempotency-key: key-1
    {"body":[{"type":"text","value":"On its way"}]}
    "#);
}

#[tokio::test]
async fn a_reply_names_its_author_its_files_and_whether_it_stays_archived() {
    let stage = posted();
    let adapter = open(json!({ "token": "org-secret", "author": "entity_org", "stay_archived": true }));
    let files = vec![OutgoingAttachment::Stored { id: "media_1".to_owned(), name: "Form".to_owned() }];
    let reply = Reply { attachments: files, sender: Some("entity_lee".to_owned()), ..reply("Please sign") };
    adapter.deliver(&stage.call(&send(Action::Reply(reply)), &sms(), 1)).await;
    insta::assert_snapshot!(stage.log().lines().last().unwrap(), @r#"{"author":"entity_lee","attachments":[{"attachmentId":"media_1","title":"Form"}],"body":[{"type":"text","value":"Please sign"}],"stayArchived":true}"#);
}

#[tokio::test]
async fn a_note_pages_members_and_the_other_spelling_of_the_request_id_is_read() {
    let stage = Stage::default().on(POST, 200, json!({ "requestID": "asyncRequest_1" }));
    let adapter = open(json!({ "token": "org-secret", "author": "entity_org" }));
    let page = vec![Paged { alias: "dr-lee".to_owned(), id: "entity_0D4QABCC06000".to_owned() }];
    let note = Note { text: "Please review".to_owned(), page, ..Note::default() };
    let outcome = adapter.deliver(&stage.call(&send(Action::Note(note)), &sms(), 1)).await;
    assert_eq!(outcome, announced());
    insta::assert_snapshot!(stage.log().lines().last().unwrap(), @r#"{"body":[{"type":"text","value":"Please review "},{"type":"page","value":"entity_0D4QABCC06000"}],"internal":true,"author":"entity_org"}"#);
}

#[tokio::test]
async fn a_rejected_repeat_means_that_the_first_attempt_landed() {
    for (attempt, outcome) in [(1, "refused"), (2, "delivered")] {
        let stage = Stage::default().on(POST, 422, json!({ "type": "DUPLICATE" }));
        assert_eq!(deliver(&stage, &sms(), attempt, Action::Reply(reply("x"))).await.name(), outcome, "{attempt}");
        assert!(stage.log().contains("s-idempotency-key: key-1"), "the key is the same in every attempt");
    }
    let stage = Stage::default().on(PATCH, 422, json!({}));
    assert_eq!(deliver(&stage, &sms(), 2, Action::Close).await.name(), "refused", "only where a key was sent");
}

#[tokio::test]
async fn each_answer_has_one_outcome() {
    let note = Action::Note(Note { text: "x".to_owned(), ..Note::default() });
    for action in [Action::Reply(reply("x")), note, assign("entity_lee"), Action::Close] {
        check_outcomes(&*account(), &sms(), &action, &[]).await;
    }
    let texts = json!({ "savedMessages": [{ "id": "sm_1", "text": "Our hours" }] });
    check_outcomes(&*account(), &sms(), &snippet("sm_1", Value::Null), &[texts]).await;
    let (untagged, made) = (json!({ "conversation": {} }), json!({ "id": "t1" }));
    check_outcomes(&*account(), &sms(), &tags(&["a"], &[]), &[untagged, made]).await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_any_call() {
    let read_only = event_with(|json| json["data"]["object"]["conversation"]["isReadOnly"] = json!(true));
    let internal = event_with(|json| json["data"]["object"]["conversation"]["type"] = json!("note"));
    let stored = OutgoingAttachment::Stored { id: "m".to_owned(), name: "n".to_owned() };
    let url = OutgoingAttachment::Url { url: "https://x.example".to_owned() };
    let mut nowhere = sms();
    nowhere.conversation.id = None;
    let mut upwards = sms();
    upwards.conversation.id = Some("..".to_owned());
    for (event, action, reason) in [
        (&read_only, Action::Reply(reply("x")), "read-only"),
        (&read_only, Action::Note(Note::default()), "read-only"),
        (&internal, Action::Reply(reply("x")), "internal notes only"),
        (&sms(), Action::Reply(Reply { attachments: vec![stored; 6], ..reply("x") }), "at most five"),
        (&sms(), Action::Reply(Reply { attachments: vec![url], ..reply("x") }), "already has"),
        (&nowhere, Action::Reply(reply("x")), "no conversation"),
        (&upwards, Action::Close, "cannot stand in an address"),
    ] {
        let said = refusal(&*account(), event, action).await;
        assert!(said.contains(reason), "{said}");
    }
    let note = Action::Note(Note { text: "x".to_owned(), ..Note::default() });
    assert_eq!(deliver(&posted(), &internal, 1, note).await, announced());
}

#[tokio::test]
async fn a_saved_message_is_found_on_its_page_and_its_text_posted() {
    let first = json!({ "savedMessages": [{ "id": "sm_1", "text": "no" }], "hasMore": true, "paginationToken": "p 2" });
    let second =
        json!({ "savedMessages": [{ "id": "sm_2", "text": "Our hours", "internal": false }], "hasMore": false });
    let stage = posted().on("GET /v1/savedmessages?pageSize=500", 200, first).on("GET /v1/savedmessages", 200, second);
    let snippet = |id: &str| snippet(id, Value::Null);
    assert_eq!(deliver(&stage, &sms(), 1, snippet("sm_2")).await, announced());
    assert_eq!(stage.lines()[1], "GET /v1/savedmessages?pageSize=500&paginationToken=p+2");
    assert!(stage.log().ends_with(r#"{"body":[{"type":"text","value":"Our hours"}]}"#));

    let internal = json!({ "savedMessages": [{ "id": "sm_3", "text": "For us", "internal": true }] });
    let stage = posted().on("GET", 200, internal.clone()).on("GET", 200, internal).on("GET", 500, json!({}));
    deliver(&stage, &sms(), 1, snippet("sm_3")).await;
    assert!(stage.log().ends_with(r#""internal":true}"#));
    assert_eq!(deliver(&stage, &sms(), 1, snippet("sm_4")).await.name(), "refused");
    assert_eq!(deliver(&stage, &sms(), 1, snippet("sm_4")).await.name(), "try_later");
}

#[tokio::test]
async fn tags_are_read_joined_and_written() {
    let conversation =
        json!({ "conversation": { "tags": [{ "id": "t1", "value": "Old" }, { "id": "t2", "value": "vip" }] } });
    let stage = || Stage::default().on("GET /v1/conversations/t_29S7786ETXXXX", 200, conversation.clone());
    let joined = stage()
        .on("POST /v1/conversations/tags", 201, json!({ "id": "t3", "value": "refund", "object": "tag" }))
        .on(PATCH, 200, json!({}));
    assert_eq!(deliver(&joined, &sms(), 1, tags(&["VIP", "refund"], &["old"])).await, Outcome::done());
    insta::assert_snapshot!(joined.log(), @r#"
    GET https://api.sprucehealth.com/v1/conversations/t_29S7786ETXXXX
    authorization: Bearer org-secret

    POST https://api.sprucehealth.com/v1/conversations/tags
    authorization: Bearer org-secret
    {"value":"refund"}

    PATCH https://api.sprucehealth.com/v1/conversations/t_29S7786ETXXXX
    authorization: Bearer org-secret
    {"tagIds":["t2","t3"]}
    "#);

    let unchanged = stage();
    assert_eq!(deliver(&unchanged, &sms(), 1, tags(&["vip"], &["absent"])).await, Outcome::done());
    assert_eq!(unchanged.lines().len(), 1, "nothing is written where nothing changes");
    let odd = Stage::default().on("GET", 200, json!("?"));
    assert_eq!(
        deliver(&odd, &sms(), 1, tags(&["vip"], &[])).await.name(),
        "refused",
        "a list not read is not replaced"
    );
}

#[tokio::test]
async fn a_conversation_is_assigned_and_archived() {
    let stage = Stage::default().on(PATCH, 200, json!({})).on(PATCH, 200, json!({}));
    assert_eq!(deliver(&stage, &sms(), 1, assign("entity_lee")).await, Outcome::done());
    assert_eq!(deliver(&stage, &sms(), 1, Action::Close).await, Outcome::done());
    let bodies: Vec<String> = stage.log().lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect();
    assert_eq!(bodies, [r#"{"assignToMemberId":"entity_lee"}"#, r#"{"archived":true}"#]);
}

#[tokio::test]
async fn members_and_saved_messages_are_listed() {
    let people = json!({ "hasMore": false, "members": [
        { "id": "e1", "displayName": "Dr. Lee", "email": "lee@example.com", "type": "teammate" },
        { "id": "e2", "name": "Front desk", "type": "team" }, { "name": "no id" },
    ] });
    let texts = json!({ "savedMessages": [{ "id": "sm_1", "title": "Hours", "internal": true }] });
    let stage = Stage::default()
        .on("GET /v1/organization/members?pageSize=500", 200, people)
        .on("GET /v1/savedmessages?pageSize=500", 200, texts)
        .on("GET /v1/organization/members", 403, json!({ "type": "FORBIDDEN" }));
    let found = members(account().members(&stage.reading(), None).await);
    assert_eq!(found, ["e1|Dr. Lee|lee@example.com", "e2|Front desk|team"]);
    assert_eq!(saved(account().snippets(&stage.reading(), None).await), ["sm_1|Hours|internal"]);
    let denied = account().members(&stage.reading(), None).await;
    assert_eq!(denied, Err(ReadError::TryLater { reason: "403 FORBIDDEN".to_owned(), after: None }));
}

#[tokio::test]
async fn a_message_is_found_among_the_newest_items() {
    let item = |direction: &str, note: bool, at: &str| {
        json!({ "conversationItems": [
            { "id": "ti_9", "direction": direction, "isInternalNote": note, "createdAt": at, "text": "On its way" },
        ], "hasMore": false })
    };
    let read_back = async |page: Value, action: Action| {
        let path = "GET /v1/conversations/t_29S7786ETXXXX/items?order=newest_first&pageSize=200";
        let stage = Stage::default().on(path, 200, page);
        account().read_back(&stage.call(&send(action), &sms(), 2)).await
    };
    let landed = ReadBack::Landed { provider_id: Some("ti_9".to_owned()) };
    let note = || Action::Note(Note { text: "On its way".to_owned(), ..Note::default() });
    let since = "2026-03-02T09:59:10Z";
    for (page, action, expected) in [
        (item("outbound", false, since), Action::Reply(reply("On its way")), landed.clone()),
        (item("inbound", false, since), Action::Reply(reply("On its way")), ReadBack::Absent),
        (item("outbound", false, "2026-03-02T08:00:00Z"), Action::Reply(reply("On its way")), ReadBack::Absent),
        (item("none", true, since), note(), landed),
        (item("none", true, since), Action::Reply(reply("On its way")), ReadBack::Absent),
        (Value::Null, Action::Close, ReadBack::Absent),
    ] {
        assert_eq!(read_back(page.clone(), action).await, expected, "{page}");
    }
    for (page, action) in [
        (Value::Null, note()),
        (json!({ "conversationItems": [], "hasMore": true }), note()),
        (Value::Null, Action::Note(Note::default())),
        (Value::Null, snippet("", Value::Null)),
    ] {
        assert!(matches!(read_back(page, action).await, ReadBack::Unclear(_)));
    }
}

/// The reference says that `data` is a string, and no more: whatever is no delivery is left to the lists.
#[tokio::test]
async fn kept_events_are_read_as_deliveries_or_left_out() {
    let delivery = fixture("spruce", "item-inbound-sms");
    let told = |data: Value| json!({ "id": "wev_1", "eventTime": "2026-03-02T09:00:00Z", "data": data, "object": "x" });
    let events: Vec<Value> = [
        json!(delivery.to_string()),
        delivery.clone(),
        json!("no JSON"),
        json!(json!({ "object": delivery["data"]["object"] }).to_string()),
        json!(7),
        Value::Null,
    ]
    .map(told)
    .to_vec();
    let line = "GET /v1/webhooks/endpoints/wde_1/events?startTime=2026-03-02T08%3A00%3A00Z";
    let stage = Stage::default().on(line, 200, json!({ "events": events, "hasMore": true, "paginationToken": "2" }));
    let account = account();
    let Registration::Api(endpoints) = account.registration() else { panic!("by hand") };
    let endpoint = RegisteredEndpoint { id: "wde_1".to_owned(), ..RegisteredEndpoint::default() };
    let since = "2026-03-02T08:00:00Z".parse().unwrap();
    let page = endpoints.stored(&stage.reading(), &endpoint, since, None).await.unwrap();
    let readable: Vec<bool> = page.items.iter().map(Option::is_some).collect();
    assert_eq!((readable, page.next.as_deref()), (vec![true, true, false, false, false, false], Some("2")));
    let key = draft(&*account, &delivery).dedupe_key;
    assert!(page.items.iter().flatten().all(|polled| polled.draft.dedupe_key == key && polled.raw == delivery));
}
