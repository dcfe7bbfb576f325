//! Spruce's endpoints, and the events it keeps of them for 30 days, 20 in a page. Assumed where its pages are silent: the words
//! for a status are `active` and `paused`, a paused endpoint is kept no events, `data` is the body of the delivery, and the
//! newest event comes first. What is kept of a changed conversation is not among the webhooks that the sandbox announces.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::desk::Desk;
use super::endpoints::{Registered, is_deliverable};
use super::spruce::{WHO, bad, conversation, problem};
use super::wire::{Answer, Ask};

const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

const PAGE: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    url: String,
}

/// Every call below `/webhooks/endpoints`.
pub(super) fn answer(desk: &mut Desk, ask: &Ask<'_>, method: &str, rest: &[&str]) -> Result<Answer, Answer> {
    let known: &[&str] = match (method, rest) {
        ("POST", [_, "paused"]) => &["paused"],
        ("GET", [_, "events"]) => &["startTime", "endTime", "paginationToken"],
        _ => &[],
    };
    ask.only(known).map_err(|why| problem(400, &why))?;
    match (method, rest) {
        ("GET", []) => Ok(Answer::ok(json!({ "endpoints": desk.endpoints(WHO).map(shown).collect::<Vec<_>>() }))),
        ("POST", []) => create(desk, ask),
        ("GET", [id]) => Ok(Answer::ok(json!({ "endpoint": shown(find(desk, id)?) }))),
        ("DELETE", [id]) => {
            find(desk, id)?;
            desk.endpoints.retain(|endpoint| endpoint.id != *id);
            Ok(Answer::ok(json!({})))
        }
        ("POST", [id, "paused"]) => {
            let wanted = ask.query("paused").and_then(|word| word.parse::<bool>().ok());
            let wanted = wanted.ok_or_else(|| problem(400, "Invalid paused"))?;
            find(desk, id)?.is_paused = wanted;
            Ok(Answer::ok(json!({ "paused": wanted })))
        }
        ("GET", [id, "events"]) => events(find(desk, id)?, ask),
        _ => Err(problem(404, "Not found")),
    }
}

fn create(desk: &mut Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let new: New = ask.json().map_err(bad)?;
    if new.name.trim().is_empty() || !is_deliverable(&new.url) {
        return Err(problem(400, "name and an https url are required"));
    }
    let (number, secret) = (desk.number(), format!("wss_SBX{:08}", desk.number()));
    let endpoint = Registered {
        provider: WHO,
        id: format!("wde_SBX{number:08}"),
        name: new.name,
        url: new.url,
        is_paused: false,
        events: Vec::new(),
        secrets: vec![(secret.clone(), ask.now)],
        created_at: ask.now,
        stored: Vec::new(),
    };
    let mut shown = shown(&endpoint);
    shown["signingSecrets"] = json!([{ "id": secret, "value": format!("sandbox-secret-{number:08}") }]);
    desk.endpoints.push(endpoint);
    Ok(Answer::ok(json!({ "endpoint": shown })))
}

fn find<'a>(desk: &'a mut Desk, id: &str) -> Result<&'a mut Registered, Answer> {
    desk.endpoint(WHO, id).ok_or_else(|| problem(404, "Endpoint not found"))
}

/// The values of secrets are shown on creation alone.
fn shown(endpoint: &Registered) -> Value {
    json!({
        "object": "webhookDestinationEndpoint", "id": endpoint.id, "name": endpoint.name, "url": endpoint.url,
        "status": if endpoint.is_paused { "paused" } else { "active" }, "createdAt": endpoint.created_at,
        "signingSecrets": endpoint.secrets.iter().map(|(id, _)| json!({ "id": id })).collect::<Vec<_>>(),
    })
}

fn events(endpoint: &Registered, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let time = |name: &str| match ask.query(name).map(str::parse::<Timestamp>) {
        None => Ok(None),
        Some(Ok(at)) => Ok(Some(at)),
        Some(Err(_)) => Err(problem(400, &format!("Invalid {name}"))),
    };
    let (start, end) = (time("startTime")?, time("endTime")?);
    let is_asked = |at: Timestamp| {
        start.is_none_or(|start| at >= start) && end.is_none_or(|end| at <= end) && ask.now.duration_since(at) < KEPT
    };
    let rows: Vec<&(String, Timestamp, String)> =
        endpoint.stored.iter().rev().filter(|(_, at, _)| is_asked(*at)).collect();
    let first = ask.number("paginationToken", 0, 0..=rows.len());
    let first = first.ok_or_else(|| problem(400, "Invalid paginationToken"))?;
    let row = |(id, at, data): &(String, Timestamp, String)| {
        let delivery = json!({ "attempts": 10, "attemptLimit": 10, "status": "failed" });
        json!({ "object": "webhookDestinationEndpointEvent", "id": id, "eventTime": at, "data": data, "delivery": delivery })
    };
    let shown: Vec<Value> = rows.iter().skip(first).take(PAGE).map(|event| row(event)).collect();
    let end = first + shown.len();
    let token = if end < rows.len() { end.to_string() } else { String::new() };
    Ok(Answer::ok(json!({ "events": shown, "hasMore": end < rows.len(), "paginationToken": token })))
}

/// Keeps an event for each endpoint that is not paused.
pub(super) fn keep(desk: &mut Desk, payload: &Value) {
    let at = payload["eventTime"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
    let body = payload.to_string();
    for place in 0..desk.endpoints.len() {
        let id = format!("wev_SBX{:08}", desk.number());
        let endpoint = &mut desk.endpoints[place];
        if endpoint.provider == WHO && !endpoint.is_paused {
            endpoint.stored.push((id, at, body.clone()));
        }
    }
}

/// Keeps that a conversation was changed.
pub(super) fn keep_change(desk: &mut Desk, id: &str, now: Timestamp) {
    if let Some(thread) = desk.thread(WHO, id) {
        let object = conversation(desk, thread);
        let payload = json!({ "object": "event", "type": "conversation.updated", "eventTime": now, "data": { "object": object } });
        keep(desk, &payload);
    }
}
