//! What a sender is answered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use jiff::SignedDuration;
use rejoinder::clock::Clock;
use rejoinder::http::Request;

use super::{head, hear, problem, say};
use crate::stage::{SOURCES, Stage, call, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_message_is_answered_at_all_four_providers() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    for (source, speaks) in SOURCES {
        let payload = stage.arrive(speaks, "1001", "hi").to_string();
        let event = server.deliver(&stage, source, &payload).await;
        let entry = server.settled(&event).await;
        assert_eq!(entry["decision"]["trace"]["matched"][0]["rule"], "hello", "{source}");
        let said = stage.said(speaks, "1001");
        assert_eq!(said.len(), 1, "{source}: {said:?}");
        assert!(said[0].contains("Hello Ann"), "{source}: {said:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_delivery_is_answered_like_the_first_and_replied_to_once() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    for (source, speaks) in SOURCES {
        let body = stage.arrive(speaks, "1002", "hi").to_string();
        let first = server.post(source, &stage.sign(source, &body), &body).await;
        assert_eq!((first.status, &first.json()["status"]), (200, &"accepted".into()), "{source}");
        let event = first.json()["event"].as_str().unwrap().to_owned();
        server.settled(&event).await;
        let second = server.post(source, &stage.sign(source, &body), &body).await;
        assert_eq!((second.status, &second.json()["status"]), (200, &"duplicate".into()), "{source}");
        assert_eq!(second.json()["event"], event.as_str());
        assert_eq!(second.header("content-type"), Some("application/json"));
        server.settled(&event).await;
        assert_eq!(stage.said(speaks, "1002").len(), 1, "{source}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_a_signature_the_answer_has_one_wording() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let hour_ago = Clock::system().now() - SignedDuration::from_hours(1);
    let mut answers = Vec::new();
    for (source, speaks) in SOURCES {
        let body = stage.arrive(speaks, "1003", "hi").to_string();
        let right = stage.sign(source, &body);
        let with = |change: fn(&str) -> String| {
            right.iter().map(|(name, value)| (name.clone(), change(value))).collect::<Vec<_>>()
        };
        for headers in
            [Vec::new(), with(|_| String::new()), with(|_| "N/A".to_owned()), with(|value| format!("{value}x"))]
        {
            answers.push(server.post(source, &headers, &body).await);
        }
        if source != "desk" {
            answers.push(server.post(source, &right, &format!("{body} ")).await);
        }
    }
    let body = stage.arrive(SOURCES[0].1, "1003", "hi").to_string();
    answers.push(server.post("shop", &stage.sign_at("shop", &body, hour_ago), &body).await);
    let mut foreign = stage.arrive(SOURCES[2].1, "1003", "hi");
    foreign["locationId"] = "somebodyElse".into();
    let foreign = foreign.to_string();
    answers.push(server.post("crm", &stage.sign("crm", &foreign), &foreign).await);
    for answer in &answers {
        assert_eq!(problem(answer), (401, "the signature is missing or wrong".to_owned()));
        assert_eq!(answer.body, answers[0].body);
    }
    assert_eq!(server.get("/api/v1/events").await.json()["events"], serde_json::json!([]));
    for reason in ["missing", "mismatch", "stale", "foreign_tenant"] {
        server.logs(&format!("reason=\"{reason}\"")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_404_and_what_is_not_a_post_is_405() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let at = |path: &str| format!("http://{}{path}", server.public).parse().unwrap();
    for path in ["/webhooks/nobody", "/webhooks/%FF"] {
        let answer = call(Request::new(Method::POST, at(path))).await;
        assert_eq!(problem(&answer), (404, "there is no such source".to_owned()), "{path}");
    }
    for path in ["/", "/webhooks", "/webhooks/shop/more", "/api/v1/events", "/metrics"] {
        let answer = call(Request::new(Method::POST, at(path))).await;
        assert_eq!(problem(&answer), (404, format!("there is nothing at {path}")));
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = call(Request::new(method.clone(), at("/webhooks/shop"))).await;
        assert_eq!(problem(&answer), (405, "deliveries are sent with POST".to_owned()), "{method}");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversize_body_is_413_whether_it_says_its_size_or_not() {
    let stage = Stage::with("limits: { max_body: 1KiB }\n").await;
    let server = stage.serve().await;
    let announced = hear(say(server.public, head("shop", &[], "Content-Length: 1025").as_bytes()).await).await;
    let chunk = format!("{}401\r\n{}\r\n", head("shop", &[], "Transfer-Encoding: chunked"), "x".repeat(0x401));
    let chunked = hear(say(server.public, chunk.as_bytes()).await).await;
    for answer in [announced, chunked] {
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
        assert!(answer.contains("the body is larger than 1024 bytes"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_is_read_as_it_was_signed() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let body = stage.arrive(SOURCES[3].1, "t_1", "hi").to_string();
    let (first, second) = body.split_at(7);
    let head = head("clinic", &stage.sign("clinic", &body), "Transfer-Encoding: chunked");
    let chunks: String = [first, second].iter().map(|part| format!("{:x}\r\n{part}\r\n", part.len())).collect();
    let answer = hear(say(server.public, format!("{head}{chunks}0\r\n\r\n").as_bytes()).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"accepted\""), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_and_cannot_be_read_is_kept_with_its_bytes() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    for (source, _) in SOURCES {
        for body in ["{\"type\": ", "", "[1, 2]", "\"text\"", "\u{0}\u{1}"] {
            let answer = server.post(source, &stage.sign(source, body), body).await;
            // HighLevel signs for all its customers with one key: JSON that names no location may be anybody's.
            let is_foreign = source == "crm" && serde_json::from_str::<serde_json::Value>(body).is_ok();
            assert_eq!(answer.status, if is_foreign { 401 } else { 200 }, "{source} {body:?}");
        }
    }
    let listed = server.get("/api/v1/events?kind=unreadable&source=shop").await.json();
    let mut kept = Vec::new();
    for stored in listed["events"].as_array().unwrap() {
        assert_eq!(stored["event"]["kind"], "unreadable");
        assert!(stored["event"]["unreadable"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
        let bytes = STANDARD.decode(stored["event"]["unreadable"]["body"].as_str().unwrap()).unwrap();
        kept.push(String::from_utf8(bytes).unwrap());
    }
    assert_eq!(kept, ["\u{0}\u{1}", "\"text\"", "[1, 2]", "", "{\"type\": "]);
    let of_all = server.get("/api/v1/events?kind=unreadable").await.json();
    assert_eq!(of_all["events"].as_array().map(Vec::len), Some(18));
    // They are decided like every event, so that a rule can page somebody.
    let newest = of_all["events"][0]["event"]["id"].as_str().unwrap().to_owned();
    until("it is decided", async || {
        let entry = server.get(&format!("/api/v1/events/{newest}")).await.json();
        (!entry["decision"].is_null()).then_some(())
    })
    .await;
}
