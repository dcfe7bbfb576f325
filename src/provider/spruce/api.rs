//! Calls to Spruce: address, bearer token, and lists that come in pages. It knows no action.
//!
//! A wrong token is answered 403. No numbers are published for the rate limits.

use http::Method;
use serde_json::Value;

use crate::http::Request;
use crate::model::Outcome;
use crate::provider::endpoint::Endpoint;
use crate::provider::outcome::answered;
use crate::provider::{Call, Page, Reading, read};
use crate::secret::Secret;

/// The most pages of a list that are read at once.
const MAX_PAGES: usize = 20;

/// A list that comes in pages.
pub(super) struct List<'a> {
    pub(super) path: &'a [&'a str],
    /// The key of the items in an answer.
    pub(super) key: &'static str,
}

/// Teammates, teams, and the organization itself.
pub(super) const MEMBERS: List<'static> = List { path: &["organization", "members"], key: "/members" };

/// The organization's conversations.
pub(super) const CONVERSATIONS: List<'static> = List { path: &["conversations"], key: "/conversations" };

/// Saved messages.
pub(super) const SAVED_MESSAGES: List<'static> = List { path: &["savedmessages"], key: "/savedMessages" };

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

    /// A page of a list, with the token of the next one. `query` bounds and filters it.
    pub(super) async fn page(
        &self,
        read: &Reading<'_>,
        list: &List<'_>,
        query: &[(&str, &str)],
        cursor: Option<&str>,
    ) -> Result<Page<Value>, Outcome> {
        let mut request = self.request(Method::GET, list.path, None)?;
        request.url.query_pairs_mut().extend_pairs(query);
        if let Some(cursor) = cursor {
            request.url.query_pairs_mut().append_pair("paginationToken", cursor);
        }
        let page = answered(read.http.call(request).await, read.now)?;
        let next = read::text(&page, "/paginationToken").filter(|_| read::flag(&page, "/hasMore"));
        Ok(Page { items: read::items(&page, list.key).cloned().collect(), next })
    }

    /// All items of a list, as far as [`MAX_PAGES`] reach.
    pub(super) async fn all(&self, read: &Reading<'_>, list: &List<'_>) -> Result<Vec<Value>, Outcome> {
        let (mut items, mut cursor) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let page = self.page(read, list, &[("pageSize", "500")], cursor.as_deref()).await?;
            items.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(items)
    }
}
