//! The real adapters list what the sandbox holds: every page, every filter, and each message as its webhook tells it.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::adapters::{Session, Wire, note, read, reply, session};
use super::*;
use crate::model::{AccountName, Draft};
use crate::provider::conformance::{NoVault, run};
use crate::provider::{Adapter, ConversationQuery, ListedConversation, Page, Polled, ReadError, Reading, provider};

/// Asks something of the adapter, `now` being when the sandbox is asked.
fn asked<T>(sandbox: &Sandbox, ask: impl AsyncFnOnce(&Reading<'_>) -> T) -> T {
    let http = Wire(sandbox.clone());
    run(ask(&Reading { http: &http, vault: &NoVault, now: now() }))
}

fn page(
    session: &Session,
    query: &ConversationQuery,
    cursor: Option<&str>,
) -> Result<Page<ListedConversation>, ReadError> {
    asked(&session.sandbox, async |read| session.adapter.conversations(read, query, cursor).await)
}

/// The ids of all pages, and how many pages there were.
fn all(session: &Session, query: &ConversationQuery) -> (Vec<String>, usize) {
    let (mut ids, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let page = page(session, query, cursor.as_deref()).unwrap();
        ids.extend(page.items.into_iter().map(|row| row.id));
        pages += 1;
        assert!(pages < 50, "the list never ends");
        cursor = page.next;
        if cursor.is_none() {
            return (ids, pages);
        }
    }
}

fn ids(session: &Session, query: ConversationQuery) -> Vec<String> {
    let (mut ids, _) = all(session, &query);
    ids.sort();
    ids
}

fn messages(session: &Session, since: Option<Timestamp>) -> Vec<Polled> {
    let row = page(session, &ConversationQuery::default(), None).unwrap().items.remove(0);
    asked(&session.sandbox, async |read| session.adapter.messages(read, &row, since).await).unwrap()
}

fn minutes(count: i64) -> Timestamp {
    now() + SignedDuration::from_mins(count)
}

/// Conversation `number` in the manner of each provider.
fn id(who: Speaks, number: i64) -> String {
    match who {
        Speaks::Fernand => format!("{}", 12345 + number),
        _ => format!("{}{number:02}", conversation_id(who)),
    }
}

/// Nine more conversations, a minute apart, every third with the next at the very same time; even ones are Bob's.
fn fill(session: &Session, who: Speaks) {
    for number in 1..=9 {
        let name = if number % 2 == 0 { "Bob Day" } else { "Eve Fox" };
        let message = Incoming {
            conversation_id: id(who, number),
            name: Some(name.to_owned()),
            email: Some(format!("{}@example.org", name[..3].to_lowercase())),
            ..incoming(who, "Hello")
        };
        session.sandbox.arrive(who, message, minutes(number - number / 3));
    }
}

#[test]
fn every_page_is_walked_and_each_conversation_comes_once() {
    for who in ALL {
        let session = session(who);
        fill(&session, who);
        for size in [3, 4, 10, 100] {
            let query = ConversationQuery { page_size: Some(size), ..ConversationQuery::default() };
            let (mut found, pages) = all(&session, &query);
            found.sort();
            let mut expected: Vec<String> = (1..=9).map(|number| id(who, number)).collect();
            expected.push(conversation_id(who).to_owned());
            expected.sort();
            assert_eq!(found, expected, "{who:?} by {size}");
            assert!(pages >= 10_usize.div_ceil(size as usize), "{who:?} by {size}: {pages}");
        }
    }
}

#[test]
fn each_filter_that_is_offered_works() {
    for who in ALL {
        let session = session(who);
        fill(&session, who);
        let lists = session.adapter.lists().conversations.unwrap();
        let of = |numbers: &[i64]| -> Vec<String> { numbers.iter().map(|number| id(who, *number)).collect() };
        let offers = |name: &str| lists.filters.contains(&name);
        let query = ConversationQuery::default;
        assert!(offers("since") && offers("search"), "{who:?}");
        let since = ConversationQuery { since: Some(minutes(5)), page_size: Some(3), ..query() };
        assert_eq!(ids(&session, since), of(&[7, 8, 9]), "{who:?}");
        let bob = ConversationQuery { search: Some("BOB".to_owned()), ..query() };
        assert_eq!(ids(&session, bob), of(&[2, 4, 6, 8]), "{who:?}");
        session.deliver(reply("It left today."));
        if offers("unread") {
            let read = ConversationQuery { unread: Some(false), ..query() };
            assert_eq!(ids(&session, read), [conversation_id(who)], "{who:?}");
            let unread = ConversationQuery { unread: Some(true), page_size: Some(4), ..query() };
            assert_eq!(ids(&session, unread).len(), 9, "{who:?}");
        }
        if offers("status") {
            session.deliver(crate::model::Action::Close);
            let closed = ConversationQuery { status: Some("closed".to_owned()), ..query() };
            assert_eq!(ids(&session, closed), [conversation_id(who)], "{who:?}");
            let open = ConversationQuery { status: Some("open".to_owned()), ..query() };
            assert_eq!(ids(&session, open).len(), 9, "{who:?}");
        }
        if offers("assignee") {
            let user = match who {
                Speaks::Fernand => "42",
                Speaks::HighLevel => "sbxUserLee",
                _ => "entity_0D4QABCC06000",
            };
            let assign = crate::model::Assign { alias: "dr-lee".to_owned(), id: user.to_owned() };
            session.deliver(crate::model::Action::Assign(assign));
            let hers = ConversationQuery { assignee: Some(user.to_owned()), ..query() };
            assert_eq!(ids(&session, hers), [conversation_id(who)], "{who:?}");
        }
        if offers("tag") {
            let change = crate::model::TagChange { add: vec!["vip".to_owned()], remove: Vec::new() };
            session.deliver(crate::model::Action::Tag(change));
            let tagged = ConversationQuery { tag: Some("VIP".to_owned()), ..query() };
            assert_eq!(ids(&session, tagged), [conversation_id(who)], "{who:?}");
        }
        if offers("channel") {
            let mails = ConversationQuery { channel: Some("sms".to_owned()), ..query() };
            assert_eq!(ids(&session, mails), [""; 0], "{who:?}");
        }
    }
}

#[test]
fn a_row_says_what_a_person_looks_for() {
    for who in ALL {
        let session = session(who);
        let row = page(&session, &ConversationQuery::default(), None).unwrap().items.remove(0);
        assert_eq!((row.id.as_str(), row.updated_at), (conversation_id(who), Some(now())), "{who:?}");
        // Fernand's list names the contact by number alone; HighLevel's conversations have neither subject nor status.
        let names = [row.name.as_deref(), row.address.as_deref()];
        assert_eq!(names == [Some("Ann Lee"), Some("ann@example.org")], who != Speaks::Fernand, "{who:?}");
        assert_eq!(row.subject.as_deref() == Some("Order 7"), who != Speaks::HighLevel, "{who:?}");
        assert_eq!(row.status.as_deref() == Some("open"), who != Speaks::HighLevel, "{who:?}");
    }
}

/// What has to be equal, however a message is heard of.
fn told(draft: &Draft) -> serde_json::Value {
    let message = draft.message.as_ref().unwrap();
    json!({
        "key": draft.dedupe_key, "kind": draft.kind, "at": draft.at, "conversation": draft.conversation.id,
        "channel": draft.conversation.channel, "contact": draft.contact.id, "email": draft.contact.email,
        "text": message.text, "direction": message.direction, "author": message.author,
        "automated": message.is_automated,
    })
}

#[test]
fn a_message_is_the_same_by_webhook_and_by_list() {
    for who in ALL {
        for email in [Some("ann@example.org".to_owned()), None] {
            // At Sequenzy and Fernand there are no text messages.
            if email.is_none() && matches!(who, Speaks::Sequenzy | Speaks::Fernand) {
                continue;
            }
            let sandbox = Sandbox::new(Limits::Off);
            let adapter = open(who);
            let mut webhooks = Vec::new();
            for (minute, text) in ["Where is it?", "Hello?\nAnybody there?"].into_iter().enumerate() {
                let phone = Some("+15551234567".to_owned()).filter(|_| email.is_none());
                let message = Incoming { email: email.clone(), phone, ..incoming(who, text) };
                webhooks.push(sandbox.arrive(who, message, minutes(i64::try_from(minute).unwrap())));
            }
            let delivered: Vec<_> = webhooks.iter().map(|payload| told(&read(&*adapter, payload))).collect();
            let polled = asked(&sandbox, async |read| {
                let page = adapter.conversations(read, &ConversationQuery::default(), None).await.unwrap();
                adapter.messages(read, &page.items[0], None).await.unwrap()
            });
            assert_eq!(polled.iter().map(|polled| told(&polled.draft)).collect::<Vec<_>>(), delivered, "{who:?}");
            assert!(delivered[0]["key"].as_str().unwrap().starts_with("message:"), "{who:?}");
            // A mapping finds the same fields, and reading the polled form as a delivery gives the same event.
            for polled in &polled {
                assert_eq!(told(&read(&*adapter, &polled.raw)), told(&polled.draft), "{who:?}");
            }
        }
    }
}

fn open(who: Speaks) -> Arc<dyn Adapter> {
    provider("sandbox").unwrap().open(&AccountName::from("try"), &json!({ "speaks": who })).unwrap()
}

#[test]
fn what_our_side_wrote_is_listed_as_that_and_known_by_the_key_of_its_webhook() {
    for who in ALL {
        let session = session(who);
        session.deliver(reply("It left today."));
        session.deliver(note("A refund, it seems.", None));
        let polled = messages(&session, None);
        let kinds: Vec<&str> = polled.iter().map(|polled| polled.draft.kind.as_str()).collect();
        assert_eq!(kinds, ["message.received", "message.sent", "note.added"], "{who:?}");
        for webhook in session.sandbox.take_webhooks() {
            let told = read(&*session.adapter, &webhook.payload);
            let same = polled.iter().find(|polled| polled.draft.dedupe_key == told.dedupe_key);
            let same = same.unwrap_or_else(|| panic!("{who:?}: {} is not listed", told.dedupe_key));
            assert_eq!((same.draft.kind, same.draft.at), (told.kind, told.at), "{who:?}");
        }
    }
}

#[test]
fn only_what_is_new_is_read_oldest_first_from_all_pages() {
    for who in ALL {
        let session = session(who);
        for number in 1..=130 {
            session.sandbox.arrive(who, incoming(who, &format!("message {number}")), minutes(number));
        }
        let texts = |since| -> Vec<String> {
            let read = messages(&session, since).into_iter();
            read.map(|polled| polled.draft.message.unwrap().text).collect()
        };
        let all = texts(None);
        assert_eq!((all.len(), all[0].as_str(), all[130].as_str()), (131, "Where is it?", "message 130"), "{who:?}");
        assert_eq!(texts(Some(minutes(129))), ["message 129", "message 130"], "{who:?}");
        assert_eq!(texts(Some(minutes(131))), [""; 0], "{who:?}");
    }
}

#[test]
fn a_refused_key_and_a_full_budget_are_told_apart_from_a_wrong_question() {
    for who in ALL {
        let session = session(who);
        let fail = |status, after| {
            session.sandbox.fail_next(who, Fault::Status(status, after), 1);
            page(&session, &ConversationQuery::default(), None).unwrap_err()
        };
        let wait = Some(SignedDuration::from_secs(30));
        assert!(matches!(fail(429, Some(30)), ReadError::TryLater { after, .. } if after == wait), "{who:?}");
        assert!(matches!(fail(401, None), ReadError::TryLater { after: None, .. }), "{who:?}");
        assert!(matches!(fail(500, None), ReadError::TryLater { .. }), "{who:?}");
        assert!(matches!(fail(400, None), ReadError::Refused(_)), "{who:?}");
        session.sandbox.fail_next(who, Fault::Garbage, 1);
        assert!(page(&session, &ConversationQuery::default(), None).is_err(), "{who:?}");
        let lost = page(&session, &ConversationQuery::default(), Some("not a cursor"));
        assert!(matches!(lost, Err(ReadError::Refused(_))), "{who:?} {lost:?}");
    }
}
