//! Spruce Health. Messages are posted into a conversation under an idempotency key, and a webhook with the same request id
//! says when one has appeared.
//!
//! Its pages: developer.sprucehealth.com/docs/webhooks-overview (events, retries), /docs/overview (keys, limits) and
//! /reference (`postconversationmessage`, `updateconversation`, `conversationtags`, `organizationmembers`,
//! `listsavedmessages`, `conversationitems`).

mod api;
mod config;
mod inbound;
mod outbound;
mod readback;
mod tags;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::outcome::in_words;
use super::{Adapter, Call, Listed, Normalised, Provider, ReadBack, read, settings};
use crate::http::Http;
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

impl Account {
    async fn listed(
        &self,
        http: &dyn Http,
        list: &api::List,
        row: impl Fn(&Value) -> Option<Listed> + Send,
    ) -> Result<Vec<Listed>, String> {
        // The time is only needed to read a date in `Retry-After`, for which a list has no use.
        let items = self.0.api.list(http, Timestamp::UNIX_EPOCH, list).await.map_err(in_words)?;
        Ok(items.iter().filter_map(row).collect())
    }
}

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

    fn base_urls(&self) -> Vec<url::Url> {
        vec![self.0.api.endpoint().base().clone()]
    }

    async fn members(&self, http: &dyn Http) -> Result<Vec<Listed>, String> {
        let row = |member: &Value| {
            Some(Listed {
                id: read::text(member, "/id")?,
                name: read::first_text(member, &["/displayName", "/name"]).unwrap_or_default(),
                detail: read::first_text(member, &["/email", "/type"]).unwrap_or_default(),
            })
        };
        self.listed(http, &api::MEMBERS, row).await
    }

    async fn snippets(&self, http: &dyn Http) -> Result<Vec<Listed>, String> {
        let row = |saved: &Value| {
            Some(Listed {
                id: read::text(saved, "/id")?,
                name: read::text(saved, "/title").unwrap_or_default(),
                detail: if read::flag(saved, "/internal") { "internal".to_owned() } else { String::new() },
            })
        };
        self.listed(http, &api::SAVED_MESSAGES, row).await
    }
}
