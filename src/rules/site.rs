//! Where the compiler stands in a rule file, what it may refer to, and the faults it has found so far.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use crate::model::{AccountName, Capability, SourceName, Support};
use crate::yaml::{Document, Fault, Faults, suggest};

use super::guard::GuardSettings;
use super::lists::WordLists;
use super::schedule::{self, Schedules};
use super::template::Form;
use super::{book, script};

/// What a rule can refer to beside itself: taken from the configuration. All of it is kept with the rule book, so that a
/// decision can be explained later by what held at its time; nothing in it is secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Surroundings {
    /// Members by alias; their ids by provider.
    pub members: BTreeMap<String, BTreeMap<String, String>>,
    /// Snippet files by name.
    pub snippets: BTreeMap<String, SnippetFile>,
    /// The addresses of hooks, by name. Kept without their paths, in which some services hide a secret.
    #[serde(serialize_with = "book::without_paths")]
    pub hooks: BTreeMap<String, Url>,
    /// The accounts.
    pub accounts: Vec<AccountFacts>,
    /// Which account each source belongs to.
    pub sources: BTreeMap<SourceName, AccountName>,
    /// Named opening hours.
    #[serde(with = "book::schedules")]
    pub schedules: Schedules,
    /// The zone of `event.hour` and `event.weekday`.
    #[serde(with = "jiff::fmt::serde::tz::required")]
    pub time_zone: TimeZone,
    /// The loop guard's numbers and lists.
    pub guard: GuardSettings,
    /// The script engine, with its limits.
    #[serde(with = "book::engine")]
    pub scripts: Arc<script::Engine>,
    /// Where `attachments` are found. Those that rules name are kept by their digests.
    #[serde(skip)]
    pub attachments: Attachments,
}

/// Where the files are that replies take along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachments {
    /// Below this folder. They are read when the book is loaded.
    Folder(PathBuf),
    /// Gone: known by path and [digest](crate::model::ids::digest_of), which is enough to explain a decision.
    Kept(BTreeMap<String, String>),
}

impl Default for Attachments {
    fn default() -> Self {
        Self::Kept(BTreeMap::new())
    }
}

/// An account as far as rules are concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    /// Its name.
    pub name: AccountName,
    /// Its provider.
    pub provider: String,
    /// What the provider can do.
    pub capabilities: Vec<Capability>,
    /// Our own addresses and numbers there, in lower case.
    pub own_addresses: Vec<String>,
    /// A reply there goes to everybody in To and Cc.
    pub answers_everybody: bool,
}

impl AccountFacts {
    /// How far the account supports a capability; what a provider takes no stand on is there.
    pub fn support(&self, name: &str) -> Support {
        self.capabilities.iter().find(|row| row.name == name).map_or(Support::Native, |row| row.support)
    }
}

/// A file under `snippets:`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnippetFile {
    /// The file, for errors. Kept by its name alone: the same snippets in another folder are the same book.
    #[serde(serialize_with = "base_name")]
    pub file: String,
    /// By its ending.
    pub form: Form,
    /// Its text, a template.
    pub source: String,
}

fn base_name<S: Serializer>(file: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(book::base_name(file))
}

/// The folder, in that of the rules, of scripts that actions name. A script beside the rule files is a rule.
pub(super) const SCRIPTS: &str = "scripts";

/// The name of a script that actions can name, from its path; nothing for the files that hold rules.
pub(super) fn action_script(file: &str) -> Option<&str> {
    let (folder, name) = file.rsplit_once('/')?;
    let is_there = folder.rsplit('/').next() == Some(SCRIPTS) && name.ends_with(".rhai");
    is_there.then_some(name)
}

impl Surroundings {
    /// The account of that name.
    pub fn account(&self, name: &AccountName) -> Option<&AccountFacts> {
        self.accounts.iter().find(|account| account.name == *name)
    }
}

/// A place in a rule file during compilation.
pub struct Site<'a> {
    document: &'a Document,
    pointer: String,
    surroundings: &'a Surroundings,
    found: &'a RefCell<Faults>,
    attached: Option<&'a RefCell<BTreeMap<String, String>>>,
    words: &'a WordLists,
    files: &'a [(String, String)],
    /// Texts are final, not templates: they come from a script.
    is_literal: bool,
    /// The names that the rule captures, where a rule is compiled.
    captures: Option<&'a [String]>,
}

impl<'a> Site<'a> {
    /// The root of a file.
    pub fn new(document: &'a Document, surroundings: &'a Surroundings, found: &'a RefCell<Faults>) -> Self {
        static NONE: WordLists = WordLists::new();
        Self {
            document,
            pointer: String::new(),
            surroundings,
            found,
            attached: None,
            words: &NONE,
            files: &[],
            is_literal: false,
            captures: None,
        }
    }

    /// The same place, from which the files that are read are noted in `attached`, by path and digest.
    #[must_use]
    pub fn noting(mut self, attached: &'a RefCell<BTreeMap<String, String>>) -> Self {
        self.attached = Some(attached);
        self
    }

    /// The same place, whose faults are reported to `found`.
    #[must_use]
    pub fn finding<'b>(&'b self, found: &'b RefCell<Faults>) -> Site<'b> {
        Site { found, pointer: self.pointer.clone(), ..*self }
    }

    /// Notes a file that was read.
    pub fn note_attached(&self, file: &str, digest: String) {
        if let Some(attached) = self.attached {
            attached.borrow_mut().insert(file.to_owned(), digest);
        }
    }

    /// The same place, with the word lists and the files of the book.
    #[must_use]
    pub fn with(self, words: &'a WordLists, files: &'a [(String, String)]) -> Self {
        Self { words, files, ..self }
    }

    /// The scripts that actions can name, each with its name, its place and its text.
    pub fn scripts(&self) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> + use<'a> {
        self.files.iter().filter_map(|(file, text)| Some((action_script(file)?, file.as_str(), text.as_str())))
    }

    /// Reports a fault in another file of the book, at its line and column, from 1.
    pub fn fault_in_file(&self, file: &str, (line, column): (usize, usize), message: impl Into<String>) {
        let fault = Fault { file: file.to_owned(), line, column, message: message.into() };
        self.found.borrow_mut().push(fault);
    }

    /// The word lists of the book.
    pub fn words(&self) -> &'a WordLists {
        self.words
    }

    /// The same place, for texts that are not templates.
    #[must_use]
    pub fn literal(mut self) -> Self {
        self.is_literal = true;
        self
    }

    /// The same place, in a rule that captures these names.
    pub fn capturing<'b>(&'b self, names: &'b [String]) -> Site<'b> {
        Site { captures: Some(names), pointer: self.pointer.clone(), ..*self }
    }

    /// What is wrong with reading `path`: a name of `captures` that no regular expression of the rule captures.
    pub fn uncaptured(&self, path: &str) -> Option<String> {
        let name = path.strip_prefix("captures.")?.split('.').next()?;
        let known = self.captures.filter(|known| !known.iter().any(|known| known == name))?;
        let hint = suggest(name, known.iter().map(String::as_str));
        Some(format!("no `matches` of this rule captures `{name}`; name a group `(?<{name}>…)`{hint}"))
    }

    /// A place below.
    pub fn child(&self, key: &str) -> Site<'a> {
        let key = key.replace('~', "~0").replace('/', "~1");
        Site { pointer: format!("{}/{key}", self.pointer), ..*self }
    }

    /// What can be referred to.
    pub fn surroundings(&self) -> &'a Surroundings {
        self.surroundings
    }

    /// The JSON pointer of this place.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The line of this place in its file, from 1; 0 for what a script asks for.
    pub fn line(&self) -> usize {
        if self.is_literal { 0 } else { self.document.line(&self.pointer).unwrap_or_default() }
    }

    /// Whether texts are final.
    pub fn is_literal(&self) -> bool {
        self.is_literal
    }

    /// Reports a fault here.
    pub fn fault(&self, message: impl Into<String>) {
        let fault = self.document.fault(&self.pointer, message);
        self.found.borrow_mut().push(fault);
    }

    /// Reports the schedules that the text at this place, a template or a script, names and that are not there.
    pub fn refuse_unknown_schedules(&self, source: &str) {
        for (line, name) in schedule::named_in(source) {
            if let Err(why) = schedule::find(&self.surroundings.schedules, &name) {
                self.fault_in_text((line, 1), why);
            }
        }
    }

    /// Reports a fault in the text that stands here, of a template or a script, at its line and column, from 1.
    pub fn fault_in_text(&self, (line, column): (usize, usize), message: impl Into<String>) {
        let fault = self.document.fault_in_text(&self.pointer, (line, column), message);
        self.found.borrow_mut().push(fault);
    }

    /// Reports what the script that stands here reads and the rule does not capture; whether there is any.
    pub fn uncaptured_reads(&self, survey: &script::Survey) -> bool {
        let reads = survey.reads.iter();
        let wrong: Vec<_> =
            reads.filter_map(|(path, line, column)| Some(((*line, *column), self.uncaptured(path)?))).collect();
        wrong.iter().for_each(|(at, why)| self.fault_in_text(*at, why.as_str()));
        !wrong.is_empty()
    }

    /// Reports the faults of the script that stands here.
    pub fn script_faults(&self, faults: &[script::ScriptFault]) {
        for fault in faults {
            self.fault_in_text((fault.line, fault.column), format!("the script does not compile: {}", fault.message));
        }
    }
}
