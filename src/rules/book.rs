//! The rule book: every rule of a folder, compiled, in the order in which they are looked at.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::compile::{self, Body, Rule};
use super::document::{self, Mode, RuleDocument};
use super::site::{Site, Surroundings};
use crate::model::{BookHash, EventKind};
use crate::yaml::{Document, Fault, Faults, Structure, suggest};

static STRUCTURE: LazyLock<Result<Structure, String>> = LazyLock::new(|| Structure::new(document::schema()));

/// A rule book in force.
pub struct Book {
    pub(super) rules: Vec<Rule>,
    pub(super) surroundings: Surroundings,
    hash: BookHash,
    files: Vec<(String, String)>,
}

impl Book {
    /// Compiles the files of a book, given as name and text in order: `*.yaml`, `*.yml` and `*.rhai`.
    pub fn compile(files: Vec<(String, String)>, surroundings: Surroundings) -> Result<Self, Faults> {
        let found = RefCell::new(Faults::default());
        let (mut rules, mut names) = (Vec::new(), Names::default());
        for (name, text) in &files {
            match name.ends_with(".rhai") {
                true => rules.extend(compile_script(name, text, &surroundings, &found, &mut names)),
                false => rules.extend(compile_yaml(name, text, &surroundings, &found, &mut names)),
            }
        }
        // By file name alone: the same rules in another folder are the same book.
        let base = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
        let named: Vec<(String, &str)> = files.iter().map(|(name, text)| (base(name), text.as_str())).collect();
        let hash = BookHash::derive(named.iter().map(|(name, text)| (name.as_str(), *text)));
        found.into_inner().or(Self { rules, surroundings, hash, files })
    }

    /// The rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What the rules refer to.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// The hash of the files.
    pub fn hash(&self) -> &BookHash {
        &self.hash
    }

    /// The files, as name and text.
    pub fn files(&self) -> &[(String, String)] {
        &self.files
    }
}

/// Reads the rule files below `paths`, each a file or a folder, in file-name order: `(name, text)`. Test files are left out.
pub fn read_files(paths: &[PathBuf]) -> Result<Vec<(String, String)>, Faults> {
    let mut faults = Faults::default();
    let mut files = Vec::new();
    for path in paths {
        let names = match path.is_dir() {
            true => list(path, &mut faults),
            false => vec![path.clone()],
        };
        for name in names {
            match std::fs::read_to_string(&name) {
                Ok(text) => files.push((name.display().to_string(), text)),
                Err(why) => faults.push(whole(&name, format!("cannot be read: {why}"))),
            }
        }
    }
    faults.or(files)
}

fn list(folder: &Path, faults: &mut Faults) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(why) => {
            faults.push(whole(folder, format!("cannot be read: {why}")));
            return Vec::new();
        }
    };
    let mut names: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && is_rule_file(path))
        .collect();
    names.sort();
    names
}

/// Whether a file is of a rule book, by its name.
pub fn is_rule_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_test = name.ends_with(".test.yaml") || name.ends_with(".test.yml");
    !is_test && (name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".rhai")) && !name.starts_with('.')
}

fn whole(path: &Path, message: String) -> Fault {
    Fault { file: path.display().to_string(), line: 0, column: 0, message }
}

/// The names of rules so far, each with its place.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    /// What is wrong with one more.
    fn take(&mut self, name: &str, place: &str) -> Option<String> {
        let first =
            self.0.get(name).map(|first| format!("there is a rule `{name}` already, at {first}; names must be unique"));
        self.0.entry(name.to_owned()).or_insert_with(|| place.to_owned());
        first
    }
}

/// A rule that is not of the right shape is left out and the others are judged further, so that one run shows as much as
/// possible.
fn compile_yaml(
    name: &str,
    text: &str,
    surroundings: &Surroundings,
    found: &RefCell<Faults>,
    names: &mut Names,
) -> Vec<Rule> {
    let document = match Document::parse(name, text) {
        Ok(document) => document,
        Err(faults) => {
            found.borrow_mut().extend(faults);
            return Vec::new();
        }
    };
    let wrong = match STRUCTURE.as_ref() {
        Ok(structure) => structure.wrong(&document),
        Err(why) => vec![(String::new(), format!("the schema of rules is broken: {why}"))],
    };
    found.borrow_mut().extend(wrong.iter().map(|(pointer, message)| document.fault(pointer, message)));
    let written = document.value()["rules"].as_array().cloned().unwrap_or_default();
    let pointers: Vec<String> = (0..written.len()).map(|index| format!("/rules/{index}")).collect();
    let places = document.places(&pointers);
    let root = Site::new(&document, surroundings, found).child("rules");
    let mut rules = Vec::new();
    for (index, ((value, pointer), place)) in written.into_iter().zip(&pointers).zip(places).enumerate() {
        if let Some(why) = value["name"].as_str().and_then(|name| names.take(name, &place)) {
            found.borrow_mut().push(document.fault(&format!("{pointer}/name"), why));
        }
        let inside = format!("{pointer}/");
        if wrong.iter().any(|(at, _)| at == pointer || at.starts_with(&inside)) {
            continue;
        }
        match serde_json::from_value::<RuleDocument>(value) {
            Ok(rule) => rules.extend(compile::compile(rule, place, &root.child(&index.to_string()))),
            Err(error) => found.borrow_mut().push(document.fault(pointer, error.to_string())),
        }
    }
    rules
}

fn compile_script(
    name: &str,
    text: &str,
    surroundings: &Surroundings,
    found: &RefCell<Faults>,
    names: &mut Names,
) -> Option<Rule> {
    let fault = |line: usize, column: usize, message: String| {
        found.borrow_mut().push(Fault { file: name.to_owned(), line, column, message });
    };
    let script = match surroundings.scripts.compile_rule(name, text) {
        Ok(script) => script,
        Err(faults) => {
            faults.into_iter().for_each(|one| fault(one.line, one.column, one.message));
            return None;
        }
    };
    let mode = Mode::parse(&script.mode);
    if mode.is_none() {
        let hint = suggest(&script.mode, Mode::ALL.map(Mode::as_str));
        fault(script.mode_line, 1, format!("unknown mode `{}`{hint}", script.mode));
    }
    if script.on.is_empty() {
        fault(1, 1, "`ON` is empty, so the rule looks at no event".to_owned());
    }
    let place = format!("{name}:1");
    if let Some(why) = names.take(&script.name, &place) {
        fault(1, 1, why);
    }
    Some(Rule {
        name: script.name.clone(),
        place,
        on: script.on.iter().filter_map(|kind| EventKind::parse(kind)).collect(),
        mode: mode?,
        body: Body::Script(script),
        vetoes: Vec::new(),
        once: None,
        handle: None,
        allow: Vec::new(),
        stop: false,
    })
}

#[cfg(test)]
mod tests;
