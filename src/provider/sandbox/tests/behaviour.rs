//! What each API does and remembers.

use http::{HeaderName, HeaderValue, Method};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::provider::CallClass;

#[test]
fn sequenzy_reopens_on_a_reply_and_not_on_a_note() {
    let sandbox = sandbox();
    let post = |line: &str, body| ask(&sandbox, Speaks::Sequenzy, &format!("POST /sequenzy/api/v1/{line}"), body).body;
    post("conversations/conv_1/status", json!({ "status": "closed" }));
    post("conversations/conv_1/messages", json!({ "type": "note", "bodyText": "look" }));
    assert_eq!(thread(&sandbox, Speaks::Sequenzy).status, "closed");
    let made = post("conversations/conv_1/messages", json!({ "bodyHtml": "<p>It <b>left</b></p>" }));
    let now = thread(&sandbox, Speaks::Sequenzy);
    assert_eq!((now.status.as_str(), now.messages[2].text.as_str()), ("open", "It left"));
    assert_eq!((&made["message"]["type"], &made["message"]["id"]), (&json!("outbound"), &json!(now.messages[2].id)));
    let nobody = post("subscribers/bulk/tags/add", json!({ "tags": ["vip"], "emails": ["bob@example.org"] }));
    assert_eq!(nobody["matched"], 0);
}

#[test]
fn sequenzy_lists_in_pages_by_the_newest_message() {
    let sandbox = Sandbox::new(Limits::Off);
    for number in 0..5 {
        let at = now() + SignedDuration::from_secs(number);
        let id = format!("conv_{number}");
        sandbox.arrive(Speaks::Sequenzy, Incoming { conversation_id: id, ..incoming(Speaks::Sequenzy, "hi") }, at);
    }
    let page = |query: &str| {
        let answer =
            ask(&sandbox, Speaks::Sequenzy, &format!("GET /sequenzy/api/v1/conversations?{query}"), Value::Null).body;
        let ids: Vec<String> = answer["conversations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect();
        (ids.join(" "), answer["pagination"]["totalPages"].as_u64().unwrap())
    };
    assert_eq!(page("limit=2"), ("conv_4 conv_3".to_owned(), 3));
    assert_eq!(page("limit=2&page=3"), ("conv_0".to_owned(), 3));
    assert_eq!(page("search=ANN%40example&status=open&limit=1"), ("conv_4".to_owned(), 5));
    assert_eq!(page("search=bob"), (String::new(), 0));
    assert_eq!(page("status=closed"), (String::new(), 0));
}

#[test]
fn fernand_carries_out_the_actions_that_come_with_a_reply() {
    let sandbox = sandbox();
    let call = |line: &str, body| ask(&sandbox, Speaks::Fernand, line, body).body;
    let steps = json!([
        { "name": "note", "data": { "content": "<p>by a rule</p>" } }, { "name": "tag", "data": { "name": "refund" } },
        { "name": "assign", "data": { "agent_id": 43 } }, { "name": "status", "data": { "status": "closed" } }
    ]);
    let body = json!({ "content": "<p>hi</p>", "agent_id": 42, "actions": steps, "generated_id": "g1" });
    let made = call("POST /fernand/conversations/12345/reply", body);
    assert_eq!((&made["generated_id"], &made["way"], &made["delay"]), (&json!("g1"), &json!("OUT"), &json!(7)));
    let now = thread(&sandbox, Speaks::Fernand);
    assert_eq!(
        (now.tags.join(" ").as_str(), now.assignee.as_deref(), now.status.as_str()),
        ("refund", Some("43"), "closed")
    );
    let kinds: Vec<EntryKind> = now.messages.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Contact, EntryKind::Reply, EntryKind::Note]);
    let shown = call("GET /fernand/conversations/12345", Value::Null);
    assert_eq!((&shown["status"], &shown["agent_id"]), (&json!("CLOSED"), &json!(43)));
    let timeline = call("GET /fernand/conversations/12345/messages", Value::Null);
    assert_eq!((&timeline[0]["type"], &timeline[2]["way"]), (&json!("NOTE"), &json!("IN")));
    let before = format!("GET /fernand/conversations/12345/messages?before={}", timeline[1]["id"].as_str().unwrap());
    let older = call(&before, Value::Null);
    assert_eq!(older.as_array().unwrap().len(), 1);
    let snippets = call("GET /fernand/snippets", Value::Null);
    assert_eq!((&snippets[0]["id"], &snippets[0]["title"]), (&json!(123), &json!("Order status")));
    assert!(sandbox.take_webhooks().is_empty());
}

#[test]
fn highlevel_announces_what_was_sent_and_makes_contacts_on_demand() {
    let sandbox = sandbox();
    let body = json!({ "type": "SMS", "contactId": "newcomer", "message": "hi" });
    let answer = ask(&sandbox, Speaks::HighLevel, "POST /highlevel/conversations/messages", body).body;
    let webhooks = sandbox.take_webhooks();
    let payload = &webhooks[0].payload;
    assert_eq!(webhooks.len(), 1);
    assert_eq!((&payload["type"], &payload["direction"]), (&json!("OutboundMessage"), &json!("outbound")));
    assert_eq!((&payload["messageId"], &payload["conversationId"]), (&answer["messageId"], &answer["conversationId"]));
    assert!(sandbox.take_webhooks().is_empty());
    let id = answer["conversationId"].as_str().unwrap();
    let list =
        ask(&sandbox, Speaks::HighLevel, &format!("GET /highlevel/conversations/{id}/messages"), Value::Null).body;
    assert_eq!(list["messages"]["messages"][0]["body"], "hi");
}

#[test]
fn highlevel_replaces_a_refresh_token_at_each_use() {
    let sandbox = sandbox();
    let renew = |token: &str| {
        let form = format!(
            "grant_type=refresh_token&client_id=sandboxApp-client&client_secret=sandbox-client-secret&refresh_token={token}"
        );
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let SandboxResponse::Answer { status, body, .. } =
            send_raw(&sandbox, "POST /highlevel/oauth/token", &headers, form.as_bytes())
        else {
            panic!()
        };
        (status, serde_json::from_slice::<Value>(&body).unwrap())
    };
    let (status, first) = renew("sandbox-refresh-token");
    assert_eq!(status, 200);
    assert_eq!(renew("sandbox-refresh-token").0, 400);
    let (status, second) = renew(first["refresh_token"].as_str().unwrap());
    assert_eq!(status, 200);
    assert_ne!(first["access_token"], second["access_token"]);
}

#[test]
fn spruce_takes_a_key_once_per_path_and_forgets_it_after_a_day() {
    let sandbox = sandbox();
    sandbox.arrive(Speaks::Spruce, Incoming { conversation_id: "t_2".to_owned(), ..Incoming::default() }, now());
    let post = |thread: &str, key: &'static str, body: &Value| {
        let line = format!("POST /spruce/v1/conversations/{thread}/messages");
        let headers =
            [("authorization", "Bearer sandbox-key"), ("content-type", "application/json"), ("s-idempotency-key", key)];
        ask_with(&sandbox, &line, &headers, body).status
    };
    let body = json!({ "body": [{ "type": "text", "value": "hi" }] });
    assert_eq!(post("t_1", "k", &json!({ "body": [] })), 400);
    assert_eq!(post("t_1", "k", &body), 200);
    assert_eq!(post("t_1", "k", &body), 422);
    assert_eq!(post("t_2", "k", &body), 200);
    assert_eq!(post("t_1", "k2", &body), 200);
    assert_eq!(post("t_1", "", &body), 400);
    assert_eq!(thread(&sandbox, Speaks::Spruce).messages.len(), 3);
    let later = now() + SignedDuration::from_hours(24);
    let headers =
        [("authorization", "Bearer sandbox-key"), ("content-type", "application/json"), ("s-idempotency-key", "k")];
    let request = SandboxRequest {
        method: Method::POST,
        path: "/spruce/v1/conversations/t_1/messages".to_owned(),
        query: String::new(),
        headers: headers.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect(),
        body: body.to_string().into_bytes(),
    };
    assert!(matches!(sandbox.handle(&request, later), SandboxResponse::Answer { status: 200, .. }));
}

#[test]
fn spruce_answers_an_id_that_its_webhook_and_its_item_carry() {
    let sandbox = sandbox();
    let body = json!({ "internal": true, "body": [
        { "type": "text", "value": "Please look " }, { "type": "page", "value": "entity_0D4QABCC06000" }
    ] });
    let answer = ask(&sandbox, Speaks::Spruce, "POST /spruce/v1/conversations/t_1/messages", body).body;
    let webhook = sandbox.take_webhooks().remove(0).payload;
    let object = &webhook["data"]["object"];
    assert_eq!((&webhook["type"], &object["requestId"]), (&json!("conversationItem.created"), &answer["requestId"]));
    assert_eq!((&object["direction"], &object["isInternalNote"]), (&json!("none"), &json!(true)));
    assert_eq!(object["pages"][0]["memberId"], "entity_0D4QABCC06000");
    assert_eq!(object["conversation"]["id"], "t_1");
    let items = ask(
        &sandbox,
        Speaks::Spruce,
        "GET /spruce/v1/conversations/t_1/items?order=newest_first&pageSize=1",
        Value::Null,
    );
    assert_eq!(items.body["conversationItems"][0]["requestId"], answer["requestId"]);
    assert_eq!((&items.body["hasMore"], &items.body["paginationToken"]), (&json!(true), &json!("1")));
    assert_eq!(thread(&sandbox, Speaks::Spruce).messages[1].text, "Please look @Dr Lee");
}

#[test]
fn spruce_replaces_all_tags_at_once() {
    let sandbox = sandbox();
    let tag = |value: &str| {
        let answer =
            ask(&sandbox, Speaks::Spruce, "POST /spruce/v1/conversations/tags", json!({ "value": value })).body;
        answer["id"].as_str().unwrap().to_owned()
    };
    let (urgent, vip) = (tag("urgent"), tag("vip"));
    assert_eq!(tag("Urgent"), urgent);
    let set = |ids: &[&String]| {
        ask(&sandbox, Speaks::Spruce, "PATCH /spruce/v1/conversations/t_1", json!({ "tagIds": ids }));
        thread(&sandbox, Speaks::Spruce).tags.join(" ")
    };
    assert_eq!(set(&[&urgent, &vip]), "urgent vip");
    assert_eq!(set(&[&vip]), "vip");
}

#[test]
fn published_rate_limits_are_kept_and_shown() {
    let sandbox = Sandbox::default();
    sandbox.arrive(Speaks::Fernand, incoming(Speaks::Fernand, "hi"), now());
    let note =
        || ask(&sandbox, Speaks::Fernand, "POST /fernand/conversations/12345/notes", json!({ "content": "<p>x</p>" }));
    let header = |answer: &Asked, name: &str| answer.headers.iter().find(|(own, _)| own == name).unwrap().1.clone();
    for left in ["4", "3", "2", "1", "0"] {
        let answer = note();
        assert_eq!((answer.status, header(&answer, "x-ratelimit-remaining").as_str()), (200, left));
    }
    let refused = note();
    assert_eq!(refused.status, 429);
    assert_eq!(header(&refused, "x-ratelimit-reset"), (now().as_second() + 60).to_string());
    for _ in 0..20 {
        assert_eq!(ask(&sandbox, Speaks::Fernand, "GET /fernand/agents", Value::Null).status, 200);
    }
    assert_eq!(ask(&sandbox, Speaks::Fernand, "GET /fernand/agents", Value::Null).status, 429);
    let list = || ask(&sandbox, Speaks::Sequenzy, "GET /sequenzy/api/v1/conversations", Value::Null).status;
    assert_eq!((0..21).map(|_| list()).filter(|status| *status == 200).count(), 20);
    let one = Quota { class: CallClass::Any, calls: 1, per: SignedDuration::from_secs(1) };
    let own = Sandbox::new(Limits::Own(vec![(Speaks::Spruce, one)]));
    let members = || ask(&own, Speaks::Spruce, "GET /spruce/v1/organization/members", Value::Null).status;
    assert_eq!((members(), members()), (200, 429));
}

#[test]
fn faults_happen_on_demand_and_then_no_more() {
    let line = "POST /fernand/conversations/12345/notes";
    let body = json!({ "content": "<p>x</p>" }).to_string().into_bytes();
    let headers = [("x-api-key", KEY), ("content-type", "application/json")];
    for (fault, is_done) in [
        (Fault::Status(503, Some(7)), false),
        (Fault::Reset, false),
        (Fault::TakeThenReset, true),
        (Fault::Hang, false),
        (Fault::Garbage, false),
    ] {
        let sandbox = sandbox();
        sandbox.fail_next(Speaks::Fernand, fault, 1);
        if fault == Fault::TakeThenReset {
            assert_eq!(ask(&sandbox, Speaks::Fernand, "GET /fernand/agents", Value::Null).status, 200);
        }
        let first = send_raw(&sandbox, line, &headers, &body);
        let is_as_asked = match (&fault, &first) {
            (Fault::Status(..), SandboxResponse::Answer { status: 503, headers, .. }) => {
                headers.contains(&("retry-after".to_owned(), "7".to_owned()))
            }
            (Fault::Reset | Fault::TakeThenReset, SandboxResponse::Reset) | (Fault::Hang, SandboxResponse::Hang) => {
                true
            }
            (Fault::Garbage, SandboxResponse::Answer { body, .. }) => serde_json::from_slice::<Value>(body).is_err(),
            _ => false,
        };
        assert!(is_as_asked, "{fault:?} {first:?}");
        let notes = || thread(&sandbox, Speaks::Fernand).messages.len() - 1;
        assert_eq!(notes(), usize::from(is_done), "{fault:?}");
        assert!(matches!(send_raw(&sandbox, line, &headers, &body), SandboxResponse::Answer { status: 200, .. }));
        assert_eq!(notes(), usize::from(is_done) + 1);
    }
}
