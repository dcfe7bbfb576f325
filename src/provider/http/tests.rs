//! A described desk: what is sent for each action, what the answers mean, and what is refused when it is opened.

use std::sync::Mutex;

use async_trait::async_trait;
use http::HeaderMap;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::HttpProvider;
use crate::http::{CallError, Http, Request, Response};
use crate::model::action::Paged;
use crate::model::capability::Support;
use crate::model::{AccountName, Action, Assign, Event, Note, Outcome, Reply, SnippetCall, TagChange};
use crate::provider::conformance::{NoVault, OneAnswer, normalise, now, run, sample_event, send};
use crate::provider::{Adapter, Call, Normalised, Provider, ReadBack};

fn settings() -> Value {
    json!({
        "base_url": "https://desk.example/api/",
        "headers": { "Authorization": "Bearer hunter2" },
        "actions": {
            "reply": {
                "path": "/tickets/{{ conversation.id }}/replies", "query": { "by": "{{ contact.email }}" },
                "body": { "text": "{{ text }}", "html": "{{ html }}", "subject": "Re: {{ subject }}", "draft": false },
                "id": "/reply/id"
            },
            "note": {
                "path": "/tickets/{{ conversation.id }}/notes",
                "body": { "text": "{{ text }}", "mentions": "{{ page }}", "names": ["{{ mentions | join(', ') }}", 1] },
                "headers": { "X-Rule": "{{ event.kind }}" }, "idempotency_header": "Idempotency-Key"
            },
            "snippet": { "path": "/macros/{{ snippet.id }}", "body": "{{ snippet.data }}" },
            "tag": { "method": "PATCH", "path": "/tickets/{{ conversation.id }}", "body": { "add": "{{ tags.add }}", "remove": "{{ tags.remove }}" } },
            "assign": { "method": "PUT", "path": "/tickets/{{ conversation.id }}/owner/{{ member }}" },
            "close": { "method": "DELETE", "path": "/tickets/{{ conversation.id }}", "success": [204, 410] }
        },
        "read_back": { "path": "/tickets/{{ conversation.id }}/messages?order=desc", "items": "/data", "text": "/body", "at": "/at", "id": "/id" }
    })
}

fn open(settings: &Value) -> Result<std::sync::Arc<dyn Adapter>, String> {
    let opened = HttpProvider.open(&AccountName::from("desk"), settings);
    opened.map_err(|faults| {
        faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect::<Vec<_>>().join("\n")
    })
}

fn answer(status: u16, body: Value) -> Result<Response, CallError> {
    Ok(Response { status, headers: HeaderMap::new(), body: body.to_string().into_bytes() })
}

fn deliver(settings: &Value, event: &Event, action: Action, answer: Result<Response, CallError>) -> (Outcome, String) {
    let (adapter, http, send) = (open(settings).unwrap(), OneAnswer::new(answer), send(action));
    let call =
        Call { send: &send, event, may_have_landed: false, taken: &[], now: now(), http: &http, vault: &NoVault };
    let outcome = run(adapter.deliver(&call));
    let seen = http.seen.into_inner().unwrap();
    let show = |request: &Request| {
        let headers: Vec<String> =
            request.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        format!(
            "{} {}\n{}\n{}",
            request.method,
            request.url,
            headers.join("\n"),
            String::from_utf8_lossy(&request.body)
        )
    };
    (outcome, seen.iter().map(show).collect::<Vec<_>>().join("\n"))
}

fn reply() -> Action {
    Action::Reply(Reply { text: "Say \"yes\"\n& go".to_owned(), html: "<p>yes</p>".to_owned(), ..Reply::default() })
}

fn note() -> Action {
    let page = |alias: &str, id: &str| Paged { alias: alias.to_owned(), id: id.to_owned() };
    Action::Note(Note {
        text: "look".to_owned(),
        page: vec![page("dr-lee", "42"), page("sam", "43")],
        ..Note::default()
    })
}

#[test]
fn each_action_is_sent_as_described() {
    let seen = |action| deliver(&settings(), &sample_event(), action, answer(200, json!({}))).1;
    insta::assert_snapshot!(seen(reply()), @r#"
    POST https://desk.example/api/tickets/12345/replies?by=ann%40example.org
    content-type: application/json
    authorization: Bearer hunter2
    {"text":"Say \"yes\"\n& go","html":"<p>yes</p>","subject":"Re: Order 7","draft":false}
    "#);
    insta::assert_snapshot!(seen(note()), @r#"
    POST https://desk.example/api/tickets/12345/notes
    content-type: application/json
    x-rule: message.received
    idempotency-key: idempotency-key-1
    authorization: Bearer hunter2
    {"text":"look","mentions":["42","43"],"names":["dr-lee, sam",1]}
    "#);
    let data = json!({ "order": 7 });
    insta::assert_snapshot!(seen(Action::Snippet(SnippetCall { id: "a/b".to_owned(), data })), @r#"
    POST https://desk.example/api/macros/a%2Fb
    content-type: application/json
    authorization: Bearer hunter2
    {"order":7}
    "#);
    insta::assert_snapshot!(seen(Action::Tag(TagChange { add: vec!["vip".to_owned()], remove: vec![] })), @r#"
    PATCH https://desk.example/api/tickets/12345
    content-type: application/json
    authorization: Bearer hunter2
    {"add":["vip"],"remove":[]}
    "#);
    let assign = Assign { alias: "dr-lee".to_owned(), id: "42".to_owned() };
    insta::assert_snapshot!(seen(Action::Assign(assign)), @r"
    PUT https://desk.example/api/tickets/12345/owner/42
    authorization: Bearer hunter2
    ");
}

#[test]
fn an_id_of_a_stranger_stays_inside_its_segment() {
    let path = |id: &str| {
        let mut event = sample_event();
        event.conversation.id = Some(id.to_owned());
        let (outcome, seen) = deliver(&settings(), &event, Action::Close, answer(204, json!({})));
        (outcome.name(), seen.lines().next().unwrap_or_default().to_owned())
    };
    for (id, expected) in [
        ("a/../b?x#y%2e", "DELETE https://desk.example/api/tickets/a%2F..%2Fb%3Fx%23y%252e"),
        ("é z", "DELETE https://desk.example/api/tickets/%C3%A9%20z"),
    ] {
        assert_eq!(path(id), ("delivered", expected.to_owned()));
    }
    for id in ["", ".", "..", &"x".repeat(300)] {
        assert_eq!(path(id), ("refused", String::new()), "{id:?}");
    }
}

#[test]
fn what_is_undefined_refuses_the_send_and_is_named() {
    let mut event = sample_event();
    event.conversation.subject = None;
    let (outcome, seen) = deliver(&settings(), &event, reply(), answer(200, json!({})));
    let Outcome::Refused { reason } = outcome else { panic!("{outcome:?}") };
    insta::assert_snapshot!(reason, @"actions.reply.body.subject cannot be filled in: `subject` is undefined");
    assert_eq!(seen, "");
    event.conversation.id = None;
    let (outcome, _) = deliver(&settings(), &event, Action::Close, answer(200, json!({})));
    let Outcome::Refused { reason } = outcome else { panic!("{outcome:?}") };
    insta::assert_snapshot!(reason, @"actions.close.path cannot be filled in: `conversation.id` is undefined");
}

#[test]
fn success_is_what_was_said_to_be_success() {
    let with = |success: Value| {
        let mut settings = settings();
        settings["actions"]["reply"]["success"] = success;
        settings
    };
    let name = |settings: &Value, status, body| deliver(settings, &sample_event(), reply(), answer(status, body)).0;
    let id = |id: &str| Outcome::Delivered { provider_id: Some(id.to_owned()), request_id: None };
    assert_eq!(name(&settings(), 200, json!({ "reply": { "id": 7 } })), id("7"));
    let listed = with(json!([201, 409]));
    assert_eq!(name(&listed, 409, json!({ "reply": { "id": "x" } })), id("x"));
    assert_eq!(name(&listed, 200, json!({})).name(), "refused");
    assert_eq!(name(&listed, 500, json!({})).name(), "unknown");
    let values = with(json!({ "/ok": true }));
    assert_eq!(name(&values, 200, json!({ "ok": true })).name(), "delivered");
    assert_eq!(
        name(&values, 200, json!({ "ok": false })),
        Outcome::Refused { reason: "200, but `/ok` is not as `success` wants".to_owned() }
    );
    assert_eq!(name(&values, 503, json!({ "ok": true })).name(), "try_later");
}

#[test]
fn an_action_is_told_again_where_it_is_described_with_a_key() {
    let unclear = |action| deliver(&settings(), &sample_event(), action, answer(500, json!({}))).0.name();
    assert_eq!((unclear(reply()), unclear(note())), ("unknown", "unknown"));
    let adapter = open(&settings()).unwrap();
    let has_key = |action| adapter.remembers_keys_for(&action).is_some();
    assert_eq!((has_key(reply()), has_key(note())), (false, true));
}

#[test]
fn capabilities_follow_the_description() {
    let missing = |settings: &Value| -> Vec<&str> {
        let rows = HttpProvider.capabilities_of(settings);
        rows.iter().filter(|row| row.support != Support::Native).map(|row| row.name).collect()
    };
    let parts = ["reply.as", "reply.attachments.inline", "reply.attachments.url", "reply.attachments.stored"];
    assert_eq!(missing(&settings()), parts);
    let reply = json!({ "path": "/x", "body": { "by": "{{ sender | default(none) }}", "files": "{{ attachments }}" } });
    let some = json!({ "base_url": "https://x.example", "actions": { "reply": reply } });
    assert_eq!(missing(&some), ["reply.subject", "note", "note.page", "snippet", "tag", "assign", "close"]);
}

#[test]
fn everything_wrong_is_found_when_it_is_opened() {
    let wrong = json!({
        "base_url": "desk.example",
        "headers": { "X Y": "hunter2", "Host": "hunter2", "X-Ok": "hunter2\n" },
        "actions": {
            "reply": { "path": "tickets", "body": { "a": ["{{ txt }}", "{% if %}"], "b": "{{ page }}" }, "id": "reply" },
            "close": { "path": "/{{ conversation.id", "query": { "q": "{{ text }}" }, "success": [20] },
            "tag": { "path": "/x", "idempotency_header": "no such", "headers": { "Content-Length": "1" } }
        },
        "read_back": { "path": "/m", "items": "data", "text": "/t", "at": "" }
    });
    let faults = open(&wrong).err().unwrap();
    assert!(!faults.contains("hunter2"));
    insta::assert_snapshot!(faults, @r"
    base_url: is not an http or https address; write it like https://desk.example/api
    headers/Host: `Host` is set by the connection itself
    headers/X Y: `X Y` is not the name of an HTTP header
    headers/X-Ok: is empty or holds characters that cannot stand in an HTTP header
    actions/reply/path: must begin with one `/`; it is put behind `base_url`
    actions/reply/body/a/0: there is no variable `txt` here; did you mean `text`? (known: conversation, contact, message, event, idempotency_key, text, html, subject, sender, attachments)
    actions/reply/body/a/1: is not a template: unexpected end of block
    actions/reply/body/b: there is no variable `page` here (known: conversation, contact, message, event, idempotency_key, text, html, subject, sender, attachments)
    actions/reply/id: `reply` is not a JSON pointer; write it like /reply/id
    actions/tag/headers/Content-Length: `Content-Length` is set by the connection itself
    actions/tag/idempotency_header: `no such` is not the name of an HTTP header
    actions/close/path: is not a template: unexpected end of input, expected end of variable block
    actions/close/query/q: there is no variable `text` here (known: conversation, contact, message, event, idempotency_key)
    actions/close/success: is not a list of status codes, such as [200, 201]
    read_back/items: `data` is not a JSON pointer; write it like /reply/id
    ");
}

#[test]
fn any_json_is_a_message_under_the_hash_of_its_bytes() {
    let adapter = open(&settings()).unwrap();
    let Normalised::Event(draft) = normalise(&*adapter, &json!({ "a": 1 })) else { panic!() };
    assert_eq!(draft.dedupe_key, "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862");
    assert_eq!(draft.kind.as_str(), "message.received");
}

/// Answers every reading with one list.
struct List(Value, Mutex<String>);

#[async_trait]
impl Http for List {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        *self.1.lock().unwrap() = format!("{} {}", request.method, request.url);
        answer(200, self.0.clone())
    }
}

#[test]
fn a_reply_is_read_back_only_from_a_list_that_shows_the_newest() {
    let adapter = open(&settings()).unwrap();
    let event = sample_event();
    let send = send(Action::Reply(Reply { text: "It left\ntoday.".to_owned(), ..Reply::default() }));
    let look = |items: Value| {
        let http = List(json!({ "data": items }), Mutex::default());
        let later = now() + SignedDuration::from_mins(1);
        let call = Call {
            send: &send,
            event: &event,
            may_have_landed: true,
            taken: &[],
            now: later,
            http: &http,
            vault: &NoVault,
        };
        let found = run(adapter.read_back(&call));
        assert_eq!(*http.1.lock().unwrap(), "GET https://desk.example/api/tickets/12345/messages?order=desc");
        found
    };
    let at = |seconds: i64| (now() + SignedDuration::from_secs(seconds)).to_string();
    let question = json!({ "id": 1, "body": "Where is it?", "at": at(0) });
    let landed = ReadBack::Landed { provider_id: Some("2".to_owned()) };
    assert_eq!(look(json!([question, { "id": 2, "body": "<p>It <b>left</b> today.</p>", "at": at(5) }])), landed);
    assert_eq!(look(json!([question, { "id": 2, "body": "It left today.", "at": at(-3600) }])), ReadBack::Absent);
    assert_eq!(look(json!([question])), ReadBack::Absent);
    assert!(matches!(look(json!([])), ReadBack::Unclear(_)));
    assert!(matches!(look(json!([{ "id": 0, "body": "old", "at": at(-86_400) }])), ReadBack::Unclear(_)));
    assert!(matches!(look(json!({})), ReadBack::Unclear(_)));
}
