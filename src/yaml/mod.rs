//! YAML files as people write them: values with places, checked against a schema, every fault at once.
//! The only folder that names serde_yaml and saphyr. It knows nothing of what the files are about.

mod document;
mod fault;
mod interpolate;
mod place;
mod remedy;
mod structure;

pub use document::Document;
pub use fault::{Fault, Faults, Wrong, closest, suggest};
pub use interpolate::Interpolation;
pub use structure::Structure;

/// The first value of a mapping that is written in the program itself, such as an example; null where there is none.
pub fn first_value(written: &str) -> serde_json::Value {
    let document = Document::parse("example", written).ok();
    document.and_then(|document| document.value().as_object()?.values().next().cloned()).unwrap_or_default()
}
