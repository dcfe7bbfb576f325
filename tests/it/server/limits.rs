//! What happens to who sends too much, too slowly, or too many at once.

use std::time::{Duration, Instant};

use super::{head, hear, problem, say};
use crate::stage::{SOURCES, Stage, text};

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
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("application/problem+json"), "{answer}");
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
async fn headers_that_fit_into_the_buffer_are_measured_as_well() {
    let stage = Stage::with("limits: { max_headers: 2KiB }\n").await;
    let server = stage.serve().await;
    let body = stage.arrive(SOURCES[0].1, "conv_1", "hi").to_string();
    for (length, status) in [(4096, 431), (16, 200)] {
        let mut headers = stage.sign("shop", &body);
        headers.push(("X-Large".to_owned(), "x".repeat(length)));
        let answer = server.post("shop", &headers, &body).await;
        assert_eq!(answer.status, status, "{}", text(&answer));
        if status == 431 {
            assert_eq!(problem(&answer).1, "the headers are larger than 2048 bytes");
        }
    }
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
