//! Where a provider delivers to: the endpoints that are registered there. By its API where it has one for that, else by a
//! person, in steps. A secret is shown once, by the call that made it, and kept nowhere here.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use super::listing::{Page, Polled, ReadError, Reading};
use super::outcome::{Repeat, judge};
use crate::http::{CallError, Response};
use crate::model::{Outcome, SourceName};
use crate::secret::Secret;

/// The name that new endpoints are given.
pub const NAME: &str = "rejoinder";

/// What stands in a step for the address of the source, and for the name of the source.
pub const PLACEHOLDERS: [&str; 2] = ["{url}", "{source}"];

/// How an account comes to deliver to us.
pub enum Registration<'a> {
    /// By its API.
    Api(&'a dyn Endpoints),
    /// By a person, in these steps, with [`PLACEHOLDERS`].
    ByHand(&'static [&'static str]),
}

/// What is done where a provider says nothing about it.
pub const ANYWHERE: &[&str] = &[
    "Where the desk keeps its webhooks, add {url} with its message events.",
    "Write the secret that it shows, or that you chose, where `sources.{source}.verify` takes it from.",
];

/// Endpoints at a provider, by its API.
#[async_trait]
pub trait Endpoints: Send + Sync {
    /// The event types that must be subscribed to; none where there is no choice.
    fn events(&self) -> &'static [&'static str] {
        &[]
    }

    /// What the API can do beyond creating, listing, pausing and deleting.
    fn abilities(&self) -> Abilities;

    /// Every endpoint of the account, the oldest first, from all pages.
    async fn list(&self, read: &Reading<'_>) -> Result<Vec<RegisteredEndpoint>, ReadError>;

    /// Makes an endpoint that delivers [`events`](Self::events). Done twice it makes two.
    async fn create(&self, read: &Reading<'_>, url: &Url) -> Result<Made, ReadError>;

    /// Changes an endpoint. Answers the secret, where the change made one.
    async fn change(
        &self,
        read: &Reading<'_>,
        endpoint: &RegisteredEndpoint,
        change: EndpointChange,
    ) -> Result<Option<Secret>, ReadError>;

    /// A page of the events that the provider keeps of an endpoint, delivered or not, in no order. None stands for one that is
    /// not in the form of a delivery.
    async fn stored(
        &self,
        _read: &Reading<'_>,
        _endpoint: &RegisteredEndpoint,
        _since: Timestamp,
        _cursor: Option<&str>,
    ) -> Result<Page<Option<Polled>>, ReadError> {
        Err(ReadError::Refused("the provider keeps no events".to_owned()))
    }
}

/// What an API can do beyond creating, listing, pausing and deleting endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// It sends a test delivery.
    pub test: bool,
    /// An endpoint can have several secrets. Where it cannot, a second endpoint takes the place of a second secret.
    pub secrets: bool,
    /// It keeps the events of an endpoint.
    pub stored: bool,
}

/// A change of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointChange {
    /// It delivers these event types and no others.
    Subscribe(Vec<String>),
    /// It is sent a test delivery.
    Test,
    /// Nothing is delivered until it is resumed.
    Pause,
    /// It is delivered to again.
    Resume,
    /// It signs with one more secret.
    AddSecret,
    /// It no longer signs with the secret of this id.
    RemoveSecret(String),
    /// It is gone.
    Delete,
}

/// An endpoint, as the provider lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RegisteredEndpoint {
    /// The provider's id.
    pub id: String,
    /// The name it was given.
    pub name: Option<String>,
    /// Where it delivers to.
    pub url: String,
    /// The provider's word for how it is.
    pub status: Option<String>,
    /// Whether nothing is delivered, because somebody or the provider paused it.
    pub paused: bool,
    /// Since when every delivery has failed, where the provider says so.
    pub failing_since: Option<Timestamp>,
    /// The event types that it delivers; none where there is no choice.
    pub events: Vec<String>,
    /// The ids of its secrets, the oldest first.
    pub secrets: Vec<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

impl RegisteredEndpoint {
    /// Whether it delivers to this address.
    fn is_at(&self, url: &Url) -> bool {
        self.url.parse::<Url>().is_ok_and(|own| own == *url)
    }

    /// Whether it delivers to a source of this name, whatever the host.
    pub fn is_for(&self, source: &SourceName) -> bool {
        self.url.parse::<Url>().is_ok_and(|url| is_path_of(&url, source))
    }
}

/// Whether an address ends as that of a source does.
pub fn is_path_of(url: &Url, source: &SourceName) -> bool {
    let mut path = url.path_segments().into_iter().flatten().rev();
    path.next() == Some(source.as_str()) && path.next() == Some("webhooks")
}

/// An endpoint, with its secret where that was just made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The endpoint.
    pub endpoint: RegisteredEndpoint,
    /// What it signs with; shown this once.
    pub secret: Option<Secret>,
}

/// What registering an address comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// There is no endpoint of this address: one is made.
    Create,
    /// There is one, and it is changed in these ways; in none where it is as it should be.
    Update(Box<RegisteredEndpoint>, Vec<EndpointChange>),
}

impl Plan {
    /// What is to be done for deliveries to arrive at `url`. Event types that somebody added stay.
    pub fn of(endpoints: &dyn Endpoints, known: &[RegisteredEndpoint], url: &Url) -> Self {
        let Some(endpoint) = known.iter().rfind(|endpoint| endpoint.is_at(url)) else { return Self::Create };
        let mut changes = Vec::new();
        let is_missing = |event: &&str| !endpoint.events.iter().any(|own| own == event);
        let missing: Vec<&str> = endpoints.events().iter().copied().filter(is_missing).collect();
        if !missing.is_empty() {
            let all = endpoint.events.iter().map(String::as_str).chain(missing);
            changes.push(EndpointChange::Subscribe(all.map(str::to_owned).collect()));
        }
        if endpoint.paused {
            changes.push(EndpointChange::Resume);
        }
        Self::Update(Box::new(endpoint.clone()), changes)
    }

    /// Does it.
    pub async fn carry_out(self, endpoints: &dyn Endpoints, read: &Reading<'_>, url: &Url) -> Result<Made, ReadError> {
        match self {
            Self::Create => endpoints.create(read, url).await,
            Self::Update(endpoint, changes) => {
                for change in changes {
                    endpoints.change(read, &endpoint, change).await?;
                }
                Ok(Made { endpoint: *endpoint, secret: None })
            }
        }
    }
}

/// Makes a second secret for an endpoint, or a second endpoint where it can have but one. The first one stays in force.
pub async fn rotate(
    endpoints: &dyn Endpoints,
    read: &Reading<'_>,
    endpoint: &RegisteredEndpoint,
) -> Result<Made, ReadError> {
    if endpoints.abilities().secrets {
        let secret = endpoints.change(read, endpoint, EndpointChange::AddSecret).await?;
        return Ok(Made { endpoint: endpoint.clone(), secret });
    }
    let url = endpoint.url.parse().map_err(|_| ReadError::Refused("its address is none".to_owned()))?;
    endpoints.create(read, &url).await
}

/// What ends a rotation among the endpoints of one source: all secrets but the newest go, or all endpoints of an address
/// but the newest.
pub fn end_of_rotation(
    endpoints: &dyn Endpoints,
    own: &[RegisteredEndpoint],
) -> Vec<(RegisteredEndpoint, EndpointChange)> {
    if endpoints.abilities().secrets {
        let old = |endpoint: &RegisteredEndpoint| endpoint.secrets.split_last().map(|(_, old)| old.to_vec());
        let removed = |endpoint: &RegisteredEndpoint| {
            let each = |id| (endpoint.clone(), EndpointChange::RemoveSecret(id));
            old(endpoint).unwrap_or_default().into_iter().map(each).collect::<Vec<_>>()
        };
        return own.iter().flat_map(removed).collect();
    }
    let is_old = |(place, endpoint): &(usize, &RegisteredEndpoint)| {
        own[place + 1..].iter().any(|newer| newer.url == endpoint.url)
    };
    let old = own.iter().enumerate().filter(is_old);
    old.map(|(_, endpoint)| (endpoint.clone(), EndpointChange::Delete)).collect()
}

/// The JSON of an answer to a call that changes endpoints, of which nobody knows whether a repeat does harm.
pub(super) fn changed(result: Result<Response, CallError>, now: Timestamp) -> Result<serde_json::Value, ReadError> {
    let mut json = serde_json::Value::Null;
    let outcome = judge(result, Repeat::Harmful, now, |response| {
        json = response.json();
        Outcome::done()
    });
    match outcome {
        Outcome::Delivered { .. } => Ok(json),
        Outcome::Unknown { reason } => Err(ReadError::Refused(format!(
            "{reason}; it may have been done all the same, which `rejoinder sources endpoints list` shows"
        ))),
        other => Err(other.into()),
    }
}
