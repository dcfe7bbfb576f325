//! Sequenzy's API: conversations of subscribers, replies and notes by one call, tags on subscribers.
//! Assumed where its pages are silent: a refused body is 400, a conversation shows its messages under `messages`, and a
//! webhook names its conversation as `conversation_id` and the stored message as `reply_id`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::KEY;
use super::desk::{Desk, Speaks, entry_id};
use super::sequenzy_tags::tag;
use super::sequenzy_webhooks;
use super::thread::{Entry, EntryKind, Thread};
use super::wire::{Answer, Ask, BadBody};
use super::{Api, Spent};
use crate::provider::{CallClass, Quota};
use crate::text::text_of_html;

pub(super) const WHO: Speaks = Speaks::Sequenzy;

/// The most files of a message, and their size together in bytes.
const MOST_FILES: usize = 10;
const MOST_BYTES: usize = 15 * 1024 * 1024;

/// For each key.
const QUOTAS: [Quota; 2] = [
    Quota { class: CallClass::Any, calls: 100, per: SignedDuration::from_secs(60) },
    Quota { class: CallClass::Any, calls: 20, per: SignedDuration::from_secs(1) },
];

pub(super) struct Sequenzy;

impl Api for Sequenzy {
    fn speaks(&self) -> Speaks {
        WHO
    }

    fn prefix(&self) -> &'static str {
        "/sequenzy/api/v1"
    }

    fn quotas(&self) -> &'static [Quota] {
        &QUOTAS
    }

    fn answer(&self, desk: &mut Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
        if ask.bearer() != Some(KEY) {
            return Err(problem(401, "Unauthorized"));
        }
        match (ask.route().0, ask.route().1.as_slice()) {
            ("GET", ["conversations"]) => list(desk, ask),
            ("GET", ["conversations", id]) => show(desk, ask, id),
            ("POST", ["conversations", id, "messages"]) => write(desk, ask, id),
            ("POST", ["conversations", id, "status"]) => set_status(desk, ask, id),
            ("POST", ["subscribers", "bulk", "tags", verb @ ("add" | "remove")]) => tag(desk, ask, verb),
            (method, ["webhooks", rest @ ..]) => sequenzy_webhooks::answer(desk, ask, method, rest),
            _ => Err(problem(404, "Not found")),
        }
    }

    fn problem(&self, status: u16, message: &str) -> Answer {
        problem(status, message)
    }

    fn show_limit(&self, spent: &Spent, answer: &mut Answer) {
        if spent.is_exceeded {
            answer.header("retry-after", &spent.per.as_secs().to_string());
        }
    }

    fn announce(&self, desk: &mut Desk, thread: &Thread, entry: &Entry) -> Value {
        let name = if thread.messages.len() > 1 { "email.replied" } else { "email.received" };
        let html = entry.as_html();
        let mut payload = json!({
            "id": format!("evt_sbx{}", desk.number()),
            "type": name,
            "object": "event",
            "metric": name.trim_start_matches("email."),
            "created_at": entry.at,
            "data": {
                "conversation_id": thread.id,
                "reply_id": entry.id,
                "subscriber_id": thread.contact.id,
                "recipient": thread.contact.email,
                "from_email": thread.contact.email,
                "from_name": thread.contact.name,
                "subject": entry.subject.as_ref().or(thread.subject.as_ref()),
                "body_text": entry.text,
                "body_html": html,
                "stripped_text": entry.text,
                "received_at": entry.at,
                "attachments": [],
            }
        });
        if let Some(headers) = &entry.headers {
            payload["data"]["headers"] = json!(headers);
        }
        payload
    }
}

/// Error bodies have `error`, and `code` as a word for programs.
pub(super) fn problem(status: u16, message: &str) -> Answer {
    let code = match status {
        400 => "VALIDATION_ERROR",
        401 => "UNAUTHORIZED",
        404 => "NOT_FOUND",
        415 => "UNSUPPORTED_MEDIA_TYPE",
        429 => "RATE_LIMITED",
        _ => "ERROR",
    };
    Answer::new(status, json!({ "success": false, "error": message, "code": code }))
}

pub(super) fn bad(body: BadBody) -> Answer {
    match body {
        BadBody::ContentType => problem(415, "Content-Type must be application/json"),
        BadBody::Content(why) => problem(400, &why),
    }
}

fn unknown() -> Answer {
    problem(404, "Conversation not found")
}

fn summary(thread: &Thread) -> Value {
    let last_by_contact = thread.is_unread();
    json!({
        "id": thread.id,
        "subscriberId": thread.contact.id,
        "subscriberEmail": thread.contact.email,
        "subscriberName": thread.contact.name,
        "subject": thread.subject,
        "status": thread.status,
        "messageCount": thread.messages.len(),
        "lastMessageAt": thread.last_at(),
        "lastMessageBy": if last_by_contact { "subscriber" } else { "team" },
        "hasUnread": last_by_contact,
        "createdAt": thread.created_at,
        "context": null,
    })
}

fn message(thread: &Thread, entry: &Entry) -> Value {
    let (kind, status) = match entry.kind {
        EntryKind::Contact => ("inbound", Value::Null),
        EntryKind::Reply => ("outbound", json!("pending")),
        EntryKind::Note | EntryKind::ContactNote => ("note", Value::Null),
    };
    let from = match entry.kind {
        EntryKind::Contact => thread.contact.email.clone(),
        _ => Some("support@sandbox.example".to_owned()),
    };
    json!({
        "id": entry.id, "conversationId": thread.id, "type": kind, "subject": entry.subject, "bodyText": entry.text,
        "bodyHtml": entry.html, "fromEmail": from, "fromName": entry.author, "fromUserId": null, "attachments": [],
        "isRead": entry.kind != EntryKind::Contact, "createdAt": entry.at, "deliveryStatus": status,
    })
}

/// *List Conversations*: by the newest message, filtered, in pages.
fn list(desk: &Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
    ask.only(&["status", "search", "page", "limit", "unread"]).map_err(|why| problem(400, &why))?;
    let status = ask.query("status").unwrap_or("all");
    if !matches!(status, "all" | "open" | "closed") {
        return Err(problem(400, "status must be all, open or closed"));
    }
    let page = ask.number("page", 1, 1..=usize::MAX).ok_or_else(|| problem(400, "page must be a positive number"))?;
    let limit = ask.number("limit", 20, 1..=100).ok_or_else(|| problem(400, "limit must be from 1 to 100"))?;
    let is_unread_only = match ask.query("unread") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(problem(400, "unread must be true or false")),
    };
    let term = ask.query("search").unwrap_or_default().to_lowercase();
    let holds = |text: &Option<String>| text.as_ref().is_some_and(|text| text.to_lowercase().contains(&term));
    let is_found = |thread: &Thread| {
        let is_named = || holds(&thread.subject) || holds(&thread.contact.email) || holds(&thread.contact.name);
        (status == "all" || thread.status == status)
            && (term.is_empty() || is_named())
            && (!is_unread_only || thread.is_unread())
    };
    let rows: Vec<Value> = desk.newest_first(WHO).into_iter().filter(|thread| is_found(thread)).map(summary).collect();
    let shown: Vec<&Value> = rows.iter().skip((page - 1).saturating_mul(limit)).take(limit).collect();
    let pages = rows.len().div_ceil(limit);
    Ok(Answer::ok(json!({
        "success": true,
        "conversations": shown,
        "pagination": { "page": page, "limit": limit, "total": rows.len(), "totalPages": pages },
    })))
}

fn show(desk: &Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    ask.only(&[]).map_err(|why| problem(400, &why))?;
    let thread = desk.thread(WHO, id).ok_or_else(unknown)?;
    let mut conversation = summary(thread);
    conversation["messages"] = thread.messages.iter().map(|entry| message(thread, entry)).collect();
    Ok(Answer::ok(json!({ "success": true, "conversation": conversation })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewMessage {
    #[serde(rename = "type", default)]
    kind: Kind,
    subject: Option<String>,
    body_text: Option<String>,
    body_html: Option<String>,
    #[serde(rename = "senderProfileId")]
    sender: Option<String>,
    #[serde(default)]
    attachments: Vec<File>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Outbound,
    Note,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    filename: String,
    content: String,
    #[serde(rename = "contentType")]
    _content_type: Option<String>,
}

/// *Reply to Conversation*: a reply reopens, a note does not.
fn write(desk: &mut Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    let new: NewMessage = ask.json().map_err(bad)?;
    desk.thread(WHO, id).ok_or_else(unknown)?;
    let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    if !filled(&new.body_text) && !filled(&new.body_html) {
        return Err(problem(400, "bodyText or bodyHtml is required"));
    }
    check_files(&new.attachments)?;
    let kind = if new.kind == Kind::Note { EntryKind::Note } else { EntryKind::Reply };
    let text = new.body_text.filter(|text| !text.is_empty());
    let text = text.or_else(|| new.body_html.as_deref().map(text_of_html)).unwrap_or_default();
    let mut entry = Entry::new(entry_id(WHO, kind, desk.number()), ask.now, kind, text);
    entry.html = new.body_html;
    entry.attachments = new.attachments.len();
    entry.author = new.sender;
    let thread = desk.thread_mut(WHO, id).ok_or_else(unknown)?;
    entry.subject = new.subject.or_else(|| thread.subject.clone());
    if kind == EntryKind::Reply {
        "open".clone_into(&mut thread.status);
    }
    let shown = message(thread, &entry);
    thread.messages.push(entry);
    Ok(Answer::ok(json!({ "success": true, "message": shown })))
}

fn check_files(files: &[File]) -> Result<(), Answer> {
    if files.len() > MOST_FILES {
        return Err(problem(400, "at most 10 attachments"));
    }
    let mut bytes = 0;
    for file in files {
        let content = STANDARD.decode(&file.content).map_err(|_| problem(400, "attachment content must be base64"))?;
        bytes += content.len();
        if file.filename.is_empty() || bytes > MOST_BYTES {
            return Err(problem(400, "attachments need a filename and have at most 15 MB together"));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Open,
    Closed,
}

fn set_status(desk: &mut Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    let new: NewStatus = ask.json().map_err(bad)?;
    let thread = desk.thread_mut(WHO, id).ok_or_else(unknown)?;
    let status = match new.status {
        Status::Open => "open",
        Status::Closed => "closed",
    };
    status.clone_into(&mut thread.status);
    Ok(Answer::ok(json!({ "success": true, "conversation": { "id": id, "status": status } })))
}
