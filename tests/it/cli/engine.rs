//! Commands that ask the engine, which runs or does not, and `send`, which speaks to it as a provider would.

use std::process::Command;

use rejoinder::provider::sandbox::Fault;
use serde_json::json;

use crate::stage::{SOURCES, Stage, finish, run_with_input};

const SEQUENZY: rejoinder::provider::sandbox::Speaks = SOURCES[0].1;

#[tokio::test(flavor = "multi_thread")]
async fn send_posts_what_the_provider_would() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    stage.write("key", stage.key.expose());
    for (source, speaks) in SOURCES {
        stage.write("payload.json", &stage.arrive(speaks, "1001", "hi").to_string());
        let arguments = ["send", source, "payload.json", "--key", "key"];
        // Without HighLevel's private key nobody but HighLevel can sign.
        let sent = server.run(&stage, if source == "crm" { &arguments } else { &arguments[..3] });
        let answer = sent.fine().stdout;
        assert!(answer.starts_with("200 {\"status\":\"accepted\""), "{source}: {answer}");
    }
    let unsigned = server.run(&stage, &["send", "crm", "payload.json"]);
    assert_eq!(unsigned.code, 1);
    assert!(unsigned.stderr.starts_with("the delivery cannot be signed: "), "{}", unsigned.stderr);
    let elsewhere = format!("http://{}/webhooks/nobody", server.public);
    let unknown = server.run(&stage, &["send", "shop", "payload.json", "--url", &elsewhere]);
    assert_eq!((unknown.code, &unknown.stdout[..4]), (1, "404 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_curl_command_that_send_prints_is_accepted() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    stage.write("it's.json", &stage.arrive(SEQUENZY, "conv_1", "it's \"$HOME\" `x` \\ é\n").to_string());
    let printed = server.run(&stage, &["send", "shop", "it's.json", "--print"]).fine().stdout;
    assert!(printed.starts_with(&format!("curl -X POST 'http://{}/webhooks/shop'", server.public)), "{printed}");
    let ran = finish(Command::new("sh").args(["-c", &printed]));
    assert!(ran.stdout.starts_with("{\"status\":\"accepted\""), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_and_explain_say_the_same_whether_the_engine_runs_or_not() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let body = stage.arrive(SEQUENZY, "conv_1", "what time is it?").to_string();
    let event = server.deliver(&stage, "shop", &body).await;
    server.settled(&event).await;
    let questions = [
        vec!["why", "conv_1"],
        vec!["why", "conv_1", "--format", "json"],
        vec!["explain", &event],
        vec!["explain", &event, "--format", "json"],
        vec!["outbox", "list"],
        vec!["outbox", "list", "--format", "json", "--state", "delivered", "--account", "shop", "--rule", "hello"],
        vec!["dead", "list"],
    ];
    let ask = |question: &Vec<&str>| server.run(&stage, question).fine().stdout;
    let running: Vec<String> = questions.iter().map(ask).collect();
    assert!(running[0].contains("from planted.ann@example.org  “what time is it?”"), "{}", running[0]);
    assert!(running[0].contains("✓ hello (rules/10-hello.yaml:3)"), "{}", running[0]);
    assert!(running[0].contains("reply: “Hello Ann”  → delivered"), "{}", running[0]);
    assert!(running[2].contains("✓ own_message         not in the ledger of our sends"), "{}", running[2]);
    assert!(running[4].contains("hello") && running[4].contains("delivered"), "{}", running[4]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&running[5]).unwrap()["sends"][0]["rule"], "hello");
    assert_eq!(running[6], "there are no dead letters\n");
    server.stop().await;
    let stopped: Vec<String> = questions.iter().map(|question| stage.run(question).fine().stdout).collect();
    assert_eq!(running, stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_explained_by_the_configuration_of_its_time() {
    let stage = Stage::with("time_zone: Asia/Kolkata\n").await;
    stage.write("rules/20.yaml", "version: 1\nrules:\n  - name: never\n    when: { event.hour: { gt: 23 } }\n    do: [{ note: { text: x, page: [dr-lee] } }]\n");
    let server = stage.serve().await;
    let event = server.deliver(&stage, "shop", &stage.arrive(SEQUENZY, "conv_1", "hi").to_string()).await;
    server.settled(&event).await;
    let then = server.run(&stage, &["explain", &event, "--format", "json"]).fine().json();
    let saw =
        |explained: &serde_json::Value| explained["decision"]["trace"]["unmatched"][0]["findings"][0]["saw"].clone();
    assert_eq!(saw(&then).as_str().unwrap().len().min(1), 1);
    server.stop().await;
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    stage.write("rejoinder.yaml", &config.replace("Asia/Kolkata", "Pacific/Kiritimati").replace("dr-lee:", "dr-kim:"));
    stage.write("rules/20.yaml", "version: 1\nrules: []\n");
    assert_eq!(stage.run(&["explain", &event, "--format", "json"]).fine().json(), then);
    let store = rejoinder::store::sled::open(&stage.path("data")).unwrap();
    let book = then["decision"]["book"].as_str().unwrap().into();
    let kept = store.book(&book).await.unwrap().unwrap();
    let (name, surroundings) = kept.last().unwrap();
    assert_eq!(name, "surroundings.json");
    assert!(surroundings.contains("dr-lee") && surroundings.contains("Asia/Kolkata"), "{surroundings}");
    for secret in ["planted", "sandbox-key", "whsec", stage.key.expose()] {
        assert!(!surroundings.contains(secret), "{secret} is kept: {surroundings}");
    }
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_and_standard_input_are_explained_by_the_rules_as_they_are() {
    let stage = Stage::set().await;
    stage.write("rules/20.yaml", "version: 1\nrules:\n  - name: refunds\n    when: { message.text: { contains: refund }, not: { contact.email: { ends_with: '@law.example' } } }\n    do: [{ note: { text: x } }]\n");
    let event = r#"{ "message": { "text": "my refund" }, "contact": { "email": "joe@law.example" } }"#;
    stage.write("event.json", event);
    let from_file = stage.run(&["explain", "event.json"]).fine().stdout;
    let from_input = run_with_input(&stage.path("."), &["explain", "-"], event).fine().stdout;
    let without_time = |text: &str| text.split_once("  ").unwrap().1.to_owned();
    assert_eq!(without_time(&from_file), without_time(&from_input));
    insta::assert_snapshot!(without_time(&from_file), @r#"
    message.received at sequenzy  from joe@law.example  “my refund”
      answered by hello (rules/10-hello.yaml:3)

    loop guard: 27 steps, 0 against an answer
      ✓ own_message         not in the ledger of our sends
      ✓ outbound            from the contact
      ✓ own_address         none of 1 own addresses
      – own_origin          no headers, or no own hosts configured
      ✓ internal_author     not by a teammate
      ✓ provider_automated  the provider does not say that a program wrote it
      – spam                the provider shows no status
      ✓ null_sender         a Return-Path, or none shown
      ✓ dsn                 no delivery status notice
      ✓ mdn                 no read receipt
      ✓ auto_submitted      no Auto-Submitted but `no`
      ✓ list                no List-* header
      ✓ precedence          no Precedence of bulk mail
      ✓ suppress_requested  no request to be left alone
      ✓ auto_header         no header of an autoresponder
      ✓ system_address      not a system address
      ✓ bounced_recipient   no message to this correspondent is known to have failed for good
      – suspect_subject     no subject
      ✓ suspect_speed       no automatic reply went to this conversation before
      ✓ headers             2 headers are shown
      ✓ not_addressed       one of our addresses is a recipient
      – many_recipients     the provider answers the sender alone
      ✓ quarantined         no quarantine
      ✓ human_takeover      no person has written in this conversation
      ✓ too_old             it happened less than 1d ago
      ✓ chain_depth         not caused by us
      ✓ loop_cap            conversation 0 of 2/10m, correspondent 0 of 3/10m, domain 0 of 200/1h

    rules that matched: 1
      ✓ hello (rules/10-hello.yaml:3)
          reply: “Hello you”

    rules that did not: 1
      ✗ refunds (rules/20.yaml:3): its conditions do not hold
          ✓ message.text contains "refund"; saw "my refund"  line 4
          ✗ not (1 of 1 hold)
            ✓ contact.email ends_with "@law.example"; saw "joe@law.example"  line 4
    "#);
    stage.write("payload.json", &stage.arrive(SEQUENZY, "conv_1", "a refund").to_string());
    let of_provider = stage.run(&["explain", "payload.json", "--source", "shop", "--format", "json"]).fine().json();
    assert_eq!(of_provider["event"]["conversation"]["id"], "conv_1");
    assert_eq!(of_provider["decision"]["trace"]["matched"][1]["rule"], "refunds");
    assert_eq!(of_provider["sends"], json!(null));
    // What the admin API gives can be explained as well.
    stage.write("stored.json", &of_provider["event"].to_string());
    let again = stage.run(&["explain", "stored.json", "--format", "json"]).fine().json();
    assert_eq!(again["event"], of_provider["event"]);
    let wrong = stage.run(&["explain", "payload.json", "--source", "shpo"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("there is no source `shpo`; did you mean `shop`?"), "{}", wrong.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_listed_redriven_and_dropped_on_a_running_and_on_a_stopped_engine() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    let mut dead = Vec::new();
    for conversation in ["conv_1", "conv_2"] {
        stage.sandbox.fail_next(SEQUENZY, Fault::Status(400, None), 1);
        let body = stage.arrive(SEQUENZY, conversation, "hi").to_string();
        let event = server.deliver(&stage, "shop", &body).await;
        dead.push(server.settled(&event).await["sends"][0]["id"].as_str().unwrap().to_owned());
    }
    let listed = server.run(&stage, &["dead", "list"]).fine().stdout;
    assert!(dead.iter().all(|id| listed.contains(id)) && listed.contains("400"), "{listed}");
    let redriven = server.run(&stage, &["dead", "redrive", &dead[0]]).fine().stdout;
    assert_eq!(redriven, format!("{}: redriven\n", dead[0]));
    let event = server.get(&format!("/api/v1/outbox/{}", dead[0])).await.json()["event"].as_str().unwrap().to_owned();
    server.settled(&event).await;
    assert_eq!(stage.said(SEQUENZY, "conv_1"), ["Hello Ann"]);
    let twice = server.run(&stage, &["dead", "redrive", &dead[0]]);
    assert_eq!((twice.code, twice.stderr.contains("delivered, not a dead letter")), (1, true), "{twice:?}");
    server.stop().await;
    let shown: serde_json::Value = stage.run(&["dead", "show", &dead[1]]).fine().json();
    assert_eq!(shown["state"], "dead");
    assert_eq!(shown["attempts"][0]["answer"]["status"], 400);
    let would = stage.run(&["dead", "redrive", "--reason", "refused", "--since", "1h", "--dry-run"]).fine().stdout;
    assert_eq!(would, format!("{}: would redrive\n1 in all; nothing was changed\n", dead[1]));
    let nobody = stage.run(&["dead", "redrive", "--rule", "nobody"]).fine().stdout;
    assert_eq!(nobody, "no dead letter is meant by this\n");
    let dropped = stage.run(&["dead", "drop", "--account", "shop", "--why", "by phone"]).fine().stdout;
    assert_eq!(dropped, format!("{}: dropped\n", dead[1]));
    assert_eq!(stage.run(&["dead", "list"]).fine().stdout, "there are no dead letters\n");
    assert_eq!(stage.run(&["outbox", "show", &dead[1]]).fine().json()["reason"], "by phone");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_programs_on_one_folder_are_told_plainly() {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    // Neither finds the other by its admin address, which is another one each time.
    for arguments in [&["serve"][..], &["outbox", "list"]] {
        let second = stage.run(arguments);
        assert_eq!((second.code, second.stdout.as_str()), (1, ""));
        let said = second.stderr.lines().last().unwrap().replace(stage.path("").to_str().unwrap(), "");
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @"another process has the data folder data open; stop it (is `rejoinder serve` running there?) or choose another folder");
        }
    }
    let taken = server.public.to_string();
    let taken = stage.run_with(&["serve"], &[("REJOINDER_LISTEN", &taken), ("REJOINDER_STORE", "memory:")]);
    assert_eq!(taken.code, 1);
    assert!(taken.stderr.contains("is something else using the port?"), "{}", taken.stderr);
    server.stop().await;
    assert_eq!(stage.run(&["outbox", "list"]).fine().stdout, "nothing is in the outbox\n");
}
