//! Sequenzy's tags, which belong to subscribers: a subscriber is known by the conversations it has here.
//! No subscriber is created.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::desk::Desk;
use super::sequenzy::{WHO, bad, problem};
use super::wire::{Answer, Ask};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TagCall {
    tags: Vec<String>,
    emails: Option<Vec<String>>,
    subscriber_ids: Option<Vec<String>>,
    #[serde(rename = "externalIds")]
    external_ids: Option<Vec<String>>,
    #[serde(rename = "triggerAutomations")]
    _trigger: Option<bool>,
}

/// The tag calls for many subscribers: exactly one way of naming them, and none is created.
pub(super) fn tag(desk: &mut Desk, ask: &Ask<'_>, verb: &str) -> Result<Answer, Answer> {
    let call: TagCall = ask.json().map_err(bad)?;
    let named = [&call.emails, &call.subscriber_ids, &call.external_ids].into_iter().flatten().count();
    if call.tags.is_empty() || named != 1 {
        return Err(problem(400, "tags and one of emails, externalIds, subscriberIds are required"));
    }
    let emails = call.emails.unwrap_or_default();
    let ids = call.subscriber_ids.unwrap_or_default();
    let mut matched = BTreeSet::new();
    for thread in desk.threads.iter_mut().filter(|thread| thread.provider == WHO) {
        let email = thread.contact.email.as_deref().unwrap_or_default();
        if !ids.contains(&thread.contact.id) && !emails.iter().any(|own| own.eq_ignore_ascii_case(email)) {
            continue;
        }
        for tag in &call.tags {
            if verb == "add" {
                thread.tag(tag);
            } else {
                thread.untag(tag);
            }
        }
        matched.insert(thread.contact.id.clone());
    }
    let count = matched.len();
    Ok(Answer::ok(json!({ "success": true, "matched": count, "updated": count, "failed": 0 })))
}
