//! A `.rhai` file as a rule: `fn decide(event, state)` and the constants that say when it runs.
//! Never runs anything while it is being read.

use std::path::Path;
use std::sync::Arc;

use rhai::{AST, CallFnOptions, Dynamic, Scope};

use super::bounds::{self, Calls};
use super::errors::kind_of;
use super::{Engine, ScriptCall, ScriptFault, Scripted};
use crate::model::event::EventKind;
use crate::yaml::suggest;

/// A rule written in Rhai. Cloning shares its script.
#[derive(Clone)]
pub struct ScriptRule {
    /// `const NAME`; the file's name without `.rhai` by default.
    pub name: String,
    /// `const ON`, a text or a list of event kinds; `["message.received"]` by default.
    pub on: Vec<String>,
    /// `const MODE` as written; `auto` by default.
    pub mode: String,
    /// The line of `const MODE`, from 1; 1 where there is none. For whoever judges the mode.
    pub mode_line: usize,
    /// Whether the script calls `veto`, so that it is asked before all else.
    pub may_veto: bool,
    ast: Arc<AST>,
}

impl ScriptRule {
    pub(super) fn read(file: &str, source: &str, ast: AST) -> Result<Self, Vec<ScriptFault>> {
        let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let mut constants = Constants { source, ast: &ast, faults: Vec::new() };
        let rule = Self {
            name: constants.text("NAME").unwrap_or_else(|| stem.unwrap_or_else(|| file.to_owned())),
            on: constants.kinds("ON").unwrap_or_else(|| vec![EventKind::MessageReceived.as_str().to_owned()]),
            mode: constants.text("MODE").unwrap_or_else(|| "auto".to_owned()),
            mode_line: constants.line("MODE"),
            may_veto: source.contains("veto"),
            ast: Arc::new(ast.clone()),
        };
        let mut faults = constants.faults;
        if !ast.iter_functions().any(|function| function.name == "decide" && function.params.len() == 2) {
            let message = "there is no function `decide` with two parameters; write `fn decide(event, state) { … }`";
            faults.push(ScriptFault { line: 1, column: 1, message: message.to_owned() });
        }
        if faults.is_empty() { Ok(rule) } else { Err(faults) }
    }

    /// What the rule asks for, in order. The error says what was wrong and where, without quoting a fact.
    pub fn decide(&self, engine: &Engine, facts: &Scripted) -> Result<Vec<ScriptCall>, String> {
        let (_, calls) = bounds::run(engine.limits, Calls::Recorded, || {
            let state = facts.scope(&engine.limits)?.get("state").cloned().unwrap_or(Dynamic::UNIT);
            let arguments = (Dynamic::from(facts.whole()), state);
            let options = CallFnOptions::new().eval_ast(true);
            engine.rhai.call_fn_with_options(options, &mut Scope::new(), &self.ast, "decide", arguments)
        })?;
        Ok(calls)
    }
}

/// The constants at the top of a rule file.
struct Constants<'a> {
    source: &'a str,
    ast: &'a AST,
    faults: Vec<ScriptFault>,
}

impl Constants<'_> {
    fn get(&mut self, name: &str) -> Option<Dynamic> {
        let value = self.ast.iter_literal_variables(true, false).find(|(known, ..)| *known == name);
        if value.is_none() && self.declaration(name).is_some() {
            self.fault(name, format!("`{name}` must be written out, not computed"));
        }
        value.map(|(.., value)| value)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let value = self.get(name)?;
        let kind = kind_of(&value);
        let text = value.into_string().ok();
        if text.is_none() {
            self.fault(name, format!("`{name}` must be a text, and is {kind}"));
        }
        text
    }

    fn kinds(&mut self, name: &str) -> Option<Vec<String>> {
        let value = self.get(name)?;
        let kind = kind_of(&value);
        let texts = match value.clone().into_typed_array::<String>() {
            Ok(texts) => texts,
            Err(_) => match value.into_string() {
                Ok(text) => vec![text],
                Err(_) => {
                    self.fault(name, format!("`{name}` must be a list of event kinds, and is {kind}"));
                    return None;
                }
            },
        };
        for unknown in texts.iter().filter(|text| EventKind::parse(text).is_none()) {
            let hint = suggest(unknown, EventKind::ALL.iter().map(|kind| kind.as_str()));
            self.fault(name, format!("unknown event kind `{unknown}`{hint}"));
        }
        Some(texts)
    }

    fn fault(&mut self, name: &str, message: String) {
        let line = self.line(name);
        self.faults.push(ScriptFault { line, column: 1, message });
    }

    fn line(&self, name: &str) -> usize {
        self.declaration(name).map_or(1, |index| index + 1)
    }

    /// Rhai keeps no place of a constant that anyone may ask for; by its first words the line is found as surely.
    fn declaration(&self, name: &str) -> Option<usize> {
        self.source.lines().position(|line| {
            let mut words = line.split(|c: char| c.is_whitespace() || c == '=').filter(|word| !word.is_empty());
            words.next() == Some("const") && words.next() == Some(name)
        })
    }
}
