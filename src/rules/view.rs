//! One event as conditions, templates and scripts see it while it is decided.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::action::{Scope, StateChange};
use super::condition::{Folded, Seen};
use super::fields::{self, Path};
use super::roots::ROOTS;
use super::schedule::Present;
use super::script::{Block, Expression, ScriptCall, ScriptRule, Scripted};
use super::site::{AccountFacts, Surroundings};
use crate::model::{Facts, Support};

/// One event as rules see it: the document of all fields, with what the current rule captured, and the present.
pub struct View<'a> {
    facts: &'a Facts,
    /// Of the document, the groups that conditions asked for: most events need no other.
    groups: [OnceCell<Value>; ROOTS.len()],
    /// The whole of it, once somebody asked for that or changed something.
    document: OnceCell<Arc<Value>>,
    /// Whether the current rule has captured anything.
    has_captures: bool,
    /// The texts of the fields that nothing changes, by path.
    folded: RefCell<HashMap<String, Rc<Folded>>>,
    present: Present,
    account: Option<&'a AccountFacts>,
    surroundings: &'a Surroundings,
}

impl<'a> View<'a> {
    /// The event of `facts`.
    pub fn new(facts: &'a Facts, surroundings: &'a Surroundings) -> Self {
        Self {
            facts,
            groups: Default::default(),
            document: OnceCell::new(),
            has_captures: false,
            folded: RefCell::default(),
            present: Present {
                now: facts.now,
                zone: surroundings.time_zone.clone(),
                schedules: Arc::clone(&surroundings.schedules),
            },
            account: surroundings.account(&facts.event.account),
            surroundings,
        }
    }

    /// Every field.
    pub fn document(&self) -> &Value {
        self.shared()
    }

    fn shared(&self) -> &Arc<Value> {
        self.document.get_or_init(|| self.read())
    }

    fn read(&self) -> Arc<Value> {
        Arc::new(fields::document(self.facts, &self.present.zone))
    }

    fn change(&mut self, change: impl FnOnce(&mut Value)) {
        let mut document = self.document.take().unwrap_or_else(|| self.read());
        change(Arc::make_mut(&mut document));
        self.document = OnceCell::from(document);
    }

    /// One group of the document, such as `message`.
    pub(super) fn group(&self, name: &str) -> &Value {
        match (self.document.get(), ROOTS.iter().position(|root| *root == name)) {
            (Some(document), _) => document.get(name).unwrap_or(&Value::Null),
            (None, Some(_)) if name == "raw" => &self.facts.event.raw,
            (None, Some(place)) => {
                self.groups[place].get_or_init(|| fields::group(name, self.facts, &self.present.zone))
            }
            (None, None) => &Value::Null,
        }
    }

    /// The values at a path.
    pub(super) fn values(&self, path: &Path) -> Vec<&Value> {
        path.values_within(self.group(path.root()))
    }

    /// What stands at a field.
    pub(super) fn seen(&self, path: &Path) -> Seen<'_> {
        let values = self.values(path);
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
            true => self.document()["captures"].as_object().cloned().unwrap_or_default(),
            false => Map::new(),
        }
    }

    /// Puts back what was captured at an earlier moment.
    pub(super) fn restore(&mut self, captures: Map<String, Value>) {
        if self.has_captures || !captures.is_empty() {
            self.has_captures = !captures.is_empty();
            self.change(|document| document["captures"] = Value::Object(captures));
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
        self.change(|document| {
            let Some(state) = document[group].as_object_mut() else { return };
            match &change.value {
                Some(value) => state.insert(change.key.clone(), value.clone()),
                None => state.remove(&change.key),
            };
        });
    }

    /// How far the event's account supports a capability.
    pub fn support(&self, name: &str) -> Support {
        self.account.map_or(Support::Native, |account| account.support(name))
    }

    /// The provider's id of a member.
    pub fn member_id(&self, alias: &str) -> Result<String, String> {
        let ids = self.surroundings.members.get(alias);
        ids.and_then(|ids| ids.get(&self.facts.event.provider)).cloned().ok_or_else(|| {
            format!("the member `{alias}` has no id at {}; add it under members", self.facts.event.provider)
        })
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
        Scripted::shared(Arc::clone(self.shared()), self.present.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fields::FIELDS;
    use super::super::testing::{facts, surroundings};
    use super::*;

    #[test]
    fn a_group_alone_holds_what_it_holds_in_the_whole_document() {
        let mut facts = facts(json!({
            "conversation": { "subject": "s", "tags": ["t"] }, "contact": { "email": "a@b.example" },
            "message": { "text": "x", "headers": { "X-A": "1" }, "attachments": [{ "name": "n" }] }, "raw": { "a": [1] }
        }));
        facts.conversation.state.insert("seen".to_owned(), json!(true));
        let surroundings = surroundings();
        let (alone, whole) = (View::new(&facts, &surroundings), View::new(&facts, &surroundings));
        let others = ["raw.a", "raw.a.0", "raw.b", "state.seen", "state.none", "captures.x", "message.headers.x-a"];
        for path in FIELDS.iter().map(|field| field.path).chain(others) {
            let path = Path::compile(path).unwrap();
            assert_eq!(alone.values(&path), path.values(whole.document()), "{}", path.as_str());
        }
        assert!(alone.document.get().is_none(), "nobody asked for the whole of it");
        assert_eq!(alone.document(), whole.document());
    }

    #[test]
    fn what_a_rule_changes_is_seen_by_the_next_and_not_by_the_facts() {
        let (facts, surroundings) = (facts(json!({})), surroundings());
        let mut view = View::new(&facts, &surroundings);
        let path = Path::compile("state.seen").unwrap();
        assert_eq!(view.values(&path), Vec::<&Value>::new());
        view.apply(&StateChange { scope: Scope::Conversation, key: "seen".to_owned(), value: Some(json!(1)) });
        assert_eq!(view.values(&path), [&json!(1)]);
        assert!(facts.conversation.state.is_empty());
    }
}
