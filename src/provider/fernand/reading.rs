//! Reads at Fernand: a conversation's timeline, to see whether a send of unknown outcome has landed. Changes
//! nothing.

use http::Method;
use serde_json::Value;

use super::config::Account;
use super::outbound::{content, conversation};
use crate::http::Http;
use crate::model::Action;
use crate::provider::landed::{Found, Sought};
use crate::provider::outcome::{in_words, shown};
use crate::provider::read::{items, text, time};
use crate::provider::{Call, ReadBack};
use crate::text::text_of_html;

/// The rows of a list: the answer itself, or its `data`.
pub(super) fn rows(json: &Value) -> Vec<Value> {
    json.as_array().or_else(|| json.get("data")?.as_array()).cloned().unwrap_or_default()
}

async fn get(account: &Account, http: &dyn Http, segments: &[&str]) -> Result<Value, String> {
    let request = account.request(Method::GET, segments, None).map_err(in_words)?;
    shown(http.call(request).await)
}

/// Reads the timeline back (*List messages in a conversation*): newest first, one page.
pub(super) async fn read_back(account: &Account, call: &Call<'_>) -> ReadBack {
    // Without a conversation nothing was ever sent.
    if conversation(call).is_err() {
        return ReadBack::Absent;
    }
    let found = match &call.send.action {
        Action::Reply(reply) => written(account, call, "MESSAGE", &content(&reply.html, &reply.text)).await,
        Action::Note(note) => written(account, call, "NOTE", &content(&note.html, &note.text)).await,
        Action::Snippet(snippet) => applied(account, call, &snippet.id).await,
        // The others can be done again without harm.
        Action::Tag(_) | Action::Assign(_) | Action::Close | Action::Http(_) => Ok(ReadBack::Absent),
    };
    found.unwrap_or_else(ReadBack::Unclear)
}

async fn timeline(account: &Account, call: &Call<'_>) -> Result<Vec<Value>, String> {
    let id = conversation(call).map_err(in_words)?;
    Ok(rows(&get(account, call.http, &["conversations", id, "messages"]).await?))
}

async fn written(account: &Account, call: &Call<'_>, kind: &str, html: &str) -> Result<ReadBack, String> {
    let sought = Sought::text(call, &[&text_of_html(html)])?;
    let entries = timeline(account, call).await?;
    if let Some(entry) = entries.iter().find(|entry| bears_our_key(call, entry)) {
        return Ok(landed(entry));
    }
    let own = entries.iter().filter(|entry| is_own(entry, kind)).map(|entry| Found {
        id: text(entry, "/id"),
        at: time(entry, "/timestamp"),
        text: text(entry, "/message").map(|html| text_of_html(&html)).unwrap_or_default(),
    });
    match sought.among(own) {
        ReadBack::Absent if !reaches_back(call, &sought, &entries) => {
            Err("the first page of the timeline begins after the first try".to_owned())
        }
        shown => Ok(shown),
    }
}

/// The text of a snippet is not known here; its number is, where an entry shows the actions it consists of.
async fn applied(account: &Account, call: &Call<'_>, snippet: &str) -> Result<ReadBack, String> {
    let sought = Sought::anything(call)?;
    let is_step = |step: &Value| text(step, "/snippet_id").is_some_and(|id| id == snippet);
    let is_applied =
        |entry: &Value| sought.is_recent(time(entry, "/timestamp")) && items(entry, "/actions").any(is_step);
    let entries = timeline(account, call).await?;
    let entry = entries.iter().find(|entry| bears_our_key(call, entry) || is_applied(entry));
    entry.map(landed).ok_or_else(|| "the timeline does not say which snippets were applied".to_owned())
}

fn landed(entry: &Value) -> ReadBack {
    ReadBack::Landed { provider_id: text(entry, "/id") }
}

/// An entry made by this very send has our key, should Fernand show it.
fn bears_our_key(call: &Call<'_>, entry: &Value) -> bool {
    text(entry, "/generated_id").as_ref() == Some(&call.send.idempotency_key)
}

fn is_own(entry: &Value, kind: &str) -> bool {
    let is = |at, word: &str| text(entry, at).is_some_and(|value| value.eq_ignore_ascii_case(word));
    is("/type", kind) && (kind == "NOTE" || is("/way", "OUT"))
}

/// Whether the page shows something from before the first try, so that nothing since then is on another page.
fn reaches_back(call: &Call<'_>, sought: &Sought, entries: &[Value]) -> bool {
    let answered = call.event.message.as_ref().and_then(|message| message.id.as_ref());
    entries.iter().any(|entry| {
        sought.is_old(time(entry, "/timestamp")) || answered.is_some_and(|id| text(entry, "/id").as_ref() == Some(id))
    })
}
