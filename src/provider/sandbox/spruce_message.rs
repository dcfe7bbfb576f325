//! Spruce's messages: posting them, how they are shown as conversation items, and the webhook that announces one.
//! An item appears at once here; the real one takes a moment.

use serde::Deserialize;
use serde_json::{Value, json};

use super::desk::{Desk, Webhook, entry_id};
use super::spruce::{MEMBERS, ORGANIZATION, WHO, bad, conversation, is_member, problem, unknown};
use super::spruce_webhooks;
use super::thread::{Entry, EntryKind, Thread};
use super::wire::{Answer, Ask};

const MOST_FILES: usize = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewMessage {
    body: Vec<Element>,
    #[serde(default)]
    internal: bool,
    author: Option<String>,
    #[serde(default)]
    stay_archived: bool,
    #[serde(default)]
    attachments: Vec<File>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Element {
    #[serde(rename = "type")]
    kind: ElementKind,
    value: String,
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ElementKind {
    Text,
    Page,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "attachmentId")]
    id: String,
    #[serde(rename = "title")]
    _title: Option<String>,
}

/// *Post a message*: answered with a request id; the item and its webhook follow, here at once.
pub(super) fn post(desk: &mut Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    let new: NewMessage = ask.json().map_err(bad)?;
    desk.thread(WHO, id).ok_or_else(unknown)?;
    check(&new)?;
    let pages = new.body.iter().filter(|element| element.kind == ElementKind::Page);
    let page = pages.map(|element| element.value.clone()).collect();
    let words = new.body.iter().map(|element| match element.kind {
        ElementKind::Text => element.value.clone(),
        ElementKind::Page => {
            let name = MEMBERS.iter().find(|(own, ..)| *own == element.value).map_or("", |(_, name, _)| name);
            format!("@{name}")
        }
    });
    let kind = if new.internal { EntryKind::Note } else { EntryKind::Reply };
    let text = words.collect::<Vec<_>>().concat();
    let request_id = format!("asyncRequest_SBX{:08}", desk.number());
    let mut entry = Entry::new(entry_id(WHO, kind, desk.number()), ask.now, kind, text);
    entry.author = new.author;
    entry.page = page;
    entry.attachments = new.attachments.len();
    entry.request_id = Some(request_id.clone());
    let thread = desk.thread_mut(WHO, id).ok_or_else(unknown)?;
    thread.messages.push(entry.clone());
    if !new.stay_archived {
        "open".clone_into(&mut thread.status);
    }
    let thread = thread.clone();
    let payload = created(desk, &thread, &entry);
    spruce_webhooks::keep(desk, &payload);
    desk.webhooks.push(Webhook { provider: WHO, payload });
    Ok(Answer::ok(json!({ "requestId": request_id })))
}

fn check(new: &NewMessage) -> Result<(), Answer> {
    let refuse = |message: &str| Err(problem(400, message));
    if new.body.is_empty() && new.attachments.is_empty() {
        return refuse("body is required");
    }
    if new.attachments.len() > MOST_FILES || new.attachments.iter().any(|file| file.id.is_empty()) {
        return refuse("at most 5 attachments, each with an attachmentId");
    }
    if new.author.as_ref().is_some_and(|author| !is_member(author)) {
        return refuse("Invalid author");
    }
    for element in &new.body {
        match element.kind {
            ElementKind::Text if element.value.is_empty() => return refuse("a text element needs a value"),
            ElementKind::Page if !new.internal => return refuse("a page element needs internal: true"),
            ElementKind::Page if !is_member(&element.value) => return refuse("Invalid member ID"),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn item(thread: &Thread, entry: &Entry) -> Value {
    let is_note = entry.kind == EntryKind::Note;
    let direction = match entry.kind {
        EntryKind::Contact => "inbound",
        EntryKind::Reply => "outbound",
        EntryKind::Note | EntryKind::ContactNote => "none",
    };
    let author = match entry.kind {
        // Members have an id; senders of e-mail and text messages have a name alone.
        EntryKind::Contact => json!({ "displayName": entry.author }),
        _ => {
            let id = entry.author.as_deref().unwrap_or(ORGANIZATION);
            let name = MEMBERS.iter().find(|(own, ..)| *own == id).map(|(_, name, _)| name);
            json!({ "displayName": name, "id": id })
        }
    };
    let page =
        |member: &String| json!({ "id": format!("page_{}_{member}", entry.id), "memberId": member, "resolved": false });
    let mut item = json!({
        "object": "conversationItem", "id": entry.id, "conversationId": thread.id, "direction": direction,
        "isInternalNote": is_note, "text": entry.text, "author": author, "pages": entry.page.iter().map(page).collect::<Vec<_>>(),
        "buttons": null, "attachments": [], "createdAt": entry.at, "modifiedAt": entry.at,
        "apiURL": format!("https://api.sprucehealth.com/v1/conversationItems/{}", entry.id),
        "appURL": format!("https://api.sprucehealth.com/org/{ORGANIZATION}/thread/{}/message/{}", thread.id, entry.id),
    });
    if let Some(request_id) = &entry.request_id {
        item["requestId"] = json!(request_id);
    }
    item
}

/// `conversationItem.created`, which carries the whole conversation.
pub(super) fn created(desk: &Desk, thread: &Thread, entry: &Entry) -> Value {
    let mut object = item(thread, entry);
    object["conversation"] = conversation(desk, thread);
    json!({ "object": "event", "type": "conversationItem.created", "eventTime": entry.at, "data": { "object": object } })
}
