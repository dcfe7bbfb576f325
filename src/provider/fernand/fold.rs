//! Puts actions into the call of a note of the same rule, because Fernand allows five writes a minute. Never moves an action
//! to another time, or under another reason to be called off: so not into a reply, which many things call off that leave a
//! tag as it is.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::config::Agent;
use crate::model::{Action, Send};

/// The most actions in one call (*Create a new snippet*, which has the same list).
pub(super) const MOST_ACTIONS: usize = 10;

/// The longest name of a tag (*Add a tag to a conversation*).
pub(super) const LONGEST_TAG: usize = 50;

/// Each action that Fernand takes as part of another call goes into the last note before it, else into the first
/// one after it. What finds no place stays a send of its own.
pub(super) fn fold(sends: Vec<Send>) -> Vec<Send> {
    let mut forward: Vec<Send> = Vec::new();
    for send in sends {
        match forward.iter_mut().rev().find_map(|into| room(into, &send)) {
            Some(also) => also.push(send.action),
            None => forward.push(send),
        }
    }
    let mut kept: VecDeque<Send> = VecDeque::new();
    for send in forward.into_iter().rev() {
        match kept.iter_mut().find_map(|into| room(into, &send)) {
            Some(also) => also.insert(0, send.action),
            None => kept.push_front(send),
        }
    }
    kept.into()
}

/// Where in `into` the action of `send` may go. What waits for its time keeps to itself, since its actions would wait with
/// it; so does what may be called off, or waits for a person, while the other may not.
fn room<'a>(into: &'a mut Send, send: &Send) -> Option<&'a mut Vec<Action>> {
    let more = actions(&send.action)?.len();
    let origin = |send: &Send| {
        let whose = (send.event.clone(), send.rule.clone(), send.account.clone(), send.lane.clone());
        (whose, send.due, send.state.clone())
    };
    let is_prompt = into.due <= into.created_at;
    let is_called_off_alike = into.cancel_on.is_empty() || into.cancel_on == send.cancel_on;
    if !is_prompt || !is_called_off_alike || origin(into) != origin(send) {
        return None;
    }
    let also = match &mut into.action {
        Action::Note(note) => &mut note.also,
        _ => return None,
    };
    let used: usize = also.iter().filter_map(actions).map(|actions| actions.len()).sum();
    (used + more <= MOST_ACTIONS).then_some(also)
}

/// The action as entries of `actions`, where Fernand has such. The data of `status` and `assign` are as in its examples;
/// those of `tag` are not published and taken to be as in *Add a tag to a conversation*. There is none for taking a tag
/// off, nor for an agent known by address only.
pub(super) fn actions(action: &Action) -> Option<Vec<Value>> {
    let entry = |name: &str, data: Value| json!({ "name": name, "data": data });
    match action {
        Action::Tag(change) => {
            let is_taken = |tag: &String| !tag.is_empty() && tag.chars().count() <= LONGEST_TAG;
            let is_whole = change.remove.is_empty() && change.add.iter().all(is_taken);
            is_whole.then(|| change.add.iter().map(|tag| entry("tag", json!({ "name": tag }))).collect())
        }
        Action::Assign(assign) => match Agent::parse(&assign.id)? {
            Agent::Id(id) => Some(vec![entry("assign", json!({ "agent_id": id }))]),
            Agent::Email(_) => None,
        },
        Action::Close => Some(vec![entry("status", json!({ "status": "closed" }))]),
        Action::Reply(_) | Action::Note(_) | Action::Snippet(_) | Action::Http(_) => None,
    }
}
