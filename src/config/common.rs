//! The keys that every account has, whoever it is at.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::outbox::OnUnknown;
use crate::provider::CallClass;

/// Those beside the provider's own.
pub(super) const KEYS: [&str; 4] = ["own_addresses", "on_unknown", "concurrency", "quota"];

/// A rate limit in place of the published ones.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotaDocument {
    pub(super) calls: u32,
    pub(super) per: String,
    #[serde(default = "any")]
    pub(super) class: CallClass,
}

fn any() -> CallClass {
    CallClass::Any
}

/// Their schema. `names` are the providers.
pub(super) fn common(names: &[&str]) -> Map<String, Value> {
    let quota = json!({
        "type": "object",
        "required": ["calls", "per"],
        "additionalProperties": false,
        "properties": {
            "calls": { "type": "integer", "minimum": 1, "maximum": u32::MAX, "description": "So many calls." },
            "per": { "type": "string", "description": "In this time, such as 10s, 1m or 1d." },
            "class": {
                "enum": ["any", "read", "write"],
                "description": "Which calls count: all (default), those that only read, those that change something."
            }
        }
    });
    Map::from_iter([
        ("provider".to_owned(), json!({ "enum": names, "description": "Who the account is at." })),
        (
            "own_addresses".to_owned(),
            json!({ "type": "array", "items": { "type": "string" }, "description": "Our addresses and numbers there; never answered." }),
        ),
        (
            "on_unknown".to_owned(),
            json!({
                "enum": OnUnknown::NAMES,
                "description": "What is done where nobody knows whether a send has arrived: reconcile (read back or repeat by key, then hold; the default), hold for a person at once, or retry without looking, which may send it twice."
            }),
        ),
        (
            "concurrency".to_owned(),
            json!({
                "type": "integer", "minimum": 1, "maximum": 64,
                "description": "Sends under way at once; `limits.account_concurrency` by default."
            }),
        ),
        (
            "quota".to_owned(),
            json!({
                "type": "array", "items": quota,
                "description": "Rate limits in place of those that the provider publishes, where your plan has others; none for `[]`."
            }),
        ),
    ])
}
