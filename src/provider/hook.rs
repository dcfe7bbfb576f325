//! Hooks: addresses outside of every provider that the `http` action calls, signed with Standard Webhooks. A hook is an
//! account that takes nothing but such calls, so that it waits, retries and dies as every other account does.

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::{HeaderName, Method};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::outcome::{reason, refused, wait};
use super::settings::header_secret;
use super::{Adapter, Call, Normalised, ReadBack};
use crate::http::address::{below, header_name};
use crate::http::{CallError, Http, Request, Response};
use crate::model::{Action, HttpCall, HttpMethod, Outcome};
use crate::secret::Secret;
use crate::signature::{SettingFault, Signing, VerifiedDelivery, Verifier, standard_webhooks};

/// An address that rules can call.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookSettings {
    /// Where it is, such as `https://crm.example/hooks`; allowed as written. Rules can put a path behind it, never in
    /// front of it.
    #[schemars(extend("examples" = ["https://crm.example/hooks"]))]
    pub url: String,
    /// What its calls are signed with (Standard Webhooks): `whsec_` and base64.
    pub secret: Secret,
    /// Headers of every call, such as `Authorization`. Treated as secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
}

/// A hook, ready to be called.
pub struct Hook {
    url: Url,
    signer: Box<dyn Verifier>,
    headers: Vec<(HeaderName, Secret)>,
}

impl Hook {
    /// Makes it ready, or says everything that is wrong with its settings.
    pub fn open(settings: &HookSettings) -> Result<Self, Vec<SettingFault>> {
        let mut faults = Vec::new();
        let url = address(&settings.url).map_err(|why| faults.push(SettingFault::new("url", why))).ok();
        let signer = standard_webhooks(settings.secret.clone());
        let signer = signer.map_err(|wrong| faults.extend(wrong.into_iter().map(of_secret))).ok();
        let mut headers = Vec::new();
        for (name, value) in &settings.headers {
            let key = format!("headers/{}", name.replace('~', "~0").replace('/', "~1"));
            match header_name(name).map_err(|why| SettingFault::new(key.clone(), why)) {
                Ok(name) => match header_secret(&key, value.clone()) {
                    Ok(value) => headers.push((name, value)),
                    Err(fault) => faults.push(fault),
                },
                Err(fault) => faults.push(fault),
            }
        }
        match (url, signer) {
            (Some(url), Some(signer)) if faults.is_empty() => Ok(Self { url, signer, headers }),
            _ => Err(faults),
        }
    }

    /// Its address.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Tells it something that no send carries. `id` is the same whenever the same is told again.
    pub async fn tell(&self, http: &dyn Http, id: &str, body: Value, now: Timestamp) -> Outcome {
        match self.request(&HttpCall::new("", body), id, now) {
            Ok(request) => judge(http.call(request).await, now),
            Err(why) => refused(why),
        }
    }

    fn request(&self, call: &HttpCall, id: &str, now: Timestamp) -> Result<Request, String> {
        let method = match call.method {
            HttpMethod::Post => Method::POST,
            HttpMethod::Put => Method::PUT,
            HttpMethod::Patch => Method::PATCH,
            HttpMethod::Delete => Method::DELETE,
        };
        let url = below(&self.url, &call.path)?;
        let mut request = match &call.body {
            Value::Null => Request::new(method, url),
            body => Request::json(method, url, body),
        };
        for (name, value) in &call.headers {
            request = request.header(header_name(name)?, value);
        }
        for (name, value) in &self.headers {
            request = request.secret_header(name.clone(), value);
        }
        let signing = Signing { body: &request.body, id, now, private_key: None };
        for (name, value) in self.signer.sign(&signing)? {
            let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
            request = request.header(name, &value);
        }
        Ok(request)
    }
}

#[async_trait]
impl Adapter for Hook {
    fn normalise(&self, _: &VerifiedDelivery, _: &Value) -> Normalised {
        Normalised::Unreadable("a hook sends nothing".to_owned())
    }

    async fn deliver(&self, call: &Call<'_>) -> Outcome {
        let Action::Http(http) = &call.send.action else { return refused("a hook takes `http` only") };
        match self.request(http, &call.send.idempotency_key, call.now) {
            Ok(request) => judge(call.http.call(request).await, call.now),
            Err(why) => refused(why),
        }
    }

    async fn read_back(&self, _: &Call<'_>) -> ReadBack {
        ReadBack::Absent
    }

    fn base_urls(&self) -> Vec<Url> {
        vec![self.url.clone()]
    }
}

/// What an answer means. Whatever else was said, a repeat does no harm: the receiver knows it by its `webhook-id`.
fn judge(result: Result<Response, CallError>, now: Timestamp) -> Outcome {
    match result {
        Ok(response) if response.is_success() => Outcome::done(),
        Ok(response) => match response.status {
            408 | 425 | 429 | 500..=599 => Outcome::TryLater { reason: reason(&response), after: wait(&response, now) },
            _ => refused(reason(&response)),
        },
        Err(CallError::NotSent(why)) => Outcome::TryLater { reason: format!("not sent: {why}"), after: None },
        Err(CallError::Unanswered(why)) => Outcome::Unknown { reason: format!("no answer: {why}") },
        Err(error @ CallError::Forbidden(_)) => refused(error.to_string()),
    }
}

fn address(text: &str) -> Result<Url, String> {
    let url: Url =
        text.parse().map_err(|why| format!("is not an address: {why}; write it like https://crm.example/hooks"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err("is not an address that can be called; write it like https://crm.example/hooks".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("is called with credentials in its address; write them under `headers`".to_owned());
    }
    match url.fragment() {
        Some(_) => Err("is called without what stands behind `#`; leave that out".to_owned()),
        None => Ok(url),
    }
}

/// The verifier speaks of a list of secrets; a hook has one.
fn of_secret(fault: SettingFault) -> SettingFault {
    SettingFault::new("secret", fault.message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Send as OutgoingSend;
    use crate::provider::testing;
    use crate::signature;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn settings(value: Value) -> HookSettings {
        serde_json::from_value(value).unwrap()
    }

    fn hook() -> Hook {
        let headers = json!({ "Authorization": "Bearer planted" });
        Hook::open(&settings(json!({ "url": "https://crm.example/hooks/?v=1", "secret": SECRET, "headers": headers })))
            .unwrap()
    }

    fn send() -> OutgoingSend {
        let call = HttpCall { path: "/refunds?kind=new".to_owned(), ..HttpCall::new("crm", json!({ "order": 7 })) };
        testing::send(Action::Http(call))
    }

    #[test]
    fn what_is_wrong_with_a_hook_is_said_at_its_key() {
        let wrong = json!({
            "url": "ftp://crm.example/", "secret": "hunter2!",
            "headers": { "Webhook-Id": "1", "X-A": "two\nlines", "not a name": "x" }
        });
        let faults = Hook::open(&settings(wrong)).err().unwrap();
        let told: Vec<String> = faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        url: is not an address that can be called; write it like https://crm.example/hooks
        secret: the secret is not `whsec_` and base64, as `key: whsec` wants it
        headers/Webhook-Id: `Webhook-Id` is set by the program; leave it out
        headers/X-A: is empty or holds characters that cannot stand in an HTTP header
        headers/not a name: `not a name` is not the name of a header
        ");
        for url in ["https://ann:pw@crm.example/", "https://crm.example/#a", "crm.example"] {
            assert!(address(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_call_carries_a_signature_that_its_receiver_can_verify() {
        let (hook, send) = (hook(), send());
        let now: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let Action::Http(call) = &send.action else { panic!("another action") };
        let request = hook.request(call, &send.idempotency_key, now).unwrap();
        assert_eq!(request.url.as_str(), "https://crm.example/hooks/refunds?v=1&kind=new");
        assert_eq!(request.headers["webhook-id"], send.idempotency_key.as_str());
        assert_eq!(request.headers["authorization"], "Bearer planted");
        let receiver = standard_webhooks(Secret::from(SECRET)).unwrap();
        let delivery = |request: &Request| crate::model::Delivery {
            headers: request.headers.clone(),
            body: request.body.clone(),
            received_at: now,
        };
        assert!(signature::verify(receiver.as_ref(), delivery(&request), now).is_ok());
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let mut changed = request.clone();
            changed.headers.insert(HeaderName::try_from(name).unwrap(), http::HeaderValue::from_static("1"));
            assert!(signature::verify(receiver.as_ref(), delivery(&changed), now).is_err(), "{name}");
        }
        let mut changed = request.clone();
        changed.body.push(b' ');
        assert!(signature::verify(receiver.as_ref(), delivery(&changed), now).is_err());
    }

    #[test]
    fn answers_mean_what_a_repeat_without_harm_allows() {
        let now = Timestamp::UNIX_EPOCH;
        let answer = |status: u16| Ok(Response { status, headers: http::HeaderMap::new(), body: b"<p>".to_vec() });
        let told = |result| judge(result, now).name();
        for (status, outcome) in [
            (200, "delivered"),
            (204, "delivered"),
            (408, "try_later"),
            (425, "try_later"),
            (429, "try_later"),
            (500, "try_later"),
            (503, "try_later"),
            (302, "refused"),
            (400, "refused"),
            (401, "refused"),
            (410, "refused"),
        ] {
            assert_eq!(told(answer(status)), outcome, "{status}");
        }
        assert_eq!(told(Err(CallError::Unanswered("x".to_owned()))), "unknown");
        assert_eq!(told(Err(CallError::NotSent("x".to_owned()))), "try_later");
        assert_eq!(told(Err(CallError::Forbidden("x".to_owned()))), "refused");
    }
}
