//! Any desk with a JSON API, described in configuration: what is called for each action, and what its answer means.
//! What comes in is read by the source's `map:` alone; no shape is known here.

mod config;
mod inbound;
mod outbound;
mod plan;
mod readback;
mod template;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::Value;

use super::{Adapter, Call, Normalised, Provider, ReadBack};
use crate::model::capability::CAPABILITIES;
use crate::model::capability::Support::{Missing, Native};
use crate::model::{AccountName, Action, Capability, Outcome};
use crate::signature::{SettingFault, VerifiedDelivery};
use config::Account;

/// The provider that is described in configuration.
pub struct HttpProvider;

const fn native(name: &'static str) -> Capability {
    Capability { name, support: Native }
}

/// Everything can be described; what an account does describe is in [`Provider::capabilities_of`].
static TABLE: [Capability; CAPABILITIES.len()] = {
    let mut table = [native(""); CAPABILITIES.len()];
    let mut at = 0;
    while at < table.len() {
        table[at] = native(CAPABILITIES[at]);
        at += 1;
    }
    table
};

/// What a description must use so that a part of an action is there: the capability, the action, and a variable.
const PARTS: [(&str, &str, &[&str]); 6] = [
    ("reply.subject", "reply", &["subject"]),
    ("reply.as", "reply", &["sender"]),
    ("reply.attachments.inline", "reply", &["attachments"]),
    ("reply.attachments.url", "reply", &["attachments"]),
    ("reply.attachments.stored", "reply", &["attachments"]),
    ("note.page", "note", &["page", "mentions"]),
];

impl Provider for HttpProvider {
    fn name(&self) -> &'static str {
        "http"
    }

    fn title(&self) -> &'static str {
        "Any JSON API"
    }

    fn capabilities(&self) -> &'static [Capability] {
        &TABLE
    }

    fn capabilities_of(&self, settings: &Value) -> Vec<Capability> {
        let account = Account::open(settings).ok();
        let plan = |action: &str| account.as_ref().and_then(|account| account.plan(action));
        let support = |name: &'static str| match PARTS.iter().find(|(part, ..)| *part == name) {
            Some((_, action, variables)) => match plan(action) {
                Some(plan) if variables.iter().any(|variable| plan.variables.contains(*variable)) => Native,
                _ => Missing("the account's `actions:` make no use of it"),
            },
            None if plan(name).is_some() => Native,
            None => Missing("the account's `actions:` do not describe it"),
        };
        CAPABILITIES.into_iter().map(|name| Capability { name, support: support(name) }).collect()
    }

    fn schema(&self) -> Value {
        config::schema()
    }

    fn open(&self, _account: &AccountName, settings: &Value) -> Result<Arc<dyn Adapter>, Vec<SettingFault>> {
        Ok(Arc::new(Account::open(settings)?))
    }
}

#[async_trait]
impl Adapter for Account {
    fn normalise(&self, delivery: &VerifiedDelivery, _json: &Value) -> Normalised {
        inbound::normalise(delivery.body())
    }

    async fn deliver(&self, call: &Call<'_>) -> Outcome {
        outbound::deliver(self, call).await
    }

    async fn read_back(&self, call: &Call<'_>) -> ReadBack {
        readback::read_back(self, call).await
    }

    /// 24 hours are what services with such a header commonly keep (Stripe, Spruce); an hour less, as clocks differ.
    fn remembers_keys_for(&self, action: &Action) -> Option<SignedDuration> {
        let has_key = self.plan(action.name()).is_some_and(|plan| plan.key_header.is_some());
        has_key.then(|| SignedDuration::from_hours(23))
    }

    fn base_urls(&self) -> Vec<url::Url> {
        vec![self.base.clone()]
    }
}
