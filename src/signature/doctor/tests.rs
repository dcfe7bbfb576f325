//! Every hypothesis is shown the fault it is for, and nothing that is said may hold anything of the delivery or the secrets.

use http::{HeaderMap, HeaderName};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::signature::Signing;

const BODY: &str = r#"{"id":"evt_1","name":"Zoë","b":{"d":1,"c":[1,2]},"a":"x/y"}"#;
const SECRET: &str = "s3cret-of-the-inbox";
/// Text that is also base64, and base64 behind `whsec_`.
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn settings(written: Value) -> VerifySettings {
    serde_json::from_value(written).unwrap()
}

/// What a genuine sender sends who is set up like this.
fn sent(written: &Value, body: &str) -> Delivery {
    sent_at(written, body, now())
}

fn sent_at(written: &Value, body: &str, at: Timestamp) -> Delivery {
    let settings = settings(written.clone());
    let verifier =
        find_scheme(&settings.scheme).unwrap().build(&settings).unwrap_or_else(|faults| panic!("{faults:?}"));
    let signing = Signing { body: body.as_bytes(), id: "msg_1", now: at, private_key: None };
    let body = verifier.seal(&signing).unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in verifier.sign(&Signing { body: &body, ..signing }).unwrap() {
        headers.insert(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    }
    Delivery { headers, body, received_at: now() }
}

/// What is said of a delivery to a source.
fn diagnose(written: &Value, delivery: &Delivery) -> Diagnosis {
    diagnose_beside(written, delivery, &json!({ "scheme": "github", "secrets": ["another one"] }))
}

fn diagnose_beside(written: &Value, delivery: &Delivery, other: &Value) -> Diagnosis {
    let sources = [("inbox", written), ("shop", other)];
    let doctor = Doctor::new(sources.map(|(name, written)| (name.into(), settings(written.clone()))));
    let arrival = Arrival { target: Some("/webhooks/inbox?x=1") };
    doctor.diagnose(&"inbox".into(), delivery, &arrival, now()).unwrap()
}

#[track_caller]
fn finds(diagnosis: &Diagnosis, name: &str, words: &str) {
    let first = diagnosis.findings.first().unwrap_or_else(|| panic!("nothing was found: {diagnosis:?}"));
    assert_eq!(first.finding, name, "{diagnosis:?}");
    assert!(first.says.contains(words) || first.advice.contains(words), "`{words}` is not in {first:?}");
}

fn set(delivery: &mut Delivery, name: &'static str, value: &str) {
    delivery.headers.insert(name, value.parse().unwrap());
}

fn with(scheme: &str) -> Value {
    json!({ "scheme": scheme, "secrets": [SECRET] })
}

#[test]
fn a_right_delivery_verifies_and_of_several_secrets_the_right_one_is_named() {
    let diagnosis = diagnose(&with("stripe"), &sent(&with("stripe"), BODY));
    assert_eq!((diagnosis.verified, diagnosis.fits, diagnosis.findings.len()), (true, None, 0));
    assert_eq!(diagnosis.headers, ["stripe-signature"]);
    let two = json!({ "scheme": "stripe", "secrets": ["the old one", SECRET] });
    assert_eq!(diagnose(&two, &sent(&with("stripe"), BODY)).fits, Some(2));
}

#[test]
fn a_header_that_is_not_there_is_named() {
    let mut delivery = sent(&with("slack"), BODY);
    delivery.headers.remove("x-slack-request-timestamp");
    finds(&diagnose(&with("slack"), &delivery), "headers", "`x-slack-request-timestamp` is missing");
    set(&mut delivery, "x-slack-request-timestamp", "");
    finds(&diagnose(&with("slack"), &delivery), "headers", "`x-slack-request-timestamp` is empty");
    let mut twice = sent(&with("github"), BODY);
    twice.headers.append("x-hub-signature-256", "sha256=00".parse().unwrap());
    finds(&diagnose(&with("github"), &twice), "headers", "is there twice");
    set(&mut twice, "x-hub-signature-256", "N/A");
    finds(&diagnose(&with("github"), &twice), "headers", "says that there is none");
    let mailgun = Delivery { body: b"{}".to_vec(), ..twice };
    finds(&diagnose(&with("mailgun"), &mailgun), "headers", "the body has no signature");
}

#[test]
fn a_clock_that_is_off_is_told_by_how_much() {
    let minutes = |minutes| now() - SignedDuration::from_mins(minutes);
    for scheme in ["slack", "stripe", "front-app", "zendesk", "mailgun"] {
        let diagnosis = diagnose(&with(scheme), &sent_at(&with(scheme), BODY, minutes(20)));
        finds(&diagnosis, "clock", "was made 1200 s ago");
        assert_eq!((diagnosis.reason.as_deref(), diagnosis.findings.len()), (Some("stale"), 1));
        finds(&diagnose(&with(scheme), &sent_at(&with(scheme), BODY, minutes(-20))), "clock", "1200 s in the future");
    }
}

#[test]
fn a_secret_with_something_around_it_is_known() {
    let configured = |secret: &str| json!({ "scheme": "github", "secrets": ["another", secret] });
    let delivery = sent(&with("github"), BODY);
    finds(&diagnose(&configured(&format!("{SECRET}\n")), &delivery), "secret_text", "fits secret 2 without the blanks");
    finds(&diagnose(&configured(&format!(" {SECRET}")), &delivery), "secret_text", "without the blanks");
    finds(&diagnose(&configured(&format!("\"{SECRET}\"")), &delivery), "secret_text", "without the quotes");
    let echoed = json!({ "scheme": "github", "secrets": [format!("{SECRET}\n")] });
    finds(&diagnose(&with("github"), &sent(&echoed, BODY)), "secret_text", "with a line end behind it");
    finds(&diagnose(&configured(&SECRET.to_uppercase()), &delivery), "secret_text", "in small letters");
}

#[test]
fn a_secret_that_is_decoded_or_not_is_known() {
    let configured = json!({ "scheme": "sequenzy", "secrets": [WHSEC] });
    let key = |key: &str| json!({ "scheme": "sequenzy", "secrets": [WHSEC], "key": key });
    finds(&diagnose(&configured, &sent(&key("whsec"), BODY)), "key", "`key: whsec`");
    finds(&diagnose(&key("whsec"), &sent(&configured, BODY)), "key", "`key: utf8`");
    let bare = json!({ "scheme": "sequenzy", "secrets": [WHSEC.trim_start_matches("whsec_")] });
    finds(&diagnose(&configured, &sent(&bare, BODY)), "key", "without its `whsec_`, not decoded");
    let hex = json!({ "scheme": "spruce", "secrets": ["00ff00ff00ff00ff"], "key": "hex" });
    let utf8 = json!({ "scheme": "spruce", "secrets": ["00ff00ff00ff00ff"] });
    finds(&diagnose(&utf8, &sent(&hex, BODY)), "key", "`key: hex`");
}

#[test]
fn a_signature_in_another_encoding_is_known() {
    let hex = json!({ "scheme": "spruce", "secrets": [SECRET], "encoding": "hex" });
    finds(&diagnose(&with("spruce"), &sent(&hex, BODY)), "encoding", "`encoding: hex`");
    let base64 = json!({ "scheme": "github", "secrets": [SECRET], "encoding": "base64" });
    finds(&diagnose(&with("github"), &sent(&base64, BODY)), "encoding", "`encoding: base64`");
    let mut delivery = sent(&with("spruce"), "with - and _ in it: 9");
    let value = delivery.header("x-spruce-signature").unwrap().replace('+', "-").replace('/', "_");
    set(&mut delivery, "x-spruce-signature", value.trim_end_matches('='));
    finds(&diagnose(&with("spruce"), &delivery), "encoding", "holds the right signature in base64");
}

#[test]
fn a_prefix_that_is_missing_or_too_many_is_known() {
    let mut delivery = sent(&with("github"), BODY);
    let bare = delivery.header("x-hub-signature-256").unwrap().trim_start_matches("sha256=").to_owned();
    set(&mut delivery, "x-hub-signature-256", &bare);
    finds(&diagnose(&with("github"), &delivery), "prefix", "wants `sha256=` before it");
    let mut delivery = sent(&with("linear"), BODY);
    let more = format!("sha256={}", delivery.header("linear-signature").unwrap());
    set(&mut delivery, "linear-signature", &more);
    finds(&diagnose(&with("linear"), &delivery), "prefix", "wants nothing before it");
}

#[test]
fn a_body_that_was_written_anew_is_known() {
    let value: Value = serde_json::from_str(BODY).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let python = r#"{"id": "evt_1", "name": "Zo\u00eb", "b": {"d": 1, "c": [1, 2]}, "a": "x/y"}"#;
    let sorted = r#"{"a":"x/y","b":{"c":[1,2],"d":1},"id":"evt_1","name":"Zoë"}"#;
    let php = r#"{"id":"evt_1","name":"Zoë","b":{"d":1,"c":[1,2]},"a":"x\/y"}"#;
    for (signed, arrived, words) in [
        (BODY, pretty.as_str(), "as JSON without blanks:"),
        (pretty.as_str(), BODY, "as JSON indented by two blanks"),
        (python, BODY, "with letters beyond ASCII"),
        (sorted, BODY, "with its keys in order"),
        (php, BODY, "with `/` as `\\/`"),
        (&pretty.replace("  ", "    "), BODY, "indented by four blanks"),
        (&format!("{BODY}\n"), BODY, "with a line end behind it"),
        (BODY, &format!("{BODY}\n"), "as JSON without blanks"),
        ("a=b", "a=b\n", "without the blanks and line ends around it"),
        ("a\r\nb", "a\nb", "with CR LF as line ends"),
        ("a\nb", "a\r\nb", "with LF as line ends"),
        ("", BODY, "when it is empty"),
    ] {
        let mut delivery = sent(&with("slack"), signed);
        delivery.body = arrived.as_bytes().to_vec();
        finds(&diagnose(&with("slack"), &delivery), "body", words);
    }
}

#[test]
fn what_belongs_to_another_source_is_known() {
    let other = json!({ "scheme": "github", "secrets": ["of the shop"] });
    let diagnosis = diagnose_beside(&with("github"), &sent(&other, BODY), &other);
    finds(&diagnosis, "other_source", "the delivery fits the source `shop`");
    let other = json!({ "scheme": "stripe", "secrets": ["of the shop"] });
    let mixed = json!({ "scheme": "github", "secrets": ["of the shop"] });
    finds(
        &diagnose_beside(&with("github"), &sent(&mixed, BODY), &other),
        "other_source",
        "a secret or key of the source `shop`",
    );
    // Whatever arrives fits a source that verifies nothing.
    let open = diagnose_beside(&with("github"), &sent(&mixed, BODY), &json!({ "scheme": "none" }));
    finds(&open, "unexplained", "no configured secret");
}

#[test]
fn an_address_that_differs_is_told_by_its_part() {
    let twilio = |url: &str| json!({ "scheme": "twilio", "secrets": [SECRET], "url": url });
    let configured = twilio("https://hooks.example/webhooks/inbox");
    for (signed, words) in [
        ("http://hooks.example/webhooks/inbox", ": http or https differs"),
        ("https://hooks.example:8443/webhooks/inbox", ": the port differs"),
        ("https://hooks.example/webhooks/inbox/", ": the path differs"),
        ("https://hooks.example/webhooks/inbox?x=1", ": the query differs"),
        ("https://edge.example/webhooks/inbox", ": the host differs"),
        ("http://edge.example:8080/webhooks/inbox", "http or https and the host differs"),
    ] {
        let mut delivery = sent(&twilio(signed), "From=%2B1500&Body=hi");
        set(&mut delivery, "host", if signed.contains(":8080") { "edge.example:8080" } else { "edge.example" });
        finds(&diagnose(&configured, &delivery), "url", words);
    }
}

#[test]
fn another_content_under_the_right_secret_is_known() {
    let hmac = |content: &str, hash: &str| json!({ "scheme": "hmac", "secrets": [SECRET], "header": "x-slack-signature", "prefix": "v0=", "content": content, "hash": hash });
    let mut delivery = sent(&hmac("{body}", "sha256"), BODY);
    set(&mut delivery, "x-slack-request-timestamp", "1700000000");
    finds(&diagnose(&with("slack"), &delivery), "content", "HMAC and SHA-256, of `{body}`");
    let mut delivery = sent(&hmac("{body}", "sha1"), BODY);
    set(&mut delivery, "x-slack-request-timestamp", "1700000000");
    finds(&diagnose(&with("slack"), &delivery), "content", "HMAC and SHA-1, of `{body}`");
    let mut dotted = hmac("{timestamp}.{body}", "sha256");
    dotted["timestamp_header"] = "x-slack-request-timestamp".into();
    finds(&diagnose(&with("slack"), &sent(&dotted, BODY)), "content", "of `{timestamp}.{body}`");
}

#[test]
fn another_scheme_is_known_by_its_headers_and_surely_by_its_signature() {
    let standard = json!({ "scheme": "standard-webhooks", "secrets": [WHSEC] });
    let delivery = sent(&standard, BODY);
    let diagnosis = diagnose(&with("github"), &delivery);
    finds(&diagnosis, "headers", "`x-hub-signature-256` is missing");
    assert_eq!(diagnosis.findings[1].says, "this looks like `standard-webhooks` or `svix`, by its headers");
    let configured = json!({ "scheme": "github", "secrets": [WHSEC] });
    let surely = &diagnose(&configured, &delivery).findings[1];
    assert_eq!(surely.advice, "write `scheme: standard-webhooks` under `verify`");
    let front = diagnose(&with("front"), &sent(&with("front-app"), BODY));
    finds(&front, "scheme", "by the scheme `front-app`");
}

#[test]
fn a_wrong_key_is_said_to_be_one() {
    let wrong = diagnose(&with("github"), &sent(&json!({ "scheme": "github", "secrets": ["wrong"] }), BODY));
    finds(&wrong, "unexplained", "no configured secret or key");
    assert_eq!(wrong.findings.len(), 1);
    let mut delivery = sent(&with("github"), BODY);
    set(&mut delivery, "x-hub-signature-256", "nonsense");
    finds(&diagnose(&with("github"), &delivery), "unexplained", "not of the form");
}

#[test]
fn every_hypothesis_has_a_name_of_its_own() {
    let mut names: Vec<&str> = HYPOTHESES.iter().map(|hypothesis| hypothesis.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), HYPOTHESES.len());
}

/// The first piece of eight characters of `secret` that stands in a text.
fn leak<'s>(text: &str, secret: &'s str) -> Option<&'s str> {
    (0..secret.len().saturating_sub(7)).filter_map(|at| secret.get(at..at + 8)).find(|piece| text.contains(piece))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Capitals and digits, so that no word of ours is in them by chance.
    #[test]
    fn nothing_of_the_delivery_or_the_secrets_is_ever_said(
        text in "[A-Z0-9]{12,40}", secret in "[A-Z0-9]{12,40}", wrong in "[A-Z0-9]{12,40}",
        right in prop::sample::select(vec!["github", "slack", "stripe", "spruce", "mailgun", "twilio", "basic", "token", "zendesk"]),
        fault in 0..6u8,
    ) {
        let written = |secret: &str| match right {
            "twilio" => json!({ "scheme": right, "secrets": [secret], "url": "https://hooks.example/in" }),
            "basic" => json!({ "scheme": right, "secrets": [format!("USER:{secret}")] }),
            "token" => json!({ "scheme": right, "secrets": [secret], "header": "x-key" }),
            _ => json!({ "scheme": right, "secrets": [secret] }),
        };
        let body = json!({ "text": text, "more": [text] }).to_string();
        let expected = sent(&written(&secret), &body);
        let mut delivery = expected.clone();
        let mut configured = written(&secret);
        match fault {
            0 => configured = written(&wrong),
            1 => configured = written(&format!("{secret}\n")),
            2 => delivery.headers = HeaderMap::new(),
            3 => delivery.body = serde_json::to_vec_pretty(&json!({ "text": text, "more": [text] })).unwrap(),
            4 => delivery = sent_at(&written(&secret), &body, now() - SignedDuration::from_hours(1)),
            _ => delivery.body = wrong.clone().into_bytes(),
        }
        let other = json!({ "scheme": "github", "secrets": [wrong] });
        let diagnosis = diagnose_beside(&configured, &delivery, &other);
        let said = format!("{diagnosis:?}{}", serde_json::to_string(&diagnosis).unwrap());
        let signatures = [&expected, &delivery].into_iter().flat_map(|it| it.headers.values());
        let signatures: Vec<String> = signatures.map(|value| value.to_str().unwrap().to_owned()).filter(|value| !value.contains("application/")).collect();
        for hidden in signatures.iter().chain([&text, &secret, &wrong]) {
            prop_assert_eq!(leak(&said, hidden), None);
        }
    }
}

#[test]
fn a_planted_leak_is_found() {
    assert_eq!(leak("it holds CDEFGHIJ, alas", "ABCDEFGHIJKL"), Some("CDEFGHIJ"));
}
