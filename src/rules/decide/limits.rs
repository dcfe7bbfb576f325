//! Caps on replies while a decision is made: looking whether one is reached, counting what is chosen, and what follows
//! when there was one reply too many.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::compile::Rule;
use super::super::guard::{GUARD, GuardSettings, caps};
use super::{Deciding, settings_for};
use crate::model::{
    Action, CapScope, Control, GuardStep, HttpCall, Pause, Quarantine, QuarantineId, Scope, Send as OutgoingSend,
    WindowKey,
};

impl<'a> Deciding<'a> {
    /// What stands against one more reply of a rule, as code and reason. The windows of the rule may have to be asked for.
    pub(super) fn against_caps(&mut self, rule: &Rule, has_effects: bool) -> Option<(&'static str, String)> {
        let settings = settings_for(self.book, &self.facts.event, Some(&rule.name));
        let (keys, now) = (self.keys_of(rule, &settings), self.facts.now);
        self.show(&settings, &keys);
        let Some(tripped) = caps::against(&keys, &settings.caps, &self.curbs, now) else {
            let signs = self.trace.guard.iter().filter(|step| step.result == "suspect").map(|step| &*step.saw);
            let signs = signs.collect::<Vec<_>>().join("; ");
            let is_suspect = self.guard.is_suspect();
            let reason =
                caps::against_suspect(&keys, &settings.caps, &self.curbs, now, &signs).filter(|_| is_suspect)?;
            return Some(("suspect_cap", reason));
        };
        let reason = tripped.reason();
        if has_effects {
            self.answer_loop(rule, tripped, &settings);
        }
        Some(("loop_cap", reason))
    }

    /// Counts a reply.
    pub(super) fn count(&mut self, rule: &Rule) -> Vec<WindowKey> {
        let settings = settings_for(self.book, &self.facts.event, Some(&rule.name));
        let keys = self.keys_of(rule, &settings);
        for (scope, key) in &keys {
            let Some(longest) = settings.caps.longest(*scope) else { continue };
            self.curbs.to_mut().windows.entry(key.clone()).or_default().add(self.facts.now, longest);
            self.counted.insert(key.clone());
        }
        keys.into_iter().map(|(_, key)| key).collect()
    }

    fn keys_of(&mut self, rule: &Rule, settings: &GuardSettings) -> Vec<(CapScope, WindowKey)> {
        let mut keys = self.counted_by().to_vec();
        keys.retain(|(scope, _)| settings.caps.counts_by(*scope));
        if !settings.caps.rule.is_empty() {
            keys.push((CapScope::Rule, caps::rule_key(&rule.name)));
        }
        let missing = keys.iter().map(|(_, key)| key).filter(|key| !self.facts.curbs.windows.contains_key(key));
        let missing: Vec<WindowKey> = missing.filter(|key| !self.wanted.contains(key)).cloned().collect();
        self.wanted.extend(missing);
        keys
    }

    /// Once for an event: how full the windows are, as a step of the guard.
    fn show(&mut self, settings: &GuardSettings, keys: &[(CapScope, WindowKey)]) {
        if self.trace.guard.iter().any(|step| step.code == "loop_cap") {
            return;
        }
        let now = self.facts.now;
        let is_full = caps::against(keys, &settings.caps, &self.curbs, now).is_some();
        self.trace.guard.push(GuardStep {
            code: "loop_cap".into(),
            result: if is_full { "block" } else { "pass" }.into(),
            saw: caps::shown(keys, &settings.caps, &self.curbs, now).into(),
        });
    }

    /// A cap of a rule or an account pauses it; every other one quarantines who wrote. Visibly, once for an event.
    fn answer_loop(&mut self, rule: &Rule, tripped: caps::Tripped, settings: &GuardSettings) {
        let (event, now) = (&self.facts.event, self.facts.now);
        let paused = match tripped.scope {
            CapScope::Rule => Some(Scope::Rule(rule.name.clone())),
            CapScope::Account => Some(Scope::Account(event.account.clone())),
            _ => None,
        };
        if let Some(scope) = paused {
            let is_paused = |control: &Control| control.scope == scope && control.pause.is_some();
            if self.curbs.controls.0.iter().chain(&self.controls).any(is_paused) {
                return;
            }
            let pause = Pause { by: GUARD.to_owned(), why: tripped.reason(), at: now };
            self.controls.push(Control { pause: Some(pause), ..Control::of(scope) });
        } else if self.quarantines.is_empty() {
            self.quarantines.push(Quarantine {
                id: QuarantineId::derive(&event.id, tripped.scope.as_str()),
                keys: self.quarantined_by(&tripped),
                scope: tripped.scope,
                cap: tripped.cap.to_string(),
                account: event.account.clone(),
                conversation: event.lane(),
                event: event.id.clone(),
                rule: rule.name.clone(),
                who: event.address(),
                evidence: tripped.evidence,
                since: now,
                until: now.saturating_add(settings.quarantine).unwrap_or(Timestamp::MAX),
                released: None,
            });
        }
    }

    /// Tells the hook under `guard.alert` what the guard did.
    pub(super) fn alert(&mut self) {
        let hooks = &self.book.surroundings.hooks;
        let Some(hook) = self.settings.alert.hook.clone().filter(|hook| hooks.contains_key(hook)) else { return };
        let now = self.facts.now;
        let said = |kind: &str, data: Value| json!({ "type": kind, "timestamp": now, "data": data });
        let raised = self.quarantines.iter().map(|quarantine| {
            // Whoever is told can look the address up; it does not travel.
            let data = json!(Quarantine { who: None, ..quarantine.clone() });
            said("quarantine.raised", data)
        });
        let paused = self.controls.iter().map(|control| said("guard.paused", json!(control)));
        for (index, body) in raised.chain(paused).enumerate() {
            let action = Action::Http(HttpCall::new(&hook, body));
            self.sends.push(OutgoingSend::new(&self.facts.event, GUARD, index, action, now));
        }
    }

    /// The window that is full. Where it is one of a correspondent or conversation, all of these: a robot may change its
    /// address in one conversation, or open a conversation for each mail; and whoever releases it releases all of them.
    fn quarantined_by(&self, tripped: &caps::Tripped) -> Vec<WindowKey> {
        let own = [CapScope::Conversation, CapScope::Correspondent, CapScope::Subject];
        if !own.contains(&tripped.scope) {
            return vec![tripped.key.clone()];
        }
        let all = self.counted_by().iter().filter(|(scope, _)| own.contains(scope));
        all.map(|(_, key)| key.clone()).collect()
    }
}
