//! Fernand's API: replies and notes that carry actions, snippets, few calls a minute.
//! Assumed where its pages are silent: a refused body is 400 with `error`, `data` of a `tag` action has `name`, that of
//! `assign` has `agent_id` or `agent_email`, and a call with actions alone is shown as the message it made.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::KEY;
use super::desk::{Desk, Speaks};
use super::fernand_actions::{AGENTS, agent, snippets};
use super::fernand_message::{note, reply};
use super::thread::{Entry, EntryKind, Thread};
use super::wire::{Answer, Ask, BadBody, present};
use super::{Api, Spent, fernand_lists};
use crate::provider::{CallClass, Quota};

pub(super) const WHO: Speaks = Speaks::Fernand;

/// The longest tag and subject in characters.
const LONGEST_TAG: usize = 50;
const LONGEST_SUBJECT: usize = 80;

/// The default limits of an account.
const QUOTAS: [Quota; 2] = [
    Quota { class: CallClass::Write, calls: 5, per: SignedDuration::from_secs(60) },
    Quota { class: CallClass::Read, calls: 20, per: SignedDuration::from_secs(60) },
];

pub(super) struct Fernand;

impl Api for Fernand {
    fn speaks(&self) -> Speaks {
        WHO
    }

    fn prefix(&self) -> &'static str {
        "/fernand"
    }

    fn quotas(&self) -> &'static [Quota] {
        &QUOTAS
    }

    fn answer(&self, desk: &mut Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
        if ask.header("x-api-key") != Some(KEY) {
            return Err(problem(401, "invalid API key"));
        }
        let (method, path) = ask.route();
        if let ["conversations", id, ..] = path.as_slice() {
            id.parse::<u64>().map_err(|_| problem(400, "the conversation id must be a whole number"))?;
            desk.thread(WHO, id).ok_or_else(unknown)?;
        }
        match (method, path.as_slice()) {
            ("GET", ["conversations"]) => fernand_lists::conversations(desk, ask),
            ("GET", ["conversations", id]) => shown(desk, id),
            ("PATCH", ["conversations", id]) => change(desk, ask, id),
            ("GET", ["conversations", id, "messages"]) => fernand_lists::timeline(desk, ask, id),
            ("GET", ["contacts", id]) => fernand_lists::contact(desk, ask, id),
            ("POST", ["conversations", id, "reply"]) => reply(desk, ask, id),
            ("POST", ["conversations", id, "notes"]) => note(desk, ask, id),
            ("POST", ["conversations", id, "tags"]) => tag(desk, ask, id),
            ("DELETE", ["conversations", id, "tags", name]) => untag(desk, id, name),
            ("GET", ["agents"]) => Ok(Answer::ok(
                AGENTS.iter().map(|(id, name, email)| json!({ "id": id, "name": name, "email": email })).collect(),
            )),
            ("GET", ["snippets"]) => Ok(Answer::ok(snippets())),
            _ => Err(problem(404, "not found")),
        }
    }

    fn problem(&self, status: u16, message: &str) -> Answer {
        problem(status, message)
    }

    fn show_limit(&self, spent: &Spent, answer: &mut Answer) {
        answer.header("x-ratelimit-limit", &spent.limit.to_string());
        answer.header("x-ratelimit-remaining", &spent.remaining.to_string());
        answer.header("x-ratelimit-reset", &spent.reset.as_second().to_string());
    }

    /// No webhook of Fernand is published: this is a message as the API shows it, with what else a receiver needs.
    fn announce(&self, _: &mut Desk, thread: &Thread, entry: &Entry) -> Value {
        let mut payload = message(thread, entry);
        payload["subject"] = json!(entry.subject.as_ref().or(thread.subject.as_ref()));
        payload["contact"] =
            json!({ "id": thread.contact.id, "name": thread.contact.name, "email": thread.contact.email });
        if let Some(headers) = &entry.headers {
            payload["headers"] = json!(headers);
        }
        payload
    }
}

pub(super) fn problem(status: u16, message: &str) -> Answer {
    Answer::new(status, json!({ "error": message }))
}

pub(super) fn bad(body: BadBody) -> Answer {
    match body {
        BadBody::ContentType => problem(415, "the body must be application/json"),
        BadBody::Content(why) => problem(400, &why),
    }
}

pub(super) fn unknown() -> Answer {
    problem(404, "conversation not found")
}

/// An id as a number, where it is one.
pub(super) fn number(id: &str) -> Value {
    id.parse::<u64>().map_or_else(|_| json!(id), |number| json!(number))
}

pub(super) fn conversation(thread: &Thread) -> Value {
    let status = if thread.status == "open" { "OPENED".to_owned() } else { thread.status.to_uppercase() };
    json!({
        "id": number(&thread.id),
        "contact_id": number(&thread.contact.id),
        "subject": thread.subject,
        "status": status,
        "last_update": thread.last_at(),
        "tags": thread.tags,
        "recipients": [],
        "agent_id": thread.assignee.as_deref().map(number),
        "channel_id": 1,
        "snooze_until": null,
        "cursor": thread.id,
    })
}

pub(super) fn message(thread: &Thread, entry: &Entry) -> Value {
    let is_note = entry.kind == EntryKind::Note;
    let mut shown = json!({
        "id": entry.id,
        "conversation_id": number(&thread.id),
        "type": if is_note { "NOTE" } else { "MESSAGE" },
        "timestamp": entry.at,
        "message": entry.as_html(),
        "actions": entry.actions,
    });
    let is_ours = entry.kind != EntryKind::Contact;
    let agent_id = entry.author.as_deref().filter(|_| is_ours).map(number);
    if is_note {
        shown["created"] = json!(entry.at);
        shown["agent_id"] = json!(agent_id);
        shown["edited_at"] = Value::Null;
        return shown;
    }
    let more = json!({
        "way": if is_ours { "OUT" } else { "IN" },
        "status": if is_ours { "SENT" } else { "RECEIVED" },
        "source": if thread.channel == "email" { "EMAIL" } else { "CHAT" },
        "download_url": null, "agent_id": agent_id,
        "contact_id": if is_ours { Value::Null } else { number(&thread.contact.id) },
        "attachments": [], "delay": 0, "unsubscribe_url": null, "last_event": null, "language": "en",
        "is_read": false, "is_automated": false,
    });
    if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
        shown.extend(more);
    }
    shown
}

fn shown(desk: &Desk, id: &str) -> Result<Answer, Answer> {
    desk.thread(WHO, id).map(|thread| Answer::ok(conversation(thread))).ok_or_else(unknown)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTag {
    name: String,
}

fn tag(desk: &mut Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    let new: NewTag = ask.json().map_err(bad)?;
    if new.name.trim().is_empty() || new.name.chars().count() > LONGEST_TAG {
        return Err(problem(400, "name must have from 1 to 50 characters"));
    }
    desk.thread_mut(WHO, id).ok_or_else(unknown)?.tag(&new.name);
    let slug = new.name.to_lowercase().replace(' ', "-");
    Ok(Answer::ok(json!({
        "id": slug, "slug": slug, "name": new.name, "color": null, "count_conversations": 1, "is_system": false,
    })))
}

fn untag(desk: &mut Desk, id: &str, name: &str) -> Result<Answer, Answer> {
    match desk.thread_mut(WHO, id).ok_or_else(unknown)?.untag(name) {
        true => shown(desk, id),
        false => Err(problem(404, "tag not found")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    status: Option<Status>,
    snooze_until: Option<Timestamp>,
    #[serde(default, deserialize_with = "present")]
    agent_id: Option<Option<u64>>,
    agent_email: Option<String>,
    subject: Option<String>,
    #[serde(rename = "contact_id")]
    _contact_id: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Opened,
    Closed,
    Spam,
    Snoozed,
}

/// *Update conversation*: what is left out stays; `agent_id: null` takes the agent away.
fn change(desk: &mut Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    let new: Change = ask.json().map_err(bad)?;
    if new.subject.as_ref().is_some_and(|subject| subject.chars().count() > LONGEST_SUBJECT) {
        return Err(problem(400, "subject must have at most 80 characters"));
    }
    if matches!(new.status, Some(Status::Snoozed)) && new.snooze_until.is_none() {
        return Err(problem(400, "snooze_until is required to snooze"));
    }
    let assignee = match (new.agent_id, new.agent_email.as_deref()) {
        (None, None) => None,
        (Some(None), _) => Some(None),
        (id, email) => Some(Some(agent(id.flatten(), email).map_err(|why| problem(400, why))?.to_string())),
    };
    let thread = desk.thread_mut(WHO, id).ok_or_else(unknown)?;
    if let Some(assignee) = assignee {
        thread.assignee = assignee;
    }
    if let Some(status) = new.status {
        let word = match status {
            Status::Opened => "open",
            Status::Closed => "closed",
            Status::Spam => "spam",
            Status::Snoozed => "snoozed",
        };
        word.clone_into(&mut thread.status);
    }
    thread.subject = new.subject.or(thread.subject.take());
    shown(desk, id)
}
