//! Calls to HighLevel: address, `Version`, bearer token, and one more try with a new token when it says 401.
//! It knows no action.

use http::{HeaderName, Method};
use serde_json::Value;

use super::oauth::Credential;
use crate::http::{CallError, Request, Response};
use crate::model::Outcome;
use crate::provider::Call;
use crate::provider::endpoint::Endpoint;
use crate::provider::outcome::{Repeat, in_words, judge, shown};

/// The `Version` of the contact calls (`apps/contacts.json`).
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

    /// A call below `/conversations` or `/contacts`, with the version that belongs to it.
    pub(super) fn request(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Request, Outcome> {
        let version = match path.first() {
            Some(&"contacts") => CONTACTS_VERSION,
            _ => &self.conversations_version,
        };
        let request = self.endpoint.request(method, path, body)?;
        Ok(request.header(HeaderName::from_static("version"), version))
    }

    /// Makes a call and says what its answer means.
    pub(super) async fn judged(
        &self,
        call: &Call<'_>,
        request: Request,
        repeat: Repeat,
        delivered: impl FnOnce(&Response) -> Outcome + Send,
    ) -> Outcome {
        match self.send(call, request).await {
            Ok(result) => judge(result, repeat, call.now, delivered),
            Err(unauthorised) => unauthorised,
        }
    }

    /// Reads something; an error says in words, without content, why that was not possible.
    pub(super) async fn read(&self, call: &Call<'_>, path: &[&str], query: &[(&str, &str)]) -> Result<Value, String> {
        let mut request = self.request(Method::GET, path, None).map_err(in_words)?;
        if !query.is_empty() {
            request.url.query_pairs_mut().extend_pairs(query);
        }
        shown(self.send(call, request).await.map_err(in_words)?)
    }

    /// Makes a call; the error is the outcome where no access token could be had, and then nothing was sent.
    ///
    /// A 401 to an OAuth token means that it ended before its time: nothing was done, so the call is made once more.
    pub(super) async fn send(&self, call: &Call<'_>, request: Request) -> Result<Result<Response, CallError>, Outcome> {
        let token = self.credential.bearer(call, &self.endpoint, None).await?;
        let first = call.http.call(request.clone().bearer(&token)).await;
        if !self.credential.is_renewable() || !matches!(&first, Ok(response) if response.status == 401) {
            return Ok(first);
        }
        let token = self.credential.bearer(call, &self.endpoint, Some(&token)).await?;
        Ok(call.http.call(request.bearer(&token)).await)
    }
}
