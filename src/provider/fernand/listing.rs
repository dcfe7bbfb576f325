//! What Fernand lists: conversations, their timelines, agents, snippets. Changes nothing. With 20 reads a minute every call
//! counts: a conversation costs one for each page of its timeline and one for its contact.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::config::Account;
use super::inbound;
use super::reading::rows;
use crate::provider::listing::{
    ConversationLists, ConversationQuery, ListedConversation, ListedMember, ListedSnippet, Page, Polled, ReadError,
    Reading, Trail, oldest_first,
};
use crate::provider::outcome::answered;
use crate::provider::read::{flag, text, time};

/// What the list can be filtered by: with words of its query language, and `since`, which is looked at here.
pub(super) const CONVERSATIONS: ConversationLists = ConversationLists {
    filters: &["status", "search", "since", "assignee", "tag"],
    statuses: &["open", "closed", "snoozed", "spam"],
    page_size: 250,
};

/// The least that a page can be asked to hold (*List conversations*).
const SMALLEST: u32 = 3;

async fn get(
    account: &Account,
    read: &Reading<'_>,
    segments: &[&str],
    query: &[(&str, &str)],
) -> Result<Value, ReadError> {
    let mut request = account.request(Method::GET, segments, None)?;
    if !query.is_empty() {
        request.url.query_pairs_mut().extend_pairs(query);
    }
    Ok(answered(read.http.call(request).await, read.now)?)
}

/// A page, the conversation that changed last first (*List conversations*). Its rows name contacts and tags by number alone.
pub(super) async fn conversations(
    account: &Account,
    read: &Reading<'_>,
    query: &ConversationQuery,
    cursor: Option<&str>,
) -> Result<Page<ListedConversation>, ReadError> {
    let size = query.page_size.unwrap_or(100).max(SMALLEST).to_string();
    let words = words(query);
    let mut asked = vec![("limit", size.as_str()), ("order", "newest")];
    if !words.is_empty() {
        asked.push(("query", &words));
    }
    asked.extend(cursor.map(|cursor| ("cursor", cursor)));
    let json = get(account, read, &["conversations"], &asked).await?;
    if !json["data"].is_array() {
        return Err(ReadError::not_understood("list of conversations"));
    }
    let found: Vec<ListedConversation> = rows(&json).iter().filter_map(row).collect();
    let next = text(&json, "/cursor").filter(|_| !found.is_empty() && !query.is_passed_by(&found));
    let left = ConversationQuery { since: query.since, ..ConversationQuery::default() };
    Ok(Page { items: found.into_iter().filter(|row| left.admits(row)).collect(), next })
}

/// A query in Fernand's words, such as `status:opened assigned:42 tag:vip where is it`.
fn words(query: &ConversationQuery) -> String {
    let status = query.status.as_deref().map(|status| if status == "open" { "opened" } else { status });
    let named = [("status", status), ("assigned", query.assignee.as_deref()), ("tag", query.tag.as_deref())];
    let named = named.into_iter().filter_map(|(name, value)| Some(format!("{name}:{}", value?)));
    named.chain(query.search.clone()).collect::<Vec<_>>().join(" ")
}

fn row(json: &Value) -> Option<ListedConversation> {
    Some(ListedConversation {
        id: text(json, "/id")?,
        subject: text(json, "/subject"),
        status: text(json, "/status").map(|status| inbound::status_word(&status)),
        assignee: text(json, "/agent_id"),
        updated_at: time(json, "/last_update"),
        raw: json.clone(),
        ..ListedConversation::default()
    })
}

/// The messages and notes of a timeline (*List messages in a conversation*: newest first), each with its conversation and
/// its contact beside it. Events of the timeline are none of them.
pub(super) async fn messages(
    account: &Account,
    read: &Reading<'_>,
    conversation: &ListedConversation,
    since: Option<Timestamp>,
) -> Result<Vec<Polled>, ReadError> {
    let path = ["conversations", conversation.id.as_str(), "messages"];
    let (mut entries, mut before) = (Vec::new(), None::<String>);
    let mut trail = Trail::default();
    loop {
        let asked: Vec<(&str, &str)> = before.iter().map(|id| ("before", id.as_str())).collect();
        let page = rows(&get(account, read, &path, &asked).await?);
        before = page.last().and_then(|entry| text(entry, "/id"));
        let is_old = |entry: &Value| since.is_some_and(|since| time(entry, "/timestamp").is_some_and(|at| at < since));
        let is_enough = page.iter().any(is_old);
        entries.extend(page.into_iter().filter(|entry| !is_old(entry) && is_written(entry)));
        if is_enough || !trail.goes_on(before.as_deref())? {
            break;
        }
    }
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let contact = contact(account, read, conversation).await?;
    let polled = entries.into_iter().rev().filter_map(|mut raw| {
        raw["conversation"] = conversation.raw.clone();
        raw["contact"] = contact.clone();
        Some(Polled { draft: inbound::draft(&raw, raw.to_string().as_bytes())?, raw })
    });
    Ok(oldest_first(polled.collect(), since))
}

fn is_written(entry: &Value) -> bool {
    text(entry, "/type").is_some_and(|kind| kind.eq_ignore_ascii_case("message") || kind.eq_ignore_ascii_case("note"))
}

/// The contact of a conversation (*Retrieve contact informations*); `null` where there is none.
async fn contact(account: &Account, read: &Reading<'_>, conversation: &ListedConversation) -> Result<Value, ReadError> {
    let Some(id) = text(&conversation.raw, "/contact_id") else { return Ok(Value::Null) };
    match get(account, read, &["contacts", &id], &[]).await {
        Ok(contact) => Ok(contact),
        // It is gone; its number is still something to go by.
        Err(ReadError::Refused(_)) => Ok(json!({ "id": id })),
        Err(error) => Err(error),
    }
}

/// The agents (*Retrieve all the agents*), in one answer.
pub(super) async fn members(account: &Account, read: &Reading<'_>) -> Result<Page<ListedMember>, ReadError> {
    let agents = rows(&get(account, read, &["agents"], &[]).await?);
    let present = agents.iter().filter(|agent| !flag(agent, "/is_removed"));
    let row = |agent: &Value| {
        let name = text(agent, "/name").unwrap_or_default();
        Some(ListedMember { id: text(agent, "/id")?, name, email: text(agent, "/email"), kind: None })
    };
    Ok(Page::whole(present.filter_map(row).collect()))
}

/// The snippets (*List all snippets*), in one answer.
pub(super) async fn snippets(account: &Account, read: &Reading<'_>) -> Result<Page<ListedSnippet>, ReadError> {
    let snippets = rows(&get(account, read, &["snippets"], &[]).await?);
    let row = |snippet: &Value| {
        let title = text(snippet, "/title").unwrap_or_default();
        Some(ListedSnippet { id: text(snippet, "/id")?, title, detail: text(snippet, "/shortcut") })
    };
    Ok(Page::whole(snippets.iter().filter_map(row).collect()))
}
