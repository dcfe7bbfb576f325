//! The documentation says what the program does: its tables are the library's, its rules compile, its rule tests pass, its
//! settings load, its links lead somewhere. Reads the working copy; with `UPDATE_DOCS=1` it writes tables and schemas anew.

mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use regex::Regex;
use rejoinder::config;
use rejoinder::rules::template::Form;
use rejoinder::rules::{Book, GuardSettings, SnippetFile, Surroundings, check, script};

const MEND: &str = "UPDATE_DOCS=1 cargo test --test it docs";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder, by ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|own| own == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every page: README, CHANGELOG, docs, and the examples' own.
fn pages() -> Vec<(PathBuf, String)> {
    let top = ["README.md", "CHANGELOG.md"].map(|name| root().join(name));
    let below = ["docs", "examples"].into_iter().flat_map(|folder| files(folder, "md"));
    let is_page = |path: &PathBuf| !path.components().any(|part| part.as_os_str() == "snippets");
    let pages = top.into_iter().chain(below).filter(is_page);
    pages.map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn is_updating() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

/// The page with every table as the library has it.
fn with_tables(page: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("<!-- table: ") {
        let (name, body) = after.split_once(" -->").ok_or("a table's marker does not end")?;
        let (_, after) = body.split_once("<!-- end -->").ok_or_else(|| format!("the table `{name}` does not end"))?;
        out.push_str(&format!("{before}<!-- table: {name} -->\n{}\n<!-- end -->", tables::table(name)?));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[test]
fn every_table_is_the_librarys() {
    let mut stale = Vec::new();
    for (path, page) in pages() {
        let right = with_tables(&page).unwrap_or_else(|why| panic!("{}: {why}", name(&path)));
        if right != page {
            stale.push(name(&path));
            if is_updating() {
                fs::write(&path, right).unwrap();
            }
        }
    }
    assert!(stale.is_empty() || is_updating(), "stale tables in {stale:?}; mend them with: {MEND}");
}

#[test]
fn a_stale_table_is_noticed() {
    let right = with_tables("a\n<!-- table: kinds -->\nwrong\n<!-- end -->\nb").unwrap();
    assert!(right.starts_with("a\n<!-- table: kinds -->\n`message.received`, "), "{right}");
    assert!(right.ends_with("`other`\n<!-- end -->\nb"), "{right}");
    assert_eq!(with_tables(&right).unwrap(), right);
    assert!(with_tables("<!-- table: nonsense -->\n<!-- end -->").is_err());
    assert!(with_tables("<!-- table: kinds -->").is_err());
}

#[test]
fn the_schemas_are_those_the_program_prints() {
    for kind in ["config", "rules", "tests"] {
        let printed = Command::new(env!("CARGO_BIN_EXE_rejoinder")).args(["schema", kind]).output().unwrap();
        let path = root().join(format!("docs/schema/{kind}.json"));
        if is_updating() {
            fs::write(&path, &printed.stdout).unwrap();
        }
        let kept = fs::read(&path).unwrap();
        assert!(kept == printed.stdout, "docs/schema/{kind}.json is stale; mend it with: {MEND}");
    }
}

/// What a relative link of a page names, as far as it is a file.
fn links(page: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let code = Regex::new(r"(?s)```.*?```|`[^`\n]*`").unwrap();
    let prose = code.replace_all(page, "`");
    let targets = link.captures_iter(&prose).map(|found| found[1].to_owned());
    let own = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    own.map(|target| target.split('#').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_link_leads_to_a_file() {
    let mut dangling = Vec::new();
    for (path, page) in pages() {
        let folder = path.parent().unwrap().to_owned();
        let wrong = links(&page).into_iter().filter(|target| !folder.join(target).exists());
        dangling.extend(wrong.map(|target| format!("{}: {target}", name(&path))));
    }
    assert!(dangling.is_empty(), "{dangling:#?}");
    assert_eq!(links("[a](b.md#c) `[no](x)` [d](https://e.example) [f](#g)"), ["b.md"]);
}

/// The YAML blocks of a page, each with its line.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let block = Regex::new(r"(?ms)^```yaml\n(.*?)^```$").unwrap();
    let line = |at: usize| page[..at].matches('\n').count() + 2;
    block.captures_iter(page).map(|found| (line(found.get(0).unwrap().start()), found[1].to_owned())).collect()
}

/// What the rules on the pages may name.
fn surroundings() -> Surroundings {
    let ids = |id: &str| {
        ["sequenzy", "fernand", "highlevel", "spruce", "http", "sandbox"].map(|name| (name.to_owned(), id.to_owned()))
    };
    let snippet = SnippetFile { file: "hours.md".to_owned(), form: Form::Markdown, source: "9 to 5".to_owned() };
    Surroundings {
        members: ["dr-lee", "on-call"].map(|alias| (alias.to_owned(), BTreeMap::from(ids("42")))).into(),
        snippets: BTreeMap::from([("hours".to_owned(), snippet)]),
        accounts: Vec::new(),
        sources: BTreeMap::new(),
        time_zone: jiff::tz::TimeZone::UTC,
        guard: GuardSettings::default(),
        scripts: Arc::new(script::Engine::new(script::Limits::default())),
        root: root().join("rules"),
    }
}

/// A value for every variable that the settings ask for: digits are right as id, as secret and as base64.
fn variables(block: &str) -> Vec<(String, String)> {
    let variable = Regex::new(r"\$\{([A-Z_]+)\}").unwrap();
    let value = |name: &str| if name.ends_with("EMAIL") { "a@example.com" } else { "4242" };
    let pair = |found: regex::Captures<'_>| (found[1].to_owned(), value(&found[1]).to_owned());
    variable.captures_iter(block).map(pair).collect()
}

/// Everything that is wrong with the YAML of a page: rules compile, tests pass with the rules before them, settings load.
fn wrong_yaml(page: &str, file: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut book = None;
    for (line, block) in blocks(page) {
        let place = format!("{file}:{line}");
        let first = block.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
        if first == "version: 1" {
            match Book::compile(vec![(format!("{place}.yaml"), block)], surroundings()) {
                Ok(compiled) => book = Some(compiled),
                Err(faults) => wrong.push(faults.to_string()),
            }
        } else if first == "tests:" {
            let Some(book) = &book else { panic!("{place}: there are no rules before these tests") };
            match check::run(book, &place, &block, &|_, _| Err("a page has no payloads".to_owned())) {
                Ok(report) => wrong.extend(report.cases.into_iter().flat_map(|case| case.differences)),
                Err(faults) => wrong.push(faults.to_string()),
            }
        } else if ["listen:", "accounts:", "sources:"].iter().any(|key| first.starts_with(key)) {
            let loaded = config::load_text(&place, &block, &root(), variables(&block));
            wrong.extend(loaded.err().map(|faults| faults.to_string()));
        }
    }
    wrong
}

#[test]
fn every_rule_test_and_setting_on_a_page_is_right() {
    let wrong: Vec<String> = pages().iter().flat_map(|(path, page)| wrong_yaml(page, &name(path))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_wrong_block_is_noticed() {
    let page = |yaml: &str| format!("```yaml\n{yaml}\n```\n");
    let rule = page("version: 1\nrules:\n  - { name: a, do: [{ close: true }] }");
    assert_eq!(wrong_yaml(&rule, "x"), Vec::<String>::new());
    assert_eq!(wrong_yaml(&rule.replace("close", "clos"), "x").len(), 1);
    assert_eq!(wrong_yaml(&format!("{rule}{}", page("tests:\n  - { name: t, event: {}, expect: [] }")), "x").len(), 1);
    assert_eq!(wrong_yaml(&page("listen: nowhere"), "x").len(), 1);
}

#[test]
fn every_metric_is_described() {
    let metric = Regex::new(r#""(rejoinder_[a-z_]+)""#).unwrap();
    let sources = files("src", "rs").into_iter().map(|path| fs::read_to_string(path).unwrap());
    let used: BTreeSet<String> = sources
        .flat_map(|text| metric.captures_iter(&text).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .collect();
    let page = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let described = Regex::new(r"`(rejoinder_[a-z_]+)").unwrap();
    let described: BTreeSet<String> = described.captures_iter(&page).map(|found| found[1].to_owned()).collect();
    assert_eq!(used, described);
}

#[test]
fn every_command_is_described() {
    let help = Command::new(env!("CARGO_BIN_EXE_rejoinder")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let listed = help.split_once("Commands:\n").unwrap().1.split("\n\n").next().unwrap();
    let command = Regex::new(r"(?m)^  ([a-z]+) ").unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let missing: Vec<&str> = command.captures_iter(listed).map(|found| found.get(1).unwrap().as_str()).collect();
    let missing: Vec<&str> = missing.into_iter().filter(|name| *name != "help").collect();
    assert!(missing.len() > 10, "{help}");
    let missing: Vec<&str> =
        missing.into_iter().filter(|name| !readme.contains(&format!("`rejoinder {name}"))).collect();
    assert!(missing.is_empty(), "README.md says nothing of {missing:?}");
}

/// The schema that the first line of a YAML file names, if it names the right one.
fn first_line_fault(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).unwrap();
    let own = path.file_name().unwrap().to_string_lossy().into_owned();
    let folder = path.parent().unwrap();
    let kind = match (own.ends_with(".test.yaml"), folder.file_name().is_some_and(|name| name == "rules")) {
        (true, _) => "tests",
        (false, true) => "rules",
        (false, false) => "config",
    };
    let named = text.lines().next().and_then(|line| line.strip_prefix("# yaml-language-server: $schema="));
    let Some(named) = named else { return Some(format!("{}: the first line names no schema", name(path))) };
    let found = folder.join(named).canonicalize().ok();
    let wanted = root().join(format!("docs/schema/{kind}.json")).canonicalize().ok();
    (found != wanted).then(|| format!("{}: `{named}` is not docs/schema/{kind}.json", name(path)))
}

#[test]
fn the_first_line_of_rules_and_settings_names_their_schema() {
    let yaml = ["rules", "examples"].into_iter().flat_map(|folder| files(folder, "yaml"));
    let wrong: Vec<String> = yaml.filter_map(|path| first_line_fault(&path)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
