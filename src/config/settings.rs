//! What a configuration that is right comes to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use url::Url;

use super::document::LogForm;
use crate::engine::{Patience, Polling};
use crate::model::{AccountName, Capability, SourceName};
use crate::outbox::OnUnknown;
use crate::provider::hook::Hook;
use crate::provider::{Adapter, Mapping, Quota};
use crate::rules::schedule::Schedules;
use crate::rules::{GuardSettings, SnippetFile, script};
use crate::secret::Secret;
use crate::server::{Admission, Limits};
use crate::signature::{Verifier, VerifySettings};

/// A configuration that is right.
pub struct Settings {
    /// Where webhooks come in.
    pub listen: SocketAddr,
    /// Where the operator asks.
    pub admin_listen: SocketAddr,
    /// The operator's token.
    pub admin_token: Option<Secret>,
    /// Where state is kept.
    pub store: StoreSettings,
    /// Rule files and folders.
    pub rules: Vec<PathBuf>,
    /// The time zone of rules.
    pub time_zone: TimeZone,
    /// Opening hours by name.
    pub schedules: Schedules,
    /// How long things are kept.
    pub retention: SignedDuration,
    /// The accounts.
    pub accounts: Vec<AccountSettings>,
    /// The sources.
    pub sources: Vec<SourceSettings>,
    /// The hooks, by name.
    pub hooks: BTreeMap<String, Arc<Hook>>,
    /// Members by alias, with their ids by provider.
    pub members: BTreeMap<String, BTreeMap<String, String>>,
    /// Snippets by name.
    pub snippets: BTreeMap<String, SnippetFile>,
    /// The folder of snippets, watched for changes.
    pub snippets_folder: Option<PathBuf>,
    /// The loop guard.
    pub guard: GuardSettings,
    /// Origins that may be called as written.
    pub egress: Vec<Url>,
    /// The limits of the server.
    pub limits: Limits,
    /// How long things may wait for what should come before them.
    pub patience: Patience,
    /// The bounds of scripts.
    pub scripts: script::Limits,
    /// How long a call to a provider may take.
    pub provider_timeout: Duration,
    /// How many calls of a hook may be under way at once.
    pub account_concurrency: usize,
    /// Who may send to which source.
    pub admission: Admission,
    /// How log lines look.
    pub log: LogForm,
}

/// Where state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreSettings {
    /// Nowhere: gone with the process.
    Memory,
    /// In a folder.
    Sled(PathBuf),
}

impl StoreSettings {
    /// The folder, where there is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Sled(folder) => Some(folder),
            Self::Memory => None,
        }
    }

    /// As `store` would be written with a path that is whole. By this one installation is told from another.
    pub fn place(&self) -> String {
        let Some(folder) = self.folder() else { return "memory:".to_owned() };
        let whole = folder.canonicalize().or_else(|_| std::path::absolute(folder));
        format!("sled:{}", whole.as_deref().unwrap_or(folder).display())
    }
}

/// One account, open.
pub struct AccountSettings {
    /// Its name.
    pub name: AccountName,
    /// Its provider.
    pub provider: String,
    /// Its adapter.
    pub adapter: Arc<dyn Adapter>,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// Our own addresses there, in lower case.
    pub own_addresses: Vec<String>,
    /// What is done about sends of unknown outcome.
    pub on_unknown: OnUnknown,
    /// How many of its sends may be under way at once.
    pub concurrency: usize,
    /// The rate limits in place of those that the provider publishes.
    pub quotas: Option<Vec<Quota>>,
}

/// One source, ready.
pub struct SourceSettings {
    /// Its name.
    pub name: SourceName,
    /// Its account.
    pub account: AccountName,
    /// The name of its scheme; `poll` where nothing is delivered.
    pub scheme: String,
    /// Its verifier.
    pub verifier: Box<dyn Verifier>,
    /// What the verifier was built from, for the doctor.
    pub verify: Option<VerifySettings>,
    /// Its mapping.
    pub mapping: Option<Mapping>,
    /// How it is read at the provider.
    pub polling: Polling,
}
