//! Sources that miss nothing: messages arrive at each provider while the engine is dead for an hour, and a start finds them.
//! The sandbox is as strict with its rate limits as the real ones, and shows what was said in which order.

use http::{HeaderMap, Method};
use jiff::SignedDuration;
use rejoinder::clock::Clock;
use rejoinder::model::{EventKind, SourceName};
use rejoinder::poll::{self, Trouble};
use rejoinder::provider::sandbox::{Fault, Incoming, SandboxRequest, SandboxResponse, Speaks};
use rejoinder::store::{Accepted, EventQuery};
use serde_json::json;

use crate::rig::{Bench, Moment, Setup, message};
use crate::stage::{SOURCES, Stage, text, until};

/// Each decision is written down, so that what is written is the order of the decisions.
const RULES: &str = r#"
version: 1
rules:
  - name: write-down
    do:
      - set: { decided: "{{ state.decided | default('') }}{{ message.text }}; " }
"#;

/// So many conversations that Fernand's rate limit ends a round early.
const CONVERSATIONS: usize = 12;

fn conversation(number: usize) -> String {
    (200 + number % CONVERSATIONS).to_string()
}

impl Bench {
    /// What the loop of a source does at a start; how many rounds it took.
    async fn catch_up(&self, speaks: Speaks) -> u32 {
        let source = &self.engine.sources[&SourceName::from(speaks.as_str())];
        poll::begin(&self.engine, source).await.unwrap();
        for failed in 1..20 {
            match poll::poll(&self.engine, source).await {
                Ok(_) => return failed,
                Err(trouble @ Trouble::Provider { .. }) => self.pass(poll::wait(failed, &trouble)),
                Err(trouble) => panic!("{trouble}"),
            }
        }
        panic!("it never catches up");
    }

    /// What was decided in a conversation, in order, as a last message sees it.
    async fn decided(&self, speaks: Speaks, conversation: &str) -> String {
        let last = self.arrive(speaks, conversation, "last").await;
        self.decide().await;
        self.decision(&last).await.seen.state["decided"].as_str().unwrap().to_owned()
    }

    async fn received(&self, speaks: Speaks) -> usize {
        let query = EventQuery {
            kind: Some(EventKind::MessageReceived),
            source: Some(SourceName::from(speaks.as_str())),
            limit: 1_000,
            ..EventQuery::default()
        };
        self.engine.store.events(&query).await.unwrap().len()
    }
}

async fn dead_for_an_hour(speaks: Speaks) {
    let mut bench = Bench::new(RULES).await;
    bench.catch_up(speaks).await;
    let mut expected = vec![String::new(); CONVERSATIONS];
    for (number, said) in expected.iter_mut().enumerate() {
        bench.arrive(speaks, &conversation(number), "before").await;
        said.push_str("before; ");
    }
    bench.settle().await;
    bench.catch_up(speaks).await;
    bench.close().await;
    for number in 0..2 * CONVERSATIONS {
        bench.pass(SignedDuration::from_secs(150));
        let text = format!("message {number}");
        // Nobody is there to take the webhook.
        bench.sandbox.arrive(speaks, message(speaks, &conversation(number), &text), bench.time.now());
        expected[number % CONVERSATIONS].push_str(&format!("{text}; "));
    }
    // The first start dies in the middle of what it does: a call has left and its answer is not kept.
    bench.open().await;
    bench.wire.hold(ending(speaks), Moment::After);
    tokio::select! {
        _ = bench.catch_up(speaks) => panic!("nothing was held"),
        () = bench.wire.reached.notified() => {}
    }
    bench.close().await;
    bench.open().await;
    let rounds = bench.catch_up(speaks).await;
    if speaks == Speaks::Fernand {
        assert!(rounds > 1, "its rate limit does not show all at once");
    }
    bench.decide().await;
    assert_eq!(bench.received(speaks).await, 3 * CONVERSATIONS, "{speaks:?}");
    // A second look finds nothing new.
    bench.catch_up(speaks).await;
    assert_eq!(bench.received(speaks).await, 3 * CONVERSATIONS, "{speaks:?}");
    for (number, said) in expected.iter().enumerate() {
        assert_eq!(bench.decided(speaks, &conversation(number)).await, *said, "{speaks:?}");
    }
}

/// A call that a round makes for one of the conversations.
fn ending(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::Sequenzy => "/conversations/203",
        Speaks::Fernand | Speaks::HighLevel => "/conversations/203/messages",
        Speaks::Spruce => "/conversations/203/items",
    }
}

#[tokio::test]
async fn an_hour_without_the_engine_is_made_good_at_sequenzy() {
    dead_for_an_hour(Speaks::Sequenzy).await;
}

#[tokio::test]
async fn an_hour_without_the_engine_is_made_good_at_fernand() {
    dead_for_an_hour(Speaks::Fernand).await;
}

#[tokio::test]
async fn an_hour_without_the_engine_is_made_good_at_highlevel() {
    dead_for_an_hour(Speaks::HighLevel).await;
}

#[tokio::test]
async fn an_hour_without_the_engine_is_made_good_at_spruce() {
    dead_for_an_hour(Speaks::Spruce).await;
}

/// Spruce keeps what it could not deliver: it also tells that a person closed the conversation, which no list of messages does.
#[tokio::test]
async fn what_spruce_keeps_of_its_deliveries_is_found_once_and_in_order() {
    let mut bench = Bench::new(RULES).await;
    bench.catch_up(Speaks::Spruce).await;
    let source = SourceName::from("spruce");
    register(&bench, "https://rejoinder.example/webhooks/spruce").await;
    bench.arrive(Speaks::Spruce, "200", "before").await;
    bench.settle().await;
    bench.close().await;
    let mut missed = Vec::new();
    for text in ["one", "two"] {
        bench.pass(SignedDuration::from_mins(10));
        missed.push(bench.sandbox.arrive(Speaks::Spruce, message(Speaks::Spruce, "200", text), bench.time.now()));
        bench.pass(SignedDuration::from_mins(1));
        let change = json!({ "archived": text == "one" });
        ask(&bench, Method::PATCH, "/spruce/v1/conversations/200", Some(&change)).await;
    }
    // An endpoint of another source is not ours to read.
    register(&bench, "https://rejoinder.example/webhooks/other").await;
    bench.pass(SignedDuration::from_mins(10));
    bench.open().await;
    let dry = {
        let (engine, now) = (&bench.engine, bench.time.now());
        let one = &engine.sources[&source];
        let since = now - SignedDuration::from_hours(1);
        assert!(one.watch.ask(since, true).is_some());
        poll::backfill(engine, one, since, true).await;
        one.watch.state().asked.unwrap()
    };
    assert_eq!((dry.events, dry.messages, dry.new, dry.items.len()), (5, 3, 4, 5), "{dry:?}");
    assert_eq!(bench.received(Speaks::Spruce).await, 1, "a dry run keeps nothing");
    bench.catch_up(Speaks::Spruce).await;
    let query = EventQuery { source: Some(source), limit: 100, ..EventQuery::default() };
    let mut found = bench.engine.store.events(&query).await.unwrap();
    found.sort_by_key(|stored| stored.event.at);
    let kinds: Vec<&str> = found.iter().map(|stored| stored.event.kind.as_str()).collect();
    let expected =
        ["message.received", "message.received", "conversation.closed", "message.received", "conversation.updated"];
    assert_eq!(kinds, expected);
    // The deliveries come late, and again.
    for payload in &missed {
        assert_eq!(bench.post(Speaks::Spruce, payload).await.1, Accepted::Duplicate);
    }
    bench.decide().await;
    assert_eq!(bench.decided(Speaks::Spruce, "200").await, "before; one; two; ");
    // What the provider does not show costs no message: they are in the conversations as well.
    bench.close().await;
    bench.sandbox.arrive(Speaks::Spruce, message(Speaks::Spruce, "201", "three"), bench.time.now());
    bench.sandbox.fail_next(Speaks::Spruce, Fault::Status(404, None), 1);
    bench.open().await;
    bench.catch_up(Speaks::Spruce).await;
    assert_eq!(bench.received(Speaks::Spruce).await, 5);
}

async fn register(bench: &Bench, url: &str) {
    let body = json!({ "name": "rejoinder", "url": url });
    ask(bench, Method::POST, "/spruce/v1/webhooks/endpoints", Some(&body)).await;
}

/// A call of somebody else at the provider.
async fn ask(bench: &Bench, method: Method, path: &str, body: Option<&serde_json::Value>) {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer sandbox-key".parse().unwrap());
    headers.insert("content-type", "application/json".parse().unwrap());
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let request = SandboxRequest { method, path: path.to_owned(), query: String::new(), headers, body };
    match bench.sandbox.handle(&request, bench.time.now()) {
        SandboxResponse::Answer { status, .. } => assert_eq!(status, 200),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_back_fill_nothing_is_looked_for() {
    let change = |config: &mut serde_json::Value| config["sources"]["spruce"]["backfill"] = json!("off");
    let mut bench = Bench::set(Setup { rules: &[("rules.yaml", RULES)], change, ..Setup::default() }).await;
    bench.catch_up(Speaks::Spruce).await;
    bench.close().await;
    bench.pass(SignedDuration::from_hours(1));
    bench.sandbox.arrive(Speaks::Spruce, message(Speaks::Spruce, "200", "missed"), bench.time.now());
    bench.pass(SignedDuration::from_hours(1));
    bench.open().await;
    bench.catch_up(Speaks::Spruce).await;
    assert_eq!(bench.received(Speaks::Spruce).await, 0);
}

#[tokio::test]
async fn what_is_found_too_late_is_kept_and_not_answered() {
    let rules = "version: 1\nrules: [{ name: greet, do: [{ reply: { text: Hello } }] }]\n";
    let change = |config: &mut serde_json::Value| {
        config["guard"] = json!({ "answer_max_age": "1h" });
        config["sources"]["spruce"]["poll"] = json!({ "every": "60s", "since": "3h" });
    };
    let files: &'static [_] = Vec::leak(vec![("rules.yaml", rules)]);
    let bench = Bench::set(Setup { rules: files, change, ..Setup::default() }).await;
    for (number, hours) in [(0, 1), (1, 1)] {
        bench.sandbox.arrive(Speaks::Spruce, message(Speaks::Spruce, &conversation(number), "hello"), bench.time.now());
        bench.pass(SignedDuration::from_hours(hours) - SignedDuration::from_mins(5));
    }
    bench.catch_up(Speaks::Spruce).await;
    assert_eq!(bench.received(Speaks::Spruce).await, 2);
    bench.settle().await;
    assert_eq!(bench.replies(Speaks::Spruce, "200"), [""; 0], "it is older than an hour");
    assert_eq!(bench.replies(Speaks::Spruce, "201"), ["Hello"]);
}

/// The real program: a source that is polled only takes no webhook, finds what arrives by itself, and says how it stands.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_polls_and_says_how_it_stands() {
    let stage = Stage::set().await;
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    let polled = "sources:\n  patients: { account: clinic, poll: { every: 5s, since: 1h } }\n";
    stage.write("rejoinder.yaml", &config.replace("sources:\n", polled));
    let payload = stage.arrive(Speaks::Spruce, "t_9", "Where is it?").to_string();
    let server = stage.serve().await;
    let refused = server.post("patients", &stage.sign("clinic", &payload), &payload).await;
    assert_eq!(refused.status, 404, "{}", text(&refused));
    let shown = until("the source is polled", async || {
        let shown = server.get("/api/v1/sources/patients").await.json();
        (!shown["last_event"].is_null()).then_some(shown)
    })
    .await;
    assert_eq!((&shown["verify"], &shown["poll"], &shown["errors"]), (&json!(null), &json!("5s"), &json!(0)));
    until("the message is answered", async || (!stage.said(Speaks::Spruce, "t_9").is_empty()).then_some(())).await;
    let listed = server.run(&stage, &["sources", "list", "--format", "json"]).fine().json();
    let names: Vec<&str> =
        listed["sources"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["clinic", "crm", "desk", "patients", "shop"]);
    stage.arrive(Speaks::Sequenzy, "conv_7", "Where is that?");
    let fill = |more: &[&'static str]| {
        let arguments = [&["sources", "backfill", "shop", "--since", "1h", "--format", "json"], more].concat();
        server.run(&stage, &arguments).fine().json()
    };
    let dry = fill(&["--dry-run"]);
    assert_eq!((&dry["new"], &dry["items"][0]["conversation"]), (&json!(1), &json!("conv_7")), "{dry}");
    assert_eq!(fill(&[])["new"], 1);
    until("the message is answered", async || (!stage.said(Speaks::Sequenzy, "conv_7").is_empty()).then_some(())).await;
    assert_eq!(fill(&[])["new"], 1, "our own reply");
    assert_eq!(fill(&[])["new"], 0);
    let polled = server.run(&stage, &["sources", "poll", "shop"]).fine();
    assert!(polled.stdout.contains("0 of them new and kept"), "{polled:?}");
    let metrics = text(&server.get("/metrics").await);
    assert!(metrics.contains("rejoinder_poll_age_seconds{source=\"patients\"}"), "{metrics}");
    let unknown = server.run(&stage, &["sources", "poll", "shp"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("did you mean `shop`"), "{unknown:?}");
    server.stop().await;
    // Without a server, the command opens the store itself.
    stage.arrive(Speaks::Fernand, "77", "And this?");
    let alone = stage.run(&["sources", "backfill", "desk", "--since", "1h", "--format", "json"]).fine().json();
    assert_eq!((&alone["done"], &alone["new"]), (&json!(true), &json!(1)), "{alone}");
    let told = stage.run(&["sources", "show", "patients"]).fine().stdout;
    assert!(told.contains("deliveries   none are taken") && told.contains("every 5s"), "{told}");
}

/// The real program: it is killed, messages arrive that nobody takes, and a start finds them at a source that is only
/// delivered to.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_the_program_was_dead_is_decided_once() {
    let stage = Stage::set().await;
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    stage.write("rejoinder.yaml", &config.replace("backfill: off", "backfill: auto"));
    let mut server = stage.serve().await;
    for (source, _) in SOURCES {
        until("the source has begun", async || {
            let shown = server.get(&format!("/api/v1/sources/{source}")).await.json();
            (!shown["last_poll"].is_null()).then_some(())
        })
        .await;
    }
    let body = stage.arrive(Speaks::Spruce, "t_0", "delivered").to_string();
    let event = server.deliver(&stage, "clinic", &body).await;
    server.settled(&event).await;
    server.signal("KILL");
    server.ended().await;
    let mut threads = Vec::new();
    for number in 0..12 {
        let ((_, speaks), thread) = (SOURCES[number % 4], (300 + number).to_string());
        let is_mail = speaks != Speaks::Spruce;
        let missed = Incoming {
            email: is_mail.then(|| format!("c{thread}@example.org")),
            phone: (!is_mail).then(|| format!("+15550{thread:0>6}")),
            subject: is_mail.then(|| "Where?".to_owned()),
            ..message(speaks, &thread, "missed")
        };
        // Nobody is there to take the webhook.
        stage.sandbox.arrive(speaks, missed, Clock::system().now());
        threads.push((speaks, thread));
    }
    let server = stage.serve().await;
    for (speaks, thread) in &threads {
        until("the message is answered", async || (!stage.said(*speaks, thread).is_empty()).then_some(())).await;
    }
    // One more look, and whatever was to be done twice has been.
    for (source, _) in SOURCES {
        server.run(&stage, &["sources", "poll", source]).fine();
    }
    let last = stage.arrive(Speaks::Spruce, "t_9", "last").to_string();
    let last = server.deliver(&stage, "clinic", &last).await;
    server.settled(&last).await;
    for (speaks, thread) in &threads {
        assert_eq!(stage.said(*speaks, thread).len(), 1, "{speaks:?} {thread}");
    }
    for (source, _) in SOURCES {
        let path = format!("/api/v1/events?source={source}&kind=message.received&limit=100");
        let events = server.get(&path).await.json();
        let wanted = if source == "clinic" { 5 } else { 3 };
        assert_eq!(events["events"].as_array().unwrap().len(), wanted, "{events}");
    }
    assert_eq!(stage.said(Speaks::Spruce, "t_0").len(), 1);
}
