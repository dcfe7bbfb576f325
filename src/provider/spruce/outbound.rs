//! Actions as calls. Messages are posted under the send's idempotency key, so that a repeat cannot post twice and tells
//! whether the first one landed; the rest leaves a conversation as it is when done twice.

use http::{HeaderName, Method};
use serde_json::{Map, Value, json};

use super::config::Config;
use super::{api, tags};
use crate::model::{Action, Event, Note, Outcome, OutgoingAttachment, Reply, SnippetCall};
use crate::provider::outcome::{Repeat, answered, for_hooks_only, judge, refused};
use crate::provider::{Call, read};

/// The header under which Spruce recognises a repeat for 24 hours, and the longest key it takes.
const KEY: HeaderName = HeaderName::from_static("s-idempotency-key");
const KEY_LENGTH: usize = 255;

/// The most files of one message.
const MAX_ATTACHMENTS: usize = 5;

/// Carries out a send.
pub(super) async fn deliver(config: &Config, call: &Call<'_>) -> Outcome {
    let outcome = match &call.send.action {
        Action::Reply(reply) => write_reply(config, call, reply).await,
        Action::Note(note) => post(config, call, Visibility::Internal, note_body(note), Map::new()).await,
        Action::Snippet(snippet) => write_saved(config, call, snippet).await,
        Action::Tag(change) => tags::change(config, call, change).await,
        Action::Assign(assign) => patch(config, call, &json!({ "assignToMemberId": assign.id })).await,
        Action::Close => patch(config, call, &json!({ "archived": true })).await,
        Action::Http(_) => Err(for_hooks_only()),
    };
    outcome.unwrap_or_else(|outcome| outcome)
}

/// The conversation that an event is about.
pub(super) fn conversation_id(event: &Event) -> Result<&str, Outcome> {
    event.conversation.id.as_deref().ok_or_else(|| refused("the event names no conversation"))
}

/// Changes the conversation. What is left out stays as it is.
pub(super) async fn patch(config: &Config, call: &Call<'_>, body: &Value) -> Result<Outcome, Outcome> {
    let path = ["conversations", conversation_id(call.event)?];
    let request = config.api.request(Method::PATCH, &path, Some(body))?;
    answered(call.http.call(request).await, call.now)?;
    Ok(Outcome::done())
}

/// Who may see a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visibility {
    Everybody,
    Internal,
}

async fn write_reply(config: &Config, call: &Call<'_>, reply: &Reply) -> Result<Outcome, Outcome> {
    let mut fields = Map::new();
    if let Some(author) = &reply.sender {
        fields.insert("author".to_owned(), json!(author));
    }
    let files = attachments(reply)?;
    if !files.is_empty() {
        fields.insert("attachments".to_owned(), Value::Array(files));
    }
    post(config, call, Visibility::Everybody, vec![text(&reply.text)], fields).await
}

/// Spruce has no call that applies a saved message: its text is copied.
async fn write_saved(config: &Config, call: &Call<'_>, snippet: &SnippetCall) -> Result<Outcome, Outcome> {
    let all = config.api.all(&call.reading(), &api::SAVED_MESSAGES).await?;
    let saved = all.iter().find(|saved| read::text(saved, "/id").as_deref() == Some(&snippet.id));
    let saved = saved.ok_or_else(|| refused("there is no saved message with this id"))?;
    let words = read::text(saved, "/text").ok_or_else(|| refused("the saved message has no text"))?;
    let visibility = match read::flag(saved, "/internal") {
        true => Visibility::Internal,
        false => Visibility::Everybody,
    };
    post(config, call, visibility, vec![text(&words)], Map::new()).await
}

async fn post(
    config: &Config,
    call: &Call<'_>,
    visibility: Visibility,
    elements: Vec<Value>,
    mut body: Map<String, Value>,
) -> Result<Outcome, Outcome> {
    can_write(call.event, visibility)?;
    body.insert("body".to_owned(), Value::Array(elements));
    if visibility == Visibility::Internal {
        body.insert("internal".to_owned(), json!(true));
    }
    if let (false, Some(author)) = (body.contains_key("author"), &config.author) {
        body.insert("author".to_owned(), json!(author));
    }
    if config.stay_archived {
        body.insert("stayArchived".to_owned(), json!(true));
    }
    let path = ["conversations", conversation_id(call.event)?, "messages"];
    let request = config.api.request(Method::POST, &path, Some(&Value::Object(body)))?;
    let key: String = call.send.idempotency_key.chars().take(KEY_LENGTH).collect();
    let result = call.http.call(request.header(KEY, &key)).await;
    // Spruce rejects a repeat instead of answering it as before: an earlier attempt has landed, its request id is lost.
    if call.may_have_landed && matches!(&result, Ok(response) if response.status == 422) {
        return Ok(Outcome::done());
    }
    Ok(judge(result, Repeat::Harmful, call.now, |response| Outcome::Delivered {
        provider_id: None,
        // The reference writes `requestId`, the prose beside it `requestID`.
        request_id: read::first_text(&response.json(), &["/requestId", "/requestID"]),
    }))
}

/// What Spruce would refuse is refused before it is called.
fn can_write(event: &Event, visibility: Visibility) -> Result<(), Outcome> {
    let is_read_only = ["/data/object/conversation/isReadOnly", "/data/object/isReadOnly"];
    if is_read_only.iter().any(|pointer| read::flag(&event.raw, pointer)) {
        return Err(refused("the conversation is read-only"));
    }
    if visibility == Visibility::Everybody && event.conversation.channel.as_deref() == Some("note") {
        return Err(refused("a note conversation takes internal notes only"));
    }
    Ok(())
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "value": text })
}

/// The text, then a page for each member.
fn note_body(note: &Note) -> Vec<Value> {
    let words = match (note.text.is_empty(), note.page.is_empty()) {
        (true, _) => None,
        (false, true) => Some(text(&note.text)),
        // Without the space the first name would stick to the last word.
        (false, false) => Some(text(&format!("{} ", note.text.trim_end()))),
    };
    let pages = note.page.iter().map(|member| json!({ "type": "page", "value": member.id }));
    words.into_iter().chain(pages).collect()
}

fn attachments(reply: &Reply) -> Result<Vec<Value>, Outcome> {
    if reply.attachments.len() > MAX_ATTACHMENTS {
        return Err(refused("Spruce takes at most five files with a message"));
    }
    let file = |attachment: &OutgoingAttachment| match attachment {
        OutgoingAttachment::Stored { id, name } => Ok(json!({ "attachmentId": id, "title": name })),
        _ => Err(refused("Spruce takes only files that it already has")),
    };
    reply.attachments.iter().map(file).collect()
}
