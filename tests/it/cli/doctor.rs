//! `doctor`, from a captured request and from what a running server refused.

use rejoinder::clock::Clock;
use rejoinder::provider::sandbox::Speaks;

use crate::stage::{SOURCES, Stage, run_with_input, until};

const SEQUENZY: Speaks = SOURCES[0].1;

/// What must never be said: secrets, and what stands in the body.
const HIDDEN: [&str; 4] =
    ["planted-shop-secret", "planted-clinic-secret", "planted subject", "planted.ann@example.org"];

/// A request as it came over the line.
fn captured(source: &str, headers: &[(String, String)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST /webhooks/{source} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_request_is_diagnosed_without_a_server() {
    let stage = Stage::set().await;
    let value = stage.arrive(SEQUENZY, "conv_1", "hi");
    let (body, pretty) = (value.to_string(), serde_json::to_string_pretty(&value).unwrap());
    let headers = stage.sign("shop", &body);
    let doctor = |request: &str, more: &[&str]| {
        stage.write("request.http", request);
        let arguments = [&["doctor", "shop", "--request", "request.http"], more].concat();
        let ran = stage.run(&arguments);
        for hidden in HIDDEN {
            assert!(!ran.stdout.contains(hidden) && !ran.stderr.contains(hidden), "{hidden} in {ran:?}");
        }
        ran
    };
    let right = doctor(&captured("shop", &headers, &body), &[]);
    assert_eq!((right.code, right.stdout.as_str()), (0, "verified by `shop`\n"), "{right:?}");

    let rewritten = doctor(&captured("shop", &headers, &pretty), &[]);
    assert_eq!(rewritten.code, 1);
    insta::assert_snapshot!(rewritten.stdout, @r"
    refused by `shop`: mismatch
      body  the signature fits the body as JSON without blanks: it was changed after it was signed
        let every proxy, gateway and function between the sender and rejoinder pass the body on byte for byte
    ");

    let json = doctor(&captured("shop", &[], &body), &["--format", "json"]);
    assert_eq!((json.code, &json.json()["reason"]), (1, &"missing".into()));
    assert_eq!(json.json()["findings"][0]["finding"], "headers");

    let of_clinic = stage.sign("clinic", &body);
    let elsewhere = doctor(&captured("shop", &of_clinic, &body), &[]);
    insta::assert_snapshot!(elsewhere.stdout, @r"
    refused by `shop`: missing
      other_source  the delivery fits the source `clinic`
        let its sender post to `/webhooks/clinic`, or give this source the settings of that one
      headers  `x-sequenzy-signature` is missing, `x-sequenzy-timestamp` is missing
        let the sender sign its deliveries, and every proxy pass these headers on
      scheme  this looks like `spruce`, by its headers
        write the sender's own scheme under `verify` instead of `sequenzy`, with its secret or key
    ");

    let then: jiff::Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
    let old = captured("shop", &stage.sign_at("shop", &body, then), &body);
    assert!(doctor(&old, &[]).stdout.contains("the signature is right, and was made "));
    assert_eq!(doctor(&old, &["--at", "2026-03-02T10:01:00Z"]).code, 0);

    let piped =
        run_with_input(&stage.path("."), &["doctor", "shop", "--request", "-"], &captured("shop", &headers, &body));
    assert_eq!(piped.code, 0, "{piped:?}");
    let none = doctor("{\"a\": 1}", &[]);
    assert_eq!(none.code, 1);
    assert!(none.stderr.contains("is not a captured request"), "{none:?}");
    let unknown = stage.run(&["doctor", "shpo", "--request", "request.http"]);
    assert!(unknown.stderr.contains("there is no source `shpo`"), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_refused_lately_is_diagnosed() {
    let stage = Stage::set().await;
    let unknown = stage.run(&["doctor", "shpo"]);
    assert!(unknown.stderr.contains("there is no source `shpo`; did you mean `shop`?"), "{unknown:?}");
    let stopped = stage.run(&["doctor", "shop"]);
    assert_eq!(stopped.code, 1);
    assert!(stopped.stderr.contains("no server runs here"), "{stopped:?}");

    let server = stage.serve().await;
    let well = server.run(&stage, &["doctor", "shop"]).fine();
    assert_eq!(well.stdout, "`shop` has refused nothing within the last hour\n");
    let value = stage.arrive(SEQUENZY, "conv_1", "hi");
    let (body, pretty) = (value.to_string(), serde_json::to_string_pretty(&value).unwrap());
    let before = Clock::system().now();
    assert_eq!(server.post("shop", &stage.sign("shop", &body), &pretty).await.status, 401);
    let refused = until("the delivery was looked at", async || {
        let answer = server.get("/api/v1/sources/shop/refused").await.json();
        answer["refused"].as_array().is_some_and(|kinds| !kinds.is_empty()).then_some(answer)
    })
    .await;
    let kind = &refused["refused"][0];
    assert_eq!((&kind["reason"], &kind["times"]), (&"mismatch".into(), &1.into()));
    assert_eq!(kind["body_bytes"], pretty.len());
    assert_eq!(kind["headers"], serde_json::json!(["x-sequenzy-signature", "x-sequenzy-timestamp"]));
    assert_eq!(kind["findings"][0]["finding"], "body", "{refused}");
    assert!(kind["last"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap() >= before);
    let ran = server.run(&stage, &["doctor", "shop"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("body  the signature fits the body as JSON without blanks"), "{ran:?}");
    let said = format!("{refused}{}{}", ran.stdout, server.log());
    assert_eq!(HIDDEN.iter().find(|hidden| said.contains(**hidden)), None);
    for value in stage.sign("shop", &body).iter().map(|(_, value)| value).filter(|value| value.len() > 20) {
        assert!(!said.contains(value.trim_start_matches("v1=")), "{said}");
    }
    let unknown = server.get("/api/v1/sources/shpo/refused").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["detail"].as_str().unwrap().starts_with("there is no source `shpo`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_bad_deliveries_is_answered_and_hardly_looked_at() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    for number in 0..50 {
        let headers = [("X-Spruce-Signature".to_owned(), format!("bm9uc2Vuc2Uu{number:02}=="))];
        assert_eq!(server.post("clinic", &headers, "{}").await.status, 401);
    }
    let answer = server.get("/api/v1/sources/clinic/refused").await.json();
    let looked: u64 = answer["refused"].as_array().unwrap().iter().map(|kind| kind["times"].as_u64().unwrap()).sum();
    let others = answer["not_looked_at"].as_u64().unwrap();
    assert!(others > 0 && looked + others <= 50, "{answer}");
}
