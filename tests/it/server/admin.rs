//! The operator's side: who may ask, what is listed, and what can be done about dead letters.

use http::Method;
use rejoinder::http::Request;
use rejoinder::provider::sandbox::Fault;
use rejoinder::secret::Secret;
use serde_json::{Value, json};

use super::problem;
use crate::stage::{SOURCES, Server, Stage, call, text};

const SPRUCE: rejoinder::provider::sandbox::Speaks = SOURCES[3].1;

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_api_wants_the_token_and_says_no_more_than_that() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let at = |path: &str| format!("http://{}{path}", server.admin).parse().unwrap();
    let mut answers = Vec::new();
    for path in ["/api/v1/status", "/api/v1/events", "/api/v1/events/evt_x", "/api/v1/dead", "/api/v1/nothing"] {
        answers.push(call(Request::new(Method::GET, at(path))).await);
        answers.push(call(Request::new(Method::GET, at(path)).bearer(&Secret::from("planted-admin-tokem"))).await);
        answers.push(call(Request::new(Method::GET, at(path)).bearer(&Secret::from(""))).await);
    }
    for path in ["/api/v1/reload", "/api/v1/dead/snd_x/redrive", "/api/v1/dead/snd_x/drop"] {
        answers.push(call(Request::new(Method::POST, at(path))).await);
    }
    for answer in &answers {
        assert_eq!(problem(answer), (401, "the bearer token is missing or wrong".to_owned()));
        assert_eq!(answer.body, answers[0].body);
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(call(Request::new(Method::GET, at(path))).await.status, 200, "{path}");
    }
    let status = server.get("/api/v1/status").await.json();
    assert_eq!(status["rules"], 1);
    assert_eq!(status["counts"], json!({ "undecided": 0, "open_sends": 0, "held": 0, "dead": 0 }));
    assert_eq!(status["sources"][0], json!({ "name": "clinic", "account": "clinic", "scheme": "spruce" }));
    assert!(!text(&server.get("/api/v1/status").await).contains("planted"));
    assert_eq!(problem(&server.get("/api/v1/nothing").await).0, 404);
}

async fn ids(server: &Server, query: &str) -> Vec<String> {
    let answer = server.get(&format!("/api/v1/events?{query}")).await;
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let json = answer.json();
    json["events"].as_array().unwrap().iter().map(|one| one["event"]["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_newest_first_and_by_what_is_asked() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let mut all = Vec::new();
    for (source, speaks) in SOURCES {
        let body = stage.arrive(speaks, "1001", "hi").to_string();
        all.insert(0, server.deliver(&stage, source, &body).await);
    }
    assert_eq!(ids(&server, "").await, all);
    assert_eq!(ids(&server, "limit=1").await, all[..1]);
    assert_eq!(ids(&server, &format!("before={}&limit=2", all[0])).await, all[1..3]);
    assert_eq!(ids(&server, "source=crm").await, all[1..2]);
    assert_eq!(ids(&server, "kind=message.received&source=shop").await, all[3..]);
    assert_eq!(ids(&server, "conversation=1001").await.len(), 4);
    assert_eq!(ids(&server, "conversation=clinic/conversation:1001").await, all[..1]);
    assert_eq!(ids(&server, "conversation=none").await, Vec::<String>::new());
    assert_eq!(ids(&server, "since=2100-01-01T00:00:00Z").await, Vec::<String>::new());
    let entry = server.settled(&all[0]).await;
    assert_eq!(entry["event"]["source"], "clinic");
    let send = entry["sends"][0]["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/v1/outbox/{send}")).await.json()["rule"], "hello");
    for (query, found) in [
        ("".to_owned(), 4),
        ("account=crm".to_owned(), 1),
        ("rule=hello&limit=3".to_owned(), 3),
        (format!("event={}", all[0]), 1),
        ("state=dead".to_owned(), 0),
    ] {
        let listed = server.get(&format!("/api/v1/outbox?{query}")).await.json();
        assert_eq!(listed["sends"].as_array().map(Vec::len), Some(found), "{query}: {listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_wrong_is_answered_with_what_is_wrong() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    for (path, status, words) in [
        ("/api/v1/events?knd=unreadable", 400, "unknown field `knd`"),
        (
            "/api/v1/events?kind=mesage.received",
            400,
            "there is no kind `mesage.received`; did you mean `message.received`?",
        ),
        ("/api/v1/events?limit=many", 400, "limit"),
        ("/api/v1/events?since=yesterday", 400, "since"),
        ("/api/v1/outbox?sate=dead", 400, "unknown field `sate`"),
        ("/api/v1/outbox?state=deda", 400, "there is no state `deda`; did you mean `dead`?"),
        ("/api/v1/dead?acount=shop", 400, "unknown field `acount`"),
        ("/api/v1/dead?state=pending", 400, "only dead letters are listed here"),
        ("/api/v1/events/evt_none", 404, "there is no event `evt_none`"),
        ("/api/v1/events/evt_none/explain", 404, "there is no event `evt_none`"),
        ("/api/v1/outbox/snd_none", 404, "there is no send `snd_none`"),
    ] {
        let (found, detail) = problem(&server.get(path).await);
        assert_eq!(found, status, "{path}: {detail}");
        assert!(detail.contains(words), "{path}: {detail}");
    }
}

/// A dead letter: Spruce refuses the reply.
async fn dead_letter(stage: &Stage, server: &Server, conversation: &str) -> String {
    stage.sandbox.fail_next(SPRUCE, Fault::Status(400, None), 1);
    let body = stage.arrive(SPRUCE, conversation, "hi").to_string();
    let event = server.deliver(stage, "clinic", &body).await;
    let send = server.settled(&event).await["sends"][0].clone();
    assert_eq!(send["state"], "dead", "{send}");
    send["id"].as_str().unwrap().to_owned()
}

async fn dead(server: &Server) -> Vec<Value> {
    server.get("/api/v1/dead").await.json()["sends"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_kept_until_somebody_redrives_or_drops_it() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let (first, second) = (dead_letter(&stage, &server, "t_1").await, dead_letter(&stage, &server, "t_2").await);
    assert_eq!(dead(&server).await.len(), 2);
    assert_eq!(stage.said(SPRUCE, "t_1"), Vec::<String>::new());
    let redriven = server.tell(&format!("/api/v1/dead/{first}/redrive"), None).await;
    assert_eq!(redriven.json(), json!({ "status": "redriven", "send": first }));
    let event = server.get(&format!("/api/v1/outbox/{first}")).await.json()["event"].as_str().unwrap().to_owned();
    assert_eq!(server.settled(&event).await["sends"][0]["attempts"].as_array().map(Vec::len), Some(2));
    assert_eq!(stage.said(SPRUCE, "t_1"), ["Hello Ann"]);
    let drop = format!("/api/v1/dead/{second}/drop");
    for (body, words) in
        [(None, "Content-Type"), (Some(json!({})), "`why` is missing"), (Some(json!({ "wyh": "x" })), "wyh")]
    {
        let (status, detail) = problem(&server.tell(&drop, body.as_ref()).await);
        assert!([415, 422].contains(&status), "{status}");
        assert!(detail.contains(words), "{detail}");
    }
    let dropped = server.tell(&drop, Some(&json!({ "why": "answered by phone", "by": "kim" }))).await;
    assert_eq!(dropped.json(), json!({ "status": "dropped", "send": second }));
    let kept = server.get(&format!("/api/v1/outbox/{second}")).await.json();
    assert_eq!((&kept["state"], &kept["reason"]), (&json!("dropped"), &json!("answered by phone")));
    assert_eq!(dead(&server).await, Vec::<Value>::new());
    let (status, detail) = problem(&server.tell(&format!("/api/v1/dead/{first}/redrive"), None).await);
    assert_eq!(status, 409);
    assert!(
        detail.starts_with(&format!("the send `{first}` is ")) && detail.ends_with("not a dead letter"),
        "{detail}"
    );
    assert_eq!(problem(&server.tell("/api/v1/dead/snd_none/redrive", None).await).0, 404);
    let (status, detail) = problem(&server.tell("/api/v1/dead/snd_none/redrive", Some(&json!({ "key": 1 }))).await);
    assert_eq!((status, detail.contains("key")), (422, true), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_explained_by_the_rules_of_its_time() {
    let stage = Stage::set().await;
    stage.write(
        "rules/20-later.yaml",
        "version: 1\nrules:\n  - name: refunds\n    when: { message.text: { contains: refund } }\n    do: [ { note: { text: x } } ]\n",
    );
    let server = stage.serve().await;
    let body = stage.arrive(SPRUCE, "t_1", "hi").to_string();
    let event = server.deliver(&stage, "clinic", &body).await;
    server.settled(&event).await;
    std::fs::remove_file(stage.path("rules/20-later.yaml")).unwrap();
    let reloaded = server.tell("/api/v1/reload", None).await.json();
    let explained = server.get(&format!("/api/v1/events/{event}/explain")).await.json();
    assert_ne!(explained["decision"]["book"], reloaded["book"]);
    assert_eq!(explained["decision"]["trace"]["matched"][0]["rule"], "hello");
    let unmatched = &explained["decision"]["trace"]["unmatched"][0];
    assert_eq!(unmatched["rule"], "refunds");
    assert_eq!(unmatched["findings"][0]["saw"], "\"hi\"");
    assert_eq!(explained["sends"][0]["state"], "delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_line_of_a_decision_counts_what_waits_for_a_person() {
    let stage = Stage::with("log: json\n").await;
    let rules = "version: 1
rules:
  - { name: waits, mode: approve, when: { message.text: approve }, do: [{ reply: { text: x } }, { tag: { add: [y] } }], stop: true }
  - { name: drafts, mode: draft, when: { message.text: draft }, do: [{ reply: { text: x } }], stop: true }
";
    stage.write("rules/05-modes.yaml", rules);
    let server = stage.serve().await;
    for (thread, text) in [("t_1", "approve"), ("t_2", "draft")] {
        let event = server.deliver(&stage, "clinic", &stage.arrive(SPRUCE, thread, text).to_string()).await;
        server.settled(&event).await;
    }
    for counted in
        ["\"chosen\":1,\"held\":1,\"drafted\":0,\"blocked\":0", "\"chosen\":0,\"held\":0,\"drafted\":1,\"blocked\":0"]
    {
        server.logs(counted).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_driven_again_or_dropped_by_what_names_them() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let mut ids = Vec::new();
    for conversation in ["t_1", "t_2", "t_3"] {
        ids.push(dead_letter(&stage, &server, conversation).await);
    }
    for (body, status, words) in [
        (json!({}), 422, "say which"),
        (json!({ "reasn": "x" }), 422, "reasn"),
        (json!({ "rule": "nobody" }), 404, "there is no rule `nobody`"),
        (json!({ "all": true, "since": "soon" }), 422, "since"),
    ] {
        let (found, detail) = problem(&server.tell("/api/v1/dead/redrive", Some(&body)).await);
        assert!(found == status && detail.contains(words), "{body}: {found} {detail}");
    }
    let (status, detail) = problem(&server.tell("/api/v1/dead/drop", Some(&json!({ "all": true }))).await);
    assert!(status == 422 && detail.contains("`why` is missing"), "{detail}");
    let asked = json!({ "reason": "REFUSED: 400", "dry_run": true });
    let would = server.tell("/api/v1/dead/redrive", Some(&asked)).await.json();
    assert_eq!(would, json!({ "status": "dry_run", "sends": ids, "left": [], "more": false }));
    assert_eq!(dead(&server).await.len(), 3);
    let renewed = server.tell("/api/v1/dead/redrive", Some(&json!({ "conversation": "t_1", "renew_key": true }))).await;
    assert_eq!(renewed.json()["sends"], json!([ids[0]]));
    let send = server.get(&format!("/api/v1/outbox/{}", ids[0])).await.json();
    assert_eq!(send["idempotency_key"], format!("{}.r2", ids[0]));
    let dropped = server.tell("/api/v1/dead/drop", Some(&json!({ "account": "clinic", "why": "too late" }))).await;
    assert_eq!(dropped.json(), json!({ "status": "dropped", "sends": ids[1..], "left": [], "more": false }));
    assert_eq!(dead(&server).await, Vec::<Value>::new());
}
