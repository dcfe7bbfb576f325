//! What each API refuses: a request, and the status it is answered with.

use serde_json::{Value, json};

use super::*;

#[test]
fn every_api_wants_its_credentials_its_content_type_and_its_json() {
    let writes = [
        (
            Speaks::Sequenzy,
            "POST /sequenzy/api/v1/conversations/conv_1/messages",
            json!({ "bodyText": "hi" }),
            401,
            415,
            400,
        ),
        (
            Speaks::Fernand,
            "POST /fernand/conversations/12345/reply",
            json!({ "content": "<p>hi</p>", "agent_id": 42 }),
            401,
            415,
            400,
        ),
        (
            Speaks::HighLevel,
            "POST /highlevel/conversations/messages",
            json!({ "type": "SMS", "contactId": "c1", "message": "hi" }),
            401,
            422,
            422,
        ),
        (
            Speaks::Spruce,
            "POST /spruce/v1/conversations/t_1/messages",
            json!({ "body": [{ "type": "text", "value": "hi" }] }),
            403,
            400,
            400,
        ),
    ];
    for (who, line, body, unauthorised, media_type, refused) in writes {
        let with = |headers: &[_], body: &Value| ask_with(&sandbox(), line, headers, body).status;
        let mut right = headers(who);
        assert_eq!(with(&right, &body), media_type, "{line}");
        right.push(("content-type", "application/json; charset=utf-8"));
        assert_eq!(with(&right, &body), 200, "{line}");
        assert_eq!(with(&right[1..], &body), unauthorised, "{line}");
        let wrong = [("authorization", "Bearer other"), ("x-api-key", "other"), ("content-type", "application/json")];
        assert_eq!(with(&wrong, &body), unauthorised, "{line}");
        let mut unknown_field = body.clone();
        unknown_field["noSuchField"] = json!(1);
        assert_eq!(with(&right, &unknown_field), refused, "{line}");
        let SandboxResponse::Answer { status, .. } = send_raw(&sandbox(), line, &right, b"{") else { panic!() };
        assert_eq!(status, refused, "{line}");
        assert_eq!(
            ask(&sandbox(), who, &line.replace("messages", "nothing").replace("reply", "nothing"), body).status,
            404
        );
    }
    assert_eq!(ask(&sandbox(), Speaks::Sequenzy, "GET /zendesk/x", Value::Null).status, 404);
}

#[test]
fn sequenzy_is_strict() {
    let messages = "POST /sequenzy/api/v1/conversations/conv_1/messages";
    let status = "POST /sequenzy/api/v1/conversations/conv_1/status";
    let tags = "POST /sequenzy/api/v1/subscribers/bulk/tags/add";
    let file = json!({ "filename": "a.txt", "content": "aGk=" });
    check(
        Speaks::Sequenzy,
        &[
            (messages, json!({}), 400),
            (messages, json!({ "bodyText": " " }), 400),
            (messages, json!({ "bodyHtml": "<p>hi</p>" }), 200),
            (messages, json!({ "type": "reply", "bodyText": "hi" }), 400),
            (messages, json!({ "bodyText": 1 }), 400),
            (messages, json!({ "bodyText": "hi", "attachments": [file] }), 200),
            (messages, json!({ "bodyText": "hi", "attachments": vec![file.clone(); 11] }), 400),
            (messages, json!({ "bodyText": "hi", "attachments": [{ "filename": "a", "content": "%%" }] }), 400),
            ("POST /sequenzy/api/v1/conversations/conv_2/messages", json!({ "bodyText": "hi" }), 404),
            (status, json!({ "status": "closed" }), 200),
            (status, json!({ "status": "archived" }), 400),
            (status, json!({}), 400),
            (tags, json!({ "tags": ["vip"], "emails": ["ann@example.org"] }), 200),
            (tags, json!({ "tags": [], "emails": ["ann@example.org"] }), 400),
            (tags, json!({ "tags": ["vip"] }), 400),
            (tags, json!({ "tags": ["vip"], "emails": [], "subscriberIds": [] }), 400),
            ("GET /sequenzy/api/v1/conversations?limit=101", Value::Null, 400),
            ("GET /sequenzy/api/v1/conversations?status=archived", Value::Null, 400),
            ("GET /sequenzy/api/v1/conversations/none", Value::Null, 404),
        ],
    );
}

#[test]
fn fernand_is_strict() {
    let (reply, notes) = ("POST /fernand/conversations/12345/reply", "POST /fernand/conversations/12345/notes");
    let action = json!({ "name": "tag", "data": { "name": "x" } });
    let with = |actions: Value| json!({ "agent_id": 42, "actions": actions });
    check(
        Speaks::Fernand,
        &[
            (reply, json!({ "content": "<p>hi</p>" }), 400),
            (reply, json!({ "content": "<p>hi</p>", "agent_id": 99 }), 400),
            (reply, json!({ "content": "<p>hi</p>", "agent_email": "who@example.org" }), 400),
            (reply, json!({ "content": "<p>hi</p>", "agent_email": AGENT_EMAIL, "delay": 86_400 }), 200),
            (reply, json!({ "content": "<p>hi</p>", "agent_id": 42, "delay": 86_401 }), 400),
            (reply, json!({ "content": "<p>hi</p>", "agent_id": 42, "delay": -1 }), 400),
            (reply, json!({ "agent_id": 42 }), 400),
            (reply, with(json!([action])), 200),
            (reply, with(json!(vec![action.clone(); 10])), 200),
            (reply, with(json!(vec![action.clone(); 11])), 400),
            (reply, with(json!([{ "name": "explode", "data": {} }])), 400),
            (reply, with(json!([{ "name": "tag", "data": {} }])), 400),
            (reply, with(json!([{ "name": "assign", "data": { "agent_id": 99 } }])), 400),
            (reply, with(json!([{ "name": "status", "data": { "status": "gone" } }])), 400),
            (reply, with(json!([{ "name": "tag", "data": { "name": "x" }, "snippet_id": 999 }])), 400),
            (notes, json!({ "content": "<p>look</p>", "mentions": ["42", "everyone"] }), 200),
            (notes, json!({ "content": "<p>look</p>", "mentions": ["99"] }), 400),
            (notes, json!({ "content": "<p>look</p>", "mentions": [42] }), 400),
            (notes, json!({ "content": " " }), 400),
            (notes, json!({}), 400),
            ("POST /fernand/conversations/abc/reply", json!({ "content": "x", "agent_id": 42 }), 400),
            ("POST /fernand/conversations/1/reply", json!({ "content": "x", "agent_id": 42 }), 404),
            ("POST /fernand/conversations/12345/tags", json!({ "name": "x".repeat(51) }), 400),
            ("POST /fernand/conversations/12345/tags", json!({ "name": "urgent" }), 200),
            ("DELETE /fernand/conversations/12345/tags/urgent", Value::Null, 404),
            ("PATCH /fernand/conversations/12345", json!({ "status": "CLOSED" }), 200),
            ("PATCH /fernand/conversations/12345", json!({ "status": "closed" }), 400),
            ("PATCH /fernand/conversations/12345", json!({ "status": "SNOOZED" }), 400),
            ("PATCH /fernand/conversations/12345", json!({ "agent_id": null }), 200),
            ("PATCH /fernand/conversations/12345", json!({ "agent_id": 99 }), 400),
            ("PATCH /fernand/conversations/12345", json!({ "subject": "x".repeat(81) }), 400),
            ("GET /fernand/conversations?limit=2", Value::Null, 400),
            ("GET /fernand/conversations?limit=3", Value::Null, 200),
        ],
    );
}

#[test]
fn highlevel_is_strict() {
    let messages = "POST /highlevel/conversations/messages";
    let (notes, tags) = ("POST /highlevel/contacts/c1/notes", "POST /highlevel/contacts/c1/tags");
    let sms = |more: Value| {
        let mut body = json!({ "type": "SMS", "contactId": "c1", "message": "hi" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    check(
        Speaks::HighLevel,
        &[
            (messages, json!({ "type": "SMS", "message": "hi" }), 422),
            (messages, json!({ "contactId": "c1", "message": "hi" }), 422),
            (messages, sms(json!({ "type": "sms" })), 422),
            (messages, sms(json!({ "contactId": "" })), 400),
            (messages, sms(json!({ "message": "" })), 400),
            (messages, sms(json!({ "message": "", "attachments": ["https://x.example/a.pdf"] })), 200),
            (messages, sms(json!({ "attachments": ["a.pdf"] })), 422),
            (messages, sms(json!({ "templateId": "template123", "message": null })), 200),
            (messages, sms(json!({ "templateId": "none" })), 400),
            (messages, sms(json!({ "type": "Custom" })), 400),
            (messages, sms(json!({ "type": "Custom", "conversationProviderId": "p" })), 200),
            (messages, sms(json!({ "type": "InternalComment", "mentions": ["sbxUserLee"] })), 200),
            (messages, sms(json!({ "type": "InternalComment", "mentions": ["nobody"] })), 400),
            (messages, sms(json!({ "type": "Email", "emailReplyMode": "all" })), 422),
            (messages, sms(json!({ "type": "Email", "threadId": "none" })), 400),
            (notes, json!({ "body": "look" }), 201),
            (notes, json!({ "body": "" }), 422),
            (notes, json!({ "text": "look" }), 422),
            (tags, json!({ "tags": ["vip"] }), 201),
            (tags, json!({ "tags": [] }), 422),
            ("DELETE /highlevel/contacts/c1/tags", json!({ "tags": ["vip"] }), 200),
            ("PUT /highlevel/contacts/c1", json!({ "assignedTo": "sbxUserSam" }), 200),
            ("PUT /highlevel/contacts/c1", json!({ "assignedTo": "nobody" }), 400),
            ("GET /highlevel/conversations/none", Value::Null, 404),
            ("GET /highlevel/conversations/none/messages", Value::Null, 404),
        ],
    );
    let version = |line: &str, version: &'static str| {
        let headers =
            [("authorization", "Bearer sandbox-key"), ("content-type", "application/json"), ("version", version)];
        ask_with(&sandbox(), line, &headers, &sms(json!({}))).status
    };
    assert_eq!(version(messages, "2021-04-15"), 200);
    assert_eq!(version(messages, "2021-07-28"), 401);
    assert_eq!(version("GET /highlevel/contacts/c1", "2021-04-15"), 401);
    let without = [("authorization", "Bearer sandbox-key"), ("content-type", "application/json")];
    assert_eq!(ask_with(&sandbox(), messages, &without, &sms(json!({}))).status, 401);
}

#[test]
fn spruce_is_strict() {
    let messages = "POST /spruce/v1/conversations/t_1/messages";
    let text = json!({ "type": "text", "value": "hi" });
    let page = json!({ "type": "page", "value": "entity_0D4QABCC06000" });
    let file = json!({ "attachmentId": "a1", "title": "A" });
    let patch = "PATCH /spruce/v1/conversations/t_1";
    check(
        Speaks::Spruce,
        &[
            (messages, json!({ "body": [] }), 400),
            (messages, json!({ "text": "hi" }), 400),
            (messages, json!({ "body": [{ "type": "html", "value": "hi" }] }), 400),
            (messages, json!({ "body": [page] }), 400),
            (messages, json!({ "body": [text, page], "internal": true }), 200),
            (messages, json!({ "body": [{ "type": "page", "value": "entity_none" }], "internal": true }), 400),
            (messages, json!({ "body": [text], "author": "entity_none" }), 400),
            (messages, json!({ "body": [text], "author": "entity_0D4QABCC06001", "stayArchived": true }), 200),
            (messages, json!({ "body": [text], "attachments": vec![file.clone(); 5] }), 200),
            (messages, json!({ "body": [text], "attachments": vec![file.clone(); 6] }), 400),
            ("POST /spruce/v1/conversations/t_2/messages", json!({ "body": [text] }), 404),
            (patch, json!({ "archived": true }), 200),
            (patch, json!({ "archived": "yes" }), 400),
            (patch, json!({ "assignToMemberId": "entity_none" }), 400),
            (patch, json!({ "assignToMemberId": "" }), 200),
            (patch, json!({ "tagIds": ["none"] }), 400),
            (patch, json!({ "tagIds": [] }), 200),
            (patch, json!({ "tags": ["urgent"] }), 400),
            ("POST /spruce/v1/conversations/tags", json!({ "value": "urgent" }), 201),
            ("POST /spruce/v1/conversations/tags", json!({ "value": "" }), 400),
            ("GET /spruce/v1/organization/members?pageSize=501", Value::Null, 400),
            ("GET /spruce/v1/conversations/t_1/items?order=backwards", Value::Null, 400),
            ("GET /spruce/v1/conversations/t_1/items?startFrom=yesterday", Value::Null, 400),
            ("GET /spruce/v1/conversations/none", Value::Null, 404),
        ],
    );
}

#[test]
fn every_list_wants_its_credentials_and_knows_its_parameters() {
    let lists = [
        (Speaks::Sequenzy, "/sequenzy/api/v1/conversations", 401, 400),
        (Speaks::Sequenzy, "/sequenzy/api/v1/conversations/conv_1", 401, 400),
        (Speaks::Fernand, "/fernand/conversations", 401, 400),
        (Speaks::Fernand, "/fernand/conversations/12345/messages", 401, 400),
        (Speaks::HighLevel, "/highlevel/conversations/search?locationId=sandboxLocation", 401, 422),
        (Speaks::HighLevel, "/highlevel/conversations/conversation1/messages", 401, 422),
        (Speaks::Spruce, "/spruce/v1/conversations", 403, 400),
        (Speaks::Spruce, "/spruce/v1/conversations/t_1/items", 403, 400),
        (Speaks::Spruce, "/spruce/v1/organization/members", 403, 400),
        (Speaks::Spruce, "/spruce/v1/savedmessages", 403, 400),
    ];
    for (who, path, unauthorised, refused) in lists {
        let line = format!("GET {path}");
        let more = if path.contains('?') { '&' } else { '?' };
        assert_eq!(ask(&sandbox(), who, &line, Value::Null).status, 200, "{line}");
        let other = [("authorization", "Bearer other"), ("x-api-key", "other"), ("version", "2021-04-15")];
        assert_eq!(ask_with(&sandbox(), &line, &other, &Value::Null).status, unauthorised, "{line}");
        assert_eq!(ask(&sandbox(), who, &format!("{line}{more}colour=red"), Value::Null).status, refused, "{line}");
    }
}

#[test]
fn lists_refuse_what_is_out_of_bounds() {
    let (sequenzy, fernand) = ("GET /sequenzy/api/v1/conversations", "GET /fernand/conversations");
    let (search, spruce) = ("GET /highlevel/conversations/search?locationId=", "GET /spruce/v1/conversations");
    for (who, line, expected) in [
        (Speaks::Sequenzy, format!("{sequenzy}?unread=maybe"), 400),
        (Speaks::Sequenzy, format!("{sequenzy}?page=0"), 400),
        (Speaks::Sequenzy, format!("{sequenzy}?status=open&status=closed"), 400),
        (Speaks::Fernand, format!("{fernand}?cursor=none"), 400),
        (Speaks::Fernand, "GET /fernand/contacts/9".to_owned(), 404),
        (Speaks::HighLevel, format!("{search}other"), 401),
        (Speaks::HighLevel, format!("{search}sandboxLocation&status=open"), 422),
        (Speaks::HighLevel, format!("{search}sandboxLocation&startAfterDate=now"), 422),
        (Speaks::HighLevel, format!("{search}sandboxLocation&limit=101"), 422),
        (Speaks::HighLevel, "GET /highlevel/users/?locationId=sandboxLocation".to_owned(), 401),
        (Speaks::Spruce, format!("{spruce}?startFrom=2026-01-01T00:00:00Z&paginationToken=1"), 400),
        (Speaks::Spruce, format!("{spruce}?startFrom=yesterday"), 400),
        (Speaks::Spruce, format!("{spruce}?orderBy=title"), 400),
        (Speaks::Spruce, format!("{spruce}?pageSize=201"), 400),
    ] {
        assert_eq!(ask(&sandbox(), who, &line, Value::Null).status, expected, "{line}");
    }
}
