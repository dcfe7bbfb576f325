//! Accounts, the sources that belong to them, and hooks: everything that speaks to somebody else, opened as it will be used.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;

use super::super::common::{self, QuotaDocument};
use super::super::document::{ConfigDocument, SourceDocument};
use super::super::settings::{AccountSettings, SourceSettings};
use super::polling;
use super::{Loading, escape};
use crate::model::{AccountName, HOOK_ACCOUNT, SourceName, event::bare_address};
use crate::provider::hook::{Hook, HookSettings};
use crate::provider::{self, Mapping, Quota};
use crate::signature::{self, SettingFault, Verifier, VerifySettings};

/// The longest time that a rate limit is counted over.
const LONGEST_QUOTA: SignedDuration = SignedDuration::from_hours(31 * 24);

fn concurrency(account: &Value, written: &ConfigDocument) -> usize {
    let own = account["concurrency"].as_u64().and_then(|own| usize::try_from(own).ok());
    own.unwrap_or(written.limits.account_concurrency).max(1)
}

impl Loading<'_> {
    pub(super) fn accounts(&mut self, written: &ConfigDocument) -> Vec<AccountSettings> {
        let mut accounts = Vec::new();
        for (name, value) in &written.accounts {
            let pointer = format!("/accounts/{}", escape(name));
            let kind = value["provider"].as_str().unwrap_or_default();
            let Some(provider) = provider::provider(kind) else { continue };
            let mut own = value.clone();
            if let Some(map) = own.as_object_mut() {
                map.remove("provider");
                common::KEYS.iter().for_each(|key| drop(map.remove(*key)));
            }
            if name.starts_with(HOOK_ACCOUNT) {
                self.fault(&pointer, format!("`{HOOK_ACCOUNT}` begins the names of hooks; call the account otherwise"));
                continue;
            }
            let account = AccountName::from(name.as_str());
            let quotas = self.quotas(&format!("{pointer}/quota"), &value["quota"]);
            match provider.open(&account, &own) {
                Ok(adapter) => {
                    let addresses = value["own_addresses"].as_array().into_iter().flatten().filter_map(Value::as_str);
                    let own_addresses = addresses.map(bare_address).collect();
                    let capabilities = provider.capabilities_of(&own);
                    accounts.push(AccountSettings {
                        name: account,
                        provider: kind.to_owned(),
                        adapter,
                        capabilities,
                        own_addresses,
                        // The schema has refused every other word.
                        on_unknown: serde_json::from_value(value["on_unknown"].clone()).unwrap_or_default(),
                        concurrency: concurrency(value, written),
                        quotas,
                    });
                }
                Err(faults) => self.setting_faults(&pointer, faults),
            }
        }
        accounts
    }

    /// The rate limits in place of the published ones; what is not a limit has been said by the schema.
    fn quotas(&mut self, pointer: &str, written: &Value) -> Option<Vec<Quota>> {
        let written: Vec<QuotaDocument> = serde_json::from_value(written.clone()).ok()?;
        let mut quotas = Vec::new();
        for (index, quota) in written.into_iter().enumerate() {
            let at = format!("{pointer}/{index}/per");
            let Some(per) = self.duration(&at, &quota.per) else { continue };
            match per > SignedDuration::ZERO && per <= LONGEST_QUOTA {
                true => quotas.push(Quota { class: quota.class, calls: quota.calls, per }),
                false => self.fault(&at, format!("`{}` is not a time between 1ms and 31d", quota.per)),
            }
        }
        Some(quotas)
    }

    pub(super) fn sources(&mut self, written: &ConfigDocument, accounts: &[AccountSettings]) -> Vec<SourceSettings> {
        let (mut sources, shares) = (Vec::new(), polling::shares(written));
        for (name, source) in &written.sources {
            let pointer = format!("/sources/{}", escape(name));
            let mapping = self.mapping(&pointer, source);
            let polling = self.polling(&pointer, source, accounts, &shares);
            if let Some((verify, verifier)) = self.verifier(&pointer, source, accounts) {
                let (name, account) = (SourceName::from(name.as_str()), AccountName::from(source.account.as_str()));
                let scheme = verify.as_ref().map_or("poll", |verify| verify.scheme.as_str()).to_owned();
                sources.push(SourceSettings { name, account, scheme, verifier, verify, mapping, polling });
            }
        }
        sources
    }

    pub(super) fn hooks(&mut self, written: &BTreeMap<String, HookSettings>) -> BTreeMap<String, Arc<Hook>> {
        let mut hooks = BTreeMap::new();
        for (name, settings) in written {
            match Hook::open(settings) {
                Ok(hook) => {
                    hooks.insert(name.clone(), Arc::new(hook));
                }
                Err(faults) => self.setting_faults(&format!("/hooks/{}", escape(name)), faults),
            }
        }
        hooks
    }

    fn mapping(&mut self, pointer: &str, source: &SourceDocument) -> Option<Mapping> {
        match Mapping::compile(source.map.as_ref()?) {
            Ok(mapping) => Some(mapping),
            Err(faults) => {
                self.setting_faults(&format!("{pointer}/map"), faults);
                None
            }
        }
    }

    fn verifier(
        &mut self,
        pointer: &str,
        source: &SourceDocument,
        accounts: &[AccountSettings],
    ) -> Option<(Option<VerifySettings>, Box<dyn Verifier>)> {
        let Some(written) = &source.verify else {
            if source.poll.is_some() {
                return Some((None, Box::new(signature::Closed)));
            }
            self.fault(
                pointer,
                "the source has no `verify` and no `poll`; say how its sender proves who it is (or write `verify: { scheme: none }`), or how often to look (`poll: { every: 60s }`)",
            );
            return None;
        };
        let pointer = format!("{pointer}/verify");
        let settings: VerifySettings =
            self.good(&pointer, serde_json::from_value(written.clone()).map_err(|error| error.to_string()))?;
        let scheme = signature::scheme(&settings.scheme)?;
        let account = accounts.iter().find(|account| account.name.as_str() == source.account);
        if settings.scheme == "highlevel"
            && settings.keys.is_empty()
            && account.is_some_and(|it| !it.adapter.tells_tenant())
        {
            self.fault(&pointer, "HighLevel signs for all its customers with one key, so the account must tell them apart; use an account with `provider: highlevel`, or give `keys` of your own");
        }
        match scheme.build(&settings) {
            Ok(verifier) => Some((Some(settings), verifier)),
            Err(faults) => {
                self.setting_faults(&pointer, faults);
                None
            }
        }
    }

    fn setting_faults(&mut self, pointer: &str, faults: Vec<SettingFault>) {
        for fault in faults {
            if fault.key.is_empty() {
                self.fault(pointer, fault.message);
                continue;
            }
            // Adapters say what a setting is or is not; which one, is said here.
            let subject = if fault.message.starts_with("is ") { format!("`{}` ", fault.key) } else { String::new() };
            self.fault(&format!("{pointer}/{}", fault.key), format!("{subject}{}", fault.message));
        }
    }
}
