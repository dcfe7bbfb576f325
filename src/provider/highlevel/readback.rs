//! Whether a send of unknown outcome has landed, told from the newest messages of the conversation or the notes of the
//! contact. It only reads, and where it is not sure it says so: nothing is sent again on a guess.

use serde_json::Value;

use super::channel::{self, INTERNAL_COMMENT, is_mail_thread};
use super::config::Config;
use super::message;
use crate::model::{Action, Note, Reply};
use crate::provider::landed::{Found, Sought};
use crate::provider::{Call, ReadBack, read};
use crate::text::text_of_html;

/// The most messages asked for.
const PAGE: &str = "100";

/// The most e-mails fetched one by one.
const MAX_EMAILS: usize = 10;

/// Reads back.
pub(super) async fn read_back(config: &Config, call: &Call<'_>) -> ReadBack {
    let found = match &call.send.action {
        Action::Reply(reply) => written_reply(config, call, reply).await,
        Action::Snippet(_) => template(config, call).await,
        Action::Note(note) => written_note(config, call, note).await,
        // Done again, these do no harm.
        Action::Tag(_) | Action::Assign(_) | Action::Close | Action::Http(_) => Ok(ReadBack::Absent),
    };
    found.unwrap_or_else(ReadBack::Unclear)
}

/// A mail was sent as HTML, everything else as text; either may be what is shown.
async fn written_reply(config: &Config, call: &Call<'_>, reply: &Reply) -> Result<ReadBack, String> {
    let sought = Sought::text(call, &[&reply.text, &text_of_html(&reply.html)])?;
    in_conversation(config, call, &sought, is_message).await
}

/// What HighLevel makes of a template is not known here: only its absence can be told.
async fn template(config: &Config, call: &Call<'_>) -> Result<ReadBack, String> {
    match in_conversation(config, call, &Sought::anything(call)?, is_message).await? {
        ReadBack::Landed { .. } => {
            Err("a message was sent meanwhile; whether it is the template cannot be told".to_owned())
        }
        other => Ok(other),
    }
}

/// A comment may have become a note on the contact, so both places are looked at.
async fn written_note(config: &Config, call: &Call<'_>, note: &Note) -> Result<ReadBack, String> {
    let sought = Sought::text(call, &[&message::note_text(note)])?;
    if config.internal_comment {
        let comment = in_conversation(config, call, &sought, is_comment).await?;
        if comment != ReadBack::Absent {
            return Ok(comment);
        }
    }
    let contact = message::contact_id(call.event)?;
    let json = config.api.read(call, &["contacts", contact, "notes"], &[]).await?;
    let notes = json.pointer("/notes").and_then(Value::as_array).ok_or("the list of notes was not understood")?;
    Ok(sought.among(notes.iter().map(found)))
}

/// Looks for an outbound message since the attempt began, of those that `is_wanted`.
async fn in_conversation(
    config: &Config,
    call: &Call<'_>,
    sought: &Sought,
    is_wanted: fn(&Value) -> bool,
) -> Result<ReadBack, String> {
    let id = call.event.conversation.id.as_deref().ok_or("the event names no conversation to read back")?;
    let json = config.api.read(call, &["conversations", id, "messages"], &[("limit", PAGE)]).await?;
    // The OpenAPI file shows the list itself under `messages`; what arrives nests it once more.
    let list = json.pointer("/messages/messages").or_else(|| json.pointer("/messages")).and_then(Value::as_array);
    let list = list.ok_or("the list of messages was not understood")?;
    let is_candidate = |item: &&Value| is_outbound(item) && !is_mail_thread(item) && is_wanted(item);
    let direct = sought.among(list.iter().filter(is_candidate).map(found));
    if direct != ReadBack::Absent {
        return Ok(direct);
    }
    // What goes out on a custom channel may be a mail as well.
    let may_be_mail = matches!(call.event.conversation.channel.as_deref(), Some("email" | "custom"));
    if may_be_mail {
        let mail = in_mails(config, call, list, sought).await?;
        if mail != ReadBack::Absent {
            return Ok(mail);
        }
    }
    // A message of before the attempt shows that the page reaches back far enough for all but mail threads.
    let reaches_back = list.iter().any(|item| sought.is_old(read::time(item, "/dateAdded")));
    let has_more = ["/messages/nextPage", "/nextPage"].iter().any(|pointer| read::flag(&json, pointer));
    match has_more && (may_be_mail || !reaches_back) {
        true => Err("the conversation is too long to be sure".to_owned()),
        false => Ok(ReadBack::Absent),
    }
}

/// The list shows a thread of mails as one message without bodies, with the ids of its mails: each one is fetched.
async fn in_mails(config: &Config, call: &Call<'_>, list: &[Value], sought: &Sought) -> Result<ReadBack, String> {
    let mails = |item| match read::texts(item, "/meta/email/messageIds") {
        ids if ids.is_empty() => read::text(item, "/id").into_iter().collect(),
        ids => ids,
    };
    let ids: Vec<String> = list.iter().filter(|item| is_mail_thread(item)).flat_map(mails).collect();
    // The newest are the last.
    for id in ids.iter().rev().take(MAX_EMAILS) {
        let json = config.api.read(call, &["conversations", "messages", "email", id], &[]).await?;
        let mail = json.pointer("/emailMessage").unwrap_or(&json);
        let shown = sought.among(Some(mail).filter(|mail| is_outbound(mail)).map(found));
        if shown != ReadBack::Absent {
            return Ok(shown);
        }
    }
    match ids.len() > MAX_EMAILS {
        true => Err(format!("the conversation holds more than {MAX_EMAILS} e-mails")),
        false => Ok(ReadBack::Absent),
    }
}

fn found(item: &Value) -> Found {
    Found { id: read::text(item, "/id"), at: read::time(item, "/dateAdded"), text: body(item) }
}

fn is_message(item: &Value) -> bool {
    !is_comment(item)
}

fn is_outbound(item: &Value) -> bool {
    is_comment(item) || read::text(item, "/direction").is_some_and(|direction| direction == "outbound")
}

fn is_comment(item: &Value) -> bool {
    kind(item) == INTERNAL_COMMENT
}

fn kind(item: &Value) -> String {
    read::text(item, "/messageType").map(|word| channel::word(&word)).unwrap_or_default()
}

/// The text of a message or note, whether it came as text or as HTML.
fn body(item: &Value) -> String {
    let body = read::text(item, "/body").unwrap_or_default();
    if body.contains('<') { format!("{body} {}", text_of_html(&body)) } else { body }
}
