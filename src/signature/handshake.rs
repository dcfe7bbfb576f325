//! The questions that senders ask before they send events: is somebody there, and is it the right one?
//! Asked of verified deliveries only, and answered in place of keeping an event.

use serde::Deserialize;
use serde_json::{Value, json};

use super::VerifiedDelivery;

/// What a sender is answered in a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 with this JSON.
    Json(Value),
    /// 204 without a body.
    Empty,
}

/// How one sender asks; nothing where a delivery is no handshake.
pub(super) type Greeting = fn(&VerifiedDelivery) -> Option<Answer>;

/// What the handshakes have in their bodies.
#[derive(Deserialize)]
struct Question {
    #[serde(rename = "type")]
    kind: Value,
    challenge: Option<String>,
    event: Option<Value>,
}

fn question(verified: &VerifiedDelivery) -> Option<Question> {
    serde_json::from_slice(verified.body()).ok()
}

/// `url_verification`: the challenge goes back (api.slack.com/events/url_verification).
pub(super) fn slack(verified: &VerifiedDelivery) -> Option<Answer> {
    let asked = question(verified).filter(|asked| asked.kind == "url_verification")?;
    asked.challenge.map(|challenge| Answer::Json(json!({ "challenge": challenge })))
}

/// `sync`: the challenge in X-Front-Challenge goes back (dev.frontapp.com/docs/application-webhooks).
pub(super) fn front(verified: &VerifiedDelivery) -> Option<Answer> {
    question(verified).filter(|asked| asked.kind == "sync")?;
    let challenge = verified.delivery().header("x-front-challenge")?;
    Some(Answer::Json(json!({ "challenge": challenge })))
}

/// PING: of interactions, which are numbered from 1, and of webhook events, which are numbered from 0 and where 1 is an
/// event (docs.discord.com/developers: interactions/overview, events/webhook-events).
pub(super) fn discord(verified: &VerifiedDelivery) -> Option<Answer> {
    let asked = question(verified)?;
    match (asked.kind.as_u64()?, asked.event) {
        (1, None) => Some(Answer::Json(json!({ "type": 1 }))),
        (0, None) => Some(Answer::Empty),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use jiff::Timestamp;

    use super::*;
    use crate::model::Delivery;
    use crate::signature::{Signing, VerifySettings, generate_ed25519, scheme, verify};

    /// What a scheme answers to a body that is rightly signed.
    fn answer(name: &str, challenge: Option<&'static str>, body: Value) -> Option<Answer> {
        let (private, public) = generate_ed25519().unwrap();
        let held = if name == "discord" { "keys" } else { "secrets" };
        let settings: VerifySettings = serde_json::from_value(json!({ "scheme": name, held: [public] })).unwrap();
        let verifier = scheme(name).unwrap().build(&settings).unwrap();
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let body = body.to_string().into_bytes();
        let signed = verifier.sign(&Signing { body: &body, id: "", now, private_key: Some(&private) }).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in signed {
            headers.insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        headers.extend(
            challenge.map(|it| (http::HeaderName::from_static("x-front-challenge"), HeaderValue::from_static(it))),
        );
        let verified = verify(&*verifier, Delivery { headers, body, received_at: now }, now).unwrap();
        verifier.handshake(&verified)
    }

    #[test]
    fn questions_are_answered_and_events_are_not() {
        let json = |value| Some(Answer::Json(value));
        let asked = json!({ "type": "url_verification", "challenge": "3eZ", "token": "x" });
        assert_eq!(answer("slack", None, asked.clone()), json(json!({ "challenge": "3eZ" })));
        assert_eq!(answer("slack", None, json!({ "type": "event_callback", "challenge": "3eZ", "event": {} })), None);
        assert_eq!(answer("slack", None, json!({ "type": "url_verification" })), None);
        assert_eq!(answer("slack", None, json!([1])), None);

        let sync = json!({ "type": "sync", "authorization": { "id": "cmp_abc" } });
        assert_eq!(answer("front-app", Some("r4nd0m"), sync.clone()), json(json!({ "challenge": "r4nd0m" })));
        assert_eq!(answer("front-app", None, sync.clone()), None);
        assert_eq!(answer("front-app", Some("r4nd0m"), json!({ "type": "inbound_received" })), None);
        assert_eq!(answer("front", Some("r4nd0m"), sync), None);

        assert_eq!(answer("discord", None, json!({ "type": 1, "id": "1", "token": "t" })), json(json!({ "type": 1 })));
        assert_eq!(answer("discord", None, json!({ "type": 2, "data": {} })), None);
        assert_eq!(answer("discord", None, json!({ "version": 1, "type": 0 })), Some(Answer::Empty));
        assert_eq!(answer("discord", None, json!({ "version": 1, "type": 1, "event": {} })), None);
        assert_eq!(answer("github", None, asked), None);
    }
}
