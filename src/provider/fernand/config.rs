//! The settings of a Fernand account. Holds the key, and shows it to nobody.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::model::duration;
use crate::provider::endpoint::Endpoint;
use crate::provider::settings;
use crate::secret::Secret;
use crate::signature::SettingFault;

const BASE_URL: &str = "https://api.getfernand.com";

/// The longest delay that Fernand takes (*Reply to conversation*).
const LONGEST_DELAY: SignedDuration = SignedDuration::from_hours(24);

/// What is written under `accounts.*` for Fernand.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The API key; sent as `X-API-Key`.
    api_key: Secret,
    /// The address of the agent that replies are sent as. This or `agent_id`.
    #[serde(default)]
    agent_email: Option<String>,
    /// The number of the agent that replies are sent as. This or `agent_email`.
    #[serde(default)]
    agent_id: Option<Number>,
    /// How long Fernand holds a reply back, so that an agent can still stop it; `0s` to `24h`, default `7s`.
    #[serde(default)]
    #[schemars(with = "Option<duration::Written>")]
    delay: Option<String>,
    /// Where the API is; default `https://api.getfernand.com`.
    #[serde(default)]
    base_url: Option<String>,
}

/// A number, or its digits: a value from the environment is a text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Number {
    Digits(String),
    Number(u64),
}

/// Who a reply is sent as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Agent {
    Id(u64),
    Email(String),
}

impl Agent {
    /// A number, else an address.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.parse() {
            Ok(id) => Some(Self::Id(id)),
            Err(_) => text.contains('@').then(|| Self::Email(text.to_owned())),
        }
    }

    /// The field of a call that names it.
    pub(super) fn enter(&self, body: &mut Map<String, Value>) {
        match self {
            Self::Id(id) => body.insert("agent_id".to_owned(), json!(id)),
            Self::Email(email) => body.insert("agent_email".to_owned(), json!(email)),
        };
    }
}

/// An account, ready for calls.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) key: Secret,
    pub(super) agent: Agent,
    pub(super) delay: SignedDuration,
    pub(super) endpoint: Endpoint,
}

impl Account {
    pub(super) fn open(settings: &Value) -> Result<Self, Vec<SettingFault>> {
        let settings: Settings = settings::read(settings)?;
        let agent = agent(&settings);
        let delay = delay(settings.delay.as_deref());
        let key = settings::header_secret("api_key", settings.api_key);
        let endpoint = Endpoint::parse(settings.base_url.as_deref(), BASE_URL);
        match (key, agent, delay, endpoint) {
            (Ok(key), Ok(agent), Ok(delay), Ok(endpoint)) => Ok(Self { key, agent, delay, endpoint }),
            (key, agent, delay, endpoint) => {
                Err([key.err(), agent.err(), delay.err(), endpoint.err()].into_iter().flatten().collect())
            }
        }
    }
}

fn agent(settings: &Settings) -> Result<Agent, SettingFault> {
    let id = settings.agent_id.as_ref().map(|number| match number {
        Number::Number(id) => id.to_string(),
        Number::Digits(digits) => digits.clone(),
    });
    match (id, &settings.agent_email) {
        (Some(id), None) => id.trim().parse().map(Agent::Id).map_err(|_| {
            SettingFault::new("agent_id", "is not a whole number; write the number of the agent, or `agent_email`")
        }),
        (None, Some(email)) if email.contains('@') => Ok(Agent::Email(email.clone())),
        (None, Some(_)) => Err(SettingFault::new("agent_email", "is not an e-mail address")),
        (Some(_), Some(_)) => {
            Err(SettingFault::new("agent_id", "is given beside `agent_email`; one of the two is meant"))
        }
        (None, None) => {
            Err(SettingFault::new("", "missing key `agent_email` or `agent_id`: a reply is sent as an agent"))
        }
    }
}

fn delay(text: Option<&str>) -> Result<SignedDuration, SettingFault> {
    let delay = duration::parse(text.unwrap_or("7s")).map_err(|wrong| SettingFault::new("delay", wrong))?;
    match delay <= LONGEST_DELAY {
        true => Ok(delay),
        false => Err(SettingFault::new(
            "delay",
            "is longer than Fernand takes; write at most 24h, or use the delay of a rule",
        )),
    }
}
