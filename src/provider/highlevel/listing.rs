//! What HighLevel lists: conversations (`GET /conversations/search`), their messages, and the users of the location
//! (`GET /users/`). Changes nothing. E-mails stand in a list of messages without their bodies and are fetched one by one.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::channel;
use super::config::Config;
use super::inbound;
use crate::provider::listing::{
    ConversationLists, ConversationQuery, ListedConversation, ListedMember, Page, Polled, ReadError, Reading, Trail,
    oldest_first,
};
use crate::provider::read;

/// What the search filters by; `since` and `channel`, which is that of the last message, are looked at here.
pub(super) const CONVERSATIONS: ConversationLists =
    ConversationLists { filters: &["unread", "search", "since", "assignee", "channel"], statuses: &[], page_size: 100 };

/// A page, the conversation with the newest message first.
pub(super) async fn conversations(
    config: &Config,
    read: &Reading<'_>,
    query: &ConversationQuery,
    cursor: Option<&str>,
) -> Result<Page<ListedConversation>, ReadError> {
    let size = query.page_size.unwrap_or(CONVERSATIONS.page_size).to_string();
    let place = cursor.map(Place::parse).transpose()?;
    let start = place.as_ref().map(|place| place.start.to_string());
    let mut asked = vec![
        ("locationId", config.location_id.as_str()),
        ("limit", size.as_str()),
        ("sortBy", "last_message_date"),
        ("sort", "desc"),
    ];
    asked.extend(start.as_deref().map(|start| ("startAfterDate", start)));
    asked.extend(query.unread.map(|unread| ("status", if unread { "unread" } else { "read" })));
    asked.extend(query.search.as_deref().map(|words| ("query", words)));
    asked.extend(query.assignee.as_deref().map(|user| ("assignedTo", user)));
    let request = config.api.get(&["conversations", "search"], &asked)?;
    let json = config.api.answer(read, request).await?;
    let found = json["conversations"].as_array().ok_or_else(|| ReadError::not_understood("list of conversations"))?;
    let rows: Vec<ListedConversation> = found.iter().filter_map(row).collect();
    let next = match found.len() < size.parse().unwrap_or(usize::MAX) || query.is_passed_by(&rows) {
        true => None,
        false => Place::after(&rows, place.as_ref()).map(|place| place.to_string()),
    };
    let is_new = |row: &ListedConversation| place.as_ref().is_none_or(|place| !place.seen.contains(&row.id));
    let left = ConversationQuery { since: query.since, channel: query.channel.clone(), ..ConversationQuery::default() };
    Ok(Page { items: rows.into_iter().filter(|row| is_new(row) && left.admits(row)).collect(), next })
}

/// Where a page ends. HighLevel goes on after a time alone, so what else was written in that very millisecond is asked for
/// again, and what was seen of it is known.
struct Place {
    start: i64,
    seen: Vec<String>,
}

impl Place {
    fn parse(cursor: &str) -> Result<Self, ReadError> {
        let mut parts = cursor.split(' ');
        let start = parts.next().and_then(|start| start.parse().ok());
        let start = start.ok_or_else(|| ReadError::Refused("the cursor is not one of HighLevel's".to_owned()))?;
        Ok(Self { start, seen: parts.map(str::to_owned).collect() })
    }

    /// The place after these rows. Where a whole page is of one millisecond there is no other way than past it.
    fn after(rows: &[ListedConversation], before: Option<&Self>) -> Option<Self> {
        let last = rows.last()?.updated_at?;
        let (at, again) = (last.as_millisecond(), last.as_millisecond() + 1);
        if before.is_some_and(|place| place.start == again) {
            return Some(Self { start: at, seen: Vec::new() });
        }
        let seen = rows.iter().filter(|row| row.updated_at == Some(last)).map(|row| row.id.clone()).collect();
        Some(Self { start: again, seen })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.start)?;
        self.seen.iter().try_for_each(|id| write!(f, " {id}"))
    }
}

fn row(json: &Value) -> Option<ListedConversation> {
    // A conversation that was deleted is still found.
    if read::flag(json, "/deleted") {
        return None;
    }
    Some(ListedConversation {
        id: read::text(json, "/id")?,
        channel: read::text(json, "/lastMessageType").map(|word| channel::word(&word)),
        name: read::first_text(json, &["/fullName", "/contactName"]),
        address: read::first_text(json, &["/email", "/phone"]),
        assignee: read::text(json, "/assignedTo"),
        unread: json["unreadCount"].as_u64().map(|count| count > 0),
        updated_at: read::time(json, "/lastMessageDate"),
        raw: json.clone(),
        ..ListedConversation::default()
    })
}

/// The messages and comments of a conversation, each as the webhook that announces it.
pub(super) async fn messages(
    config: &Config,
    read: &Reading<'_>,
    conversation: &ListedConversation,
    since: Option<Timestamp>,
) -> Result<Vec<Polled>, ReadError> {
    let is_old = |item: &Value| since.is_some_and(|since| read::time(item, "/dateAdded").is_some_and(|at| at < since));
    let (mut found, mut last) = (Vec::new(), None::<String>);
    let mut trail = Trail::default();
    loop {
        let mut asked = vec![("limit", "100")];
        asked.extend(last.as_deref().map(|id| ("lastMessageId", id)));
        let request = config.api.get(&["conversations", &conversation.id, "messages"], &asked)?;
        let json = config.api.answer(read, request).await?;
        // The OpenAPI file shows the list itself under `messages`; what arrives nests it once more.
        let items = json.pointer("/messages/messages").or_else(|| json.pointer("/messages")).and_then(Value::as_array);
        let items = items.ok_or_else(|| ReadError::not_understood("messages"))?;
        for item in items {
            match channel::is_mail_thread(item) {
                true => found.extend(mails(config, read, item, since).await?),
                false if is_old(item) || channel::is_activity(item) => {}
                false => found.push(item.clone()),
            }
        }
        let has_more = ["/messages/nextPage", "/nextPage"].iter().any(|pointer| read::flag(&json, pointer));
        last = read::first_text(&json, &["/messages/lastMessageId", "/lastMessageId"]);
        // A thread of mails stands where it began, whenever its last mail came.
        let is_enough = items.iter().any(is_old) && !conversation.channel.as_deref().is_some_and(channel::is_mail);
        if !has_more || is_enough || !trail.goes_on(last.as_deref())? {
            break;
        }
    }
    let polled = found.into_iter().rev().filter_map(|item| {
        let raw = announced(config, conversation, item);
        Some(Polled { draft: inbound::draft(&raw, raw.to_string().as_bytes())?, raw })
    });
    Ok(oldest_first(polled.collect(), since))
}

/// The mails of a thread, the newest first. The list of their ids has the newest last, so an old one ends the search.
async fn mails(
    config: &Config,
    read: &Reading<'_>,
    thread: &Value,
    since: Option<Timestamp>,
) -> Result<Vec<Value>, ReadError> {
    let ids = match read::texts(thread, "/meta/email/messageIds") {
        ids if ids.is_empty() => read::text(thread, "/id").into_iter().collect(),
        ids => ids,
    };
    let mut found = Vec::new();
    for id in ids.iter().rev() {
        let request = config.api.get(&["conversations", "messages", "email", id], &[])?;
        let json = config.api.answer(read, request).await?;
        let mut mail = json.pointer("/emailMessage").unwrap_or(&json).clone();
        let at = read::time(&mail, "/dateAdded");
        if since.is_some_and(|since| at.is_some_and(|at| at < since)) {
            break;
        }
        if let Some(fields) = mail.as_object_mut() {
            fields.insert("emailMessageId".to_owned(), json!(id));
            fields.remove("id");
            for name in ["messageType", "source", "userId", "conversationProviderId"] {
                let value = thread.get(name).cloned().unwrap_or_default();
                if !value.is_null() {
                    fields.entry(name).or_insert(value);
                }
            }
        }
        found.push(mail);
    }
    Ok(found)
}

/// An item in the form of `InboundMessage` or `OutboundMessage`, with what the conversation says of its contact.
fn announced(config: &Config, conversation: &ListedConversation, mut item: Value) -> Value {
    let is_inbound = read::text(&item, "/direction").is_some_and(|direction| direction == "inbound");
    let own = &conversation.raw;
    let Some(fields) = item.as_object_mut() else { return item };
    if let Some(id) = fields.remove("id") {
        fields.insert("messageId".to_owned(), id);
    }
    let word = fields.get("messageType").and_then(Value::as_str).map(channel::announced_word);
    fields.insert("messageType".to_owned(), json!(word));
    fields.insert("type".to_owned(), json!(if is_inbound { "InboundMessage" } else { "OutboundMessage" }));
    fields.insert("locationId".to_owned(), json!(config.location_id));
    fields.insert("conversationId".to_owned(), json!(conversation.id));
    for (name, value) in [("contactId", &own["contactId"]), ("email", &own["email"]), ("phone", &own["phone"])] {
        fields.entry(name).or_insert_with(|| value.clone());
    }
    fields.entry("name").or_insert_with(|| json!(conversation.name));
    item
}

/// The users of the location, in one answer (`apps/users.json`).
pub(super) async fn members(config: &Config, read: &Reading<'_>) -> Result<Page<ListedMember>, ReadError> {
    let mut request = config.api.request(Method::GET, &["users"], None)?;
    // The path ends with a slash.
    if let Ok(mut path) = request.url.path_segments_mut() {
        path.push("");
    }
    request.url.query_pairs_mut().append_pair("locationId", &config.location_id);
    let json = config.api.answer(read, request).await?;
    let users = json["users"].as_array().ok_or_else(|| ReadError::not_understood("users"))?;
    let row = |user: &Value| {
        let whole = [read::text(user, "/firstName"), read::text(user, "/lastName")].into_iter().flatten();
        let name = read::text(user, "/name").unwrap_or_else(|| whole.collect::<Vec<_>>().join(" "));
        Some(ListedMember { id: read::text(user, "/id")?, name, email: read::text(user, "/email"), kind: None })
    };
    Ok(Page::whole(users.iter().filter(|user| !read::flag(user, "/deleted")).filter_map(row).collect()))
}
