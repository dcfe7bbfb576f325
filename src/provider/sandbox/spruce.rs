//! Spruce's API: messages and pages under an idempotency key, answered before they appear, and announced by a webhook.
//! Assumed where its pages are silent: an unknown member or tag is 400, a duplicate key has the type `DUPLICATE_REQUEST`,
//! and a key counts as used once its request was carried out.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::KEY;
use super::desk::{Desk, Speaks};
use super::spruce_message::{created, post};
use super::thread::{Entry, Thread};
use super::wire::{Answer, Ask, BadBody, present};
use super::{Api, spruce_lists, spruce_webhooks};
use crate::provider::Quota;

pub(super) const WHO: Speaks = Speaks::Spruce;

/// Members: id, name, and what they are.
pub(super) const MEMBERS: [(&str, &str, &str); 4] = [
    ("entity_0D4QABCC06000", "Dr Lee", "teammate"),
    ("entity_0D4QABCC06001", "Nurse Joy", "teammate"),
    ("entity_0D4QABCC06002", "Front desk", "team"),
    (ORGANIZATION, "Sandbox Clinic", "organization"),
];

/// Who a message is from where nobody is named.
pub(super) const ORGANIZATION: &str = "entity_0D4QABCC06009";

const LONGEST_KEY: usize = 255;

/// How long a key is kept.
const KEY_KEPT: SignedDuration = SignedDuration::from_hours(24);

pub(super) struct Spruce;

impl Api for Spruce {
    fn speaks(&self) -> Speaks {
        WHO
    }

    fn prefix(&self) -> &'static str {
        "/spruce/v1"
    }

    /// No numbers are published.
    fn quotas(&self) -> &'static [Quota] {
        &[]
    }

    fn answer(&self, desk: &mut Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
        if ask.bearer() != Some(KEY) {
            return Err(problem(403, "Invalid credentials"));
        }
        let key = unused_key(desk, ask)?;
        let answer = match (ask.route().0, ask.route().1.as_slice()) {
            ("POST", ["conversations", "tags"]) => add_tag(desk, ask),
            ("GET", ["conversations", "tags"]) => Ok(Answer::ok(
                json!({ "tags": desk.tags.keys().map(|id| tag(desk, id)).collect::<Vec<_>>(), "hasMore": false }),
            )),
            ("GET", ["conversations"]) => spruce_lists::conversations(desk, ask),
            ("GET", ["conversations", id]) => show(desk, id),
            ("PATCH", ["conversations", id]) => change(desk, ask, id),
            ("GET", ["conversations", id, "items"]) => spruce_lists::items(desk, ask, id),
            ("POST", ["conversations", id, "messages"]) => post(desk, ask, id),
            ("GET", ["organization", "members"]) => spruce_lists::members(ask),
            ("GET", ["savedmessages"]) => spruce_lists::saved(ask),
            (method, ["webhooks", "endpoints", rest @ ..]) => spruce_webhooks::answer(desk, ask, method, rest),
            _ => Err(problem(404, "Not found")),
        }?;
        if let Some(key) = key {
            desk.keys.insert((ask.path(), key), ask.now);
        }
        Ok(answer)
    }

    fn problem(&self, status: u16, message: &str) -> Answer {
        problem(status, message)
    }

    fn announce(&self, desk: &mut Desk, thread: &Thread, entry: &Entry) -> Value {
        let payload = created(desk, thread, entry);
        spruce_webhooks::keep(desk, &payload);
        payload
    }
}

pub(super) fn problem(status: u16, message: &str) -> Answer {
    let kind = match status {
        400 => "BAD_PARAMETER",
        403 => "FORBIDDEN",
        404 => "NOT_FOUND",
        422 => "DUPLICATE_REQUEST",
        429 => "RATE_LIMITED",
        _ => "ERROR",
    };
    Answer::new(status, json!({ "statusCode": status, "type": kind, "message": message }))
}

pub(super) fn bad(body: BadBody) -> Answer {
    match body {
        BadBody::ContentType => problem(400, "the body must be application/json"),
        BadBody::Content(why) => problem(400, &why),
    }
}

pub(super) fn unknown() -> Answer {
    problem(404, "Conversation not found")
}

/// The key of the request, where it has one: at most 255 characters, and not used on this path within 24 hours.
fn unused_key(desk: &mut Desk, ask: &Ask<'_>) -> Result<Option<String>, Answer> {
    desk.keys.retain(|_, used| ask.now.duration_since(*used) < KEY_KEPT);
    let Some(key) = ask.header("s-idempotency-key").filter(|_| !ask.is_read()) else { return Ok(None) };
    if key.is_empty() || key.chars().count() > LONGEST_KEY {
        return Err(problem(400, "the idempotency key must have from 1 to 255 characters"));
    }
    match desk.keys.contains_key(&(ask.path(), key.to_owned())) {
        true => Err(problem(422, "duplicate request")),
        false => Ok(Some(key.to_owned())),
    }
}

pub(super) fn is_member(id: &str) -> bool {
    MEMBERS.iter().any(|(own, ..)| *own == id)
}

fn tag(desk: &Desk, id: &str) -> Value {
    json!({ "id": id, "value": desk.tags.get(id), "object": "tag" })
}

pub(super) fn conversation(desk: &Desk, thread: &Thread) -> Value {
    let is_on = |value: &String| thread.tags.iter().any(|own| own == value);
    let tags: Vec<Value> = desk.tags.iter().filter(|(_, value)| is_on(value)).map(|(id, _)| tag(desk, id)).collect();
    let (channel, address) = match &thread.contact.email {
        Some(email) => ("email", Some(email)),
        None => ("phone", thread.contact.phone.as_ref()),
    };
    let endpoint = json!({
        "channel": channel, "displayValue": address, "rawValue": address, "isInternal": false, "label": "", "object": "endpoint",
    });
    let external = json!({ "displayName": thread.contact.name, "contact": thread.contact.id, "endpoint": endpoint });
    json!({
        "object": "conversation", "id": thread.id, "type": channel, "title": thread.subject.as_ref().or(thread.contact.name.as_ref()),
        "subtitle": "", "archived": thread.status == "closed", "assignedToMemberId": thread.assignee,
        "associatedContactIds": [thread.contact.id], "externalParticipants": [external],
        "internalMemberIds": MEMBERS.iter().map(|(id, ..)| id).collect::<Vec<_>>(), "isReadOnly": false,
        "lastMessageAt": thread.last_at(), "tags": tags, "createdAt": thread.created_at,
        "apiURL": format!("https://api.sprucehealth.com/v1/conversations/{}", thread.id),
        "appURL": format!("https://api.sprucehealth.com/org/{ORGANIZATION}/thread/{}", thread.id),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Change {
    #[serde(default)]
    archived: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    assign_to_member_id: Option<Option<String>>,
    #[serde(default)]
    tag_ids: Option<Vec<String>>,
}

/// *Update a conversation*: what is left out or null stays, an empty text or list clears, and `tagIds` replaces all tags.
fn change(desk: &mut Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    let new: Change = ask.json().map_err(bad)?;
    desk.thread(WHO, id).ok_or_else(unknown)?;
    let assignee = new.assign_to_member_id.flatten();
    if assignee.as_ref().is_some_and(|member| !member.is_empty() && !is_member(member)) {
        return Err(problem(400, "Invalid member ID"));
    }
    let tags: Option<BTreeSet<String>> = match new.tag_ids {
        None => None,
        Some(ids) => {
            let values: Option<_> = ids.iter().map(|id| desk.tags.get(id).cloned()).collect();
            Some(values.ok_or_else(|| problem(400, "Invalid tag ID"))?)
        }
    };
    let thread = desk.thread_mut(WHO, id).ok_or_else(unknown)?;
    if let Some(archived) = new.archived {
        if archived { "closed" } else { "open" }.clone_into(&mut thread.status);
    }
    if let Some(member) = assignee {
        thread.assignee = Some(member).filter(|member| !member.is_empty());
    }
    if let Some(tags) = tags {
        thread.tags = tags.into_iter().collect();
    }
    spruce_webhooks::keep_change(desk, id, ask.now);
    show(desk, id)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTag {
    value: String,
}

/// *Create a conversation tag*: 201, with the existing one where there is one.
fn add_tag(desk: &mut Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let new: NewTag = ask.json().map_err(bad)?;
    if new.value.trim().is_empty() {
        return Err(problem(400, "value is required"));
    }
    let existing = desk.tags.iter().find(|(_, value)| value.eq_ignore_ascii_case(&new.value)).map(|(id, _)| id.clone());
    let id = match existing {
        Some(id) => id,
        None => {
            let id = format!("tag_SBX{:05}", desk.number());
            desk.tags.insert(id.clone(), new.value);
            id
        }
    };
    Ok(Answer::new(201, tag(desk, &id)))
}

fn show(desk: &Desk, id: &str) -> Result<Answer, Answer> {
    let thread = desk.thread(WHO, id).ok_or_else(unknown)?;
    Ok(Answer::ok(json!({ "conversation": conversation(desk, thread) })))
}
