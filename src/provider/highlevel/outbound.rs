//! Actions as calls. Messages and notes are made anew by each call and HighLevel knows no idempotency key, so their
//! unclear outcomes are cleared up first; tags and assignment can be repeated without harm.

use http::Method;
use serde_json::{Value, json};

use super::config::Config;
use super::message;
use crate::http::Response;
use crate::model::{Action, Note, Outcome, TagChange};
use crate::provider::outcome::{Repeat, for_hooks_only, judge, refused};
use crate::provider::{Call, read};

/// Carries out a send.
pub(super) async fn deliver(config: &Config, call: &Call<'_>) -> Outcome {
    let outcome = match &call.send.action {
        Action::Reply(reply) => match message::reply(config, call.event, reply) {
            Ok(body) => post_message(config, call, &body).await,
            Err(reason) => Err(refused(reason)),
        },
        Action::Snippet(snippet) => match message::template(config, call.event, snippet) {
            Ok(body) => post_message(config, call, &body).await,
            Err(reason) => Err(refused(reason)),
        },
        Action::Note(note) => write_note(config, call, note).await,
        Action::Tag(change) => tag(config, call, change).await,
        Action::Assign(assign) => {
            let body = json!({ "assignedTo": assign.id });
            on_contact(config, call, Method::PUT, &[], &body, Repeat::Safe).await
        }
        Action::Close => Err(refused("HighLevel has no call that closes a conversation")),
        Action::Http(_) => Err(for_hooks_only()),
    };
    outcome.unwrap_or_else(|outcome| outcome)
}

async fn post_message(config: &Config, call: &Call<'_>, body: &Value) -> Result<Outcome, Outcome> {
    let request = config.api.request(Method::POST, &["conversations", "messages"], Some(body))?;
    Ok(config.api.judged(call, request, Repeat::Harmful, sent).await)
}

/// What to remember of a message: both ids, since a webhook about an e-mail may name either.
fn sent(response: &Response) -> Outcome {
    let json = response.json();
    Outcome::Delivered {
        provider_id: read::first_text(&json, &["/messageId", "/messageIds/0", "/emailMessageId"]),
        request_id: read::text(&json, "/emailMessageId"),
    }
}

/// A comment in the conversation where the account allows it, else a note on the contact. A comment that HighLevel clearly
/// refuses (some OAuth apps get 401) becomes a note on the contact.
async fn write_note(config: &Config, call: &Call<'_>, note: &Note) -> Result<Outcome, Outcome> {
    if config.internal_comment {
        let body = message::comment(message::contact_id(call.event).map_err(refused)?, note);
        let request = config.api.request(Method::POST, &["conversations", "messages"], Some(&body))?;
        let answer = config.api.send(&call.reading(), request).await?;
        if !matches!(&answer, Ok(response) if matches!(response.status, 400 | 401 | 403 | 422)) {
            return Ok(judge(answer, Repeat::Harmful, call.now, sent));
        }
    }
    let body = json!({ "body": message::note_text(note) });
    on_contact(config, call, Method::POST, &["notes"], &body, Repeat::Harmful).await
}

/// HighLevel's tags are the contact's. `PUT /contacts/{id}` would replace them all, so they are added and removed.
async fn tag(config: &Config, call: &Call<'_>, change: &TagChange) -> Result<Outcome, Outcome> {
    let mut outcome = Outcome::done();
    for (method, tags) in [(Method::POST, &change.add), (Method::DELETE, &change.remove)] {
        if !tags.is_empty() && matches!(outcome, Outcome::Delivered { .. }) {
            outcome = on_contact(config, call, method, &["tags"], &json!({ "tags": tags }), Repeat::Safe).await?;
        }
    }
    Ok(outcome)
}

async fn on_contact(
    config: &Config,
    call: &Call<'_>,
    method: Method,
    below: &[&str],
    body: &Value,
    repeat: Repeat,
) -> Result<Outcome, Outcome> {
    let contact = message::contact_id(call.event).map_err(refused)?;
    let path = [&["contacts", contact], below].concat();
    let request = config.api.request(method, &path, Some(body))?;
    let made = |response: &Response| Outcome::Delivered {
        provider_id: read::text(&response.json(), "/note/id"),
        request_id: None,
    };
    Ok(config.api.judged(call, request, repeat, made).await)
}
