//! The keys of a Spruce account, and what becomes of them. It calls nobody.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::api::Api;
use crate::provider::endpoint::Endpoint;
use crate::provider::settings;
use crate::secret::Secret;
use crate::signature::SettingFault;

/// Where Spruce's API is.
const BASE_URL: &str = "https://api.sprucehealth.com/v1";

/// An account under `accounts:` with `provider: spruce`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The API token of the organization.
    token: Secret,
    /// The member (teammate, team or organization) that messages are sent as where a rule says nothing; the organization
    /// by default.
    #[schemars(length(min = 1))]
    author: Option<String>,
    /// Whether an archived conversation stays archived when we write into it.
    #[serde(default)]
    stay_archived: bool,
    /// Where the API is; Spruce's own by default.
    #[schemars(length(min = 1))]
    base_url: Option<String>,
}

/// An organization ready to be used.
pub(super) struct Config {
    pub(super) api: Api,
    pub(super) author: Option<String>,
    pub(super) stay_archived: bool,
}

impl Config {
    /// Reads the settings, or says everything that is wrong with them.
    pub(super) fn open(settings: &Value) -> Result<Self, Vec<SettingFault>> {
        let settings: Settings = settings::read(settings)?;
        let token = settings::header_secret("token", settings.token);
        let endpoint = Endpoint::parse(settings.base_url.as_deref(), BASE_URL);
        match (token, endpoint) {
            (Ok(token), Ok(endpoint)) => Ok(Self {
                api: Api::new(endpoint, token),
                author: settings.author,
                stay_archived: settings.stay_archived,
            }),
            (token, endpoint) => Err([token.err(), endpoint.err()].into_iter().flatten().collect()),
        }
    }
}
