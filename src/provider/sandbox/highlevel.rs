//! HighLevel's API: messages by contact and channel, comments, notes, tags and assignment on contacts.
//! Assumed where its pages are silent: a missing `Version` is 401, a refused body 422 with a list of messages. A contact
//! that was never seen is made on demand, since there are no others than those who write.

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::LOCATION_ID;
use super::desk::{Desk, Speaks};
use super::highlevel_message as message;
use super::thread::{Entry, EntryKind, Person, Thread};
use super::wire::{Answer, Ask, BadBody};
use super::{Api, Spent, highlevel_lists, highlevel_oauth};
use crate::provider::{CallClass, Quota};

pub(super) const WHO: Speaks = Speaks::HighLevel;

/// The `Version` of conversation calls, and of contact and user calls.
const CONVERSATIONS: &str = "2021-04-15";
const CONTACTS: &str = "2021-07-28";

/// Who can be assigned or mentioned: id, first and last name, address.
pub(super) const USERS: [(&str, &str, &str, &str); 2] =
    [("sbxUserLee", "Dr", "Lee", "dr.lee@sandbox.example"), ("sbxUserSam", "Sam", "Ortiz", "sam@sandbox.example")];

/// For an app in a location. The limit of a day is shown, not kept.
const QUOTAS: [Quota; 1] = [Quota { class: CallClass::Any, calls: 100, per: SignedDuration::from_secs(10) }];

pub(super) struct HighLevel;

impl Api for HighLevel {
    fn speaks(&self) -> Speaks {
        WHO
    }

    fn prefix(&self) -> &'static str {
        "/highlevel"
    }

    fn quotas(&self) -> &'static [Quota] {
        &QUOTAS
    }

    fn answer(&self, desk: &mut Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
        let (method, path) = ask.route();
        if (method, path.as_slice()) == ("POST", &["oauth", "token"]) {
            return highlevel_oauth::renew(desk, ask);
        }
        if !ask.bearer().is_some_and(|token| highlevel_oauth::is_valid(desk, token)) {
            return Err(problem(401, "Invalid token: access token is invalid"));
        }
        let is_of_contacts = matches!(path.first(), Some(&("contacts" | "users")));
        let version = if is_of_contacts { CONTACTS } else { CONVERSATIONS };
        match ask.header("version") {
            None => return Err(problem(401, "version header was not found.")),
            Some(given) if given != version => return Err(problem(401, "version header is invalid.")),
            Some(_) => {}
        }
        match (method, path.as_slice()) {
            ("POST", ["conversations", "messages"]) => message::send(desk, ask),
            ("GET", ["conversations", "messages", "email", id] | ["conversations", "messages", id]) => {
                message::one(desk, id)
            }
            ("GET", ["conversations", "search"]) => highlevel_lists::search(desk, ask),
            ("GET", ["users", ""]) => highlevel_lists::users(ask),
            ("GET", ["conversations", id]) => show(desk, id),
            ("GET", ["conversations", id, "messages"]) => message::list(desk, ask, id),
            ("GET", ["contacts", id]) => contact(desk, id),
            ("PUT", ["contacts", id]) => update(desk, ask, id),
            ("GET", ["contacts", id, "notes"]) => notes(desk, id),
            ("POST", ["contacts", id, "notes"]) => add_note(desk, ask, id),
            ("POST", ["contacts", id, "tags"]) => tag(desk, ask, id, Thread::tag, 201),
            ("DELETE", ["contacts", id, "tags"]) => tag(desk, ask, id, untag, 200),
            _ => Err(problem(404, "Not Found")),
        }
    }

    fn problem(&self, status: u16, message: &str) -> Answer {
        problem(status, message)
    }

    fn show_limit(&self, spent: &Spent, answer: &mut Answer) {
        answer.header("x-ratelimit-limit-daily", "200000");
        answer.header("x-ratelimit-daily-remaining", "199999");
        answer.header("x-ratelimit-interval-milliseconds", &spent.per.as_millis().to_string());
        answer.header("x-ratelimit-max", &spent.limit.to_string());
        answer.header("x-ratelimit-remaining", &spent.remaining.to_string());
    }

    fn announce(&self, desk: &mut Desk, thread: &Thread, entry: &Entry) -> Value {
        message::webhook(desk, thread, entry)
    }
}

pub(super) fn problem(status: u16, message: &str) -> Answer {
    let (message, error) = match status {
        401 => (json!(message), "Unauthorized"),
        404 => (json!(message), "Not Found"),
        422 => (json!([message]), "Unprocessable Entity"),
        429 => (json!("Too Many Requests"), "Too Many Requests"),
        _ => (json!(message), "Bad Request"),
    };
    Answer::new(status, json!({ "statusCode": status, "message": message, "error": error }))
}

pub(super) fn bad(body: BadBody) -> Answer {
    match body {
        BadBody::ContentType => problem(422, "the body must be application/json"),
        BadBody::Content(why) => problem(422, &why),
    }
}

/// Whether somebody is a user of the location.
pub(super) fn is_user(id: &str) -> bool {
    USERS.iter().any(|(own, ..)| *own == id)
}

/// The conversation with a contact, of which HighLevel has one.
pub(super) fn of_contact<'a>(desk: &'a mut Desk, id: &str, ask: &Ask<'_>) -> Result<&'a mut Thread, Answer> {
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(problem(400, "Contact with id not found"));
    }
    if !desk.threads.iter().any(|thread| thread.provider == WHO && thread.contact.id == id) {
        let conversation = format!("sbxConversation{:05}", desk.number());
        let person = Person { id: id.to_owned(), ..Person::default() };
        let thread = desk.begin(WHO, &conversation, person, "sms", ask.now);
        desk.threads.push(thread);
    }
    let found = desk.threads.iter_mut().rev().find(|thread| thread.provider == WHO && thread.contact.id == id);
    found.ok_or_else(|| problem(400, "Contact with id not found"))
}

fn unknown() -> Answer {
    problem(404, "Conversation not found")
}

fn show(desk: &Desk, id: &str) -> Result<Answer, Answer> {
    desk.thread(WHO, id).map(|thread| Answer::ok(highlevel_lists::summary(thread))).ok_or_else(unknown)
}

fn person(thread: &Thread) -> Value {
    json!({ "contact": {
        "id": thread.contact.id, "locationId": LOCATION_ID, "name": thread.contact.name, "email": thread.contact.email,
        "phone": thread.contact.phone, "tags": thread.tags, "assignedTo": thread.assignee,
    } })
}

fn contact(desk: &Desk, id: &str) -> Result<Answer, Answer> {
    let thread = desk.threads.iter().find(|thread| thread.provider == WHO && thread.contact.id == id);
    thread.map(|thread| Answer::ok(person(thread))).ok_or_else(|| problem(400, "Contact with id not found"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ContactUpdate {
    assigned_to: Option<String>,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    /// Replaces all tags.
    tags: Option<Vec<String>>,
}

fn update(desk: &mut Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    let new: ContactUpdate = ask.json().map_err(bad)?;
    if new.assigned_to.as_ref().is_some_and(|user| !is_user(user)) {
        return Err(problem(400, "The assignedTo user is not found"));
    }
    let thread = of_contact(desk, id, ask)?;
    thread.assignee = new.assigned_to.or(thread.assignee.take());
    thread.contact.name = new.name.or(thread.contact.name.take());
    thread.contact.email = new.email.or(thread.contact.email.take());
    thread.contact.phone = new.phone.or(thread.contact.phone.take());
    if let Some(tags) = new.tags {
        thread.tags = tags;
    }
    let mut shown = person(thread);
    shown["succeded"] = json!(true);
    Ok(Answer::ok(shown))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tags {
    tags: Vec<String>,
}

fn untag(thread: &mut Thread, tag: &str) {
    thread.untag(tag);
}

fn tag(desk: &mut Desk, ask: &Ask<'_>, id: &str, change: fn(&mut Thread, &str), status: u16) -> Result<Answer, Answer> {
    let given: Tags = ask.json().map_err(bad)?;
    if given.tags.is_empty() {
        return Err(problem(422, "tags should not be empty"));
    }
    let thread = of_contact(desk, id, ask)?;
    given.tags.iter().for_each(|tag| change(thread, tag));
    Ok(Answer::new(status, json!({ "tags": thread.tags })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewNote {
    body: String,
    user_id: Option<String>,
    title: Option<String>,
    #[serde(rename = "color")]
    _color: Option<String>,
    #[serde(rename = "pinned")]
    _pinned: Option<bool>,
}

fn note(thread: &Thread, entry: &Entry) -> Value {
    json!({
        "id": entry.id, "body": entry.text, "userId": entry.author, "dateAdded": entry.at,
        "contactId": thread.contact.id, "title": entry.subject,
    })
}

fn notes(desk: &Desk, id: &str) -> Result<Answer, Answer> {
    let own = desk.threads.iter().filter(|thread| thread.provider == WHO && thread.contact.id == id);
    let notes = own.flat_map(|thread| thread.messages.iter().map(move |entry| (thread, entry)));
    let notes = notes.filter(|(_, entry)| entry.kind == EntryKind::ContactNote);
    Ok(Answer::ok(json!({ "notes": notes.map(|(thread, entry)| note(thread, entry)).collect::<Vec<_>>() })))
}

fn add_note(desk: &mut Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    let new: NewNote = ask.json().map_err(bad)?;
    if new.body.trim().is_empty() {
        return Err(problem(422, "body should not be empty"));
    }
    let number = desk.number();
    let thread = of_contact(desk, id, ask)?;
    let mut entry = Entry::new(format!("sbxNote{number:010}"), ask.now, EntryKind::ContactNote, new.body);
    entry.author = new.user_id;
    entry.subject = new.title;
    let shown = note(thread, &entry);
    thread.messages.push(entry);
    Ok(Answer::new(201, json!({ "note": shown })))
}
