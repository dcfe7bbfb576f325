//! The account provider `sandbox`: rules are tried against a local provider instead of a real one, through the very
//! adapter of the real one. It knows the adapters by name alone, and holds no secret: its key is the same for everybody.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::desk::Speaks;
use crate::model::{AccountName, Capability};
use crate::provider::settings::{read, schema_of};
use crate::provider::{Adapter, Provider, provider};
use crate::signature::SettingFault;

/// The API key or token that the sandbox takes, whatever API is spoken.
pub const KEY: &str = "sandbox-key";

/// Where the sandbox listens by default.
pub const BASE_URL: &str = "http://127.0.0.1:8082";

/// The agent that replies at Fernand's API are sent as.
pub const AGENT_EMAIL: &str = "dr.lee@sandbox.example";

/// The one location at HighLevel's API, and the app that its webhooks name.
pub const LOCATION_ID: &str = "sandboxLocation";
pub(super) const APP_ID: &str = "sandboxApp";

/// The OAuth app at HighLevel's API, for who wants to try that instead of the key.
pub(super) const CLIENT_ID: &str = "sandboxApp-client";
pub(super) const CLIENT_SECRET: &str = "sandbox-client-secret";
pub(super) const REFRESH_TOKEN: &str = "sandbox-refresh-token";

/// The provider that stands for another one.
pub struct SandboxProvider;

/// What is written under `accounts.*` for `sandbox`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Whose API is spoken; `sequenzy` by default. Sources and rules of the account are written as for that provider.
    #[serde(default)]
    speaks: Speaks,
    /// Where the sandbox listens; `http://127.0.0.1:8082` by default.
    #[serde(default)]
    base_url: Option<String>,
}

/// The settings of an account at the real provider under which its adapter talks to the sandbox at `base_url`.
pub fn settings(speaks: Speaks, base_url: &str) -> Value {
    let root = base_url.trim_end_matches('/');
    match speaks {
        Speaks::Sequenzy => json!({ "api_key": KEY, "base_url": format!("{root}/sequenzy/api/v1") }),
        Speaks::Fernand => json!({ "api_key": KEY, "agent_email": AGENT_EMAIL, "base_url": format!("{root}/fernand") }),
        Speaks::HighLevel => json!({
            "token": KEY, "location_id": LOCATION_ID, "internal_comment": true, "base_url": format!("{root}/highlevel"),
        }),
        Speaks::Spruce => json!({ "token": KEY, "base_url": format!("{root}/spruce/v1") }),
    }
}

impl Provider for SandboxProvider {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn title(&self) -> &'static str {
        "Sandbox"
    }

    /// The table of what is spoken by default.
    fn capabilities(&self) -> &'static [Capability] {
        provider(Speaks::default().as_str()).map_or(&[], |real| real.capabilities())
    }

    fn capabilities_of(&self, settings: &Value) -> Vec<Capability> {
        let speaks = read(settings).map(|settings: Settings| settings.speaks).unwrap_or_default();
        provider(speaks.as_str()).map_or_else(Vec::new, |real| real.capabilities().to_vec())
    }

    fn schema(&self) -> Value {
        schema_of::<Settings>()
    }

    fn open(&self, account: &AccountName, settings: &Value) -> Result<Arc<dyn Adapter>, Vec<SettingFault>> {
        open_through(provider, account, settings)
    }
}

/// Opens the adapter of the real provider, which `find` knows by name.
fn open_through(
    find: impl Fn(&str) -> Option<&'static dyn Provider>,
    account: &AccountName,
    settings: &Value,
) -> Result<Arc<dyn Adapter>, Vec<SettingFault>> {
    let wrong = |key: &str, message: &str| vec![SettingFault::new(key, message)];
    let written: Settings = read(settings)?;
    let base_url = written.base_url.as_deref().unwrap_or(BASE_URL);
    let is_plain = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none();
    if !base_url.parse().is_ok_and(|url| is_plain(&url)) {
        return Err(wrong("base_url", "is not an http or https address; write it like http://127.0.0.1:8082"));
    }
    let real = find(written.speaks.as_str()).ok_or_else(|| wrong("speaks", "this program has no such provider"))?;
    real.open(account, &self::settings(written.speaks, base_url))
        .map_err(|_| wrong("", "the adapter does not take the settings of the sandbox"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Support;

    /// A real provider that takes Spruce's settings as the sandbox writes them, and nothing else.
    struct Real;

    impl Provider for Real {
        fn name(&self) -> &'static str {
            "spruce"
        }

        fn title(&self) -> &'static str {
            "Real"
        }

        fn capabilities(&self) -> &'static [Capability] {
            &[Capability { name: "reply", support: Support::Native }]
        }

        fn schema(&self) -> Value {
            json!({})
        }

        fn open(&self, account: &AccountName, settings: &Value) -> Result<Arc<dyn Adapter>, Vec<SettingFault>> {
            assert_eq!(*settings, json!({ "token": KEY, "base_url": "http://127.0.0.1:9/spruce/v1" }));
            provider("http").unwrap().open(account, &json!({ "base_url": settings["base_url"] }))
        }
    }

    #[test]
    fn an_account_is_opened_by_the_adapter_of_whom_it_speaks_like() {
        let find = |name: &str| (name == "spruce").then_some(&Real as &'static dyn Provider);
        let open = |settings: Value| open_through(find, &AccountName::from("try"), &settings);
        let adapter = open(json!({ "speaks": "spruce", "base_url": "http://127.0.0.1:9/" })).ok().unwrap();
        assert_eq!(adapter.base_urls()[0].as_str(), "http://127.0.0.1:9/spruce/v1");
        let fault = |settings| open(settings).err().unwrap()[0].key.clone();
        assert_eq!(fault(json!({ "speaks": "spruce", "base_url": "127.0.0.1" })), "base_url");
        assert_eq!(fault(json!({ "speaks": "fernand" })), "speaks");
        assert_eq!(fault(json!({ "speaks": "zendesk" })), "");
    }
}
