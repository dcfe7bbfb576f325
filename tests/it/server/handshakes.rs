//! Senders that ask before they send, that sign in the body, and that send forms.

use rejoinder::clock::Clock;
use rejoinder::http::Response;
use rejoinder::signature::{Signing, generate_ed25519};
use serde_json::{Value, json};

use super::problem;
use crate::stage::{Server, Stage};

/// Sources of an API by description, one for each of these senders.
const SOURCES: &str = r#"sources:
  chat: { account: api, verify: { scheme: slack, secrets: [planted-secret] } }
  app: { account: api, verify: { scheme: front-app, secrets: [planted-secret] } }
  guild: { account: api, verify: { scheme: discord, keys: ["{key}"] } }
  mail: { account: api, verify: { scheme: mailgun, secrets: [planted-secret] }, map: { event.id: /event-data/id } }
  phone:
    account: api
    verify: { scheme: twilio, url: "https://bot.example/webhooks/phone", secrets: [planted-secret] }
    map: { event.id: /MessageSid, event.kind: /Kind, message.text: /Body, contact.phone: /From, kinds: { sms: message.received } }
"#;

async fn stage() -> Stage {
    let mut stage = Stage::set().await;
    let (private, public) = generate_ed25519().unwrap();
    stage.key = private;
    let path = stage.path("rejoinder.yaml");
    let config = std::fs::read_to_string(&path).unwrap();
    let accounts = "accounts:\n  api: { provider: http, base_url: https://desk.example/api }\n";
    let config = config.replace("accounts:\n", accounts).replace("sources:\n", &SOURCES.replace("{key}", &public));
    std::fs::write(path, config).unwrap();
    stage
}

async fn post(server: &Server, stage: &Stage, source: &str, more: &[(&str, &str)], body: &Value) -> Response {
    let body = body.to_string();
    let mut headers = stage.sign(source, &body);
    headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    server.post(source, &headers, &body).await
}

/// A body with its signature in it.
fn sealed(stage: &Stage, source: &str, body: &str) -> Value {
    let settings = stage.settings();
    let found = settings.sources.iter().find(|one| one.name.as_str() == source).unwrap();
    let now = Clock::system().now();
    let sealed = found.verifier.seal(&Signing { body: body.as_bytes(), id: "msg_1", now, private_key: None }).unwrap();
    serde_json::from_slice(&sealed).unwrap()
}

async fn events(server: &Server, source: &str) -> Vec<Value> {
    let listed = server.get(&format!("/api/v1/events?source={source}")).await.json();
    listed["events"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_is_answered_once_it_is_verified_and_nothing_is_kept() {
    let stage = stage().await;
    let server = stage.serve().await;
    let verification = json!({ "type": "url_verification", "challenge": "3eZbrw1a" });
    let unsigned = server.post("chat", &[], &verification.to_string()).await;
    assert_eq!(problem(&unsigned).0, 401);
    let front = [("x-front-challenge", "r4nd0m")];
    for (source, more, body, want) in [
        ("chat", &[][..], verification, json!({ "challenge": "3eZbrw1a" })),
        ("app", &front[..], json!({ "type": "sync" }), json!({ "challenge": "r4nd0m" })),
        ("guild", &[][..], json!({ "type": 1, "id": "1" }), json!({ "type": 1 })),
    ] {
        let answer = post(&server, &stage, source, more, &body).await;
        assert_eq!((answer.status, answer.json()), (200, want), "{source}");
        assert_eq!(events(&server, source).await, Vec::<Value>::new(), "{source}");
    }
    let ping = post(&server, &stage, "guild", &[], &json!({ "version": 1, "type": 0 })).await;
    assert_eq!((ping.status, ping.body.len()), (204, 0));
    let event = json!({ "version": 1, "type": 1, "event": { "type": "ENTITLEMENT_CREATE" } });
    assert_eq!(post(&server, &stage, "guild", &[], &event).await.json()["status"], "accepted");
    assert_eq!(events(&server, "guild").await.len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_beside_the_body_is_good_for_one_event_also_after_a_restart() {
    let stage = stage().await;
    let server = stage.serve().await;
    let genuine = sealed(&stage, "mail", r#"{"event-data":{"id":"1"}}"#);
    assert_eq!(post(&server, &stage, "mail", &[], &genuine).await.json()["status"], "accepted");
    assert_eq!(post(&server, &stage, "mail", &[], &genuine).await.json()["status"], "duplicate");
    let mut forged = genuine.clone();
    forged["event-data"]["id"] = "2".into();
    assert_eq!(problem(&post(&server, &stage, "mail", &[], &forged).await).0, 401);
    server.logs("reason=\"replayed\"").await;
    server.stop().await;

    let server = stage.serve().await;
    assert_eq!(problem(&post(&server, &stage, "mail", &[], &forged).await).0, 401);
    assert_eq!(post(&server, &stage, "mail", &[], &genuine).await.json()["status"], "duplicate");
    assert_eq!(events(&server, "mail").await.len(), 1);
    stage.write("mail.json", r#"{"event-data":{"id":"3"}}"#);
    let sent = server.run(&stage, &["send", "mail", "mail.json"]).fine().stdout;
    assert!(sent.starts_with("200 {\"status\":\"accepted\""), "{sent}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_read_as_an_object_of_its_fields() {
    let stage = stage().await;
    let server = stage.serve().await;
    let form = "Kind=sms&MessageSid=SM1&From=%2B15550100&Body=Hello+there&MediaUrl=a&MediaUrl=b&MediaUrl=c";
    let headers = stage.sign("phone", form);
    let answer = server.post("phone", &headers, form).await;
    assert_eq!(answer.json()["status"], "accepted");
    let event = &events(&server, "phone").await[0]["event"];
    assert_eq!((&event["kind"], &event["message"]["text"]), (&json!("message.received"), &json!("Hello there")));
    assert_eq!(event["contact"]["phone"], "+15550100");
    assert_eq!(event["raw"]["MediaUrl"], json!(["a", "b", "c"]));
    let changed = server.post("phone", &headers, &form.replace("there", "Ann")).await;
    assert_eq!(problem(&changed).0, 401);
    stage.write("sms.txt", "Kind=sms&MessageSid=SM2&Body=Hi");
    let printed = server.run(&stage, &["send", "phone", "sms.txt", "--print"]).fine().stdout;
    assert_eq!(printed.matches("content-type").count(), 1, "{printed}");
    let sent = server.run(&stage, &["send", "phone", "sms.txt"]).fine().stdout;
    assert!(sent.starts_with("200 {\"status\":\"accepted\""), "{sent}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_multipart_form_is_read_like_any_other_and_of_a_file_its_name() {
    let stage = stage().await;
    let server = stage.serve().await;
    let part =
        |head: &str, content: &str| format!("--x1\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n");
    let stamp = sealed(&stage, "mail", "{}")["signature"].take();
    let mut parts = vec![part("name=\"subject\"", "Grüße"), part("name=\"attachment-1\"; filename=\"a.pdf\"", "%PDF")];
    for name in ["timestamp", "token", "signature"] {
        parts.push(part(&format!("name=\"{name}\""), stamp[name].as_str().unwrap()));
    }
    let form = parts.concat();
    let headers = [("Content-Type".to_owned(), "multipart/form-data; boundary=x1".to_owned())];
    let cut = server.post("mail", &headers, &form).await;
    assert_eq!(problem(&cut).0, 401);
    let answer = server.post("mail", &headers, &format!("{form}--x1--\r\n")).await;
    assert_eq!(answer.json()["status"], "accepted");
    let raw = &events(&server, "mail").await[0]["event"]["raw"];
    assert_eq!((&raw["subject"], &raw["attachment-1"]), (&json!("Grüße"), &json!("a.pdf")));
    server.stop().await;
}
