//! A `.rhai` file as a rule: `fn decide(event, state)` and the constants that say when it runs.
//! Never runs anything while it is being read.

use std::path::Path;
use std::sync::Arc;

use rhai::{AST, ASTFlags, CallFnOptions, Dynamic, Expr, Scope, Stmt};

use super::bounds::{self, Calls};
use super::errors::{self, kind_of};
use super::{Engine, ScriptCall, ScriptFault, Scripted, Survey};
use crate::model::OnError;
use crate::model::event::EventKind;
use crate::rules::document::Mode;
use crate::rules::lint;
use crate::yaml::suggest;

/// A rule written in Rhai. Cloning shares its script.
#[derive(Clone)]
pub struct ScriptRule {
    /// `const NAME`; the file's name without `.rhai` by default.
    pub name: String,
    /// `const ON`, a text or a list of event kinds; `["message.received"]` by default.
    pub on: Vec<EventKind>,
    /// `const MODE`; `auto` by default.
    pub mode: Mode,
    /// `const ON_ERROR`; `skip` by default.
    pub on_error: OnError,
    /// `const ALLOW_LINTS`, a text or a list of lints.
    pub allow_lints: Vec<String>,
    /// Line and column of `const NAME`, both from 1; the first ones where there is none.
    pub name_at: (usize, usize),
    /// Line and column of `const ALLOW_LINTS`.
    pub allow_at: (usize, usize),
    /// Whether the script calls `veto`, so that it is asked before all else.
    pub may_veto: bool,
    ast: Arc<AST>,
    survey: Arc<Survey>,
}

impl ScriptRule {
    pub(super) fn read(file: &str, source: &str, ast: AST, survey: Survey) -> Result<Self, Vec<ScriptFault>> {
        let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let mut constants = Constants { ast: &ast, faults: Vec::new() };
        let kinds = EventKind::ALL.map(|kind| kind.as_str());
        let on = constants.list("ON", "event kinds", "event kind", &kinds);
        if on.as_ref().is_some_and(Vec::is_empty) {
            constants.fault("ON", "`ON` is empty, so the rule looks at no event".to_owned());
        }
        let on = on.unwrap_or_else(|| vec![EventKind::MessageReceived.as_str().to_owned()]);
        let mode = constants.word("MODE", "mode", &Mode::ALL.map(Mode::as_str));
        let on_error = constants.word("ON_ERROR", "way to treat an error", &OnError::ALL.map(OnError::as_str));
        let rule = Self {
            name: constants.text("NAME").unwrap_or_else(|| stem.unwrap_or_else(|| file.to_owned())),
            on: on.iter().filter_map(|kind| EventKind::parse(kind)).collect(),
            mode: mode.and_then(|name| Mode::parse(&name)).unwrap_or_default(),
            on_error: on_error.and_then(|name| OnError::parse(&name)).unwrap_or_default(),
            allow_lints: constants.list("ALLOW_LINTS", "lints", "lint", &lint::names()).unwrap_or_default(),
            name_at: constants.place("NAME"),
            allow_at: constants.place("ALLOW_LINTS"),
            may_veto: source.contains("veto"),
            ast: Arc::new(ast.clone()),
            survey: Arc::new(survey),
        };
        let mut faults = constants.faults;
        if !ast.iter_functions().any(|function| function.name == "decide" && function.params.len() == 2) {
            let message = "there is no function `decide` with two parameters; write `fn decide(event, state) { … }`";
            faults.push(ScriptFault { line: 1, column: 1, message: message.to_owned() });
        }
        faults.sort_by_key(|fault| (fault.line, fault.column));
        if faults.is_empty() { Ok(rule) } else { Err(faults) }
    }

    /// What it reads and asks for.
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// What the rule asks for, in order. The error says what was wrong and where, without quoting a fact.
    pub fn decide(&self, engine: &Engine, facts: &Scripted) -> Result<Vec<ScriptCall>, String> {
        let (_, calls) = bounds::run(engine.limits, Calls::Recorded, facts.present(), || {
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
    ast: &'a AST,
    faults: Vec<ScriptFault>,
}

impl Constants<'_> {
    fn get(&mut self, name: &str) -> Option<Dynamic> {
        let value = self.ast.iter_literal_variables(true, false).find(|(known, ..)| *known == name);
        if value.is_none() && self.value_of(name).is_some() {
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

    /// A text that is one of `known`.
    fn word(&mut self, name: &str, what: &str, known: &[&str]) -> Option<String> {
        let word = self.text(name)?;
        if !known.contains(&word.as_str()) {
            self.fault(name, format!("unknown {what} `{word}`{}", suggest(&word, known.iter().copied())));
        }
        Some(word)
    }

    /// A list of texts, or one text, each one of `known`.
    fn list(&mut self, name: &str, plural: &str, what: &str, known: &[&str]) -> Option<Vec<String>> {
        let value = self.get(name)?;
        let kind = kind_of(&value);
        let texts = match value.clone().into_typed_array::<String>() {
            Ok(texts) => texts,
            Err(_) => match value.into_string() {
                Ok(text) => vec![text],
                Err(_) => {
                    self.fault(name, format!("`{name}` must be a list of {plural}, and is {kind}"));
                    return None;
                }
            },
        };
        for unknown in texts.iter().filter(|text| !known.contains(&text.as_str())) {
            self.fault(name, format!("unknown {what} `{unknown}`{}", suggest(unknown, known.iter().copied())));
        }
        Some(texts)
    }

    fn fault(&mut self, name: &str, message: String) {
        let (line, column) = self.place(name);
        self.faults.push(ScriptFault { line, column, message });
    }

    /// Where the value of a constant stands.
    fn place(&self, name: &str) -> (usize, usize) {
        self.value_of(name).map_or((1, 1), |value| errors::place(value.start_position()))
    }

    fn value_of(&self, name: &str) -> Option<&Expr> {
        self.ast.statements().iter().find_map(|statement| match statement {
            Stmt::Var(declared, flags, _) if flags.contains(ASTFlags::CONSTANT) && declared.0.name == name => {
                Some(&declared.1)
            }
            _ => None,
        })
    }
}
