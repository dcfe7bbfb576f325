//! `backtest`: another rule book over the events of a real server, while it runs and after it was stopped.

use regex::Regex;
use rejoinder::provider::sandbox::Speaks;
use serde_json::{Value, json};

use crate::stage::{Ran, SOURCES, Server, Stage};

const SEQUENZY: Speaks = SOURCES[0].1;

const OLD: &str = "version: 1
rules:
  - name: refund
    when: { message.text: { contains: refund } }
    do:
      - reply: { text: \"Hi {{ contact.first_name }},\\nwe have your request.\" }
      - note: { text: A refund }
";

/// Answers one more kind of message, in other words, and never when a lawyer is named.
const NEW: &str = "version: 1
rules:
  - name: refund
    when: { message.text: { contains_any: [refund, money] } }
    do:
      - reply: { text: \"Dear {{ contact.first_name }},\\nwe have your request.\" }
      - note: { text: A refund }
  - name: hush
    when: { message.text: { contains: lawyer } }
    veto: reply
";

const MESSAGES: [(&str, &str); 4] = [
    ("conv_1", "a refund please"),
    ("conv_2", "my money back"),
    ("conv_3", "tea"),
    ("conv_4", "refund, says my lawyer"),
];

/// Times and ids are other ones each time.
fn masked(text: &str) -> String {
    let time = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
    let event = Regex::new(r"evt_[0-9a-f]{26}").unwrap();
    event.replace_all(&time.replace_all(text, "TIME"), "EVENT").into_owned()
}

/// Everything that could have changed, as the server has it.
async fn everything(server: &Server, stage: &Stage) -> Value {
    let events = server.get("/api/v1/events").await.json();
    let sends = server.get("/api/v1/outbox").await.json();
    let said: Vec<Vec<String>> = MESSAGES.iter().map(|(conversation, _)| stage.said(SEQUENZY, conversation)).collect();
    json!({ "events": events, "sends": sends, "said": said })
}

/// A server that has answered all messages by the old rules.
async fn answered() -> (Stage, Server, Vec<String>) {
    let stage = Stage::set().await;
    stage.write("rules/10-hello.yaml", OLD);
    stage.write("new/rules.yaml", NEW);
    let server = stage.serve().await;
    let mut events = Vec::new();
    for (conversation, text) in MESSAGES {
        let event = server.deliver(&stage, "shop", &stage.arrive(SEQUENZY, conversation, text).to_string()).await;
        server.settled(&event).await;
        events.push(event);
    }
    (stage, server, events)
}

/// What is printed for people, for one set of arguments after the other.
fn printed(events: &[String], run: impl Fn(&[&str]) -> Ran) -> [String; 7] {
    let questions: [&[&str]; 7] = [
        &["backtest", "--rules", "new"],
        &["backtest", "--rules", "new", "--verbose", "--only-changes"],
        &["backtest", "--rules", "new", "--show", &events[0]],
        &["backtest", "--rules", "new", "--show", &events[2]],
        &["backtest", "--rules", "new", "--source", "desk"],
        &["backtest", "--rules", "new", "--limit", "2", "--only-changes"],
        &["backtest", "--fail-on-change"],
    ];
    questions.map(|question| {
        let ran = run(question).fine();
        assert_eq!(ran.stderr, "", "no progress is shown to a file");
        masked(&ran.stdout)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn another_book_is_tried_and_nothing_is_sent_or_written() {
    let (stage, server, events) = answered().await;
    let before = everything(&server, &stage).await;
    assert_eq!(before["sends"]["sends"].as_array().unwrap().len(), 4);
    let running = printed(&events, |question| server.run(&stage, question));
    insta::assert_snapshot!(running[0]);
    insta::assert_snapshot!(running[1]);
    insta::assert_snapshot!(running[2]);
    assert_eq!(running[3], "nothing changes for EVENT, or it is not among the events of this time\n");
    assert!(
        running[4].starts_with("0 events since TIME decided again by 2 rules, and 4 more to be remembered\nnothing")
    );
    assert_eq!(running[5].lines().count(), 1, "{}", running[5]);
    assert!(running[6].ends_with("since TIME decided again by 1 rule\nnothing would change\n"), "{}", running[6]);

    let mut found = server.run(&stage, &["backtest", "--rules", "new", "--format", "json"]).fine().json();
    assert_eq!(
        found["summary"],
        json!({
            "events": 4, "changed": 3, "remembered": 0, "undecided": 0,
            "actions": {
                "note": { "gained": 1, "to_person": 0, "lost": 0, "changed_text": 0, "changed_otherwise": 0 },
                "reply": { "gained": 1, "to_person": 0, "lost": 1, "changed_text": 1, "changed_otherwise": 0 },
            },
            "held_back": { "vetoed": 1 },
        })
    );
    let changed = found["changes"].as_array().unwrap();
    assert_eq!(
        changed.iter().map(|it| it["event"].as_str().unwrap()).collect::<Vec<_>>(),
        [&events[0], &events[1], &events[3]]
    );
    assert_eq!(changed[0]["changes"][0]["before"]["rendered"]["text"], "Hi Ann,\nwe have your request.");
    assert_eq!(everything(&server, &stage).await, before);
    server.stop().await;

    assert_eq!(printed(&events, |question| stage.run(question)), running);
    let mut stopped = stage.run(&["backtest", "--rules", "new", "--format", "json"]).fine().json();
    (found["since"], stopped["since"]) = (Value::Null, Value::Null);
    assert_eq!(stopped, found);
    let failing = stage.run(&["backtest", "--rules", "new", "--fail-on-change", "--only-changes"]);
    assert_eq!((failing.code, failing.stdout.lines().count()), (1, 3), "{failing:?}");
    assert_eq!(everything(&stage.serve().await, &stage).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_that_does_not_load_and_names_nobody_knows_are_told() {
    let stage = Stage::set().await;
    stage.write("new/rules.yaml", "version: 1\nrules:\n  - name: a\n    wen: {}\n    stop: true\n");
    let broken = stage.run(&["backtest", "--rules", "new"]);
    assert_eq!((broken.code, broken.stdout.as_str()), (2, ""));
    assert!(broken.stderr.contains("new/rules.yaml:4:5: unknown key `wen`; did you mean `when`?"), "{broken:?}");
    assert_eq!(stage.run(&["backtest", "--rules", "nowhere"]).code, 2);
    let unknown = stage.run(&["backtest", "--source", "shp"]);
    assert_eq!(
        (unknown.code, unknown.stderr.trim()),
        (1, "there is no source `shp`; did you mean `shop`? (known: clinic, crm, desk, shop)")
    );
    let wrong = stage.run(&["backtest", "--since", "yesterday"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("`yesterday` is not a duration; write it like 30s, 15m, 24h or 7d"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn snippets_inside_the_rules_are_those_of_the_other_rules() {
    let stage = Stage::with("snippets: ./rules/snippets\n").await;
    let rules = "version: 1\nrules:\n  - name: hours\n    do: [{ reply: { snippet: hours } }]\n";
    stage.write("rules/10-hello.yaml", rules);
    stage.write("rules/snippets/hours.md", "9 to 5");
    stage.write("new/rules.yaml", rules);
    stage.write("new/snippets/hours.md", "9 to 6");
    let server = stage.serve().await;
    let event = server.deliver(&stage, "shop", &stage.arrive(SEQUENZY, "conv_1", "hi").to_string()).await;
    server.settled(&event).await;
    let shown = server.run(&stage, &["backtest", "--rules", "new", "--show", &event]).fine().stdout;
    assert!(shown.contains("-9 to 5") && shown.contains("+9 to 6"), "{shown}");
}
