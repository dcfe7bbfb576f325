//! Commands that read and write files: init, check, test, schema, completions.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::stage::{run_in, until, write};

#[test]
fn init_writes_a_folder_in_which_check_and_test_are_fine() {
    let folder = tempfile::tempdir().unwrap();
    let written = run_in(folder.path(), &["init", "mydesk"]).fine().stdout;
    assert!(written.contains("wrote mydesk/rejoinder.yaml"), "{written}");
    let desk = folder.path().join("mydesk");
    assert_eq!(run_in(&desk, &["check"]).fine().stdout, "fine: 1 rules, 1 sources, 1 accounts, 1 snippets\n");
    let tested = run_in(&desk, &["test", "--coverage"]).fine().stdout;
    assert_eq!(tested, "3 passed, 0 failed\n1 of 1 rules are reached by a test\n");
    let before = std::fs::read_to_string(desk.join("rejoinder.yaml")).unwrap();
    std::fs::remove_file(desk.join("rules/10-first.yaml")).unwrap();
    let again = run_in(&desk, &["init"]);
    assert_eq!(again.code, 1);
    insta::assert_snapshot!(again.stderr, @"there is already ./rejoinder.yaml, ./rules/10-first.test.yaml, ./rules/snippets/hours.md; nothing was written");
    assert_eq!(std::fs::read_to_string(desk.join("rejoinder.yaml")).unwrap(), before);
    assert!(!desk.join("rules/10-first.yaml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn init_writes_a_folder_that_can_be_served() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["init"]).fine();
    let anywhere = [("REJOINDER_LISTEN", "127.0.0.1:0"), ("REJOINDER_ADMIN__LISTEN", "127.0.0.1:0")];
    let server = crate::stage::serve_in(folder.path(), &anywhere).await;
    assert_eq!(server.get("/readyz").await.json(), json!({ "status": "ready", "rules": 1 }));
    until("data is there", async || folder.path().join("data").exists().then_some(())).await;
    server.stop().await;
}

#[test]
fn check_says_everything_at_once_for_people_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["init"]).fine();
    let fine = run_in(folder.path(), &["check", "--format", "json"]).fine().json();
    assert_eq!(fine, json!({ "faults": [], "rules": 1, "sources": 1, "accounts": 1 }));
    let rules = "version: 1\nrules:\n  - name: a\n    do: [{ rply: {} }]\n  - name: b\n    do: [{ assign: nobody }]\n";
    write(folder.path(), "rules/20.yaml", rules);
    let text = run_in(folder.path(), &["check"]);
    assert_eq!((text.code, text.stdout.as_str()), (1, ""));
    insta::assert_snapshot!(text.stderr, @r"
    rules/20.yaml:4:12: unknown key `rply`; did you mean `reply`? (known: reply, note, snippet, tag, assign, close, set, unset, script)
    rules/20.yaml:6:12: there is no member `nobody`
    2 faults
    ");
    let json = run_in(folder.path(), &["check", "--format", "json"]);
    assert_eq!((json.code, json.stderr.as_str()), (1, ""));
    let faults = json.json()["faults"].as_array().unwrap().clone();
    assert_eq!(faults.len(), 2);
    assert_eq!((&faults[1]["file"], &faults[1]["line"]), (&json!("rules/20.yaml"), &json!(6)));
    write(folder.path(), "rejoinder.yaml", "lisen: x\nlog: loud\n");
    let json = run_in(folder.path(), &["check", "--format", "json"]);
    assert_eq!((json.code, json.json()["faults"].as_array().map(Vec::len)), (2, Some(2)));
}

#[test]
fn test_tells_passed_from_failed_and_names_rules_that_no_test_reaches() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["init"]).fine();
    let rule =
        "version: 1\nrules:\n  - name: lonely\n    when: { message.text: alone }\n    do: [{ tag: { add: [x] } }]\n";
    write(folder.path(), "rules/20.yaml", rule);
    let uncovered = run_in(folder.path(), &["test"]).fine().stdout;
    assert_eq!(
        uncovered,
        "3 passed, 0 failed\n1 of 2 rules are reached by a test\n  no test reaches lonely (rules/20.yaml:3)\n"
    );
    assert_eq!(run_in(folder.path(), &["test", "--coverage"]).code, 1);
    let wrong =
        "tests:\n  - name: wrong\n    event: { message: { text: alone } }\n    expect: [{ tag: { add: [y] } }]\n";
    write(folder.path(), "rules/20.test.yaml", wrong);
    let failed = run_in(folder.path(), &["test", "rules/20.test.yaml"]);
    assert_eq!(failed.code, 1);
    insta::assert_snapshot!(failed.stdout, @r#"
    ✗ rules/20.test.yaml:2: wrong
        tag.add: expected ["y"], got ["x"]
    0 passed, 1 failed
    1 of 2 rules are reached by a test
      no test reaches opening-hours (rules/10-first.yaml:5)
    "#);
    let json = run_in(folder.path(), &["test", "--format", "json"]);
    assert_eq!(json.code, 1);
    let tests = json.json()["tests"].as_array().unwrap().clone();
    let failed: Vec<&Value> = tests.iter().filter(|test| test["differences"] != json!([])).collect();
    assert_eq!((tests.len(), failed.len(), &failed[0]["name"]), (4, 1, &json!("wrong")));
    assert_eq!(json.json()["unreached"], json!([]));
}

#[test]
fn rules_can_be_tested_without_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["init"]).fine();
    std::fs::remove_file(folder.path().join("rejoinder.yaml")).unwrap();
    write(
        folder.path(),
        "rules/10-first.yaml",
        "version: 1\nrules:\n  - name: opening-hours\n    when: { message.text: { contains: opening hours } }\n    do: [{ reply: { text: 'Hi {{ contact.first_name }}' } }]\n",
    );
    write(
        folder.path(),
        "rules/10-first.test.yaml",
        "tests:\n  - name: hours\n    event: { message: { text: opening hours }, contact: { name: Ann } }\n    expect: [{ reply: { text: Hi Ann } }]\n",
    );
    assert_eq!(run_in(folder.path(), &["test", "rules"]).fine().stdout.lines().next(), Some("1 passed, 0 failed"));
}

/// Every YAML file that is shipped, from the folder of the package.
fn shipped(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match path.is_dir() {
            true => shipped(&path, found),
            false if path.extension().is_some_and(|ending| ending == "yaml") => found.push(path),
            false => {}
        }
    }
}

#[test]
fn every_shipped_file_conforms_to_the_schema_an_editor_uses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = |kind: &str| {
        let schema = run_in(root, &["schema", kind]).fine().json();
        jsonschema::meta::validate(&schema).unwrap_or_else(|why| panic!("{kind}: {why}"));
        jsonschema::draft202012::new(&schema).unwrap()
    };
    let (config, rules, tests) = (schema("config"), schema("rules"), schema("tests"));
    assert_eq!(run_in(root, &["schema"]).stdout, run_in(root, &["schema", "config"]).stdout);
    let mut files = Vec::new();
    for folder in ["rules", "examples", "src/cli/init"] {
        shipped(&root.join(folder), &mut files);
    }
    assert!(files.len() >= 16, "{files:?}");
    for file in files {
        let value: Value = serde_yaml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let judge = match () {
            () if value.get("tests").is_some() => &tests,
            () if value.get("version").is_some() => &rules,
            () if value.get("accounts").is_some() => &config,
            () => continue,
        };
        let faults: Vec<String> = judge.iter_errors(&value).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new(), "{}", file.display());
    }
    // The judges do find faults.
    assert!(!config.is_valid(&json!({ "lisen": "x" })));
    assert!(!rules.is_valid(&json!({ "version": 1, "rules": [{ "name": "x", "when": { "message.txt": "x" } }] })));
    assert!(!tests.is_valid(&json!({ "tests": [{ "name": "x", "evnt": {} }] })));
}

#[test]
fn completions_are_written_for_every_shell() {
    for (shell, words) in [
        ("bash", "complete -F _rejoinder"),
        ("zsh", "#compdef rejoinder"),
        ("fish", "complete -c rejoinder"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = run_in(Path::new("."), &["completions", shell]).fine().stdout;
        assert!(script.contains(words) && script.contains("redrive"), "{shell}");
    }
}
