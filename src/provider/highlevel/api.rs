//! Calls to HighLevel: address, `Version`, bearer token, and one more try with a new token when it says 401.
//! It knows no action.

use http::{HeaderName, Method};
use serde_json::Value;

use super::oauth::Credential;
use crate::http::{CallError, Request, Response};
use crate::model::Outcome;
use crate::provider::endpoint::Endpoint;
use crate::provider::outcome::{Repeat, answered, in_words, judge};
use crate::provider::{Call, Reading};

/// The `Version` of the contact and user calls (`apps/contacts.json`, `apps/users.json`).
const CONTACTS_VERSION: &str = "2021-07-28";

/// A connection to a location.
pub(super) struct Api {
    endpoint: Endpoint,
    conversations_version: String,
    credential: Credential,
}

impl Api {
    pub(super) fn new(endpoint: Endpoint, conversations_version: String, credential: Credential) -> Self {
        Self { endpoint, conversations_version, credential }
    }

    /// The root of the API.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A call below `/conversations`, `/contacts` or `/users`, with the version that belongs to it.
    pub(super) fn request(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Request, Outcome> {
        let version = match path.first() {
            Some(&("contacts" | "users")) => CONTACTS_VERSION,
            _ => &self.conversations_version,
        };
        let request = self.endpoint.request(method, path, body)?;
        Ok(request.header(HeaderName::from_static("version"), version))
    }

    /// A reading call.
    pub(super) fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Request, Outcome> {
        let mut request = self.request(Method::GET, path, None)?;
        if !query.is_empty() {
            request.url.query_pairs_mut().extend_pairs(query);
        }
        Ok(request)
    }

    /// Makes a call and says what its answer means.
    pub(super) async fn judged(
        &self,
        call: &Call<'_>,
        request: Request,
        repeat: Repeat,
        delivered: impl FnOnce(&Response) -> Outcome + Send,
    ) -> Outcome {
        match self.send(&call.reading(), request).await {
            Ok(result) => judge(result, repeat, call.now, delivered),
            Err(unauthorised) => unauthorised,
        }
    }

    /// Reads something for a send; an error says in words, without content, why that was not possible.
    pub(super) async fn read(&self, call: &Call<'_>, path: &[&str], query: &[(&str, &str)]) -> Result<Value, String> {
        let request = self.get(path, query).map_err(in_words)?;
        self.answer(&call.reading(), request).await.map_err(in_words)
    }

    /// The JSON that answers a reading call.
    pub(super) async fn answer(&self, read: &Reading<'_>, request: Request) -> Result<Value, Outcome> {
        answered(self.send(read, request).await?, read.now)
    }

    /// Makes a call; the error is the outcome where no access token could be had, and then nothing was sent.
    ///
    /// A 401 to an OAuth token means that it ended before its time: nothing was done, so the call is made once more.
    pub(super) async fn send(
        &self,
        read: &Reading<'_>,
        request: Request,
    ) -> Result<Result<Response, CallError>, Outcome> {
        let token = self.credential.bearer(read, &self.endpoint, None).await?;
        let first = read.http.call(request.clone().bearer(&token)).await;
        if !self.credential.is_renewable() || !matches!(&first, Ok(response) if response.status == 401) {
            return Ok(first);
        }
        let token = self.credential.bearer(read, &self.endpoint, Some(&token)).await?;
        Ok(read.http.call(request.bearer(&token)).await)
    }
}
