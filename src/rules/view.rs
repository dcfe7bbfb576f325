//! One event as conditions, templates and scripts see it while it is decided.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::action::{Scope, StateChange};
use super::fields;
use super::script::{Block, Engine, Expression, ScriptCall, ScriptRule, Scripted};
use super::site::{AccountFacts, Surroundings};
use crate::model::{Facts, Support};

/// One event as rules see it: the document of all fields, with what the current rule captured, and the present.
pub struct View<'a> {
    document: Value,
    scripted: Option<Scripted>,
    now: Timestamp,
    provider: String,
    account: Option<&'a AccountFacts>,
    surroundings: &'a Surroundings,
}

impl<'a> View<'a> {
    /// The event of `facts`.
    pub fn new(facts: &Facts, surroundings: &'a Surroundings) -> Self {
        Self {
            document: fields::document(facts, &surroundings.time_zone),
            scripted: None,
            now: facts.now,
            provider: facts.event.provider.clone(),
            account: surroundings.account(&facts.event.account),
            surroundings,
        }
    }

    /// Every field.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The time of the decision.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What the current rule has captured.
    pub(super) fn captures(&self) -> Map<String, Value> {
        self.document["captures"].as_object().cloned().unwrap_or_default()
    }

    /// Puts back what was captured at an earlier moment.
    pub(super) fn restore(&mut self, captures: Map<String, Value>) {
        if self.document["captures"].as_object() != Some(&captures) {
            self.document["captures"] = Value::Object(captures);
            self.scripted = None;
        }
    }

    /// Adds what a condition captured.
    pub(super) fn capture(&mut self, found: Map<String, Value>) {
        let mut captures = self.captures();
        captures.extend(found);
        self.restore(captures);
    }

    /// Forgets what the rule before captured.
    pub fn begin_rule(&mut self) {
        self.restore(Map::new());
    }

    /// Lets later rules see a change of state.
    pub fn apply(&mut self, change: &StateChange) {
        let group = match change.scope {
            Scope::Conversation => "state",
            Scope::Contact => "contact_state",
        };
        if let Some(state) = self.document[group].as_object_mut() {
            match &change.value {
                Some(value) => state.insert(change.key.clone(), value.clone()),
                None => state.remove(&change.key),
            };
        }
        self.scripted = None;
    }

    /// How far the event's account supports a capability.
    pub fn support(&self, name: &str) -> Support {
        self.account.map_or(Support::Native, |account| account.support(name))
    }

    /// The provider's id of a member.
    pub fn member_id(&self, alias: &str) -> Result<String, String> {
        let ids = self.surroundings.members.get(alias);
        ids.and_then(|ids| ids.get(&self.provider))
            .cloned()
            .ok_or_else(|| format!("the member `{alias}` has no id at {}; add it under members", self.provider))
    }

    /// The provider's id of a member to page; where a page falls back to naming the member, the alias stands in.
    pub fn paged_id(&self, alias: &str) -> Result<String, String> {
        match (self.member_id(alias), self.support("note.page")) {
            (Err(_), Support::Fallback(_)) => Ok(alias.to_owned()),
            (found, _) => found,
        }
    }

    pub(super) fn evaluate(&mut self, expression: &Expression) -> Result<bool, String> {
        let (scripts, scripted) = self.scripted();
        expression.eval(scripts, scripted)
    }

    pub(super) fn run(&mut self, block: &Block) -> Result<Vec<ScriptCall>, String> {
        let (scripts, scripted) = self.scripted();
        block.run(scripts, scripted)
    }

    pub(super) fn decide(&mut self, rule: &ScriptRule) -> Result<Vec<ScriptCall>, String> {
        let (scripts, scripted) = self.scripted();
        rule.decide(scripts, scripted)
    }

    /// The engine, and the fields as scripts see them: copied when a script first looks after a change.
    fn scripted(&mut self) -> (&'a Engine, &Scripted) {
        let surroundings = self.surroundings;
        let scripted = self.scripted.get_or_insert_with(|| Scripted::new(&self.document));
        (&surroundings.scripts, scripted)
    }
}
