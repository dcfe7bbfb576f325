//! A provider's own JSON, read through the adapter of a source.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use crate::engine::Engine;
use crate::journey;
use crate::model::{Delivery, Event, SourceName};
use crate::signature::{self, VerifySettings};

/// Reads a provider's own JSON through the adapter of a source. The signature is not the matter here.
pub(super) fn read(engine: &Engine, source: &SourceName, path: &Path) -> Result<Event, String> {
    let body = std::fs::read(path).map_err(|why| format!("`{}` cannot be read: {why}", path.display()))?;
    normalise(engine, source, body)
}

/// The event of a source's payload.
pub(in crate::cli) fn normalise(engine: &Engine, source: &SourceName, body: Vec<u8>) -> Result<Event, String> {
    let names = || engine.sources.keys().map(SourceName::as_str).collect::<Vec<_>>();
    let source = engine
        .sources
        .get(source)
        .ok_or_else(|| format!("there is no source `{source}`{}", crate::yaml::suggest(source.as_str(), names())))?;
    let settings: VerifySettings =
        serde_json::from_value(json!({ "scheme": "none" })).map_err(|error| error.to_string())?;
    let verifier =
        signature::scheme("none").and_then(|scheme| scheme.build(&settings).ok()).ok_or("the scheme `none` is gone")?;
    let delivery = Delivery { headers: http::HeaderMap::new(), body, received_at: engine.clock.now() };
    let verified =
        signature::verify(verifier.as_ref(), delivery, Timestamp::UNIX_EPOCH).map_err(|error| error.to_string())?;
    journey::normalise(engine, source, &verified).map_err(|error| error.to_string())
}
