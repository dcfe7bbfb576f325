//! What may be kept of a provider's answer, so that an operator can see why it refused: the shape and the words meant for
//! programs, and nothing that a person wrote, no address and no secret.
//!
//! | of a JSON body | is kept | else |
//! |---|---|---|
//! | objects, lists, `true`, `false`, `null` | as they are | |
//! | keys | names as programs write them | their length |
//! | numbers | up to six digits: counts, limits, waits, codes | how many digits, since a longer one may be a telephone number |
//! | strings | under a key that says what went wrong ([`TELLING`]), a single word such as `invalid_field` | their length |
//!
//! Of any other body only the length is kept. A word is taken for one only under such a key, because a name, a tag or a
//! message of one word looks the same, and only without digits and of a readable length, because a token has neither.

use serde_json::Value;

use crate::http::Response;
use crate::model::Answered;

/// The most bytes that are kept.
pub const MOST: usize = 512;

/// The longest body that is looked into.
const LONGEST: usize = 64 * 1024;

/// Keys whose values say what went wrong or came of a call, in lower case, without `_` and `-`.
pub const TELLING: [&str; 14] = [
    "code",
    "type",
    "error",
    "errortype",
    "errorcode",
    "status",
    "statustext",
    "deliverystatus",
    "kind",
    "reason",
    "field",
    "param",
    "parameter",
    "path",
];

/// The status and the excerpt.
pub fn of(response: &Response) -> Answered {
    Answered { status: response.status, body: excerpt(&response.body) }
}

/// What may be kept of a body.
pub fn excerpt(body: &[u8]) -> String {
    if body.is_empty() {
        return String::new();
    }
    let json = (body.len() <= LONGEST).then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
    match json {
        Some(json) => capped(shown(&json, "").to_string()),
        None => format!("{} bytes, not shown", body.len()),
    }
}

/// The value as it may be kept, standing under `key`.
fn shown(value: &Value, key: &str) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(number) => number_shown(number),
        Value::String(text) if is_telling(key) && is_word(text) => value.clone(),
        Value::String(text) => length(text).into(),
        Value::Array(items) => items.iter().map(|item| shown(item, key)).collect(),
        Value::Object(map) => {
            let kept = |name: &String| if is_name(name) { name.clone() } else { length(name) };
            Value::Object(map.iter().map(|(name, inner)| (kept(name), shown(inner, name))).collect())
        }
    }
}

fn number_shown(number: &serde_json::Number) -> Value {
    match number.to_string().bytes().filter(u8::is_ascii_digit).count() {
        ..=6 => number.clone().into(),
        digits => format!("<{digits} digits>").into(),
    }
}

fn length(text: &str) -> String {
    match text.chars().count() {
        1 => "<1 character>".to_owned(),
        count => format!("<{count} characters>"),
    }
}

fn is_telling(key: &str) -> bool {
    let plain: String = key.chars().filter(|c| !matches!(c, '_' | '-')).collect::<String>().to_ascii_lowercase();
    TELLING.contains(&plain.as_str())
}

/// A single word of ASCII letters, in parts that a person can read: `not_found`, `RATE-LIMITED`, `conversation.id`,
/// `ValidationError`. Letters that stand in no order, as in a token, change case too often.
pub fn is_word(text: &str) -> bool {
    let mut parts = text.split(['_', '-', '.', '/']);
    text.len() <= 40 && parts.all(is_readable)
}

/// At most 20 letters, of which few begin a new word.
fn is_readable(part: &str) -> bool {
    let turns = part.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    part.len() <= 20 && part.bytes().all(|byte| byte.is_ascii_alphabetic()) && turns.count() <= 3
}

/// A key as programs write it: an identifier without a long row of digits, which an address, a number or an id is not.
fn is_name(key: &str) -> bool {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
    (1..=32).contains(&key.len()) && digits <= 2 && key.chars().all(is_plain)
}

/// The text, cut where it is too long.
fn capped(text: String) -> String {
    if text.len() <= MOST {
        return text;
    }
    let end = (0..=MOST - '…'.len_utf8()).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn kept(body: &Value) -> String {
        excerpt(body.to_string().as_bytes())
    }

    #[test]
    fn what_tells_why_is_kept_and_what_people_wrote_is_not() {
        let refusal = json!({
            "success": false, "statusCode": 422, "error": "Unprocessable Entity",
            "errors": [{ "field": "conversation.id", "code": "not_found", "message": "no conversation for Ann Smith" }],
            "retry_after": 30, "phone": 491_701_234_567_u64, "email": "ann@example.org", "name": "Ann",
            "request": { "text": "Hello", "api_key": "sk_live_abcdef", "bob@example.org": 1 }
        });
        insta::assert_snapshot!(kept(&refusal), @r#"{"success":false,"statusCode":422,"error":"<20 characters>","errors":[{"field":"conversation.id","code":"not_found","message":"<29 characters>"}],"retry_after":30,"phone":"<12 digits>","email":"<15 characters>","name":"<3 characters>","request":{"text":"<5 characters>","api_key":"<14 characters>","<15 characters>":1}}"#);
    }

    #[test]
    fn a_secret_is_none_the_less_one_under_a_telling_key() {
        for hidden in [
            "sk-ant-0a1b2c3d",
            "ann@example.org",
            "+49 170 1234567",
            "Bearer abc",
            "aGVsbG9Xb3JsZA",
            "QxZrTyUiOpAsDfGhJk",
            "https://example.org/?token=abc",
            "no route to Ann",
            "päckchen",
            "abcdefghijklmnopqrstuvwxyz",
            "1234",
        ] {
            let shown = kept(&json!({ "code": hidden }));
            assert!(!shown.contains(hidden) && shown.contains("character"), "{hidden}: {shown}");
        }
        for told in ["not_found", "RATE_LIMITED", "ValidationError", "invalid-request", "conversation.id", "data/to"] {
            assert_eq!(kept(&json!({ "code": told })), json!({ "code": told }).to_string());
        }
        assert_eq!(kept(&json!({ "Error_Code": ["a_b", "x y"] })), r#"{"Error_Code":["a_b","<3 characters>"]}"#);
    }

    #[test]
    fn of_what_is_not_json_only_the_length_is_kept() {
        assert_eq!(excerpt(b""), "");
        assert_eq!(excerpt(b"<html>Ann, hello</html>"), "23 bytes, not shown");
        assert_eq!(excerpt(format!("\"{}\"", "a".repeat(LONGEST)).as_bytes()), "65538 bytes, not shown");
        assert_eq!(excerpt(b"\"Hello\""), "\"<5 characters>\"");
    }

    fn body() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,60}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            let key = prop_oneof!["[a-z]{1,8}".boxed(), ".{0,20}".boxed()];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..8).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    /// Whether a value, or something in it, is `text`.
    fn holds(value: &Value, text: &str) -> bool {
        match value {
            Value::String(inner) => inner == text,
            Value::Array(items) => items.iter().any(|item| holds(item, text)),
            Value::Object(map) => map.iter().any(|(key, inner)| key == text || holds(inner, text)),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_excerpt_is_short_and_hides_every_planted_secret(
            body in body(),
            key in prop_oneof![Just("code".to_owned()), Just("text".to_owned()), ".{0,12}".boxed()],
            secret in prop_oneof![
                "[a-z]{2,9}@[a-z]{2,9}\\.(org|com)", "\\+[0-9]{8,14}", "[a-zA-Z]{2,9} [a-zA-Z]{2,9}[ a-z]{0,40}",
                "(sk|tok)_[a-z0-9]{0,16}[0-9]{3}", "[0-9a-f]{31}[0-9]", "[A-Za-z]{41,90}",
            ],
        ) {
            let planted = json!({ "errors": [{ (key.as_str()): secret.as_str() }], (secret.as_str()): body.clone() });
            prop_assert!(!holds(&shown(&planted, ""), &secret));
            for body in [planted, body] {
                let text = kept(&body);
                prop_assert!(text.len() <= MOST);
                prop_assert_eq!(excerpt(body.to_string().as_bytes()), text);
            }
        }
    }
}
