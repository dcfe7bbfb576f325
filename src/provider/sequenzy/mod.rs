//! Sequenzy: e-mail conversations of a sending platform. Tags belong to subscribers, not to conversations.
//! Nothing here reads a clock or keeps state.
//!
//! Written after `docs.sequenzy.com`: *Outbound webhooks*, *Reply tracking*, *API reference* (Conversations, Subscribers:
//! Tags), and the types of the official Python package `sequenzy` 2.1.

mod config;
mod endpoints;
mod inbound;
mod listing;
mod outbound;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use super::{
    Adapter, Call, CallClass, ConversationQuery, ListedConversation, Lists, Normalised, Page, Polled, Provider, Quota,
    ReadBack, ReadError, Reading, Registration, settings,
};
use crate::model::capability::Support::{Fallback, Missing, Native};
use crate::model::{AccountName, Capability, Outcome};
use crate::signature::{SettingFault, VerifiedDelivery};
use config::Account;

/// The provider Sequenzy.
pub struct Sequenzy;

const CAPABILITIES: &[Capability] = &[
    Capability { name: "reply", support: Native },
    Capability { name: "reply.subject", support: Native },
    Capability { name: "reply.as", support: Native },
    Capability { name: "reply.attachments.inline", support: Native },
    Capability {
        name: "reply.attachments.url",
        support: Missing("Sequenzy takes files in the call only, up to 10 and 15 MB together"),
    },
    Capability { name: "reply.attachments.stored", support: Missing("Sequenzy cannot attach a file it already has") },
    Capability { name: "note", support: Native },
    Capability {
        name: "note.page",
        support: Fallback("Sequenzy cannot page: the note begins with a line that names the member, `@alias`"),
    },
    Capability {
        name: "snippet",
        support: Missing("Sequenzy has no snippets for conversations; name a file under `snippets:` instead"),
    },
    Capability {
        name: "tag",
        support: Fallback("Sequenzy tags the subscriber, not the conversation, and only one it already has"),
    },
    Capability { name: "assign", support: Missing("Sequenzy conversations have no assignee") },
    Capability { name: "close", support: Native },
];

impl Provider for Sequenzy {
    fn name(&self) -> &'static str {
        "sequenzy"
    }

    fn title(&self) -> &'static str {
        "Sequenzy"
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

/// "100 requests per minute per API key and 20 requests per second burst" (README of `Sequenzy/mcp`).
const QUOTAS: [Quota; 2] = [
    Quota { class: CallClass::Any, calls: 100, per: SignedDuration::from_secs(60) },
    Quota { class: CallClass::Any, calls: 20, per: SignedDuration::from_secs(1) },
];

#[async_trait]
impl Adapter for Account {
    fn normalise(&self, delivery: &VerifiedDelivery, json: &Value) -> Normalised {
        inbound::normalise(delivery.body(), json)
    }

    async fn deliver(&self, call: &Call<'_>) -> Outcome {
        outbound::deliver(self, call).await
    }

    async fn read_back(&self, call: &Call<'_>) -> ReadBack {
        outbound::read_back(self, call).await
    }

    fn quotas(&self) -> &[Quota] {
        &QUOTAS
    }

    fn base_urls(&self) -> Vec<Url> {
        vec![self.endpoint.base().clone()]
    }

    fn registration(&self) -> Registration<'_> {
        Registration::Api(self)
    }

    fn lists(&self) -> Lists {
        Lists { conversations: Some(listing::CONVERSATIONS), members: false, snippets: false }
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
}
