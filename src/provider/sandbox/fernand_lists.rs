//! What Fernand's API lists: conversations by its query language, timelines, contacts.
//! Assumed where its pages are silent: of the query language `status:`, `assigned:` (a number) and `tag:` are understood,
//! every other word is looked for in the subject and the contact; `before` is the id of the last entry of the page before.

use serde_json::{Value, json};

use super::desk::Desk;
use super::fernand::{WHO, conversation, message, number, problem, unknown};
use super::thread::Thread;
use super::wire::{Answer, Ask};

/// Entries of a timeline in one answer.
const PAGE: usize = 50;

fn only(ask: &Ask<'_>, known: &[&str]) -> Result<(), Answer> {
    ask.only(known).map_err(|why| problem(400, &why))
}

/// *List conversations*: `limit`, `query`, `order`, and `cursor` for the next page.
pub(super) fn conversations(desk: &Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
    only(ask, &["limit", "query", "order", "cursor"])?;
    let limit = ask.number("limit", 25, 3..=250).ok_or_else(|| problem(400, "limit must be from 3 to 250"))?;
    if !matches!(ask.query("order").unwrap_or("newest"), "priority" | "oldest" | "newest" | "longest") {
        return Err(problem(400, "order must be priority, oldest, newest or longest"));
    }
    let mut threads = desk.newest_first(WHO);
    if ask.query("order") == Some("oldest") {
        threads.reverse();
    }
    for word in ask.query("query").unwrap_or_default().split_whitespace() {
        threads.retain(|thread| is_meant(thread, word));
    }
    let start = match ask.query("cursor") {
        None => 0,
        Some(cursor) => match threads.iter().position(|thread| thread.id == cursor) {
            Some(at) => at + 1,
            None => return Err(problem(400, "cursor is not one of this list")),
        },
    };
    let page: Vec<&&Thread> = threads.iter().skip(start).take(limit).collect();
    let cursor = page.last().filter(|_| start + page.len() < threads.len()).map(|thread| thread.id.clone());
    let rows: Vec<Value> = page.iter().map(|thread| conversation(thread)).collect();
    Ok(Answer::ok(json!({ "data": rows, "cursor": cursor })))
}

fn is_meant(thread: &Thread, word: &str) -> bool {
    let shown = [&thread.subject, &thread.contact.name, &thread.contact.email];
    match word.split_once(':') {
        Some(("status", status)) => thread.status == if status == "opened" { "open" } else { status },
        Some(("assigned", id)) => thread.assignee.as_deref() == Some(id),
        Some(("tag", tag)) => thread.tags.iter().any(|own| own.eq_ignore_ascii_case(tag)),
        _ => shown.into_iter().flatten().any(|text| text.to_lowercase().contains(&word.to_lowercase())),
    }
}

/// *List messages in a conversation*: newest first.
pub(super) fn timeline(desk: &Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    only(ask, &["before"])?;
    let thread = desk.thread(WHO, id).ok_or_else(unknown)?;
    let newest_first = thread.messages.iter().rev();
    let page: Vec<Value> = match ask.query("before") {
        None => newest_first.take(PAGE).map(|entry| message(thread, entry)).collect(),
        Some(before) => {
            let older = newest_first.skip_while(|entry| entry.id != before).skip(1);
            older.take(PAGE).map(|entry| message(thread, entry)).collect()
        }
    };
    Ok(Answer::ok(Value::Array(page)))
}

/// *Retrieve contact informations*.
pub(super) fn contact(desk: &Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    only(ask, &[])?;
    let known = desk.threads.iter().find(|thread| thread.provider == WHO && thread.contact.id == id);
    let contact = &known.ok_or_else(|| problem(404, "contact not found"))?.contact;
    let first = contact.name.as_deref().and_then(|name| name.split_whitespace().next());
    Ok(Answer::ok(json!({
        "id": number(&contact.id), "email": contact.email, "name": contact.name, "firstname": first, "company": null,
        "is_role": false, "is_trusted": true,
    })))
}
