//! `tag`: puts tags on and takes them off; on the conversation or the contact, whichever the provider tags.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::super::all;
use super::super::site::Site;
use super::super::template::Form;
use super::super::view::View;
use super::words::Words;
use super::{ActionKind, Planned, Prepare, Prepared, schema_of};
use crate::model::{Action, TagChange};

pub(super) struct TagAction;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Argument {
    /// Tags to put on; templates.
    #[serde(default)]
    add: Vec<String>,
    /// Tags to take off; templates.
    #[serde(default)]
    remove: Vec<String>,
}

impl ActionKind for TagAction {
    fn name(&self) -> &'static str {
        "tag"
    }

    fn summary(&self) -> &'static str {
        "Puts tags on and takes tags off."
    }

    fn schema(&self) -> Value {
        schema_of::<Argument>()
    }

    fn example(&self) -> &'static str {
        "tag: { add: [refund], remove: [new] }"
    }

    fn compile(&self, argument: &Value, site: &Site<'_>) -> Option<Box<dyn Prepare>> {
        let argument: Argument = super::super::read_argument(argument, site)?;
        if argument.add.is_empty() && argument.remove.is_empty() {
            site.fault("there is no tag to put on or take off; give `add` or `remove`");
            return None;
        }
        let words = |key: &str, list: &[String]| -> Option<Vec<Words>> {
            let site = site.child(key);
            let tags = list.iter().enumerate();
            all(tags.map(|(index, text)| name(text, &site.child(&index.to_string()))))
        };
        let (add, remove) = (words("add", &argument.add), words("remove", &argument.remove));
        Some(Box::new(CompiledTag { add: add?, remove: remove? }))
    }
}

fn name(text: &str, site: &Site<'_>) -> Option<Words> {
    if text.trim().is_empty() {
        site.fault("a tag must not be empty; write its name, or leave the entry out");
        return None;
    }
    Words::compile(text, Form::Text, site)
}

struct CompiledTag {
    add: Vec<Words>,
    remove: Vec<Words>,
}

impl Prepare for CompiledTag {
    fn prepare(&self, view: &mut View<'_>) -> Result<Prepared, String> {
        let name = |word: &Words| match word.plain(view)?.trim() {
            "" => Err("a tag renders to an empty text".to_owned()),
            name => Ok(name.to_owned()),
        };
        let names = |words: &[Words]| words.iter().map(name).collect::<Result<Vec<_>, String>>();
        let change = TagChange { add: names(&self.add)?, remove: names(&self.remove)? };
        Ok(Prepared::Planned(Planned::now(Action::Tag(change))))
    }

    fn needs(&self) -> Vec<&'static str> {
        vec!["tag"]
    }
}
