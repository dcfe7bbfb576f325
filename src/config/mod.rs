//! `rejoinder.yaml` and the environment, turned into settings that are right, or into every fault at once.

mod admin;
mod common;
mod document;
mod environment;
mod load;
mod read;
mod schema;
mod settings;
mod size;
mod surroundings;

pub use admin::admin;
pub use document::{LogForm, OneOrMany};
pub use read::{load, load_before_secrets, load_text};
pub use schema::schema;
pub use settings::{AccountSettings, Settings, SourceSettings, StoreSettings};
pub use surroundings::read_snippets;
