//! Checks that each adapter's tests run with an account, events and actions of their own, and an adapter with faults that
//! must be found. They know no provider.

use async_trait::async_trait;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, Method};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Answer, answer, blank_event, deliver, fixtures, normalise};
use crate::http::{CallError, Request, Response};
use crate::model::{Action, Event, Outcome};
use crate::provider::outcome::{Repeat, judge, refused};
use crate::provider::{Adapter, Call, Normalised, ReadBack};
use crate::signature::VerifiedDelivery;

/// Each recorded payload has the form that stands beside it.
pub(crate) fn check_fixtures(provider: &str, adapter: &dyn Adapter) {
    for (name, json) in fixtures(provider) {
        let shown = match normalise(adapter, &json) {
            Normalised::Unreadable(reason) => json!({ "unreadable": reason }),
            Normalised::Event(draft) => {
                let mut shown = json!({
                    "dedupe_key": draft.dedupe_key, "kind": draft.kind, "at": draft.at,
                    "conversation": draft.conversation, "contact": draft.contact, "message": draft.message,
                });
                if let Some(report) = draft.delivery {
                    shown["delivery"] = json!(report);
                }
                shown
            }
        };
        insta::with_settings!({
            snapshot_path => format!("../{provider}/fixtures"), prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_json_snapshot!(name, shown);
        });
    }
}

/// One outcome for each kind of answer that the last call of an action gets, and never a word of what the answer said.
/// `before` answers the calls that come first.
pub(crate) async fn check_outcomes(adapter: &dyn Adapter, event: &Event, action: &Action, before: &[Value]) {
    let unclear = if !action.is_idempotent() { "unknown" } else { "try_later" };
    let wait = |status| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
        Ok(Response { status, headers, body: b"{\"error\":\"tell ann@example.org hunter2\"}".to_vec() })
    };
    for (last, expect) in [
        (wait(400), "refused"),
        (wait(401), "try_later"),
        (wait(403), "try_later"),
        (wait(408), "try_later"),
        (wait(422), "refused"),
        (wait(429), "try_later"),
        (wait(500), unclear),
        (wait(502), unclear),
        (wait(503), "try_later"),
        (Err(CallError::NotSent("refused".to_owned())), "try_later"),
        (Err(CallError::Unanswered("reset".to_owned())), unclear),
        (Err(CallError::Forbidden("private".to_owned())), "refused"),
    ] {
        let mut answers: Vec<Answer> = before.iter().map(|json| answer(200, json.clone())).collect();
        answers.push(last.clone());
        let (outcome, _) = deliver(adapter, event, action.clone(), answers).await;
        assert_eq!(outcome.name(), expect, "{} {last:?}", action.name());
        let shown = format!("{outcome:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("ann@"), "{shown}");
        if matches!(&last, Ok(response) if response.status == 429) {
            let asked = Some(SignedDuration::from_secs(30));
            assert!(matches!(outcome, Outcome::TryLater { after, .. } if after == asked), "{outcome:?}");
        }
    }
}

/// An adapter that may have one of the faults to be found.
struct Planted {
    quotes: bool,
    repeat: Repeat,
}

#[async_trait]
impl Adapter for Planted {
    fn normalise(&self, _: &VerifiedDelivery, _: &Value) -> Normalised {
        Normalised::Unreadable("always".to_owned())
    }

    async fn deliver(&self, call: &Call<'_>) -> Outcome {
        let result = call.http.call(Request::new(Method::GET, "https://api.example/".parse().unwrap())).await;
        match (&result, judge(result.clone(), self.repeat, call.now, |_| Outcome::done())) {
            (Ok(response), Outcome::Refused { .. }) if self.quotes => {
                refused(String::from_utf8_lossy(&response.body).into_owned())
            }
            (_, outcome) => outcome,
        }
    }

    async fn read_back(&self, _: &Call<'_>) -> ReadBack {
        ReadBack::Absent
    }

    fn base_urls(&self) -> Vec<url::Url> {
        Vec::new()
    }
}

#[test]
fn planted_faults_are_found() {
    for (quotes, repeat, is_sound) in
        [(false, Repeat::Safe, true), (true, Repeat::Safe, false), (false, Repeat::Harmful, false)]
    {
        let passed = std::panic::catch_unwind(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(check_outcomes(&Planted { quotes, repeat }, &blank_event(), &Action::Close, &[]));
        });
        assert_eq!(passed.is_ok(), is_sound, "{quotes} {repeat:?}");
    }
}
