//! Decide: facts in, decision out. Pure: no store, no clock, no chance, so that tests, `explain` and the engine agree.
//! Two phases: every veto first, whatever its place; then the rules in order.

mod acting;
mod aftermath;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::book::Book;
use super::compile::{Body, Rule};
use super::document::{Mode, Veto};
use super::guard::{self, Incoming, response};
use super::script::ScriptCall;
use super::view::View;
use crate::model::decision::{RuleError, UnmatchedRule};
use crate::model::{ContactRecord, ConversationRecord, Decision, Facts, Finding, Send as OutgoingSend, Trace};
use acting::Acting;

/// How much of the why is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The rules that matched: what is stored.
    Matched,
    /// Every rule, also those that did not match: what `explain` shows.
    Everything,
}

/// Decides one event.
pub fn decide(book: &Book, facts: &Facts, depth: Depth) -> Decision {
    let mut deciding = Deciding::new(book, facts, depth);
    deciding.collect_vetoes();
    let mut stopped_by = None;
    for rule in &book.rules {
        match (&stopped_by, why_not_looked_at(rule, facts)) {
            (Some(by), _) => deciding.leave_out(rule, format!("the rule `{by}` stopped the rules after it")),
            (None, Some(why)) => deciding.leave_out(rule, why),
            (None, None) if deciding.rule(rule) => stopped_by = Some(rule.name.clone()),
            (None, None) => {}
        }
    }
    deciding.finish()
}

fn why_not_looked_at(rule: &Rule, facts: &Facts) -> Option<String> {
    if rule.mode == Mode::Off {
        return Some("its mode is off".to_owned());
    }
    let kind = facts.event.kind;
    let kinds = || rule.on.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
    (!rule.on.contains(&kind)).then(|| format!("it looks at {}, and this is {kind}", kinds()))
}

/// A decision in the making.
struct Deciding<'a> {
    book: &'a Book,
    facts: &'a Facts,
    depth: Depth,
    view: View<'a>,
    guard: guard::Verdict,
    correspondent: Option<String>,
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
        let account = surroundings.account(&facts.event.account);
        let guard = guard::examine(&Incoming { facts, account, settings: &surroundings.guard });
        Self {
            book,
            facts,
            depth,
            view: View::new(facts, surroundings),
            trace: Trace { guard: guard.steps.clone(), ..Trace::default() },
            guard,
            correspondent: facts.event.correspondent(),
            vetoes: Vec::new(),
            answered_by: None,
            sends: Vec::new(),
            conversation: facts.conversation.clone(),
            contact: facts.contact.clone(),
        }
    }

    /// A rule in shadow forbids nothing. One that fails here has failed for good, and forbids all that it could have
    /// forbidden: whoever writes to us must not be able to break a veto.
    fn collect_vetoes(&mut self) {
        let looked_at = |rule: &&Rule| rule.mode == Mode::Auto && why_not_looked_at(rule, self.facts).is_none();
        for rule in self.book.rules.iter().filter(|rule| rule.may_veto()).filter(looked_at) {
            self.view.begin_rule();
            match self.vetoes_of(rule) {
                Ok(vetoes) => self.vetoes.extend(vetoes.into_iter().map(|veto| (veto, rule.name.clone()))),
                Err(error) => {
                    let feared = match &rule.body {
                        Body::Yaml { .. } => rule.vetoes.clone(),
                        Body::Script(_) => vec![Veto::Reply],
                    };
                    self.vetoes.extend(feared.into_iter().map(|veto| (veto, rule.name.clone())));
                    self.trace.errors.push(RuleError { rule: rule.name.clone(), error });
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

    fn leave_out(&mut self, rule: &Rule, because: String) {
        self.unmatched(rule, because, Vec::new());
    }

    fn unmatched(&mut self, rule: &Rule, because: String, findings: Vec<Finding>) {
        if self.depth == Depth::Everything {
            let (rule, place) = (rule.name.clone(), rule.place.clone());
            self.trace.unmatched.push(UnmatchedRule { rule, place, because, findings });
        }
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
                self.leave_out(rule, format!("it failed: {error}"));
                let failed = RuleError { rule: rule.name.clone(), error };
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
            let findings = self.findings(rule);
            let because = match rule.body {
                Body::Yaml { .. } => "its conditions do not hold",
                Body::Script(_) => "its script asked for nothing",
            };
            self.unmatched(rule, because.to_owned(), findings);
        }
    }

    fn findings(&mut self, rule: &Rule) -> Vec<Finding> {
        let Body::Yaml { when, .. } = &rule.body else { return Vec::new() };
        let captures = self.view.captures();
        let finding = when.explain(&mut self.view);
        self.view.restore(captures);
        if finding.subject == "all" { finding.inner } else { vec![finding] }
    }

    fn matched(&mut self, rule: &'a Rule, calls: Vec<ScriptCall>) -> bool {
        let findings = self.findings(rule);
        let once_key = response::rule_key(rule);
        let gate = rule.once.and_then(|once| self.memory().against_once(&once, &once_key));
        let mut acting = Acting::new(rule, gate);
        match &rule.body {
            Body::Yaml { actions, .. } => actions.iter().for_each(|action| self.act(&mut acting, action)),
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

    fn memory(&self) -> response::Memory<'_> {
        response::Memory {
            conversation: &self.conversation,
            contact: &self.contact,
            correspondent: self.correspondent.as_deref(),
            now: self.facts.now,
        }
    }
}

fn veto_named(arguments: &Value) -> Result<Veto, String> {
    serde_json::from_value(arguments.clone())
        .map_err(|_| "`veto` is given one of reply, note, tag, assign, close, all".to_owned())
}
