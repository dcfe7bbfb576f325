//! Registering at the providers, over real connections to the sandbox: once, with the secret shown once; what a person is
//! told where there is no call for it; and the mistakes of who asks.

use std::os::unix::fs::PermissionsExt;

use rejoinder::provider::sandbox::{Fault, Speaks};
use serde_json::{Value, json};

use crate::stage::Stage;

const SHOP: &str = "https://hooks.example/webhooks/shop";
const CLINIC: &str = "https://hooks.example/webhooks/clinic";

/// The text without what differs from run to run.
fn steady(text: &str) -> String {
    let times = regex::Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap();
    times.replace_all(text, "2026-01-01T00:00:00Z").into_owned()
}

fn endpoints(stage: &Stage, source: &str) -> Vec<Value> {
    let listed = stage.run(&["sources", "endpoints", "list", source, "--format", "json"]).fine().json();
    listed["endpoints"].as_array().unwrap().clone()
}

/// The configuration as it is before there is a secret: the variable that it is taken from is not set.
fn without_secrets(stage: &Stage) {
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    let config = config.replace("planted-shop-secret", "\"${SHOP_SECRET}\"");
    stage.write("rejoinder.yaml", &config.replace("planted-clinic-secret", "\"${CLINIC_SECRET}\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_registered_once_and_looked_after() {
    let stage = Stage::set().await;
    without_secrets(&stage);
    assert_eq!(stage.run(&["check"]).code, 2, "nothing else starts without the secret");
    let mut said = String::new();
    let mut run = |arguments: &[&str]| {
        let ran = stage.run(arguments).fine();
        said.push_str(&format!("$ rejoinder {}\n{}{}\n", arguments.join(" "), ran.stderr, steady(&ran.stdout)));
    };
    for (source, url) in [("shop", SHOP), ("clinic", CLINIC)] {
        run(&["sources", "register", source, "--url", url, "--dry-run"]);
        run(&["sources", "register", source, "--url", url]);
        run(&["sources", "register", source, "--url", url]);
        run(&["sources", "endpoints", "pause", source]);
        run(&["sources", "endpoints", "list", source]);
        run(&["sources", "register", source, "--url", url]);
        run(&["sources", "endpoints", "rotate", source]);
        run(&["sources", "endpoints", "rotate", source, "--finish", "--dry-run"]);
        run(&["sources", "endpoints", "rotate", source, "--finish"]);
        run(&["sources", "endpoints", "rotate", source, "--finish"]);
        run(&["sources", "endpoints", "delete", source]);
        run(&["sources", "endpoints", "list", source]);
    }
    run(&["sources", "register", "shop", "--url", "https://hooks.example/in/shop"]);
    run(&["sources", "register", "crm", "--url", "https://hooks.example/webhooks/crm"]);
    run(&["sources", "register", "desk", "--url", "https://hooks.example/webhooks/desk"]);
    insta::assert_snapshot!(said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_into_a_file_of_its_owner_and_nowhere_else() {
    let stage = Stage::set().await;
    let file = stage.path("new.secret");
    let register = |source: &str, url: &str| {
        let arguments =
            ["sources", "register", source, "--url", url, "--secret-file", "new.secret", "--format", "json"];
        stage.run(&arguments)
    };
    for (source, url, speaks) in [("shop", SHOP, Speaks::Sequenzy), ("clinic", CLINIC, Speaks::Spruce)] {
        // The list, then the call that would have made it.
        stage.sandbox.fail_next(speaks, Fault::Status(400, None), 1);
        assert_eq!(register(source, url).code, 1);
        assert!(!file.exists(), "an empty file is not left behind");
        let made = register(source, url).fine();
        assert_eq!(made.json()["secret_file"], "new.secret");
        let secret = std::fs::read_to_string(&file).unwrap();
        assert!(!secret.is_empty() && !secret.ends_with('\n'), "{source}");
        assert!(!format!("{made:?}").contains(&secret), "{source}");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let listed = stage.run(&["sources", "endpoints", "list", source, "--format", "json"]).fine();
        assert!(!listed.stdout.contains(&secret), "{source}");
        // Nothing is made where the secret could not be kept.
        let other = "https://elsewhere.example/webhooks/".to_owned() + source;
        let taken = register(source, &other);
        assert!(taken.code == 1 && taken.stderr.contains("is there already"), "{taken:?}");
        assert_eq!(endpoints(&stage, source).len(), 1, "{source}");
        std::fs::remove_file(&file).unwrap();
        let known = register(source, url).fine();
        assert_eq!((&known.json()["result"], file.exists()), (&json!("unchanged"), false), "{source}");
    }
    // The operator's side knows nothing of it.
    let server = stage.serve().await;
    assert!(!crate::stage::text(&server.get("/api/v1/sources").await).contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_nobody_knows_is_said_and_not_repeated() {
    let stage = Stage::set().await;
    stage.sandbox.fail_next(Speaks::Sequenzy, Fault::TakeThenReset, 1);
    let unknown = stage.run(&["sources", "register", "shop", "--url", SHOP]);
    assert!(unknown.code == 1 && unknown.stderr.contains("it may have been done all the same"), "{unknown:?}");
    assert_eq!(endpoints(&stage, "shop").len(), 1);
    let again = stage.run(&["sources", "register", "shop", "--url", SHOP]).fine();
    assert!(again.stdout.contains("`rejoinder sources endpoints rotate shop` makes another"), "{again:?}");
    assert_eq!(endpoints(&stage, "shop").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_with_what_would_be_right() {
    let stage = Stage::set().await;
    let mut said = Vec::new();
    let mut ask = |code: i32, arguments: &[&str]| {
        let ran = stage.run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{ran:?}");
        said.push(format!("$ rejoinder {}\n{}", arguments.join(" "), ran.stderr));
    };
    ask(1, &["sources", "register", "shp", "--url", SHOP]);
    ask(1, &["sources", "register", "shop", "--url", "http://hooks.example/webhooks/shop"]);
    ask(2, &["sources", "register", "shop", "--url", "hooks.example/webhooks/shop"]);
    ask(1, &["sources", "endpoints", "list", "desk"]);
    ask(1, &["sources", "endpoints", "test", "shop"]);
    for url in [CLINIC, "https://old.example/webhooks/clinic"] {
        stage.run(&["sources", "register", "clinic", "--url", url]).fine();
    }
    ask(1, &["sources", "endpoints", "delete", "clinic"]);
    ask(1, &["sources", "endpoints", "test", "clinic", "--endpoint", "wde_SBX00000001"]);
    ask(1, &["sources", "endpoints", "pause", "clinic", "--endpoint", "wde_SBX00000002"]);
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    stage.write("rejoinder.yaml", &config.replace("api_key: sandbox-key", "api_key: wrong-key"));
    ask(1, &["sources", "register", "shop", "--url", SHOP]);
    insta::assert_snapshot!(said.join("\n"));
}
