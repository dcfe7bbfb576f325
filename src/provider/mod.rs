//! Normalise and send: what is particular to a provider. One folder each, all with the same files; two providers never
//! name each other. An adapter composes requests and reads answers; the connection itself is handed in.

#[cfg(test)]
mod conformance;
pub mod content;
pub mod endpoint;
pub mod excerpt;
pub mod fernand;
pub mod highlevel;
pub mod hook;
pub mod http;
pub mod landed;
pub mod listing;
mod map;
mod meter;
mod metered;
pub mod outcome;
mod pointer;
pub mod read;
pub mod registration;
pub mod sandbox;
pub mod sequenzy;
pub mod settings;
pub mod spruce;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::http::Http;
use crate::model::{AccountName, Action, Capability, Draft, Event, Outcome, Send as OutgoingSend};
use crate::secret::Secret;
use crate::signature::{SettingFault, VerifiedDelivery};

pub use listing::{
    ConversationLists, ConversationQuery, ListedConversation, ListedMember, ListedSnippet, Lists, Page, Polled,
    ReadError, Reading,
};
pub use map::{MapSettings, Mapping};
pub use meter::{Meter, Until};
pub use metered::{Line, Metered};
pub use registration::{Endpoints, RegisteredEndpoint, Registration};

pub use crate::model::ReadBack;
pub use crate::outbox::{CallClass, Quota};

/// Every provider. A new one is a folder and a line.
pub const PROVIDERS: &[&dyn Provider] = &[
    // in the order of the documentation
    &sequenzy::Sequenzy,
    &fernand::Fernand,
    &highlevel::HighLevel,
    &spruce::Spruce,
    &http::HttpProvider,
    &sandbox::SandboxProvider,
];

/// The provider of that name.
pub fn provider(name: &str) -> Option<&'static dyn Provider> {
    PROVIDERS.iter().copied().find(|provider| provider.name() == name)
}

/// A kind of provider: what the program knows before any account is configured.
pub trait Provider: Send + Sync {
    /// The name under `accounts.*.provider`.
    fn name(&self) -> &'static str;

    /// The name people know it by.
    fn title(&self) -> &'static str;

    /// One row for every name in [`CAPABILITIES`](crate::model::capability::CAPABILITIES).
    fn capabilities(&self) -> &'static [Capability];

    /// The table of one account, where its settings decide what it can do; else the same table for all accounts.
    fn capabilities_of(&self, _settings: &Value) -> Vec<Capability> {
        self.capabilities().to_vec()
    }

    /// The JSON Schema of the account's own keys (those beside `provider`, `own_addresses` and `on_unknown`), an object schema without
    /// references to the outside.
    fn schema(&self) -> Value;

    /// An adapter for one account, or everything that is wrong with its settings. `settings` has passed [`schema`](Self::schema).
    fn open(&self, account: &AccountName, settings: &Value) -> Result<Arc<dyn Adapter>, Vec<SettingFault>>;
}

/// One configured account: reads its deliveries and carries out its sends.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// Reads a delivery that is JSON. Never fails: what cannot be read is said so, in words without content.
    fn normalise(&self, delivery: &VerifiedDelivery, json: &Value) -> Normalised;

    /// Whether an authentic delivery is meant for this account, where the provider signs for all its customers with one key.
    fn is_addressed(&self, _json: &Value) -> bool {
        true
    }

    /// Whether [`is_addressed`](Self::is_addressed) tells the tenant, so that a key shared by all customers of a provider
    /// is enough.
    fn tells_tenant(&self) -> bool {
        false
    }

    /// Merges the actions of one rule where the provider carries out several in one call. The order is kept.
    fn fold(&self, sends: Vec<OutgoingSend>) -> Vec<OutgoingSend> {
        sends
    }

    /// Carries out a send. Calls go through `call.http`, which keeps the account's rate budget.
    async fn deliver(&self, call: &Call<'_>) -> Outcome;

    /// Reads the conversation back to see whether a send of unknown outcome has landed. Only reads.
    async fn read_back(&self, call: &Call<'_>) -> ReadBack;

    /// For how long the provider recognises a repeat of this action by its key, a little less than it says; none where the
    /// action is sent without one.
    fn remembers_keys_for(&self, _action: &Action) -> Option<SignedDuration> {
        None
    }

    /// What the provider publishes as its rate limits.
    fn quotas(&self) -> &[Quota] {
        &[]
    }

    /// The headers in which its answers say how much of a rate limit is left.
    fn meters(&self) -> &'static [Meter] {
        &[]
    }

    /// Whether a reply goes to everybody in To and Cc, and not to the sender alone.
    fn answers_everybody(&self) -> bool {
        false
    }

    /// The addresses that the account calls, for the egress policy.
    fn base_urls(&self) -> Vec<url::Url>;

    /// How this account comes to deliver to us.
    fn registration(&self) -> Registration<'_> {
        Registration::ByHand(registration::ANYWHERE)
    }

    /// What this account can list.
    fn lists(&self) -> Lists {
        Lists::default()
    }

    /// A page of the conversations that a query asks for, in the provider's order. `cursor` is the [`next`](Page::next) of the
    /// page before. A page may be empty and have a next one. A query beyond [`lists`](Self::lists) is not asked.
    async fn conversations(
        &self,
        _read: &Reading<'_>,
        _query: &ConversationQuery,
        _cursor: Option<&str>,
    ) -> Result<Page<ListedConversation>, ReadError> {
        Err(ReadError::Refused("the provider has no list of conversations".to_owned()))
    }

    /// The messages and notes of a conversation that were written at or after `since`, oldest first, from all pages. Each has
    /// the key under which its webhook, where there is one, is known.
    async fn messages(
        &self,
        _read: &Reading<'_>,
        _conversation: &ListedConversation,
        _since: Option<Timestamp>,
    ) -> Result<Vec<Polled>, ReadError> {
        Err(ReadError::Refused("the provider has no list of messages".to_owned()))
    }

    /// A page of the teammates.
    async fn members(&self, _read: &Reading<'_>, _cursor: Option<&str>) -> Result<Page<ListedMember>, ReadError> {
        Err(ReadError::Refused("the provider has no list of members".to_owned()))
    }

    /// A page of the snippets or saved messages.
    async fn snippets(&self, _read: &Reading<'_>, _cursor: Option<&str>) -> Result<Page<ListedSnippet>, ReadError> {
        Err(ReadError::Refused("the provider has no list of snippets".to_owned()))
    }
}

/// What a delivery turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Normalised {
    /// An event.
    Event(Box<Draft>),
    /// Authentic, but not what the provider is known to send; with the reason, without content.
    Unreadable(String),
}

/// One attempt of one send, with everything an adapter may need.
pub struct Call<'a> {
    /// What is to be done.
    pub send: &'a OutgoingSend,
    /// What it answers.
    pub event: &'a Event,
    /// An earlier try under the same key may have been carried out; nobody knows.
    pub may_have_landed: bool,
    /// Ids of messages and requests at the provider that are known to be other sends of ours. Reading back passes over them: the same words may have
    /// been sent twice, and one message is not two.
    pub taken: &'a [String],
    /// The time.
    pub now: Timestamp,
    /// The connection, within the account's rate budget.
    pub http: &'a dyn Http,
    /// Where credentials that change are kept.
    pub vault: &'a dyn Vault,
}

impl<'a> Call<'a> {
    /// What reading needs, where a send has to look something up.
    pub fn reading(&self) -> Reading<'a> {
        Reading { http: self.http, vault: self.vault, now: self.now }
    }
}

/// Keeps credentials that a provider replaces while we run (OAuth refresh tokens).
#[async_trait]
pub trait Vault: Send + Sync {
    /// The last value kept under `name`.
    async fn load(&self, name: &str) -> Result<Option<Secret>, String>;

    /// Keeps a value; durable when it returns.
    async fn keep(&self, name: &str, value: &Secret) -> Result<(), String>;
}
