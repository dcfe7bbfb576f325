//! Providers that break one promise each, and that every one is found.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::stage::sample_event;
use super::{PROMISES, SECRET, Subject, broken};
use crate::model::capability::CAPABILITIES;
use crate::model::{AccountName, Action, Capability, Draft, Outcome, Support};
use crate::provider::outcome;
use crate::provider::{Adapter, Call, Lists, Normalised, Provider, ReadBack, Registration};
use crate::signature::{SettingFault, VerifiedDelivery};

/// A way of breaking a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    ForgetsACapability,
    TakesAnyKey,
    CannotReadItsOwn,
    InventsKeys,
    Panics,
    BelievesInErrors,
    RepeatsBlindly,
    LosesRetryAfter,
    ChangesItsRequest,
    KeepsTheKeyBack,
    Quotes,
    OffersAListItHasNot,
    ForgetsTheAddress,
}

/// A provider with one flaw.
struct Planted(Flaw);

impl Provider for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn title(&self) -> &'static str {
        "Planted"
    }

    fn capabilities(&self) -> &'static [Capability] {
        const ROWS: [Capability; 12] = {
            let mut rows = [Capability { name: "", support: Support::Native }; 12];
            let mut at = 0;
            while at < 12 {
                rows[at].name = CAPABILITIES[at];
                at += 1;
            }
            rows
        };
        if self.0 == Flaw::ForgetsACapability { &ROWS[1..] } else { &ROWS }
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object", "additionalProperties": self.0 == Flaw::TakesAnyKey,
            "properties": { "base_url": { "type": "string" }, "key": { "type": "string" } }
        })
    }

    fn open(&self, _: &AccountName, settings: &Value) -> Result<Arc<dyn Adapter>, Vec<SettingFault>> {
        match settings["base_url"].as_str().is_some_and(|url| url.starts_with("https://")) {
            true => Ok(Arc::new(PlantedAccount(self.0, AtomicU32::new(0)))),
            false => Err(vec![SettingFault::new("base_url", "is none")]),
        }
    }
}

struct PlantedAccount(Flaw, AtomicU32);

#[async_trait]
impl Adapter for PlantedAccount {
    fn normalise(&self, _: &VerifiedDelivery, json: &Value) -> Normalised {
        let count = self.1.fetch_add(1, Ordering::Relaxed);
        match self.0 {
            Flaw::Panics if json.as_object().is_none() => panic!("planted"),
            Flaw::CannotReadItsOwn => Normalised::Unreadable("planted".to_owned()),
            Flaw::InventsKeys => Normalised::Event(Box::new(Draft { dedupe_key: count.to_string(), ..draft() })),
            _ => Normalised::Event(Box::new(Draft { dedupe_key: format!("key {json}"), ..draft() })),
        }
    }

    async fn deliver(&self, call: &Call<'_>) -> Outcome {
        let flaw = self.0;
        let mut body = json!({ "key": call.send.idempotency_key });
        match flaw {
            Flaw::ChangesItsRequest => body["again"] = json!(call.may_have_landed),
            Flaw::KeepsTheKeyBack => body = json!({}),
            _ => {}
        }
        let request =
            crate::http::Request::json(http::Method::POST, "https://planted.example/".parse().unwrap(), &body);
        let result = call.http.call(request).await;
        let repeat = if flaw == Flaw::RepeatsBlindly { outcome::Repeat::Safe } else { outcome::Repeat::Harmful };
        let quote =
            result.as_ref().map(|response| String::from_utf8_lossy(&response.body).into_owned()).unwrap_or_default();
        let status = result.as_ref().map(|response| response.status).unwrap_or_default();
        match (flaw, outcome::judge(result, repeat, call.now, |_| Outcome::done())) {
            (Flaw::BelievesInErrors, _) if status == 500 => Outcome::done(),
            (Flaw::LosesRetryAfter, Outcome::TryLater { reason, .. }) => Outcome::TryLater { reason, after: None },
            (Flaw::Quotes, Outcome::Refused { .. }) => Outcome::Refused { reason: quote },
            (_, outcome) => outcome,
        }
    }

    async fn read_back(&self, _: &Call<'_>) -> ReadBack {
        ReadBack::Absent
    }

    fn remembers_keys_for(&self, _: &Action) -> Option<SignedDuration> {
        (self.0 == Flaw::KeepsTheKeyBack).then(|| SignedDuration::from_hours(1))
    }

    fn base_urls(&self) -> Vec<url::Url> {
        Vec::new()
    }

    fn lists(&self) -> Lists {
        Lists { members: self.0 == Flaw::OffersAListItHasNot, ..Lists::default() }
    }

    fn registration(&self) -> Registration<'_> {
        Registration::ByHand(if self.0 == Flaw::ForgetsTheAddress { &["ask the desk"] } else { &["enter {url}"] })
    }
}

fn draft() -> Draft {
    let event = sample_event();
    Draft {
        dedupe_key: String::new(),
        kind: event.kind,
        at: None,
        conversation: event.conversation,
        contact: event.contact,
        message: event.message,
        delivery: None,
    }
}

#[test]
fn a_provider_that_breaks_a_promise_is_found() {
    let names: Vec<&str> = PROMISES.iter().map(|(name, _)| *name).collect();
    let [capability, unknown_key, delivery, anything, outcome, request, secret, list, registration] = names[..] else {
        panic!()
    };
    for (flaw, expected) in [
        (Flaw::None, vec![]),
        (Flaw::ForgetsACapability, vec![capability]),
        (Flaw::TakesAnyKey, vec![unknown_key]),
        (Flaw::CannotReadItsOwn, vec![delivery]),
        (Flaw::InventsKeys, vec![delivery, anything]),
        (Flaw::Panics, vec![anything]),
        (Flaw::BelievesInErrors, vec![outcome]),
        (Flaw::RepeatsBlindly, vec![outcome]),
        (Flaw::LosesRetryAfter, vec![outcome]),
        (Flaw::ChangesItsRequest, vec![request]),
        (Flaw::KeepsTheKeyBack, vec![request]),
        (Flaw::Quotes, vec![secret]),
        (Flaw::OffersAListItHasNot, vec![list]),
        (Flaw::ForgetsTheAddress, vec![registration]),
    ] {
        let planted = Planted(flaw);
        let settings = json!({ "base_url": "https://planted.example", "key": SECRET });
        let fixtures = vec![("one.json".to_owned(), json!({ "id": 1 })), ("two.json".to_owned(), json!({ "id": 2 }))];
        let subject = Subject { provider: &planted, settings, fixtures };
        let found: Vec<&str> = broken(&subject).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, expected, "{flaw:?}");
    }
}
