//! `explain` agrees with what the engine did, for every kind of event and every way a rule can come out. The checker is
//! shown disagreements that it must find.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::SignedDuration;
use rejoinder::model::{Event, Facts, Trace};
use rejoinder::provider::sandbox::{Incoming, Speaks};
use rejoinder::rules::{self, Book, Depth};
use rejoinder::server::{self, Limits, Shared};
use rejoinder::store::{EventQuery, StoredEvent};
use serde_json::{Value, json};

use crate::rig::{Bench, Setup, message};

const RULES: &[(&str, &str)] = &[
    (
        "10-first.yaml",
        r#"version: 1
rules:
  - name: in-shadow
    when: { message.text: { contains: shadow } }
    do: [{ reply: { text: "Nobody reads this." } }]
    mode: shadow
  - name: "off"
    do: [{ reply: { text: "Nobody looks at this." } }]
    mode: "off"
  - name: no-such-variable
    when: { message.text: { contains: variable } }
    do: [{ note: { text: "Of {{ contact.tags[7] }}" } }]
  - name: no-such-number
    when: { message.text: { contains: number }, script: state.none + 1 > 0 }
    do: [{ note: { text: "never" } }]
  - name: counted
    when: { any: [{ state.n: { exists: false } }, { state.n: { lt: 3 } }] }
    do: [{ set: { n: "{{ (state.n | default(0)) + 1 }}" } }, { set: { met: true, in: contact } }]
  - name: known
    when: { contact_state.met: true, conversation.message_count: { gte: 2 }, not: { message.text: { contains: new } } }
    do: [{ tag: { add: [known] } }]
  - name: by-script
    when: { message.text: { contains: script } }
    do: [{ script: "note(\"one\"); tag(\"two\"); stop();" }]
  - name: twice-asked
    when: { message.text: { matches: '(?<word>price|cost)' } }
    do: [{ reply: { text: "About the {{ captures.word }}: it is 9 euros." } }]
    once: { per: conversation, every: 24h }
  - name: sent-by-us
    on: [message.sent, note.added]
    do: [{ reply: { text: "Never." } }]
"#,
    ),
    (
        "20-script.rhai",
        "fn decide(event, state) {\n    if event.message.text.contains(\"boom\") { throw \"boom\"; }\n    if event.message.text.contains(\"tag\") { tag(\"seen\"); set(\"tagged\", true); }\n    if event.message.text.contains(\"court\") { veto(\"reply\"); }\n}\n",
    ),
    (
        "90-last.yaml",
        r#"version: 1
rules:
  - name: answer
    do: [{ reply: { text: "Hello." } }]
  - name: never
    when: { message.text: { contains: lawyer } }
    veto: reply
"#,
    ),
];

const TEXTS: &[&str] = &[
    "hello",
    "in the shadow",
    "what is the price?",
    "and the cost?",
    "a variable",
    "a number",
    "a script, please",
    "tag me",
    "boom",
    "see you in court",
    "my lawyer says",
    "something new",
];

/// An engine that has decided events of many kinds.
async fn busy() -> Bench {
    // Fernand shows no headers of its own accord.
    let change = |config: &mut Value| config["sources"]["fernand"]["map"] = json!({ "message.headers": "/headers" });
    let bench = Bench::set(Setup { rules: RULES, change, ..Setup::default() }).await;
    for (number, text) in TEXTS.iter().enumerate() {
        for speaks in [Speaks::Spruce, Speaks::Sequenzy] {
            bench.arrive(speaks, &format!("100{}", number % 2), text).await;
            bench.settle().await;
        }
        bench.pass(SignedDuration::from_mins(7));
    }
    let robot = [("auto-submitted".to_owned(), vec!["auto-replied".to_owned()])].into();
    let robot = Incoming { headers: Some(robot), ..message(Speaks::Fernand, "1009", "I am away") };
    bench.arrive_as(Speaks::Fernand, robot).await;
    bench.post(Speaks::Spruce, &json!({ "nobody": "can read this" })).await;
    bench.settle().await;
    bench
}

async fn stored(bench: &Bench) -> Vec<StoredEvent> {
    let all = bench.engine.store.events(&EventQuery { limit: 1000, ..EventQuery::default() }).await.unwrap();
    assert!(all.len() > 2 * TEXTS.len() + 2, "our own messages came back too: {}", all.len());
    all
}

async fn explain(bench: &Bench, event: &Event) -> Value {
    let (status, explained) = ask(bench, event).await;
    assert_eq!(status, 200, "{explained}");
    explained
}

async fn ask(bench: &Bench, event: &Event) -> (u16, Value) {
    let patience = Duration::from_secs(9);
    let limits = Limits { concurrency: 1, request_timeout: patience, ..Limits::default() };
    let shared = Arc::new(Shared::new(Arc::clone(&bench.engine), limits, None));
    let path = format!("/api/v1/events/{}/explain", event.id);
    let (status, explained) = server::ask(shared, Method::GET, &path, None).await.unwrap();
    (status, explained)
}

/// The event decided again by the stored rule book, with what was recorded.
async fn again(bench: &Bench, stored: &StoredEvent) -> (Book, Trace) {
    let decision = stored.decision.as_ref().unwrap();
    let files = bench.engine.store.book(&decision.book).await.unwrap().unwrap();
    let book = Book::revive(files, bench.engine.book.load().surroundings()).unwrap_or_else(|why| panic!("{why}"));
    let facts = Facts::seen(stored.event.clone(), decision);
    let trace = rules::decide(&book, &facts, Depth::Matched).trace;
    (book, trace)
}

fn rule_names(trace: &Value, key: &str) -> Vec<String> {
    let rules = trace[key].as_array().cloned().unwrap_or_default();
    rules.iter().map(|rule| rule["rule"].as_str().unwrap().to_owned()).collect()
}

/// Everything in which an explanation and what was stored are at odds.
fn disagreements(explained: &Value, stored: &StoredEvent, book: &Book, again: &Trace) -> Vec<String> {
    let decided = &stored.decision.as_ref().unwrap().trace;
    let trace = &explained["decision"]["trace"];
    let mut wrong = Vec::new();
    let mut same = |what: &str, left: Value, right: Value| {
        if left != right {
            wrong.push(format!("{what}: {left} and {right}"));
        }
    };
    same("what matched, with its verdicts", trace["matched"].clone(), json!(decided.matched));
    same("the loop guard", trace["guard"].clone(), json!(decided.guard));
    same("what failed", trace["errors"].clone(), json!(decided.errors));
    same("decided again", json!(again.matched.iter().map(|rule| &rule.rule).collect::<Vec<_>>()), {
        json!(decided.matched.iter().map(|rule| &rule.rule).collect::<Vec<_>>())
    });
    same("what differs", explained["differs"].clone(), json!([]));
    let mut sides: BTreeMap<String, usize> = BTreeMap::new();
    for name in [rule_names(trace, "matched"), rule_names(trace, "unmatched")].concat() {
        *sides.entry(name).or_default() += 1;
    }
    for rule in book.rules() {
        same(&format!("how often `{}` stands there", rule.name), json!(sides.remove(&rule.name)), json!(1));
    }
    same("rules that are not of the book", json!(sides), json!({}));
    for failed in &decided.errors {
        let because = trace["unmatched"].as_array().into_iter().flatten().find(|rule| rule["rule"] == *failed.rule);
        let said = because.is_some_and(|rule| rule["because"] == format!("it failed: {}", failed.error));
        same(&format!("that `{}` failed", failed.rule), json!(said), json!(true));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_event_is_explained_as_it_was_decided() {
    let bench = busy().await;
    let events = stored(&bench).await;
    let mut came_out: BTreeMap<String, usize> = BTreeMap::new();
    let mut tally = |what: String| *came_out.entry(what).or_default() += 1;
    for one in &events {
        let explained = explain(&bench, &one.event).await;
        let (book, again) = again(&bench, one).await;
        assert_eq!(disagreements(&explained, one, &book, &again), Vec::<String>::new(), "{explained:#}");
        let decided = &one.decision.as_ref().unwrap().trace;
        for action in decided.matched.iter().flat_map(|rule| &rule.actions) {
            let verdict = json!(action.verdict);
            let code = verdict["code"].as_str().map(|code| format!(" by {code}")).unwrap_or_default();
            tally(format!("{}{code}", verdict["verdict"].as_str().unwrap()));
        }
        decided.errors.iter().for_each(|error| tally(format!("{} failed", error.rule)));
        tally(one.event.kind.to_string());
    }
    // Every way in which a rule can come out was seen, so the agreement says something.
    for wanted in [
        "chosen",
        "shadowed",
        "vetoed",
        "failed",
        "blocked by once",
        "blocked by already_answered",
        "blocked by auto_submitted",
        "blocked by own_message",
        "no-such-number failed",
        "20-script failed",
        "message.received",
        "message.sent",
        "unreadable",
    ] {
        assert!(came_out.contains_key(wanted), "nothing came out as `{wanted}`: {came_out:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_disagreement_is_found() {
    let bench = busy().await;
    let events = stored(&bench).await;
    let one = events
        .iter()
        .find(|one| one.event.message.as_ref().is_some_and(|message| message.text == "what is the price?"))
        .unwrap();
    let right = explain(&bench, &one.event).await;
    let (book, trace) = again(&bench, one).await;
    let found = |change: &dyn Fn(&mut Value)| {
        let mut planted = right.clone();
        change(&mut planted["decision"]["trace"]);
        disagreements(&planted, one, &book, &trace)
    };
    assert_eq!(found(&|_| {}), Vec::<String>::new());
    let a_rule_is_left_out = found(&|trace| drop(trace["unmatched"].as_array_mut().unwrap().pop()));
    let a_rule_stands_on_both_sides = found(&|trace| {
        let rule = trace["matched"][0].clone();
        trace["unmatched"].as_array_mut().unwrap().push(rule);
    });
    let another_verdict =
        found(&|trace| trace["matched"][0]["actions"][0]["verdict"] = json!({ "verdict": "shadowed" }));
    let no_guard = found(&|trace| trace["guard"] = json!([]));
    for planted in [a_rule_is_left_out, a_rule_stands_on_both_sides, another_verdict, no_guard] {
        assert_eq!(planted.len(), 1, "{planted:?}");
    }
    // What was remembered is part of it: with something else, the rules decide otherwise.
    let mut other = one.clone();
    other.decision.as_mut().unwrap().seen.state.insert("n".to_owned(), json!(9));
    let (book, trace) = again(&bench, &other).await;
    let wrong = disagreements(&right, one, &book, &trace);
    assert!(wrong.iter().any(|wrong| wrong.starts_with("decided again")), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_tells_what_the_api_does() {
    let bench = busy().await;
    let events = stored(&bench).await;
    let mut wanted = Vec::new();
    for one in events.iter().take(3) {
        wanted.push((one.event.id.clone(), explain(&bench, &one.event).await));
    }
    bench.close().await;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rejoinder"));
        let output = command.arg("explain").args(arguments).arg("--config").arg(bench.config_file()).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    for (id, explained) in wanted {
        let (code, said) = run(&[id.as_str(), "--format", "json"]);
        assert_eq!((code, serde_json::from_str::<Value>(&said).unwrap()), (Some(0), explained));
        let (code, said) = run(&[id.as_str()]);
        assert!(code == Some(0) && said.contains("rules that did not: "), "{said}");
        assert!(!said.contains('\u{1b}'), "no colours where nobody sees them: {said:?}");
        let (code, one) = run(&[id.as_str(), "--rule", "known", "--brief"]);
        assert!(code == Some(0) && one.contains("known (") && !one.contains("counted ("), "{one}");
        assert_eq!(one.lines().nth(1), said.lines().nth(1), "who answers does not hang on what is shown");
        let (code, said) = run(&[id.as_str(), "--rule", "knwon"]);
        assert_eq!((code, said.contains("there is no rule `knwon`; did you mean `known`?")), (Some(1), true), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_rule_book_of_its_time_an_event_is_not_explained_by_another_one() {
    let bench = Bench::set(Setup { rules: RULES, ..Setup::default() }).await;
    let files = vec![("10-other.yaml".to_owned(), "version: 1\nrules:\n  - name: other\n    stop: true\n".to_owned())];
    let other = Book::compile(files, bench.engine.book.load().surroundings().clone());
    // It decides, and is kept nowhere.
    bench.engine.book.store(Arc::new(other.unwrap_or_else(|why| panic!("{why}"))));
    bench.arrive(Speaks::Spruce, "1000", "hello").await;
    bench.settle().await;
    let query = EventQuery { limit: 1, ..EventQuery::default() };
    let event = bench.engine.store.events(&query).await.unwrap().remove(0).event;
    let (status, told) = ask(&bench, &event).await;
    assert_eq!((status, told["detail"].as_str()), (409, Some("the rule book of that time is gone")), "{told}");
}
