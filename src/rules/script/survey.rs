//! What a script says without being run: which functions it calls, which facts it reads, what it asks for. So that a
//! mistyped name is a fault at load, also where the line that has it is seldom reached.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, Position, Stmt};
use serde_json::Value;

use super::calls::{CALLS, Call, to_json};
use super::errors::{ScriptFault, place};
use super::written;
use crate::rules::fields::{FIELDS, Path};
use crate::rules::roots::ROOTS;
use crate::yaml::{closest, suggest};

/// Functions that belong to the language itself and stand in no list.
const LANGUAGE: [&str; 4] = ["call", "type_of", "is_def_var", "is_def_fn"];

/// What a script reads and asks for, as far as its text tells.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The calls of actions, in the order of the text.
    pub asked: Vec<Asked>,
    /// The facts it reads, such as `state.refunds`, each with its line and column inside the script.
    pub reads: Vec<(String, usize, usize)>,
}

/// One call of an action in the text of a script.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The action as YAML names it.
    pub name: &'static str,
    /// From 1, inside the script.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// The arguments as YAML shapes them. What the script computes is left out, or stands there as `…`; nothing where
    /// too little is written out to tell.
    pub arguments: Option<Value>,
    /// The keys of its arguments whose values the script computes, wholly or in part.
    pub computed: Vec<String>,
}

/// Where a script stands, which decides how facts are named in it.
pub(super) enum Kind {
    /// Facts are variables.
    InYaml,
    /// Facts are properties of the first parameter of `decide`, and the second one is the state.
    Rule,
}

/// Reads a compiled script. Beside the survey come all faults, in the order of the text.
pub(super) fn survey(engine: &Engine, ast: &AST, kind: &Kind) -> (Survey, Vec<ScriptFault>) {
    let mut reading = Reading::new(engine, ast, kind);
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, at))) => reading.call(call, *at, 0),
            Some(ASTNode::Expr(Expr::MethodCall(call, at))) => reading.call(call, *at, 1),
            Some(ASTNode::Stmt(Stmt::FnCall(call, at))) => reading.call(call, *at, 0),
            Some(ASTNode::Expr(chain @ (Expr::Dot(..) | Expr::Index(..)))) => reading.chain(chain),
            _ => {}
        }
        true
    });
    reading.faults.sort_by_key(|fault| (fault.line, fault.column));
    reading.faults.dedup();
    (reading.survey, reading.faults)
}

struct Reading {
    survey: Survey,
    faults: Vec<ScriptFault>,
    /// The functions there are, with how many arguments each takes.
    known: BTreeSet<(String, usize)>,
    /// Keys of maps, which may hold functions.
    keys: BTreeSet<String>,
    /// Names that the script has given to something else.
    own: BTreeSet<String>,
    /// The parameters of `decide`.
    decide: Option<(String, String)>,
}

impl Reading {
    fn new(engine: &Engine, ast: &AST, kind: &Kind) -> Self {
        let native = |found: rhai::FuncInfo<'_>| Some((found.metadata.name.to_string(), found.metadata.num_params));
        let mut known: BTreeSet<(String, usize)> = engine.collect_fn_metadata(None, native, true).into_iter().collect();
        let (mut keys, mut own, mut decide) = (BTreeSet::new(), BTreeSet::new(), None);
        for function in ast.iter_functions() {
            known.insert((function.name.to_owned(), function.params.len()));
            match (kind, function.name, function.params.as_slice()) {
                (Kind::Rule, "decide", [event, state]) => decide = Some(((*event).to_owned(), (*state).to_owned())),
                (_, _, params) => own.extend(params.iter().map(|name| (*name).to_owned())),
            }
        }
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(declared, ..))) => own.extend([declared.0.name.to_string()]),
                Some(ASTNode::Stmt(Stmt::For(declared, ..))) => {
                    own.extend([declared.0.name.to_string()]);
                    own.extend(declared.1.as_ref().map(|counter| counter.name.to_string()));
                }
                Some(ASTNode::Expr(Expr::Map(map, _))) => {
                    keys.extend(map.0.iter().map(|(key, _)| key.name.to_string()))
                }
                _ => {}
            }
            true
        });
        // A helper that takes an `event` of its own is given the same one; any other `event` is not looked into.
        if let Some((event, state)) = &decide {
            for name in [event, state] {
                own.remove(name);
            }
        }
        Self { survey: Survey::default(), faults: Vec::new(), known, keys, own, decide }
    }

    fn fault(&mut self, at: Position, message: String) {
        let (line, column) = place(at);
        self.faults.push(ScriptFault { line, column, message });
    }

    /// A call; `receivers` is 1 where something stands before the dot.
    fn call(&mut self, call: &FnCallExpr, at: Position, receivers: usize) {
        let (name, count) = (call.name.as_str(), call.args.len());
        if call.op_token.is_some() || !call.namespace.is_empty() || name.contains('$') || LANGUAGE.contains(&name) {
            return;
        }
        if receivers == 1 && self.keys.contains(name) {
            return;
        }
        let is_known = |count: usize| self.known.contains(&(name.to_owned(), count));
        if !is_known(count + receivers) && !is_known(count) {
            let message = self.unknown_function(name, count, receivers);
            return self.fault(at, message);
        }
        if let Some(action) = CALLS.iter().find(|action| action.name == name && receivers == 0) {
            self.action(action, call, at);
        }
    }

    fn action(&mut self, action: &'static Call, call: &FnCallExpr, at: Position) {
        let given = written::arguments(action.name, &call.args);
        let arguments = given.as_deref().and_then(|given| (action.shape)(given));
        if given.is_some() && arguments.is_none() {
            return self.fault(at, format!("`{}` is {}", action.name, action.usage));
        }
        let (line, column) = place(at);
        let computed = written::computed(&call.args);
        self.survey.asked.push(Asked { name: action.action, line, column, arguments, computed });
    }

    fn unknown_function(&self, name: &str, count: usize, receivers: usize) -> String {
        if let Some(action) = CALLS.iter().find(|action| action.name == name) {
            return format!("`{name}` is {}, and is given {}", action.usage, arguments(count));
        }
        let counts: BTreeSet<usize> = self
            .known
            .iter()
            .filter(|(known, _)| known == name)
            .filter_map(|(_, count)| count.checked_sub(receivers))
            .collect();
        if !counts.is_empty() {
            let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
            let noun = if counts.as_slice() == ["1"] { "argument" } else { "arguments" };
            return format!("`{name}` takes {} {noun}, and is given {}", counts.join(" or "), arguments(count));
        }
        let is_word = |name: &&str| name.len() > 2 && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let names = self.known.iter().map(|(name, _)| name.as_str()).filter(is_word);
        // The actions first: of two names that are equally near, an action is meant.
        let near = closest(name, CALLS.iter().map(|action| action.name)).or_else(|| closest(name, names));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("there is no function `{name}`{hint}")
    }

    /// `message.text`, `state["refunds"]`, and in a rule file `event.message.text`.
    fn chain(&mut self, chain: &Expr) {
        let mut segments = Vec::new();
        flatten(chain, &mut segments);
        let Some((first, rest)) = segments.split_first().filter(|_| starts_with_variable(chain)) else { return };
        if self.own.contains(&first.0) {
            return;
        }
        let (path, at) = match &self.decide {
            _ if rest.is_empty() => return,
            None if ROOTS.contains(&first.0.as_str()) => (joined(&segments), rest[0].1),
            Some((_, state)) if first.0 == *state => (format!("state.{}", joined(rest)), rest[0].1),
            Some((event, _)) if first.0 == *event => match ROOTS.contains(&rest[0].0.as_str()) {
                true if rest.len() < 2 => return,
                true => (joined(rest), rest[1].1),
                false => (format!("event.{}", joined(rest)), rest[0].1),
            },
            _ => return,
        };
        let mut names = path.splitn(3, '.');
        let field = format!("{}.{}", names.next().unwrap_or_default(), names.next().unwrap_or_default());
        if let Err(why) = Path::compile(&field) {
            let message = match (&self.decide, field.strip_prefix("event.")) {
                (Some(_), Some(name)) => no_fact(name),
                _ => why,
            };
            return self.fault(at, message);
        }
        let (line, column) = place(at);
        self.survey.reads.push((path, line, column));
    }
}

/// What is said of `event.mesage` in a rule file, where `event` has the fields of the event beside all groups.
fn no_fact(name: &str) -> String {
    let own = FIELDS.iter().filter_map(|field| field.path.strip_prefix("event."));
    let names: Vec<&str> = ROOTS.into_iter().filter(|root| *root != "event").chain(own).collect();
    format!("`event` has no `{name}`{}", suggest(name, names.iter().copied()))
}

fn arguments(count: usize) -> String {
    match count {
        0 => "none".to_owned(),
        1 => "1 argument".to_owned(),
        many => format!("{many} arguments"),
    }
}

fn starts_with_variable(chain: &Expr) -> bool {
    match chain {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => matches!(&pair.lhs, Expr::Variable(..)),
        _ => false,
    }
}

/// The names along a chain, up to the first one that is computed.
fn flatten(expression: &Expr, segments: &mut Vec<(String, Position)>) -> bool {
    match expression {
        Expr::Variable(variable, _, at) => segments.push((variable.1.to_string(), *at)),
        Expr::Property(property, at) => segments.push((property.2.to_string(), *at)),
        Expr::StringConstant(text, at) if !segments.is_empty() => segments.push((text.to_string(), *at)),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
            return flatten(&pair.lhs, segments) && flatten(&pair.rhs, segments);
        }
        _ => return false,
    }
    true
}

fn joined(segments: &[(String, Position)]) -> String {
    segments.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(".")
}

/// A constant as JSON; nothing for what the script computes.
pub(super) fn constant(expression: &Expr) -> Option<Value> {
    match expression {
        Expr::InterpolatedString(..) => None,
        other => to_json(&other.get_literal_value(None)?).ok(),
    }
}
