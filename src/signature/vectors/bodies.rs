//! Senders whose signatures depend on what the body is, or lie in it: Twilio and Mailgun.

use std::collections::BTreeSet;

use super::*;

const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8");

fn twilio(url: &str) -> Value {
    json!({ "scheme": "twilio", "secrets": ["12345"], "url": url })
}

/// twilio.com/docs/usage/security, and the tests of Twilio's own libraries (github.com/twilio/twilio-php,
/// tests/Twilio/Unit/Security/RequestValidatorTest.php).
#[test]
fn the_vectors_of_twilio_are_accepted() {
    let form = "Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE";
    let repeated = "Sid=CA123&Digits=5678&SidAccount=AC123&Digits=1234&Digits=1234";
    let ported = "https://mycompany.com:443/myapp.php?foo=1&bar=2";
    for (url, signature, body) in [
        (URL, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", form),
        (ported, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", form),
        (URL, "kvajT1Ptam85bY51eRf/AJRuM3w=", form),
        (URL, "IK+Dwps556ElfBT0I3Rgjkr1wJU=", repeated),
    ] {
        check(twilio(url), AT, &[("x-twilio-signature", signature), FORM], body);
    }
    let json = [("x-twilio-signature", "a9nBmqA0ju/hNViExpshrM61xv4="), ("content-type", "application/json")];
    let body = r#"{"property": "value", "boolean": true}"#;
    check(twilio(URL), AT, &json, body);
    for other in
        ["http://mycompany.com/myapp.php?foo=1&bar=2", "https://mycompany.com/myapp.php", "https://mycompany.com:8443/"]
    {
        assert_eq!(judge(twilio(other), AT, &json, body), Err(Rejection::Mismatch), "{other}");
    }
    // The same bytes under another type are another request.
    assert_eq!(judge(twilio(URL), AT, &[json[0], FORM], body), Err(Rejection::Mismatch));
}

#[test]
fn twilio_needs_the_address_that_it_was_given() {
    for (url, fault) in [
        (json!(null), ": missing key `url`: the address that Twilio was given, which it signs"),
        (json!("bot.example/x"), "url: is not an address: relative URL without a base"),
        (json!("wss://bot.example/x"), "url: is not an address that begins with `https://` or `http://`"),
        (
            json!("https://ann:pw@bot.example"),
            "url: holds a user or password; this source needs none, the signature is enough",
        ),
        (json!("https://bot.example/#rc=2"), "url: has a part behind `#`, which Twilio keeps to itself; leave it out"),
    ] {
        let settings = json!({ "scheme": "twilio", "secrets": ["12345"], "url": url });
        let settings: VerifySettings = serde_json::from_value(settings).unwrap();
        let Err(faults) = scheme("twilio").unwrap().build(&settings) else { panic!("{url}") };
        assert_eq!(faults.iter().map(|it| format!("{}: {}", it.key, it.message)).collect::<Vec<_>>(), [fault]);
    }
}

/// `printf %s 1700000000a8ce0edb… | openssl dgst -sha256 -hmac test_secret`, as documentation.mailgun.com,
/// "Securing Webhooks", says; it publishes no key with its example.
const TOKEN: &str = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0";
const SIGNATURE: &str = "88f54ea20cd9baff5d9834f42c36f42a58ca0a9f1f863a863f82d48cac6db130";

fn json_body(timestamp: Value, token: &str) -> String {
    let signature = json!({ "timestamp": timestamp, "token": token, "signature": SIGNATURE });
    json!({ "event-data": { "event": "delivered", "signature": { "token": 1 } }, "signature": signature }).to_string()
}

#[test]
fn mailgun_signs_in_the_body() {
    let form = format!("subject=Hi&token={TOKEN}&timestamp={AT}&signature={SIGNATURE}");
    let bodies = [
        (vec![], json_body(json!(AT), TOKEN)),
        (vec![], json_body(json!(1_700_000_000), TOKEN)),
        (vec![FORM], form.clone()),
    ];
    for (headers, body) in &bodies {
        assert_eq!(judge(with("mailgun", SECRET), AT, headers, body), Ok(()), "{body}");
        assert_eq!(judge(with("mailgun", "other"), AT, headers, body), Err(Rejection::Mismatch), "{body}");
        assert_eq!(judge(with("mailgun", SECRET), "1700000900", headers, body), Ok(()));
        assert_eq!(judge(with("mailgun", SECRET), "1700000901", headers, body), Err(Rejection::Stale));
    }
    for (headers, body, want) in [
        (vec![], "{}".to_owned(), Rejection::Missing),
        (vec![], "[]".to_owned(), Rejection::Malformed),
        (vec![], form.clone(), Rejection::Malformed),
        (vec![FORM], bodies[0].1.clone(), Rejection::Missing),
        (vec![FORM], format!("{form}&token=b"), Rejection::Missing),
        (vec![FORM], format!("{}{form}", "a=1&".repeat(1100)), Rejection::Malformed),
        (vec![], json_body(json!(AT), &"a".repeat(129)), Rejection::Malformed),
    ] {
        assert_eq!(judge(with("mailgun", SECRET), AT, &headers, &body), Err(want), "{body:.200}");
    }
}

/// What was signed has no mark between its parts, so digits could be moved over from one to the other.
#[test]
fn mailguns_token_is_the_same_however_it_is_cut() {
    let token = "123e0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0";
    let settings: VerifySettings = serde_json::from_value(with("mailgun", SECRET)).unwrap();
    let verifier = scheme("mailgun").unwrap().build(&settings).unwrap();
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let mut seen = BTreeSet::new();
    for (timestamp, token) in [(AT, token), ("1700000000123", &token[3..]), ("170000000", &format!("0{token}"))] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature = hex::encode(ring::hmac::sign(&key, format!("{timestamp}{token}").as_bytes()));
        assert!(seen.insert(signature.clone()) == (timestamp == AT), "all have one signature");
        let body = json!({ "signature": { "timestamp": timestamp, "token": token, "signature": signature } });
        let delivery = Delivery { headers: HeaderMap::new(), body: body.to_string().into_bytes(), received_at: now };
        match verify(&*verifier, delivery, now) {
            Ok(verified) => {
                assert_eq!((timestamp, verifier.token(&verified)), (AT, Some(format!("{timestamp}{token}"))))
            }
            Err(rejected) => assert_eq!((timestamp == AT, rejected.rejection), (false, Rejection::Malformed)),
        }
    }
}

#[test]
fn what_is_sealed_is_accepted_in_both_forms() {
    let settings: VerifySettings = serde_json::from_value(with("mailgun", SECRET)).unwrap();
    let verifier = scheme("mailgun").unwrap().build(&settings).unwrap();
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let seal = |body: &'static [u8]| {
        let signing = Signing { body, id: "msg_1", now, private_key: None };
        verifier.seal(&signing).map(|sealed| (String::from_utf8(sealed).unwrap(), verifier.sign(&signing).unwrap()))
    };
    for (body, kind) in
        [(&b"{\"a\":1}"[..], "application/json"), (b"subject=Hi+there", "application/x-www-form-urlencoded")]
    {
        let (sealed, headers) = seal(body).unwrap();
        assert_eq!(headers, [("content-type".to_owned(), kind.to_owned())]);
        assert_eq!(judge(with("mailgun", SECRET), AT, &[("content-type", kind)], &sealed), Ok(()), "{sealed}");
    }
    assert_eq!(seal(b"[1]").unwrap_err(), "the body is not an object, so there is no place for the signature");
    assert!(seal(b"{").unwrap_err().starts_with("the body is not JSON: "));
}
