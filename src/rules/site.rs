//! Where the compiler stands in a rule file, what it may refer to, and the faults it has found so far.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::model::{AccountName, Capability, SourceName, Support};
use crate::yaml::{Document, Faults};

use super::guard::GuardSettings;
use super::script;
use super::template::Form;

/// What a rule can refer to beside itself: taken from the configuration.
#[derive(Clone)]
pub struct Surroundings {
    /// Members by alias; their ids by provider.
    pub members: BTreeMap<String, BTreeMap<String, String>>,
    /// Snippet files by name.
    pub snippets: BTreeMap<String, SnippetFile>,
    /// The accounts.
    pub accounts: Vec<AccountFacts>,
    /// Which account each source belongs to.
    pub sources: BTreeMap<SourceName, AccountName>,
    /// The zone of `event.hour` and `event.weekday`.
    pub time_zone: TimeZone,
    /// The loop guard's numbers and lists.
    pub guard: GuardSettings,
    /// The script engine, with its limits.
    pub scripts: Arc<script::Engine>,
    /// The folder below which `attachments` name files. They are read when the book is loaded.
    pub root: PathBuf,
}

/// An account as far as rules are concerned.
#[derive(Clone, Debug)]
pub struct AccountFacts {
    /// Its name.
    pub name: AccountName,
    /// Its provider.
    pub provider: String,
    /// What the provider can do.
    pub capabilities: Vec<Capability>,
    /// Our own addresses and numbers there, in lower case.
    pub own_addresses: Vec<String>,
}

impl AccountFacts {
    /// How far the account supports a capability; what a provider takes no stand on is there.
    pub fn support(&self, name: &str) -> Support {
        self.capabilities.iter().find(|row| row.name == name).map_or(Support::Native, |row| row.support)
    }
}

/// A file under `snippets:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnippetFile {
    /// The file, for errors.
    pub file: String,
    /// By its ending.
    pub form: Form,
    /// Its text, a template.
    pub source: String,
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
    /// Texts are final, not templates: they come from a script.
    is_literal: bool,
}

impl<'a> Site<'a> {
    /// The root of a file.
    pub fn new(document: &'a Document, surroundings: &'a Surroundings, found: &'a RefCell<Faults>) -> Self {
        Self { document, pointer: String::new(), surroundings, found, is_literal: false }
    }

    /// The same place, for texts that are not templates.
    #[must_use]
    pub fn literal(mut self) -> Self {
        self.is_literal = true;
        self
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

    /// Whether texts are final.
    pub fn is_literal(&self) -> bool {
        self.is_literal
    }

    /// Reports a fault here.
    pub fn fault(&self, message: impl Into<String>) {
        let fault = self.document.fault(&self.pointer, message);
        self.found.borrow_mut().push(fault);
    }

    /// Reports a fault in line `line`, from 1, of the text that stands here: of a template or a script.
    pub fn fault_in_text(&self, line: usize, message: impl Into<String>) {
        let fault = self.document.fault_in_text(&self.pointer, line, message);
        self.found.borrow_mut().push(fault);
    }
}
