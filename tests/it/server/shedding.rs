//! What happens when there is too much: more than can be kept in memory, worked off, or written to disk.

use rejoinder::store::Store;
use tokio::io::AsyncWriteExt;

use super::store::{Mood, Moody, listen};
use super::{head, hear, problem, say};
use crate::stage::{SOURCES, Stage, connect, post, text, until};

#[tokio::test(flavor = "multi_thread")]
async fn more_deliveries_at_once_than_there_are_places_get_429_and_can_come_again() {
    let stage = Stage::with("limits: { concurrency: 1 }\n").await;
    let store = Moody::new();
    let sockets = listen(&stage, store.clone()).await;
    store.mood.send_replace(Mood::Holding);
    let body = stage.arrive(SOURCES[0].1, "conv_1", "hi").to_string();
    let (to, headers) = (sockets.public, stage.sign("shop", &body));
    let first = tokio::spawn(async move { post(to, "shop", &headers, &body).await });
    store.asked.subscribe().wait_for(|asked| *asked == 1).await.unwrap();
    let other = stage.arrive(SOURCES[3].1, "t_1", "hi").to_string();
    let shed = post(sockets.public, "clinic", &stage.sign("clinic", &other), &other).await;
    assert_eq!(problem(&shed), (429, "too many deliveries at once".to_owned()));
    assert_eq!(shed.header("retry-after"), Some("5"));
    store.mood.send_replace(Mood::Well);
    assert_eq!(first.await.unwrap().status, 200);
    let again = post(sockets.public, "clinic", &stage.sign("clinic", &other), &other).await;
    assert_eq!((again.status, &again.json()["status"]), (200, &"accepted".into()), "{}", text(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_slowly_keeps_nobody_else_waiting() {
    let stage = Stage::with("limits: { concurrency: 1 }\n").await;
    let server = stage.serve().await;
    let body = stage.arrive(SOURCES[0].1, "conv_1", "hi").to_string();
    let (first, rest) = body.split_at(9);
    let head = head("shop", &stage.sign("shop", &body), &format!("Content-Length: {}", body.len()));
    let mut slow = say(server.public, format!("{head}{first}").as_bytes()).await;
    let other = stage.arrive(SOURCES[3].1, "t_1", "hi").to_string();
    server.deliver(&stage, "clinic", &other).await;
    slow.write_all(rest.as_bytes()).await.unwrap();
    let answer = hear(slow).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"accepted\""), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_take_memory_as_they_arrive_and_give_it_back() {
    let stage = Stage::with("limits: { max_body: 8KiB, body_memory: 8KiB }\n").await;
    let server = stage.serve().await;
    let begun = format!("{}{}", head("shop", &[], "Content-Length: 8192"), "x".repeat(8100));
    let slow = say(server.public, begun.as_bytes()).await;
    let body = stage.arrive(SOURCES[3].1, "t_1", "hi").to_string();
    let shed = until("a delivery finds no room", async || {
        let answer = server.post("clinic", &[], &body).await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert_eq!(problem(&shed), (429, "too many deliveries at once".to_owned()));
    let metrics = text(&server.get("/metrics").await);
    assert!(metrics.contains("source=\"clinic\",result=\"no_memory\""), "{metrics}");
    drop(slow);
    until("there is room again", async || {
        let answer = server.post("clinic", &stage.sign("clinic", &body), &body).await;
        (answer.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_429_for_everybody_until_it_is_worked_off() {
    let stage = Stage::with("limits: { backlog: 2 }\n").await;
    // Nobody decides here.
    let store = Moody::new();
    let sockets = listen(&stage, store.clone()).await;
    for (source, speaks) in &SOURCES[..2] {
        let body = stage.arrive(*speaks, "1001", "hi").to_string();
        assert_eq!(post(sockets.public, source, &stage.sign(source, &body), &body).await.status, 200, "{source}");
    }
    let mut refused = Vec::new();
    for (source, speaks) in &SOURCES[2..] {
        let body = stage.arrive(*speaks, "1001", "hi").to_string();
        let headers = stage.sign(source, &body);
        let answer = post(sockets.public, source, &headers, &body).await;
        assert_eq!(problem(&answer), (429, "too much waits to be worked off".to_owned()), "{source}");
        assert_eq!(answer.header("retry-after"), Some("30"), "{source}");
        refused.push((source, headers, body));
    }
    assert_eq!(store.counts().await.unwrap().undecided, 2);
    // The real program decides, and the same deliveries are taken.
    let server = stage.serve().await;
    for (source, headers, body) in refused {
        until("the backlog is worked off", async || {
            (server.post(source, &headers, &body).await.status == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_nearly_full_takes_nothing_new_and_burns_no_signature() {
    const MAIL: &str = "sources:\n  mail: { account: desk, verify: { scheme: mailgun, secrets: [planted-secret] }, backfill: off, map: { event.id: /id } }\n";
    let stage = Stage::with("limits: { min_free_disk: 1000000GiB }\n").await;
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap().replace("sources:\n", MAIL);
    stage.write("rejoinder.yaml", &config);
    let server = stage.serve().await;
    let sealed = stage.seal("mail", r#"{"id":"m1"}"#);
    let mut deliveries = vec![("mail", sealed)];
    deliveries.extend(SOURCES.map(|(source, speaks)| (source, stage.arrive(speaks, "1001", "hi").to_string())));
    for (source, body) in &deliveries {
        let answer = server.post(source, &stage.sign(source, body), body).await;
        // HighLevel tries again after 429 alone.
        let status = if *source == "crm" { 429 } else { 503 };
        assert_eq!(problem(&answer), (status, "the event could not be kept; send it again".to_owned()), "{source}");
        assert_eq!(answer.header("retry-after"), Some("30"), "{source}");
    }
    assert_eq!(server.get("/api/v1/events").await.json()["events"], serde_json::json!([]));
    let source = server.get("/api/v1/sources/clinic").await.json();
    assert!(!source["missed"].is_null(), "what the sender gives up on is to be looked for: {source}");
    let metrics = text(&server.get("/metrics").await);
    assert!(metrics.contains("source=\"mail\",result=\"disk_full\""), "{metrics}");
    let log = server.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("deliveries are refused from now on")).collect();
    assert!(matches!(told[..], [line] if line.contains("limits.min_free_disk")), "{log}");
    server.stop().await;
    stage.write("rejoinder.yaml", &config.replace("1000000GiB", "0"));
    let server = stage.serve().await;
    for (source, body) in &deliveries {
        let answer = server.post(source, &stage.sign(source, body), body).await;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &"accepted".into()), "{source}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_told_to_come_again() {
    let stage = Stage::with("limits: { connections: 2 }\n").await;
    let server = stage.serve().await;
    let idle = [connect(server.public).await, connect(server.public).await];
    let body = stage.arrive(SOURCES[0].1, "conv_1", "hi").to_string();
    let (headers, framing) = (stage.sign("shop", &body), format!("Content-Length: {}", body.len()));
    let request = format!("{}{body}", head("shop", &headers, &framing));
    let answer = hear(say(server.public, request.as_bytes()).await).await;
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("too many connections at once"), "{answer}");
    let lower = answer.to_lowercase();
    assert!(lower.contains("retry-after: 5") && lower.contains("connection: close"), "{answer}");
    drop(idle);
    until("there is room again", async || {
        let answer = hear(say(server.public, request.as_bytes()).await).await;
        answer.starts_with("HTTP/1.1 200 ").then_some(())
    })
    .await;
    let metrics = text(&server.get("/metrics").await);
    assert!(metrics.contains("rejoinder_connections_refused_total"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_neither_spoken_nor_upgraded_to() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let mut preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // SETTINGS without any, then HEADERS of a stream.
    preface.extend([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 5, 0, 0, 0, 1, 0x82]);
    let answer = hear(say(server.public, &preface).await).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 505"), "{answer}");
    let upgrade = "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 0";
    let answer = hear(say(server.public, head("shop", &[], upgrade).as_bytes()).await).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(server.get("/healthz").await.status, 200);
}
