//! Actions: what a rule has done. They stand in a table, one per file. An action is compiled once, and prepared for an
//! event without doing anything: what it comes to is a value.

mod assign;
mod attachment;
mod close;
mod http;
mod note;
mod reply;
mod script;
mod snippet;
mod state;
mod tag;
mod words;

use jiff::SignedDuration;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::script::ScriptCall;
use super::site::Site;
use super::view::View;
use crate::model::{Action, CancelOn, ReplyKind};

pub use state::{Scope, StateChange};

/// A kind of action: the word, what it means, and how it is made ready once.
pub trait ActionKind: Sync {
    /// The word in a rule.
    fn name(&self) -> &'static str;

    /// One sentence for the reference.
    fn summary(&self) -> &'static str;

    /// The argument, as JSON Schema.
    fn schema(&self) -> Value;

    /// One entry of `do:`, for the reference and for editors.
    fn example(&self) -> &'static str;

    /// The action, or nothing when faults were reported at the site. The argument has passed the schema.
    fn compile(&self, argument: &Value, site: &Site<'_>) -> Option<Box<dyn Prepare>>;
}

/// A compiled action.
pub trait Prepare: Send + Sync {
    /// What it comes to for one event; an error refuses this action alone, by name.
    fn prepare(&self, view: &mut View<'_>) -> Result<Prepared, String>;

    /// For a reply, its unexpanded text, by which a response is told from another one (RFC 5230 §4.2: expanded variables must
    /// not enter). None where only the expanded text is known, because it comes from a script.
    fn identity(&self) -> Option<String> {
        None
    }

    /// For a reply, its kind.
    fn reply_kind(&self) -> Option<ReplyKind> {
        None
    }

    /// What the provider must be able to do.
    fn needs(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

/// What an action comes to.
pub enum Prepared {
    /// Something to be done at the provider.
    Planned(Planned),
    /// Changes of state.
    State(Vec<StateChange>),
    /// Calls of a script, each an action again.
    Calls(Vec<ScriptCall>),
}

/// Something to be done at the provider.
pub struct Planned {
    /// What.
    pub action: Action,
    /// How much later.
    pub delay: SignedDuration,
    /// What calls it off while it waits.
    pub cancel_on: Vec<CancelOn>,
}

impl Planned {
    /// At once, and never called off.
    pub fn now(action: Action) -> Self {
        Self { action, delay: SignedDuration::ZERO, cancel_on: Vec::new() }
    }
}

/// Every action.
pub const ACTIONS: &[&dyn ActionKind] = &[
    &reply::ReplyAction,
    &note::NoteAction,
    &snippet::SnippetAction,
    &tag::TagAction,
    &assign::AssignAction,
    &close::CloseAction,
    &http::HttpAction,
    &state::SetAction,
    &state::UnsetAction,
    &script::ScriptAction,
];

/// The action of that name.
pub fn action(name: &str) -> Option<&'static dyn ActionKind> {
    ACTIONS.iter().copied().find(|action| action.name() == name)
}

/// The schema of one entry of `do:`, for `$defs/Action`: a mapping with one known key.
pub fn schema() -> Value {
    let properties = ACTIONS.iter().map(|action| {
        let mut schema = action.schema();
        schema["description"] = action.summary().into();
        schema["examples"] = serde_json::json!([crate::yaml::first_value(action.example())]);
        (action.name().to_owned(), schema)
    });
    serde_json::json!({
        "type": "object",
        "description": "One action, such as `reply: { text: … }`.",
        "properties": super::fields::object(properties),
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1
    })
}

/// The schema of an argument type, without references, ready to stand inside another one.
fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema: Schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema.into()
}
