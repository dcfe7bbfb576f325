//! What the loop guard says of nearly every message is written as a number. Whatever is not in the table is written out, so a
//! trace is read as it was, whatever the guard says by then.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

use crate::model::GuardStep;

/// Code, result and words of a step. Its place is what is written: nothing is ever taken out, moved or changed; what is new
/// comes last. A trace has its steps in about this order.
const STANDING: [(&str, &str, &str); 51] = [
    ("own_message", "pass", "not in the ledger of our sends"),
    ("outbound", "pass", "from the contact"),
    ("own_address", "not_applicable", "no sender address"),
    ("own_origin", "not_applicable", "no headers, or no own hosts configured"),
    ("internal_author", "pass", "not by a teammate"),
    ("provider_automated", "pass", "the provider does not say that a program wrote it"),
    ("spam", "pass", "not marked as spam"),
    ("null_sender", "not_applicable", "headers: unavailable"),
    ("dsn", "not_applicable", "headers: unavailable"),
    ("mdn", "not_applicable", "headers: unavailable"),
    ("auto_submitted", "not_applicable", "headers: unavailable"),
    ("list", "not_applicable", "headers: unavailable"),
    ("precedence", "not_applicable", "headers: unavailable"),
    ("suppress_requested", "not_applicable", "headers: unavailable"),
    ("auto_header", "not_applicable", "headers: unavailable"),
    ("system_address", "not_applicable", "no sender address"),
    ("bounced_recipient", "pass", "no message to this correspondent is known to have failed for good"),
    ("suspect_subject", "pass", "no subject of an automatic reply"),
    ("suspect_speed", "pass", "no automatic reply went to this conversation before"),
    ("headers", "not_applicable", "this channel has no headers"),
    ("not_addressed", "not_applicable", "no recipients are shown"),
    ("many_recipients", "not_applicable", "the provider answers the sender alone"),
    ("quarantined", "pass", "no quarantine"),
    ("human_takeover", "pass", "no person has written in this conversation"),
    ("too_old", "pass", "it happened less than 1d ago"),
    ("chain_depth", "pass", "not caused by us"),
    ("loop_cap", "pass", "conversation 0 of 2/10m, correspondent 0 of 3/10m, body 0 of 3/1h"),
    ("outbound", "not_applicable", "no message"),
    ("own_address", "pass", "none of 1 own addresses"),
    ("own_address", "not_applicable", "the message is from our side in any case"),
    ("own_origin", "pass", "from another host"),
    ("own_origin", "not_applicable", "the message is from our side in any case"),
    ("internal_author", "not_applicable", "no message"),
    ("provider_automated", "not_applicable", "no message"),
    ("spam", "not_applicable", "the provider shows no status"),
    ("null_sender", "pass", "a Return-Path, or none shown"),
    ("dsn", "pass", "no delivery status notice"),
    ("mdn", "pass", "no read receipt"),
    ("auto_submitted", "pass", "no Auto-Submitted but `no`"),
    ("list", "pass", "no List-* header"),
    ("precedence", "pass", "no Precedence of bulk mail"),
    ("suppress_requested", "pass", "no request to be left alone"),
    ("auto_header", "pass", "no header of an autoresponder"),
    ("system_address", "pass", "not a system address"),
    ("suspect_subject", "not_applicable", "no subject"),
    ("suspect_speed", "not_applicable", "no message of the contact"),
    ("headers", "not_applicable", "no message"),
    ("not_addressed", "not_applicable", "no own mail addresses are configured"),
    ("not_addressed", "pass", "one of our addresses is a recipient"),
    ("many_recipients", "not_applicable", "no recipients are shown"),
    ("human_takeover", "pass", "the conversation was resumed since a person wrote"),
];

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Standing(usize),
    Told(GuardStep),
}

/// The place of a step in the table, looked for first behind the one before it.
fn place(step: &GuardStep, expected: usize) -> Option<usize> {
    let is = |place: &usize| {
        let told = (&*step.saw, &*step.code, &*step.result);
        STANDING.get(*place).is_some_and(|(code, result, saw)| told == (*saw, *code, *result))
    };
    Some(expected).filter(is).or_else(|| (0..STANDING.len()).find(is))
}

/// For a field that is a trace of the guard.
pub(super) fn serialize<S: Serializer>(steps: &[GuardStep], serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeSeq;
    let mut written = serializer.serialize_seq(Some(steps.len()))?;
    let mut expected = 0;
    for step in steps {
        match place(step, expected) {
            Some(place) => {
                expected = place + 1;
                written.serialize_element(&place)?;
            }
            None => {
                expected += 1;
                written.serialize_element(step)?;
            }
        }
    }
    written.end()
}

/// For a field that is a trace of the guard.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<GuardStep>, D::Error> {
    let step = |written: Written| match written {
        Written::Told(step) => Ok(step),
        Written::Standing(place) => {
            let (code, result, saw) = STANDING.get(place).copied().ok_or_else(|| D::Error::custom("no such step"))?;
            Ok(GuardStep { code: code.into(), result: result.into(), saw: saw.into() })
        }
    };
    Vec::<Written>::deserialize(deserializer)?.into_iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::Serialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::testing::Play;

    #[derive(Serialize, Deserialize)]
    struct Trace(#[serde(with = "super")] Vec<GuardStep>);

    fn written(steps: &[GuardStep]) -> Value {
        serde_json::to_value(Trace(steps.to_vec())).unwrap()
    }

    #[test]
    fn a_trace_is_read_as_it_was() {
        let step = |(code, result, saw): (&'static str, &'static str, &'static str)| GuardStep {
            code: code.into(),
            result: result.into(),
            saw: saw.into(),
        };
        let mut steps: Vec<GuardStep> = STANDING.into_iter().map(step).collect();
        let places = written(&steps);
        assert_eq!(places, json!((0..STANDING.len()).collect::<Vec<_>>()), "no two are the same");
        steps.insert(1, step(("outbound", "block", "from the contact")));
        steps.push(step(("own_message", "pass", "not in the ledger of our sends")));
        let json = written(&steps).to_string();
        assert!(json.starts_with(r#"[0,{"code":"outbound","result":"block""#) && json.ends_with(",0]"), "{json}");
        assert_eq!(serde_json::from_str::<Trace>(&json).unwrap().0, steps);
        assert!(serde_json::from_str::<Trace>("[1000]").is_err());
    }

    /// Else the table is of no use any more: what the guard says by now is to be added at its end. What counts something is
    /// told as it is.
    #[test]
    fn what_the_guard_says_of_a_plain_message_is_standing() {
        let headers = json!({ "from": ["ann@example.org"], "to": ["support@desk.example"] });
        let mail = json!({ "from": "ann@example.org", "to": ["support@desk.example"], "headers": headers });
        let mut told = BTreeSet::new();
        for message in [json!({ "text": "hello" }), mail] {
            let mut play = Play::new("- { name: a, when: {}, do: [{ reply: { text: x } }] }");
            let decision = play.decide(json!({ "message": message }));
            let steps = decision
                .trace
                .guard
                .iter()
                .filter(|step| place(step, 0).is_none() && !step.saw.contains(char::is_numeric));
            told.extend(steps.map(|step| step.code.to_string()));
        }
        assert_eq!(told, BTreeSet::new());
    }
}
