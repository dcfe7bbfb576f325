//! What happens to who sends too much, too slowly, or too many at once.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;

use super::{head, hear, problem, say};
use crate::stage::{SOURCES, Stage, text, until};

#[tokio::test(flavor = "multi_thread")]
async fn more_deliveries_at_once_than_there_are_places_get_429_and_can_come_again() {
    let stage = Stage::with("limits: { concurrency: 1 }\n").await;
    let server = stage.serve().await;
    let body = stage.arrive(SOURCES[0].1, "conv_1", "hi").to_string();
    let headers = stage.sign("shop", &body);
    let (first, rest) = body.split_at(1);
    let framing = format!("Content-Length: {}", body.len());
    let mut slow = say(server.public, format!("{}{first}", head("shop", &headers, &framing)).as_bytes()).await;
    let other = stage.arrive(SOURCES[3].1, "t_1", "hi").to_string();
    let shed = until("a delivery is shed", async || {
        let answer = server.post("clinic", &[], &other).await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert_eq!(problem(&shed), (429, "too many deliveries at once".to_owned()));
    assert_eq!(shed.header("retry-after"), Some("5"));
    slow.write_all(rest.as_bytes()).await.unwrap();
    let answer = hear(slow).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let again = server.post("clinic", &stage.sign("clinic", &other), &other).await;
    assert_eq!((again.status, &again.json()["status"]), (200, &"accepted".into()), "{}", text(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_finish_his_headers_is_cut_off() {
    let stage = Stage::with("limits: { header_timeout: 300ms }\n").await;
    let server = stage.serve().await;
    let begun = Instant::now();
    let answer = hear(say(server.public, b"POST /webhooks/shop HTTP/1.1\r\nHost: x\r\nX-Slow: ").await).await;
    assert!(!answer.contains("200"), "{answer}");
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(250) && took < Duration::from_secs(9), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_finish_his_body_is_answered_408_and_gives_up_his_place() {
    let stage = Stage::with("limits: { concurrency: 1, request_timeout: 300ms }\n").await;
    let server = stage.serve().await;
    let answer =
        hear(say(server.public, format!("{}x", head("shop", &[], "Content-Length: 9")).as_bytes()).await).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let body = stage.arrive(SOURCES[0].1, "conv_1", "hi").to_string();
    server.deliver(&stage, "shop", &body).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_beyond_the_limit_are_431() {
    let stage = Stage::with("limits: { max_headers: 8KiB }\n").await;
    let server = stage.serve().await;
    let large = format!("X-Large: {}\r\nContent-Length: 0", "x".repeat(32 * 1024));
    let answer = hear(say(server.public, head("shop", &[], &large).as_bytes()).await).await;
    // The rest of what was sent may reset the connection before the answer is read.
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    let answer =
        hear(say(server.public, head("shop", &[], &format!("{many}Content-Length: 0")).as_bytes()).await).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_answered_400_or_not_at_all() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    for nonsense in [
        "\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n",
        "hello\r\n\r\n",
        "POST /webhooks/shop HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ] {
        let answer = hear(say(server.public, nonsense.as_bytes()).await).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert_eq!(server.get("/healthz").await.status, 200);
}
