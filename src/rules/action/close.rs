//! `close`: closes or archives the conversation.

use serde_json::{Value, json};

use super::super::site::Site;
use super::super::view::View;
use super::{ActionKind, Planned, Prepare, Prepared};
use crate::model::Action;

pub(super) struct CloseAction;

impl ActionKind for CloseAction {
    fn name(&self) -> &'static str {
        "close"
    }

    fn summary(&self) -> &'static str {
        "Closes or archives the conversation. Written `close: true`."
    }

    fn schema(&self) -> Value {
        json!({ "const": true })
    }

    fn example(&self) -> &'static str {
        "close: true"
    }

    fn compile(&self, _: &Value, _: &Site<'_>) -> Option<Box<dyn Prepare>> {
        Some(Box::new(CompiledClose))
    }
}

struct CompiledClose;

impl Prepare for CompiledClose {
    fn prepare(&self, _: &mut View<'_>) -> Result<Prepared, String> {
        Ok(Prepared::Planned(Planned::now(Action::Close)))
    }

    fn needs(&self) -> Vec<&'static str> {
        vec!["close"]
    }
}
