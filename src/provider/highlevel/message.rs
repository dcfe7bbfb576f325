//! The bodies of "Send a new message": by contact and channel, since HighLevel takes no conversation id. It calls nobody.
//!
//! `scheduledTimestamp` is never written: a delayed reply waits in our own outbox, where it can still be called off.

use serde_json::{Map, Value, json};

use super::channel;
use super::config::Config;
use super::inbound::field;
use crate::model::{Direction, Event, Note, OutgoingAttachment, Reply, SnippetCall};

/// The body of a reply. E-mail carries HTML alone, as in HighLevel's example; the other channels carry text.
pub(super) fn reply(config: &Config, event: &Event, reply: &Reply) -> Result<Value, String> {
    let mut body = addressed(config, event)?;
    let is_email = is_email(event);
    match is_email && !reply.html.is_empty() {
        true => body.insert("html".to_owned(), json!(reply.html)),
        false => body.insert("message".to_owned(), json!(reply.text)),
    };
    if is_email {
        threaded(&mut body, event);
        if let Some(subject) = reply.subject.clone().or_else(|| answering_subject(event)) {
            body.insert("subject".to_owned(), json!(subject));
        }
        if let Some(sender) = reply.sender.as_deref().filter(|sender| sender.contains('@')) {
            body.insert("emailFrom".to_owned(), json!(sender));
        }
    }
    let urls = attachments(reply)?;
    if !urls.is_empty() {
        body.insert("attachments".to_owned(), json!(urls));
    }
    Ok(Value::Object(body))
}

/// The body of a template, which HighLevel fills in by itself: `data` has no place in it.
pub(super) fn template(config: &Config, event: &Event, snippet: &SnippetCall) -> Result<Value, String> {
    let mut body = addressed(config, event)?;
    body.insert("templateId".to_owned(), json!(snippet.id));
    if is_email(event) {
        threaded(&mut body, event);
        if let Some(subject) = answering_subject(event) {
            body.insert("subject".to_owned(), json!(subject));
        }
    }
    Ok(Value::Object(body))
}

/// The body of an `InternalComment`. Neither this type nor `mentions` (user ids) is in HighLevel's documents; both are
/// what third parties report to work. The members are also named in the text, which works in any case.
pub(super) fn comment(contact: &str, note: &Note) -> Value {
    let mut body = json!({ "type": "InternalComment", "contactId": contact, "message": note_text(note) });
    if let (false, Some(body)) = (note.page.is_empty(), body.as_object_mut()) {
        body.insert("mentions".to_owned(), note.page.iter().map(|member| member.id.as_str()).collect());
    }
    body
}

/// The text of a note, with the members it is meant for.
pub(super) fn note_text(note: &Note) -> String {
    let names: Vec<String> = note.page.iter().map(|member| format!("@{}", member.alias)).collect();
    [note.text.clone(), names.join(" ")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The contact that an event is about.
pub(super) fn contact_id(event: &Event) -> Result<&str, String> {
    event.contact.id.as_deref().ok_or_else(|| "the event names no contact".to_owned())
}

fn is_email(event: &Event) -> bool {
    event.conversation.channel.as_deref() == Some(channel::EMAIL)
}

/// Who is written to, on which channel, from and to which number.
fn addressed(config: &Config, event: &Event) -> Result<Map<String, Value>, String> {
    let kind = channel::send_type(event.conversation.channel.as_deref())?;
    let mut body = Map::new();
    body.insert("type".to_owned(), json!(kind));
    body.insert("contactId".to_owned(), json!(contact_id(event)?));
    if kind == "Custom" {
        let through = field(&event.raw, "conversationProviderId").or_else(|| config.conversation_provider_id.clone());
        let through = through.ok_or("a custom channel needs `conversation_provider_id`, and the event names none")?;
        body.insert("conversationProviderId".to_owned(), json!(through));
    }
    if matches!(kind, "SMS" | "WhatsApp") {
        let correspondent = event.message.as_ref().filter(|message| message.direction == Direction::Inbound);
        let to = correspondent.and_then(|message| message.from.as_deref()).filter(|from| from.starts_with('+'));
        for (key, number) in [("fromNumber", config.from_number.as_deref()), ("toNumber", to)] {
            if let Some(number) = number {
                body.insert(key.to_owned(), json!(number));
            }
        }
    }
    Ok(body)
}

/// Into the thread of the mail that is answered, to its sender alone. `threadId` names the message that holds the thread,
/// `replyMessageId` the mail in it.
fn threaded(body: &mut Map<String, Value>, event: &Event) {
    let Some(message) = &event.message else { return };
    let answered = field(&event.raw, "emailMessageId").or_else(|| message.id.clone());
    let places = [("threadId", message.thread_id.clone()), ("replyMessageId", answered)];
    for (key, id) in places {
        if let Some(id) = id {
            body.insert(key.to_owned(), json!(id));
            body.insert("emailReplyMode".to_owned(), json!("reply"));
        }
    }
}

fn answering_subject(event: &Event) -> Option<String> {
    let own = event.message.as_ref().and_then(|message| message.subject.as_deref());
    let subject = own.or(event.conversation.subject.as_deref())?;
    let is_answer = subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:"));
    Some(if is_answer { subject.to_owned() } else { format!("Re: {subject}") })
}

fn attachments(reply: &Reply) -> Result<Vec<&str>, String> {
    reply.attachments.iter().map(attachment_url).collect()
}

fn attachment_url(attachment: &OutgoingAttachment) -> Result<&str, String> {
    match attachment {
        OutgoingAttachment::Url { url } => Ok(url),
        _ => Err("HighLevel takes attachments as addresses only".to_owned()),
    }
}
