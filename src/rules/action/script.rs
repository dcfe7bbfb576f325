//! `script`: a block of Rhai that calls the other actions, inline or in a file of the folder `scripts/`.

use serde_json::{Value, json};

use super::super::asked;
use super::super::script::Block;
use super::super::site::Site;
use super::super::view::View;
use super::{ActionKind, Prepare, Prepared};
use crate::yaml::suggest;

pub(super) struct ScriptAction;

impl ActionKind for ScriptAction {
    fn name(&self) -> &'static str {
        "script"
    }

    fn summary(&self) -> &'static str {
        "Runs Rhai, which calls the other actions: `reply(\"…\")`, `tag(\"vip\")`, …. Inline, or `{ file: NAME.rhai }` from \
         the folder `scripts/` beside the rule files."
    }

    fn schema(&self) -> Value {
        json!({ "anyOf": [{ "type": "string", "minLength": 1 }, {
            "type": "object",
            "required": ["file"],
            "properties": { "file": {
                "type": "string", "minLength": 1, "examples": ["refund.rhai"],
                "description": "The name of a file in the folder `scripts/` beside the rule files."
            } },
            "additionalProperties": false
        }] })
    }

    fn example(&self) -> &'static str {
        r#"script: 'if conversation.message_count > 5 { page("dr-lee", "A long one.") }'"#
    }

    fn compile(&self, argument: &Value, site: &Site<'_>) -> Option<Box<dyn Prepare>> {
        match argument["file"].as_str() {
            Some(name) => from_file(name, &site.child("file")),
            None => inline(argument.as_str().unwrap_or_default(), site),
        }
    }
}

fn inline(source: &str, site: &Site<'_>) -> Option<Box<dyn Prepare>> {
    site.refuse_unknown_schedules(source);
    let (block, survey, faults) = asked::block(source, site.surroundings());
    site.script_faults(&faults);
    let has_uncaptured = site.uncaptured_reads(&survey);
    let block = block.filter(|_| !has_uncaptured && faults.is_empty())?;
    Some(Box::new(CompiledScript(block)))
}

fn from_file(name: &str, site: &Site<'_>) -> Option<Box<dyn Prepare>> {
    let Some((_, file, source)) = site.scripts().find(|(known, ..)| *known == name) else {
        let known: Vec<&str> = site.scripts().map(|(known, ..)| known).collect();
        let hint = suggest(name, known.iter().copied());
        site.fault(format!("there is no script `{name}` in the folder `scripts/` beside the rule files{hint}"));
        return None;
    };
    // Its own faults are told with the file, whether a rule names it or not.
    let (block, survey, faults) = asked::block(source, site.surroundings());
    let reads = survey.reads.iter();
    let wrong: Vec<_> =
        reads.filter_map(|(path, line, column)| Some(((*line, *column), site.uncaptured(path)?))).collect();
    wrong.iter().for_each(|(at, why)| site.fault_in_file(file, *at, why.as_str()));
    let block = block.filter(|_| wrong.is_empty() && faults.is_empty())?;
    Some(Box::new(CompiledScript(block)))
}

struct CompiledScript(Block);

impl Prepare for CompiledScript {
    fn prepare(&self, view: &mut View<'_>) -> Result<Prepared, String> {
        view.run(&self.0).map(Prepared::Calls)
    }
}
