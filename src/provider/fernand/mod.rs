//! Fernand: a help desk for small teams. A reply or note carries further actions in the same call, which matters where
//! only five writes a minute are allowed. Nothing here reads a clock or keeps state.
//!
//! Written after `developers.getfernand.com` (*Authentication*, *Rate limits*, *Reply to conversation*, *Add a note*,
//! *List messages in a conversation*, *Conversation tags*, *Update a conversation*, *Snippets*, *Agents*) and
//! `help.getfernand.com` (*Custom data*).

mod config;
mod fold;
mod inbound;
mod listing;
mod outbound;
mod reading;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use super::{
    Adapter, Call, CallClass, ConversationQuery, ListedConversation, ListedMember, ListedSnippet, Lists, Meter,
    Normalised, Page, Polled, Provider, Quota, ReadBack, ReadError, Reading, Registration, Until, settings,
};
use crate::model::capability::Support::{Missing, Native};
use crate::model::{AccountName, Capability, Outcome, Send as OutgoingSend};
use crate::signature::{SettingFault, VerifiedDelivery};
use config::Account;

/// The provider Fernand.
pub struct Fernand;

const CAPABILITIES: &[Capability] = &[
    Capability { name: "reply", support: Native },
    Capability { name: "reply.subject", support: Missing("a Fernand reply carries the subject of its conversation") },
    Capability { name: "reply.as", support: Native },
    Capability { name: "reply.attachments.inline", support: Native },
    Capability { name: "reply.attachments.url", support: Missing("Fernand takes files in the call only") },
    Capability { name: "reply.attachments.stored", support: Missing("Fernand cannot attach a file it already has") },
    Capability { name: "note", support: Native },
    Capability { name: "note.page", support: Native },
    Capability { name: "snippet", support: Native },
    Capability { name: "tag", support: Native },
    Capability { name: "assign", support: Native },
    Capability { name: "close", support: Native },
];

/// Fernand publishes no webhook for conversations; what posts is an automation, or the custom data of its sidebar (*Getting
/// started with custom data*, *Structuring your endpoint*).
const REGISTRATION: &[&str] = &[
    "Fernand has no webhook for conversations. To find every message, write `poll: { every: 60s }` under `sources.{source}`; the other steps are not needed then.",
    "For an automation of yours: let it post each message to {url} as JSON, with a header such as X-Fernand-Key that holds a secret of at least 16 random characters.",
    "For the custom data of Fernand's sidebar: in its settings, Custom data, enter {url} as the endpoint, click Add headers and add X-Fernand-Key with that secret, then Fetch and save. It tells who opened which conversation, not what was written.",
    "Write `verify: { scheme: token, header: X-Fernand-Key, secrets: [...] }` under `sources.{source}`, with the same secret.",
];

impl Provider for Fernand {
    fn name(&self) -> &'static str {
        "fernand"
    }

    fn title(&self) -> &'static str {
        "Fernand"
    }

    fn capabilities(&self) -> &'static [Capability] {
        CAPABILITIES
    }

    fn schema(&self) -> Value {
        settings::schema_of::<config::Settings>()
    }

    fn open(&self, _account: &AccountName, settings: &Value) -> Result<Arc<dyn Adapter>, Vec<SettingFault>> {
        Ok(Arc::new(Account::open(settings)?))
    }
}

/// 20 reads and 5 writes a minute (*Rate limits*).
const QUOTAS: [Quota; 2] = [
    Quota { class: CallClass::Read, calls: 20, per: SignedDuration::from_secs(60) },
    Quota { class: CallClass::Write, calls: 5, per: SignedDuration::from_secs(60) },
];

/// Reads and writes are counted apart, and each answer speaks of its own kind (*Rate limits*).
const METERS: [Meter; 1] =
    [Meter { header: "x-ratelimit-remaining", is_shared: false, until: Until::At("x-ratelimit-reset") }];

#[async_trait]
impl Adapter for Account {
    fn normalise(&self, delivery: &VerifiedDelivery, json: &Value) -> Normalised {
        inbound::normalise(delivery.body(), json)
    }

    fn fold(&self, sends: Vec<OutgoingSend>) -> Vec<OutgoingSend> {
        fold::fold(sends)
    }

    async fn deliver(&self, call: &Call<'_>) -> Outcome {
        outbound::deliver(self, call).await
    }

    async fn read_back(&self, call: &Call<'_>) -> ReadBack {
        reading::read_back(self, call).await
    }

    /// "Sent to all to/cc", says the reference of the call.
    fn answers_everybody(&self) -> bool {
        true
    }

    fn quotas(&self) -> &[Quota] {
        &QUOTAS
    }

    fn meters(&self) -> &'static [Meter] {
        &METERS
    }

    fn base_urls(&self) -> Vec<Url> {
        vec![self.endpoint.base().clone()]
    }

    fn registration(&self) -> Registration<'_> {
        Registration::ByHand(REGISTRATION)
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
        listing::conversations(self, read, query, cursor).await
    }

    async fn messages(
        &self,
        read: &Reading<'_>,
        conversation: &ListedConversation,
        since: Option<Timestamp>,
    ) -> Result<Vec<Polled>, ReadError> {
        listing::messages(self, read, conversation, since).await
    }

    async fn members(&self, read: &Reading<'_>, _: Option<&str>) -> Result<Page<ListedMember>, ReadError> {
        listing::members(self, read).await
    }

    async fn snippets(&self, read: &Reading<'_>, _: Option<&str>) -> Result<Page<ListedSnippet>, ReadError> {
        listing::snippets(self, read).await
    }
}
