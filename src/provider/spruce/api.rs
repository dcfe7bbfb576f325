//! Calls to Spruce: address, bearer token, and lists that come in pages. It knows no action.
//!
//! A wrong token is answered 403. No numbers are published for the rate limits.

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use crate::http::{Http, Request};
use crate::model::Outcome;
use crate::provider::endpoint::Endpoint;
use crate::provider::outcome::answered;
use crate::provider::{Call, read};
use crate::secret::Secret;

/// The most pages of a list that are read.
const MAX_PAGES: usize = 20;

/// A list that comes in pages.
pub(super) struct List {
    path: &'static [&'static str],
    /// The key of the items in an answer.
    key: &'static str,
}

/// Teammates, teams, and the organization itself.
pub(super) const MEMBERS: List = List { path: &["organization", "members"], key: "/members" };

/// Saved messages.
pub(super) const SAVED_MESSAGES: List = List { path: &["savedmessages"], key: "/savedMessages" };

/// A connection to an organization.
pub(super) struct Api {
    endpoint: Endpoint,
    token: Secret,
}

impl Api {
    pub(super) fn new(endpoint: Endpoint, token: Secret) -> Self {
        Self { endpoint, token }
    }

    /// The root of the API.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A call.
    pub(super) fn request(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Request, Outcome> {
        Ok(self.endpoint.request(method, path, body)?.bearer(&self.token))
    }

    /// Reads something that a send needs.
    pub(super) async fn get(&self, call: &Call<'_>, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Outcome> {
        let mut request = self.request(Method::GET, path, None)?;
        if !query.is_empty() {
            request.url.query_pairs_mut().extend_pairs(query);
        }
        answered(call.http.call(request).await, call.now)
    }

    /// All items of a list, as far as [`MAX_PAGES`] reach.
    pub(super) async fn list(&self, http: &dyn Http, now: Timestamp, list: &List) -> Result<Vec<Value>, Outcome> {
        let mut items = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut request = self.request(Method::GET, list.path, None)?;
            request.url.query_pairs_mut().append_pair("pageSize", "500");
            if let Some(token) = &token {
                request.url.query_pairs_mut().append_pair("paginationToken", token);
            }
            let page = answered(http.call(request).await, now)?;
            items.extend(read::items(&page, list.key).cloned());
            token = read::text(&page, "/paginationToken").filter(|_| read::flag(&page, "/hasMore"));
            if token.is_none() {
                break;
            }
        }
        Ok(items)
    }
}
