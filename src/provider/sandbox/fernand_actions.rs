//! What Fernand carries out together with a reply or note: its actions, its snippets, and the agents they name.
//! A call with one wrong action is refused before any of them is carried out.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::config::AGENT_EMAIL;
use super::desk::Desk;
use super::fernand::{WHO, problem};
use super::fernand_message::written;
use super::thread::EntryKind;
use super::wire::Answer;

/// The agents: number, name, address.
pub(super) const AGENTS: [(u64, &str, &str); 2] = [(42, "Dr Lee", AGENT_EMAIL), (43, "Sam", "sam@sandbox.example")];

/// The numbers of the snippets.
const SNIPPETS: [u64; 2] = [123, 124];

/// The most actions of one call.
const MOST_ACTIONS: usize = 10;

/// An action in a call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Action {
    name: Name,
    #[serde(default)]
    data: Map<String, Value>,
    snippet_id: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Name {
    Status,
    Assign,
    Snooze,
    Reply,
    Note,
    Tag,
}

impl Action {
    /// As a message shows it.
    pub(super) fn shown(&self) -> Value {
        json!({ "name": format!("{:?}", self.name).to_lowercase(), "data": self.data, "snippet_id": self.snippet_id })
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.data.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    }

    fn agent(&self) -> Result<u64, &'static str> {
        agent(self.data.get("agent_id").and_then(Value::as_u64), self.text("agent_email"))
    }

    fn fault(&self) -> Option<&'static str> {
        let is_there = |key: &str, fault| self.text(key).is_none().then_some(fault);
        match self.name {
            Name::Status => {
                let status = self.text("status").unwrap_or_default().to_lowercase();
                (!matches!(status.as_str(), "opened" | "closed" | "spam"))
                    .then_some("the status of an action is not known")
            }
            Name::Assign => self.agent().err(),
            Name::Snooze => None,
            Name::Reply | Name::Note => is_there("content", "an action needs content"),
            Name::Tag => is_there("name", "a tag action needs a name"),
        }
    }
}

/// The agent that a number or an address names.
pub(super) fn agent(id: Option<u64>, email: Option<&str>) -> Result<u64, &'static str> {
    let known = |found: Option<&(u64, &str, &str)>| found.map(|(id, ..)| *id).ok_or("the agent is not known");
    match (id, email) {
        (Some(id), _) => known(AGENTS.iter().find(|(own, ..)| *own == id)),
        (None, Some(email)) => known(AGENTS.iter().find(|(.., own)| own.eq_ignore_ascii_case(email))),
        (None, None) => Err("agent_id or agent_email is required"),
    }
}

/// Whether all of them can be carried out.
pub(super) fn check(actions: &[Action]) -> Result<(), Answer> {
    if actions.len() > MOST_ACTIONS {
        return Err(problem(400, "at most 10 actions"));
    }
    let is_unknown = |action: &&Action| action.snippet_id.is_some_and(|id| !SNIPPETS.contains(&id));
    if actions.iter().any(|action| is_unknown(&action)) {
        return Err(problem(400, "the snippet is not known"));
    }
    actions.iter().find_map(Action::fault).map_or(Ok(()), |fault| Err(problem(400, fault)))
}

/// Carries them out, in order.
pub(super) fn apply(desk: &mut Desk, id: &str, actions: &[Action], by: u64, now: Timestamp) {
    for action in actions {
        let content = action.text("content").unwrap_or_default().to_owned();
        let entry = match action.name {
            Name::Reply => Some(written(desk, EntryKind::Reply, content, by, now)),
            Name::Note => Some(written(desk, EntryKind::Note, content, by, now)),
            _ => None,
        };
        if let Some(mut entry) = entry {
            entry.actions = vec![action.shown()];
            desk.add(WHO, id, entry);
            continue;
        }
        let Some(thread) = desk.thread_mut(WHO, id) else { return };
        match action.name {
            Name::Tag => thread.tag(action.text("name").unwrap_or_default()),
            Name::Assign => thread.assignee = action.agent().ok().map(|id| id.to_string()),
            Name::Snooze => "snoozed".clone_into(&mut thread.status),
            Name::Status => {
                let status = action.text("status").unwrap_or_default().to_lowercase();
                let word = if status == "opened" { "open" } else { &status };
                word.clone_into(&mut thread.status);
            }
            Name::Reply | Name::Note => {}
        }
    }
}

/// *List all snippets*.
pub(super) fn snippets() -> Value {
    let snippet = |id: u64, title: &str, shortcut: &str, actions: Value| {
        json!({
            "id": id, "title": title, "created": "2026-01-05T09:00:00Z", "applied_count": 0, "categories": [],
            "actions": actions, "shortcut": shortcut, "last_applied_at": null,
        })
    };
    let order_status = json!([
        { "id": 1, "name": "reply", "data": { "content": "<p>Your order is on its way.</p>" }, "sort": 0 },
        { "id": 2, "name": "tag", "data": { "name": "order-status" }, "sort": 1 },
    ]);
    let close_politely = json!([
        { "id": 3, "name": "note", "data": { "content": "<p>Closed by a snippet.</p>" }, "sort": 0 },
        { "id": 4, "name": "status", "data": { "status": "closed" }, "sort": 1 },
    ]);
    json!([
        snippet(123, "Order status", "/order", order_status),
        snippet(124, "Close politely", "/close", close_politely),
    ])
}
