//! The example folders pass `check` and `test --coverage` through the real binary, with the variables of their
//! `sandbox.env`; the example programs tell the story that they promise. Nothing here reaches beyond loopback.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use regex::Regex;

#[allow(dead_code)]
#[path = "../../examples/custom_provider.rs"]
mod custom_provider;
#[allow(dead_code)]
#[path = "../../examples/embed.rs"]
mod embed;

const FOLDERS: [&str; 3] = ["auto-reply", "events-endpoint", "page-on-keywords"];

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

fn read(folder_name: &str, file: &str) -> String {
    fs::read_to_string(folder(folder_name).join(file)).unwrap()
}

/// The variables of a folder's `sandbox.env`.
fn variables(name: &str) -> Vec<(String, String)> {
    // The demo's own configuration has a default for every variable, and no such file.
    let text = fs::read_to_string(folder(name).join("sandbox.env")).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.trim_matches('\'').to_owned())).collect()
}

fn rejoinder(name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rejoinder"));
    command.args(arguments).current_dir(folder(name)).env_clear().envs(variables(name));
    command.output().unwrap()
}

#[test]
fn every_folder_passes_check_and_its_tests_cover_every_rule_condition_and_action() {
    for name in FOLDERS {
        for arguments in [&["check", "--deny-warnings"][..], &["test", "--coverage"]] {
            let output = rejoinder(name, arguments);
            let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
            assert!(output.status.success(), "{name} {arguments:?}: {said}");
            assert!(arguments[0] == "check" || said.matches("(100 %)").count() == 3, "{name}: {said}");
        }
    }
}

#[test]
fn an_example_with_a_fault_does_not_pass() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rejoinder"));
    let output = command.arg("check").current_dir(folder("auto-reply")).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(2), "without its variables the configuration is wrong");
}

#[test]
fn the_demos_rules_pass_too() {
    for arguments in [&["test", "--coverage"][..], &["check", "--deny-warnings"]] {
        let output = rejoinder("", &[arguments, &["--config", "demo.yaml"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
    }
}

#[test]
fn what_init_writes_is_free_of_lints_until_something_is_left_unused() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rejoinder"));
        command.args(arguments).current_dir(folder.path()).env_clear().output().unwrap()
    };
    assert!(run(&["init"]).status.success());
    let output = run(&["check", "--deny-warnings"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let config = folder.path().join("rejoinder.yaml");
    let written = fs::read_to_string(&config).unwrap();
    fs::write(&config, written.replace("members: {}", "members: { kim: { sequenzy: \"1\" } }")).unwrap();
    let output = run(&["check", "--deny", "unused-member"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no rule names the member `kim` [unused-member]"));
}

#[test]
fn a_test_file_that_is_missing_is_noticed() {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder("auto-reply").join("rules")).unwrap().map(Result::unwrap) {
        if entry.path().is_file() && entry.file_name() != "80-weekend.test.yaml" {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    let rules = copy.path().display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rejoinder"));
    let command = command.args(["test", "--coverage"]).current_dir(folder("auto-reply")).env_clear();
    let output = command.envs(variables("auto-reply")).env("REJOINDER_RULES", rules).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("80-weekend.yaml:4: no test reaches this rule"), "{said}");
}

#[test]
fn every_variable_is_in_the_trial_file_and_explained() {
    let variable = Regex::new(r"\$\{([A-Z0-9_]+)").unwrap();
    for name in FOLDERS {
        let used: BTreeSet<String> =
            variable.captures_iter(&read(name, "rejoinder.yaml")).map(|found| found[1].to_owned()).collect();
        let set = variables(name).into_iter().map(|(key, _)| key).filter(|key| !key.starts_with("REJOINDER_"));
        assert_eq!(used, set.collect(), "{name}/sandbox.env");
        let readme = read(name, "README.md");
        let missing: Vec<&String> = used.iter().filter(|key| !readme.contains(&format!("`{key}`"))).collect();
        assert!(missing.is_empty(), "{name}/README.md says nothing of {missing:?}");
    }
}

#[test]
fn every_payload_is_read_by_its_source() {
    for (name, source, payload) in [
        ("auto-reply", "shop", "payloads/shop-order.json"),
        ("auto-reply", "help", "payloads/help-order.json"),
        ("page-on-keywords", "clinic", "payloads/clinic-emergency.json"),
        ("events-endpoint", "desk", "payloads/desk-message.json"),
        ("events-endpoint", "shop", "payloads/shop-delayed.json"),
    ] {
        let output = rejoinder(name, &["explain", payload, "--source", source, "--format", "json"]);
        assert!(output.status.success(), "{name} {payload}: {}", String::from_utf8_lossy(&output.stderr));
        let explained: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_ne!(explained["event"]["kind"], "unreadable", "{name} {payload}");
        assert!(explained["event"]["conversation"]["id"].is_string(), "{name} {payload}");
        let printed = rejoinder(name, &["send", source, payload, "--print"]);
        assert!(printed.status.success(), "{name} {payload}");
    }
}

#[tokio::test]
async fn the_embedded_engine_answers() {
    insta::assert_snapshot!(embed::story().await.unwrap(), @r#"
    message.received from Ann Smith
    matched opening-hours because contains "opening hours"
    loop guard: 27 steps, 0 against a reply
    reply: delivered after 1 attempt
    the contact sees: contact: What are your opening hours?
    the contact sees: reply: Hi Ann, we are open 9 to 5.
    "#);
}

#[tokio::test]
async fn a_provider_of_ones_own_is_called_until_it_answers_and_gets_one_letter() {
    insta::assert_snapshot!(custom_provider::story().await.unwrap(), @r#"
    POST /letters: taken, and the answer lost
    POST /letters: answered
    reply of first-answer: delivered after 2 attempts
    the one letter there: {"to":"Paris","letter":"Dear Paris, help is on its way."}
    "#);
}
