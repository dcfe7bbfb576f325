//! The real adapters against the sandbox: they read what arrives, and are understood.

use async_trait::async_trait;
use http::HeaderMap;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::http::{CallError, Http, Request, Response};
use crate::model::action::Paged;
use crate::model::{AccountName, Action, Assign, Draft, Event, Note, Outcome, Reply, SnippetCall, TagChange};
use crate::provider::conformance::{NoVault, event, normalise, run, send};
use crate::provider::{Adapter, Call, Mapping, Normalised, ReadBack, Reading, provider};

/// The way from an adapter to the sandbox without a socket.
pub(super) struct Wire(pub(super) Sandbox);

#[async_trait]
impl Http for Wire {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let request = SandboxRequest {
            method: request.method,
            path: request.url.path().to_owned(),
            query: request.url.query().unwrap_or_default().to_owned(),
            headers: request.headers,
            body: request.body,
        };
        match self.0.handle(&request, now()) {
            SandboxResponse::Answer { status, headers, body } => {
                let pair = |(name, value): (String, String)| (name.parse().unwrap(), value.parse().unwrap());
                let headers: HeaderMap = headers.into_iter().map(pair).collect();
                Ok(Response { status, headers, body })
            }
            SandboxResponse::Hang => Err(CallError::Unanswered("time-out".to_owned())),
            SandboxResponse::Reset => Err(CallError::Unanswered("reset".to_owned())),
        }
    }
}

pub(super) struct Session {
    pub(super) sandbox: Sandbox,
    pub(super) adapter: Arc<dyn Adapter>,
    event: Event,
}

/// A message that has arrived at a provider and been read by its real adapter.
pub(super) fn session(who: Speaks) -> Session {
    let sandbox = Sandbox::new(Limits::Off);
    let account = json!({ "speaks": who });
    let adapter = provider("sandbox").unwrap().open(&AccountName::from("try"), &account).unwrap();
    let payload = sandbox.arrive(who, incoming(who, "Where is it?"), now());
    assert!(adapter.is_addressed(&payload), "{who:?}");
    Session { event: event(read(&*adapter, &payload), payload), sandbox, adapter }
}

pub(super) fn read(adapter: &dyn Adapter, payload: &Value) -> Draft {
    match normalise(adapter, payload) {
        Normalised::Event(draft) => *draft,
        Normalised::Unreadable(reason) => panic!("{reason}: {payload}"),
    }
}

impl Session {
    pub(super) fn deliver(&self, action: Action) -> Outcome {
        let (mut send, http) = (send(action), Wire(self.sandbox.clone()));
        send.idempotency_key = format!("{:?}", send.action);
        send.idempotency_key.truncate(100);
        let call = Call {
            send: &send,
            event: &self.event,
            may_have_landed: false,
            taken: &[],
            now: now(),
            http: &http,
            vault: &NoVault,
        };
        run(self.adapter.deliver(&call))
    }

    fn read_back(&self, action: Action) -> ReadBack {
        let (send, http) = (send(action), Wire(self.sandbox.clone()));
        let later = now() + SignedDuration::from_mins(1);
        let call = Call {
            send: &send,
            event: &self.event,
            may_have_landed: false,
            taken: &[],
            now: later,
            http: &http,
            vault: &NoVault,
        };
        run(self.adapter.read_back(&call))
    }

    fn thread(&self) -> Thread {
        self.sandbox.conversations().remove(0)
    }
}

pub(super) fn reply(text: &str) -> Action {
    Action::Reply(Reply { text: text.to_owned(), html: format!("<p>{text}</p>"), ..Reply::default() })
}

pub(super) fn note(text: &str, page: Option<&str>) -> Action {
    let paged = page.map(|id| Paged { alias: "dr-lee".to_owned(), id: id.to_owned() });
    let page = paged.into_iter().collect();
    Action::Note(Note { text: text.to_owned(), html: format!("<p>{text}</p>"), page, ..Note::default() })
}

#[test]
fn the_real_adapters_read_what_arrives() {
    for who in ALL {
        let event = session(who).event;
        let message = event.message.unwrap();
        assert_eq!(event.kind.as_str(), "message.received", "{who:?}");
        assert_eq!(event.conversation.id.as_deref(), Some(conversation_id(who)));
        assert_eq!(
            (message.text.as_str(), event.contact.email.as_deref()),
            ("Where is it?", Some("ann@example.org")),
            "{who:?}"
        );
        assert_eq!(event.contact.first_name.as_deref(), Some("Ann"), "{who:?}");
    }
}

#[test]
fn the_real_adapters_are_understood() {
    for who in ALL {
        let session = session(who);
        let member = match who {
            Speaks::Sequenzy => None,
            Speaks::Fernand => Some("42"),
            Speaks::HighLevel => Some("sbxUserLee"),
            Speaks::Spruce => Some("entity_0D4QABCC06000"),
        };
        let ok = |action: Action| {
            let name = action.name();
            let outcome = session.deliver(action);
            assert_eq!(outcome.name(), "delivered", "{who:?} {name} {outcome:?}");
        };
        ok(reply("It left today."));
        ok(note("A refund, it seems.", member));
        ok(Action::Tag(TagChange { add: vec!["refund".to_owned(), "vip".to_owned()], remove: vec![] }));
        ok(Action::Tag(TagChange { add: vec![], remove: vec!["vip".to_owned()] }));
        if let Some(id) = member {
            ok(Action::Assign(Assign { alias: "dr-lee".to_owned(), id: id.to_owned() }));
        }
        if who != Speaks::HighLevel {
            ok(Action::Close);
        }
        let thread = session.thread();
        let texts: Vec<&str> = thread.messages.iter().map(|entry| entry.text.lines().last().unwrap()).collect();
        assert_eq!(texts[..2], ["Where is it?", "It left today."], "{who:?}");
        assert!(thread.messages[2].kind == EntryKind::Note && thread.messages[2].text.contains("A refund"), "{who:?}");
        assert_eq!(thread.tags, ["refund"], "{who:?}");
        assert_eq!(thread.assignee.as_deref(), member, "{who:?}");
        assert_eq!(thread.status == "closed", who != Speaks::HighLevel, "{who:?}");
        let is_paged = thread.messages[2].page == member.into_iter().collect::<Vec<_>>();
        assert!(is_paged, "{who:?} {:?}", thread.messages[2].page);
    }
}

#[test]
fn what_was_taken_before_the_connection_broke_is_found_again() {
    for who in ALL {
        let session = session(who);
        let ours = || reply("It left today.");
        assert_eq!(session.read_back(ours()), ReadBack::Absent, "{who:?}");
        session.sandbox.fail_next(who, Fault::TakeThenReset, 1);
        let outcome = session.deliver(ours());
        assert_eq!(outcome.name(), "unknown", "{who:?} {outcome:?}");
        assert!(
            matches!(session.read_back(ours()), ReadBack::Landed { .. }),
            "{who:?} {:?}",
            session.read_back(ours())
        );
        assert_eq!(session.thread().messages.len(), 2);
    }
}

#[test]
fn snippets_are_applied_at_fernand_highlevel_and_spruce() {
    for (who, id, text) in [
        (Speaks::Fernand, "123", "Your order is on its way."),
        (Speaks::HighLevel, "template123", "Your order is on its way."),
        (Speaks::Spruce, "savedMessage_0D4QABCC0600", "We are open Monday to Friday, 8 to 17 h."),
    ] {
        let session = session(who);
        let outcome = session.deliver(Action::Snippet(SnippetCall { id: id.to_owned(), data: Value::Null }));
        assert_eq!(outcome.name(), "delivered", "{who:?} {outcome:?}");
        assert_eq!(session.thread().messages[1].text, text, "{who:?}");
        assert_eq!(session.thread().tags.contains(&"order-status".to_owned()), who == Speaks::Fernand);
    }
}

#[test]
fn our_own_webhooks_are_read_as_sent_by_us() {
    for who in [Speaks::HighLevel, Speaks::Spruce] {
        let session = session(who);
        session.deliver(reply("It left today."));
        let webhooks = session.sandbox.take_webhooks();
        assert_eq!(webhooks.len(), 1);
        assert_eq!(read(&*session.adapter, &webhooks[0].payload).kind.as_str(), "message.sent", "{who:?}");
    }
}

#[test]
fn members_and_snippets_are_listed() {
    for (who, members, snippets) in [(Speaks::Fernand, 2, 2), (Speaks::HighLevel, 2, 0), (Speaks::Spruce, 4, 2)] {
        let session = session(who);
        let http = Wire(session.sandbox.clone());
        let read = Reading { http: &http, vault: &NoVault, now: now() };
        assert_eq!(run(session.adapter.members(&read, None)).unwrap().items.len(), members, "{who:?}");
        let found = run(session.adapter.snippets(&read, None)).map(|page| page.items.len());
        assert_eq!(found.is_ok(), session.adapter.lists().snippets, "{who:?}");
        assert_eq!(found.unwrap_or_default(), snippets, "{who:?}");
    }
}

#[test]
fn headers_travel_where_a_mapping_finds_them() {
    for (who, place) in [(Speaks::Sequenzy, "/data/headers"), (Speaks::Fernand, "/headers")] {
        let headers = [("auto-submitted".to_owned(), vec!["auto-replied".to_owned()])].into_iter().collect();
        let robot = Incoming { headers: Some(headers), ..incoming(who, "I am away") };
        let payload = sandbox().arrive(who, robot, now());
        let mapping = serde_json::from_value(json!({ "message.headers": place })).unwrap();
        let mut draft = read(&*session(who).adapter, &payload);
        Mapping::compile(&mapping).unwrap().apply(&mut draft, &payload);
        assert_eq!(draft.message.unwrap().headers.unwrap()["auto-submitted"], ["auto-replied"], "{who:?}");
    }
}
