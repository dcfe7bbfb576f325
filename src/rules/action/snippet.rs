//! `snippet`: by `id` one that the provider keeps, by `name` a file in the snippets folder, sent as a reply.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::super::site::Site;
use super::super::view::View;
use super::reply::{CompiledReply, snippet_words};
use super::{ActionKind, Planned, Prepare, Prepared, schema_of};
use crate::model::{Action, ReplyKind, SnippetCall};

pub(super) struct SnippetAction;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Argument {
    /// The provider's id of a snippet, saved message or template.
    id: Option<SnippetId>,
    /// The name of a file in the snippets folder, without its ending.
    name: Option<String>,
    /// Handed to the snippet's actions, where the provider takes such.
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum SnippetId {
    Number(u64),
    Text(String),
}

impl ActionKind for SnippetAction {
    fn name(&self) -> &'static str {
        "snippet"
    }

    fn summary(&self) -> &'static str {
        "Applies a snippet: one the provider keeps, or a file of ours sent as a reply."
    }

    fn schema(&self) -> Value {
        schema_of::<Argument>()
    }

    fn example(&self) -> &'static str {
        "snippet: { id: 123 }"
    }

    fn compile(&self, argument: &Value, site: &Site<'_>) -> Option<Box<dyn Prepare>> {
        let argument: Argument = super::super::read_argument(argument, site)?;
        match (argument.id, argument.name) {
            (Some(id), None) => {
                let id = match id {
                    SnippetId::Number(number) => number.to_string(),
                    SnippetId::Text(text) => text,
                };
                Some(Box::new(CompiledSnippet(SnippetCall { id, data: argument.data })))
            }
            (None, Some(_)) if !argument.data.is_null() => {
                site.child("data")
                    .fault("`data` is for a snippet at the provider; a file in the snippets folder takes none");
                None
            }
            (None, Some(name)) => Some(Box::new(CompiledReply {
                words: snippet_words(&name, &site.child("name"))?,
                subject: None,
                attachments: Vec::new(),
                delay: SignedDuration::ZERO,
                cancel_on: Vec::new(),
                sender: None,
                kind: ReplyKind::Answer,
            })),
            _ => {
                site.fault("give either `id`, a snippet at the provider, or `name`, a file in the snippets folder");
                None
            }
        }
    }
}

struct CompiledSnippet(SnippetCall);

impl Prepare for CompiledSnippet {
    fn prepare(&self, _: &mut View<'_>) -> Result<Prepared, String> {
        Ok(Prepared::Planned(Planned::now(Action::Snippet(self.0.clone()))))
    }

    fn identity(&self) -> Option<String> {
        Some(self.0.id.clone())
    }

    fn reply_kind(&self) -> Option<ReplyKind> {
        Some(ReplyKind::Answer)
    }

    fn needs(&self) -> Vec<&'static str> {
        vec!["snippet"]
    }
}
