//! HighLevel, also sold as LeadConnector. It answers by contact and channel, not by conversation; there is no idempotency
//! key, and no call that closes a conversation.
//!
//! Its pages: the webhook guide (marketplace.gohighlevel.com/docs/webhook/WebhookIntegrationGuide), the payloads and the
//! OpenAPI files of github.com/GoHighLevel/highlevel-api-docs (`docs/webhook events`, `apps/conversations.json`,
//! `apps/contacts.json`, `apps/oauth.json`), and "Send a new message" of the API reference. HighLevel signs for all its
//! customers with one key, so an account also compares the location.

mod api;
mod channel;
mod config;
mod inbound;
mod listing;
mod message;
mod oauth;
mod outbound;
mod readback;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Adapter, Call, CallClass, ConversationQuery, ListedConversation, ListedMember, Lists, Meter, Normalised, Page,
    Polled, Provider, Quota, ReadBack, ReadError, Reading, Registration, Until, settings,
};
use crate::model::capability::Support::{Fallback, Missing, Native};
use crate::model::{AccountName, Capability, Outcome};
use crate::signature::{SettingFault, VerifiedDelivery};
use config::Config;

/// The provider.
pub struct HighLevel;

const CAPABILITIES: &[Capability] = &[
    Capability { name: "reply", support: Native },
    Capability { name: "reply.subject", support: Native },
    Capability {
        name: "reply.as",
        support: Fallback("an e-mail is sent from the address given; other channels always send as the location"),
    },
    Capability { name: "reply.attachments.inline", support: Missing("HighLevel takes attachments as addresses") },
    Capability { name: "reply.attachments.url", support: Native },
    Capability { name: "reply.attachments.stored", support: Missing("HighLevel takes attachments as addresses") },
    Capability {
        name: "note",
        support: Fallback("a note on the contact; with `internal_comment` a comment in the conversation"),
    },
    Capability {
        name: "note.page",
        support: Fallback("the note names the members; with `internal_comment` it also mentions them"),
    },
    Capability { name: "snippet", support: Native },
    Capability { name: "tag", support: Native },
    Capability { name: "assign", support: Native },
    Capability { name: "close", support: Missing("HighLevel has no call that closes a conversation") },
];

/// HighLevel has no call for it (*Webhook Integration Guide*: *Setting Up Your Integration*, *Webhook Logs Dashboard*).
const REGISTRATION: &[&str] = &[
    "In the marketplace (marketplace.gohighlevel.com), open your app; a private one will do, with the scopes to read conversations and contacts.",
    "Under Advanced Settings, Webhooks, turn on InboundMessage, OutboundMessage, ConversationUnreadUpdate and ContactTagUpdate, and paste {url} against each; save.",
    "Install the app in the location that `location_id` of the account names; of others nothing is taken.",
    "There is no secret: write `verify: { scheme: highlevel }` under `sources.{source}`; HighLevel's public key is built in.",
    "Send a message to the location, then look at Insights, Logs, Webhooks of the app, and at `rejoinder sources show {source}`.",
];

/// 100 calls in 10 seconds and 200,000 a day, for an app in a location (`docs/oauth/Authorization.md`).
const QUOTAS: &[Quota] = &[
    Quota { class: CallClass::Any, calls: 100, per: SignedDuration::from_secs(10) },
    Quota { class: CallClass::Any, calls: 200_000, per: SignedDuration::from_hours(24) },
];

/// When the day of the daily limit ends is not documented: somebody looks again every hour.
const METERS: [Meter; 2] = [
    Meter {
        header: "x-ratelimit-remaining",
        is_shared: true,
        until: Until::After("x-ratelimit-interval-milliseconds"),
    },
    Meter { header: "x-ratelimit-daily-remaining", is_shared: true, until: Until::In(SignedDuration::from_hours(1)) },
];

impl Provider for HighLevel {
    fn name(&self) -> &'static str {
        "highlevel"
    }

    fn title(&self) -> &'static str {
        "HighLevel"
    }

    fn capabilities(&self) -> &'static [Capability] {
        CAPABILITIES
    }

    fn schema(&self) -> Value {
        settings::schema_of::<config::Settings>()
    }

    fn open(&self, account: &AccountName, settings: &Value) -> Result<Arc<dyn Adapter>, Vec<SettingFault>> {
        Ok(Arc::new(Account(Config::open(account, settings)?)))
    }
}

/// One location.
struct Account(Config);

#[async_trait]
impl Adapter for Account {
    fn normalise(&self, delivery: &VerifiedDelivery, json: &Value) -> Normalised {
        inbound::normalise(delivery, json)
    }

    fn tells_tenant(&self) -> bool {
        true
    }

    fn is_addressed(&self, json: &Value) -> bool {
        let is = |name, wanted: &str| inbound::field(json, name).is_some_and(|found| found == wanted);
        is("locationId", &self.0.location_id) && self.0.app_id.as_ref().is_none_or(|app| is("appId", app))
    }

    async fn deliver(&self, call: &Call<'_>) -> Outcome {
        outbound::deliver(&self.0, call).await
    }

    async fn read_back(&self, call: &Call<'_>) -> ReadBack {
        readback::read_back(&self.0, call).await
    }

    fn quotas(&self) -> &[Quota] {
        QUOTAS
    }

    fn meters(&self) -> &'static [Meter] {
        &METERS
    }

    fn base_urls(&self) -> Vec<url::Url> {
        vec![self.0.api.endpoint().base().clone()]
    }

    fn registration(&self) -> Registration<'_> {
        Registration::ByHand(REGISTRATION)
    }

    /// Templates can be sent but not listed: the list of them wants an id that HighLevel does not explain.
    fn lists(&self) -> Lists {
        Lists { conversations: Some(listing::CONVERSATIONS), members: true, snippets: false }
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

    async fn members(&self, read: &Reading<'_>, _: Option<&str>) -> Result<Page<ListedMember>, ReadError> {
        listing::members(&self.0, read).await
    }
}
