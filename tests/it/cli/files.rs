//! Commands that read and write files: init, check, test, schema, completions.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::stage::{command, finish, run_in, until, write};

#[test]
fn init_writes_a_folder_in_which_check_and_test_are_fine() {
    let folder = tempfile::tempdir().unwrap();
    let written = run_in(folder.path(), &["init", "mydesk"]).fine().stdout;
    assert!(written.contains("wrote mydesk/rejoinder.yaml"), "{written}");
    let desk = folder.path().join("mydesk");
    assert_eq!(run_in(&desk, &["check"]).fine().stdout, "fine: 1 rule, 1 source, 1 account, 1 snippet\n");
    let tested = run_in(&desk, &["test", "--coverage"]).fine().stdout;
    assert_eq!(
        tested,
        "4 passed, 0 failed\ncovered: 1 of 1 rules (100 %), 1 of 1 conditions (100 %), 2 of 2 actions (100 %)\n"
    );
    let before = std::fs::read_to_string(desk.join("rejoinder.yaml")).unwrap();
    std::fs::remove_file(desk.join("rules/10-first.yaml")).unwrap();
    let again = run_in(&desk, &["init"]);
    assert_eq!(again.code, 1);
    insta::assert_snapshot!(again.stderr, @"there is already ./rejoinder.yaml, ./rules/10-first.test.yaml, ./rules/snippets/hours.md, ./schema/config.json, ./schema/rules.json, ./schema/tests.json; nothing was written");
    assert_eq!(std::fs::read_to_string(desk.join("rejoinder.yaml")).unwrap(), before);
    assert!(!desk.join("rules/10-first.yaml").exists());
}

#[test]
fn what_init_writes_names_schemas_that_are_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["init"]).fine();
    for (file, kind) in
        [("rejoinder.yaml", "config"), ("rules/10-first.yaml", "rules"), ("rules/10-first.test.yaml", "tests")]
    {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        let named = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
        let beside = folder.path().join(file).parent().unwrap().join(named);
        let kept = std::fs::read_to_string(&beside).unwrap_or_else(|why| panic!("{file}: {named}: {why}"));
        assert_eq!(kept, run_in(folder.path(), &["schema", kind]).fine().stdout, "{file}");
    }
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
    assert_eq!(fine, json!({ "faults": [], "warnings": [], "rules": 1, "sources": 1, "accounts": 1 }));
    write(
        folder.path(),
        "rules/20.yaml",
        "version: 1\nrules:\n  - name: a\n    when: { event.weekday: sonday }\n    stop: true\n",
    );
    let warned = run_in(folder.path(), &["check", "--format", "json"]).fine().json()["warnings"][0].clone();
    assert_eq!((&warned["name"], &warned["rule"], &warned["line"]), (&json!("never-matches"), &json!("a"), &json!(4)));
    for (arguments, code) in [
        (&["check"][..], 0),
        (&["check", "--deny", "two-replies"], 0),
        (&["check", "--deny", "never-matches"], 1),
        (&["check", "--deny-warnings"], 1),
        (&["check", "--deny", "never-match"], 2),
    ] {
        assert_eq!(run_in(folder.path(), arguments).code, code, "{arguments:?}");
    }
    let rules = "version: 1\nrules:\n  - name: a\n    do: [{ rply: {} }]\n  - name: b\n    do: [{ assign: nobody }]\n";
    write(folder.path(), "rules/20.yaml", rules);
    let text = run_in(folder.path(), &["check"]);
    assert_eq!((text.code, text.stdout.as_str()), (1, ""));
    insta::assert_snapshot!(text.stderr, @r"
    rules/20.yaml:4:12: unknown key `rply`; did you mean `reply`? (known: reply, note, snippet, tag, assign, close, http, set, unset, script)
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
        "4 passed, 0 failed\n1 of 2 rules are reached by a test\n  no test reaches lonely (rules/20.yaml:3)\n"
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
    "#);
    let json = run_in(folder.path(), &["test", "--format", "json"]);
    assert_eq!(json.code, 1);
    let tests = json.json()["tests"].as_array().unwrap().clone();
    let failed: Vec<&Value> = tests.iter().filter(|test| test["differences"] != json!([])).collect();
    assert_eq!((tests.len(), failed.len(), &failed[0]["name"]), (5, 1, &json!("wrong")));
    assert_eq!(json.json()["unreached"], json!([]));
}

#[test]
fn a_failure_says_what_differs_and_why() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["init"]).fine();
    let tests = r#"tests:
  - name: another text
    event: { message: { text: opening hours } }
    expect: [{ reply: { text: "Hi there,\n\nwe are open on Sundays." } }]
  - name: another rule
    event: { message: { text: "is it open?" } }
    rules: [opening-hours]
  - name: of a robot
    event: { message: { text: opening hours, headers: { List-Id: news } } }
    expect: [{ reply: {} }]
  - name: nothing at all
    event: { message: { text: opening hours } }
    expect: []
"#;
    write(folder.path(), "rules/20.test.yaml", tests);
    let failed = run_in(folder.path(), &["test", "rules/20.test.yaml"]);
    assert_eq!((failed.code, failed.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(failed.stdout, @r#"
    ✗ rules/20.test.yaml:2: another text
        reply.text: the text differs (- expected, + got)
          @@ -1,3 +1,3 @@
           Hi there,

          -we are open on Sundays.
          +we are open Monday to Friday, 9:00 to 17:00.
    ✗ rules/20.test.yaml:5: another rule
        rules: expected [opening-hours], matched []
        why
          `opening-hours` (rules/10-first.yaml:5) did not match: its conditions do not hold
            ✗ message.text contains_any ["opening hours","when are you open"]; saw "is it open?"  (rules/10-first.yaml:7)
    ✗ rules/20.test.yaml:8: of a robot
        expected reply: {}; done: tag
        why
          the reply of `opening-hours` (rules/10-first.yaml:5) was blocked by list: it has a list-id header: a mailing list or newsletter
    ✗ rules/20.test.yaml:11: nothing at all
        expected nothing, got reply by the rule `opening-hours`
          | Hi there,
          |
          | we are open Monday to Friday, 9:00 to 17:00.
        expected nothing, got tag by the rule `opening-hours`: {"add":["hours"]}
        why
          `opening-hours` (rules/10-first.yaml:5) matched: message.text contains_any ["opening hours","when are you open"]
    0 passed, 4 failed
    "#);
    // With colours where they are wanted, and the same words.
    let coloured = run_with(folder.path(), &["test", "rules/20.test.yaml"], &[("CLICOLOR_FORCE", "1")]);
    assert!(coloured.stdout.contains("\u{1b}[31m✗"), "{}", coloured.stdout);
    let refused =
        run_with(folder.path(), &["test", "rules/20.test.yaml"], &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]);
    assert_eq!(refused.stdout, failed.stdout);
    let one = run_in(folder.path(), &["test", "--only", "ANOTHER rule", "--format", "json"]);
    let tests = one.json()["tests"].as_array().unwrap().clone();
    assert_eq!((one.code, tests.len(), &tests[0]["name"]), (1, 1, &json!("another rule")));
    assert_eq!(tests[0]["differences"][0]["at"], "rules");
    assert_eq!(tests[0]["differences"][0]["expected"], json!(["opening-hours"]));
    assert!(tests[0]["why"][0].as_str().unwrap().starts_with("`opening-hours` (rules/10-first.yaml:5) did not match"));
    let none = run_in(folder.path(), &["test", "--only", "nonsense"]);
    assert_eq!((none.code, none.stderr.as_str()), (1, "no test's name contains `nonsense`\n"));
}

#[test]
fn a_junit_report_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["init"]).fine();
    let tests =
        "tests:\n  - name: \"<1> & \\x07\"\n    event: { message: { text: tea } }\n    rules: [opening-hours]\n";
    write(folder.path(), "rules/20.test.yaml", tests);
    let ran = run_in(folder.path(), &["test", "--junit", "report.xml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    assert!(ran.stdout.ends_with("4 passed, 1 failed\n"), "{}", ran.stdout);
    insta::assert_snapshot!(std::fs::read_to_string(folder.path().join("report.xml")).unwrap(), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="rejoinder" tests="5" failures="1">
      <testsuite name="rules/10-first.test.yaml" tests="4" failures="0">
        <testcase name="somebody asks for the opening hours" classname="rules/10-first.test.yaml" file="rules/10-first.test.yaml" line="4"/>
        <testcase name="not twice in a day" classname="rules/10-first.test.yaml" file="rules/10-first.test.yaml" line="9"/>
        <testcase name="a robot gets no reply" classname="rules/10-first.test.yaml" file="rules/10-first.test.yaml" line="16"/>
        <testcase name="another question is left to a person" classname="rules/10-first.test.yaml" file="rules/10-first.test.yaml" line="19"/>
      </testsuite>
      <testsuite name="rules/20.test.yaml" tests="1" failures="1">
        <testcase name="&lt;1&gt; &amp; �" classname="rules/20.test.yaml" file="rules/20.test.yaml" line="2">
          <failure message="rules: expected [opening-hours], matched []">rules: expected [opening-hours], matched []
    `opening-hours` (rules/10-first.yaml:5) did not match: its conditions do not hold
      ✗ message.text contains_any ["opening hours","when are you open"]; saw "tea"  (rules/10-first.yaml:7)</failure>
        </testcase>
      </testsuite>
    </testsuites>
    "#);
}

#[test]
fn coverage_names_what_no_test_saw_and_has_a_threshold() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["init"]).fine();
    let rules = r#"version: 1
rules:
  - name: tea
    when:
      message.text: { contains: tea }
      any:
        - contact.email: { ends_with: "@tea.example" }
        - not: { message.subject: { exists: true } }
    do:
      - tag: { add: [tea] }
      - script: 'if message.text.contains("green") { tag("green"); }'
  - name: never-coffee
    when: { message.text: { contains: coffee } }
    veto: reply
    do: [{ note: { text: "Of {{ contact.phone }}" } }]
  - name: "off"
    mode: "off"
    do: [{ close: true }]
"#;
    write(folder.path(), "rules/20.yaml", rules);
    write(folder.path(), "rules/30.rhai", "fn decide(event, state) { if event.message.text == \"x\" { close(); } }");
    let tests = r#"tests:
  - name: tea
    event: { message: { text: black tea } }
    rules: [tea]
  - name: coffee
    event: { message: { text: coffee } }
    failed: contact.phone
    rules: [never-coffee]
"#;
    write(folder.path(), "rules/20.test.yaml", tests);
    let told = run_in(folder.path(), &["test", "--coverage"]);
    assert_eq!(told.code, 1);
    insta::assert_snapshot!(told.stdout, @r#"
    6 passed, 0 failed
    covered: 3 of 4 rules (75 %), 3 of 6 conditions (50 %), 3 of 6 actions (50 %)
      tea
        ✗ rules/20.yaml:7: contact.email ends_with "@tea.example": never seen to hold
        ✗ rules/20.yaml:8: message.subject exists true: never seen to hold
        ✗ rules/20.yaml:11: script: never taken
      never-coffee
        ✗ rules/20.yaml:15: note: never taken
        ✗ rules/20.yaml:12: veto: never forbade anything
      30
        ✗ rules/30.rhai:1: no test reaches this rule
        ✗ rules/30.rhai:1: the script asks for something: never seen to hold
    "#);
    for (least, code) in [("0", 0), ("50", 0), ("70", 1), ("100", 1)] {
        assert_eq!(run_in(folder.path(), &["test", "--coverage-min", least]).code, code, "{least}");
    }
    assert_eq!(run_in(folder.path(), &["test", "--coverage-min", "101"]).code, 2);
    let json = run_in(folder.path(), &["test", "--coverage", "--format", "json"]).json();
    assert_eq!(json["coverage"]["rules"], json!({ "covered": 3, "of": 4 }));
    assert_eq!(json["coverage"]["uncovered"][0]["place"], "rules/20.yaml:7");
}

#[test]
fn a_test_file_that_cannot_be_read_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["init"]).fine();
    let nowhere = run_in(folder.path(), &["test", "rules/30.test.yaml"]);
    assert_eq!((nowhere.code, nowhere.stderr.as_str()), (2, "rules/30.test.yaml: there is no such file or folder\n"));
    write(folder.path(), "rules/20.test.yaml", "tests:\n  - nam: x\n");
    write(folder.path(), "rules/30.test.yaml", "tests: [\n");
    let broken = run_in(folder.path(), &["test"]);
    assert_eq!((broken.code, broken.stdout.as_str()), (2, ""));
    assert!(
        ["rules/20.test.yaml:2", "rules/30.test.yaml:"].iter().all(|place| broken.stderr.contains(place)),
        "{broken:?}"
    );
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

/// With more variables.
fn run_with(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> crate::stage::Ran {
    finish(command(folder, arguments).envs(variables.iter().copied()))
}
