//! What HighLevel's API lists: conversations by its search, and the users of the location.
//! Assumed where its pages are silent: the search sorts by `last_message_date` and begins with the newest, and
//! `startAfterDate` leaves out what has that very time.

use serde_json::{Value, json};

use super::config::LOCATION_ID;
use super::desk::Desk;
use super::highlevel::{USERS, WHO, problem};
use super::highlevel_message::type_word;
use super::thread::Thread;
use super::wire::{Answer, Ask};

/// The parameters of the search that are understood, of those in `apps/conversations.json`.
const SEARCH: [&str; 11] = [
    "locationId",
    "contactId",
    "assignedTo",
    "query",
    "sort",
    "sortBy",
    "startAfterDate",
    "limit",
    "lastMessageType",
    "status",
    "id",
];

fn check_location(ask: &Ask<'_>) -> Result<(), Answer> {
    match ask.query("locationId") {
        Some(LOCATION_ID) => Ok(()),
        Some(_) => Err(problem(401, "The token does not have access to this location.")),
        None => Err(problem(422, "locationId can't be undefined")),
    }
}

/// A conversation as the search shows it.
pub(super) fn summary(thread: &Thread) -> Value {
    let last = thread.messages.last();
    json!({
        "id": thread.id, "contactId": thread.contact.id, "locationId": LOCATION_ID, "fullName": thread.contact.name,
        "contactName": thread.contact.name, "email": thread.contact.email, "phone": thread.contact.phone,
        "unreadCount": u8::from(thread.is_unread()), "starred": false, "deleted": false, "inbox": true,
        "assignedTo": thread.assignee, "lastMessageDate": thread.last_at().as_millisecond(),
        "lastMessageType": last.map(|entry| type_word(thread, entry)),
        "lastMessageBody": last.map(|entry| &entry.text), "sort": [thread.last_at().as_millisecond()],
    })
}

/// *Search Conversations*.
pub(super) fn search(desk: &Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
    ask.only(&SEARCH).map_err(|why| problem(422, &why))?;
    check_location(ask)?;
    let limit = ask.number("limit", 20, 1..=100).ok_or_else(|| problem(422, "limit must be from 1 to 100"))?;
    let after: Option<i64> = match ask.query("startAfterDate").map(str::parse) {
        None => None,
        Some(Ok(after)) => Some(after),
        Some(Err(_)) => return Err(problem(422, "startAfterDate must be a number")),
    };
    let is_rising = match (ask.query("sort").unwrap_or("desc"), ask.query("sortBy").unwrap_or("last_message_date")) {
        ("desc", "last_message_date") => false,
        ("asc", "last_message_date") => true,
        _ => return Err(problem(422, "sort must be asc or desc, sortBy last_message_date")),
    };
    let wanted = ask.query("status").unwrap_or("all");
    if !matches!(wanted, "all" | "read" | "unread" | "starred" | "recents") {
        return Err(problem(422, "status must be all, read, unread, starred or recents"));
    }
    let mut threads = desk.newest_first(WHO);
    if is_rising {
        threads.reverse();
    }
    let is = |name: &str, own: Option<&str>| ask.query(name).is_none_or(|wanted| own == Some(wanted));
    threads.retain(|thread| {
        let last = thread.messages.last().map(|entry| type_word(thread, entry));
        is("contactId", Some(&thread.contact.id))
            && is("id", Some(&thread.id))
            && is("assignedTo", thread.assignee.as_deref())
            && is("lastMessageType", last.as_deref())
            && ask.query("query").is_none_or(|words| says(thread, words))
            && match wanted {
                "read" => !thread.is_unread(),
                "unread" => thread.is_unread(),
                "starred" => false,
                _ => true,
            }
    });
    let total = threads.len();
    let at = |thread: &Thread| thread.last_at().as_millisecond();
    threads.retain(|thread| after.is_none_or(|after| if is_rising { at(thread) > after } else { at(thread) < after }));
    let rows: Vec<Value> = threads.iter().take(limit).map(|thread| summary(thread)).collect();
    Ok(Answer::ok(json!({ "conversations": rows, "total": total })))
}

fn says(thread: &Thread, words: &str) -> bool {
    let shown = [&thread.contact.name, &thread.contact.email, &thread.contact.phone];
    shown.into_iter().flatten().any(|text| text.to_lowercase().contains(&words.to_lowercase()))
}

/// *Get User by Location*.
pub(super) fn users(ask: &Ask<'_>) -> Result<Answer, Answer> {
    ask.only(&["locationId"]).map_err(|why| problem(422, &why))?;
    check_location(ask)?;
    let row = |(id, first, last, email): &(&str, &str, &str, &str)| {
        json!({
            "id": id, "name": format!("{first} {last}"), "firstName": first, "lastName": last, "email": email,
            "phone": "", "deleted": false,
        })
    };
    Ok(Answer::ok(json!({ "users": USERS.iter().map(row).collect::<Vec<_>>() })))
}
