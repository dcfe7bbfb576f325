//! What Spruce lists: conversations, their items, teammates and saved messages. Changes nothing. Its lists are eventually
//! consistent: what is new may take a moment to appear.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::api::{CONVERSATIONS as LIST, List, MEMBERS, SAVED_MESSAGES};
use super::config::Config;
use super::inbound;
use crate::provider::listing::{
    ConversationLists, ConversationQuery, ListedConversation, ListedMember, ListedSnippet, Page, Polled, ReadError,
    Reading, Trail, oldest_first,
};
use crate::provider::read;

/// Spruce's list begins at a time and knows no other filter; the rest is looked at here. It does not say what is unread.
pub(super) const CONVERSATIONS: ConversationLists = ConversationLists {
    filters: &["status", "search", "since", "assignee", "channel", "tag"],
    statuses: &["open", "closed"],
    page_size: 200,
};

/// A page, the conversation with the oldest last message first (*List and filter all conversations*). The token of a page
/// stands instead of the time to begin at.
pub(super) async fn conversations(
    config: &Config,
    read: &Reading<'_>,
    query: &ConversationQuery,
    cursor: Option<&str>,
) -> Result<Page<ListedConversation>, ReadError> {
    let size = query.page_size.unwrap_or(CONVERSATIONS.page_size).to_string();
    let since = query.since.filter(|_| cursor.is_none()).map(|since| since.to_string());
    let mut asked = vec![("orderBy", "last_message"), ("pageSize", size.as_str())];
    asked.extend(since.as_deref().map(|since| ("startFrom", since)));
    let page = config.api.page(read, &LIST, &asked, cursor).await?;
    let rows = page.items.iter().filter_map(row);
    Ok(Page { items: rows.filter(|row| query.admits(row)).collect(), next: page.next })
}

fn row(json: &Value) -> Option<ListedConversation> {
    let thread = inbound::conversation("conversation.updated", json, json);
    let contact = inbound::participant(json, &Value::Null, None);
    Some(ListedConversation {
        id: thread.id?,
        subject: thread.subject,
        status: thread.status,
        channel: thread.channel,
        name: contact.name,
        address: contact.email.or(contact.phone),
        assignee: thread.assignee,
        tags: thread.tags,
        unread: None,
        updated_at: read::time(json, "/lastMessageAt"),
        url: thread.url,
        raw: json.clone(),
    })
}

/// The items of a conversation, each as the webhook that announces it.
pub(super) async fn messages(
    config: &Config,
    read: &Reading<'_>,
    conversation: &ListedConversation,
    since: Option<Timestamp>,
) -> Result<Vec<Polled>, ReadError> {
    let path = ["conversations", conversation.id.as_str(), "items"];
    let list = List { path: &path, key: "/conversationItems" };
    let (mut polled, mut cursor) = (Vec::new(), None::<String>);
    let mut trail = Trail::default();
    loop {
        let start = since.filter(|_| cursor.is_none()).map(|since| since.to_string());
        let mut asked = vec![("order", "oldest_first"), ("pageSize", "200")];
        asked.extend(start.as_deref().map(|start| ("startFrom", start)));
        let page = config.api.page(read, &list, &asked, cursor.as_deref()).await?;
        polled.extend(page.items.into_iter().filter_map(|item| announced(conversation, item)));
        cursor = page.next;
        if !trail.goes_on(cursor.as_deref())? {
            break;
        }
    }
    Ok(oldest_first(polled, since))
}

/// An item in the form of `conversationItem.created`.
fn announced(conversation: &ListedConversation, mut item: Value) -> Option<Polled> {
    if !item.is_object() {
        return None;
    }
    item["conversation"] = conversation.raw.clone();
    let raw = json!({
        "object": "event", "type": "conversationItem.created", "eventTime": item["createdAt"], "data": { "object": item },
    });
    let draft = inbound::draft(&raw, raw.to_string().as_bytes()).ok()?;
    Some(Polled { draft, raw })
}

/// The most members or saved messages in a page.
const LARGEST: (&str, &str) = ("pageSize", "500");

/// A page of teammates, teams, and the organization itself.
pub(super) async fn members(
    config: &Config,
    read: &Reading<'_>,
    cursor: Option<&str>,
) -> Result<Page<ListedMember>, ReadError> {
    let page = config.api.page(read, &MEMBERS, &[LARGEST], cursor).await?;
    let row = |member: &Value| {
        Some(ListedMember {
            id: read::text(member, "/id")?,
            name: read::first_text(member, &["/displayName", "/name"]).unwrap_or_default(),
            email: read::text(member, "/email"),
            kind: read::text(member, "/type"),
        })
    };
    Ok(Page { items: page.items.iter().filter_map(row).collect(), next: page.next })
}

/// A page of saved messages.
pub(super) async fn snippets(
    config: &Config,
    read: &Reading<'_>,
    cursor: Option<&str>,
) -> Result<Page<ListedSnippet>, ReadError> {
    let page = config.api.page(read, &SAVED_MESSAGES, &[LARGEST], cursor).await?;
    let row = |saved: &Value| {
        let detail = read::flag(saved, "/internal").then(|| "internal".to_owned());
        let title = read::text(saved, "/title").unwrap_or_default();
        Some(ListedSnippet { id: read::text(saved, "/id")?, title, detail })
    };
    Ok(Page { items: page.items.iter().filter_map(row).collect(), next: page.next })
}
