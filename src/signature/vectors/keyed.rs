//! Signatures that RSA and P-256 keys verify, made by OpenSSL and published by SendGrid.

use super::*;

/// Keys for tests, made once with `openssl genpkey -algorithm RSA` and
/// `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`.
const RSA: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqVNgCUXCdronCXzC1dq1WGVX7qFNfSH4azS42dMHYI9BkYy/m9yX0PtubKEVmTvM4m6l\
     ouBFevzJfBaVV/XAf4K0kZUPmRvXNyNANANJkG3Y+SUa4NvqZHa1j+xzLiiM0uYiDKTCmg/T7zoZZEcPYP/EzkGIDR0+W2an/6VrEdRIc2M9/9yy\
     acqVLUVD6rLmiPuVCnSoADucNVjPkanHTisxhapnrtcqo6KnNEG9ylwM5DUCk1fyfXYSWtcRUvbzqKZkjMc8YAHrpWlHOs+fXYTQDpc+OWCJ4fPB\
     sxzgmlxQxTMfECMMDssddYa2RdHM1uTV5MtnwBlZRTp41B7pqQIDAQAB";
const RSA_PRIVATE: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCpU2AJRcJ2uicJfMLV2rVYZVfuoU19IfhrNLjZ0wdgj0GRjL+b3JfQ+25soRWZ\
     O8zibqWi4EV6/Ml8FpVX9cB/grSRlQ+ZG9c3I0A0A0mQbdj5JRrg2+pkdrWP7HMuKIzS5iIMpMKaD9PvOhlkRw9g/8TOQYgNHT5bZqf/pWsR1Ehz\
     Yz3/3LJpypUtRUPqsuaI+5UKdKgAO5w1WM+RqcdOKzGFqmeu1yqjoqc0Qb3KXAzkNQKTV/J9dhJa1xFS9vOopmSMxzxgAeulaUc6z59dhNAOlz45\
     YInh88GzHOCaXFDFMx8QIwwOyx11hrZF0czW5NXky2fAGVlFOnjUHumpAgMBAAECggEAA/eKsEAf8ZokE5cGe+4kAef16tOBAwwXS6OwXpVEGGE8\
     a9JWI6rdkuBt7A7MeIrFhQ4kkUlOndAFHgQfB/2FvtCegsUKpYKlqyQHSApGE4n1sF7/LAKnxIzHbV5gk6J3K79UHHzrr9WF5WMa3y+PAhQovAOE\
     nxIIhcNE7yDxl9Kz0HJ5/hzn0bt2SJRryPMmzultyjGS75RLuzklThzx05EcLBRAp0Mq12A1qklCJiJvMkCzcg5w81cAZaJkJbZJJRY+DWYqljxv\
     qZrfNM6P/WPuL4+1A4vZWoBug/5gjO0+LRGHvyuHDh//1T2PfKMxO3xOATgrO0K+IuehhCTYtQKBgQDYm4LeukXvhFJHXChXw/a5FVRrsl8eDV+k\
     c3O5/4bQrWpk1ZxVIG8srtbgnb0ejLFLxm1izAtou7NbR6bg60cOegabtGw6gXdpm6ah75ku2NYsfouhVd0TCk+Els6XldzzMGddMkfg7EajmC/L\
     RzBLbgDrPNgxE29arcImDuRfDwKBgQDIHpbFJY9epqHAOKLQYO9fBviTjGkd2PopQcPqpO+FIbbOSkcbI/YQRdo9wHsDLl0itOOm6/crlwTAX2L6\
     iI+jy2M0UEQRPddSUAg0TZ5p/YJkbDdEcf32TOPLQwnvO1p3o7elmwSDhvshH5EE+Mg1gBwfn2rzrTw4AZVl2UarxwKBgQCbt6Brkin4uH2WA3CV\
     N7HE+MqJ6d9rcV3SkZUen85BconMF6ydngWOb9rV+1AcCDTlLq8wmVOSZW3ZLzeO9lVM2PirMxejL7Oy3kz6mY7cGNJPhmHHCD04FO95eBjo7Lm8\
     so18eEsoLXPS4/NoBbN4ZoqOkl0xWrFw1P1/8rDGjQKBgCF0W6ghm1IrcSb9UNqdGec89xlTg88lksyK3gHACPqspC7gY/q5jE00IEPqhaYGfjNr\
     IhOppux2lqjCSX2wjrLHMZJxSK/JMtHj5zs3LqBxbPb00Fh05gvi1sIINwTzWzBdAjqBK8QBMMJc0JWQMYggHpN6xxptf3+tZBhetl3JAoGAVxb5\
     2jr3exDuUfdY+aQgUOSzEXqu3RX2t+kKDVNcBIcA6DwOYcGNMqIvkz+evKFeY69lYJ+CioAsiNkZ6hPvyOBBXjRWUFUa44LUKeKY93JOaIto9kA7\
     dFUGZMq+XDS+DrILfe4xHzgk1FYxx+yiN3B9C5uELDds2PQsnCybKA4=";
const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEssYpndr5yCNlUngpqI2PX3NiQnf2XORjq/F/HgrTQKF4J3vnepBRVJM/6RTfrl80+zT+E2XqmOJ3p61+LNrulw==";
const P256_PRIVATE: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGvETwkf2KLMMM01/mO7q521PVKLPEn2heVbrKt4vDKehRANCAASyximd2vnII2VS\
     eCmojY9fc2JCd/Zc5GOr8X8eCtNAoXgne+d6kFFUkz/pFN+uXzT7NP4TZeqY4nenrX4s2u6X";

/// `printf '%s%s' 1700000000 '{"id":"evt_1","type":"message.created"}' | openssl dgst -sha256 -sign key.pem | base64 -w0`
const RSA_SIGNATURE: &str = "D4xlvmSplop9wDD7FVSfeBCLsCn51oMDh/+U8wigxqAJhSGHlb346u126gm/b1eCu1xXUdISXedyNnP32gor8xp98fo4VXlhz/rULU5AM4MAd74W\
     2GI1Jc4MkBUkWM9pY97KC9xv46QBkTrJn5qQuakIGwutS2ZAh0yVtHUMW4313RZnomb5/2+wAcDcEEmglUQfvEhUlbAdvHGYAjzwVxZ40DigBHWY\
     EGt50C8GapDg3hTwU57zqXmOAH9zr717kyn6IV/1Rp2wKcgamtahjKKwjnDQu6SmgVya9EiwyUUOcy7D11xcj0hM1hd5YL4ewfRAx8BwnvB8LzGR\
     QYyTog==";
const P256_SIGNATURE: &str =
    "MEQCIH1yT9/6xMoc7ICKCF8IY7ZQJlvKII13IAthodXJRZqzAiAYFvb9btPEiMVyBK/gs9lWx8ZXoMRRVmQ/ZFdutgl5uA==";
/// Another one, with r and s taken out of the DER.
const P256_FIXED: &str = "6fQwtmtLpUlAFHVlEYiWftCXQRPhpvEXT2ZJqXpc0TdmAPCZxtv6IRq0k3QajSmsgcHm9bJKgghFqAkugQi2gw==";

fn dated(scheme: &str, key: &str) -> Value {
    json!({
        "scheme": scheme, "keys": [key], "header": "x-sig", "timestamp_header": "x-at", "content": "{timestamp}{body}",
        "encoding": "base64",
    })
}

#[test]
fn signatures_made_by_openssl_are_accepted() {
    for (scheme, key, signature) in [
        ("rsa-sha256", RSA, RSA_SIGNATURE),
        ("ecdsa-p256-sha256", P256, P256_SIGNATURE),
        ("ecdsa-p256-sha256", P256, P256_FIXED),
    ] {
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n");
        for key in [key, &pem] {
            check(dated(scheme, key), AT, &[("x-sig", signature), ("x-at", AT)], BODY);
        }
    }
    let headers =
        [("x-twilio-email-event-webhook-signature", P256_SIGNATURE), ("x-twilio-email-event-webhook-timestamp", AT)];
    check(json!({ "scheme": "sendgrid", "keys": [P256] }), AT, &headers, BODY);
}

/// github.com/sendgrid/sendgrid-python, test/unit/test_eventwebhook.py.
#[test]
fn the_vector_of_sendgrid_is_accepted() {
    let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpigl\
               SI8eNEc6wEA3F+g==";
    let signature = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
    let body = concat!(
        r#"[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","#,
        r#""sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","#,
        r#""sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","#,
        r#""smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]"#,
        "\r\n",
    );
    let at = "1600112502";
    let headers =
        [("x-twilio-email-event-webhook-signature", signature), ("x-twilio-email-event-webhook-timestamp", at)];
    check(json!({ "scheme": "sendgrid", "keys": [key] }), at, &headers, body);
}

#[test]
fn private_keys_sign_what_their_public_keys_verify() {
    for (scheme, key, private) in [("rsa-sha256", RSA, RSA_PRIVATE), ("ecdsa-p256-sha256", P256, P256_PRIVATE)] {
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{private}\n-----END PRIVATE KEY-----\n");
        for private in [private, &pem] {
            let signed = sign(dated(scheme, key), Some(private)).unwrap();
            let headers = [("x-sig", &*signed[0].1), ("x-at", &*signed[1].1)];
            check(dated(scheme, key), "1614265330", &headers, STANDARD);
        }
    }
    let stranger = super::super::conformance::RSA[0].0;
    for (scheme, key, private, fault) in [
        ("rsa-sha256", RSA, None, "a private key is needed: the source holds public keys only"),
        ("rsa-sha256", stranger, Some(RSA_PRIVATE), "the private key belongs to none of the source's public keys"),
        (
            "rsa-sha256",
            RSA,
            Some(P256_PRIVATE),
            "the private key is not an RSA key in PKCS#8 form (`BEGIN PRIVATE KEY`)",
        ),
        (
            "ecdsa-p256-sha256",
            P256,
            Some(RSA_PRIVATE),
            "the private key is not a P-256 key in PKCS#8 form (`BEGIN PRIVATE KEY`)",
        ),
    ] {
        assert_eq!(sign(dated(scheme, key), private).unwrap_err(), fault);
    }
}

#[test]
fn keys_of_another_kind_are_named() {
    let p384 = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE7A9xlphxGNuycSlL/HyvUcWAt6Ujb8h7nPiOAe2Cxf83GQLn1kcyViqIX/TxKVxuMNySO+fGJK/S92cT\
                EM9Gxe0uN2nE3obedUd7px/V0SpnAz9gWK1GFucGk8VvYjR1";
    for (scheme, key, fault) in [
        ("rsa-sha256", P256, "the key is a P-256 key; an RSA key is wanted"),
        ("ecdsa-p256-sha256", RSA, "the key is an RSA key; a P-256 key is wanted"),
        ("ed25519", P256, "the key is a P-256 key; an Ed25519 key is wanted"),
        ("highlevel", P256, "the key is a P-256 key; an Ed25519 or RSA key is wanted"),
        ("sendgrid", RFC_8032, "the key is an Ed25519 key; a P-256 key is wanted"),
        ("sendgrid", p384, "the key is of another curve than P-256"),
    ] {
        let settings: VerifySettings = serde_json::from_value(dated(scheme, key)).unwrap();
        let Err(faults) = super::super::scheme(scheme).unwrap().build(&settings) else { panic!("{scheme} {key}") };
        assert!(faults.contains(&SettingFault::new("keys/0", fault)), "{faults:?}");
    }
}
