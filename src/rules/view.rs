//! One event as conditions, templates and scripts see it while it is decided.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::action::{Scope, StateChange};
use super::condition::{Folded, Seen};
use super::fields::{self, Path};
use super::schedule::Present;
use super::script::{Block, Expression, ScriptCall, ScriptRule, Scripted};
use super::site::{AccountFacts, Surroundings};
use crate::model::{Facts, Support};

/// One event as rules see it: the document of all fields, with what the current rule captured, and the present.
pub struct View<'a> {
    document: Arc<Value>,
    /// Whether the current rule has captured anything.
    has_captures: bool,
    /// The texts of the fields that nothing changes, by path.
    folded: RefCell<HashMap<String, Rc<Folded>>>,
    present: Present,
    provider: String,
    account: Option<&'a AccountFacts>,
    surroundings: &'a Surroundings,
}

impl<'a> View<'a> {
    /// The event of `facts`.
    pub fn new(facts: &Facts, surroundings: &'a Surroundings) -> Self {
        Self {
            document: Arc::new(fields::document(facts, &surroundings.time_zone)),
            has_captures: false,
            folded: RefCell::default(),
            present: Present {
                now: facts.now,
                zone: surroundings.time_zone.clone(),
                schedules: Arc::clone(&surroundings.schedules),
            },
            provider: facts.event.provider.clone(),
            account: surroundings.account(&facts.event.account),
            surroundings,
        }
    }

    /// Every field.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// What stands at a field.
    pub(super) fn seen(&self, path: &Path) -> Seen<'_> {
        let values = path.values(&self.document);
        if path.can_change() {
            return Seen::of(values);
        }
        let mut folded = self.folded.borrow_mut();
        let remembered = match folded.get(path.as_str()) {
            Some(remembered) => Rc::clone(remembered),
            None => Rc::clone(folded.entry(path.as_str().to_owned()).or_default()),
        };
        Seen::remembered(values, remembered)
    }

    /// The time of the decision.
    pub fn now(&self) -> Timestamp {
        self.present.now
    }

    /// The time of the decision, with what it means to schedules.
    pub fn present(&self) -> &Present {
        &self.present
    }

    /// What the current rule has captured.
    pub(super) fn captures(&self) -> Map<String, Value> {
        match self.has_captures {
            true => self.document["captures"].as_object().cloned().unwrap_or_default(),
            false => Map::new(),
        }
    }

    /// Puts back what was captured at an earlier moment.
    pub(super) fn restore(&mut self, captures: Map<String, Value>) {
        if self.has_captures || !captures.is_empty() {
            self.has_captures = !captures.is_empty();
            Arc::make_mut(&mut self.document)["captures"] = Value::Object(captures);
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
        if let Some(state) = Arc::make_mut(&mut self.document)[group].as_object_mut() {
            match &change.value {
                Some(value) => state.insert(change.key.clone(), value.clone()),
                None => state.remove(&change.key),
            };
        }
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
        expression.eval(&self.surroundings.scripts, &self.scripted())
    }

    pub(super) fn run(&mut self, block: &Block) -> Result<Vec<ScriptCall>, String> {
        block.run(&self.surroundings.scripts, &self.scripted())
    }

    pub(super) fn decide(&mut self, rule: &ScriptRule) -> Result<Vec<ScriptCall>, String> {
        rule.decide(&self.surroundings.scripts, &self.scripted())
    }

    /// The fields as scripts see them: shared, and given back before anything changes, so that nothing is copied.
    fn scripted(&self) -> Scripted {
        Scripted::shared(Arc::clone(&self.document), self.present.clone())
    }
}
