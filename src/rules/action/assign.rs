//! `assign`: hands the conversation to a member.

use serde_json::{Value, json};

use super::super::site::Site;
use super::super::view::View;
use super::reply::member;
use super::{ActionKind, Planned, Prepare, Prepared};
use crate::model::{Action, Assign};

pub(super) struct AssignAction;

impl ActionKind for AssignAction {
    fn name(&self) -> &'static str {
        "assign"
    }

    fn summary(&self) -> &'static str {
        "Hands the conversation to a member, by alias."
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "minLength": 1 })
    }

    fn example(&self) -> &'static str {
        "assign: dr-lee"
    }

    fn compile(&self, argument: &Value, site: &Site<'_>) -> Option<Box<dyn Prepare>> {
        let alias = member(argument.as_str().unwrap_or_default(), site)?;
        Some(Box::new(CompiledAssign(alias)))
    }
}

struct CompiledAssign(String);

impl Prepare for CompiledAssign {
    fn prepare(&self, view: &mut View<'_>) -> Result<Prepared, String> {
        let assign = Assign { alias: self.0.clone(), id: view.member_id(&self.0)? };
        Ok(Prepared::Planned(Planned::now(Action::Assign(assign))))
    }

    fn needs(&self) -> Vec<&'static str> {
        vec!["assign"]
    }
}
