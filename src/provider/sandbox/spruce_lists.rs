//! What Spruce's API lists: conversations, items, members, saved messages; each in pages, by `pageSize` and the
//! `paginationToken` of the page before. Assumed where its pages are silent: lists ordered by time begin with the oldest,
//! and `startFrom` includes what has that very time.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::desk::Desk;
use super::spruce::{MEMBERS, WHO, conversation, problem, unknown};
use super::spruce_message::item;
use super::thread::{Entry, Thread};
use super::wire::{Answer, Ask};

/// Saved messages: id, title, text, and whether they are internal.
const SAVED: [(&str, &str, &str, bool); 2] = [
    ("savedMessage_0D4QABCC0600", "Office hours", "We are open Monday to Friday, 8 to 17 h.", false),
    ("savedMessage_0D4QABCC0601", "Triage", "Please triage.", true),
];

fn only(ask: &Ask<'_>, known: &[&str]) -> Result<(), Answer> {
    ask.only(known).map_err(|why| problem(400, &why))
}

/// One page. `first` is where the first page begins.
fn page(ask: &Ask<'_>, key: &str, rows: Vec<Value>, first: usize, sizes: (usize, usize)) -> Result<Answer, Answer> {
    let (default, largest) = sizes;
    let size = ask.number("pageSize", default, 1..=largest).ok_or_else(|| problem(400, "Invalid pageSize"))?;
    let start =
        ask.number("paginationToken", first, 0..=rows.len()).ok_or_else(|| problem(400, "Invalid paginationToken"))?;
    let total = rows.len();
    let shown: Vec<Value> = rows.into_iter().skip(start).take(size).collect();
    let end = start + shown.len();
    let token = if end < total { end.to_string() } else { String::new() };
    Ok(Answer::ok(json!({ key: shown, "totalCount": total, "hasMore": end < total, "paginationToken": token })))
}

/// The time to begin at. "Only one of startFrom and paginationToken" may be given.
fn from(ask: &Ask<'_>) -> Result<Option<Timestamp>, Answer> {
    match (ask.query("startFrom"), ask.query("paginationToken")) {
        (Some(_), Some(_)) => Err(problem(400, "Only one of startFrom and paginationToken may be given")),
        (Some(text), None) => text.parse().map(Some).map_err(|_| problem(400, "Invalid startFrom")),
        (None, _) => Ok(None),
    }
}

/// *List and filter all conversations*.
pub(super) fn conversations(desk: &Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
    only(ask, &["pageSize", "paginationToken", "orderBy", "startFrom"])?;
    let start = from(ask)?;
    let mut threads: Vec<&Thread> = desk.threads.iter().filter(|thread| thread.provider == WHO).collect();
    let by: fn(&Thread) -> Timestamp = match ask.query("orderBy").unwrap_or("created") {
        "created" => |thread| thread.created_at,
        "last_message" => Thread::last_at,
        _ => return Err(problem(400, "Invalid orderBy")),
    };
    threads.sort_by_key(|thread| by(thread));
    let first = start.map_or(0, |start| threads.partition_point(|thread| by(thread) < start));
    let rows = threads.iter().map(|thread| conversation(desk, thread)).collect();
    page(ask, "conversations", rows, first, (100, 200))
}

/// *List and filter all conversation items*.
pub(super) fn items(desk: &Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    only(ask, &["pageSize", "paginationToken", "order", "startFrom"])?;
    let start = from(ask)?;
    let thread = desk.thread(WHO, id).ok_or_else(unknown)?;
    let mut entries: Vec<&Entry> = thread.messages.iter().collect();
    let first = match (ask.query("order").unwrap_or("oldest_first"), start) {
        ("oldest_first", start) => start.map_or(0, |start| entries.partition_point(|entry| entry.at < start)),
        ("newest_first", None) => {
            entries.reverse();
            0
        }
        ("newest_first", Some(start)) => {
            entries.retain(|entry| entry.at >= start);
            entries.reverse();
            0
        }
        _ => return Err(problem(400, "Invalid order")),
    };
    let rows = entries.iter().map(|entry| item(thread, entry)).collect();
    page(ask, "conversationItems", rows, first, (100, 200))
}

/// *List all organization members*.
pub(super) fn members(ask: &Ask<'_>) -> Result<Answer, Answer> {
    only(ask, &["pageSize", "paginationToken"])?;
    let row = |(id, name, kind): &(&str, &str, &str)| match *kind {
        "teammate" => json!({
            "id": id, "displayName": name, "email": format!("{}@sandbox.example", name.to_lowercase().replace(' ', ".")),
            "isAdmin": false, "isSuspended": false, "type": kind, "object": "member",
        }),
        _ => json!({ "id": id, "name": name, "type": kind, "object": "member" }),
    };
    page(ask, "members", MEMBERS.iter().map(row).collect(), 0, (100, 500))
}

/// *List saved messages*.
pub(super) fn saved(ask: &Ask<'_>) -> Result<Answer, Answer> {
    only(ask, &["pageSize", "paginationToken"])?;
    let row = |(id, title, text, internal): &(&str, &str, &str, bool)| {
        json!({
            "id": id, "title": title, "text": text, "internal": internal, "shared": true, "attachments": [],
            "creatorMemberId": MEMBERS[0].0, "object": "savedMessage",
        })
    };
    page(ask, "savedMessages", SAVED.iter().map(row).collect(), 0, (100, 500))
}
