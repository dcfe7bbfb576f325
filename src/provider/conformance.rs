//! What every provider of the table promises, each promise one function with the promise as its name. Run over
//! [`PROVIDERS`] with a sample account each; a provider without a sample fails. Planted faults show that each can be found.
//! Compiled for tests only; nothing here opens a connection.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::listing::FILTERS;
use super::registration::{EndpointChange, PLACEHOLDERS};
use super::{
    Adapter, Call, ConversationQuery, Endpoints, ListedConversation, Lists, Normalised, PROVIDERS, Provider, ReadBack,
    ReadError, Reading, RegisteredEndpoint, Registration, Vault,
};
use crate::http::{CallError, Http, Request, Response};
use crate::model::capability::CAPABILITIES;
use crate::model::{
    AccountName, Action, Attempt, Capability, Contact, Conversation, Delivery, Draft, Event, EventId, EventKind,
    LaneKey, Message, Outcome, Reply, Send, SendId, SendState, Support,
};
use crate::secret::Secret;
use crate::signature::{Rejection, SettingFault, Signing, VerifiedDelivery, Verifier, verify};

/// A valid account of each provider. Every credential holds [`SECRET`].
const SAMPLES: [(&str, &str); 7] = [
    ("sequenzy", r#"{ "api_key": "hunter2" }"#),
    ("fernand", r#"{ "api_key": "hunter2", "agent_email": "dr.lee@example.com" }"#),
    ("highlevel", r#"{ "token": "hunter2", "location_id": "loc" }"#),
    ("spruce", r#"{ "token": "hunter2" }"#),
    (
        "http",
        r#"{ "base_url": "https://desk.example/api", "headers": { "Authorization": "Bearer hunter2" },
             "actions": { "reply": { "path": "/tickets/{{ conversation.id }}", "body": { "text": "{{ text }}" } } } }"#,
    ),
    (
        "http",
        r#"{ "base_url": "https://desk.example", "headers": { "X-Key": "hunter2" },
             "actions": { "reply": { "path": "/r", "body": "{{ text }}", "idempotency_header": "Idempotency-Key" } } }"#,
    ),
    ("sandbox", r#"{ "speaks": "spruce", "base_url": "http://127.0.0.1:9" }"#),
];

const SECRET: &str = "hunter2";

/// Something of the message that must not be seen either.
const PRIVATE: &str = "ann@example.org";

/// A provider with a sample account and the deliveries in its folder.
struct Subject<'a> {
    provider: &'a dyn Provider,
    settings: Value,
    fixtures: Vec<(String, Value)>,
}

type Promise = fn(&Subject<'_>, &dyn Adapter) -> Result<(), String>;

const PROMISES: [(&str, Promise); 9] = [
    ("takes a stand on every capability", takes_a_stand_on_every_capability),
    ("refuses unknown keys", refuses_unknown_keys),
    ("reads its deliveries, and the same one under the same key", reads_its_deliveries_under_stable_keys),
    ("reads anything without panic", reads_anything_without_panic),
    ("gives every answer its outcome", gives_every_answer_its_outcome),
    ("makes the same request in every attempt", makes_the_same_request_in_every_attempt),
    ("shows no secret", shows_no_secret),
    ("lists what it offers to list, and says that it has no other list", lists_what_it_offers),
    ("says how it is registered, and tells no secret in an error", says_how_it_is_registered),
];

/// The promises that do not hold, with the reason.
fn broken(subject: &Subject<'_>) -> Vec<(&'static str, String)> {
    let adapter = match subject.provider.open(&AccountName::from("sample"), &subject.settings) {
        Ok(adapter) => adapter,
        Err(faults) => return vec![("opens its sample", format!("{faults:?}"))],
    };
    let outcome = |(name, promise): &(&'static str, Promise)| Some((*name, promise(subject, &*adapter).err()?));
    PROMISES.iter().filter_map(outcome).collect()
}

#[test]
fn every_provider_keeps_every_promise() {
    for provider in PROVIDERS {
        let samples: Vec<_> = SAMPLES.iter().filter(|(name, _)| *name == provider.name()).collect();
        assert!(!samples.is_empty(), "`{}` needs a line in SAMPLES", provider.name());
        for (name, settings) in samples {
            let settings = serde_json::from_str(settings).unwrap();
            let subject = Subject { provider: *provider, settings, fixtures: fixtures(name) };
            assert_eq!(broken(&subject), [], "{name}");
        }
    }
}

fn fixtures(name: &str) -> Vec<(String, Value)> {
    let folder = format!("{}/src/provider/{name}/fixtures", env!("CARGO_MANIFEST_DIR"));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
    let mut found: Vec<(String, Value)> = paths
        .map(|path| {
            let json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            (path.file_name().unwrap().to_string_lossy().into_owned(), json)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn takes_a_stand_on_every_capability(subject: &Subject<'_>, _: &dyn Adapter) -> Result<(), String> {
    for rows in [subject.provider.capabilities().to_vec(), subject.provider.capabilities_of(&subject.settings)] {
        let names: BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
        expect(rows.len() == names.len() && names == BTreeSet::from(CAPABILITIES), || format!("{names:?}"))?;
    }
    Ok(())
}

fn refuses_unknown_keys(subject: &Subject<'_>, _: &dyn Adapter) -> Result<(), String> {
    let schema = subject.provider.schema();
    expect(!schema.to_string().contains("\"$ref\""), || "the schema refers to the outside".to_owned())?;
    let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
    let mut settings = subject.settings.clone();
    expect(validator.is_valid(&settings), || "the sample is not valid".to_owned())?;
    settings["no_such_key"] = json!(1);
    expect(!validator.is_valid(&settings), || "an unknown key is valid".to_owned())
}

fn reads_its_deliveries_under_stable_keys(subject: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
    for (name, json) in &subject.fixtures {
        let key = |read: Normalised| match read {
            Normalised::Event(draft) => Ok(draft.dedupe_key),
            Normalised::Unreadable(reason) => Err(format!("{name}: {reason}")),
        };
        let (first, second) = (key(normalise(adapter, json))?, key(normalise(adapter, json))?);
        expect(first == second && !first.is_empty(), || format!("{name}: `{first}`, then `{second}`"))?;
    }
    Ok(())
}

fn reads_anything_without_panic(subject: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
    let config = Config { cases: 128, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let payloads: Vec<Value> = subject.fixtures.iter().map(|(_, json)| json.clone()).collect();
    let check = |json: &Value| {
        let (first, second) = (normalise(adapter, json), normalise(adapter, json));
        prop_assert_eq!(first, second);
        Ok(())
    };
    let words = vocabulary(&payloads);
    let strategy = (any_json(words), any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let verdict = runner.run(&strategy, |(junk, which, place)| {
        check(&junk)?;
        if !payloads.is_empty() {
            let mut damaged = payloads[which.index(payloads.len())].clone();
            let places = pointers(&damaged, "");
            if let Some(value) = damaged.pointer_mut(&places[place.index(places.len())]) {
                *value = junk;
            }
            check(&damaged)?;
        }
        Ok(())
    });
    verdict.map_err(|error| error.to_string())
}

/// What a reply becomes under each answer. An unclear one is never taken for a refusal, key or no key.
fn gives_every_answer_its_outcome(_: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
    let unclear = "unknown";
    for (result, expected) in [
        (answer(200), "delivered"),
        (answer(201), "delivered"),
        (answer(400), "refused"),
        (answer(401), "try_later"),
        (answer(403), "try_later"),
        (answer(404), "refused"),
        (answer(408), "try_later"),
        (answer(429), "try_later"),
        (answer(500), unclear),
        (answer(502), unclear),
        (answer(503), "try_later"),
        (Err(CallError::NotSent("refused".to_owned())), "try_later"),
        (Err(CallError::Unanswered("reset".to_owned())), unclear),
        (Err(CallError::Forbidden("private".to_owned())), "refused"),
    ] {
        let (outcome, _) = deliver(adapter, &result, 1);
        expect(outcome.name() == expected, || format!("{result:?} became {}", outcome.name()))?;
        if result.as_ref().is_ok_and(|response| response.status == 429) {
            let after = Some(SignedDuration::from_secs(30));
            let kept = matches!(&outcome, Outcome::TryLater { after: given, .. } if *given == after);
            expect(kept, || "Retry-After was lost".to_owned())?;
        }
    }
    Ok(())
}

fn makes_the_same_request_in_every_attempt(_: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
    let all = |request: &Request| {
        (request.method.clone(), request.url.clone(), request.headers.clone(), request.body.clone())
    };
    let seen = |attempt| deliver(adapter, &answer(503), attempt).1;
    let (first, third) = (seen(1), seen(3));
    expect(!first.is_empty(), || "nothing was sent".to_owned())?;
    expect(first.iter().map(all).eq(third.iter().map(all)), || "the third attempt asks something else".to_owned())?;
    let has_key = |request: &Request| {
        let in_headers = request.headers.values().any(|value| value.to_str().is_ok_and(|text| text.contains(KEY)));
        in_headers || String::from_utf8_lossy(&request.body).contains(KEY)
    };
    expect(adapter.remembers_keys_for(&Action::Reply(Reply::default())).is_none() || first.iter().any(has_key), || {
        "the key is not sent".to_owned()
    })
}

fn shows_no_secret(subject: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
    let is_clean = |shown: &str| !shown.contains(SECRET) && !shown.contains(PRIVATE);
    for status in [200, 400, 401, 403, 429, 500, 503] {
        let (outcome, requests) = deliver(adapter, &answer(status), 1);
        let shown = format!("{outcome:?} {requests:?} {}", serde_json::to_string(&outcome).unwrap());
        expect(is_clean(&shown), || format!("{status}: {shown}"))?;
    }
    let mut wrong = subject.settings.clone();
    wrong["base_url"] = json!("nowhere");
    match subject.provider.open(&AccountName::from("sample"), &wrong) {
        Ok(_) => Err("a base_url that is none was taken".to_owned()),
        Err(faults) => expect(is_clean(&format!("{faults:?}")), || "a fault shows it".to_owned()),
    }
}

/// Every list that is offered is asked for and passes on how long to wait; no other is, and no answer makes it panic.
fn lists_what_it_offers(_: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
    let lists = adapter.lists();
    if let Some(conversations) = lists.conversations {
        let is_known = conversations.filters.iter().all(|name| FILTERS.contains(name));
        let has_status = conversations.filters.contains(&"status");
        expect(is_known && has_status != conversations.statuses.is_empty(), || format!("{conversations:?}"))?;
    }
    let has_conversations = lists.conversations.is_some();
    let offered = [has_conversations, has_conversations, lists.members, lists.snippets];
    for (place, error) in asked(adapter, answer(429)).into_iter().enumerate() {
        let wait = Some(SignedDuration::from_secs(30));
        let holds = match (offered[place], &error) {
            (true, Some(ReadError::TryLater { after, .. })) => *after == wait,
            (false, Some(ReadError::Refused(_))) => true,
            _ => false,
        };
        expect(holds, || format!("list {place}: {error:?}"))?;
    }
    let config = Config { cases: 128, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let words = "id type data conversations messages conversationItems items hasMore paginationToken cursor createdAt \
                 dateAdded timestamp direction inbound messageType TYPE_EMAIL meta email messageIds nextPage users members";
    let verdict = runner.run(&any_json(words.split(' ').map(str::to_owned).collect()), |json| {
        let body = json.to_string().into_bytes();
        asked(adapter, Ok(Response { status: 200, headers: HeaderMap::new(), body }));
        Ok(())
    });
    verdict.map_err(|error| error.to_string())
}

/// Steps name the address; an API for endpoints passes on how long to wait, quotes nobody, and no answer makes it panic.
fn says_how_it_is_registered(_: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
    let endpoints = match adapter.registration() {
        Registration::ByHand(steps) => {
            let names_it = steps.iter().any(|step| step.contains(PLACEHOLDERS[0]));
            return expect(names_it, || format!("no step names the address: {steps:?}"));
        }
        Registration::Api(endpoints) => endpoints,
    };
    for error in registered(endpoints, &answer(429)).into_iter().flatten() {
        let wait = Some(SignedDuration::from_secs(30));
        let holds = match &error {
            ReadError::TryLater { after, .. } => *after == wait,
            // What the API cannot do is not asked for.
            ReadError::Refused(reason) => !reason.contains("429"),
        };
        expect(holds, || format!("{error:?}"))?;
    }
    for status in [400, 500] {
        let errors = registered(endpoints, &answer(status)).map(|error| format!("{error:?}")).join(" ");
        expect(!errors.contains(SECRET) && !errors.contains(PRIVATE), || errors.clone())?;
    }
    let config = Config { cases: 128, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let words =
        "webhooks webhook endpoints endpoint events id url status signingSecrets signingSecret value data createdAt";
    let verdict = runner.run(&any_json(words.split(' ').map(str::to_owned).collect()), |json| {
        let body = json.to_string().into_bytes();
        registered(endpoints, &Ok(Response { status: 200, headers: HeaderMap::new(), body }));
        Ok(())
    });
    verdict.map_err(|error| error.to_string())
}

/// Lists, makes, changes and reads endpoints, every call being answered the same; the errors, in this order.
fn registered(endpoints: &dyn Endpoints, answer: &Result<Response, CallError>) -> [Option<ReadError>; 5] {
    let http = Always(answer.clone());
    let read = Reading { http: &http, vault: &NoVault, now: now() };
    let url: url::Url = "https://rejoinder.example/webhooks/inbox".parse().unwrap();
    let one = RegisteredEndpoint { id: "one".to_owned(), url: url.to_string(), ..RegisteredEndpoint::default() };
    [
        run(endpoints.list(&read)).err(),
        run(endpoints.create(&read, &url)).err(),
        run(endpoints.change(&read, &one, EndpointChange::Pause)).err(),
        run(endpoints.change(&read, &one, EndpointChange::Delete)).err(),
        run(endpoints.stored(&read, &one, now(), None)).err(),
    ]
}

/// Answers every call the same.
struct Always(Result<Response, CallError>);

#[async_trait]
impl Http for Always {
    async fn call(&self, _: Request) -> Result<Response, CallError> {
        self.0.clone()
    }
}

/// Asks for conversations, messages, members and snippets, every call being answered the same; the errors, in this order.
fn asked(adapter: &dyn Adapter, answer: Result<Response, CallError>) -> [Option<ReadError>; 4] {
    let http = Always(answer);
    let read = Reading { http: &http, vault: &NoVault, now: now() };
    let row = ListedConversation { id: "12345".to_owned(), ..ListedConversation::default() };
    [
        run(adapter.conversations(&read, &ConversationQuery::default(), None)).err(),
        run(adapter.messages(&read, &row, None)).err(),
        run(adapter.members(&read, None)).err(),
        run(adapter.snippets(&read, None)).err(),
    ]
}

// ---- what the promises are tried with

/// The time at which everything happens.
pub(super) const NOW: &str = "2026-03-02T10:00:00Z";

/// The idempotency key of every send.
const KEY: &str = "idempotency-key-1";

pub(super) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// An answer whose body would be a leak if it were shown.
fn answer(status: u16) -> Result<Response, CallError> {
    let mut headers = HeaderMap::new();
    if status == 429 {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
    }
    let body = format!(r#"{{ "error": "{SECRET} {PRIVATE}", "message": "{PRIVATE} {SECRET}", "id": "m1" }}"#);
    Ok(Response { status, headers, body: body.into_bytes() })
}

/// A connection with one answer for everything that changes something; readings find an empty object.
pub(super) struct OneAnswer {
    pub(super) answer: Result<Response, CallError>,
    pub(super) seen: Mutex<Vec<Request>>,
}

impl OneAnswer {
    pub(super) fn new(answer: Result<Response, CallError>) -> Self {
        Self { answer, seen: Mutex::default() }
    }
}

#[async_trait]
impl Http for OneAnswer {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let is_read = request.is_read();
        self.seen.lock().unwrap().push(request);
        match is_read {
            true => Ok(Response { status: 200, headers: HeaderMap::new(), body: b"{}".to_vec() }),
            false => self.answer.clone(),
        }
    }
}

pub(super) struct NoVault;

#[async_trait]
impl Vault for NoVault {
    async fn load(&self, _: &str) -> Result<Option<Secret>, String> {
        Ok(None)
    }

    async fn keep(&self, _: &str, _: &Secret) -> Result<(), String> {
        Ok(())
    }
}

struct Anybody;

impl Verifier for Anybody {
    fn verify(&self, _: &Delivery, _: Timestamp) -> Result<(), Rejection> {
        Ok(())
    }

    fn sign(&self, _: &Signing<'_>) -> Result<Vec<(String, String)>, String> {
        Ok(Vec::new())
    }
}

/// A verified delivery of some JSON, read by an adapter.
pub(super) fn normalise(adapter: &dyn Adapter, json: &Value) -> Normalised {
    let delivery = Delivery { headers: HeaderMap::new(), body: json.to_string().into_bytes(), received_at: now() };
    let delivery: VerifiedDelivery = verify(&Anybody, delivery, now()).unwrap();
    adapter.normalise(&delivery, json)
}

/// The event that a draft becomes.
pub(super) fn event(draft: Draft, raw: Value) -> Event {
    Event {
        id: EventId::from("evt_1"),
        source: "inbox".into(),
        provider: "test".to_owned(),
        account: "sample".into(),
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

/// An event that every provider can answer: its ids are numbers, and its channel is one that carries text.
pub(super) fn sample_event() -> Event {
    let draft = Draft {
        dedupe_key: "1".to_owned(),
        kind: EventKind::MessageReceived,
        at: Some(now()),
        conversation: Conversation {
            id: Some("12345".to_owned()),
            subject: Some("Order 7".to_owned()),
            channel: Some("sms".to_owned()),
            ..Conversation::default()
        },
        contact: Contact { id: Some("77".to_owned()), email: Some(PRIVATE.to_owned()), ..Contact::default() },
        message: Some(Message { id: Some("m0".to_owned()), text: "Where is it?".to_owned(), ..Message::default() }),
        delivery: None,
    };
    event(draft, Value::Null)
}

/// A send on its first attempt.
pub(super) fn send(action: Action) -> Send {
    Send {
        id: SendId::from("snd_1"),
        event: EventId::from("evt_1"),
        rule: "rule".to_owned(),
        index: 0,
        account: "sample".into(),
        lane: LaneKey::from("lane"),
        action,
        due: now(),
        created_at: now(),
        idempotency_key: KEY.to_owned(),
        cancel_on: Vec::new(),
        rule_hash: String::new(),
        counted: Vec::new(),
        expires: None,
        fresh_from: None,
        depth: 0,
        state: SendState::Pending,
        attempts: vec![Attempt::begun(1, now())],
        provider_id: None,
        request_id: None,
        lane_until: None,
        passed: Vec::new(),
        settling: None,
        read_backs: 0,
        renewed_after: 0,
        redriven_after: 0,
        hands: Vec::new(),
        report: None,
    }
}

/// Runs to the end what never waits for anything outside.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn deliver(adapter: &dyn Adapter, answer: &Result<Response, CallError>, attempt: u32) -> (Outcome, Vec<Request>) {
    let text = format!("It left today, {PRIVATE}.");
    let mut send = send(Action::Reply(Reply { html: format!("<p>{text}</p>"), text, ..Reply::default() }));
    for number in 2..=attempt {
        send.attempts.push(Attempt::begun(number, now()));
    }
    let (http, event) = (OneAnswer::new(answer.clone()), sample_event());
    let call = Call {
        send: &send,
        event: &event,
        may_have_landed: attempt > 1,
        taken: &[],
        now: now(),
        http: &http,
        vault: &NoVault,
    };
    let outcome = run(adapter.deliver(&call));
    (outcome, http.seen.into_inner().unwrap())
}

/// Every key and every short text of the payloads: junk made of them gets further than junk made of noise.
fn vocabulary(payloads: &[Value]) -> Vec<String> {
    let mut words: BTreeSet<String> = ["id", "type", "data", ""].into_iter().map(str::to_owned).collect();
    let mut todo: Vec<&Value> = payloads.iter().collect();
    while let Some(value) = todo.pop() {
        match value {
            Value::String(text) if text.len() < 40 => {
                words.insert(text.clone());
            }
            Value::Array(items) => todo.extend(items),
            Value::Object(map) => {
                words.extend(map.keys().cloned());
                todo.extend(map.values());
            }
            _ => {}
        }
    }
    words.into_iter().collect()
}

fn any_json(words: Vec<String>) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(words.clone()).prop_map(Value::from),
    ];
    let key = prop::sample::select(words);
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn pointers(json: &Value, at: &str) -> Vec<String> {
    let mut found = vec![at.to_owned()];
    match json {
        Value::Object(map) => map.iter().for_each(|(key, value)| found.extend(pointers(value, &format!("{at}/{key}")))),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| found.extend(pointers(value, &format!("{at}/{index}"))));
        }
        _ => {}
    }
    found
}

// ---- planted faults

/// A way of breaking a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    ForgetsACapability,
    TakesAnyKey,
    CannotReadItsOwn,
    InventsKeys,
    Panics,
    BelievesInErrors,
    RepeatsBlindly,
    LosesRetryAfter,
    ChangesItsRequest,
    KeepsTheKeyBack,
    Quotes,
    OffersAListItHasNot,
    ForgetsTheAddress,
}

/// A provider with one flaw.
struct Planted(Flaw);

impl Provider for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn title(&self) -> &'static str {
        "Planted"
    }

    fn capabilities(&self) -> &'static [Capability] {
        const ROWS: [Capability; 12] = {
            let mut rows = [Capability { name: "", support: Support::Native }; 12];
            let mut at = 0;
            while at < 12 {
                rows[at].name = CAPABILITIES[at];
                at += 1;
            }
            rows
        };
        if self.0 == Flaw::ForgetsACapability { &ROWS[1..] } else { &ROWS }
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object", "additionalProperties": self.0 == Flaw::TakesAnyKey,
            "properties": { "base_url": { "type": "string" }, "key": { "type": "string" } }
        })
    }

    fn open(&self, _: &AccountName, settings: &Value) -> Result<Arc<dyn Adapter>, Vec<SettingFault>> {
        match settings["base_url"].as_str().is_some_and(|url| url.starts_with("https://")) {
            true => Ok(Arc::new(PlantedAccount(self.0, AtomicU32::new(0)))),
            false => Err(vec![SettingFault::new("base_url", "is none")]),
        }
    }
}

struct PlantedAccount(Flaw, AtomicU32);

#[async_trait]
impl Adapter for PlantedAccount {
    fn normalise(&self, _: &VerifiedDelivery, json: &Value) -> Normalised {
        let count = self.1.fetch_add(1, Ordering::Relaxed);
        match self.0 {
            Flaw::Panics if json.as_object().is_none() => panic!("planted"),
            Flaw::CannotReadItsOwn => Normalised::Unreadable("planted".to_owned()),
            Flaw::InventsKeys => Normalised::Event(Box::new(Draft { dedupe_key: count.to_string(), ..draft() })),
            _ => Normalised::Event(Box::new(Draft { dedupe_key: format!("key {json}"), ..draft() })),
        }
    }

    async fn deliver(&self, call: &Call<'_>) -> Outcome {
        let flaw = self.0;
        let mut body = json!({ "key": call.send.idempotency_key });
        match flaw {
            Flaw::ChangesItsRequest => body["again"] = json!(call.may_have_landed),
            Flaw::KeepsTheKeyBack => body = json!({}),
            _ => {}
        }
        let request = Request::json(http::Method::POST, "https://planted.example/".parse().unwrap(), &body);
        let result = call.http.call(request).await;
        let repeat =
            if flaw == Flaw::RepeatsBlindly { super::outcome::Repeat::Safe } else { super::outcome::Repeat::Harmful };
        let quote =
            result.as_ref().map(|response| String::from_utf8_lossy(&response.body).into_owned()).unwrap_or_default();
        let status = result.as_ref().map(|response| response.status).unwrap_or_default();
        match (flaw, super::outcome::judge(result, repeat, call.now, |_| Outcome::done())) {
            (Flaw::BelievesInErrors, _) if status == 500 => Outcome::done(),
            (Flaw::LosesRetryAfter, Outcome::TryLater { reason, .. }) => Outcome::TryLater { reason, after: None },
            (Flaw::Quotes, Outcome::Refused { .. }) => Outcome::Refused { reason: quote },
            (_, outcome) => outcome,
        }
    }

    async fn read_back(&self, _: &Call<'_>) -> ReadBack {
        ReadBack::Absent
    }

    fn remembers_keys_for(&self, _: &Action) -> Option<SignedDuration> {
        (self.0 == Flaw::KeepsTheKeyBack).then(|| SignedDuration::from_hours(1))
    }

    fn base_urls(&self) -> Vec<url::Url> {
        Vec::new()
    }

    fn lists(&self) -> Lists {
        Lists { members: self.0 == Flaw::OffersAListItHasNot, ..Lists::default() }
    }

    fn registration(&self) -> Registration<'_> {
        Registration::ByHand(if self.0 == Flaw::ForgetsTheAddress { &["ask the desk"] } else { &["enter {url}"] })
    }
}

fn draft() -> Draft {
    let event = sample_event();
    Draft {
        dedupe_key: String::new(),
        kind: event.kind,
        at: None,
        conversation: event.conversation,
        contact: event.contact,
        message: event.message,
        delivery: None,
    }
}

#[test]
fn a_provider_that_breaks_a_promise_is_found() {
    let names: Vec<&str> = PROMISES.iter().map(|(name, _)| *name).collect();
    let [capability, unknown_key, delivery, anything, outcome, request, secret, list, registration] = names[..] else {
        panic!()
    };
    for (flaw, expected) in [
        (Flaw::None, vec![]),
        (Flaw::ForgetsACapability, vec![capability]),
        (Flaw::TakesAnyKey, vec![unknown_key]),
        (Flaw::CannotReadItsOwn, vec![delivery]),
        (Flaw::InventsKeys, vec![delivery, anything]),
        (Flaw::Panics, vec![anything]),
        (Flaw::BelievesInErrors, vec![outcome]),
        (Flaw::RepeatsBlindly, vec![outcome]),
        (Flaw::LosesRetryAfter, vec![outcome]),
        (Flaw::ChangesItsRequest, vec![request]),
        (Flaw::KeepsTheKeyBack, vec![request]),
        (Flaw::Quotes, vec![secret]),
        (Flaw::OffersAListItHasNot, vec![list]),
        (Flaw::ForgetsTheAddress, vec![registration]),
    ] {
        let planted = Planted(flaw);
        let settings = json!({ "base_url": "https://planted.example", "key": SECRET });
        let fixtures = vec![("one.json".to_owned(), json!({ "id": 1 })), ("two.json".to_owned(), json!({ "id": 2 }))];
        let subject = Subject { provider: &planted, settings, fixtures };
        let found: Vec<&str> = broken(&subject).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, expected, "{flaw:?}");
    }
}
