//! Carries sends out at Sequenzy, and reads a conversation back. Replies and notes have no idempotency key there, so a
//! call of unclear outcome is never repeated here.

use http::Method;
use serde_json::{Value, json};

use super::config::Account;
use crate::http::{CallError, Request, Response};
use crate::model::event::bare_address;
use crate::model::{Action, Event, Note, Outcome, OutgoingAttachment, Reply, ReplyFormat, TagChange};
use crate::provider::landed::{Found, Sought};
use crate::provider::outcome::{Repeat, answered, for_hooks_only, in_words, judge, refused, shown};
use crate::provider::read::{items, text, time};
use crate::provider::{Call, ReadBack};
use crate::text::{html_of_text, text_of_html};

/// The most files in one reply, and their size together in bytes (*Reply to Conversation*).
const MOST_FILES: usize = 10;
const MOST_BYTES: usize = 15 * 1024 * 1024;

/// Carries out a send.
pub(super) async fn deliver(account: &Account, call: &Call<'_>) -> Outcome {
    match attempt(account, call).await {
        Ok(outcome) | Err(outcome) => outcome,
    }
}

async fn attempt(account: &Account, call: &Call<'_>) -> Result<Outcome, Outcome> {
    match &call.send.action {
        Action::Reply(reply) => write(account, call, reply_body(account, reply)?).await,
        Action::Note(note) => write(account, call, note_body(note)).await,
        Action::Tag(change) => tag(account, call, change).await,
        Action::Close => close(account, call).await,
        Action::Snippet(_) => Err(refused("Sequenzy has no snippets for conversations")),
        Action::Assign(_) => Err(refused("Sequenzy conversations have no assignee")),
        Action::Http(_) => Err(for_hooks_only()),
    }
}

impl Account {
    pub(super) fn request(&self, method: Method, segments: &[&str], body: Option<&Value>) -> Result<Request, Outcome> {
        Ok(self.endpoint.request(method, segments, body)?.bearer(&self.key))
    }

    async fn post(
        &self,
        call: &Call<'_>,
        segments: &[&str],
        body: &Value,
    ) -> Result<Result<Response, CallError>, Outcome> {
        Ok(call.http.call(self.request(Method::POST, segments, Some(body))?).await)
    }
}

fn reply_body(account: &Account, reply: &Reply) -> Result<Value, Outcome> {
    let mut body = json!({ "type": "outbound", "bodyText": reply.text });
    if reply.format != ReplyFormat::Text && !reply.html.is_empty() {
        body["bodyHtml"] = json!(reply.html);
    }
    if let Some(subject) = &reply.subject {
        body["subject"] = json!(subject);
    }
    if let Some(sender) = reply.sender.as_ref().or(account.sender.as_ref()) {
        body["senderProfileId"] = json!(sender);
    }
    if !reply.attachments.is_empty() {
        body["attachments"] = files(&reply.attachments)?;
    }
    Ok(body)
}

fn files(attachments: &[OutgoingAttachment]) -> Result<Value, Outcome> {
    let mut files = Vec::new();
    let mut bytes = 0;
    for attachment in attachments {
        let OutgoingAttachment::Inline { name, content_type, content } = attachment else {
            return Err(refused("Sequenzy takes files in the call only"));
        };
        bytes += content.len() / 4 * 3;
        files.push(json!({ "filename": name, "content": content, "contentType": content_type }));
    }
    match files.len() <= MOST_FILES && bytes <= MOST_BYTES {
        true => Ok(Value::Array(files)),
        false => Err(refused("Sequenzy takes at most 10 files, of 15 MB together")),
    }
}

/// A page is a first line that names the members, since Sequenzy has nothing closer.
fn note_body(note: &Note) -> Value {
    let names: Vec<String> = note.page.iter().map(|member| format!("@{}", member.alias)).collect();
    let lead = if names.is_empty() { String::new() } else { format!("{}\n\n", names.join(" ")) };
    let mut body = json!({ "type": "note", "bodyText": format!("{lead}{}", note.text) });
    if !note.html.is_empty() {
        body["bodyHtml"] = json!(format!("{}{}", html_of_text(&lead), note.html));
    }
    body
}

async fn write(account: &Account, call: &Call<'_>, body: Value) -> Result<Outcome, Outcome> {
    let id = conversation(account, call).await?;
    let result = account.post(call, &["conversations", &id, "messages"], &body).await?;
    Ok(judge(result, Repeat::Harmful, call.now, |response| Outcome::Delivered {
        provider_id: text(&response.json(), "/message/id"),
        request_id: None,
    }))
}

async fn close(account: &Account, call: &Call<'_>) -> Result<Outcome, Outcome> {
    let id = conversation(account, call).await?;
    let result = account.post(call, &["conversations", &id, "status"], &json!({ "status": "closed" })).await?;
    Ok(judge(result, Repeat::Safe, call.now, |_| Outcome::done()))
}

/// The calls for many subscribers, for one. The calls for one (`/subscribers/tags/…`) create a subscriber where there is
/// none, and may ask a stranger to confirm by mail; these do not. Tag automations do not run either.
async fn tag(account: &Account, call: &Call<'_>, change: &TagChange) -> Result<Outcome, Outcome> {
    let (key, subscriber) = subscriber(call.event)?;
    for (verb, tags) in [("add", &change.add), ("remove", &change.remove)] {
        if tags.is_empty() {
            continue;
        }
        let body = json!({ "tags": tags, key: [&subscriber] });
        let result = account.post(call, &["subscribers", "bulk", "tags", verb], &body).await?;
        let outcome = judge(result, Repeat::Safe, call.now, tagged);
        if !matches!(outcome, Outcome::Delivered { .. }) {
            return Ok(outcome);
        }
    }
    Ok(Outcome::done())
}

fn subscriber(event: &Event) -> Result<(&'static str, String), Outcome> {
    match (&event.contact.id, &event.contact.email) {
        (Some(id), _) => Ok(("subscriberIds", id.clone())),
        (None, Some(email)) => Ok(("emails", email.clone())),
        (None, None) => Err(refused("the event names no subscriber")),
    }
}

fn tagged(response: &Response) -> Outcome {
    let json = response.json();
    let number = |key: &str| json.get(key).and_then(Value::as_u64);
    match (number("matched"), number("failed")) {
        (Some(0), _) => refused("the contact is not a subscriber"),
        (_, Some(1..)) => Outcome::TryLater { reason: "the subscriber could not be updated".to_owned(), after: None },
        _ => Outcome::done(),
    }
}

/// The conversation the event names, else the sender's newest open one (*List Conversations*): the payload of a reply is
/// not known to name it.
async fn conversation(account: &Account, call: &Call<'_>) -> Result<String, Outcome> {
    if let Some(id) = &call.event.conversation.id {
        return Ok(id.clone());
    }
    let from = call.event.message.as_ref().and_then(|message| message.from.as_deref());
    let sender = call.event.contact.email.as_deref().or(from).map(bare_address);
    let sender = sender.ok_or_else(|| refused("the event names neither a conversation nor a sender"))?;
    let mut request = account.request(Method::GET, &["conversations"], None)?;
    request.url.query_pairs_mut().append_pair("search", &sender).append_pair("status", "open");
    let json = answered(call.http.call(request).await, call.now)?;
    let is_theirs = |row: &&Value| text(row, "/subscriberEmail").is_some_and(|email| bare_address(&email) == sender);
    let own = items(&json, "/conversations").filter(is_theirs);
    // The list has the newest first; of rows without a time the last in this order is taken.
    let newest = own.rev().max_by_key(|row| time(row, "/lastMessageAt")).and_then(|row| text(row, "/id"));
    newest.ok_or_else(|| Outcome::TryLater {
        reason: "the event names no conversation, and the sender has no open one yet".to_owned(),
        after: None,
    })
}

/// Reads the conversation back (*Get Conversation*, which has its whole history).
pub(super) async fn read_back(account: &Account, call: &Call<'_>) -> ReadBack {
    let body = match &call.send.action {
        Action::Reply(reply) => reply_body(account, reply),
        Action::Note(note) => Ok(note_body(note)),
        // The others can be done again without harm.
        _ => return ReadBack::Absent,
    };
    // What cannot be written was never sent.
    let Ok(body) = body else { return ReadBack::Absent };
    look(account, call, &body).await.unwrap_or_else(ReadBack::Unclear)
}

async fn look(account: &Account, call: &Call<'_>, body: &Value) -> Result<ReadBack, String> {
    let plain = |json: &Value| text(json, "/bodyText").unwrap_or_default();
    let rich = |json: &Value| text(json, "/bodyHtml").map(|html| text_of_html(&html)).unwrap_or_default();
    // Only one of the two may have been kept.
    let sought = Sought::text(call, &[&plain(body), &rich(body)])?;
    let messages = history(account, call).await?;
    let ours = messages.iter().filter(|message| message.get("type") == body.get("type"));
    Ok(sought.among(ours.map(|message| Found {
        id: text(message, "/id"),
        at: time(message, "/createdAt"),
        text: format!("{} {}", plain(message), rich(message)),
    })))
}

async fn history(account: &Account, call: &Call<'_>) -> Result<Vec<Value>, String> {
    let id = conversation(account, call).await.map_err(|_| "the conversation cannot be found now".to_owned())?;
    let request = account.request(Method::GET, &["conversations", &id], None).map_err(in_words)?;
    let json = shown(call.http.call(request).await)?;
    let messages = ["/conversation/messages", "/messages"].iter().find_map(|at| json.pointer(at)?.as_array());
    messages.cloned().ok_or_else(|| "the answer holds no messages".to_owned())
}
