//! HighLevel's messages: sending by contact and channel, the lists that show them, and the webhooks that announce them.
//! E-mails stand in a conversation's list without their bodies and are shown one by one.

use serde::Deserialize;
use serde_json::{Value, json};

use super::config::{APP_ID, LOCATION_ID};
use super::desk::{Desk, Webhook, entry_id};
use super::highlevel::{WHO, bad, is_user, of_contact, problem};
use super::thread::{Entry, EntryKind, Thread};
use super::wire::{Answer, Ask};
use crate::text::text_of_html;

/// The templates, by id.
const TEMPLATES: [(&str, &str); 1] = [("template123", "Your order is on its way.")];

/// A message to be sent (*Send a new message*). `InternalComment`, `mentions` and `status` stand in no page of HighLevel;
/// they are what integrations report to work.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewMessage {
    #[serde(rename = "type")]
    channel: Channel,
    contact_id: String,
    message: Option<String>,
    html: Option<String>,
    subject: Option<String>,
    #[serde(default)]
    attachments: Vec<String>,
    reply_message_id: Option<String>,
    thread_id: Option<String>,
    template_id: Option<String>,
    conversation_provider_id: Option<String>,
    #[serde(default)]
    mentions: Vec<String>,
    email_from: Option<String>,
    #[serde(rename = "emailTo")]
    _email_to: Option<String>,
    #[serde(rename = "emailCc")]
    _email_cc: Option<Vec<String>>,
    #[serde(rename = "emailBcc")]
    _email_bcc: Option<Vec<String>>,
    #[serde(rename = "emailReplyMode")]
    _email_reply_mode: Option<ReplyMode>,
    #[serde(rename = "appointmentId")]
    _appointment_id: Option<String>,
    #[serde(rename = "scheduledTimestamp")]
    _scheduled_timestamp: Option<u64>,
    #[serde(rename = "fromNumber")]
    _from_number: Option<String>,
    #[serde(rename = "toNumber")]
    _to_number: Option<String>,
    #[serde(rename = "userId")]
    _user_id: Option<String>,
    #[serde(rename = "status")]
    _status: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Channel {
    #[serde(rename = "SMS")]
    Sms,
    Email,
    WhatsApp,
    #[serde(rename = "IG")]
    Instagram,
    #[serde(rename = "FB")]
    Facebook,
    Custom,
    #[serde(rename = "Live_Chat")]
    LiveChat,
    InternalComment,
}

impl Channel {
    fn word(self) -> &'static str {
        match self {
            Self::Sms => "SMS",
            Self::Email => "Email",
            Self::WhatsApp => "WhatsApp",
            Self::Instagram => "IG",
            Self::Facebook => "FB",
            Self::Custom => "Custom",
            Self::LiveChat => "Live_Chat",
            Self::InternalComment => "InternalComment",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReplyMode {
    Reply,
    ReplyAll,
}

/// *Send a new message*.
pub(super) fn send(desk: &mut Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let new: NewMessage = ask.json().map_err(bad)?;
    let text = check(&new)?;
    let kind = if new.channel == Channel::InternalComment { EntryKind::Note } else { EntryKind::Reply };
    let number = desk.number();
    let thread = of_contact(desk, &new.contact_id, ask)?;
    for id in [&new.reply_message_id, &new.thread_id].into_iter().flatten() {
        if !thread.messages.iter().any(|entry| entry.id == *id) {
            return Err(problem(400, "No message found for the given threadId or replyMessageId"));
        }
    }
    let mut entry = Entry::new(entry_id(WHO, kind, number), ask.now, kind, text);
    entry.html = new.html;
    entry.subject = new.subject;
    entry.author = new.email_from;
    entry.page = new.mentions;
    entry.attachments = new.attachments.len();
    entry.channel = Some(new.channel.word());
    thread.messages.push(entry.clone());
    let thread = thread.clone();
    if kind == EntryKind::Reply {
        let payload = webhook(desk, &thread, &entry);
        desk.webhooks.push(Webhook { provider: WHO, payload });
    }
    let mut answer =
        json!({ "conversationId": thread.id, "messageId": entry.id, "msg": "Message queued successfully." });
    if new.channel == Channel::Email {
        answer["emailMessageId"] = json!(entry.id);
    }
    Ok(Answer::ok(answer))
}

/// What every channel needs; gives the text that will be shown.
fn check(new: &NewMessage) -> Result<String, Answer> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let template = match &new.template_id {
        None => None,
        Some(id) => match TEMPLATES.iter().find(|(own, _)| own == id) {
            Some((_, text)) => Some((*text).to_owned()),
            None => return Err(problem(400, "Template not found")),
        },
    };
    let html = filled(&new.html).filter(|_| new.channel == Channel::Email).map(|html| text_of_html(&html));
    let text = filled(&new.message).or(html).or(template);
    if new.channel == Channel::Custom && filled(&new.conversation_provider_id).is_none() {
        return Err(problem(400, "conversationProviderId is required for type Custom"));
    }
    if new.attachments.iter().any(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        return Err(problem(422, "attachments must be URL addresses"));
    }
    if new.mentions.iter().any(|user| !is_user(user)) {
        return Err(problem(400, "mentions must be users of the location"));
    }
    match text {
        Some(text) => Ok(text),
        None if !new.attachments.is_empty() => Ok(String::new()),
        None => Err(problem(400, "There is no message or attachments for this message. Skip sending.")),
    }
}

fn channel(thread: &Thread, entry: &Entry) -> &'static str {
    entry.channel.unwrap_or(if thread.channel == "email" { "Email" } else { "SMS" })
}

fn is_outbound(entry: &Entry) -> bool {
    entry.kind != EntryKind::Contact
}

/// The channel of an entry as lists name it.
pub(super) fn type_word(thread: &Thread, entry: &Entry) -> String {
    match channel(thread, entry) {
        "InternalComment" => "TYPE_INTERNAL_COMMENT".to_owned(),
        "Live_Chat" => "TYPE_LIVE_CHAT".to_owned(),
        "FB" => "TYPE_FACEBOOK".to_owned(),
        "IG" => "TYPE_INSTAGRAM".to_owned(),
        word => format!("TYPE_{}", word.to_uppercase()),
    }
}

fn item(thread: &Thread, entry: &Entry) -> Value {
    let word = channel(thread, entry);
    let mut item = json!({
        "id": entry.id, "type": 1, "messageType": type_word(thread, entry),
        "locationId": LOCATION_ID, "contactId": thread.contact.id, "conversationId": thread.id, "dateAdded": entry.at,
        "direction": if is_outbound(entry) { "outbound" } else { "inbound" }, "status": "delivered", "attachments": [],
        "source": "api",
    });
    match word {
        "Email" => item["meta"] = json!({ "email": { "messageIds": [entry.id] } }),
        _ => item["body"] = json!(entry.text),
    }
    item
}

/// The messages of a conversation, newest first; `lastMessageId` is where the page before ended.
pub(super) fn list(desk: &Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    ask.only(&["limit", "lastMessageId", "type"]).map_err(|why| problem(422, &why))?;
    let limit = ask.number("limit", 20, 1..=100).ok_or_else(|| problem(422, "limit must be from 1 to 100"))?;
    let thread = desk.thread(WHO, id).ok_or_else(|| problem(404, "Conversation not found"))?;
    let entries: Vec<&Entry> =
        thread.messages.iter().rev().filter(|entry| entry.kind != EntryKind::ContactNote).collect();
    let start = match ask.query("lastMessageId") {
        None => 0,
        Some(last) => entries.iter().position(|entry| entry.id == last).map_or(entries.len(), |at| at + 1),
    };
    let page: Vec<Value> = entries.iter().skip(start).take(limit).map(|entry| item(thread, entry)).collect();
    let last = page.last().map(|item| item["id"].clone());
    let has_more = start + page.len() < entries.len();
    Ok(Answer::ok(json!({ "messages": { "lastMessageId": last, "nextPage": has_more, "messages": page } })))
}

/// One message, with its body.
pub(super) fn one(desk: &Desk, id: &str) -> Result<Answer, Answer> {
    let all = desk.threads.iter().filter(|thread| thread.provider == WHO);
    let mut entries = all.flat_map(|thread| thread.messages.iter().map(move |entry| (thread, entry)));
    let (thread, entry) = entries.find(|(_, entry)| entry.id == id).ok_or_else(|| problem(404, "Message not found"))?;
    let mut shown = item(thread, entry);
    let is_email = channel(thread, entry) == "Email";
    shown["body"] = if is_email { json!(entry.as_html()) } else { json!(entry.text) };
    shown["contentType"] = json!(if is_email { "text/html" } else { "text/plain" });
    shown["subject"] = json!(entry.subject.as_ref().or(thread.subject.as_ref()));
    if is_email {
        let (from, to) = correspondents(thread, entry);
        (shown["from"], shown["to"]) = (json!(from), json!([to]));
        shown["threadId"] = json!(root(thread, entry).id);
    }
    Ok(Answer::ok(if is_email { json!({ "emailMessage": shown }) } else { shown }))
}

/// `InboundMessage` or `OutboundMessage`, with the fields of the envelope that real deliveries have.
pub(super) fn webhook(desk: &mut Desk, thread: &Thread, entry: &Entry) -> Value {
    let outbound = is_outbound(entry);
    let word = channel(thread, entry);
    let mut payload = json!({
        "type": if outbound { "OutboundMessage" } else { "InboundMessage" },
        "locationId": LOCATION_ID,
        "versionId": APP_ID,
        "appId": APP_ID,
        "webhookId": format!("sbxWebhook{:010}", desk.number()),
        "timestamp": entry.at,
        "attachments": [],
        "body": entry.text,
        "contactId": thread.contact.id,
        "contentType": "text/plain",
        "conversationId": thread.id,
        "dateAdded": entry.at,
        "direction": if outbound { "outbound" } else { "inbound" },
        "messageType": word,
        "messageId": entry.id,
        "status": "delivered",
    });
    if outbound {
        payload["source"] = json!("api");
    }
    if word == "Email" {
        let (from, to) = correspondents(thread, entry);
        payload["body"] = json!(entry.as_html());
        payload["contentType"] = json!("text/html");
        payload["emailMessageId"] = json!(entry.id);
        payload["threadId"] = json!(root(thread, entry).id);
        payload["subject"] = json!(entry.subject.as_ref().or(thread.subject.as_ref()));
        payload["from"] = json!(from);
        payload["to"] = json!([to]);
    }
    payload
}

/// The sender and the receiver of a mail, in the form `Name <address>`.
fn correspondents(thread: &Thread, entry: &Entry) -> (String, String) {
    let name = thread.contact.name.as_deref().unwrap_or_default();
    let theirs = format!("{name} <{}>", thread.contact.email.as_deref().unwrap_or_default()).trim().to_owned();
    let ours = "Support <support@sandbox.example>".to_owned();
    if is_outbound(entry) { (ours, theirs) } else { (theirs, ours) }
}

/// The mail that a thread of mails began with.
fn root<'a>(thread: &'a Thread, entry: &'a Entry) -> &'a Entry {
    thread.messages.iter().find(|entry| channel(thread, entry) == "Email").unwrap_or(entry)
}
