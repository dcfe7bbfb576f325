//! The settings of a Sequenzy account. Holds the key, and shows it to nobody.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::provider::endpoint::Endpoint;
use crate::provider::settings;
use crate::secret::Secret;
use crate::signature::SettingFault;

const BASE_URL: &str = "https://api.sequenzy.com/api/v1";

/// What is written under `accounts.*` for Sequenzy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The API key; sent as a bearer token.
    api_key: Secret,
    /// The sender profile that replies are sent from; by default the address of the key's owner, which must be on a
    /// verified domain.
    #[serde(default)]
    sender_profile_id: Option<String>,
    /// Where the API is; default `https://api.sequenzy.com/api/v1`.
    #[serde(default)]
    base_url: Option<String>,
}

/// An account, ready for calls.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) key: Secret,
    pub(super) sender: Option<String>,
    pub(super) endpoint: Endpoint,
}

impl Account {
    pub(super) fn open(settings: &Value) -> Result<Self, Vec<SettingFault>> {
        let settings: Settings = settings::read(settings)?;
        let key = settings::header_secret("api_key", settings.api_key);
        let endpoint = Endpoint::parse(settings.base_url.as_deref(), BASE_URL);
        match (key, endpoint) {
            (Ok(key), Ok(endpoint)) => Ok(Self { key, sender: settings.sender_profile_id, endpoint }),
            (key, endpoint) => Err([key.err(), endpoint.err()].into_iter().flatten().collect()),
        }
    }
}
