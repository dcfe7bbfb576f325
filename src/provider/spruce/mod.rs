//! Spruce Health. Messages are posted into a conversation under an idempotency key, and a webhook with the same request id
//! says when one has appeared.
//!
//! Its pages: developer.sprucehealth.com/docs/webhooks-overview (events, retries), /docs/overview (keys, limits) and
//! /reference (`postconversationmessage`, `updateconversation`, `conversationtags`, `organizationmembers`,
//! `listsavedmessages`, `conversationitems`, `createwebhookendpoint`, `listwebhookendpointevents`).

mod api;
mod config;
mod endpoints;
mod inbound;
mod listing;
mod outbound;
mod readback;
mod tags;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Adapter, Call, ConversationQuery, ListedConversation, ListedMember, ListedSnippet, Lists, Meter, Normalised, Page,
    Polled, Provider, ReadBack, ReadError, Reading, Registration, Until, settings,
};
use crate::model::capability::Support::{Fallback, Missing, Native};
use crate::model::{AccountName, Action, Capability, Outcome};
use crate::signature::{SettingFault, VerifiedDelivery};
use config::Config;

/// The provider.
pub struct Spruce;

const CAPABILITIES: &[Capability] = &[
    Capability { name: "reply", support: Native },
    Capability {
        name: "reply.subject",
        support: Fallback("a conversation has one title for all its messages; the subject is left out"),
    },
    Capability { name: "reply.as", support: Native },
    Capability { name: "reply.attachments.inline", support: Missing("Spruce takes files it already has") },
    Capability { name: "reply.attachments.url", support: Missing("Spruce takes files it already has") },
    Capability { name: "reply.attachments.stored", support: Native },
    Capability { name: "note", support: Native },
    Capability { name: "note.page", support: Native },
    Capability { name: "snippet", support: Fallback("the text of the saved message is posted, without its files") },
    Capability { name: "tag", support: Native },
    Capability { name: "assign", support: Native },
    Capability { name: "close", support: Native },
];

/// The windows are a minute and a day; when the day ends is not documented, so somebody looks again every hour
/// (developer.sprucehealth.com/docs/overview).
const METERS: [Meter; 2] = [
    Meter { header: "s-ratelimit-remaining", is_shared: true, until: Until::In(SignedDuration::from_secs(60)) },
    Meter { header: "s-ratelimit-daily-remaining", is_shared: true, until: Until::In(SignedDuration::from_hours(1)) },
];

impl Provider for Spruce {
    fn name(&self) -> &'static str {
        "spruce"
    }

    fn title(&self) -> &'static str {
        "Spruce Health"
    }

    fn capabilities(&self) -> &'static [Capability] {
        CAPABILITIES
    }

    fn schema(&self) -> Value {
        settings::schema_of::<config::Settings>()
    }

    fn open(&self, _: &AccountName, settings: &Value) -> Result<Arc<dyn Adapter>, Vec<SettingFault>> {
        Ok(Arc::new(Account(Config::open(settings)?)))
    }
}

/// One organization.
struct Account(Config);

#[async_trait]
impl Adapter for Account {
    fn normalise(&self, delivery: &VerifiedDelivery, json: &Value) -> Normalised {
        inbound::normalise(delivery, json)
    }

    async fn deliver(&self, call: &Call<'_>) -> Outcome {
        outbound::deliver(&self.0, call).await
    }

    async fn read_back(&self, call: &Call<'_>) -> ReadBack {
        readback::read_back(&self.0, call).await
    }

    /// `s-idempotency-key` is kept for 24 hours; an hour less, because a call takes time and clocks differ.
    fn remembers_keys_for(&self, action: &Action) -> Option<SignedDuration> {
        (!action.is_idempotent()).then(|| SignedDuration::from_hours(23))
    }

    fn meters(&self) -> &'static [Meter] {
        &METERS
    }

    fn base_urls(&self) -> Vec<url::Url> {
        vec![self.0.api.endpoint().base().clone()]
    }

    fn registration(&self) -> Registration<'_> {
        Registration::Api(self)
    }

    fn lists(&self) -> Lists {
        Lists { conversations: Some(listing::CONVERSATIONS), members: true, snippets: true }
    }

    async fn conversations(
        &self,
        read: &Reading<'_>,
        query: &ConversationQuery,
        cursor: Option<&str>,
    ) -> Result<Page<ListedConversation>, ReadError> {
        listing::conversations(&self.0, read, query, cursor).await
    }

    async fn messages(
        &self,
        read: &Reading<'_>,
        conversation: &ListedConversation,
        since: Option<Timestamp>,
    ) -> Result<Vec<Polled>, ReadError> {
        listing::messages(&self.0, read, conversation, since).await
    }

    async fn members(&self, read: &Reading<'_>, cursor: Option<&str>) -> Result<Page<ListedMember>, ReadError> {
        listing::members(&self.0, read, cursor).await
    }

    async fn snippets(&self, read: &Reading<'_>, cursor: Option<&str>) -> Result<Page<ListedSnippet>, ReadError> {
        listing::snippets(&self.0, read, cursor).await
    }
}
