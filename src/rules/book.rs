//! The rule book: every rule of a folder, compiled, in the order in which they are looked at.

mod kept;
mod partial;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::Deserialize;

use super::asked;
use super::compile::{self, Body, Rule};
use super::document::{self, RuleDocument};
use super::guard::GUARD;
use super::identity;
use super::index::Index;
use super::lists::WordLists;
use super::lookback::Lookback;
use super::schedule;
use super::site::{SCRIPTS, Site, Surroundings, action_script};
use crate::model::BookHash;
use crate::model::ids::digest;
use crate::yaml::{Document, Fault, Faults, Structure};

pub(super) use kept::{base_name, engine, schedules, without_paths};
use partial::Partial;

static STRUCTURE: LazyLock<Result<Structure, String>> = LazyLock::new(|| Structure::new(document::schema()));

/// A rule book in force.
pub struct Book {
    pub(super) rules: Vec<Rule>,
    pub(super) index: Index,
    pub(super) lookback: Lookback,
    pub(super) surroundings: Surroundings,
    has_scripts: bool,
    hash: BookHash,
    kept: Vec<(String, String)>,
}

impl Book {
    /// Compiles the files of a book, given as name and text in order: `*.yaml`, `*.yml` and `*.rhai`.
    pub fn compile(files: Vec<(String, String)>, surroundings: Surroundings) -> Result<Self, Faults> {
        let (found, attached) = (RefCell::new(Faults::default()), RefCell::new(BTreeMap::new()));
        let (mut rules, mut names, mut words) = (Vec::new(), Names::default(), WordLists::default());
        let mut documents = BTreeMap::new();
        for (name, text) in files.iter().filter(|(name, _)| !name.ends_with(".rhai")) {
            match Document::parse(name, text) {
                Ok(document) => {
                    found.borrow_mut().extend(words.read(&document));
                    documents.insert(name, document);
                }
                Err(faults) => found.borrow_mut().extend(faults),
            }
        }
        for (name, text) in &files {
            match documents.get(name) {
                Some(document) => {
                    let site = Site::new(document, &surroundings, &found).noting(&attached).with(&words, &files);
                    rules.extend(compile_yaml(document, &site, &found, &mut names));
                }
                None if name.ends_with(".rhai") && action_script(name).is_none() => {
                    rules.extend(compile_script(name, text, &surroundings, &found, &mut names));
                }
                None if name.ends_with(".rhai") => {
                    found.borrow_mut().extend(asked::faults_in_file(name, text, &surroundings))
                }
                None => {}
            }
        }
        let mut faults = found.into_inner();
        let mut kept = files;
        match kept::file(&surroundings, attached.into_inner()) {
            Ok(file) => kept.push(file),
            Err(fault) => faults.push(fault),
        }
        // By file name alone: the same rules in another folder are the same book. A script is a rule in one place and none
        // in the other, so its folder counts.
        let place =
            |name| action_script(name).map_or_else(|| base_name(name).to_owned(), |own| format!("{SCRIPTS}/{own}"));
        let named: Vec<(String, &str)> = kept.iter().map(|(name, text)| (place(name), text.as_str())).collect();
        let hash = BookHash::derive(named.iter().map(|(name, text)| (name.as_str(), *text)));
        let rules = faults.or(rules)?;
        let has_scripts = rules.iter().any(Rule::runs_a_script);
        let (index, lookback) = (Index::new(&rules), Lookback::new(&rules, &surroundings.guard));
        Ok(Self { index, lookback, rules, surroundings, has_scripts, hash, kept })
    }

    /// The rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether deciding runs scripts.
    pub fn has_scripts(&self) -> bool {
        self.has_scripts
    }

    /// The rule of that name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// What the rules refer to.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// The hash of what is kept.
    pub fn hash(&self) -> &BookHash {
        &self.hash
    }

    /// The files it was compiled from, by name and text, in order.
    pub fn files(&self) -> &[(String, String)] {
        self.kept.split_last().map_or(&[], |(_, files)| files)
    }

    /// Everything a decision of this book rests on beside the facts, as files by name and text: those it was compiled from,
    /// and the surroundings as JSON. [`Book::revive`] makes the same book of it.
    pub fn kept(&self) -> &[(String, String)] {
        &self.kept
    }
}

/// Reads the rule files below `paths`, each a file or a folder, in file-name order: `(name, text)`. Test files are left out.
pub fn read_files(paths: &[PathBuf]) -> Result<Vec<(String, String)>, Faults> {
    let mut faults = Faults::default();
    let mut files = Vec::new();
    for path in paths {
        let names = match path.is_dir() {
            true => {
                let mut names = list(path, &mut faults);
                let scripts = path.join(SCRIPTS);
                if scripts.is_dir() {
                    names.extend(list(&scripts, &mut faults).into_iter().filter(|name| is_script(name)));
                }
                names
            }
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

fn is_script(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "rhai")
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
        if name == GUARD {
            return Some(format!("`{GUARD}` is who acts where a cap was reached; call the rule otherwise"));
        }
        let first =
            self.0.get(name).map(|first| format!("there is a rule `{name}` already, at {first}; names must be unique"));
        self.0.entry(name.to_owned()).or_insert_with(|| place.to_owned());
        first
    }
}

/// A rule that is not of the right shape is left out, and what is right in it is judged like the other rules, so that one
/// run shows everything.
fn compile_yaml(document: &Document, site: &Site<'_>, found: &RefCell<Faults>, names: &mut Names) -> Vec<Rule> {
    let wrong = match STRUCTURE.as_ref() {
        Ok(structure) => structure.wrong(document),
        Err(why) => vec![(String::new(), format!("the schema of rules is broken: {why}"))],
    };
    found.borrow_mut().extend(wrong.iter().map(|(pointer, message)| document.fault(pointer, message)));
    let written = document.value()["rules"].as_array().map_or(&[][..], Vec::as_slice);
    let pointers: Vec<String> = (0..written.len()).map(|index| format!("/rules/{index}")).collect();
    let places = document.places(&pointers);
    let root = site.child("rules");
    let mut rules = Vec::new();
    for (index, ((value, pointer), place)) in written.iter().zip(&pointers).zip(places).enumerate() {
        if let Some(why) = value["name"].as_str().and_then(|name| names.take(name, &place)) {
            found.borrow_mut().push(document.fault(&format!("{pointer}/name"), why));
        }
        let inside = format!("{pointer}/");
        if wrong.iter().any(|(at, _)| at == pointer || at.starts_with(&inside)) {
            let rest = Partial::of(value, pointer, &wrong);
            rest.iter().for_each(|rest| judge_rest(rest, document, pointer, &root.child(&index.to_string()), found));
            continue;
        }
        match RuleDocument::deserialize(value) {
            Ok(rule) => {
                rules.extend(compile::compile(rule, place, identity::of(value, site), &root.child(&index.to_string())))
            }
            Err(error) => found.borrow_mut().push(document.fault(pointer, error.to_string())),
        }
    }
    rules
}

/// Judges what is right in a rule that is not of the right shape. Of an action that lacks something no more is said than
/// what stands in it.
fn judge_rest(rest: &Partial, document: &Document, pointer: &str, site: &Site<'_>, found: &RefCell<Faults>) {
    let own = RefCell::new(Faults::default());
    compile::judge(&rest.rule, rest.has_whole_when, &site.finding(&own));
    let place = |fault: &Fault| (fault.line, fault.column);
    let lacking: Vec<_> =
        rest.actions.iter().map(|action| place(&document.fault(&format!("{pointer}{action}"), ""))).collect();
    let told = own.into_inner().into_iter().filter(|fault| !lacking.contains(&place(fault)));
    found.borrow_mut().extend(told);
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
    for (line, name) in schedule::named_in(text) {
        if let Err(why) = schedule::find(&surroundings.schedules, &name) {
            fault(line, 1, why);
        }
    }
    let script = match surroundings.scripts.compile_rule(name, text) {
        Ok(script) => script,
        Err(faults) => {
            let survey = surroundings.scripts.survey_anyway(text, true);
            let asked = asked::judge(&survey, surroundings, asked::Place::Rule);
            faults.into_iter().chain(asked).for_each(|one| fault(one.line, one.column, one.message));
            return None;
        }
    };
    for wrong in asked::judge(script.survey(), surroundings, asked::Place::Rule) {
        fault(wrong.line, wrong.column, wrong.message);
    }
    let place = format!("{name}:1");
    if let Some(why) = names.take(&script.name, &place) {
        fault(script.name_at.0, script.name_at.1, why);
    }
    Some(Rule {
        name: script.name.clone(),
        place,
        hash: digest(&[text]),
        on: script.on.clone(),
        mode: script.mode,
        on_error: script.on_error,
        body: Body::Script(script),
        vetoes: Vec::new(),
        once: None,
        settle: None,
        handle: None,
        allow: Vec::new(),
        stop: false,
    })
}

#[cfg(test)]
mod shared;
#[cfg(test)]
mod tests;
