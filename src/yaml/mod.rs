//! YAML files as people write them: values with places, checked against a schema, every fault at once.
//! The only folder that names serde_yaml and saphyr. It knows nothing of what the files are about.

mod document;
mod fault;
mod interpolate;
mod place;
mod structure;

pub use document::Document;
pub use fault::{Fault, Faults, Wrong, closest, suggest};
pub use interpolate::Interpolation;
pub use structure::Structure;
