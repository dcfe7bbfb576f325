//! The end of the program, and rules that change while it runs.

use rejoinder::model::EventId;
use rejoinder::store;
use tokio::io::AsyncWriteExt;

use super::{head, hear, problem, say};
use crate::stage::{RULES, SOURCES, Stage, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_under_way_is_answered_while_the_server_drains() {
    let stage = Stage::set().await;
    let mut server = stage.serve().await;
    assert_eq!(server.get("/readyz").await.status, 200);
    let body = stage.arrive(SOURCES[0].1, "conv_1", "hi").to_string();
    let (first, rest) = body.split_at(1);
    let head = head("shop", &stage.sign("shop", &body), &format!("Content-Length: {}", body.len()));
    let mut slow = say(server.public, format!("{head}{first}").as_bytes()).await;
    // Another delivery over another connection tells that the first one has been taken up.
    server.deliver(&stage, "clinic", &stage.arrive(SOURCES[3].1, "t_1", "hi").to_string()).await;
    server.signal("TERM");
    server.logs("draining").await;
    let draining = until("it is not ready", async || {
        let answer = server.get("/readyz").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(problem(&draining), (503, "draining".to_owned()));
    assert_eq!(server.get("/healthz").await.status, 200);
    slow.write_all(rest.as_bytes()).await.unwrap();
    let answer = hear(slow).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(server.ended().await, 0);
    let id = answer.split("\"event\":\"").nth(1).unwrap().split('"').next().unwrap();
    let store = store::sled::open(&stage.path("data")).unwrap();
    assert!(store.event(&EventId::from(id)).await.unwrap().is_some());
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_before_the_end_is_answered_after_the_next_start() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let body = stage.arrive(SOURCES[0].1, "conv_1", "hi").to_string();
    let event = server.deliver(&stage, "shop", &body).await;
    server.stop().await;
    let server = stage.serve().await;
    server.settled(&event).await;
    assert_eq!(stage.said(SOURCES[0].1, "conv_1").len(), 1);
    server.stop().await;
}

/// Puts a file in place at once, as an editor does.
fn replace(stage: &Stage, text: &str) {
    stage.write("new", text);
    std::fs::rename(stage.path("new"), stage.path("rules/10-hello.yaml")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_rule_file_is_loaded_and_a_broken_one_leaves_the_last_good_book_in_force() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let book = async || server.get("/api/v1/rules").await.json()["book"].as_str().unwrap().to_owned();
    let first = book().await;
    replace(&stage, &RULES.replace("Hello", "Welcome"));
    let second = until("the rules are loaded anew", async || Some(book().await).filter(|hash| *hash != first)).await;
    replace(&stage, &RULES.replace("reply", "rply"));
    server.logs("rules/10-hello.yaml:5:9: unknown key `rply`; did you mean `reply`?").await;
    assert!(server.log().contains("the last good ones stay in force"), "{}", server.log());
    assert_eq!(book().await, second);
    let body = stage.arrive(SOURCES[3].1, "t_1", "hi").to_string();
    let event = server.deliver(&stage, "clinic", &body).await;
    assert_eq!(server.settled(&event).await["decision"]["book"], second.as_str());
    assert_eq!(stage.said(SOURCES[3].1, "t_1"), ["Welcome Ann"]);
    replace(&stage, RULES);
    until("the mended rules are loaded", async || Some(book().await).filter(|hash| *hash == first)).await;
    assert_eq!(server.get("/readyz").await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_loads_the_rules_anew() {
    let stage = Stage::with("snippets: ./snippets\n").await;
    stage.write("snippets/hours.md", "Monday to Friday");
    let server = stage.serve().await;
    server.signal("HUP");
    server.logs("the rules are as they were").await;
    let said = "the rules were loaded anew";
    assert!(!server.log().contains(said));
    stage.write("snippets/hours.md", "Monday to Saturday");
    server.signal("HUP");
    server.logs(said).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_and_the_admin_api_say_what_is_wrong_with_the_rules() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let rules = server.get("/api/v1/rules").await.json();
    assert_eq!(rules["rules"][0]["name"], "hello");
    assert_eq!(rules["rules"][0]["place"], "rules/10-hello.yaml:3");
    let unchanged = server.tell("/api/v1/reload", None).await.json();
    assert_eq!(unchanged, serde_json::json!({ "status": "reloaded", "book": rules["book"] }));
    replace(&stage, &RULES.replace("first_name", "fist_name"));
    let (status, detail) = problem(&server.tell("/api/v1/reload", None).await);
    assert_eq!(status, 422);
    assert_eq!(
        detail,
        "rules/10-hello.yaml:5:34: the template does not compile: there is no field `contact.fist_name`; did you mean `contact.first_name`?"
    );
    server.signal("HUP");
    server.logs(&detail).await;
    replace(&stage, &RULES.replace("hello", "welcome"));
    let changed = server.tell("/api/v1/reload", None).await.json();
    assert_ne!(changed["book"], rules["book"]);
    assert_eq!(server.get("/api/v1/rules").await.json()["rules"][0]["name"], "welcome");
}
