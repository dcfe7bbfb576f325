//! A provider of your own, used with the library: `Provider` says what is known before any account is configured, `Adapter`
//! reads the deliveries of one account and carries out its sends.
//!
//!     cargo run --example custom_provider
//!
//! `rejoinder.yaml` can name only the providers of the table `rejoinder::provider::PROVIDERS`, which is a constant: a program
//! that embeds the library cannot add to it. So the engine is put together by hand here, which is all that the table spares
//! one. To make a provider nameable in the configuration, and checked with it, put its folder into `src/provider/` and its
//! line into the table.
//!
//! The provider is a pigeon loft: every letter is one JSON request, and the same ring on its leg makes it the same letter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method};
use jiff::SignedDuration;
use rejoinder::clock::Clock;
use rejoinder::engine::{Account, Bells, Engine, Patience, Polling, Pressure, Source, Watch};
use rejoinder::http::{CallError, Http, Request, Response};
use rejoinder::model::{
    AccountName, Action, Author, Capability, Contact, Conversation, Delivery, Direction, Draft, EventKind, Message,
    Outcome, SourceName, Support,
};
use rejoinder::outbox::{OnUnknown, RetryPolicy};
use rejoinder::pipeline::{self, Step};
use rejoinder::provider::outcome::{Repeat, judge};
use rejoinder::provider::{Adapter, Call, CallClass, Metered, Normalised, Provider, Quota, ReadBack, read};
use rejoinder::rules::{AccountFacts, Attachments, Book, GuardSettings, Surroundings, script};
use rejoinder::secret::Secret;
use rejoinder::signature::{self, SettingFault, Signing, VerifiedDelivery};
use rejoinder::store::{self, SendQuery};
use serde_json::{Value, json};
use url::Url;

/// The provider.
struct Pigeons;

const WORDS_ONLY: Support = Support::Missing("a pigeon carries words and nothing else");

/// One row for every name in `rejoinder::model::capability::CAPABILITIES`.
const CAPABILITIES: &[Capability] = &[
    Capability { name: "reply", support: Support::Native },
    Capability { name: "reply.subject", support: Support::Fallback("the subject is the first line of the letter") },
    Capability { name: "reply.as", support: WORDS_ONLY },
    Capability { name: "reply.attachments.inline", support: WORDS_ONLY },
    Capability { name: "reply.attachments.url", support: WORDS_ONLY },
    Capability { name: "reply.attachments.stored", support: WORDS_ONLY },
    Capability { name: "note", support: WORDS_ONLY },
    Capability { name: "note.page", support: WORDS_ONLY },
    Capability { name: "snippet", support: WORDS_ONLY },
    Capability { name: "tag", support: WORDS_ONLY },
    Capability { name: "assign", support: WORDS_ONLY },
    Capability { name: "close", support: WORDS_ONLY },
];

impl Provider for Pigeons {
    fn name(&self) -> &'static str {
        "pigeons"
    }

    fn title(&self) -> &'static str {
        "Pigeon post"
    }

    fn capabilities(&self) -> &'static [Capability] {
        CAPABILITIES
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object", "required": ["ring", "base_url"],
            "properties": { "ring": { "type": "string" }, "base_url": { "type": "string" } }
        })
    }

    fn open(&self, _: &AccountName, settings: &Value) -> Result<Arc<dyn Adapter>, Vec<SettingFault>> {
        let wrong = |key: &str| vec![SettingFault::new(key, "is missing or wrong")];
        let ring = read::text(settings, "/ring").ok_or_else(|| wrong("ring"))?;
        let base_url = read::text(settings, "/base_url").and_then(|text| text.parse().ok());
        Ok(Arc::new(Loft { ring: Secret::from(ring), base_url: base_url.ok_or_else(|| wrong("base_url"))? }))
    }
}

/// One account.
struct Loft {
    ring: Secret,
    base_url: Url,
}

#[async_trait]
impl Adapter for Loft {
    /// Never fails: what cannot be read is said so, without its content.
    fn normalise(&self, delivery: &VerifiedDelivery, json: &Value) -> Normalised {
        let Some(text) = read::text(json, "/letter") else {
            return Normalised::Unreadable("there is no `letter`".to_owned());
        };
        let from = read::text(json, "/from");
        Normalised::Event(Box::new(Draft {
            dedupe_key: read::text(json, "/id").unwrap_or_else(|| read::body_key(delivery.body())),
            kind: EventKind::MessageReceived,
            at: read::time(json, "/at"),
            conversation: Conversation {
                id: from.clone(),
                channel: Some("pigeon".to_owned()),
                ..Conversation::default()
            },
            contact: Contact { id: from.clone(), first_name: from.clone(), ..Contact::default() },
            message: Some(Message {
                id: read::text(json, "/id"),
                direction: Direction::Inbound,
                author: Author::Contact,
                full_text: text.clone(),
                text,
                from,
                ..Message::default()
            }),
            delivery: None,
        }))
    }

    /// One call. The ring tells a repeat, so an unclear outcome may be tried again.
    async fn deliver(&self, call: &Call<'_>) -> Outcome {
        let Action::Reply(reply) = &call.send.action else {
            return Outcome::Refused { reason: "a pigeon carries words and nothing else".to_owned() };
        };
        let Ok(url) = self.base_url.join("letters") else {
            return Outcome::Refused { reason: "the address cannot be made".to_owned() };
        };
        let body = json!({ "to": call.event.conversation.id, "letter": reply.text });
        let request = Request::json(Method::POST, url, &body)
            .bearer(&self.ring)
            .header(HeaderName::from_static("idempotency-key"), &call.send.idempotency_key);
        judge(call.http.call(request).await, Repeat::Safe, call.now, |response| Outcome::Delivered {
            provider_id: read::text(&response.json(), "/id"),
            request_id: None,
        })
    }

    async fn read_back(&self, _: &Call<'_>) -> ReadBack {
        ReadBack::Unclear("nobody can see whether a pigeon has landed".to_owned())
    }

    fn remembers_keys_for(&self, _: &Action) -> Option<SignedDuration> {
        Some(SignedDuration::from_hours(24))
    }

    fn quotas(&self) -> &[Quota] {
        const QUOTAS: &[Quota] = &[Quota { class: CallClass::Write, calls: 10, per: SignedDuration::from_secs(1) }];
        QUOTAS
    }

    fn base_urls(&self) -> Vec<Url> {
        vec![self.base_url.clone()]
    }
}

/// The far end, so that this example needs no network: loses the first answer, and knows a letter by its ring.
#[derive(Default)]
struct FarLoft {
    letters: Mutex<BTreeMap<String, Value>>,
    log: Mutex<Vec<String>>,
}

#[async_trait]
impl Http for FarLoft {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let key =
            request.headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
        let letter: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let mut letters = self.letters.lock().map_err(|_| CallError::NotSent("poisoned".to_owned()))?;
        let is_first = letters.is_empty();
        letters.insert(key, letter);
        let answer = if is_first { "taken, and the answer lost" } else { "answered" };
        if let Ok(mut log) = self.log.lock() {
            log.push(format!("{} {}: {answer}", request.method, request.url.path()));
        }
        match is_first {
            true => Err(CallError::Unanswered("a hawk".to_owned())),
            false => Ok(Response { status: 200, headers: HeaderMap::new(), body: br#"{"id":"letter-1"}"#.to_vec() }),
        }
    }
}

const RULES: &str = r#"
version: 1
rules:
  - name: first-answer
    when: { message.text: { contains_word: [help, "no bread"] } }
    do:
      - reply: { text: "Dear {{ contact.first_name }}, help is on its way." }
"#;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    println!("{}", story().await?);
    Ok(())
}

/// Everything, told in lines.
pub(crate) async fn story() -> anyhow::Result<String> {
    let far = Arc::new(FarLoft::default());
    let engine = engine(far.clone())?;
    let source = engine.sources.get(&SourceName::from("roof")).context("the source is there")?;

    let body = br#"{"id":"17","from":"Paris","letter":"No bread since Sunday!"}"#.to_vec();
    let now = engine.clock.now();
    let mut headers = HeaderMap::new();
    let signed = source.verifier.sign(&Signing { body: &body, id: "17", now, private_key: None });
    for (name, value) in signed.map_err(|why| anyhow!(why))? {
        headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    pipeline::accept(&engine, source, Delivery { headers, body, received_at: now }).await?;

    let account = AccountName::from("tower");
    while let Step::Did(_) = pipeline::decide(&engine).await? {}
    // The first answer is lost, and the send waits a millisecond before it is tried again.
    for _ in 0..100 {
        pipeline::deliver(&engine, &account).await?;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }

    let mut lines = far.log.lock().map_err(|_| anyhow!("poisoned"))?.clone();
    for send in engine.store.sends(&SendQuery::default()).await? {
        let name = send.action.name();
        lines.push(format!("{name} of {}: {} after {} attempts", send.rule, send.state.name(), send.attempts.len()));
    }
    for letter in far.letters.lock().map_err(|_| anyhow!("poisoned"))?.values() {
        lines.push(format!("the one letter there: {letter}"));
    }
    engine.store.close().await?;
    Ok(lines.join("\n"))
}

/// What `rejoinder::app` makes of a configuration, made by hand.
fn engine(far: Arc<dyn Http>) -> anyhow::Result<Engine> {
    let (account, source) = (AccountName::from("tower"), SourceName::from("roof"));
    let settings = json!({ "ring": "secret-ring", "base_url": "https://loft.example/" });
    let adapter = Pigeons.open(&account, &settings).map_err(|faults| anyhow!("{faults:?}"))?;
    let facts = AccountFacts {
        name: account.clone(),
        provider: Pigeons.name().to_owned(),
        capabilities: Pigeons.capabilities_of(&settings),
        own_addresses: Vec::new(),
        answers_everybody: adapter.answers_everybody(),
    };
    let surroundings = Surroundings {
        members: BTreeMap::new(),
        snippets: BTreeMap::new(),
        hooks: BTreeMap::new(),
        accounts: vec![facts],
        sources: BTreeMap::from([(source.clone(), account.clone())]),
        schedules: Arc::default(),
        time_zone: jiff::tz::TimeZone::UTC,
        guard: GuardSettings::default(),
        scripts: Arc::new(script::Engine::new(script::Limits::default())),
        attachments: Attachments::Folder(".".into()),
    };
    let book = Book::compile(vec![("rules.yaml".to_owned(), RULES.to_owned())], surroundings)?;
    let verify = serde_json::from_value(json!({ "scheme": "github", "secrets": ["seed"] }))?;
    let scheme = signature::scheme("github").context("the scheme is known")?;
    let verifier = scheme.build(&verify).map_err(|faults| anyhow!("{faults:?}"))?;
    let roof = Source {
        name: source.clone(),
        account: account.clone(),
        verifier,
        mapping: None,
        scheme: scheme.name().to_owned(),
        polling: Polling::default(),
        watch: Watch::default(),
    };
    // `rejoinder::http::Client` makes real calls, within an egress policy.
    let http = Metered::new(account.clone(), far, adapter.as_ref(), Clock::system());
    let tower = Account {
        provider: Pigeons.name().to_owned(),
        adapter,
        http,
        concurrency: 1,
        on_unknown: OnUnknown::default(),
        bell: tokio::sync::Notify::default(),
    };
    let retry = RetryPolicy { first: std::time::Duration::from_millis(1), ..RetryPolicy::default() };
    Ok(Engine {
        store: store::memory::open(),
        sources: BTreeMap::from([(source, roof)]),
        accounts: BTreeMap::from([(account, tower)]),
        alarm: None,
        retention: SignedDuration::from_hours(30 * 24),
        pressure: Pressure::default(),
        failures: rejoinder::rules::Tally::default(),
        book: ArcSwap::from_pointee(book),
        clock: Clock::system(),
        retry,
        patience: Patience::default(),
        lease: SignedDuration::from_mins(1),
        bells: Bells::default(),
    })
}
