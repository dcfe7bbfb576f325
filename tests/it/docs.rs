//! The documentation says what the program does: its tables are the library's, its rules compile, its rule tests pass, its
//! settings load, its links lead somewhere. Reads the working copy; with `UPDATE_DOCS=1` it writes tables and schemas anew.

mod outputs;
mod reference;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use regex::Regex;
use rejoinder::config;
use rejoinder::rules::action::ACTIONS;
use rejoinder::rules::condition::CONDITIONS;
use rejoinder::rules::template::Form;
use rejoinder::rules::{Attachments, Book, GuardSettings, SnippetFile, Surroundings, check, schedule, script};
use rejoinder::signature::SCHEMES;

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

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// The files of `docs/reference` as the tables have them, by name.
fn reference() -> BTreeMap<String, String> {
    let pages = reference::PAGES.iter().map(|page| (page.file.to_owned(), reference::written(page)));
    pages.chain([("README.md".to_owned(), reference::index())]).collect()
}

/// What differs between the pages that are kept and those that the tables make: stale, missing, or of no table.
fn drift(kept: &BTreeMap<String, String>, made: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = kept.keys().chain(made.keys()).collect();
    let word = |name: &&String| match (kept.get(*name), made.get(*name)) {
        (Some(kept), Some(made)) if kept == made => None,
        (Some(_), Some(_)) => Some("is stale"),
        (None, _) => Some("is missing"),
        (_, None) => Some("belongs to no table"),
    };
    names.iter().filter_map(|name| Some(format!("docs/reference/{name} {}", word(name)?))).collect()
}

#[test]
fn every_page_of_the_reference_is_the_librarys() {
    let folder = root().join("docs/reference");
    let made = reference();
    if is_updating() {
        fs::create_dir_all(&folder).unwrap();
        let left = files("docs/reference", "md").into_iter().filter(|path| !made.contains_key(&file_name(path)));
        left.for_each(|path| fs::remove_file(path).unwrap());
        made.iter().for_each(|(file, page)| fs::write(folder.join(file), page).unwrap());
    }
    let file =
        |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap());
    let kept = files("docs/reference", "md").into_iter().map(file).collect();
    let found = drift(&kept, &made);
    assert!(found.is_empty(), "{found:#?}; mend it with: {MEND}");
}

#[test]
fn a_drift_of_the_reference_is_noticed() {
    let made = reference();
    let planted = |change: &dyn Fn(&mut BTreeMap<String, String>)| {
        let mut kept = made.clone();
        change(&mut kept);
        drift(&kept, &made)
    };
    assert_eq!(planted(&|_| ()), Vec::<String>::new());
    let word = |kept: &mut BTreeMap<String, String>| {
        let page = kept.get_mut("operators.md").unwrap();
        *page = page.replace("`contains_any`", "`contains_some`");
    };
    assert_eq!(planted(&word), ["docs/reference/operators.md is stale"]);
    let gone = |kept: &mut BTreeMap<String, String>| drop(kept.remove("fields.md"));
    assert_eq!(planted(&gone), ["docs/reference/fields.md is missing"]);
    let left = |kept: &mut BTreeMap<String, String>| drop(kept.insert("old.md".to_owned(), String::new()));
    assert_eq!(planted(&left), ["docs/reference/old.md belongs to no table"]);
}

/// What is wrong with the examples of the reference: of operators with their `not_` forms, groups of conditions, actions.
fn wrong_examples(operators: &[(&str, &str)], actions: &[(&str, &str)]) -> Vec<String> {
    let compile = |what: &str, rule: String| {
        let file = format!("version: 1\nrules:\n  - name: example\n{rule}");
        Book::compile(vec![(format!("{what}.yaml"), file)], surroundings()).err().map(|faults| faults.to_string())
    };
    let mut wrong = Vec::new();
    for (name, example) in operators {
        let form = format!("{{ {name}: ");
        if !example.contains(&form) {
            wrong.push(format!("{name}: `{example}` is no example of it"));
        }
        for example in [(*example).to_owned(), example.replace(&form, &format!("{{ not_{name}: "))] {
            wrong.extend(compile(name, format!("    when: {{ {example} }}\n    stop: true\n")));
        }
    }
    for (name, example) in actions {
        if !example.starts_with(&format!("{name}:")) {
            wrong.push(format!("{name}: `{example}` is no example of it"));
        }
        let entry = example.lines().map(|line| format!("        {line}\n")).collect::<String>();
        wrong.extend(compile(name, format!("    do:\n      - {}", entry.trim_start())));
    }
    wrong
}

#[test]
fn every_example_of_the_reference_compiles() {
    let operators: Vec<_> = CONDITIONS.iter().map(|operator| (operator.name(), operator.example())).collect();
    let actions: Vec<_> = ACTIONS.iter().map(|action| (action.name(), action.example())).collect();
    let wrong = wrong_examples(&operators, &actions);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(wrong_examples(&[("has", "contact.tags: { contains: vip }")], &[]).len(), 1);
    assert_eq!(wrong_examples(&[("has", "contact.tag: { has: vip }")], &[]).len(), 2);
    assert_eq!(wrong_examples(&[], &[("assign", "assign: nobody")]).len(), 1);
    let schemes: Vec<&str> =
        SCHEMES.iter().filter(|scheme| reference::least(**scheme).is_none()).map(|scheme| scheme.name()).collect();
    assert!(schemes.is_empty(), "there is no example that builds for {schemes:?}");
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
    // While the pages are written, one can lead to another that is about to be.
    assert!(dangling.is_empty() || is_updating(), "{dangling:#?}");
    assert_eq!(links("[a](b.md#c) `[no](x)` [d](https://e.example) [f](#g)"), ["b.md"]);
}

/// The YAML blocks of a page, each with its line.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let block = Regex::new(r"(?ms)^```yaml\n(.*?)^```$").unwrap();
    let line = |at: usize| page[..at].matches('\n').count() + 2;
    block.captures_iter(page).map(|found| (line(found.get(0).unwrap().start()), found[1].to_owned())).collect()
}

fn office() -> schedule::Schedule {
    let weekly = BTreeMap::from([("monday-friday".to_owned(), schedule::SpansSettings::One("09:00-17:00".to_owned()))]);
    let settings = schedule::ScheduleSettings { weekly, ..schedule::ScheduleSettings::default() };
    schedule::Schedule::compile(&settings, &jiff::tz::TimeZone::UTC).unwrap()
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
        hooks: BTreeMap::from([("crm".to_owned(), "https://crm.example/hooks".parse().unwrap())]),
        accounts: Vec::new(),
        sources: BTreeMap::new(),
        schedules: Arc::new(BTreeMap::from([("office".to_owned(), office())])),
        time_zone: jiff::tz::TimeZone::UTC,
        guard: GuardSettings::default(),
        scripts: Arc::new(script::Engine::new(script::Limits::default())),
        attachments: Attachments::Folder(root().join("rules")),
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
    let no_payloads = |_: &_, _: &_| Err("a page has no payloads".to_owned());
    for (line, block) in blocks(page) {
        let place = format!("{file}:{line}");
        let first = block.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
        if first == "when:" || first.starts_with("- ") {
            // A part of a rule, as the reference shows it.
            let key = if first == "when:" { "" } else { "do:\n" };
            let part = format!("{key}{block}").lines().map(|line| format!("    {line}\n")).collect::<String>();
            let rule = format!("version: 1\nrules:\n  - name: part\n{part}    stop: true\n");
            let compiled = Book::compile(vec![(format!("{place}.yaml"), rule)], surroundings());
            wrong.extend(compiled.err().map(|faults| faults.to_string()));
        } else if first == "version: 1" {
            match Book::compile(vec![(format!("{place}.yaml"), block)], surroundings()) {
                Ok(compiled) => book = Some(compiled),
                Err(faults) => wrong.push(faults.to_string()),
            }
        } else if first == "tests:" {
            let Some(book) = &book else { panic!("{place}: there are no rules before these tests") };
            match check::run(book, &place, &block, &no_payloads, &check::Options::default()) {
                Ok(report) => {
                    let differences = report.cases.into_iter().flat_map(|case| case.differences);
                    wrong.extend(differences.map(|one| format!("{place}: {one}")));
                }
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

/// What is wrong with the first line of a YAML file, which names the schema of its kind by a path from the file.
fn first_line_fault(path: &Path, text: &str) -> Option<String> {
    let own = file_name(path);
    let folder = path.parent().unwrap();
    let kind = match (own.contains(".test."), folder.file_name().is_some_and(|name| name == "rules")) {
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
    let folders = ["rules", "examples", "deploy"];
    let yaml: Vec<PathBuf> =
        folders.iter().flat_map(|folder| [files(folder, "yaml"), files(folder, "yml")].concat()).collect();
    assert!(yaml.len() > 20, "{yaml:?}");
    let wrong = yaml.iter().filter_map(|path| first_line_fault(path, &fs::read_to_string(path).unwrap()));
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
    let planted =
        |first: &str| first_line_fault(&root().join("rules/10-never.yaml"), &format!("{first}\nversion: 1\n"));
    assert!(planted("# yaml-language-server: $schema=../docs/schema/rules.json").is_none());
    assert!(planted("# yaml-language-server: $schema=../docs/schema/tests.json").is_some());
    assert!(planted("# yaml-language-server: $schema=rules.json").is_some());
    assert!(planted("# rules").is_some());
}
