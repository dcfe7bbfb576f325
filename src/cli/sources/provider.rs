//! The provider of a source, called by this command itself: registering needs nothing but the account's key, its secret
//! shall pass through no server, and there may be no server yet, since one does not start without that secret.

use std::sync::Arc;

use anyhow::{anyhow, bail};
use async_trait::async_trait;

use super::super::ConfigArguments;
use crate::clock::Clock;
use crate::http::Client;
use crate::model::SourceName;
use crate::provider::{
    Adapter, Endpoints, ReadError, Reading, RegisteredEndpoint, Registration, Vault, provider as provider_of,
};
use crate::secret::Secret;
use crate::yaml::suggest;
use crate::{app, config};

/// A source and who delivers to it.
pub(super) struct AtProvider {
    pub(super) source: SourceName,
    /// Who delivers, as people know it.
    pub(super) title: String,
    pub(super) account: String,
    adapter: Arc<dyn Adapter>,
    http: Client,
}

impl AtProvider {
    /// Reads the configuration. The secret that the source verifies with may still be missing from it.
    pub(super) fn of(arguments: &ConfigArguments, source: &str) -> anyhow::Result<Self> {
        let settings = config::load_before_secrets(&arguments.config)?;
        let http = app::client(&settings)?;
        let names = settings.sources.iter().map(|source| source.name.as_str());
        let unknown = || anyhow!("there is no source `{source}`{}", suggest(source, names));
        let source = settings.sources.iter().find(|one| one.name.as_str() == source).ok_or_else(unknown)?;
        let account = settings.accounts.iter().find(|account| account.name == source.account);
        let account = account.ok_or_else(|| anyhow!("there is no account `{}`", source.account))?;
        let title = provider_of(&account.provider).map_or(account.provider.as_str(), |provider| provider.title());
        Ok(Self {
            source: source.name.clone(),
            title: title.to_owned(),
            account: account.name.to_string(),
            adapter: Arc::clone(&account.adapter),
            http,
        })
    }

    /// How it comes to deliver.
    pub(super) fn registration(&self) -> Registration<'_> {
        self.adapter.registration()
    }

    /// Its API for endpoints, or that there is none.
    pub(super) fn endpoints(&self) -> anyhow::Result<&dyn Endpoints> {
        match self.registration() {
            Registration::Api(endpoints) => Ok(endpoints),
            Registration::ByHand(_) => bail!(
                "{} has no call for its endpoints; `rejoinder sources register {} --url https://…` says what a person does",
                self.title,
                self.source
            ),
        }
    }

    /// What calls need.
    pub(super) fn reading(&self) -> Reading<'_> {
        Reading { http: &self.http, vault: &NoVault, now: Clock::system().now() }
    }

    /// The endpoint of the source that is meant: the one of this id, else the only one that delivers to it.
    pub(super) async fn endpoint(&self, id: Option<&str>) -> anyhow::Result<RegisteredEndpoint> {
        let all = self.endpoints()?.list(&self.reading()).await.map_err(|error| self.trouble(&error))?;
        if let Some(id) = id {
            let ids = all.iter().map(|endpoint| endpoint.id.as_str());
            let unknown = anyhow!("{} has no endpoint `{id}`{}", self.title, suggest(id, ids));
            return all.iter().find(|endpoint| endpoint.id == id).cloned().ok_or(unknown);
        }
        let mut own = all.into_iter().filter(|endpoint| endpoint.is_for(&self.source));
        match (own.next(), own.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => bail!(
                "no endpoint at {} ends in `/webhooks/{}`; `rejoinder sources register` makes one, and --endpoint names another",
                self.title,
                self.source
            ),
            (Some(first), Some(second)) => {
                let ids: Vec<String> = [first, second].into_iter().chain(own).map(|endpoint| endpoint.id).collect();
                bail!("several endpoints deliver to `{}`; name one with --endpoint: {}", self.source, ids.join(", "))
            }
        }
    }

    /// An error of the provider, with what helps.
    pub(super) fn trouble(&self, error: &ReadError) -> anyhow::Error {
        let reason = error.to_string();
        let is_key = reason.starts_with("401") || reason.starts_with("403");
        let hint = if is_key { "; does it know the key or token that is configured?" } else { "" };
        anyhow!("the provider of account `{}` did not do it: {reason}{hint}", self.account)
    }
}

/// Accounts with an API for endpoints have a key that never changes.
struct NoVault;

#[async_trait]
impl Vault for NoVault {
    async fn load(&self, _: &str) -> Result<Option<Secret>, String> {
        Ok(None)
    }

    async fn keep(&self, _: &str, _: &Secret) -> Result<(), String> {
        Err("this command keeps no credentials".to_owned())
    }
}
