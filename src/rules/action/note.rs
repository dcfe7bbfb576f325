//! `note`: an internal note, which pages members where it names any.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::super::all;
use super::super::site::Site;
use super::super::template::Form;
use super::super::view::View;
use super::reply::member;
use super::words::{Words, choose};
use super::{ActionKind, Planned, Prepare, Prepared, schema_of};
use crate::model::{Action, Note, Paged};

pub(super) struct NoteAction;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Argument {
    /// Plain text; a template.
    text: Option<String>,
    /// Markdown; a template.
    markdown: Option<String>,
    /// The members to page, by alias.
    #[serde(default)]
    page: Vec<String>,
}

impl ActionKind for NoteAction {
    fn name(&self) -> &'static str {
        "note"
    }

    fn summary(&self) -> &'static str {
        "Adds an internal note, and pages the members it names."
    }

    fn schema(&self) -> Value {
        schema_of::<Argument>()
    }

    fn example(&self) -> &'static str {
        r#"note: { text: "Refund asked by {{ contact.email }}.", page: [dr-lee] }"#
    }

    fn compile(&self, argument: &Value, site: &Site<'_>) -> Option<Box<dyn Prepare>> {
        let argument: Argument = super::super::read_argument(argument, site)?;
        let words = choose(
            &[("text", Form::Text, argument.text.as_ref()), ("markdown", Form::Markdown, argument.markdown.as_ref())],
            "text, markdown",
            site,
        );
        let pages = argument.page.iter().enumerate();
        let page = all(pages.map(|(index, alias)| member(alias, &site.child("page").child(&index.to_string()))));
        Some(Box::new(CompiledNote { words: words?, page: page? }))
    }
}

struct CompiledNote {
    words: Words,
    page: Vec<String>,
}

impl Prepare for CompiledNote {
    fn prepare(&self, view: &mut View<'_>) -> Result<Prepared, String> {
        let rendered = self.words.render(view)?;
        let page = self
            .page
            .iter()
            .map(|alias| Ok(Paged { alias: alias.clone(), id: view.paged_id(alias)? }))
            .collect::<Result<_, String>>()?;
        let note = Note { text: rendered.text, html: rendered.html, page, also: Vec::new() };
        Ok(Prepared::Planned(Planned::now(Action::Note(note))))
    }

    fn needs(&self) -> Vec<&'static str> {
        if self.page.is_empty() { vec!["note"] } else { vec!["note", "note.page"] }
    }
}
