//! The calls of actions that stand in a script, judged at load as if they stood in YAML: options, members, snippets,
//! durations, what the accounts can do. What a script computes is judged when it runs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::action::{self, ACTIONS};
use super::compile;
use super::document::Veto;
use super::schedule;
use super::script::{Asked, Block, ScriptFault, Survey};
use super::site::{Site, Surroundings};
use crate::model::Support;
use crate::yaml::{Document, Fault, Faults, Structure, suggest};

/// Where a script stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Under `do`.
    InYaml,
    /// In a `.rhai` file.
    Rule,
}

/// The shapes of the actions whose schema holds for scripts too; what is remembered may be of any form there.
static SHAPES: LazyLock<BTreeMap<&'static str, Structure>> = LazyLock::new(|| {
    let shaped = ACTIONS.iter().filter(|action| !matches!(action.name(), "set" | "unset" | "script"));
    shaped.filter_map(|action| Some((action.name(), Structure::new(action.schema()).ok()?))).collect()
});

/// Everything that is wrong with what a script asks for, as far as it is written out.
pub(super) fn judge(survey: &Survey, surroundings: &Surroundings, place: Place) -> Vec<ScriptFault> {
    let wrong = |asked: &Asked| {
        let said = match asked.name {
            "stop" => Vec::new(),
            "veto" if place == Place::InYaml => {
                vec!["veto() belongs into a .rhai rule; in YAML write `veto:` beside `do:`".to_owned()]
            }
            "veto" => asked.arguments.as_ref().map(veto).unwrap_or_default(),
            _ => asked.arguments.as_ref().map(|given| call(asked.name, given, surroundings)).unwrap_or_default(),
        };
        let (line, column) = (asked.line, asked.column);
        said.into_iter().map(move |message| ScriptFault { line, column, message })
    };
    survey.asked.iter().flat_map(wrong).collect()
}

/// The statements of `do: - script:`, where they compile, with what they ask for and everything that is wrong with it.
pub(super) fn block(source: &str, surroundings: &Surroundings) -> (Option<Block>, Survey, Vec<ScriptFault>) {
    let (block, survey, mut faults) = match surroundings.scripts.compile_block(source) {
        Ok(block) => (Some(block.clone()), block.survey().clone(), Vec::new()),
        Err(faults) => (None, surroundings.scripts.survey_anyway(source, false), faults),
    };
    faults.extend(judge(&survey, surroundings, Place::InYaml));
    (block, survey, faults)
}

/// What is wrong with a script in a file of its own, whether a rule names it or not.
pub(super) fn faults_in_file(file: &str, source: &str, surroundings: &Surroundings) -> Vec<Fault> {
    let fault = |line, column, message| Fault { file: file.to_owned(), line, column, message };
    let unknown = |(line, name): (usize, String)| Some((line, schedule::find(&surroundings.schedules, &name).err()?));
    let schedules = schedule::named_in(source).into_iter().filter_map(unknown);
    let (_, _, faults) = block(source, surroundings);
    let compiling = faults
        .into_iter()
        .map(|one| fault(one.line, one.column, format!("the script does not compile: {}", one.message)));
    schedules.map(|(line, why)| fault(line, 1, why)).chain(compiling).collect()
}

fn veto(given: &Value) -> Vec<String> {
    let known = Veto::ALL.map(Veto::as_str);
    let given = given.as_str().unwrap_or_default();
    match known.contains(&given) {
        true => Vec::new(),
        false => vec![format!("a veto forbids one action or all, and not `{given}`{}", suggest(given, known))],
    }
}

fn call(name: &str, given: &Value, surroundings: &Surroundings) -> Vec<String> {
    let Ok(document) = Document::parse("script", given.to_string()) else { return Vec::new() };
    let wrong = SHAPES.get(name).map(|shape| shape.wrong(&document)).unwrap_or_default();
    if !wrong.is_empty() {
        let told = |(pointer, said): (String, String)| {
            let key = pointer.split('/').nth(1).map(|key| format!("`{key}`"));
            let key = key.filter(|key| !said.starts_with("unknown key") && !said.contains(key.as_str()));
            format!("`{name}`: {}{said}", key.map(|key| format!("{key}: ")).unwrap_or_default())
        };
        return wrong.into_iter().map(told).collect();
    }
    let found = RefCell::new(Faults::default());
    let site = Site::new(&document, surroundings, &found).literal();
    let action = compile::compile_action(&Map::from_iter([(name.to_owned(), given.clone())]), &site);
    let mut said: Vec<String> =
        action.iter().flat_map(|action| unable(action.prepare.as_ref(), surroundings)).collect();
    said.extend(found.into_inner().into_iter().map(|fault| fault.message));
    said
}

/// What no account can do.
fn unable(action: &dyn action::Prepare, surroundings: &Surroundings) -> Vec<String> {
    let accounts = &surroundings.accounts;
    let nobody = |need: &&str| accounts.iter().all(|account| matches!(account.support(need), Support::Missing(_)));
    let needs = action.needs().into_iter().filter(|need| !accounts.is_empty() && nobody(need));
    needs.map(|need| format!("no account is able to `{need}`")).collect()
}
