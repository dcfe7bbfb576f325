//! Reads the sources for the words of faults, and the tests for words that they expect. What a fault says is found where it
//! is made: inside a call such as `fault(…)`, and inside `Err(…)` or `format!(…)` in the files that do nothing but judge
//! what is written. A test has the words of a fault when each part of them that is always the same stands in it.

use std::path::{Path, PathBuf};

use regex::Regex;

/// Where a fault is made.
const MADE: &str = r"(?:\bfault(?:_in_text|_in_file)?|\bSettingFault::new|\bwhole)\(|\b(?:Script|Template)?Fault \{";

/// Where an error or its words are made, which are a fault in the files below.
const REFUSED: &str = r"\b(?:Err|map_err|ok_or_else|ok_or|format!|push\()\(";

/// Files whose errors are faults of a load, each named by its beginning.
const JUDGES: [&str; 23] = [
    "src/config/",
    "src/http/address",
    "src/model/duration",
    "src/provider/map",
    "src/rules/action/attachment",
    "src/rules/asked",
    "src/rules/book.rs",
    "src/rules/condition/",
    "src/rules/fields",
    "src/rules/guard/caps_settings",
    "src/rules/guard/overrides",
    "src/rules/lists",
    "src/rules/schedule/settings",
    "src/rules/script/mod",
    "src/rules/script/rule",
    "src/rules/script/survey",
    "src/rules/site",
    "src/rules/template/names",
    "src/signature/form",
    "src/signature/settings",
    "src/signature/content",
    "src/signature/keys",
    "src/yaml/",
];

/// Words that no file of a user brings about, each with the reason.
const UNREACHED: [(&str, &str); 10] = [
    ("the schema is broken: ", "the schema is made by the program"),
    ("the schema of tests is broken: ", "the schema is made by the program"),
    ("the schema of events is broken: ", "the schema is made by the program"),
    ("cannot be written: ", "a book is kept as JSON, which holds everything"),
    ("was not kept", "of a book that is revived, not loaded"),
    ("there is no action ", "the schema refuses it first"),
    ("the path leads out of the hook's address", "said when the call is made"),
    ("the private key is neither ", "said by `send`"),
    ("the schema of rules is broken: ", "the schema is made by the program"),
    ("the scheme has no header", "said by `send`"),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The sources by path, without their tests, and the text of all tests.
fn tree() -> (Vec<(String, String)>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    ["src", "tests"].iter().for_each(|folder| files(&root.join(folder), &mut paths));
    let (mut sources, mut tests) = (Vec::new(), String::new());
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        // What stands here is no expectation.
        if name.ends_with("faults/words.rs") {
            continue;
        }
        let head = text.lines().take_while(|line| line.is_empty() || line.starts_with("//")).count();
        let of_tests = text.lines().skip(head).any(|line| line.starts_with("#[test]"));
        match text.split_once("#[cfg(test)]\nmod tests {") {
            Some((source, own)) => {
                tests.push_str(own);
                sources.push((name, source.to_owned()));
            }
            None if of_tests || name.starts_with("tests/") => tests.push_str(&text),
            None => sources.push((name, text)),
        }
    }
    (sources, plain(&tests))
}

/// On one line, without escapes.
fn plain(text: &str) -> String {
    let text = text.replace("\\\"", "\"").replace("\\n", " ");
    Regex::new(r"\s+").unwrap().replace_all(&text, " ").into_owned()
}

/// The text of a call or literal from its opening bracket to the closing one.
fn inside(text: &str) -> &str {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' | '{' if !quoted => depth += 1,
            ')' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

/// The words of faults of which a fixed part stands in no test, each with its file.
fn untested(sources: &[(String, String)], tests: &str) -> Vec<String> {
    let [made, refused, literal, comment, filled] =
        [MADE, REFUSED, r#""((?:[^"\\]|\\.)*)""#, r"(?m)^\s*//.*$", r"\{[^{}]*\}"]
            .map(|text| Regex::new(text).unwrap());
    let mut found = Vec::new();
    for (name, text) in sources {
        let text = comment.replace_all(text, "");
        let is_judge = JUDGES.iter().any(|judge| name.starts_with(judge));
        let calls = made.find_iter(&text).chain(refused.find_iter(&text).filter(|_| is_judge));
        for call in calls {
            for said in literal.captures_iter(inside(&text[call.end() - 1..])) {
                let said = plain(&said[1].replace("{{", "\u{1}").replace("}}", "\u{2}"));
                let parts = filled.split(&said).map(|part| part.replace('\u{1}', "{").replace('\u{2}', "}"));
                let is_unknown =
                    |part: &str| part.trim().contains(' ') && part.trim().len() > 7 && !tests.contains(part.trim());
                found.extend(parts.filter(|part| is_unknown(part)).map(|part| format!("{name}: {}", part.trim())));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn every_fault_has_a_test_with_its_words() {
    let (sources, tests) = tree();
    assert!(sources.len() > 100 && tests.len() > 100_000, "{} sources", sources.len());
    let is_reached = |said: &String| UNREACHED.iter().all(|(words, _)| !said.contains(words.trim()));
    let found: Vec<String> = untested(&sources, &tests).into_iter().filter(is_reached).collect();
    assert!(found.is_empty(), "no test has these words:\n{}", found.join("\n"));
    let all = untested(&sources, "").join("\n");
    let stale: Vec<_> = UNREACHED.iter().filter(|(words, _)| !all.contains(words.trim())).collect();
    assert!(stale.is_empty(), "no source says {stale:?}");
}

#[test]
fn a_fault_without_a_test_is_found() {
    let source = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
    let fault = r#"site.child("a").fault(format!("there is no wombat `{name}` (there are {many})"));"#;
    assert_eq!(
        untested(&source("src/rules/a.rs", fault), ""),
        ["src/rules/a.rs: ` (there are", "src/rules/a.rs: there is no wombat `"]
    );
    assert!(untested(&source("src/rules/a.rs", fault), "r.yaml:1:1: there is no wombat `x` (there are 3)").is_empty());
    let error = r#"text.parse().map_err(|_| format!("`{text}` is not a wombat"))"#;
    assert_eq!(untested(&source("src/config/a.rs", error), ""), ["src/config/a.rs: ` is not a wombat"]);
    assert!(untested(&source("src/server/a.rs", error), "").is_empty(), "an error of a run is no fault of a load");
    let in_braces = r#"Fault { line, column, message: "write {{body}} and\n more".to_owned() }"#;
    assert!(untested(&source("src/a.rs", in_braces), &plain("write {body} and\nmore")).is_empty());
}
