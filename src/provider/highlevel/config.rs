//! The keys of a HighLevel account, and what becomes of them. It calls nobody.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::api::Api;
use super::oauth::{Credential, OAuth};
use crate::model::AccountName;
use crate::provider::endpoint::Endpoint;
use crate::provider::settings;
use crate::secret::Secret;
use crate::signature::SettingFault;

/// Where HighLevel's API is.
const BASE_URL: &str = "https://services.leadconnectorhq.com";

/// An account under `accounts:` with `provider: highlevel`. Exactly one of `token` and `oauth` is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// A Private Integration Token of the sub-account.
    token: Option<Secret>,
    /// Credentials of a marketplace app, whose access tokens last a day and are renewed here.
    oauth: Option<OAuthSettings>,
    /// The sub-account. Deliveries for another one are rejected, because HighLevel signs for all with one key.
    #[schemars(length(min = 1))]
    location_id: String,
    /// The marketplace app (its client id up to the first `-`). Where given, deliveries for another app are rejected.
    #[schemars(length(min = 1))]
    app_id: Option<String>,
    /// The `Version` header of the conversation calls.
    #[serde(default = "conversations_version")]
    #[schemars(length(min = 1))]
    api_version: String,
    /// Whether notes are written into the conversation as `InternalComment`. HighLevel does not document that type, and
    /// may refuse it to OAuth tokens; without it, or when refused, a note is written on the contact.
    #[serde(default)]
    internal_comment: bool,
    /// The number that SMS and WhatsApp are sent from; the location's own by default.
    #[schemars(length(min = 1))]
    from_number: Option<String>,
    /// The conversation provider that messages of type `Custom` go through, where the event does not name one.
    #[schemars(length(min = 1))]
    conversation_provider_id: Option<String>,
    /// Where the API is; HighLevel's own by default.
    #[schemars(length(min = 1))]
    base_url: Option<String>,
}

/// What an OAuth app was given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OAuthSettings {
    /// The app's client id.
    #[schemars(length(min = 1))]
    pub(super) client_id: String,
    /// The app's client secret.
    pub(super) client_secret: Secret,
    /// The refresh token of the installation. HighLevel replaces it at each use; what it is replaced by is kept in the
    /// store and wins over this one, until another one is written here.
    pub(super) refresh_token: Secret,
}

fn conversations_version() -> String {
    "2021-04-15".to_owned()
}

/// A location ready to be used.
pub(super) struct Config {
    pub(super) api: Api,
    pub(super) location_id: String,
    pub(super) app_id: Option<String>,
    pub(super) internal_comment: bool,
    pub(super) from_number: Option<String>,
    pub(super) conversation_provider_id: Option<String>,
}

impl Config {
    /// Reads the settings, or says everything that is wrong with them.
    pub(super) fn open(account: &AccountName, settings: &Value) -> Result<Self, Vec<SettingFault>> {
        let settings: Settings = settings::read(settings)?;
        let endpoint = Endpoint::parse(settings.base_url.as_deref(), BASE_URL);
        let credential = match (settings.token, settings.oauth) {
            (Some(token), None) => settings::header_secret("token", token).map(Credential::Token),
            (None, Some(oauth)) => Ok(Credential::OAuth(OAuth::new(account, oauth))),
            (None, None) => Err(SettingFault::new("", "write `token` or `oauth`")),
            (Some(_), Some(_)) => Err(SettingFault::new("oauth", "write either `token` or `oauth`, not both")),
        };
        match (endpoint, credential) {
            (Ok(endpoint), Ok(credential)) => Ok(Self {
                api: Api::new(endpoint, settings.api_version, credential),
                location_id: settings.location_id,
                app_id: settings.app_id,
                internal_comment: settings.internal_comment,
                from_number: settings.from_number,
                conversation_provider_id: settings.conversation_provider_id,
            }),
            (endpoint, credential) => Err([endpoint.err(), credential.err()].into_iter().flatten().collect()),
        }
    }
}
