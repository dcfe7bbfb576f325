//! Scripts in rules: conditions, blocks of actions, and rule files, in Rhai. The only folder that names rhai.
//! A script reads the facts of one event and says what should be done; it does nothing itself, and a script that breaks a
//! bound fails its rule alone.

mod bounds;
mod calls;
mod engine;
mod errors;
mod facts;
mod limits;
#[cfg(test)]
mod memory;
mod rule;
mod survey;
#[cfg(test)]
mod tests;
mod written;

use std::sync::Arc;

use rhai::{AST, Dynamic, ParseError, ParseErrorType, Scope};

use bounds::Calls;
pub use calls::{CALLS, Call, ScriptCall};
pub use errors::{ScriptFault, is_of_bounds};
pub use facts::Scripted;
pub use limits::Limits;
pub use rule::ScriptRule;
use survey::Kind;
pub use survey::{Asked, Survey};

/// The longest script, in bytes.
pub const MAX_SOURCE: usize = 64 * 1024;

/// Compiles and runs scripts. Built once and shared; scripts run on the engine that compiled them.
pub struct Engine {
    rhai: rhai::Engine,
    limits: Limits,
}

impl Engine {
    /// An engine with these bounds for each run.
    pub fn new(limits: Limits) -> Self {
        Self { rhai: engine::build(limits), limits }
    }

    /// The bounds of each run.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Compiles the expression of `when.script`.
    pub fn compile_expression(&self, source: &str) -> Result<Expression, Vec<ScriptFault>> {
        let compile = |names: &Scope<'_>| self.rhai.compile_expression_with_scope(names, source);
        let (ast, survey) = self.compile(source, Kind::InYaml, compile)?;
        match survey.asked.iter().map(|asked| refused(asked.line, asked.column, asked.name)).collect::<Vec<_>>() {
            faults if faults.is_empty() => Ok(Expression(Arc::new((ast, survey)))),
            faults => Err(faults),
        }
    }

    /// Compiles the statements of `do: - script:`.
    pub fn compile_block(&self, source: &str) -> Result<Block, Vec<ScriptFault>> {
        let compile = |names: &Scope<'_>| self.rhai.compile_with_scope(names, source);
        Ok(Block(Arc::new(self.compile(source, Kind::InYaml, compile)?)))
    }

    /// Compiles a `.rhai` file of the rules folder. `file` is its name, from which the rule's name is made where the
    /// script has no `const NAME`.
    pub fn compile_rule(&self, file: &str, source: &str) -> Result<ScriptRule, Vec<ScriptFault>> {
        let compile = |names: &Scope<'_>| self.rhai.compile_with_scope(names, source);
        let (ast, survey) = match self.compile(source, Kind::Rule, compile) {
            Ok(compiled) => compiled,
            Err(mut faults) => {
                // The constants are judged all the same, as far as the text can be read.
                if let Ok(ast) = self.lenient(source, Scope::new()) {
                    faults.extend(ScriptRule::read(file, source, ast, Survey::default()).err().unwrap_or_default());
                }
                faults.sort_by_key(|fault| (fault.line, fault.column));
                return Err(faults);
            }
        };
        ScriptRule::read(file, source, ast, survey)
    }

    /// Compiles a script and reads what it says. The compiler stops at the first unknown variable; each one is noted and
    /// then taken as known, so that all of them are told at once.
    fn compile(
        &self,
        source: &str,
        kind: Kind,
        compile: impl Fn(&Scope<'_>) -> Result<AST, ParseError>,
    ) -> Result<(AST, Survey), Vec<ScriptFault>> {
        check_length(source).map_err(|fault| vec![fault])?;
        let is_rule = matches!(kind, Kind::Rule);
        let mut names = if is_rule { Scope::new() } else { facts::names() };
        let mut faults = Vec::new();
        let ast = loop {
            match compile(&names) {
                Ok(ast) => break Some(ast),
                Err(error) => {
                    faults.push(errors::fault(&error, is_rule));
                    match &*error.0 {
                        ParseErrorType::VariableUndefined(name) if !names.contains(name) && faults.len() < MOST => {
                            names.push_dynamic(name.clone(), Dynamic::UNIT);
                        }
                        _ => break None,
                    }
                }
            }
        };
        let Some(ast) = ast else { return Err(faults) };
        let (survey, found) = survey::survey(&self.rhai, &ast, &kind);
        faults.extend(found);
        faults.sort_by_key(|fault| (fault.line, fault.column));
        if faults.is_empty() { Ok((ast, survey)) } else { Err(faults) }
    }

    /// What a script that does not compile asks for all the same, as far as its text can be read. `is_rule`: it is a file
    /// with a rule, and no block in YAML.
    pub fn survey_anyway(&self, source: &str, is_rule: bool) -> Survey {
        let (kind, names) = if is_rule { (Kind::Rule, Scope::new()) } else { (Kind::InYaml, facts::names()) };
        let read = self.lenient(source, names).ok().filter(|_| check_length(source).is_ok());
        read.map(|ast| survey::survey(&self.rhai, &ast, &kind).0).unwrap_or_default()
    }

    /// The script with every unknown variable taken as known.
    fn lenient(&self, source: &str, mut names: Scope<'_>) -> Result<AST, ()> {
        for _ in 0..MOST {
            match self.rhai.compile_with_scope(&names, source).map_err(|error| *error.0) {
                Ok(ast) => return Ok(ast),
                Err(ParseErrorType::VariableUndefined(name)) => names.push_dynamic(name, Dynamic::UNIT),
                Err(_) => return Err(()),
            };
        }
        Err(())
    }
}

/// The most unknown variables that are told of one script.
const MOST: usize = 32;

fn refused(line: usize, column: usize, name: &str) -> ScriptFault {
    ScriptFault { line, column, message: format!("`{name}` cannot be used in a condition") }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A condition. Cloning shares it.
#[derive(Clone)]
pub struct Expression(Arc<(AST, Survey)>);

impl Expression {
    /// What it reads.
    pub fn survey(&self) -> &Survey {
        &self.0.1
    }

    /// Whether it holds. The error says what was wrong and where, without quoting a fact.
    pub fn eval(&self, engine: &Engine, facts: &Scripted) -> Result<bool, String> {
        let (value, _) = bounds::run(engine.limits, Calls::Refused, facts.present(), || {
            engine.rhai.eval_ast_with_scope(&mut facts.scope(&engine.limits)?, &self.0.0)
        })?;
        value.as_bool().map_err(|_| format!("the script gave {}, not true or false", errors::kind_of(&value)))
    }
}

/// Statements that call actions. Cloning shares it.
#[derive(Clone)]
pub struct Block(Arc<(AST, Survey)>);

impl Block {
    /// What it reads and asks for.
    pub fn survey(&self) -> &Survey {
        &self.0.1
    }

    /// What it asks for, in order. The error says what was wrong and where, without quoting a fact.
    pub fn run(&self, engine: &Engine, facts: &Scripted) -> Result<Vec<ScriptCall>, String> {
        let (_, calls) = bounds::run(engine.limits, Calls::Recorded, facts.present(), || {
            engine.rhai.eval_ast_with_scope(&mut facts.scope(&engine.limits)?, &self.0.0)
        })?;
        Ok(calls)
    }
}

fn check_length(source: &str) -> Result<(), ScriptFault> {
    match source.len() > MAX_SOURCE {
        true => {
            Err(ScriptFault { line: 1, column: 1, message: format!("the script is longer than {MAX_SOURCE} bytes") })
        }
        false => Ok(()),
    }
}
