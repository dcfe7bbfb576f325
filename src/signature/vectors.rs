//! Signatures that senders publish, and signatures computed apart from this program from the formulas they publish.
//! Nothing here is signed by the code under test.

mod bodies;
mod keyed;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::*;

/// What the computed ones sign, and with what.
const BODY: &str = r#"{"id":"evt_1","type":"message.created"}"#;
const AT: &str = "1700000000";
const SECRET: &str = "test_secret";

/// What Standard Webhooks and Svix sign in their tests.
const STANDARD: &str = r#"{"test": 2432232314}"#;
const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const STANDARD_PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
const STANDARD_PRIVATE: &str =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const V1: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const V1A: &str = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";

/// The public key of RFC 8032 §7.1 TEST 1.
const RFC_8032: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const RFC_8032_SPKI: &str = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const RFC_8032_SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const RFC_8032_SIGNATURE: &str =
    "rQPhLoFXWvyQU8ueg8bZ3WySER4nOUWzzV63HeGqiuBoltJdRuV22sCVcjq9Y4H8enNbYUeDNkYnabT9LwxKDA==";

/// One request at its own time.
fn judge(settings: Value, now: &str, headers: &[(&'static str, &str)], body: &str) -> Result<(), Rejection> {
    let settings: VerifySettings = serde_json::from_value(settings).unwrap();
    let verifier = scheme(&settings.scheme).unwrap().build(&settings).unwrap();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let now = Timestamp::from_second(now.parse().unwrap()).unwrap();
    verifier.verify(&Delivery { headers: map, body: body.into(), received_at: now }, now)
}

fn check(settings: Value, now: &str, headers: &[(&'static str, &str)], body: &str) {
    assert_eq!(judge(settings.clone(), now, headers, body), Ok(()), "{settings}");
    let changed = judge(settings.clone(), now, headers, &format!("{body} "));
    assert_eq!(changed, Err(Rejection::Mismatch), "{settings}");
}

fn with(scheme: &str, secret: &str) -> Value {
    json!({ "scheme": scheme, "secrets": [secret] })
}

#[test]
fn published_signatures_are_accepted() {
    let github = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    check(with("github", "It's a Secret to Everybody"), AT, &[("x-hub-signature-256", github)], "Hello, World!");
    let octokit = "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3";
    check(with("github", "mysecret"), AT, &[("x-hub-signature-256", octokit)], r#"{"foo":"bar"}"#);
    let slack = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    let headers = [("x-slack-signature", slack), ("x-slack-request-timestamp", "1531420618")];
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
                &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
                &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
                &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    check(with("slack", "8f742231b10e8888abcd99yyyzzz85a5"), "1531420618", &headers, body);
}

fn standard(signature: &'static str) -> [(&'static str, &'static str); 3] {
    [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", signature),
    ]
}

#[test]
fn the_vectors_of_standard_webhooks_are_accepted() {
    let now = "1614265330";
    let secret = with("standard-webhooks", STANDARD_SECRET);
    let both = json!({ "scheme": "standard-webhooks", "secrets": [STANDARD_SECRET], "keys": [STANDARD_PUBLIC] });
    let key = json!({ "scheme": "standard-webhooks", "keys": [STANDARD_PUBLIC] });
    let bare = with("standard-webhooks", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    for (settings, signature) in [(&secret, V1), (&bare, V1), (&key, V1A), (&both, V1), (&both, V1A)] {
        check(settings.clone(), now, &standard(signature), STANDARD);
    }
    check(with("svix", STANDARD_SECRET), now, &standard(V1), STANDARD);
    let svix = [("svix-id", standard(V1)[0].1), ("svix-timestamp", now), ("svix-signature", V1)];
    check(with("svix", STANDARD_SECRET), now, &svix, STANDARD);

    let many = "v1,tFtCZ5RDCPxzWQRWXWPgrCgE2frDBe9gjpbWQxnVfsQ= v1,Mm7xgUVICxZfQ3bgf0h0Dof65L/IFx+PnZvnDWPCX6Q= \
                v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,9DfC1c3eeOrXB6w/5dIDydLNQaEyww5KalE5jLBZucE=";
    check(secret.clone(), now, &standard(many), STANDARD);
    let rows = [
        (now, "v1,R3PTzyfHASBKHH98a7yexTwaJ4yNIcGhFQc1yuN+BPU=", Rejection::Mismatch),
        (now, "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=", Rejection::Mismatch),
        (now, "v1,", Rejection::Malformed),
        (now, "v1,g0hM9", Rejection::Malformed),
        (now, "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", Rejection::Malformed),
        (now, V1A, Rejection::Mismatch),
        ("1614265631", V1, Rejection::Stale),
        ("1614265029", V1, Rejection::Future),
    ];
    for (now, signature, want) in rows {
        assert_eq!(judge(secret.clone(), now, &standard(signature), STANDARD), Err(want), "{signature} at {now}");
    }
}

#[test]
fn signatures_computed_elsewhere_are_accepted() {
    let base64 = "lKsAO0UdAHmU34Q2SFRKXyLw42nEXv7vdHyFcbbJ0eY=";
    let hex = "94ab003b451d007994df843648544a5f22f0e369c45efeef747c8571b6c9d1e6";
    let dotted = "12e14b9f033bcb56fa4b26eaa6758a3ca72febd0017e5ad69d866c1c650c84d6";
    let sequenzy = "v1=75ed365b8b0c2defc0c597bccb1c86c6374165ad3dc764cb6312921a888dbe87";
    let slack = "v0=62b59d4daeeb26d8acfe6687eee61b686c44c6b866ae7f8f5136b72898824a74";
    let (github, chatwoot) = (format!("sha256={hex}"), format!("sha256={dotted}"));
    let stripe = format!("t={AT},v1={dotted}");
    let sha1 = "cW44uIJzrFoDLIBphveac2D7+Kk=";
    let rows: [(&str, &[(&'static str, &str)]); 14] = [
        ("spruce", &[("x-spruce-signature", base64)]),
        ("shopify", &[("x-shopify-hmac-sha256", base64)]),
        ("shopify", &[("shopify-hmac-sha256", base64)]),
        ("sequenzy", &[("x-sequenzy-signature", sequenzy), ("x-sequenzy-timestamp", AT)]),
        ("github", &[("x-hub-signature-256", &github)]),
        ("linear", &[("linear-signature", hex)]),
        ("stripe", &[("stripe-signature", &stripe)]),
        ("chatwoot", &[("x-chatwoot-signature", &chatwoot), ("x-chatwoot-timestamp", AT)]),
        ("slack", &[("x-slack-signature", slack), ("x-slack-request-timestamp", AT)]),
        ("intercom", &[("x-hub-signature", "sha1=716e38b88273ac5a032c806986f79a7360fbf8a9")]),
        ("front", &[("x-front-signature", sha1)]),
        ("helpscout", &[("x-helpscout-signature", sha1)]),
        (
            "zendesk",
            &[
                ("x-zendesk-webhook-signature", "9ZkFg3FDOG7Y+QCMO/JDhDKSjs6nb9p5cAdzmet3Cco="),
                ("x-zendesk-webhook-signature-timestamp", AT),
            ],
        ),
        (
            "front-app",
            &[("x-front-signature", "QR4cF1YqmGoDXbUcmI5P0GrBoJW/7soD5GO5EisqamM="), ("x-front-request-timestamp", AT)],
        ),
    ];
    for (scheme, headers) in rows {
        check(with(scheme, SECRET), AT, headers, BODY);
    }
    let discord = "2ea3e5d3a5fe3b58f9cd2cdabaecfa01206b129fdb7516d8b33542976d2148cf6e1d32f95a752b8291e471ed8ae71ab8\
                   0509124ea2e67d9517b611497a6b8500";
    let settings = json!({ "scheme": "discord", "keys": [RFC_8032] });
    check(settings, AT, &[("x-signature-ed25519", discord), ("x-signature-timestamp", AT)], BODY);
    let highlevel = json!({ "scheme": "highlevel", "keys": [RFC_8032_SPKI] });
    check(highlevel, AT, &[("x-ghl-signature", RFC_8032_SIGNATURE)], BODY);
}

#[test]
fn highlevel_never_falls_back_from_the_current_header() {
    let settings = json!({ "scheme": "highlevel", "keys": [RFC_8032_SPKI] });
    let legacy = ("x-wh-signature", RFC_8032_SIGNATURE);
    for (current, want) in [("N/A", Rejection::Missing), ("", Rejection::Missing), ("AAAA", Rejection::Mismatch)] {
        assert_eq!(judge(settings.clone(), AT, &[("x-ghl-signature", current), legacy], BODY), Err(want));
    }
    // The published keys are in force where there are no others, and fit nothing that was signed here.
    let published = json!({ "scheme": "highlevel" });
    for header in ["x-ghl-signature", "x-wh-signature"] {
        let verdict = judge(published.clone(), AT, &[(header, RFC_8032_SIGNATURE)], BODY);
        assert_eq!(verdict, Err(Rejection::Mismatch), "{header}");
    }
}

#[test]
fn sequenzy_may_write_hexadecimal_or_base64() {
    let settings = with("sequenzy", SECRET);
    let base64 = "v1=de02W4sMLe/AxZe8yxyGxjdBZa09x2TLYxKSGoiNvoc=";
    check(settings, AT, &[("x-sequenzy-signature", base64), ("x-sequenzy-timestamp", AT)], BODY);
}

#[test]
fn more_signatures_than_a_sender_writes_are_refused() {
    let good = "v1=75ed365b8b0c2defc0c597bccb1c86c6374165ad3dc764cb6312921a888dbe87";
    let list = |count: usize| [vec!["v1=00"; count], vec![good]].concat().join(",");
    let verdict = |value: &str| {
        judge(with("sequenzy", SECRET), AT, &[("x-sequenzy-signature", value), ("x-sequenzy-timestamp", AT)], BODY)
    };
    assert_eq!(verdict(&list(31)), Ok(()));
    assert_eq!(verdict(&list(32)), Err(Rejection::Malformed));
    assert_eq!(verdict(&format!("{good},v1={}", "0".repeat(8192))), Err(Rejection::Malformed));
    let twice = format!("t={AT},t={AT},v1=12e14b9f033bcb56fa4b26eaa6758a3ca72febd0017e5ad69d866c1c650c84d6");
    assert_eq!(judge(with("stripe", SECRET), AT, &[("stripe-signature", &twice)], BODY), Err(Rejection::Malformed));
}

/// Signs as the trial commands do.
fn sign(settings: Value, private_key: Option<&str>) -> Result<Vec<(String, String)>, String> {
    let settings: VerifySettings = serde_json::from_value(settings).unwrap();
    let verifier = scheme(&settings.scheme).unwrap().build(&settings).unwrap();
    let private_key = private_key.map(Secret::from);
    let now = Timestamp::from_second(1_614_265_330).unwrap();
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    verifier.sign(&Signing { body: STANDARD.as_bytes(), id, now, private_key: private_key.as_ref() })
}

#[test]
fn signing_writes_what_the_sender_would() {
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    let both = json!({ "scheme": "standard-webhooks", "secrets": [STANDARD_SECRET], "keys": [STANDARD_PUBLIC] });
    let headers = |signature: &str| {
        pairs(&[
            ("webhook-signature", signature),
            ("webhook-timestamp", "1614265330"),
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ])
    };
    assert_eq!(sign(both.clone(), None).unwrap(), headers(V1));
    assert_eq!(sign(both, Some(STANDARD_PRIVATE)).unwrap(), headers(&format!("{V1} {V1A}")));
    assert_eq!(sign(json!({ "scheme": "none" }), None).unwrap(), pairs(&[]));
    let token = json!({ "scheme": "token", "header": "Authorization", "prefix": "Bearer ", "secrets": ["abc", "def"] });
    assert_eq!(sign(token, None).unwrap(), pairs(&[("authorization", "Bearer abc")]));
    let basic = json!({ "scheme": "basic", "secrets": ["Aladdin:open sesame"] });
    assert_eq!(sign(basic, None).unwrap(), pairs(&[("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")]));

    let highlevel = json!({ "scheme": "highlevel" });
    for (key, fault) in [
        (None, "a private key is needed: the source holds public keys only"),
        (Some(RFC_8032_SEED), "the private key belongs to none of the source's public keys"),
        (Some("AAAA"), "the private key is neither PKCS#8 (`BEGIN PRIVATE KEY`) nor an Ed25519 seed of 32 bytes"),
    ] {
        assert_eq!(sign(highlevel.clone(), key).unwrap_err(), fault);
    }
}

#[test]
fn private_keys_are_read_in_every_form() {
    let settings = json!({ "scheme": "highlevel", "keys": [RFC_8032_SPKI] });
    let want = sign(settings.clone(), Some(RFC_8032_SEED)).unwrap();
    let der = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
    for form in [der, &pem, "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="] {
        assert_eq!(sign(settings.clone(), Some(form)).unwrap(), want);
    }
}

#[test]
fn public_keys_are_read_in_every_form() {
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{RFC_8032_SPKI}\n-----END PUBLIC KEY-----\n");
    let base64 = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let prefixed = format!("whpk_{base64}");
    for form in [&pem, &pem.replace('\n', " "), RFC_8032_SPKI, RFC_8032, base64, &prefixed] {
        let settings = json!({ "scheme": "ed25519", "header": "x-sig", "keys": [form] });
        check(settings, AT, &[("x-sig", RFC_8032_SIGNATURE)], BODY);
    }
}

#[test]
fn a_generated_pair_signs_and_verifies() {
    let (private, public) = generate_ed25519().unwrap();
    let settings = json!({ "scheme": "highlevel", "keys": [public] });
    let signed = sign(settings.clone(), Some(private.expose())).unwrap();
    assert_eq!(signed[0].0, "x-ghl-signature");
    check(settings, AT, &[("x-ghl-signature", &signed[0].1)], STANDARD);
    assert_ne!(generate_ed25519().unwrap().1, public);
}

#[test]
fn linear_names_its_time_in_the_body() {
    let settings: VerifySettings = serde_json::from_value(with("linear", SECRET)).unwrap();
    let verifier = scheme("linear").unwrap().build(&settings).unwrap();
    let named: i64 = AT.parse().unwrap();
    let body = format!(r#"{{"action":"create","webhookTimestamp":{named}000}}"#);
    let now = Timestamp::from_second(named).unwrap();
    let signed = verifier.sign(&Signing { body: body.as_bytes(), id: "m", now, private_key: None }).unwrap();
    let headers = [("linear-signature", signed[0].1.as_str())];
    let (stale, future) = (Err(Rejection::Stale), Err(Rejection::Future));
    for (seconds, want) in [(0, Ok(())), (60, Ok(())), (61, stale), (-60, Ok(())), (-61, future)] {
        let now = (named + seconds).to_string();
        assert_eq!(judge(with("linear", SECRET), &now, &headers, &body), want, "{seconds}");
    }
    let forged = body.replace("create", "remove");
    assert_eq!(judge(with("linear", SECRET), "0", &headers, &forged), Err(Rejection::Mismatch));
}
