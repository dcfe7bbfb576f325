//! The engine inside another program: settings and rules from texts, a store in memory, one signed delivery taken through
//! the three steps by hand, and the story of what became of it. No server of ours, no loop, no file.
//!
//!     cargo run --example embed
//!
//! The provider is the sandbox, on loopback: the same adapter that talks to the real Sequenzy talks to it.

use anyhow::{Context, anyhow};
use http::{HeaderMap, HeaderName, HeaderValue};
use rejoinder::app;
use rejoinder::clock::Clock;
use rejoinder::config;
use rejoinder::engine::Engine;
use rejoinder::model::{AccountName, Delivery, EventId, SourceName};
use rejoinder::pipeline::{self, Received, Step};
use rejoinder::provider::sandbox::{self, Incoming, Sandbox, Speaks};
use rejoinder::rules::Book;
use rejoinder::server::{self, Listening};
use rejoinder::signature::Signing;
use rejoinder::store::{self, SendQuery};
use serde_json::Value;
use tokio::sync::watch;

const SETTINGS: &str = r"
accounts:
  shop: { provider: sandbox, speaks: sequenzy, base_url: '${SANDBOX}' }
# Nobody else delivers here, so nothing can arrive out of order.
limits: { reorder_window: 0s }
sources:
  inbox: { account: shop, verify: { scheme: sequenzy, secrets: [whsec_embedded] } }
";

const RULES: &str = r#"
version: 1
rules:
  - name: opening-hours
    when: { message.text: { contains: opening hours } }
    do:
      - reply: { markdown: "Hi {{ contact.first_name | default('there') }}, we are open **9 to 5**." }
      - set: { asked_hours: true }
"#;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    println!("{}", story().await?);
    Ok(())
}

/// Everything, told in lines.
pub(crate) async fn story() -> anyhow::Result<String> {
    let sandbox = Sandbox::new(sandbox::Limits::Published);
    let listening = Listening::bind(([127, 0, 0, 1], 0).into()).await?;
    let variables = vec![("SANDBOX".to_owned(), format!("http://{}", listening.address))];

    // What `rejoinder serve` does at start, without its sockets and loops.
    let settings = config::load_text("embedded.yaml", SETTINGS, ".".as_ref(), variables)?;
    let book = Book::compile(vec![("rules.yaml".to_owned(), RULES.to_owned())], app::surroundings(&settings))?;
    let limits = settings.limits;
    let engine = app::build(settings, book, store::memory::open(), Clock::system())?;

    let (stop, stopped) = watch::channel(false);
    let provider = server::sandbox_router(sandbox.clone(), Clock::system());
    let serving = tokio::spawn(server::serve(listening, provider, limits, stopped));

    let id = accept(&engine, &sandbox).await?;
    while let Step::Did(_) = pipeline::decide(&engine).await? {}
    while let Step::Did(_) = pipeline::deliver(&engine, &AccountName::from("shop")).await? {}
    let told = tell(&engine, &sandbox, &id).await?;

    engine.store.close().await?;
    stop.send(true).context("the sandbox has ended early")?;
    serving.await?;
    Ok(told)
}

/// A message arrives at the provider, whose webhook is signed and accepted. Your program has the request from its own server.
async fn accept(engine: &Engine, sandbox: &Sandbox) -> anyhow::Result<EventId> {
    let source = engine.sources.get(&SourceName::from("inbox")).context("the source is configured")?;
    let message = Incoming {
        conversation_id: "conv_1".to_owned(),
        name: Some("Ann Smith".to_owned()),
        email: Some("ann@example.org".to_owned()),
        text: "What are your opening hours?".to_owned(),
        ..Incoming::default()
    };
    let now = engine.clock.now();
    let body = sandbox.arrive(Speaks::Sequenzy, message, now).to_string().into_bytes();
    let signing = Signing { body: &body, id: "1", now, private_key: None };
    let mut headers = HeaderMap::new();
    for (name, value) in source.verifier.sign(&signing).map_err(|why| anyhow!(why))? {
        headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    match pipeline::accept(engine, source, Delivery { headers, body, received_at: now }).await? {
        Received::Event(id, _) => Ok(id),
        Received::Handshake(_) => Err(anyhow!("the sandbox asks nothing")),
    }
}

async fn tell(engine: &Engine, sandbox: &Sandbox, id: &EventId) -> anyhow::Result<String> {
    let stored = engine.store.event(id).await?.context("what was accepted is there")?;
    let decision = stored.decision.context("it has been decided")?;
    let mut lines = vec![format!("{} from {}", stored.event.kind, stored.event.contact.name.unwrap_or_default())];
    for rule in &decision.trace.matched {
        let because: Vec<&str> = rule.findings.iter().map(|finding| finding.wanted.as_str()).collect();
        lines.push(format!("matched {} because {}", rule.rule, because.join(", ")));
    }
    let blocked = decision.trace.guard.iter().filter(|step| step.result == "block").count();
    lines.push(format!("loop guard: {} steps, {blocked} against a reply", decision.trace.guard.len()));
    for send in engine.store.sends(&SendQuery::default()).await? {
        let attempts = send.attempts.len();
        lines.push(format!("{}: {} after {attempts} attempt", send.action.name(), send.state.name()));
    }
    for entry in sandbox.conversations().iter().flat_map(|thread| &thread.messages) {
        let kind = serde_json::to_value(entry.kind).unwrap_or(Value::Null);
        lines.push(format!("the contact sees: {}: {}", kind.as_str().unwrap_or_default(), entry.text));
    }
    Ok(lines.join("\n"))
}
