//! What is never said: no secret, body or address in a log line, a metric or an error answer.

use rejoinder::provider::sandbox::Fault;

use crate::stage::{SOURCES, Stage, TOKEN, text, until};

/// What a reader of logs and metrics must not learn: credentials, and whatever a person wrote or is reached by.
const PLANTED: [&str; 13] = [
    TOKEN,
    "sandbox-key",
    "planted-shop-secret",
    "planted-desk-secret",
    "planted-clinic-secret",
    "planted text",
    "planted subject",
    "planted.ann@example.org",
    "planted-wrong-signature",
    "planted unreadable",
    "Ann Smith",
    "Hello Ann",
    "15550100",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_body_or_address_appears_in_a_log_line_or_metric() {
    let stage = Stage::with("log: json\n").await;
    // The rules fail in all the ways that a message can make them fail.
    stage.write("rules/20-fails.yaml", FAILS);
    stage.write("rules/30-fails.rhai", "fn decide(event, state) { throw event.message.text + event.contact.name; }\n");
    let server = stage.serve_with(&[("RUST_LOG", "debug")]).await;
    let mut said = String::new();
    for (source, speaks) in SOURCES {
        stage.sandbox.fail_next(speaks, Fault::Status(400, None), 1);
        let body = stage.arrive(speaks, "1001", "planted text").to_string();
        server.settled(&server.deliver(&stage, source, &body).await).await;
        let wrong: Vec<_> =
            stage.sign(source, "").into_iter().map(|(name, _)| (name, "planted-wrong-signature".into())).collect();
        said.push_str(&text(&server.post(source, &wrong, &body).await));
        server.deliver(&stage, source, &format!("{{\"planted unreadable\": \"{body}\"")).await;
    }
    said.push_str(&text(&server.get("/api/v1/events?kind=planted").await));
    stage.write(
        "rules/10-hello.yaml",
        "version: 1\nrules: [{ name: x, do: [{ reply: { text: \"{{ nobody }}\" } }] }]\n",
    );
    server.logs("the last good ones stay in force").await;
    let metrics = text(&server.get("/metrics").await);
    for counter in [
        "rejoinder_deliveries_total{source=\"shop\",result=\"accepted\"}",
        "rejoinder_deliveries_total{source=\"shop\",result=\"malformed\"}",
        "rejoinder_events_decided_total{source=\"clinic\"}",
        "rejoinder_actions_chosen_total{rule=\"hello\",action=\"reply\"}",
        "rejoinder_attempts_total{account=\"desk\",action=\"reply\",outcome=\"refused\"} 1",
        "rejoinder_rule_errors_total",
        "rejoinder_sends_dead",
        "rejoinder_accept_seconds_bucket",
    ] {
        assert!(metrics.contains(counter), "{counter} is not in\n{metrics}");
    }
    server.signal("TERM");
    until("the log is whole", async || server.log().contains("\"draining\"").then_some(())).await;
    let log = server.log();
    // The log is no shorter than it should be.
    for line in ["\"decided\"", "\"not delivered\"", "\"a delivery was rejected\""] {
        assert!(log.contains(line), "{line} is not in\n{log}");
    }
    for (what, text) in [("log", &log), ("metrics", &metrics), ("error answers", &said)] {
        assert_eq!(leak(text), None, "in the {what}");
    }
    assert_eq!(leak(&format!("{log} said=\"{}\"", PLANTED[5])), Some(PLANTED[5]));
}

/// The first of the planted words that is in a text.
fn leak(text: &str) -> Option<&'static str> {
    PLANTED.into_iter().find(|planted| text.contains(planted))
}

const FAILS: &str = r#"version: 1
rules:
  - name: undefined
    do:
      - note: { text: "{{ state.nothing }} {{ message.text }}" }
  - name: not-a-number
    when: { script: "message.text > 3" }
    do:
      - note: { text: x }
  - name: nobody-there
    do:
      - set: { seen: "{{ message.text }}" }
"#;
