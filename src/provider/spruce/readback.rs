//! Whether a send of unknown outcome has landed, told from the newest items of the conversation. Seldom needed, because
//! the idempotency key makes a repeat harmless as long as Spruce keeps it (24 hours). It only reads.

use serde_json::Value;

use super::config::Config;
use super::outbound::conversation_id;
use crate::model::Action;
use crate::provider::landed::{Found, Sought};
use crate::provider::outcome::in_words;
use crate::provider::{Call, ReadBack, read};

/// The most items asked for.
const PAGE: &str = "200";

/// Reads back.
pub(super) async fn read_back(config: &Config, call: &Call<'_>) -> ReadBack {
    let found = match &call.send.action {
        Action::Reply(reply) => written(config, call, &reply.text, false).await,
        Action::Note(note) => written(config, call, &note.text, true).await,
        // Its text is at Spruce; the key makes posting it again harmless.
        Action::Snippet(_) => Err("the text of a saved message is not known here".to_owned()),
        // Done again, these do no harm.
        Action::Tag(_) | Action::Assign(_) | Action::Close | Action::Http(_) => Ok(ReadBack::Absent),
    };
    found.unwrap_or_else(ReadBack::Unclear)
}

async fn written(config: &Config, call: &Call<'_>, text: &str, is_note: bool) -> Result<ReadBack, String> {
    let sought = Sought::text(call, &[text])?;
    let path = ["conversations", conversation_id(call.event).map_err(in_words)?, "items"];
    let page = config.api.get(call, &path, &[("order", "newest_first"), ("pageSize", PAGE)]).await.map_err(in_words)?;
    let items = page.pointer("/conversationItems").and_then(Value::as_array);
    let items = items.ok_or("the list of items was not understood")?;
    let is_candidate = |item: &&Value| {
        let is_inbound = read::text(item, "/direction").is_some_and(|direction| direction == "inbound");
        // What was sent is known by the id of its request, until a webhook says which item it became.
        let request = read::first_text(item, &["/requestId", "/requestID"]);
        let is_another = request.is_some_and(|request| call.taken.contains(&request));
        !is_inbound && !is_another && read::flag(item, "/isInternalNote") == is_note
    };
    let at = |item: &Value| read::time(item, "/createdAt");
    let shown = sought.among(items.iter().filter(is_candidate).map(|item| Found {
        id: read::text(item, "/id"),
        at: at(item),
        text: read::text(item, "/text").unwrap_or_default(),
    }));
    let reaches_back = items.iter().any(|item| sought.is_old(at(item)));
    match shown == ReadBack::Absent && read::flag(&page, "/hasMore") && !reaches_back {
        true => Err("the conversation is too long to be sure".to_owned()),
        false => Ok(shown),
    }
}
