//! Scripts in rules: conditions, blocks of actions, and rule files, in Rhai. The only folder that names rhai.
//! A script reads the facts of one event and says what should be done; it does nothing itself, and a script that breaks a
//! bound fails its rule alone.

mod bounds;
mod calls;
mod engine;
mod errors;
mod facts;
mod limits;
mod rule;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rhai::AST;

use bounds::Calls;
pub use calls::ScriptCall;
pub use errors::ScriptFault;
pub use facts::Scripted;
pub use limits::Limits;
pub use rule::ScriptRule;

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

    /// Compiles the expression of `when.script`.
    pub fn compile_expression(&self, source: &str) -> Result<Expression, ScriptFault> {
        check_length(source)?;
        let compiled = self.rhai.compile_expression_with_scope(&facts::names(), source);
        compiled.map(|ast| Expression(Arc::new(ast))).map_err(|error| errors::fault(&error, false))
    }

    /// Compiles the statements of `do: - script:`.
    pub fn compile_block(&self, source: &str) -> Result<Block, ScriptFault> {
        check_length(source)?;
        let compiled = self.rhai.compile_with_scope(&facts::names(), source);
        compiled.map(|ast| Block(Arc::new(ast))).map_err(|error| errors::fault(&error, false))
    }

    /// Compiles a `.rhai` file of the rules folder. `file` is its name, from which the rule's name is made where the
    /// script has no `const NAME`.
    pub fn compile_rule(&self, file: &str, source: &str) -> Result<ScriptRule, Vec<ScriptFault>> {
        check_length(source).map_err(|fault| vec![fault])?;
        let ast = self.rhai.compile(source).map_err(|error| vec![errors::fault(&error, true)])?;
        ScriptRule::read(file, source, ast)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A condition. Cloning shares it.
#[derive(Clone)]
pub struct Expression(Arc<AST>);

impl Expression {
    /// Whether it holds. The error says what was wrong and where, without quoting a fact.
    pub fn eval(&self, engine: &Engine, facts: &Scripted) -> Result<bool, String> {
        let (value, _) = bounds::run(engine.limits, Calls::Refused, || {
            engine.rhai.eval_ast_with_scope(&mut facts.scope(&engine.limits)?, &self.0)
        })?;
        value.as_bool().map_err(|_| format!("the script gave {}, not true or false", errors::kind_of(&value)))
    }
}

/// Statements that call actions. Cloning shares it.
#[derive(Clone)]
pub struct Block(Arc<AST>);

impl Block {
    /// What it asks for, in order. The error says what was wrong and where, without quoting a fact.
    pub fn run(&self, engine: &Engine, facts: &Scripted) -> Result<Vec<ScriptCall>, String> {
        let (_, calls) = bounds::run(engine.limits, Calls::Recorded, || {
            engine.rhai.eval_ast_with_scope(&mut facts.scope(&engine.limits)?, &self.0)
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
