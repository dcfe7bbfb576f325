//! `script`: a block of Rhai that calls the other actions.

use serde_json::{Value, json};

use super::super::script::Block;
use super::super::site::Site;
use super::super::view::View;
use super::{ActionKind, Prepare, Prepared};

pub(super) struct ScriptAction;

impl ActionKind for ScriptAction {
    fn name(&self) -> &'static str {
        "script"
    }

    fn summary(&self) -> &'static str {
        "Runs Rhai, which calls the other actions: `reply(\"…\")`, `tag(\"vip\")`, …."
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "minLength": 1 })
    }

    fn compile(&self, argument: &Value, site: &Site<'_>) -> Option<Box<dyn Prepare>> {
        match site.surroundings().scripts.compile_block(argument.as_str().unwrap_or_default()) {
            Ok(block) => Some(Box::new(CompiledScript(block))),
            Err(fault) => {
                site.fault_in_text(fault.line, format!("the script does not compile: {}", fault.message));
                None
            }
        }
    }
}

struct CompiledScript(Block);

impl Prepare for CompiledScript {
    fn prepare(&self, view: &mut View<'_>) -> Result<Prepared, String> {
        view.run(&self.0).map(Prepared::Calls)
    }
}
