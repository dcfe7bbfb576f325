//! The commands by which a person stops, approves and releases, on a running and on a stopped engine.

use rejoinder::provider::sandbox::Speaks;
use serde_json::{Value, json};

use crate::stage::{SOURCES, Server, Stage, text, until};

const SPRUCE: Speaks = SOURCES[3].1;

/// It answers every message at once.
const EAGER: &str =
    "version: 1\nrules:\n  - name: hello\n    once: { per: event }\n    do:\n      - reply: { text: Hello }\n";

/// A test writes faster than a person, which the guard would take for a program.
const QUICK: &str = "guard: { caps: { suspect: [9/1h] } }\n";

async fn arrives(stage: &Stage, server: &Server, conversation: &str, text: &str) -> Value {
    let body = stage.arrive(SPRUCE, conversation, text).to_string();
    let event = server.deliver(stage, "clinic", &body).await;
    server.settled(&event).await
}

fn id(send: &Value) -> String {
    send["id"].as_str().unwrap().to_owned()
}

/// The text without what differs from run to run.
fn steady(text: &str) -> String {
    let ids = regex::Regex::new(r"(snd|evt|qua)_[0-9a-f]{26}").unwrap();
    let times = regex::Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap();
    times.replace_all(&ids.replace_all(text, "${1}_…"), "TIME").into_owned()
}

async fn metric(server: &Server, name: &str) -> String {
    let all = text(&server.get("/metrics").await);
    let line = all.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_default();
    line.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_paused_whatever_is_wrong_with_the_configuration_and_never_another_one() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    stage.write("rejoinder.yaml", &format!("{config}\nnonsense: [\n"));
    let pause = ["pause", "--all", "--why", "wrong prices"];
    let paused = server.run(&stage, &pause).fine();
    assert!(paused.stderr.contains("the configuration has faults"), "{paused:?}");
    assert_eq!(server.get("/api/v1/status").await.json()["paused"], json!(["all"]));
    server.run(&stage, &["resume", "--all"]).fine();

    stage.write("rejoinder.yaml", &config.replace("sled:./data", "sled:./elsewhere"));
    let refused = server.run(&stage, &pause);
    assert_eq!(refused.code, 1, "{refused:?}");
    for told in ["is another installation", "/data`", "/elsewhere`"] {
        assert!(refused.stderr.contains(told), "{refused:?}");
    }
    assert_eq!(server.get("/api/v1/status").await.json()["paused"], json!([]));

    // Without a server the faults are what matters.
    stage.write("rejoinder.yaml", &format!("{config}\nnonsense: [\n"));
    let stopped = stage.run(&pause);
    assert_eq!((stopped.code, stopped.stderr.contains("not valid YAML")), (2, true), "{stopped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_holds_everything_over_a_restart_and_resume_lets_it_go_once() {
    let stage = Stage::set().await;
    stage.write("rules/10-hello.yaml", EAGER);
    let server = stage.serve().await;
    let paused = server.run(&stage, &["pause", "--all", "--why", "wrong prices", "--by", "kim"]).fine().stdout;
    assert_eq!(paused, "paused: all; events are accepted and decided, sends are held until `rejoinder resume`\n");
    let entry = arrives(&stage, &server, "t_1", "hi").await;
    let send = id(&entry["sends"][0]);
    assert_eq!(entry["sends"][0]["state"], "held");
    let again = server.run(&stage, &["pause", "--all", "--why", "again"]);
    assert_eq!((again.code, again.stderr.contains("all is paused already, by kim since ")), (1, true), "{again:?}");
    let gauges = [metric(&server, "rejoinder_sends_held").await, metric(&server, "rejoinder_pauses_active").await];
    assert_eq!(gauges, ["1", "1"]);
    server.stop().await;

    // The same words without the server, from the store itself.
    insta::assert_snapshot!(steady(&stage.run(&["pause", "list"]).fine().stdout), @r#"
    WHAT  ORDER   BY   SINCE                 WHY
    all   paused  kim  TIME  wrong prices
    "#);
    insta::assert_snapshot!(steady(&stage.run(&["held", "list"]).fine().stdout), @r#"
    SEND                            CAUSE   ACTION  RULE   CONVERSATION             DECIDED               TEXT
    snd_…  paused  reply   hello  clinic/conversation:t_1  TIME  Hello
    "#);
    insta::assert_snapshot!(steady(&stage.run(&["held", "show", &send]).fine().stdout), @r#"
    TIME  message.received at spruce  from +15550100  “hi”
      ✓ hello (rules/10-hello.yaml:3)
          reply: “Hello”  → held: all was paused by kim at TIME: wrong prices
              It is held by a pause. `rejoinder pause list` shows which, `rejoinder resume` ends it.

    snd_… is held: all was paused by kim at TIME: wrong prices

    Hello
    "#);
    insta::assert_snapshot!(steady(&stage.run(&["why", "t_1"]).fine().stdout), @r#"
    TIME  message.received at spruce  from +15550100  “hi”
      ✓ hello (rules/10-hello.yaml:3)
          reply: “Hello”  → held: all was paused by kim at TIME: wrong prices
              It is held by a pause. `rejoinder pause list` shows which, `rejoinder resume` ends it.
    all is paused by kim since TIME: wrong prices
    "#);
    let early = stage.run(&["held", "release", &send]);
    assert_eq!((early.code, early.stderr.contains("all is paused by kim since")), (1, true), "{early:?}");

    let server = stage.serve().await;
    assert_eq!(server.get("/api/v1/status").await.json()["paused"], json!(["all"]));
    assert_eq!(stage.said(SPRUCE, "t_1"), Vec::<String>::new());
    let resumed = server.run(&stage, &["resume", "--all", "--by", "lee"]).fine().stdout;
    assert_eq!(resumed, "resumed: all; 1 held sends are looked at again\n");
    until("it is said", async || (!stage.said(SPRUCE, "t_1").is_empty()).then_some(())).await;
    server.settled(entry["event"]["id"].as_str().unwrap()).await;
    assert_eq!(stage.said(SPRUCE, "t_1"), ["Hello"]);
    let why = server.run(&stage, &["why", "t_1"]).fine().stdout;
    assert!(why.contains("released by lee at ") && why.contains(": the pause is over"), "{why}");
    assert_eq!(server.run(&stage, &["pause", "list"]).fine().stdout, "nothing is paused\n");
    let twice = server.run(&stage, &["resume", "--all"]);
    assert_eq!((twice.code, twice.stderr.as_str()), (1, "all is not paused, nor is anything else\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_approval_is_approved_or_dropped_one_by_one_or_together() {
    // Everybody here has the same number.
    let stage = Stage::with("guard: { caps: { subject: [], correspondent: [9/1h] } }\n").await;
    stage.write("rules/10-hello.yaml", &EAGER.replace("once:", "mode: approve\n    once:"));
    let server = stage.serve().await;
    let mut sends = Vec::new();
    for conversation in ["t_1", "t_2", "t_3"] {
        sends.push(id(&arrives(&stage, &server, conversation, "hi").await["sends"][0]));
    }
    let approved = server.run(&stage, &["held", "approve", &sends[0], "--by", "kim"]).fine().stdout;
    assert_eq!(approved, format!("{}: approved\n", sends[0]));
    let dropped = server.run(&stage, &["held", "drop", &sends[1], "--why", "by phone"]).fine().stdout;
    assert_eq!(dropped, format!("{}: dropped\n", sends[1]));
    let dry = server.run(&stage, &["held", "approve", "--all", "--rule", "hello", "--dry-run"]).fine().stdout;
    assert_eq!(dry, format!("{}: would approve\n", sends[2]));
    let none = server.run(&stage, &["held", "release", "--all"]);
    assert_eq!((none.code, none.stdout.as_str()), (1, "nothing that is held is meant by this\n"));
    assert!(none.stderr.contains("left as it is: it waits for approval: approve or drop it"), "{}", none.stderr);
    server.run(&stage, &["held", "approve", "--all", "--account", "clinic", "--cause", "approval"]).fine();
    until("they leave", async || {
        let said = ["t_1", "t_3"].map(|conversation| stage.said(SPRUCE, conversation));
        said.iter().all(|said| said == &["Hello"]).then_some(())
    })
    .await;
    assert_eq!(stage.said(SPRUCE, "t_2"), Vec::<String>::new());
    assert_eq!(server.run(&stage, &["held", "list"]).fine().stdout, "nothing is held\n");
    let late = server.run(&stage, &["held", "drop", &sends[1], "--why", "x"]);
    assert_eq!((late.code, late.stderr.contains("is dropped, not held")), (1, true), "{late:?}");
    let why = server.run(&stage, &["why", "t_2"]).fine().stdout;
    assert!(why.contains("reply: “Hello”  → dropped: by phone") && why.contains("dropped by "), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_is_seen_counted_and_released() {
    let stage = Stage::with(QUICK).await;
    stage.write("rules/10-hello.yaml", EAGER);
    let server = stage.serve().await;
    for text in ["one", "two", "three"] {
        arrives(&stage, &server, "t_1", text).await;
    }
    assert_eq!(stage.said(SPRUCE, "t_1").iter().filter(|said| *said == "Hello").count(), 2);
    assert_eq!(metric(&server, "rejoinder_quarantines_active").await, "1");
    let listed = server.run(&stage, &["quarantine", "list", "--format", "json"]).fine().json();
    let quarantine = listed["quarantines"][0]["id"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(steady(&server.run(&stage, &["quarantine", "show", &quarantine]).fine().stdout), @r#"
    qua_…: active, since TIME
      the cap 2/10m by conversation was reached in clinic/conversation:t_1 of +15550100
      when the rule hello wanted to answer evt_…
      after automatic replies at TIME, TIME
      no automatic reply until TIME; `rejoinder quarantine release qua_…` ends it now
    "#);
    insta::assert_snapshot!(steady(&server.run(&stage, &["quarantine", "list"]).fine().stdout), @r#"
    QUARANTINE                      STATE   COUNTED BY    CAP    WHO        CONVERSATION             RULE   SINCE                 UNTIL
    qua_…  active  conversation  2/10m  +15550100  clinic/conversation:t_1  hello  TIME  TIME
    "#);
    let why = server.run(&stage, &["why", "t_1"]).fine().stdout;
    assert!(why.contains("One more would be too many automatic replies in a short time."), "{why}");
    assert!(why.contains(&format!("{quarantine}: active, since ")), "{why}");
    let released = server.run(&stage, &["quarantine", "release", &quarantine, "--why", "a person", "--by", "kim"]);
    assert_eq!(released.fine().stdout, format!("{quarantine}: released\n"));
    assert_eq!(metric(&server, "rejoinder_quarantines_active").await, "0");
    assert_eq!(server.run(&stage, &["quarantine", "list"]).fine().stdout, "nobody is in quarantine\n");
    assert_eq!(server.run(&stage, &["quarantine", "release", "--all"]).fine().stdout, "nobody is in quarantine\n");
    let all = server.run(&stage, &["quarantine", "list", "--all"]).fine().stdout;
    assert!(all.contains("released"), "{all}");
    arrives(&stage, &server, "t_1", "four").await;
    until("it is answered again", async || {
        (stage.said(SPRUCE, "t_1").iter().filter(|said| *said == "Hello").count() == 3).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mode_is_ordered_for_one_conversation() {
    let stage = Stage::with(QUICK).await;
    stage.write("rules/10-hello.yaml", EAGER);
    let server = stage.serve().await;
    arrives(&stage, &server, "t_1", "hi").await;
    let ordered = server.run(&stage, &["mode", "t_1", "approve", "--by", "kim"]).fine().stdout;
    assert_eq!(ordered, "conversation:clinic/conversation:t_1: approve\n");
    let entry = arrives(&stage, &server, "t_1", "again").await;
    assert_eq!((&entry["sends"][0]["state"], &entry["sends"][0]["cause"]), (&json!("held"), &json!("approval")));
    let why = server.run(&stage, &["why", "t_1"]).fine().stdout;
    assert!(why.contains("It waits for somebody's yes. `rejoinder held approve snd_"), "{why}");
    assert!(why.contains("conversation:clinic/conversation:t_1 is in mode `approve` by kim since "), "{why}");
    server.run(&stage, &["mode", "t_1", "default"]).fine();
    assert_eq!(server.run(&stage, &["pause", "list"]).fine().stdout, "nothing is paused\n");
    let unknown = server.run(&stage, &["mode", "t_9", "off"]);
    assert_eq!(
        (unknown.code, unknown.stderr.contains("there is no conversation `t_9`; did you mean `t_1`?")),
        (1, true)
    );
}

#[test]
fn an_order_that_is_not_clear_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (&["pause", "--why", "x"][..], "<--all|--rule <NAME>|--account <NAME>|--conversation <ID>>"),
        (&["pause", "--all"], "--why <TEXT>"),
        (&["pause", "--all", "--rule", "a", "--why", "x"], "cannot be used with"),
        (&["resume"], "<--all|--rule <NAME>|--account <NAME>|--conversation <ID>>"),
        (&["held", "approve"], "<IDS>..."),
        (&["held", "approve", "--rule", "a"], "--all"),
        (&["held", "approve", "snd_1", "--all"], "cannot be used with"),
        (&["held", "drop", "snd_1"], "--why <TEXT>"),
        (&["held", "list", "--cause", "aproval"], "a similar value exists: 'approval'"),
        (&["mode", "c", "aproved"], "a similar value exists: 'approve'"),
    ] {
        let ran = crate::stage::run_in(folder.path(), arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
    }
}
