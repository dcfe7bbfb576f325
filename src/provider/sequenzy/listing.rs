//! What Sequenzy lists: conversations (*List Conversations*, the one with the newest message first) and, of each, its whole
//! history (*Get Conversation*). Changes nothing.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::config::Account;
use super::inbound;
use crate::provider::listing::{
    ConversationLists, ConversationQuery, ListedConversation, Page, Polled, ReadError, Reading, oldest_first,
};
use crate::provider::outcome::answered;
use crate::provider::read::{items, text, time};

/// What the list can be filtered by. `unread` takes `true` alone; the rest is looked at here.
pub(super) const CONVERSATIONS: ConversationLists = ConversationLists {
    filters: &["status", "unread", "search", "since"],
    statuses: &["open", "closed"],
    page_size: 100,
};

/// A page, by its number.
pub(super) async fn conversations(
    account: &Account,
    read: &Reading<'_>,
    query: &ConversationQuery,
    cursor: Option<&str>,
) -> Result<Page<ListedConversation>, ReadError> {
    let number: u64 = match cursor {
        None => 1,
        Some(text) => text.parse().map_err(|_| ReadError::Refused("the cursor is not one of Sequenzy's".to_owned()))?,
    };
    let mut request = account.request(Method::GET, &["conversations"], None)?;
    let size = query.page_size.unwrap_or(CONVERSATIONS.page_size).to_string();
    {
        let mut pairs = request.url.query_pairs_mut();
        pairs.append_pair("page", &number.to_string()).append_pair("limit", &size);
        pairs.append_pair("status", query.status.as_deref().unwrap_or("all"));
        if query.unread == Some(true) {
            pairs.append_pair("unread", "true");
        }
        if let Some(words) = &query.search {
            pairs.append_pair("search", words);
        }
    }
    let json = answered(read.http.call(request).await, read.now)?;
    if !json["conversations"].is_array() {
        return Err(ReadError::not_understood("list of conversations"));
    }
    let rows: Vec<ListedConversation> = items(&json, "/conversations").filter_map(row).collect();
    let is_last = json.pointer("/pagination/totalPages").and_then(Value::as_u64).is_none_or(|pages| number >= pages);
    let next = (!is_last && !query.is_passed_by(&rows)).then(|| (number + 1).to_string());
    let left = ConversationQuery { unread: query.unread, since: query.since, ..ConversationQuery::default() };
    Ok(Page { items: rows.into_iter().filter(|row| left.admits(row)).collect(), next })
}

fn row(json: &Value) -> Option<ListedConversation> {
    Some(ListedConversation {
        id: text(json, "/id")?,
        subject: text(json, "/subject"),
        status: text(json, "/status").map(|status| status.to_lowercase()),
        channel: Some("email".to_owned()),
        name: text(json, "/subscriberName"),
        address: text(json, "/subscriberEmail"),
        unread: json["hasUnread"].as_bool(),
        updated_at: time(json, "/lastMessageAt"),
        raw: json.clone(),
        ..ListedConversation::default()
    })
}

/// The messages of a conversation, each as the webhook of a reply would carry it.
pub(super) async fn messages(
    account: &Account,
    read: &Reading<'_>,
    conversation: &ListedConversation,
    since: Option<Timestamp>,
) -> Result<Vec<Polled>, ReadError> {
    let request = account.request(Method::GET, &["conversations", &conversation.id], None)?;
    let json = answered(read.http.call(request).await, read.now)?;
    let messages = ["/conversation/messages", "/messages"].iter().find_map(|at| json.pointer(at)?.as_array());
    let messages = messages.ok_or_else(|| ReadError::not_understood("messages"))?;
    let polled = messages.iter().filter_map(|message| {
        let raw = delivery(conversation, message);
        Some(Polled { draft: inbound::draft(&raw, raw.to_string().as_bytes())?, raw })
    });
    Ok(oldest_first(polled.collect(), since))
}

fn delivery(conversation: &ListedConversation, message: &Value) -> Value {
    let mut known = conversation.raw.clone();
    known["id"] = json!(conversation.id);
    json!({
        "type": "email.replied", "object": "event", "created_at": message["createdAt"],
        "data": { "conversation_id": conversation.id, "conversation": known, "message": message },
    })
}
