//! The configuration as people write it. What it means is decided in `load`.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::size::Size;
use crate::engine::Backfill;
use crate::model::duration;
use crate::provider::MapSettings;
use crate::provider::hook::HookSettings;
use crate::rules::schedule::ScheduleSettings;
use crate::rules::{GuardSettings, script};
use crate::secret::Secret;

/// `rejoinder.yaml`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ConfigDocument {
    /// Where webhooks come in; 127.0.0.1:8080 by default.
    pub listen: String,
    /// The operator's side.
    pub admin: AdminDocument,
    /// Where state is kept: `sled:FOLDER` or `memory:`; sled:./data by default.
    pub store: String,
    /// Rule files and folders; ./rules by default.
    pub rules: OneOrMany,
    /// The time zone of `event.hour` and `event.weekday` (IANA); UTC by default.
    pub time_zone: String,
    /// Opening hours by name, for `within` in rules.
    pub schedules: BTreeMap<String, ScheduleSettings>,
    /// How long events, decisions and sends are kept; 30d by default.
    #[schemars(with = "duration::Written")]
    pub retention: String,
    /// Credentials and settings to act at a provider, by name.
    #[schemars(schema_with = "accounts")]
    pub accounts: Map<String, Value>,
    /// Where events come in, by name: `POST /webhooks/{name}`.
    pub sources: BTreeMap<String, SourceDocument>,
    /// Addresses outside of every provider that the action `http` calls, by name.
    pub hooks: BTreeMap<String, HookSettings>,
    /// Teammates by alias, with their id at each provider.
    pub members: BTreeMap<String, BTreeMap<String, String>>,
    /// The folder of snippets: name.md, name.html, name.txt.
    pub snippets: Option<String>,
    /// The loop guard's numbers and lists.
    pub guard: GuardSettings,
    /// What outgoing calls may reach beside public https addresses and the configured base URLs.
    pub egress: EgressDocument,
    /// Limits on everything that comes from outside.
    pub limits: LimitsDocument,
    /// Proxies in front of rejoinder: addresses and ranges whose `X-Forwarded-For` or `Forwarded` is believed, and which may
    /// take all connections.
    pub trusted_proxies: Vec<String>,
    /// How log lines look: pretty (default) or json.
    pub log: LogForm,
}

impl Default for ConfigDocument {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            admin: AdminDocument::default(),
            store: "sled:./data".to_owned(),
            rules: OneOrMany::One("./rules".to_owned()),
            time_zone: "UTC".to_owned(),
            schedules: BTreeMap::new(),
            retention: "30d".to_owned(),
            accounts: Map::new(),
            sources: BTreeMap::new(),
            hooks: BTreeMap::new(),
            members: BTreeMap::new(),
            snippets: None,
            guard: GuardSettings::default(),
            egress: EgressDocument::default(),
            limits: LimitsDocument::default(),
            trusted_proxies: Vec::new(),
            log: LogForm::Pretty,
        }
    }
}

/// The operator's side.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AdminDocument {
    /// Where the admin API and /metrics are; 127.0.0.1:8081 by default.
    pub listen: String,
    /// The bearer token; required unless the address is loopback.
    pub token: Option<Secret>,
}

impl Default for AdminDocument {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8081".to_owned(), token: None }
    }
}

/// One source.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceDocument {
    /// The account that reads and answers.
    pub account: String,
    /// How the sender proves who it is. A source without it, and without `poll`, is refused; `{ scheme: none }` lets
    /// anybody in.
    #[serde(default)]
    #[schemars(schema_with = "verify")]
    pub verify: Option<Value>,
    /// The addresses and ranges that deliveries may come from; any by default.
    #[serde(default)]
    pub allow_from: Option<Vec<String>>,
    /// Fields read from elsewhere than the provider's adapter would: field path to JSON pointer.
    #[serde(default)]
    pub map: Option<MapSettings>,
    /// Messages are also looked for at the provider, again and again; not by default.
    #[serde(default)]
    pub poll: Option<PollDocument>,
    /// What came while nobody listened is looked for at a start: auto (default), where the provider lists conversations, or
    /// off.
    #[serde(default)]
    pub backfill: Backfill,
    /// How far back such a start looks at the most; 24h by default.
    #[serde(default = "a_day")]
    #[schemars(with = "duration::Written")]
    pub backfill_max_age: String,
}

fn a_day() -> String {
    "24h".to_owned()
}

/// Looking for messages at the provider, again and again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PollDocument {
    /// The time between two rounds; 60s by default.
    #[schemars(with = "duration::Written")]
    pub every: String,
    /// Only conversations in this status, as the provider names it; all by default.
    pub status: Option<String>,
    /// Only conversations with unread messages, or only those without; all by default.
    pub unread: Option<bool>,
    /// Only conversations that the provider finds by these words; all by default.
    pub search: Option<String>,
    /// How far back the very first round looks; 0s by default: what is there already is left alone.
    #[schemars(with = "duration::Written")]
    pub since: String,
    /// How many conversations are asked for at once; as the provider does by default.
    pub page_size: Option<u32>,
}

impl Default for PollDocument {
    fn default() -> Self {
        let (every, since) = ("60s".to_owned(), "0s".to_owned());
        Self { every, status: None, unread: None, search: None, since, page_size: None }
    }
}

/// What outgoing calls may reach.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct EgressDocument {
    /// Origins (scheme, host, port) that may be called as written, even when private or without TLS.
    pub allow: Vec<String>,
}

/// Limits on everything that comes from outside.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsDocument {
    /// The largest body of a delivery; 1MiB by default.
    pub max_body: Size,
    /// The largest head of a request; 64KiB by default.
    pub max_headers: Size,
    /// Connections at once on one listener; 1024 by default. One address has at most half of them, unless it is loopback
    /// or one of `trusted_proxies`. The next ones are answered 429 and closed.
    pub connections: usize,
    /// Deliveries under way at once; 512 by default.
    pub concurrency: usize,
    /// Bytes of bodies that are held at once; 64MiB by default.
    pub body_memory: Size,
    /// Undecided events and open sends, together; 100000 by default. Beyond that nothing new is taken.
    pub backlog: usize,
    /// What must be free on the disk of the store; 256MiB by default. With less nothing new is taken.
    pub min_free_disk: Size,
    /// Sends under way at once for each account; 4 by default.
    pub account_concurrency: usize,
    /// How long the head of a request may take; 10s by default.
    #[schemars(with = "duration::Written")]
    pub header_timeout: String,
    /// How long a body may take to arrive, 30s by default; keeping the event may take half of it.
    #[schemars(with = "duration::Written")]
    pub request_timeout: String,
    /// How long a call to a provider may take; 20s by default.
    #[schemars(with = "duration::Written")]
    pub provider_timeout: String,
    /// How long later sends of a conversation wait for one that could not be delivered and is tried again; 15m by
    /// default, 0s for not at all.
    #[schemars(with = "duration::Written")]
    pub lane_patience: String,
    /// How long an event waits, from the time at which its provider says it happened, for those of its conversation that
    /// happened before it; 2s by default, 0s for not at all.
    #[schemars(with = "duration::Written")]
    pub reorder_window: String,
    /// The bounds of scripts.
    pub script: script::Limits,
}

impl Default for LimitsDocument {
    fn default() -> Self {
        Self {
            max_body: Size("1MiB".to_owned()),
            max_headers: Size("64KiB".to_owned()),
            connections: 1024,
            concurrency: 512,
            body_memory: Size("64MiB".to_owned()),
            backlog: 100_000,
            min_free_disk: Size("256MiB".to_owned()),
            account_concurrency: 4,
            header_timeout: "10s".to_owned(),
            request_timeout: "30s".to_owned(),
            provider_timeout: "20s".to_owned(),
            lane_patience: "15m".to_owned(),
            reorder_window: "2s".to_owned(),
            script: script::Limits::default(),
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogForm {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// One text, or a list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// A list.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The texts.
    pub fn to_vec(&self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one.clone()],
            Self::Many(many) => many.clone(),
        }
    }
}

fn accounts(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/Account" } })
}

fn verify(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "$ref": "#/$defs/Verify" })
}
