//! What rules of one book share: word lists, scripts, schedules.

use serde_json::json;

use super::*;
use crate::model::Verdict;
use crate::rules::testing::{Play, rules, surroundings};
use crate::rules::{Depth, decide};

fn compile(files: &[(&str, &str)]) -> Result<Book, Faults> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Book::compile(files, surroundings())
}

fn faults(files: &[(&str, &str)]) -> String {
    compile(files).err().unwrap().to_string()
}

#[test]
fn a_word_list_of_one_file_serves_the_rules_of_another() {
    let list = "version: 1\nwords: { refund: [Refund, 'money  back'], vip: [gold, 7] }\n";
    let uses = rules(
        "
  - name: any
    when: { message.text: { contains_any: { words: refund } } }
    do: [{ tag: { add: [any] } }]
  - name: all
    when: { message.text: { contains_all: { words: refund } } }
    do: [{ tag: { add: [all] } }]
  - name: one-of
    when: { message.subject: { one_of: { words: vip } } }
    do: [{ tag: { add: [one-of] } }]
  - name: has-any
    when: { contact.tags: { has_any: { words: vip } } }
    do: [{ tag: { add: [has-any] } }]
  - name: none
    when:
      message.text: { not_contains_any: { words: refund }, not_contains_all: { words: refund } }
      message.subject: { not_one_of: { words: vip } }
      contact.tags: { not_has_any: { words: vip } }
    do: [{ tag: { add: [none] } }]",
    );
    let mut play = Play::of(compile(&[("a.yaml", &uses), ("z.yaml", list)]).unwrap());
    for (text, subject, tag, matched) in [
        ("My money\n\tback please", "hello", "new", "any"),
        ("REFUND: money back", "7", "new", "any all one-of"),
        ("hello", "hello", "Gold", "has-any"),
        ("hello", "hello", "new", "none"),
    ] {
        let event = json!({ "message": { "text": text, "subject": subject }, "contact": { "email": "a@example.org", "tags": [tag] } });
        let decision = play.decide(event);
        let names: Vec<&str> = decision.trace.matched.iter().map(|rule| rule.rule.as_str()).collect();
        assert_eq!(names.join(" "), matched, "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_word_list() {
    let uses =
        |operator: &str| rules(&format!("  - name: a\n    stop: true\n    when: {{ message.text: {operator} }}"));
    let told = [
        faults(&[
            ("a.yaml", "version: 1\nwords: { refund: [a] }\n"),
            ("b.yaml", "version: 1\nwords:\n  refund: [b]\n"),
        ]),
        faults(&[("a.yaml", "version: 1\nwords: { refund: [] }\n")]),
        faults(&[("a.yaml", "version: 1\nwords: { refund: [''] }\n")]),
        faults(&[
            ("a.yaml", &uses("{ contains_any: { words: refnd } }")),
            ("b.yaml", "version: 1\nwords: { refund: [b] }\n"),
        ]),
        faults(&[("a.yaml", &uses("{ contains_any: { word: refund } }"))]),
        faults(&[("a.yaml", &uses("{ contains: { words: refund } }"))]),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    b.yaml:3:3: there is a word list `refund` already, at a.yaml:2; names must be unique
    a.yaml:2:10: `refund` must not be empty; write at least one entry
    a.yaml:2:19: an entry of `refund` must not be empty; write a text
    a.yaml:5:29: there is no word list `refnd`; did you mean `refund`? (known: refund); word lists stand under `words:` in a rule file
    a.yaml:5:29: missing key `words`
    a.yaml:5:45: unknown key `word`; did you mean `words`? (known: words)
    a.yaml:5:29: `contains`: a mapping is not a text or a number
    ");
}

#[test]
fn an_action_runs_a_script_of_its_folder() {
    let rule = rules("  - name: a\n    do:\n      - script: { file: refund.rhai }");
    let script = ("rules/scripts/refund.rhai", "tag(\"refund\");\nif within(\"office\") { page(\"dr-lee\") }");
    let book = compile(&[("rules/a.yaml", &rule), script]).unwrap();
    assert_eq!(book.rules().len(), 1, "it is no rule of its own");
    let other = compile(&[("rules/a.yaml", &rule), (script.0, "tag(\"other\")")]).unwrap();
    assert_ne!(book.hash(), other.hash());
    assert_eq!(Play::of(book).hear("x"), "a tag: chosen\na note: chosen");
    let told = [
        faults(&[("rules/a.yaml", &rule), (script.0, "tag(\"x\");\nlet = 1;")]),
        faults(&[("rules/a.yaml", &rule), (script.0, "\nwithin(\"offce\")")]),
        faults(&[("rules/a.yaml", &rule), ("rules/scripts/refunds.rhai", "")]),
        faults(&[("rules/a.yaml", &rules("  - name: a\n    do:\n      - script: { fil: x }"))]),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    rules/scripts/refund.rhai:2:5: the script does not compile: Expecting name of a variable
    rules/scripts/refund.rhai:2:1: there is no schedule `offce` under `schedules:`; did you mean `office`? (known: night, office)
    rules/a.yaml:5:19: there is no script `refund.rhai` in the folder `scripts/` beside the rule files; did you mean `refunds.rhai`? (known: refunds.rhai)
    rules/a.yaml:5:9: missing key `file`
    rules/a.yaml:5:19: unknown key `fil`; did you mean `file`? (known: file)
    ");
}

#[test]
fn the_scripts_of_a_folder_are_read_with_its_rules() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    for (name, text) in [("a.yaml", "version: 1\n"), ("scripts/b.rhai", "close()"), ("scripts/c.txt", "x")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let files = read_files(&[folder.path().to_owned()]).unwrap();
    let names: Vec<&str> = files.iter().filter_map(|(name, _)| name.rsplit('/').next()).collect();
    assert_eq!(names, ["a.yaml", "b.rhai"]);
    assert_eq!(action_script(&files[1].0), Some("b.rhai"));
}

#[test]
fn rules_ask_schedules() {
    let mut play = Play::new(
        "
  - name: open
    when: { within: office }
    do: [{ tag: { add: [open] } }]
  - name: closed
    when: { not_within: office }
    do: [{ tag: { add: [closed] } }]
  - name: not
    when: { not: { within: [office, night] } }
    do: [{ tag: { add: [not] } }]
  - name: any
    when: { any: [{ within: [office, night] }, { message.text: never }] }
    do: [{ tag: { add: [any] } }]
  - name: script
    when: { script: 'within(\"office\") && !within(\"night\")' }
    do: [{ tag: { add: [script] } }]",
    );
    for (now, matched) in [
        ("2026-03-02T10:00:00Z", "open any script"),
        ("2026-03-02T17:05:00Z", "closed not"),
        ("2026-03-02T23:00:00Z", "closed any"),
    ] {
        play.now = now.parse().unwrap();
        let decision = play.decide(json!({}));
        let names: Vec<&str> = decision.trace.matched.iter().map(|rule| rule.rule.as_str()).collect();
        assert_eq!(names.join(" "), matched, "{now}");
        assert!(decision.trace.matched.iter().flat_map(|rule| &rule.actions).all(|it| it.verdict == Verdict::Chosen));
    }
    let mut facts = crate::rules::testing::facts(json!({}));
    facts.now = "2026-03-03T17:05:00Z".parse().unwrap();
    let trace = decide(&play.book, &facts, Depth::Everything).trace;
    let show = |finding: &crate::model::Finding| format!("{} {}: {}", finding.subject, finding.wanted, finding.saw);
    let told: Vec<String> = trace.unmatched.iter().flat_map(|rule| &rule.findings).map(show).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    within office: Tue 18:05 in Europe/Berlin, closed until Wed 09:00
    any any: 0 of 2 hold
    script within("office") && !within("night"): false
    "#);
}

#[test]
fn an_unknown_schedule_is_a_fault_wherever_it_is_named() {
    let list = "
  - name: a
    when:
      within: offce
      not: { not_within: [office, nigth] }
      script: 'true &&
        within(\"off\")'
    do:
      - reply: { text: \"{{ next_open('offices') | date }}\" }
      - script: 'if within(\"nihgt\") { close() }'
      - close: true";
    let rhai = "fn decide(event, state) {\n  if within(\"day\") { close() }\n}";
    insta::assert_snapshot!(faults(&[("r.yaml", &rules(list)), ("t.rhai", rhai)]), @"
    r.yaml:6:7: there is no schedule `offce` under `schedules:`; did you mean `office`? (known: night, office)
    r.yaml:7:35: there is no schedule `nigth` under `schedules:`; did you mean `night`? (known: night, office)
    r.yaml:8:16: there is no schedule `off` under `schedules:` (known: night, office)
    r.yaml:11:25: there is no schedule `offices` under `schedules:`; did you mean `office`? (known: night, office)
    r.yaml:12:18: there is no schedule `nihgt` under `schedules:`; did you mean `night`? (known: night, office)
    t.rhai:2:1: there is no schedule `day` under `schedules:` (known: night, office)
    ");
}
