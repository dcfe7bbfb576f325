//! The settings of a described desk, and everything that can be wrong with them. Holds credentials, and shows them to
//! nobody; calls nobody.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::plan::{Plan, ReadBackPlan};
use crate::provider::settings;
use crate::secret::Secret;
use crate::signature::SettingFault;

/// What is written under `accounts.*` for `http`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Where the API is, such as `https://desk.example/api`; the paths of the actions are put behind it.
    base_url: String,
    /// Headers of every call, such as `Authorization`. Treated as secrets.
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    /// What is called for each action. A rule that asks for another one is refused.
    #[serde(default)]
    actions: ActionsSettings,
    /// How to see whether a reply or note of unknown outcome has landed. Without it such a send is left for a person.
    #[serde(default)]
    read_back: Option<ReadBackSettings>,
}

/// One call for each action.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ActionsSettings {
    /// Besides the common variables: `text`, `html`, `subject`, `sender`, `attachments`.
    reply: Option<ActionSettings>,
    /// Besides the common variables: `text`, `html`, `page` (ids of the members), `mentions` (their aliases).
    note: Option<ActionSettings>,
    /// Besides the common variables: `snippet.id`, `snippet.data`.
    snippet: Option<ActionSettings>,
    /// Besides the common variables: `tags.add`, `tags.remove`.
    tag: Option<ActionSettings>,
    /// Besides the common variables: `member` (the id of the member).
    assign: Option<ActionSettings>,
    /// The common variables: `conversation`, `contact`, `message`, `event`, `idempotency_key`.
    close: Option<ActionSettings>,
}

/// One call. Every text is a MiniJinja template in which an undefined variable without a default refuses the send.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionSettings {
    /// `POST` by default.
    #[serde(default)]
    pub(super) method: Method,
    /// A template that begins with `/`. Values are percent-encoded.
    pub(super) path: String,
    /// The query: name to template.
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    /// The JSON body. A text that is one expression and nothing else, such as `"{{ page }}"`, keeps the type of its value.
    #[serde(default)]
    pub(super) body: Option<Value>,
    /// Further headers: name to template.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// JSON pointer of the id in the answer.
    #[serde(default)]
    pub(super) id: Option<String>,
    /// What means success; every 2xx by default.
    #[serde(default)]
    pub(super) success: Option<SuccessSettings>,
    /// The header that carries the idempotency key, where the API knows one: then an unclear call is made again.
    #[serde(default)]
    pub(super) idempotency_header: Option<String>,
}

/// A method that changes something.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Method {
    #[default]
    Post,
    Put,
    Patch,
    Delete,
}

/// What means success.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum SuccessSettings {
    /// These status codes.
    Statuses(Vec<u16>),
    /// A 2xx whose JSON has these values: JSON pointer to value.
    Values(BTreeMap<String, Value>),
}

/// The call that lists what a conversation holds. The list must show the newest messages.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadBackSettings {
    /// A template that begins with `/`, read with `GET`. Values are percent-encoded.
    pub(super) path: String,
    /// JSON pointer of the list in the answer.
    pub(super) items: String,
    /// JSON pointer of the text in an item; HTML is understood.
    pub(super) text: String,
    /// JSON pointer of the time in an item.
    pub(super) at: String,
    /// JSON pointer of the id in an item.
    #[serde(default)]
    pub(super) id: Option<String>,
}

pub(super) fn schema() -> Value {
    settings::schema_of::<Settings>()
}

/// An account, ready for calls.
pub(super) struct Account {
    pub(super) base: Url,
    pub(super) headers: Vec<(HeaderName, Secret)>,
    plans: BTreeMap<&'static str, Plan>,
    pub(super) read_back: Option<ReadBackPlan>,
}

impl Account {
    /// Compiles everything, or says everything that is wrong.
    pub(super) fn open(settings: &Value) -> Result<Self, Vec<SettingFault>> {
        let settings: Settings = settings::read(settings)?;
        let mut faults = Vec::new();
        let base = base(&settings.base_url).map_err(|fault| faults.push(fault)).ok();
        let mut headers = Vec::new();
        for (name, value) in settings.headers {
            match header(&name, &value) {
                Ok(name) => headers.push((name, value)),
                Err(message) => faults.push(SettingFault::new(format!("headers/{}", escape(&name)), message)),
            }
        }
        let actions = settings.actions;
        let described = [
            ("reply", actions.reply),
            ("note", actions.note),
            ("snippet", actions.snippet),
            ("tag", actions.tag),
            ("assign", actions.assign),
            ("close", actions.close),
        ];
        let mut plans = BTreeMap::new();
        for (name, action) in described.into_iter().filter_map(|(name, action)| Some((name, action?))) {
            plans.insert(name, Plan::compile(name, action, &mut faults));
        }
        let read_back = settings.read_back.map(|written| ReadBackPlan::compile(written, &mut faults));
        match base {
            Some(base) if faults.is_empty() => Ok(Self { base, headers, plans, read_back }),
            _ => Err(faults),
        }
    }

    /// The call for an action, where it is described.
    pub(super) fn plan(&self, action: &str) -> Option<&Plan> {
        self.plans.get(action)
    }
}

fn base(text: &str) -> Result<Url, SettingFault> {
    let fault =
        || SettingFault::new("base_url", "is not an http or https address; write it like https://desk.example/api");
    let url: Url = text.parse().map_err(|_| fault())?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    match matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain && url.fragment().is_none() {
        true => Ok(url),
        false => Err(fault()),
    }
}

fn header(name: &str, value: &Secret) -> Result<HeaderName, String> {
    let name = header_name(name)?;
    match value.is_empty() || HeaderValue::from_str(value.expose()).is_err() {
        true => Err("is empty or holds characters that cannot stand in an HTTP header".to_owned()),
        false => Ok(name),
    }
}

/// A header name, unless the connection sets that header itself.
pub(super) fn header_name(name: &str) -> Result<HeaderName, String> {
    let parsed: HeaderName = name.parse().map_err(|_| format!("`{name}` is not the name of an HTTP header"))?;
    match matches!(parsed.as_str(), "host" | "content-length" | "transfer-encoding" | "connection") {
        true => Err(format!("`{name}` is set by the connection itself")),
        false => Ok(parsed),
    }
}

/// A key as part of a JSON pointer.
pub(super) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
