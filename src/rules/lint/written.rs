//! A rule book as it was written, beside what it was compiled to: what the lints look at.

use serde_json::{Map, Value};

use super::super::book::Book;
use super::super::compile::{Body, Rule};
use super::super::document::RuleDocument;
use super::super::script::{Engine, Survey};
use super::super::site::action_script;
use super::super::template::{Form, Template};
use super::At;
use super::clause::{self, Clause};
use crate::yaml::Document;

/// The whole book.
pub(super) struct Written<'a> {
    pub(super) book: &'a Book,
    pub(super) rules: Vec<WrittenRule<'a>>,
    /// The YAML files; nothing for scripts.
    documents: Vec<Option<Document>>,
}

/// One rule.
pub(super) struct WrittenRule<'a> {
    pub(super) rule: &'a Rule,
    /// As YAML has it; none for a `.rhai` file.
    pub(super) document: Option<RuleDocument>,
    /// Its conditions.
    pub(super) when: Clause,
    /// The scripts in it, each with its pointer below the rule.
    pub(super) scripts: Vec<(String, Survey)>,
    /// The scripts that it names, each with the pointer of the action.
    files: Vec<(String, Survey)>,
    /// The templates in it.
    pub(super) templates: Vec<Text>,
    file: usize,
    pointer: String,
}

/// A template, with the pointer below its rule.
pub(super) struct Text {
    pub(super) pointer: String,
    pub(super) template: Template,
    /// Whether its action fails when nothing is left to read.
    pub(super) must_speak: bool,
    /// The snippet it is, where it stands in a file of its own.
    pub(super) snippet: Option<String>,
}

impl<'a> Written<'a> {
    /// Reads the files of a book again. They have been read before, so that nothing can be wrong with them.
    pub(super) fn of(book: &'a Book) -> Self {
        let (mut rules, mut documents) = (Vec::new(), Vec::new());
        let mut compiled = book.rules().iter().peekable();
        for (file, (name, text)) in book.files().iter().enumerate() {
            if name.ends_with(".rhai") {
                let rule = compiled.next_if(|_| action_script(name).is_none());
                rules.extend(rule.map(|rule| script_rule(rule, file)));
                documents.push(None);
                continue;
            }
            let document = Document::parse(name, text.as_str()).ok();
            let list = document.as_ref().and_then(|document| document.value()["rules"].as_array().cloned());
            for (index, value) in list.unwrap_or_default().into_iter().enumerate() {
                let read = serde_json::from_value(value).ok().zip(compiled.next());
                rules.extend(read.map(|(document, rule)| yaml_rule(book, rule, document, file, index)));
            }
            documents.push(document);
        }
        Self { book, rules, documents }
    }

    /// File, line and column of a place in a rule.
    pub(super) fn place(&self, rule: usize, at: &At) -> (String, usize, usize) {
        let rule = &self.rules[rule];
        let name = self.book.files()[rule.file].0.clone();
        let fault = match (&self.documents[rule.file], at) {
            (Some(document), At::Below(pointer)) => document.fault(&format!("{}{pointer}", rule.pointer), ""),
            (Some(document), At::InText(pointer, at)) => {
                document.fault_in_text(&format!("{}{pointer}", rule.pointer), *at, "")
            }
            (None, At::InText(_, (line, column))) => return (name, *line, *column),
            _ => return (name, 1, 1),
        };
        (name, fault.line, fault.column)
    }

    /// File, line and column of a place in a file of the book, by its index.
    pub(super) fn place_in(&self, file: usize, pointer: &str) -> (String, usize, usize) {
        let fault = self.documents[file].as_ref().map(|document| document.fault(pointer, ""));
        let (line, column) = fault.map_or((1, 1), |fault| (fault.line, fault.column));
        (self.book.files()[file].0.clone(), line, column)
    }

    /// The YAML files, each with its index.
    pub(super) fn documents(&self) -> impl Iterator<Item = (usize, &Document)> {
        self.documents.iter().enumerate().filter_map(|(file, document)| Some((file, document.as_ref()?)))
    }

    /// Whether a script of the book remembers values, which may be lists.
    pub(super) fn scripts_set(&self) -> bool {
        self.rules
            .iter()
            .flat_map(WrittenRule::surveys)
            .any(|survey| survey.asked.iter().any(|asked| asked.name == "set"))
    }
}

impl WrittenRule<'_> {
    pub(super) fn name(&self) -> &str {
        &self.rule.name
    }

    /// The lints it silences.
    pub(super) fn allowed(&self) -> &[String] {
        match (&self.document, &self.rule.body) {
            (Some(document), _) => &document.allow_lints,
            (None, Body::Script(script)) => &script.allow_lints,
            (None, Body::Yaml { .. }) => &[],
        }
    }

    /// Where a script says which lints it silences.
    pub(super) fn allowed_at(&self) -> Option<(usize, usize)> {
        match &self.rule.body {
            Body::Script(script) => Some(script.allow_at),
            Body::Yaml { .. } => None,
        }
    }

    pub(super) fn allows(&self, lint: &str) -> bool {
        self.allowed().iter().any(|name| name == lint)
    }

    /// Whether it acts: a rule that is off or in shadow keeps nobody else from anything.
    pub(super) fn acts(&self) -> bool {
        self.rule.mode.acts()
    }

    /// Whether it stops the rules after it; a script may.
    pub(super) fn may_stop(&self) -> bool {
        self.rule.stop || self.surveys().any(|survey| survey.asked.iter().any(|asked| asked.name == "stop"))
    }

    /// The actions of its `do`, each with its pointer below the rule.
    pub(super) fn actions(&self) -> impl Iterator<Item = (String, &str, &Value)> {
        let actions = self.document.iter().flat_map(|document| document.actions.iter().enumerate());
        actions.flat_map(|(index, entry)| {
            entry.iter().map(move |(name, argument)| (format!("/do/{index}"), name.as_str(), argument))
        })
    }

    pub(super) fn surveys(&self) -> impl Iterator<Item = &Survey> {
        self.scripts.iter().chain(&self.files).map(|(_, survey)| survey)
    }

    /// Where it asks for something that reaches the contact, in order.
    pub(super) fn replies(&self) -> Vec<At> {
        let written = self.actions().filter(|(_, name, _)| is_reply(name)).map(|(pointer, ..)| At::Below(pointer));
        let asked = self.scripts.iter().flat_map(|(pointer, survey)| {
            let replies = survey.asked.iter().filter(|asked| is_reply(asked.name));
            replies.map(|asked| At::InText(pointer.clone(), (asked.line, asked.column)))
        });
        let named = self.files.iter().filter(|(_, survey)| survey.asked.iter().any(|asked| is_reply(asked.name)));
        written.chain(asked).chain(named.map(|(pointer, _)| At::Below(pointer.clone()))).collect()
    }
}

fn is_reply(action: &str) -> bool {
    matches!(action, "reply" | "snippet")
}

fn script_rule(rule: &Rule, file: usize) -> WrittenRule<'_> {
    let survey = match &rule.body {
        Body::Script(script) => script.survey().clone(),
        Body::Yaml { .. } => Survey::default(),
    };
    WrittenRule {
        rule,
        document: None,
        when: Clause::Other("script".to_owned(), false),
        scripts: vec![(String::new(), survey)],
        files: Vec::new(),
        templates: Vec::new(),
        file,
        pointer: String::new(),
    }
}

fn yaml_rule<'a>(book: &'a Book, rule: &'a Rule, document: RuleDocument, file: usize, index: usize) -> WrittenRule<'a> {
    let mut templates = Vec::new();
    for (at, entry) in document.actions.iter().enumerate() {
        for (name, argument) in entry {
            texts(book, name, argument, &format!("/do/{at}/{name}"), &mut templates);
        }
    }
    let scripts = scripts(&book.surroundings().scripts, &document);
    let files = named_scripts(book, &document);
    let when = clause::read(&document.when, "/when");
    let pointer = format!("/rules/{index}");
    WrittenRule { rule, when, scripts, files, templates, document: Some(document), file, pointer }
}

/// The templates of one action.
fn texts(book: &Book, action: &str, argument: &Value, pointer: &str, found: &mut Vec<Text>) {
    let mut take = |key: String, source: &str, form: Form, must_speak: bool, snippet: Option<String>| {
        let template = Template::compile(&key, source, form).ok();
        found.extend(template.map(|template| Text {
            pointer: format!("{pointer}/{key}"),
            template,
            must_speak,
            snippet,
        }));
    };
    let words = [("text", Form::Text), ("markdown", Form::Markdown), ("html", Form::Html)];
    for (key, form) in words.iter().filter(|_| matches!(action, "reply" | "note")) {
        if let Some(source) = argument[*key].as_str() {
            take((*key).to_owned(), source, *form, true, None);
        }
    }
    match action {
        "reply" => argument["subject"].as_str().iter().for_each(|source| {
            take("subject".to_owned(), source, Form::Text, false, None);
        }),
        "tag" => ["add", "remove"].iter().for_each(|key| {
            for (index, tag) in argument[*key].as_array().into_iter().flatten().enumerate() {
                take(format!("{key}/{index}"), tag.as_str().unwrap_or_default(), Form::Text, true, None);
            }
        }),
        "set" => argument.as_object().into_iter().flatten().for_each(|(key, value)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            value.as_str().iter().for_each(|source| take(key.clone(), source, Form::Text, false, None));
        }),
        "http" => {
            for key in ["path", "url"] {
                argument[key]
                    .as_str()
                    .iter()
                    .for_each(|source| take(key.to_owned(), source, Form::Address, false, None));
            }
            for key in ["headers", "body"] {
                within(&argument[key], key, &mut |key, source| take(key, source, Form::Text, false, None));
            }
        }
        _ => {}
    }
    let key = if action == "reply" { "snippet" } else { "name" };
    let snippet = argument[key].as_str().filter(|_| matches!(action, "reply" | "snippet"));
    if let Some((name, file)) = snippet.and_then(|name| Some((name, book.surroundings().snippets.get(name)?))) {
        take(key.to_owned(), &file.source, file.form, true, Some(name.to_owned()));
    }
}

/// The texts in a value at any depth, each with its pointer.
fn within(value: &Value, pointer: &str, take: &mut impl FnMut(String, &str)) {
    match value {
        Value::String(text) => take(pointer.to_owned(), text),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| within(item, &format!("{pointer}/{index}"), take));
        }
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            within(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), take);
        }),
        _ => {}
    }
}

/// The scripts of a rule: conditions at any depth, and actions.
fn scripts(engine: &Engine, document: &RuleDocument) -> Vec<(String, Survey)> {
    let mut found = Vec::new();
    conditions(engine, &document.when, "/when", &mut found);
    for (index, entry) in document.actions.iter().enumerate() {
        let block = entry.get("script").and_then(Value::as_str).and_then(|source| engine.compile_block(source).ok());
        found.extend(block.map(|block| (format!("/do/{index}/script"), block.survey().clone())));
    }
    found
}

/// The scripts that a rule's actions name by their file.
fn named_scripts(book: &Book, document: &RuleDocument) -> Vec<(String, Survey)> {
    let survey = |entry: &Map<String, Value>| {
        let name = entry.get("script")?.get("file")?.as_str()?;
        let (_, source) = book.files().iter().find(|(file, _)| action_script(file) == Some(name))?;
        Some(book.surroundings().scripts.compile_block(source).ok()?.survey().clone())
    };
    let actions = document.actions.iter().enumerate();
    actions.filter_map(|(index, entry)| Some((format!("/do/{index}"), survey(entry)?))).collect()
}

fn conditions(engine: &Engine, when: &Map<String, Value>, pointer: &str, found: &mut Vec<(String, Survey)>) {
    for (key, value) in when {
        let below = format!("{pointer}/{key}");
        match (key.as_str(), value) {
            ("script", Value::String(source)) => {
                let expression = engine.compile_expression(source).ok();
                found.extend(expression.map(|expression| (below, expression.survey().clone())));
            }
            ("not", Value::Object(inner)) => conditions(engine, inner, &below, found),
            ("all" | "any", Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    item.as_object()
                        .iter()
                        .for_each(|inner| conditions(engine, inner, &format!("{below}/{index}"), found));
                }
            }
            _ => {}
        }
    }
}
