//! Accounts, the sources that belong to them, and hooks: everything that speaks to somebody else, opened as it will be used.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::super::document::{ConfigDocument, SourceDocument};
use super::{AccountSettings, Loading, SourceSettings, escape};
use crate::model::{AccountName, HOOK_ACCOUNT, SourceName, event::bare_address};
use crate::provider::hook::{Hook, HookSettings};
use crate::provider::{self, Mapping};
use crate::signature::{self, SettingFault, Verifier, VerifySettings};

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
                map.remove("own_addresses");
            }
            if name.starts_with(HOOK_ACCOUNT) {
                self.fault(&pointer, format!("`{HOOK_ACCOUNT}` begins the names of hooks; call the account otherwise"));
                continue;
            }
            let account = AccountName::from(name.as_str());
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
                    });
                }
                Err(faults) => self.setting_faults(&pointer, faults),
            }
        }
        accounts
    }

    pub(super) fn sources(&mut self, written: &ConfigDocument, accounts: &[AccountSettings]) -> Vec<SourceSettings> {
        let mut sources = Vec::new();
        for (name, source) in &written.sources {
            let pointer = format!("/sources/{}", escape(name));
            let mapping = self.mapping(&pointer, source);
            if let Some((scheme, verifier)) = self.verifier(&pointer, source, accounts) {
                let (name, account) = (SourceName::from(name.as_str()), AccountName::from(source.account.as_str()));
                sources.push(SourceSettings { name, account, scheme, verifier, mapping });
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
    ) -> Option<(String, Box<dyn Verifier>)> {
        let Some(written) = &source.verify else {
            self.fault(
                pointer,
                "the source has no `verify`; say how its sender proves who it is (or write `verify: { scheme: none }`)",
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
            Ok(verifier) => Some((settings.scheme, verifier)),
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
