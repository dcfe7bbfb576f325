//! Fernand's replies and notes, with the actions they carry.
//! The delay of a reply is checked and shown, but not waited for.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::desk::{Desk, entry_id};
use super::fernand::{WHO, bad, message, problem, unknown};
use super::fernand_actions::{AGENTS, Action, agent, apply, check};
use super::thread::{Entry, EntryKind};
use super::wire::{Answer, Ask};
use crate::text::text_of_html;

/// The longest delay in seconds, and the largest note in bytes.
const LONGEST_DELAY: u64 = 86_400;
const LARGEST_NOTE: usize = 8 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewReply {
    content: Option<String>,
    #[serde(default)]
    attachments: Vec<File>,
    #[serde(default)]
    actions: Vec<Action>,
    #[serde(default = "default_delay")]
    delay: u64,
    agent_id: Option<u64>,
    agent_email: Option<String>,
    generated_id: Option<String>,
}

fn default_delay() -> u64 {
    7
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "type")]
    _media_type: String,
    #[serde(rename = "content")]
    _content: String,
}

/// *Reply to conversation*: content, actions, or both, by an agent who must be known.
pub(super) fn reply(desk: &mut Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    let new: NewReply = ask.json().map_err(bad)?;
    if new.delay > LONGEST_DELAY {
        return Err(problem(400, "delay must be from 0 to 86400 seconds"));
    }
    let by = agent(new.agent_id, new.agent_email.as_deref()).map_err(|why| problem(400, why))?;
    check(&new.actions)?;
    let content = new.content.filter(|content| !content.trim().is_empty());
    if content.is_none() && new.actions.is_empty() {
        return Err(problem(400, "content or actions are required"));
    }
    let before = desk.thread(WHO, id).map_or(0, |thread| thread.messages.len());
    if let Some(html) = content {
        let mut entry = written(desk, EntryKind::Reply, html, by, ask.now);
        entry.attachments = new.attachments.len();
        entry.actions = new.actions.iter().map(Action::shown).collect();
        desk.add(WHO, id, entry);
    }
    apply(desk, id, &new.actions, by, ask.now);
    let thread = desk.thread(WHO, id).ok_or_else(unknown)?;
    let mut shown = match thread.messages.get(before) {
        Some(entry) => message(thread, entry),
        None => message(thread, &Entry::new(format!("e-{id}"), ask.now, EntryKind::Reply, String::new())),
    };
    shown["delay"] = json!(new.delay);
    echo(&mut shown, new.generated_id);
    Ok(Answer::ok(shown))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewNote {
    content: String,
    #[serde(default)]
    mentions: Vec<String>,
    #[serde(default)]
    actions: Vec<Action>,
    #[serde(rename = "note_id")]
    _note_id: Option<String>,
    generated_id: Option<String>,
}

/// *Add a note*: `mentions` are agents' numbers as texts, or `everyone`.
pub(super) fn note(desk: &mut Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    let new: NewNote = ask.json().map_err(bad)?;
    if new.content.trim().is_empty() || new.content.len() > LARGEST_NOTE {
        return Err(problem(400, "content is required, of at most 8 MB"));
    }
    let is_known = |mention: &String| mention == "everyone" || AGENTS.iter().any(|(id, ..)| id.to_string() == *mention);
    if !new.mentions.iter().all(is_known) {
        return Err(problem(400, "mentions must be ids of agents, or everyone"));
    }
    check(&new.actions)?;
    let mut entry = written(desk, EntryKind::Note, new.content, AGENTS[0].0, ask.now);
    entry.page = new.mentions;
    entry.actions = new.actions.iter().map(Action::shown).collect();
    desk.add(WHO, id, entry.clone());
    apply(desk, id, &new.actions, AGENTS[0].0, ask.now);
    let mut shown = message(desk.thread(WHO, id).ok_or_else(unknown)?, &entry);
    echo(&mut shown, new.generated_id);
    Ok(Answer::ok(shown))
}

/// `generated_id` is returned unchanged in the answer, and shown nowhere else.
fn echo(shown: &mut Value, generated_id: Option<String>) {
    if let Some(generated_id) = generated_id {
        shown["generated_id"] = json!(generated_id);
    }
}

/// An entry made of HTML, by an agent.
pub(super) fn written(desk: &mut Desk, kind: EntryKind, html: String, by: u64, now: Timestamp) -> Entry {
    let mut entry = Entry::new(entry_id(WHO, kind, desk.number()), now, kind, text_of_html(&html));
    entry.html = Some(html);
    entry.author = Some(by.to_string());
    entry
}
