//! What the actions of a matched rule come to: stopped by a veto, the guard or `once`, failed by name, or chosen.
//! An action that fails takes no other with it.

use std::cell::RefCell;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::action::{Planned, Prepared, Scope, StateChange};
use super::super::compile::{self, Body, CompiledAction, Rule};
use super::super::document::Mode;
use super::super::fields;
use super::super::guard::{self, response};
use super::super::script::ScriptCall;
use super::super::site::Site;
use super::{Deciding, draft, settings_for};
use crate::model::decision::ActionTrace;
use crate::model::{
    Action, CancelOn, Finding, HoldCause, MatchedRule, ReplyKind, Send as OutgoingSend, SendState, Support, Verdict,
    duration,
};
use crate::yaml::{Document, Faults};

/// How many keys a conversation or a correspondent may have in its state. Scripts can make keys out of what people write.
const MAX_KEYS: usize = 256;

/// A matched rule while its actions are worked through.
pub(super) struct Acting<'a> {
    rule: &'a Rule,
    /// How far it goes here.
    mode: Mode,
    /// What its `once` says against it.
    gate: Option<(&'static str, String)>,
    /// What the guard says to a rule with numbers of its own.
    guard: Option<guard::Verdict>,
    actions: Vec<ActionTrace>,
    /// The entry of `do` that is worked through.
    pub(super) entry: usize,
    /// What it forbids, as found before all actions.
    pub(super) vetoes: Vec<String>,
    stop: bool,
    /// Replies it has asked for, whatever became of them.
    replies: usize,
    has_acted: bool,
    has_answered: bool,
}

impl<'a> Acting<'a> {
    pub(super) fn new(
        rule: &'a Rule,
        mode: Mode,
        gate: Option<(&'static str, String)>,
        guard: Option<guard::Verdict>,
    ) -> Self {
        let (stop, replies, entry) = (rule.stop, 0, 0);
        let (actions, vetoes) = (Vec::new(), Vec::new());
        Self { rule, mode, gate, guard, actions, entry, vetoes, stop, replies, has_acted: false, has_answered: false }
    }

    /// Whether this is remembered against the `once` of the rule, or of another one with the same handle.
    pub(super) fn counts(&self) -> bool {
        (self.rule.once.is_some() && self.has_acted) || (self.rule.handle.is_some() && self.has_answered)
    }

    /// Whether it stops the rules after it, and its trace. A rule in shadow changes nothing for others.
    pub(super) fn end(self, findings: Vec<Finding>) -> (bool, MatchedRule) {
        let stopped = self.stop && self.mode.acts();
        let matched = MatchedRule {
            rule: self.rule.name.clone(),
            place: self.rule.place.clone(),
            mode: self.mode.as_str().to_owned(),
            findings,
            actions: self.actions,
            vetoes: self.vetoes,
            stopped,
        };
        (stopped, matched)
    }

    /// What becomes of an action that nothing stands against. Only what the contact may notice goes by the mode: to close a
    /// conversation before its answer was approved would hide it.
    fn verdict(&self, is_noticed: bool) -> Verdict {
        match self.mode {
            Mode::Off | Mode::Shadow => Verdict::Shadowed,
            Mode::Draft if is_noticed => Verdict::Drafted,
            Mode::Approve if is_noticed => Verdict::Held { cause: HoldCause::Approval },
            Mode::Draft | Mode::Approve | Mode::Auto => Verdict::Chosen,
        }
    }

    fn record(&mut self, action: &str, verdict: Verdict) {
        self.push(action, verdict, Value::Null, None);
    }

    fn push(&mut self, action: &str, verdict: Verdict, rendered: Value, fallback: Option<String>) {
        let (index, entry) = (self.actions.len(), self.entry);
        self.actions.push(ActionTrace { index, entry, action: action.to_owned(), verdict, rendered, fallback });
    }
}

impl<'a> Deciding<'a> {
    pub(super) fn act_calls(&mut self, acting: &mut Acting<'a>, calls: Vec<ScriptCall>) {
        for call in calls {
            match call.name.as_str() {
                "stop" => acting.stop = true,
                // Heard before all actions.
                "veto" if matches!(acting.rule.body, Body::Script(_)) => {}
                "veto" => acting
                    .record("veto", failed("veto() belongs into a .rhai rule; in YAML write `veto:` beside `do:`")),
                name => match self.compile_call(name, &call.arguments) {
                    Ok(action) => self.act(acting, &action),
                    Err(why) => acting.record(name, failed(why)),
                },
            }
        }
    }

    fn compile_call(&self, name: &str, arguments: &Value) -> Result<CompiledAction, String> {
        let found = RefCell::new(Faults::default());
        let nowhere = Document::parse("script", "").map_err(|faults| faults.to_string())?;
        let entry = Map::from_iter([(name.to_owned(), arguments.clone())]);
        let site = Site::new(&nowhere, &self.book.surroundings, &found).literal();
        let action = compile::compile_action(&entry, &site);
        let said: Vec<String> = found.into_inner().into_iter().map(|fault| fault.message).collect();
        action.filter(|_| said.is_empty()).ok_or_else(|| said.join("; "))
    }

    /// One action of a matched rule: what stands against it, else what it comes to.
    pub(super) fn act(&mut self, acting: &mut Acting<'a>, action: &CompiledAction) {
        acting.replies += usize::from(action.prepare.reply_kind().is_some());
        if let Some(verdict) = self.against(acting, action) {
            return acting.record(action.name, verdict);
        }
        let fallback = match self.support(action) {
            Ok(fallback) => fallback,
            Err(why) => return acting.record(action.name, failed(why)),
        };
        match action.prepare.prepare(&mut self.view) {
            Ok(Prepared::Calls(calls)) => self.act_calls(acting, calls),
            Ok(Prepared::State(changes)) => self.change_state(acting, action.name, &changes),
            Ok(Prepared::Planned(planned)) => self.plan(acting, action, planned, fallback),
            Err(why) => acting.record(action.name, failed(why)),
        }
    }

    /// What stands against an action before anybody looks into it: a veto, the loop guard, the rule's `once`.
    fn against(&self, acting: &Acting<'a>, action: &CompiledAction) -> Option<Verdict> {
        if let Some((_, by)) = self.vetoes.iter().find(|(veto, _)| veto.forbids(action.name)) {
            return Some(Verdict::Vetoed { by: by.clone() });
        }
        let guard = self.guard_of(acting).against(action.prepare.reply_kind(), &acting.rule.allow);
        let gate = || acting.gate.as_ref().map(|(code, reason)| (*code, reason.as_str()));
        let (code, reason) = guard.or_else(gate)?;
        Some(blocked(code, reason))
    }

    /// What the guard says to this rule.
    fn guard_of<'b>(&'b self, acting: &'b Acting<'a>) -> &'b guard::Verdict {
        acting.guard.as_ref().unwrap_or(&self.guard)
    }

    /// The fallbacks that stand in at this provider, if any; an error where there is none.
    fn support(&self, action: &CompiledAction) -> Result<Option<String>, String> {
        let mut fallbacks = Vec::new();
        for need in action.prepare.needs() {
            match self.view.support(need) {
                Support::Native => {}
                Support::Fallback(text) => fallbacks.push(text),
                Support::Missing(why) => return Err(format!("{} cannot `{need}`: {why}", self.facts.event.provider)),
            }
        }
        Ok((!fallbacks.is_empty()).then(|| fallbacks.join("; ")))
    }

    fn plan(&mut self, acting: &mut Acting<'a>, action: &CompiledAction, planned: Planned, fallback: Option<String>) {
        let reply = action.prepare.reply_kind().map(|kind| {
            // A script's text has its variables filled in; told apart by it, each message would be a new response.
            let identity = action.prepare.identity().unwrap_or_else(|| format!("reply {}", acting.replies));
            (kind, response::key(acting.rule, &identity))
        });
        let against = reply.as_ref().and_then(|(kind, key)| self.against_reply(acting, *kind, key));
        let is_noticed = reply.is_some() || matches!(planned.action, Action::Close);
        let mut verdict = against.unwrap_or_else(|| acting.verdict(is_noticed));
        let mut rendered = shown(&planned);
        if let (Some(settle), Some(_), Some(map)) = (acting.rule.settle, &reply, rendered.as_object_mut()) {
            map.insert("settle".to_owned(), duration::show(settle).into());
        }
        match &verdict {
            Verdict::Drafted => {
                if let Err(why) = self.draft(acting, planned, reply.map(|(_, key)| key)) {
                    verdict = failed(why);
                }
            }
            Verdict::Chosen | Verdict::Held { .. } => {
                self.choose(acting, planned, reply.map(|(_, key)| key), &verdict);
            }
            _ => {}
        }
        acting.push(action.name, verdict, rendered, fallback);
    }

    /// The note that stands in for what a person shall send. Closing is left to them as well.
    fn draft(&mut self, acting: &mut Acting<'a>, planned: Planned, response: Option<String>) -> Result<(), String> {
        if let Support::Missing(why) = self.view.support("note") {
            return Err(format!(
                "{} cannot `note`, so there is no place for a draft: {why}",
                self.facts.event.provider
            ));
        }
        if let Some(note) = draft::note(&acting.rule.name, &planned.action) {
            self.remember(acting, response);
            self.choose(acting, Planned::now(Action::Note(note)), None, &Verdict::Drafted);
        }
        Ok(())
    }

    /// What stands against a reply beside all that: another reply to the same event, the same reply not long ago.
    fn against_reply(&mut self, acting: &Acting<'_>, kind: ReplyKind, key: &str) -> Option<Verdict> {
        let settings = settings_for(self.book, &self.facts.event, Some(&acting.rule.name));
        if let Some(by) = self.answered_by.as_ref().filter(|_| !settings.allow_multiple) {
            let reason = format!("the rule `{by}` answers this event already; guard.allow_multiple lifts this");
            return Some(blocked("already_answered", &reason));
        }
        let too_soon = match acting.rule.once {
            Some(_) => None,
            None => self.memory().against_default(kind, key, &settings),
        };
        let has_effects = matches!(acting.mode, Mode::Approve | Mode::Auto);
        let (code, reason) = too_soon.or_else(|| self.against_caps(acting.rule, has_effects))?;
        Some(blocked(code, &reason))
    }

    /// Remembers a response, so that it does not come again too soon.
    fn remember(&mut self, acting: &mut Acting<'a>, response: Option<String>) {
        let (Some(key), now) = (response, self.facts.now) else { return };
        acting.has_answered = true;
        self.answered_by = Some(acting.rule.name.clone());
        response::remember(&mut self.contact.responses, &key, now);
        response::remember(&mut self.conversation.responses, &key, now);
        if let Some(key) = self.correspondent().map(|who| response::to(&key, who)) {
            response::remember(&mut self.conversation.responses, &key, now);
        }
    }

    fn choose(&mut self, acting: &mut Acting<'a>, planned: Planned, response: Option<String>, verdict: &Verdict) {
        let (event, now) = (&self.facts.event, self.facts.now);
        let settling =
            response.as_ref().filter(|_| *verdict == Verdict::Chosen).and_then(|key| self.settling(acting.rule, key));
        let due = now.saturating_add(planned.delay).unwrap_or(Timestamp::MAX);
        let due = settling.as_ref().map_or(due, |settling| due.max(settling.until));
        let index = acting.actions.len();
        acting.has_acted = true;
        let mut counted = Vec::new();
        if response.is_some() {
            counted = self.count(acting.rule);
            self.conversation.last_automatic = Some(due);
            self.remember(acting, response);
        }
        let state = match verdict {
            Verdict::Held { cause } => {
                SendState::Held { cause: *cause, reason: "its rule asks for approval".to_owned() }
            }
            _ => SendState::Pending,
        };
        self.sends.push(OutgoingSend {
            due,
            cancel_on: planned.cancel_on,
            rule_hash: acting.rule.hash.clone(),
            counted,
            expires: self.expires(acting.rule, due),
            depth: self.facts.depth,
            settling,
            state,
            ..OutgoingSend::new(event, &acting.rule.name, index, planned.action, now)
        });
    }

    /// Counted from what is answered, where the provider brought it late: old mail gets no new answer.
    fn expires(&self, rule: &Rule, due: Timestamp) -> Option<Timestamp> {
        let settings = settings_for(self.book, &self.facts.event, Some(&rule.name));
        let late = self.facts.now.duration_since(self.facts.event.at);
        let since = if late.is_positive() { due.saturating_sub(late).unwrap_or(due) } else { due };
        since.checked_add(settings.due_window).ok()
    }

    fn change_state(&mut self, acting: &mut Acting<'_>, name: &str, changes: &[StateChange]) {
        let rendered =
            fields::object(changes.iter().map(|change| (change.key.clone(), change.value.clone().unwrap_or_default())));
        let verdict = match acting.verdict(false) {
            Verdict::Chosen if self.overflows(changes) => {
                failed(format!("more than {MAX_KEYS} values would be remembered"))
            }
            verdict => verdict,
        };
        if verdict == Verdict::Chosen {
            acting.has_acted = true;
            for change in changes {
                self.view.apply(change);
                let state = match change.scope {
                    Scope::Conversation => &mut self.conversation.state,
                    Scope::Contact => &mut self.contact.state,
                };
                match &change.value {
                    Some(value) => state.insert(change.key.clone(), value.clone()),
                    None => state.remove(&change.key),
                };
            }
        }
        acting.push(name, verdict, rendered, None);
    }

    fn overflows(&self, changes: &[StateChange]) -> bool {
        [(Scope::Conversation, &self.conversation.state), (Scope::Contact, &self.contact.state)].into_iter().any(
            |(scope, state)| {
                let is_new = |change: &&StateChange| change.value.is_some() && !state.contains_key(&change.key);
                let new = changes.iter().filter(|change| change.scope == scope).filter(is_new).count();
                new > 0 && state.len() + new > MAX_KEYS
            },
        )
    }
}

fn failed(reason: impl Into<String>) -> Verdict {
    Verdict::Failed { reason: reason.into() }
}

fn blocked(code: &str, reason: &str) -> Verdict {
    Verdict::Blocked { code: code.to_owned(), reason: reason.to_owned() }
}

/// The action as the trace keeps it: with its delay, and without the content of files, which the send has.
fn shown(planned: &Planned) -> Value {
    let mut value = serde_json::to_value(&planned.action).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.remove("action");
        let files = map.get_mut("attachments").and_then(Value::as_array_mut).into_iter().flatten();
        files.filter_map(Value::as_object_mut).for_each(|file| {
            file.remove("content");
        });
        if !planned.delay.is_zero() {
            map.insert("delay".to_owned(), duration::show(planned.delay).into());
        }
        if !planned.cancel_on.is_empty() {
            let causes = planned.cancel_on.iter().map(|cause| CancelOn::as_str(*cause)).collect();
            map.insert("cancel_on".to_owned(), causes);
        }
    }
    value
}
