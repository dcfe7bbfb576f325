//! What the providers show, in tables and JSON, on a running and on a stopped engine; and the mistakes of who asks.

use rejoinder::provider::sandbox::{Fault, Speaks};
use serde_json::{Value, json};

use crate::stage::{SOURCES, Stage, text};

/// Two conversations at each provider.
async fn filled() -> Stage {
    let stage = Stage::set().await;
    for (_, speaks) in SOURCES {
        stage.arrive(speaks, "1001", "what time is it?");
        stage.arrive(speaks, "1002", "and now?");
    }
    stage
}

/// The text without the time of the machine, and rows in an order that does not depend on it.
fn steady(text: &str) -> String {
    let times = regex::Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap();
    let steady = times.replace_all(text, "2026-01-01T00:00:00Z").into_owned();
    let mut lines: Vec<&str> = steady.lines().collect();
    lines[1..].sort_unstable();
    lines.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_account_is_listed_whether_the_engine_runs_or_not() {
    let stage = filled().await;
    let lists = [["conversations", "list"], ["members", "list"], ["snippets", "list"]];
    let stopped = lists.map(|list| stage.run(&list).fine());
    let server = stage.serve().await;
    let running = lists.map(|list| server.run(&stage, &list).fine());
    for (stopped, running) in stopped.iter().zip(&running) {
        assert_eq!(steady(&stopped.stdout), steady(&running.stdout));
        assert_eq!(stopped.stderr, running.stderr);
    }
    let shown = running.map(|ran| format!("{}\n{}", steady(&ran.stdout), ran.stderr));
    insta::assert_snapshot!(shown.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_read_json_with_limits_and_filters() {
    let stage = filled().await;
    let rows = |arguments: &[&str]| -> Vec<Value> {
        let ran = stage.run(&[&["conversations", "list", "--format", "json"], arguments].concat()).fine();
        ran.json()["conversations"].as_array().unwrap().clone()
    };
    let all = rows(&[]);
    assert_eq!(all.len(), 8);
    let shop = all.iter().find(|row| row["account"] == "shop").unwrap();
    for (key, value) in [("status", "open"), ("address", "planted.ann@example.org"), ("subject", "planted subject")] {
        assert_eq!(shop[key], value, "{key}");
    }
    assert_eq!(rows(&["--account", "clinic", "--limit", "1"]).len(), 1);
    assert_eq!(rows(&["--account", "shop", "--unread", "--status", "open", "--since", "1h"]).len(), 2);
    assert_eq!(rows(&["--account", "shop", "--unread=false"]).len(), 0);
    assert_eq!(rows(&["--account", "shop", "--search", "nobody"]).len(), 0);
    let none = stage.run(&["conversations", "list", "--account", "shop", "--status", "closed"]).fine();
    assert_eq!(none.stdout, "there are no such conversations\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_turns_pages_and_says_when_to_come_again() {
    let stage = filled().await;
    let server = stage.serve().await;
    let path = "/api/v1/accounts/shop/conversations?page_size=1";
    let first = server.get(path).await.json();
    let next = first["next"].as_str().unwrap();
    let second = server.get(&format!("{path}&cursor={next}")).await.json();
    assert_eq!((second["conversations"].as_array().unwrap().len(), &second["next"]), (1, &Value::Null));
    assert_ne!(first["conversations"][0]["id"], second["conversations"][0]["id"]);
    stage.sandbox.fail_next(Speaks::Sequenzy, Fault::Status(429, Some(7)), 1);
    let busy = server.get(path).await;
    assert_eq!((busy.status, busy.header("retry-after"), &busy.json()["retry_after"]), (503, Some("7"), &json!(7)));
    assert_eq!(server.get(&format!("{path}&colour=red")).await.status, 400);
    assert_eq!(server.get("/api/v1/accounts/hook:x/members").await.status, 404);
    let shown = text(&server.get(path).await);
    assert!(!shown.contains("subscriberEmail"), "the provider's own row is not shown: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_provider_is_asked_again_when_it_said() {
    let stage = filled().await;
    stage.sandbox.fail_next(Speaks::Spruce, Fault::Status(429, Some(1)), 2);
    let ran = stage.run(&["members", "list", "--account", "clinic", "--format", "json"]).fine();
    assert_eq!(ran.json()["members"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_was_replaced_is_kept() {
    let stage = filled().await;
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    let oauth = "oauth: { client_id: sandboxApp-client, client_secret: sandbox-client-secret, refresh_token: sandbox-refresh-token }";
    let config = config.replace("token: sandbox-key\n    location_id", &format!("{oauth}\n    location_id"));
    stage.write("rejoinder.yaml", &config);
    let users = ["members", "list", "--account", "crm"];
    // The second one is refused where the first did not keep what it was given; a running engine shares it.
    let first = stage.run(&users).fine();
    assert_eq!(stage.run(&users).fine().stdout, first.stdout);
    let server = stage.serve().await;
    assert_eq!(server.run(&stage, &users).fine().stdout, first.stdout);
    server.stop().await;
    assert_eq!(stage.run(&users).fine().stdout, first.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_matched_over_all_accounts() {
    let stage = filled().await;
    let proposed = stage.run(&["members", "sync"]).fine();
    assert_eq!(stage.run(&["members", "sync"]).fine().stdout, proposed.stdout);
    insta::assert_snapshot!(proposed.stdout, @r#"
    members:
      # Dr Lee
      # highlevel knows this address as sbxUserLee; the configuration says GK56r6wdJDrkUPd0xsmx
      dr-lee: { fernand: "42", highlevel: "GK56r6wdJDrkUPd0xsmx", spruce: "entity_0D4QABCC06000" }
      # Nurse Joy
      # found at spruce alone
      nurse-joy: { spruce: "entity_0D4QABCC06001" }
      # Sam Ortiz
      sam-ortiz: { fernand: "43", highlevel: "sbxUserSam" }
      # without an e-mail address to be matched by:
      # front-desk: { spruce: "entity_0D4QABCC06002" }  # Front desk
      # sandbox-clinic: { spruce: "entity_0D4QABCC06009" }  # Sandbox Clinic
    "#);
    let json = stage.run(&["members", "sync", "--format", "json"]).fine().json();
    assert_eq!(json["members"][0]["alias"], "dr-lee");
    let before = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    let block = before.split("members:\n").nth(1).unwrap();
    let after = before.replace(&format!("members:\n{block}"), &proposed.stdout);
    stage.write("rejoinder.yaml", &after);
    stage.run(&["check"]).fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_with_what_would_be_right() {
    let stage = filled().await;
    let mut said = Vec::new();
    let mut ask = |arguments: &[&str]| {
        let ran = stage.run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
        said.push(format!("$ rejoinder {}\n{}", arguments.join(" "), ran.stderr));
    };
    ask(&["conversations", "list", "--account", "shp"]);
    ask(&["snippets", "list", "--account", "shop"]);
    ask(&["conversations", "list", "--account", "clinic", "--unread"]);
    ask(&["conversations", "list", "--account", "desk", "--status", "opened"]);
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    stage.write("rejoinder.yaml", &config.replace("api_key: sandbox-key", "api_key: wrong-key"));
    ask(&["conversations", "list", "--account", "shop"]);
    insta::assert_snapshot!(said.join("\n"), @"
    $ rejoinder conversations list --account shp
    there is no account `shp`; did you mean `shop`? (known: clinic, crm, desk, shop)

    $ rejoinder snippets list --account shop
    Sequenzy shows no list of snippets

    $ rejoinder conversations list --account clinic --unread
    Spruce Health cannot list conversations by `unread`; it can by: status, search, since, assignee, channel, tag

    $ rejoinder conversations list --account desk --status opened
    there is no status `opened` (known: open, closed, snoozed, spam)

    $ rejoinder conversations list --account shop
    the provider of account `shop` did not answer: 401 UNAUTHORIZED; does it know the key or token that is configured?
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_that_does_not_answer_does_not_hide_the_others() {
    let stage = filled().await;
    stage.sandbox.fail_next(Speaks::Fernand, Fault::Status(400, None), 1);
    let ran = stage.run(&["members", "list", "--format", "json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("desk: the provider of account `desk` did not answer: 400"), "{}", ran.stderr);
    assert_eq!(ran.json()["members"].as_array().unwrap().len(), 6);
}
