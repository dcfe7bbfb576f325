//! Spruce's endpoints (*List, create, get, delete, pause a webhook destination endpoint*, *List events for an endpoint*). There
//! is no choice of events, no test, and one secret for each endpoint.
//!
//! Events are kept for 30 days. Of their `data` the reference says only that it is a string: it is read as the body of a
//! delivery, and what is none is left to the lists of conversations and items.

use async_trait::async_trait;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::api::List;
use super::{Account, inbound};
use crate::model::Outcome;
use crate::provider::listing::{Page, Polled, ReadError, Reading};
use crate::provider::outcome::{answered, refused};
use crate::provider::read::{items, text, time};
use crate::provider::registration::{Abilities, EndpointChange, Endpoints, Made, NAME, RegisteredEndpoint, changed};
use crate::secret::Secret;

const ENDPOINTS: [&str; 2] = ["webhooks", "endpoints"];

#[async_trait]
impl Endpoints for Account {
    fn abilities(&self) -> Abilities {
        Abilities { test: false, secrets: false, stored: true }
    }

    async fn list(&self, read: &Reading<'_>) -> Result<Vec<RegisteredEndpoint>, ReadError> {
        let request = self.0.api.request(Method::GET, &ENDPOINTS, None)?;
        let json = answered(read.http.call(request).await, read.now)?;
        if !json["endpoints"].is_array() {
            return Err(ReadError::not_understood("list of endpoints"));
        }
        let mut found: Vec<RegisteredEndpoint> = items(&json, "/endpoints").filter_map(endpoint).collect();
        found.sort_by_key(|endpoint| endpoint.created_at);
        Ok(found)
    }

    async fn create(&self, read: &Reading<'_>, url: &Url) -> Result<Made, ReadError> {
        let body = json!({ "name": NAME, "url": url });
        let request = self.0.api.request(Method::POST, &ENDPOINTS, Some(&body))?;
        let json = changed(read.http.call(request).await, read.now)?;
        let endpoint = endpoint(&json["endpoint"]).ok_or_else(|| ReadError::not_understood("endpoint"))?;
        Ok(Made { endpoint, secret: text(&json, "/endpoint/signingSecrets/0/value").map(Secret::from) })
    }

    async fn change(
        &self,
        read: &Reading<'_>,
        endpoint: &RegisteredEndpoint,
        change: EndpointChange,
    ) -> Result<Option<Secret>, ReadError> {
        let [first, second] = ENDPOINTS;
        let paused = |paused: &str| {
            let mut request = self.0.api.request(Method::POST, &[first, second, &endpoint.id, "paused"], None)?;
            request.url.query_pairs_mut().append_pair("paused", paused);
            Ok::<_, Outcome>(request)
        };
        let request = match change {
            EndpointChange::Pause => paused("true"),
            EndpointChange::Resume => paused("false"),
            EndpointChange::Delete => self.0.api.request(Method::DELETE, &[first, second, &endpoint.id], None),
            EndpointChange::Test => Err(refused("Spruce sends no test delivery")),
            EndpointChange::Subscribe(_) => Err(refused("Spruce has no choice of events")),
            EndpointChange::AddSecret | EndpointChange::RemoveSecret(_) => {
                Err(refused("an endpoint at Spruce has one secret"))
            }
        }?;
        changed(read.http.call(request).await, read.now).map(|_| None)
    }

    async fn stored(
        &self,
        read: &Reading<'_>,
        endpoint: &RegisteredEndpoint,
        since: Timestamp,
        cursor: Option<&str>,
    ) -> Result<Page<Option<Polled>>, ReadError> {
        let [first, second] = ENDPOINTS;
        let path = [first, second, endpoint.id.as_str(), "events"];
        let list = List { path: &path, key: "/events" };
        let since = since.to_string();
        let page = self.0.api.page(read, &list, &[("startTime", since.as_str())], cursor).await?;
        Ok(Page { items: page.items.iter().map(delivered).collect(), next: page.next })
    }
}

fn endpoint(json: &Value) -> Option<RegisteredEndpoint> {
    let status = text(json, "/status");
    Some(RegisteredEndpoint {
        id: text(json, "/id")?,
        name: text(json, "/name"),
        url: text(json, "/url")?,
        // The words for a status are not published.
        paused: status.as_deref().is_some_and(|word| matches!(word.to_lowercase().as_str(), "paused" | "disabled")),
        status,
        failing_since: None,
        events: Vec::new(),
        secrets: items(json, "/signingSecrets").filter_map(|secret| text(secret, "/id")).collect(),
        created_at: time(json, "/createdAt"),
    })
}

/// A kept event as the delivery it was, or should have been.
fn delivered(event: &Value) -> Option<Polled> {
    let (raw, body) = match event.get("data")? {
        Value::String(body) => (serde_json::from_str(body).ok()?, body.clone()),
        data => (data.clone(), data.to_string()),
    };
    let draft = inbound::draft(&raw, body.as_bytes()).ok()?;
    Some(Polled { draft, raw })
}
