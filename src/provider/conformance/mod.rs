//! What every provider of the table promises, each promise one function with the promise as its name. Run over
//! [`PROVIDERS`] with a sample account each; a provider without a sample fails. Planted faults show that each can be found.
//! Compiled for tests only; nothing here opens a connection.

mod junk;
mod planted;
mod promises;
mod stage;

use serde_json::Value;

use self::promises::*;
pub(super) use self::stage::{NoVault, OneAnswer, event, normalise, now, run, sample_event, send};
use super::{Adapter, PROVIDERS, Provider};
use crate::model::AccountName;

/// A valid account of each provider. Every credential holds [`SECRET`].
const SAMPLES: [(&str, &str); 7] = [
    ("sequenzy", r#"{ "api_key": "hunter2" }"#),
    ("fernand", r#"{ "api_key": "hunter2", "agent_email": "dr.lee@example.com" }"#),
    ("highlevel", r#"{ "token": "hunter2", "location_id": "loc" }"#),
    ("spruce", r#"{ "token": "hunter2" }"#),
    (
        "http",
        r#"{ "base_url": "https://desk.example/api", "headers": { "Authorization": "Bearer hunter2" },
             "actions": { "reply": { "path": "/tickets/{{ conversation.id }}", "body": { "text": "{{ text }}" } } } }"#,
    ),
    (
        "http",
        r#"{ "base_url": "https://desk.example", "headers": { "X-Key": "hunter2" },
             "actions": { "reply": { "path": "/r", "body": "{{ text }}", "idempotency_header": "Idempotency-Key" } } }"#,
    ),
    ("sandbox", r#"{ "speaks": "spruce", "base_url": "http://127.0.0.1:9" }"#),
];

const SECRET: &str = "hunter2";

/// Something of the message that must not be seen either.
const PRIVATE: &str = "ann@example.org";

/// A provider with a sample account and the deliveries in its folder.
struct Subject<'a> {
    provider: &'a dyn Provider,
    settings: Value,
    fixtures: Vec<(String, Value)>,
}

type Promise = fn(&Subject<'_>, &dyn Adapter) -> Result<(), String>;

const PROMISES: [(&str, Promise); 9] = [
    ("takes a stand on every capability", takes_a_stand_on_every_capability),
    ("refuses unknown keys", refuses_unknown_keys),
    ("reads its deliveries, and the same one under the same key", reads_its_deliveries_under_stable_keys),
    ("reads anything without panic", reads_anything_without_panic),
    ("gives every answer its outcome", gives_every_answer_its_outcome),
    ("makes the same request in every attempt", makes_the_same_request_in_every_attempt),
    ("shows no secret", shows_no_secret),
    ("lists what it offers to list, and says that it has no other list", lists_what_it_offers),
    ("says how it is registered, and tells no secret in an error", says_how_it_is_registered),
];

/// The promises that do not hold, with the reason.
fn broken(subject: &Subject<'_>) -> Vec<(&'static str, String)> {
    let adapter = match subject.provider.open(&AccountName::from("sample"), &subject.settings) {
        Ok(adapter) => adapter,
        Err(faults) => return vec![("opens its sample", format!("{faults:?}"))],
    };
    let outcome = |(name, promise): &(&'static str, Promise)| Some((*name, promise(subject, &*adapter).err()?));
    PROMISES.iter().filter_map(outcome).collect()
}

#[test]
fn every_provider_keeps_every_promise() {
    for provider in PROVIDERS {
        let samples: Vec<_> = SAMPLES.iter().filter(|(name, _)| *name == provider.name()).collect();
        assert!(!samples.is_empty(), "`{}` needs a line in SAMPLES", provider.name());
        for (name, settings) in samples {
            let settings = serde_json::from_str(settings).unwrap();
            let subject = Subject { provider: *provider, settings, fixtures: fixtures(name) };
            assert_eq!(broken(&subject), [], "{name}");
        }
    }
}

fn fixtures(name: &str) -> Vec<(String, Value)> {
    let folder = format!("{}/src/provider/{name}/fixtures", env!("CARGO_MANIFEST_DIR"));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
    let mut found: Vec<(String, Value)> = paths
        .map(|path| {
            let json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            (path.file_name().unwrap().to_string_lossy().into_owned(), json)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}
