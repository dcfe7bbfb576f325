//! What the suite must know of each scheme to spoil its requests, and the RSA keys it tries.
//! Every scheme of the table stands here, or the suite fails.

use std::sync::LazyLock;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::SignedDuration;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// RSA public keys of 2048 bits, each with its signature of the suite's body, made by OpenSSL; the private keys are gone.
pub(in crate::signature) const RSA: [(&str, &str); 3] = [
    (
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA2Vy5eFX9LPmpwr4TppLeu/ghztUtfQ8uvHrI93CEcbf8xkCdg5PTu8iG7gFyfEV4xo\
     0CGoEkSvhz5a4NENWLvKhIBxGeXHrm9I1DkCZdT3Y7NFx5gBY3wrQxP4tOIDhetOzTeeEMp4OruOcDm2kNwhAt533MGFQT3/UiJUvDUaLlDXPb\
     08uV09Rg09JIHbYjZ9fmwfXT079W50wli0jlGI1WfHj2LAuNSI6zQRDRdRMgJ8ed5eyAjtVExr6x+VZ7TAVCpBWqh/JDVXkVbRZnAb65ueO+6V\
     r0ADXnw6dKsMqrIZzhYWCUXeFFu1A2wkJs95/xpn10BFWvw8EI/8NG9QIDAQAB",
        "Y40cWErlpmOmk/z7CZPLQGBSNSqbQXziUCWBgEG9R/y3xA17apDrWZm/Y56q1McWBqwL+qYIU39Dr6HLdjjOMGI2M5NlMIf8ofsr0W58eiQBXu\
     9+uUh/DBKnUodirv4ZngGIdhipZI7YFD4c+9AdUDoc/1WqByF7DgGfx4lDXiUXA9cDXMvvbiw4+zjwdehdIVetNEXyt/iZLQuOZTv0Mw5uoRKd\
     3fpJ6EyRdfPHdsXzHuCcb3/aV3sPlESpra5f40PrajNq1WQ3M9mt0W6+IBF1rAiSy6xhGXSoMPX9+5yZ1ypQ8yvqWGTPOF4oj0Mzt++wCvBzJo\
     dfKHekElARjg==",
    ),
    (
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA4lrHjmcRT/ZGTYslk/XYGBG2twKnaKIztpU3baBCEpzm7Azkx3opS3rs097Gel+bDe\
     CcRh4GYkG88IVBitUeQbxEpSMxFlEORxrywosoa9rGes2IKnApOealFyaOzQU52q2tg3c3mAwSQmF+6qK4oOykFlxCdFdV+sIw8WTAeF0UdZN3\
     yXoUwc6OapxByB7GrW/ntOlaO3mIt8EUxLaX18NOZtDM0wCv6tmBloFc85EuauQS5XVfyor0eo/zlis7QZH02thhzJiu0tMsm5rMG3CJn9Sfow\
     cPjkipCRXKDVFzBbb4IHEDzEAFAh8Ql9a3gfuwGAwis7QvMLdsaHCsYQIDAQAB",
        "OEj8YvLZ7dnl5vC49Lnn3tJoCL4gSEQjyXz4uozt33hcg6jPnKTY0elFqivct8gluZkY5mtRjfsYvvi6c3ZvFjbf0bDhqwUvKXNSqIvUQ8QPeS\
     mj9VspCnTj0yglgE93FDIH6mWymT8WqD0MeF7UvEizGXjfbPY9fUDR/WpKS9UtMp92UGcSpATZoiHsazkjO9qT1xKNMsyzWoZRkCP+PYj9s7Pd\
     rmdtaJWsUhS9uv70iZh8/93bFORe18HbQeRiB2uEpgaHcv1aovBUbkBaEnmU4S8CqnjYvrr4NofW4m7Gx5E+bDaMcbS2f5WSIeaY3GrVfiWxKS\
     2G4/EM8UrQJg==",
    ),
    (
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA85/VRxp8TotyvA+KCbdG+tzldUHlJCzXRe7bNVtjkjTZhPdNlQaAmx6uuzR+Dnzgir\
     7cEGADW0mg144+sqoJaQ5kud+CYC8vTpcaVsXmJhxSg+V2Bdh3IW0C6C8wnYXGEle2lbNe4Evd7ND02XlCg8M4hPaV72qQ+pu3k4EXur3jJZ5C\
     B6G+b1WL0rF86XHS3OnfboWTq8vVlgDEIuYiZcHD7kgLJhAK2GeMiLlcL0JdZvfMLWz6XLfGfdmMVGD5+LgRdf5XnIiZeR+XYmhblHu2sTqsgc\
     di5ovTFZr81grjXwp+4or8Xme6PGKm15C2lFxH6voFqJ2UT3ra06XxIQIDAQAB",
        "oDvlxhvqRTDl3NmItx6Zu3y7YoEit+CCN6Rfr+ea2bbiIBPRRE+D3B1RD0mmj2NXrSM3APyWM50KgoEnoLckL/r+UYxgyHsWFfds0qv3MdseRw\
     Ruax7khy0T1kmsfFlHOeSB1gzy0td/rzH94qPSbRhooQBRGUZu35r9vHipy4gkdMCXJLlb9WzPP5TUts8UWtCKwiAwNCWlB1iNOJ+CnGQ33OYq\
     JOTAVNCQX0htU++ecLtX2kqqg3FdiaQ8XJlsQmnZmWb8ezkT09Qtpo3zQSe2OA7x3epSttTYq759gsFOM03H2PyhRbcf8BXaqLUGeqF9yXsg4P\
     ftG/T5RwWeVg==",
    ),
];

/// P-256 keys: the public one as SPKI, the private one as PKCS#8, both in base64.
pub(super) static P256: LazyLock<[(String, String); 4]> = LazyLock::new(|| {
    std::array::from_fn(|_| {
        let (algorithm, random) = (&ECDSA_P256_SHA256_ASN1_SIGNING, SystemRandom::new());
        let private = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref(), &random).unwrap();
        let head = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
        let public = [head.as_slice(), pair.public_key().as_ref()].concat();
        (BASE64_STANDARD.encode(public), BASE64_STANDARD.encode(private.as_ref()))
    })
});

/// What most schemes sign here.
pub(super) const BODY: &[u8] = br#"{"id":"evt_1","type":"message.created"}"#;

/// What is signed where a form is.
const FORM: &[u8] = b"From=%2B15005550006&Body=Hello+there%2C+Ann&To=%2B15005550001";

/// What the suite must know of a scheme to spoil its requests.
pub(super) struct Entry {
    pub(super) scheme: &'static str,
    /// The settings, credentials aside.
    pub(super) settings: Value,
    pub(super) held: Held,
    /// The header of the signature.
    pub(super) header: &'static str,
    /// What stands before a signature.
    pub(super) prefix: &'static str,
    pub(super) written: Written,
    pub(super) list: Option<&'static str>,
    pub(super) is_dated: bool,
    /// How far the time stamp may be off.
    pub(super) tolerance: SignedDuration,
    pub(super) covers_body: bool,
    pub(super) body: &'static [u8],
    pub(super) carrier: Carrier,
}

/// Where a signature and what belongs to it are carried.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Carrier {
    /// In headers.
    Headers,
    /// In the fields of a form.
    Form,
    /// In the object `signature` of a JSON body.
    Json,
}

/// What a source is configured with.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Held {
    /// `secrets:`, the text of one after this prefix.
    Secrets(&'static str),
    /// `keys:`, Ed25519.
    Ed25519,
    /// `keys:`, RSA.
    Rsa,
    /// `keys:`, P-256.
    P256,
    /// Nothing: the scheme is open.
    Nothing,
}

/// How a signature is written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Written {
    Hex,
    Base64,
    Either,
    AsIs,
}

fn entry(scheme: &'static str, header: &'static str) -> Entry {
    Entry {
        scheme,
        settings: json!({ "scheme": scheme }),
        held: Held::Secrets("test_secret_"),
        header,
        prefix: "",
        written: Written::Hex,
        list: None,
        is_dated: false,
        tolerance: SignedDuration::from_mins(5),
        covers_body: true,
        body: BODY,
        carrier: Carrier::Headers,
    }
}

#[rustfmt::skip]
pub(super) fn entries() -> Vec<Entry> {
    use Held::*;
    use Written::*;
    let whsec = Secrets("whsec_");
    let generic = json!({
        "scheme": "hmac", "header": "X-Sig", "hash": "sha512", "encoding": "base64", "prefix": "s=", "list": ";", "timestamp_header": "X-At",
        "id_header": "X-Id", "content": "{id}/{timestamp}/{body}", "tolerance": "1m", "key": "hex",
    });
    let ed25519 = json!({
        "scheme": "ed25519", "header": "X-Sig", "encoding": "hex", "timestamp_header": "X-At", "content": "{timestamp}{body}",
    });
    let rsa = json!({ "scheme": "rsa-sha256", "header": "X-Sig", "encoding": "base64" });
    let ecdsa = json!({
        "scheme": "ecdsa-p256-sha256", "header": "X-Sig", "encoding": "base64", "prefix": "v1=", "list": ",", "timestamp_header": "X-At",
        "content": "{timestamp}.{body}",
    });
    let twilio = json!({ "scheme": "twilio", "url": "https://bot.example/webhooks/phone?key=1" });
    let quarter = SignedDuration::from_mins(15);
    let mailgun = || Entry { is_dated: true, tolerance: quarter, covers_body: false, ..entry("mailgun", "signature") };
    let token = json!({ "scheme": "token", "header": "X-Token", "prefix": "Bearer " });
    vec![
        Entry { prefix: "v1=", written: Either, list: Some(","), is_dated: true, ..entry("sequenzy", "x-sequenzy-signature") },
        Entry { held: Ed25519, written: Base64, ..entry("highlevel", "x-ghl-signature") },
        Entry { held: Rsa, written: Base64, ..entry("highlevel", "x-wh-signature") },
        Entry { written: Base64, ..entry("spruce", "x-spruce-signature") },
        Entry { held: whsec, prefix: "v1,", written: Base64, list: Some(" "), is_dated: true, ..entry("standard-webhooks", "webhook-signature") },
        Entry { held: Ed25519, prefix: "v1a,", written: Base64, list: Some(" "), is_dated: true, ..entry("standard-webhooks", "webhook-signature") },
        Entry { held: whsec, prefix: "v1,", written: Base64, list: Some(" "), is_dated: true, ..entry("svix", "svix-signature") },
        Entry { prefix: "sha256=", ..entry("github", "x-hub-signature-256") },
        Entry { prefix: "v1=", list: Some(","), is_dated: true, ..entry("stripe", "stripe-signature") },
        Entry { prefix: "v0=", is_dated: true, ..entry("slack", "x-slack-signature") },
        Entry { written: Base64, ..entry("shopify", "x-shopify-hmac-sha256") },
        Entry { prefix: "sha256=", is_dated: true, ..entry("chatwoot", "x-chatwoot-signature") },
        Entry { prefix: "sha1=", ..entry("intercom", "x-hub-signature") },
        Entry { written: Base64, is_dated: true, ..entry("zendesk", "x-zendesk-webhook-signature") },
        Entry { written: Base64, ..entry("front", "x-front-signature") },
        Entry { written: Base64, is_dated: true, ..entry("front-app", "x-front-signature") },
        Entry { written: Base64, ..entry("helpscout", "x-helpscout-signature") },
        entry("linear", "linear-signature"),
        Entry { held: Ed25519, is_dated: true, ..entry("discord", "x-signature-ed25519") },
        Entry { carrier: Carrier::Json, ..mailgun() },
        Entry { carrier: Carrier::Form, body: FORM, ..mailgun() },
        Entry { held: P256, written: Base64, is_dated: true, ..entry("sendgrid", "x-twilio-email-event-webhook-signature") },
        Entry { settings: twilio.clone(), written: Base64, ..entry("twilio", "x-twilio-signature") },
        Entry { settings: twilio, written: Base64, body: FORM, ..entry("twilio", "x-twilio-signature") },
        Entry { settings: generic, held: Secrets("00"), prefix: "s=", written: Base64, list: Some(";"), is_dated: true, tolerance: SignedDuration::from_mins(1), ..entry("hmac", "x-sig") },
        Entry { settings: ed25519, held: Ed25519, is_dated: true, ..entry("ed25519", "x-sig") },
        Entry { settings: rsa, held: Rsa, written: Base64, ..entry("rsa-sha256", "x-sig") },
        Entry { settings: ecdsa, held: P256, prefix: "v1=", written: Base64, list: Some(","), is_dated: true, ..entry("ecdsa-p256-sha256", "x-sig") },
        Entry { settings: token, prefix: "Bearer ", written: AsIs, covers_body: false, ..entry("token", "x-token") },
        Entry { held: Secrets("user:password"), prefix: "Basic ", written: Base64, covers_body: false, ..entry("basic", "authorization") },
        Entry { held: Nothing, ..entry("none", "x-any") },
    ]
}
