//! Carries sends out at Fernand. There is no idempotency key (`generated_id` is only echoed), so a reply, note or snippet
//! of unclear outcome is never repeated here.

use http::{HeaderName, Method};
use serde_json::{Map, Value, json};

use super::config::{Account, Agent};
use super::fold::{LONGEST_TAG, MOST_ACTIONS, actions};
use super::reading::rows;
use crate::http::Request;
use crate::model::{Action, Assign, Note, Outcome, OutgoingAttachment, Reply, SnippetCall, TagChange};
use crate::provider::Call;
use crate::provider::outcome::{Repeat, answered, for_hooks_only, judge, refused};
use crate::provider::read::{items, text};
use crate::text::html_of_text;

/// Carries out a send.
pub(super) async fn deliver(account: &Account, call: &Call<'_>) -> Outcome {
    match attempt(account, call).await {
        Ok(outcome) | Err(outcome) => outcome,
    }
}

async fn attempt(account: &Account, call: &Call<'_>) -> Result<Outcome, Outcome> {
    let id = conversation(call)?;
    match &call.send.action {
        Action::Reply(reply) => write(account, call, "reply", reply_body(account, call, reply)?).await,
        Action::Note(note) => write(account, call, "notes", note_body(call, note)?).await,
        Action::Snippet(snippet) => write(account, call, "reply", snippet_body(account, call, snippet).await?).await,
        Action::Tag(change) => tag(account, call, id, change).await,
        Action::Assign(assign) => update(account, call, agent_field(assign)?).await,
        Action::Close => update(account, call, fields([("status", json!("CLOSED"))])).await,
        Action::Http(_) => Err(for_hooks_only()),
    }
}

/// The conversation's id. Fernand's are whole numbers; anything else never came from it.
pub(super) fn conversation<'a>(call: &'a Call<'_>) -> Result<&'a str, Outcome> {
    let id = call.event.conversation.id.as_deref().ok_or_else(|| refused("the event names no conversation"))?;
    match id.len() <= 19 && id.chars().all(|c| c.is_ascii_digit()) && !id.is_empty() {
        true => Ok(id),
        false => Err(refused("the conversation id is not a whole number")),
    }
}

impl Account {
    /// A request with the account's key.
    pub(super) fn request(&self, method: Method, segments: &[&str], body: Option<&Value>) -> Result<Request, Outcome> {
        let request = self.endpoint.request(method, segments, body)?;
        Ok(request.secret_header(HeaderName::from_static("x-api-key"), &self.key))
    }
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The HTML of a reply or note.
pub(super) fn content(html: &str, text: &str) -> String {
    if html.is_empty() { html_of_text(text) } else { html.to_owned() }
}

fn reply_body(account: &Account, call: &Call<'_>, reply: &Reply) -> Result<Map<String, Value>, Outcome> {
    if reply.subject.is_some() {
        return Err(refused("a Fernand reply carries the subject of its conversation"));
    }
    let mut body = fields([("content", json!(content(&reply.html, &reply.text)))]);
    if !reply.attachments.is_empty() {
        body.insert("attachments".to_owned(), files(&reply.attachments)?);
    }
    let agent = match &reply.sender {
        Some(sender) => {
            Agent::parse(sender).ok_or_else(|| refused("the sender is neither an agent's number nor an address"))?
        }
        None => account.agent.clone(),
    };
    enter_sending(&mut body, account, call, &agent);
    Ok(body)
}

/// What every call that sends a message needs.
fn enter_sending(body: &mut Map<String, Value>, account: &Account, call: &Call<'_>, agent: &Agent) {
    body.insert("delay".to_owned(), json!(account.delay.as_secs()));
    agent.enter(body);
    body.insert("generated_id".to_owned(), json!(call.send.idempotency_key));
}

fn enter_actions(body: &mut Map<String, Value>, actions: Vec<Value>) -> Result<(), Outcome> {
    if actions.len() > MOST_ACTIONS {
        return Err(refused("Fernand takes at most 10 actions in one call"));
    }
    if !actions.is_empty() {
        body.insert("actions".to_owned(), Value::Array(actions));
    }
    Ok(())
}

fn also(also: &[Action]) -> Result<Vec<Value>, Outcome> {
    let entries: Option<Vec<_>> = also.iter().map(actions).collect();
    entries.map(|entries| entries.concat()).ok_or_else(|| refused("an action cannot be part of this call"))
}

fn files(attachments: &[OutgoingAttachment]) -> Result<Value, Outcome> {
    let file = |attachment: &OutgoingAttachment| match attachment {
        OutgoingAttachment::Inline { name, content_type, content } => {
            Ok(json!({ "name": name, "type": content_type, "content": content }))
        }
        _ => Err(refused("Fernand takes files in the call only")),
    };
    attachments.iter().map(file).collect()
}

fn note_body(call: &Call<'_>, note: &Note) -> Result<Map<String, Value>, Outcome> {
    let mut body = fields([("content", json!(content(&note.html, &note.text)))]);
    if !note.page.is_empty() {
        let ids: Vec<&str> = note.page.iter().map(|member| member.id.as_str()).collect();
        body.insert("mentions".to_owned(), json!(ids));
    }
    enter_actions(&mut body, also(&note.also)?)?;
    body.insert("generated_id".to_owned(), json!(call.send.idempotency_key));
    Ok(body)
}

/// A snippet is applied by passing its actions, in its order, each with the snippet's number. `data` replaces fields that
/// the actions have, so that a misspelt name is an error and not ignored.
async fn snippet_body(account: &Account, call: &Call<'_>, wanted: &SnippetCall) -> Result<Map<String, Value>, Outcome> {
    let number: u64 = wanted.id.trim().parse().map_err(|_| refused("the snippet id is not a whole number"))?;
    let request = account.request(Method::GET, &["snippets"], None)?;
    let known = rows(&answered(call.http.call(request).await, call.now)?);
    let snippet = known.into_iter().find(|row| row.get("id").and_then(Value::as_u64) == Some(number));
    let snippet = snippet.ok_or_else(|| refused("there is no snippet of this number"))?;
    let mut steps: Vec<&Value> = items(&snippet, "/actions").collect();
    steps.sort_by_key(|step| step.get("sort").and_then(Value::as_i64));
    if steps.is_empty() {
        return Err(refused("the snippet has no actions"));
    }
    let mut data: Vec<Value> = steps.iter().map(|step| step.get("data").cloned().unwrap_or(json!({}))).collect();
    overlay(&mut data, &wanted.data)?;
    let entry = |(step, data): (&Value, Value)| json!({ "name": step.get("name"), "data": data, "snippet_id": number });
    let mut body = Map::new();
    enter_actions(&mut body, steps.into_iter().zip(data).map(entry).collect())?;
    enter_sending(&mut body, account, call, &account.agent);
    Ok(body)
}

fn overlay(data: &mut [Value], given: &Value) -> Result<(), Outcome> {
    let given = match given {
        Value::Null => return Ok(()),
        Value::Object(given) => given,
        _ => return Err(refused("the data of a snippet are a mapping")),
    };
    for (key, value) in given {
        let mut places: Vec<&mut Value> = data.iter_mut().filter_map(|data| data.get_mut(key)).collect();
        if places.is_empty() {
            return Err(refused("the snippet's actions have no field of a name in `data`"));
        }
        places.iter_mut().for_each(|place| **place = value.clone());
    }
    Ok(())
}

async fn write(account: &Account, call: &Call<'_>, what: &str, body: Map<String, Value>) -> Result<Outcome, Outcome> {
    let path = ["conversations", conversation(call)?, what];
    let request = account.request(Method::POST, &path, Some(&Value::Object(body)))?;
    Ok(judge(call.http.call(request).await, Repeat::Harmful, call.now, |response| Outcome::Delivered {
        provider_id: text(&response.json(), "/id"),
        request_id: None,
    }))
}

async fn update(account: &Account, call: &Call<'_>, body: Map<String, Value>) -> Result<Outcome, Outcome> {
    let path = ["conversations", conversation(call)?];
    let request = account.request(Method::PATCH, &path, Some(&Value::Object(body)))?;
    answered(call.http.call(request).await, call.now)?;
    Ok(Outcome::done())
}

fn agent_field(assign: &Assign) -> Result<Map<String, Value>, Outcome> {
    let agent = Agent::parse(&assign.id)
        .ok_or_else(|| refused("the member's id is neither an agent's number nor an address"))?;
    let mut body = Map::new();
    agent.enter(&mut body);
    Ok(body)
}

/// One call for each tag, since Fernand has none for several; all can be repeated.
async fn tag(account: &Account, call: &Call<'_>, id: &str, change: &TagChange) -> Result<Outcome, Outcome> {
    if change.add.iter().any(|tag| tag.chars().count() > LONGEST_TAG) {
        return Err(refused("the name of a Fernand tag has at most 50 characters"));
    }
    for name in &change.add {
        let body = json!({ "name": name });
        let request = account.request(Method::POST, &["conversations", id, "tags"], Some(&body))?;
        answered(call.http.call(request).await, call.now)?;
    }
    for name in &change.remove {
        let request = account.request(Method::DELETE, &["conversations", id, "tags", name], None)?;
        match call.http.call(request).await {
            // It is not there, which is what was wanted.
            Ok(response) if response.status == 404 => {}
            result => drop(answered(result, call.now)?),
        }
    }
    Ok(Outcome::done())
}
