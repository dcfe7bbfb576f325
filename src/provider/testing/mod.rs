//! What the adapters' own tests share: ready-made accounts, events and sends, and checks to run them through. Compiled for
//! tests only; it opens no connection.

mod checks;
mod stage;

use std::sync::Arc;

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

use super::{Adapter, ListedMember, ListedSnippet, Normalised, Page, Provider, ReadBack, ReadError};
use crate::http::{CallError, Response};
use crate::model::{
    AccountName, Action, Assign, Attempt, Contact, Conversation, Delivery, Draft, Event, EventId, EventKind, LaneKey,
    Outcome, OutgoingAttachment, Reply, Send as OutgoingSend, SendId, SnippetCall, SourceName, TagChange,
};
use crate::signature::{Rejection, Signing, VerifiedDelivery, Verifier, verify};

pub(crate) use checks::{check_fixtures, check_outcomes};
pub(crate) use stage::Stage;

/// The time at which the tests play.
pub(crate) fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

/// When the first try of every send began: a minute ago.
fn begun() -> Timestamp {
    "2026-03-02T09:59:00Z".parse().unwrap()
}

/// The account `support` with these settings.
pub(crate) fn open(provider: &dyn Provider, settings: Value) -> Arc<dyn Adapter> {
    provider.open(&AccountName::from("support"), &settings).unwrap()
}

/// What is wrong with these settings, one fault a line.
pub(crate) fn faults(provider: &dyn Provider, settings: Value) -> String {
    let faults = provider.open(&AccountName::from("support"), &settings).err().unwrap_or_default();
    faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect::<Vec<_>>().join("\n")
}

/// Every recorded payload of a provider, by name.
pub(crate) fn fixtures(provider: &str) -> Vec<(String, Value)> {
    let folder = format!("{}/src/provider/{provider}/fixtures", env!("CARGO_MANIFEST_DIR"));
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<(String, Value)> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(!found.is_empty());
    found
}

/// One of them.
pub(crate) fn fixture(provider: &str, name: &str) -> Value {
    fixtures(provider).into_iter().find(|(known, _)| known == name).unwrap().1
}

/// Takes whatever is delivered: what is tested begins behind the signature.
pub(crate) struct Anybody;

impl Verifier for Anybody {
    fn verify(&self, _: &Delivery, _: Timestamp) -> Result<(), Rejection> {
        Ok(())
    }

    fn sign(&self, _: &Signing<'_>) -> Result<Vec<(String, String)>, String> {
        Ok(Vec::new())
    }
}

/// A delivery of some JSON that was verified.
pub(in crate::provider) fn delivery(json: &Value) -> VerifiedDelivery {
    let delivery = Delivery { headers: HeaderMap::new(), body: json.to_string().into_bytes(), received_at: now() };
    verify(&Anybody, delivery, now()).unwrap()
}

/// What a delivery of this JSON turns out to be.
pub(crate) fn normalise(adapter: &dyn Adapter, json: &Value) -> Normalised {
    adapter.normalise(&delivery(json), json)
}

/// The draft that it has to be.
pub(crate) fn draft(adapter: &dyn Adapter, json: &Value) -> Draft {
    match normalise(adapter, json) {
        Normalised::Event(draft) => *draft,
        Normalised::Unreadable(reason) => panic!("unreadable: {reason}"),
    }
}

/// The event that a delivery of this JSON becomes.
pub(crate) fn event(adapter: &dyn Adapter, json: &Value) -> Event {
    event_of(draft(adapter, json), json.clone())
}

/// An event of which nothing is known.
pub(crate) fn blank_event() -> Event {
    let (conversation, contact) = (Conversation::default(), Contact::default());
    let dedupe_key = "delivery-1".to_owned();
    event_of(
        Draft { dedupe_key, kind: EventKind::Other, at: None, conversation, contact, message: None, delivery: None },
        Value::Null,
    )
}

/// The event that a draft becomes.
pub(crate) fn event_of(draft: Draft, raw: Value) -> Event {
    let source = SourceName::from("inbox");
    Event {
        id: EventId::derive(&source, &draft.dedupe_key),
        source,
        provider: "test".to_owned(),
        account: AccountName::from("support"),
        kind: draft.kind,
        at: draft.at.unwrap_or_else(now),
        received_at: now(),
        decide_from: None,
        conversation: draft.conversation,
        contact: draft.contact,
        message: draft.message,
        raw,
        unreadable: None,
        delivery: draft.delivery,
    }
}

/// A send whose first try has begun and is not known to have ended.
pub(crate) fn send(action: Action) -> OutgoingSend {
    OutgoingSend {
        id: SendId::from("snd_1"),
        account: AccountName::from("support"),
        lane: LaneKey::from("lane"),
        idempotency_key: "key-1".to_owned(),
        attempts: vec![Attempt::begun(1, begun())],
        ..OutgoingSend::new(&blank_event(), "rule", 0, action, begun())
    }
}

/// A reply in both forms.
pub(crate) fn reply(text: &str) -> Reply {
    Reply { text: text.to_owned(), html: format!("<p>{text}</p>"), ..Reply::default() }
}

/// A small text file.
pub(crate) fn file() -> OutgoingAttachment {
    OutgoingAttachment::Inline {
        name: "a.txt".to_owned(),
        content_type: "text/plain".to_owned(),
        content: "aGk=".to_owned(),
    }
}

pub(crate) fn tags(add: &[&str], remove: &[&str]) -> Action {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Action::Tag(TagChange { add: list(add), remove: list(remove) })
}

pub(crate) fn assign(id: &str) -> Action {
    Action::Assign(Assign { alias: "dr-lee".to_owned(), id: id.to_owned() })
}

pub(crate) fn snippet(id: &str, data: Value) -> Action {
    Action::Snippet(SnippetCall { id: id.to_owned(), data })
}

/// An answer, or the lack of one.
pub(crate) type Answer = Result<Response, CallError>;

pub(crate) fn answer(status: u16, body: Value) -> Answer {
    Ok(Response { status, headers: HeaderMap::new(), body: body.to_string().into_bytes() })
}

/// Carries an action out against the answers, in their order; gives the outcome and what was asked.
pub(crate) async fn deliver(
    adapter: &dyn Adapter,
    event: &Event,
    action: Action,
    answers: Vec<Answer>,
) -> (Outcome, String) {
    let stage = Stage::answering(answers);
    let outcome = adapter.deliver(&stage.call(&send(action), event, 1)).await;
    (outcome, stage.log())
}

/// Reads an action back against the answers, in their order; gives what it showed and what was asked.
pub(crate) async fn read_back(
    adapter: &dyn Adapter,
    event: &Event,
    action: Action,
    answers: Vec<Answer>,
) -> (ReadBack, String) {
    let stage = Stage::answering(answers);
    let shown = adapter.read_back(&stage.call(&send(action), event, 1)).await;
    (shown, stage.log())
}

/// The words of the refusal that an action meets before any call is made.
pub(crate) async fn refusal(adapter: &dyn Adapter, event: &Event, action: Action) -> String {
    match deliver(adapter, event, action, Vec::new()).await {
        (Outcome::Refused { reason }, log) if log.is_empty() => reason,
        other => panic!("not refused: {other:?}"),
    }
}

/// The members of a page, each as `id|name|address`, or what it is where it has none.
pub(crate) fn members(page: Result<Page<ListedMember>, ReadError>) -> Vec<String> {
    let detail = |row: &ListedMember| row.email.clone().or_else(|| row.kind.clone()).unwrap_or_default();
    page.unwrap().items.iter().map(|row| format!("{}|{}|{}", row.id, row.name, detail(row))).collect()
}

/// The snippets of a page, each as `id|title|detail`.
pub(crate) fn saved(page: Result<Page<ListedSnippet>, ReadError>) -> Vec<String> {
    let detail = |row: &ListedSnippet| row.detail.clone().unwrap_or_default();
    page.unwrap().items.iter().map(|row| format!("{}|{}|{}", row.id, row.title, detail(row))).collect()
}
