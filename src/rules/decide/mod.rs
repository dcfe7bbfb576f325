//! Decide: facts in, decision out. Pure: no store, no clock, no chance, so that tests, `explain` and the engine agree.
//! Two phases: every veto first, whatever its place; then the rules in order.

mod acting;
mod aftermath;
mod burst;
mod draft;
mod limits;
#[cfg(test)]
mod tests;
mod undecided;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;

use serde_json::Value;

use super::book::Book;
use super::compile::{Body, Rule};
use super::document::{Mode, Veto};
use super::guard::{self, GuardSettings, caps, response};
use super::script::ScriptCall;
use super::view::View;
use crate::model::decision::{RuleError, UnmatchedRule};
use crate::model::{
    CapScope, ContactRecord, Control, ConversationRecord, Curbs, Decision, Event, Facts, Finding, OnError, Quarantine,
    Scope, Send as OutgoingSend, Trace, WindowKey,
};
use acting::Acting;
use burst::Burst;
use undecided::unless_it_panics;

pub(super) use undecided::EVERY_RULE;
pub use undecided::undecided;

/// How much of the why is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The rules that matched: what is stored.
    Matched,
    /// Every rule, also those that did not match: what `explain` shows.
    Everything,
}

/// The windows that deciding an event looks into, as far as they are known before. What a rule is counted by is wanted
/// later, by the decision.
pub fn windows(book: &Book, event: &Event) -> Vec<WindowKey> {
    let keys = unless_it_panics(event, || {
        let settings = settings_for(book, event, None);
        let keys = caps::keys(event, &settings).into_iter();
        keys.filter(|(scope, _)| settings.caps.counts_by(*scope)).map(|(_, key)| key).collect()
    });
    keys.unwrap_or_default()
}

/// The loop guard's numbers for an event, or for a rule's reply to it.
fn settings_for<'a>(book: &'a Book, event: &Event, rule: Option<&str>) -> Cow<'a, GuardSettings> {
    book.surroundings.guard.for_event(event, rule)
}

/// Decides one event. Only the rules that can match it, as the index of the book tells, are asked. Where the program itself
/// fails on it, the decision says so.
pub fn decide(book: &Book, facts: &Facts, depth: Depth) -> Decision {
    let decided = unless_it_panics(&facts.event, || {
        let deciding = Deciding::new(book, facts, depth);
        let candidates = book.index.candidates(facts.event.kind, &deciding.view);
        deciding.work_through(&candidates)
    });
    decided.unwrap_or_else(|| undecided(book, facts))
}

/// The same decision with every rule asked: what [`decide`] is measured against. Only the count of rules differs.
pub fn decide_plainly(book: &Book, facts: &Facts, depth: Depth) -> Decision {
    let every: Vec<usize> = (0..book.rules.len()).collect();
    Deciding::new(book, facts, depth).work_through(&every)
}

fn why_not_looked_at(rule: &Rule, facts: &Facts, ordered: Option<Mode>) -> Option<String> {
    if rule.mode == Mode::Off {
        return Some("its mode is off".to_owned());
    }
    if ordered == Some(Mode::Off) {
        return Some("for this conversation the mode off is ordered".to_owned());
    }
    let kind = facts.event.kind;
    let kinds = || rule.on.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
    (!rule.on.contains(&kind)).then(|| format!("it looks at {}, and this is {kind}", kinds()))
}

/// A decision in the making.
struct Deciding<'a> {
    settings: Cow<'a, GuardSettings>,
    /// What people ordered for this conversation instead of each rule's own mode.
    ordered: Option<Mode>,
    curbs: Cow<'a, Curbs>,
    /// Worked out when a reply is first counted; most events get none.
    counted_by: OnceCell<Vec<(CapScope, WindowKey)>>,
    counted: BTreeSet<WindowKey>,
    wanted: Vec<WindowKey>,
    burst: Burst<'a>,
    quarantines: Vec<Quarantine>,
    controls: Vec<Control>,
    book: &'a Book,
    facts: &'a Facts,
    depth: Depth,
    view: View<'a>,
    guard: guard::Verdict,
    correspondent: OnceCell<Option<String>>,
    vetoes: Vec<(Veto, String)>,
    answered_by: Option<String>,
    sends: Vec<OutgoingSend>,
    conversation: ConversationRecord,
    contact: ContactRecord,
    trace: Trace,
}

impl<'a> Deciding<'a> {
    fn new(book: &'a Book, facts: &'a Facts, depth: Depth) -> Self {
        let surroundings = &book.surroundings;
        let settings = settings_for(book, &facts.event, None);
        let mut guard = guard::examine(facts, surroundings, None);
        Self {
            counted_by: OnceCell::new(),
            settings,
            ordered: ordered(facts),
            curbs: Cow::Borrowed(&facts.curbs),
            counted: BTreeSet::new(),
            wanted: Vec::new(),
            burst: Burst::default(),
            quarantines: Vec::new(),
            controls: Vec::new(),
            book,
            facts,
            depth,
            view: View::new(facts, surroundings),
            trace: Trace { guard: std::mem::take(&mut guard.steps), ..Trace::default() },
            guard,
            correspondent: OnceCell::new(),
            vetoes: Vec::new(),
            answered_by: None,
            sends: Vec::new(),
            conversation: facts.conversation.clone(),
            contact: facts.contact.clone(),
        }
    }

    fn correspondent(&self) -> Option<&str> {
        self.correspondent.get_or_init(|| self.facts.event.correspondent()).as_deref()
    }

    fn counted_by(&self) -> &[(CapScope, WindowKey)] {
        self.counted_by.get_or_init(|| caps::keys(&self.facts.event, &self.settings))
    }

    /// `candidates` are the numbers of the rules to ask, in order; the others cannot match.
    fn work_through(mut self, candidates: &[usize]) -> Decision {
        let rules = &self.book.rules;
        self.begin_burst();
        self.collect_vetoes(candidates.iter().map(|number| &rules[*number]));
        match self.depth {
            Depth::Matched => self.collect_rules(candidates.iter().map(|number| (&rules[*number], true))),
            Depth::Everything => {
                let is_candidate = |number: usize| candidates.binary_search(&number).is_ok();
                self.collect_rules(rules.iter().enumerate().map(|(number, rule)| (rule, is_candidate(number))));
            }
        }
        self.finish()
    }

    /// Rules in order, each with whether it is to be asked.
    fn collect_rules(&mut self, rules: impl Iterator<Item = (&'a Rule, bool)>) {
        let mut stopped_by = None;
        for (rule, is_candidate) in rules {
            match (&stopped_by, why_not_looked_at(rule, self.facts, self.ordered)) {
                (Some(_), _) if self.depth == Depth::Matched => break,
                (Some(by), _) => self.pass_over(rule, || format!("the rule `{by}` stopped the rules after it")),
                (None, Some(why)) => self.pass_over(rule, || why),
                (None, None) if !is_candidate => {
                    self.view.begin_rule();
                    self.not_matched(rule);
                }
                (None, None) if self.rule(rule) => stopped_by = Some(rule.name.as_str()),
                (None, None) => {}
            }
        }
    }

    /// A rule in shadow forbids nothing. One that fails here has failed for good, and forbids all that it could have
    /// forbidden: whoever writes to us must not be able to break a veto.
    fn collect_vetoes(&mut self, rules: impl Iterator<Item = &'a Rule>) {
        let (ordered, facts) = (self.ordered, self.facts);
        let looked_at = |rule: &&Rule| mode(rule, ordered).acts() && why_not_looked_at(rule, facts, ordered).is_none();
        for rule in rules.filter(|rule| rule.may_veto()).filter(looked_at) {
            self.view.begin_rule();
            match self.vetoes_of(rule) {
                Ok(vetoes) => self.vetoes.extend(vetoes.into_iter().map(|veto| (veto, rule.name.clone()))),
                Err(error) => {
                    let feared = match &rule.body {
                        Body::Yaml { .. } => rule.vetoes.clone(),
                        Body::Script(_) => vec![Veto::Reply],
                    };
                    self.vetoes.extend(feared.into_iter().map(|veto| (veto, rule.name.clone())));
                    self.trace.errors.push(RuleError {
                        rule: rule.name.clone(),
                        error,
                        on_error: on_error(rule, self.ordered),
                    });
                }
            }
        }
    }

    fn vetoes_of(&mut self, rule: &Rule) -> Result<Vec<Veto>, String> {
        match &rule.body {
            Body::Yaml { when, .. } => Ok(if when.holds(&mut self.view)? { rule.vetoes.clone() } else { Vec::new() }),
            Body::Script(script) => {
                let calls = self.view.decide(script)?;
                calls.iter().filter(|call| call.name == "veto").map(|call| veto_named(&call.arguments)).collect()
            }
        }
    }

    /// A rule that is not asked, with what it would have found.
    fn pass_over(&mut self, rule: &Rule, because: impl FnOnce() -> String) {
        if self.depth == Depth::Everything {
            let findings = self.would_find(rule);
            self.unmatched(rule, because(), findings, false);
        }
    }

    fn unmatched(&mut self, rule: &Rule, because: String, findings: Vec<Finding>, asked: bool) {
        let (rule, place) = (rule.name.clone(), rule.place.clone());
        self.trace.unmatched.push(UnmatchedRule { rule, place, because, findings, asked });
    }

    /// Looks at one rule; whether it stops the ones after it.
    fn rule(&mut self, rule: &'a Rule) -> bool {
        self.view.begin_rule();
        self.trace.rules_evaluated += 1;
        match self.asked(rule) {
            Ok(Some(calls)) => self.matched(rule, calls),
            Ok(None) => {
                self.not_matched(rule);
                false
            }
            Err(error) => {
                if self.depth == Depth::Everything {
                    let findings = self.would_find(rule);
                    self.unmatched(rule, format!("it failed: {error}"), findings, true);
                }
                let failed = RuleError { rule: rule.name.clone(), error, on_error: on_error(rule, self.ordered) };
                if !self.trace.errors.contains(&failed) {
                    self.trace.errors.push(failed);
                }
                false
            }
        }
    }

    /// Whether a rule has something to say, and what it calls for when it is a script.
    fn asked(&mut self, rule: &Rule) -> Result<Option<Vec<ScriptCall>>, String> {
        if let Some(failed) = self.trace.errors.iter().find(|failed| failed.rule == rule.name) {
            return Err(failed.error.clone());
        }
        match &rule.body {
            Body::Yaml { when, .. } => Ok(when.holds(&mut self.view)?.then(Vec::new)),
            Body::Script(script) => Ok(Some(self.view.decide(script)?).filter(|calls| !calls.is_empty())),
        }
    }

    fn not_matched(&mut self, rule: &Rule) {
        if self.depth == Depth::Everything {
            let findings = self.findings(rule, &[]);
            let because = match rule.body {
                Body::Yaml { .. } => "its conditions do not hold",
                Body::Script(_) => "its script asked for nothing",
            };
            self.unmatched(rule, because.to_owned(), findings, true);
        }
    }

    fn findings(&mut self, rule: &Rule, calls: &[ScriptCall]) -> Vec<Finding> {
        let Body::Yaml { when, .. } = &rule.body else { return vec![asked_for(calls)] };
        let captures = self.view.captures();
        let finding = when.explain(&mut self.view);
        self.view.restore(captures);
        if finding.subject == "all" { finding.inner } else { vec![finding] }
    }

    /// The findings of a rule from which nothing follows. What its script calls for is only looked at.
    fn would_find(&mut self, rule: &Rule) -> Vec<Finding> {
        self.view.begin_rule();
        match &rule.body {
            Body::Yaml { .. } => self.findings(rule, &[]),
            Body::Script(script) => match self.view.decide(script) {
                Ok(calls) => vec![asked_for(&calls)],
                Err(error) => vec![Finding { saw: format!("failed: {error}"), ..asked_for(&[]) }],
            },
        }
    }

    fn matched(&mut self, rule: &'a Rule, calls: Vec<ScriptCall>) -> bool {
        let findings = self.findings(rule, &calls);
        let once_key = response::rule_key(rule);
        let gate = self.once_of(rule).and_then(|once| self.memory().against_once(&once, &once_key));
        // Asked once for the event, and again for a rule that has numbers of its own.
        let has_own_numbers = self.book.surroundings.guard.rules.contains_key(&rule.name);
        let guard = has_own_numbers.then(|| guard::examine(self.facts, &self.book.surroundings, Some(&rule.name)));
        let mut acting = Acting::new(rule, mode(rule, self.ordered), gate, guard);
        acting.vetoes = self.forbidden_by(rule);
        match &rule.body {
            Body::Yaml { actions, .. } => {
                for (entry, action) in actions.iter().enumerate() {
                    acting.entry = entry;
                    self.act(&mut acting, action);
                }
            }
            Body::Script(_) => self.act_calls(&mut acting, calls),
        }
        if acting.counts() {
            response::remember(&mut self.conversation.responses, &once_key, self.facts.now);
            response::remember(&mut self.contact.responses, &once_key, self.facts.now);
        }
        let (stopped, matched) = acting.end(findings);
        self.trace.matched.push(matched);
        stopped
    }

    /// What the vetoes of a rule forbid: what was found before anything changed, whatever the rule would say now.
    fn forbidden_by(&self, rule: &Rule) -> Vec<String> {
        let found = self.vetoes.iter().filter(|(_, by)| *by == rule.name);
        found.map(|(veto, _)| veto.as_str().to_owned()).collect()
    }

    fn memory(&self) -> response::Memory<'_> {
        response::Memory {
            conversation: &self.conversation,
            contact: &self.contact,
            correspondent: self.correspondent(),
            now: self.facts.now,
        }
    }
}

/// What people ordered for the conversation instead of each rule's own mode.
fn ordered(facts: &Facts) -> Option<Mode> {
    facts.curbs.controls.of(&Scope::Conversation(facts.event.lane())).and_then(|here| here.mode)
}

/// How far a rule goes where people ordered a mode for the conversation. What is off stays off.
fn mode(rule: &Rule, ordered: Option<Mode>) -> Mode {
    ordered.filter(|_| rule.mode != Mode::Off).unwrap_or(rule.mode)
}

/// The one condition of a `.rhai` rule.
fn asked_for(calls: &[ScriptCall]) -> Finding {
    let names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
    Finding {
        subject: "decide".to_owned(),
        wanted: "asks for something".to_owned(),
        saw: if names.is_empty() { "nothing".to_owned() } else { names.join(", ") },
        holds: !names.is_empty(),
        line: 0,
        inner: Vec::new(),
    }
}

/// What its failure means for the others: for a rule that has no effects, nothing.
fn on_error(rule: &Rule, ordered: Option<Mode>) -> OnError {
    if mode(rule, ordered).acts() { rule.on_error } else { OnError::Skip }
}

fn veto_named(arguments: &Value) -> Result<Veto, String> {
    serde_json::from_value(arguments.clone())
        .map_err(|_| "`veto` is given one of reply, note, tag, assign, close, all".to_owned())
}
