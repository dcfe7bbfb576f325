//! Who may send, by address: with a list, without one, and behind a proxy.

use super::problem;
use crate::stage::{SOURCES, Server, Stage};

/// The status of a rightly signed delivery, with these headers beside its own.
async fn send(server: &Server, stage: &Stage, conversation: &str, more: &[(&str, &str)]) -> u16 {
    let body = stage.arrive(SOURCES[0].1, conversation, "hi").to_string();
    let mut headers = stage.sign("shop", &body);
    headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    server.post("shop", &headers, &body).await.status
}

async fn serve(allow_from: &str, more: &str) -> (Stage, Server) {
    let stage = Stage::with(more).await;
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    let listed = format!("  shop: {{ account: shop, allow_from: {allow_from},");
    stage.write("rejoinder.yaml", &config.replace("  shop: { account: shop,", &listed));
    let server = stage.serve().await;
    (stage, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_listed_is_answered_like_a_wrong_signature() {
    let (stage, server) = serve("[203.0.113.0/24]", "").await;
    let body = stage.arrive(SOURCES[0].1, "conv_1", "hi").to_string();
    let turned_away = server.post("shop", &stage.sign("shop", &body), &body).await;
    assert_eq!(problem(&turned_away), (401, "the signature is missing or wrong".to_owned()));
    assert_eq!(turned_away.body, server.post("clinic", &[], &body).await.body);
    // Nobody is believed about who he speaks for unless he is a trusted proxy.
    for header in [("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=203.0.113.7")] {
        assert_eq!(send(&server, &stage, "conv_1", &[header]).await, 401, "{header:?}");
    }
    server.logs("reason=\"not_allowed\"").await;
    let refused = server.get("/api/v1/sources/shop/refused").await.json();
    assert_eq!(refused["refused"][0]["findings"][0]["finding"], "not_allowed", "{refused}");
    assert_eq!(refused["refused"][0]["times"], 3);
    // A source without a list takes what comes.
    let other = stage.arrive(SOURCES[3].1, "t_1", "hi").to_string();
    server.deliver(&stage, "clinic", &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_its_client_counts() {
    let (stage, server) = serve("[203.0.113.0/24, \"2001:db8::1\"]", "trusted_proxies: [127.0.0.1]\n").await;
    for (name, value, status) in [
        ("X-Forwarded-For", "203.0.113.7", 200),
        ("X-Forwarded-For", "192.0.2.1, 203.0.113.7", 200),
        ("X-Forwarded-For", "203.0.113.7, 192.0.2.1", 401),
        ("X-Forwarded-For", "203.0.113.7, nobody", 401),
        ("Forwarded", "for=\"[2001:db8::1]:4711\";proto=https", 200),
        ("Forwarded", "for=203.0.113.7, for=192.0.2.1", 401),
        ("X-Other", "203.0.113.7", 401),
    ] {
        assert_eq!(send(&server, &stage, value, &[(name, value)]).await, status, "{name}: {value}");
    }
    let both = [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=203.0.113.7")];
    assert_eq!(send(&server, &stage, "both", &both).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_that_are_none_are_faults() {
    let stage = Stage::with("trusted_proxies: [proxy.example]\nlimits: { max_body: 2MiB, body_memory: 1MiB }\n").await;
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    let config = config.replace("  shop: { account: shop,", "  shop: { account: shop, allow_from: [10.0.0.0/99],");
    let config = config.replace("  clinic: { account: clinic,", "  clinic: { account: clinic, allow_from: [],");
    stage.write("rejoinder.yaml", &config);
    let ran = stage.run(&["check"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    for words in [
        "`proxy.example` is not an address or a range, such as 203.0.113.7 or 10.0.0.0/8",
        "`10.0.0.0/99` is not an address",
        "`allow_from` is empty, so that nobody could send; leave it out to let everybody send",
        "`body_memory` is less than `max_body`, so that no large body could ever be read",
    ] {
        assert!(ran.stderr.contains(words) || ran.stdout.contains(words), "{words} is not in {ran:?}");
    }
}
