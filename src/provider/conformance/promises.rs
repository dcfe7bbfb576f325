//! The promises, one function each.

use std::collections::BTreeSet;

use async_trait::async_trait;
use http::HeaderMap;
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::junk::{any_json, pointers, vocabulary};
use super::stage::{KEY, NoVault, answer, deliver, normalise, now, run};
use super::{PRIVATE, SECRET, Subject};
use crate::http::{CallError, Http, Request, Response};
use crate::model::capability::CAPABILITIES;
use crate::model::{AccountName, Action, Outcome, Reply};
use crate::provider::listing::FILTERS;
use crate::provider::registration::{EndpointChange, PLACEHOLDERS};
use crate::provider::{
    Adapter, ConversationQuery, Endpoints, ListedConversation, Normalised, ReadError, Reading, RegisteredEndpoint,
    Registration,
};

pub(super) fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

pub(super) fn takes_a_stand_on_every_capability(subject: &Subject<'_>, _: &dyn Adapter) -> Result<(), String> {
    for rows in [subject.provider.capabilities().to_vec(), subject.provider.capabilities_of(&subject.settings)] {
        let names: BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
        expect(rows.len() == names.len() && names == BTreeSet::from(CAPABILITIES), || format!("{names:?}"))?;
    }
    Ok(())
}

pub(super) fn refuses_unknown_keys(subject: &Subject<'_>, _: &dyn Adapter) -> Result<(), String> {
    let schema = subject.provider.schema();
    expect(!schema.to_string().contains("\"$ref\""), || "the schema refers to the outside".to_owned())?;
    let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
    let mut settings = subject.settings.clone();
    expect(validator.is_valid(&settings), || "the sample is not valid".to_owned())?;
    settings["no_such_key"] = json!(1);
    expect(!validator.is_valid(&settings), || "an unknown key is valid".to_owned())
}

pub(super) fn reads_its_deliveries_under_stable_keys(
    subject: &Subject<'_>,
    adapter: &dyn Adapter,
) -> Result<(), String> {
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

pub(super) fn reads_anything_without_panic(subject: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
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
pub(super) fn gives_every_answer_its_outcome(_: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
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

pub(super) fn makes_the_same_request_in_every_attempt(_: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
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

pub(super) fn shows_no_secret(subject: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
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
pub(super) fn lists_what_it_offers(_: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
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
pub(super) fn says_how_it_is_registered(_: &Subject<'_>, adapter: &dyn Adapter) -> Result<(), String> {
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
pub(super) fn registered(endpoints: &dyn Endpoints, answer: &Result<Response, CallError>) -> [Option<ReadError>; 5] {
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
pub(super) struct Always(Result<Response, CallError>);

#[async_trait]
impl Http for Always {
    async fn call(&self, _: Request) -> Result<Response, CallError> {
        self.0.clone()
    }
}

/// Asks for conversations, messages, members and snippets, every call being answered the same; the errors, in this order.
pub(super) fn asked(adapter: &dyn Adapter, answer: Result<Response, CallError>) -> [Option<ReadError>; 4] {
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
