//! Sequenzy's endpoints (*API reference: Webhooks*). An endpoint signs with all of its secrets at once, so a second one is
//! added before the first goes.

use async_trait::async_trait;
use http::Method;
use serde_json::{Value, json};
use url::Url;

use super::config::Account;
use crate::provider::listing::{ReadError, Reading};
use crate::provider::outcome::answered;
use crate::provider::read::{items, text, texts, time};
use crate::provider::registration::{Abilities, EndpointChange, Endpoints, Made, NAME, RegisteredEndpoint, changed};
use crate::secret::Secret;

/// The types that carry what customers write; neither is among those that come unasked.
const EVENTS: &[&str] = &["email.received", "email.replied"];

#[async_trait]
impl Endpoints for Account {
    fn events(&self) -> &'static [&'static str] {
        EVENTS
    }

    fn abilities(&self) -> Abilities {
        Abilities { test: true, secrets: true, stored: false }
    }

    async fn list(&self, read: &Reading<'_>) -> Result<Vec<RegisteredEndpoint>, ReadError> {
        let json = answered(read.http.call(self.request(Method::GET, &["webhooks"], None)?).await, read.now)?;
        if !json["webhooks"].is_array() {
            return Err(ReadError::not_understood("list of endpoints"));
        }
        let mut found: Vec<RegisteredEndpoint> = items(&json, "/webhooks").filter_map(endpoint).collect();
        found.sort_by_key(|endpoint| endpoint.created_at);
        Ok(found)
    }

    async fn create(&self, read: &Reading<'_>, url: &Url) -> Result<Made, ReadError> {
        let body = json!({ "name": NAME, "url": url, "events": EVENTS });
        let request = self.request(Method::POST, &["webhooks"], Some(&body))?;
        let json = changed(read.http.call(request).await, read.now)?;
        let endpoint = endpoint(&json["webhook"]).ok_or_else(|| ReadError::not_understood("endpoint"))?;
        Ok(Made { endpoint, secret: secret(&json) })
    }

    async fn change(
        &self,
        read: &Reading<'_>,
        endpoint: &RegisteredEndpoint,
        change: EndpointChange,
    ) -> Result<Option<Secret>, ReadError> {
        let place = ["webhooks", endpoint.id.as_str()];
        let below = |name| ["webhooks", endpoint.id.as_str(), name];
        let patch = |body: Value| self.request(Method::PATCH, &place, Some(&body));
        let request = match &change {
            EndpointChange::Subscribe(events) => patch(json!({ "events": events })),
            EndpointChange::Pause => patch(json!({ "status": "disabled" })),
            EndpointChange::Resume => patch(json!({ "status": "enabled" })),
            EndpointChange::Test => self.request(Method::POST, &below("test"), None),
            EndpointChange::AddSecret => self.request(Method::POST, &below("secrets"), None),
            EndpointChange::RemoveSecret(id) => {
                self.request(Method::DELETE, &["webhooks", endpoint.id.as_str(), "secrets", id], None)
            }
            EndpointChange::Delete => self.request(Method::DELETE, &place, None),
        }?;
        let json = changed(read.http.call(request).await, read.now)?;
        Ok(secret(&json).filter(|_| change == EndpointChange::AddSecret))
    }
}

fn endpoint(json: &Value) -> Option<RegisteredEndpoint> {
    let status = text(json, "/status");
    let mut secrets: Vec<_> = items(json, "/signingSecrets").collect();
    secrets.sort_by_key(|secret| time(secret, "/createdAt"));
    Some(RegisteredEndpoint {
        id: text(json, "/id")?,
        name: text(json, "/name"),
        url: text(json, "/url")?,
        paused: status.as_deref() == Some("disabled"),
        status,
        failing_since: time(json, "/failingSince"),
        events: texts(json, "/events"),
        secrets: secrets.into_iter().filter_map(|secret| text(secret, "/id")).collect(),
        created_at: time(json, "/createdAt"),
    })
}

fn secret(json: &Value) -> Option<Secret> {
    text(json, "/webhook/signingSecret").map(Secret::from)
}
