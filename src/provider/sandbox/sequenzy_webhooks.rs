//! Sequenzy's endpoints: their secrets are shown by the call that makes them and never again. Assumed where its pages are
//! silent: a refused body is 400, a new endpoint is answered with 201, and the last secret cannot be removed.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::desk::Desk;
use super::endpoints::{Registered, is_deliverable};
use super::sequenzy::{WHO, bad, problem};
use super::wire::{Answer, Ask};

/// What a new endpoint is subscribed to where no events are named; replies and new mail are not among it.
const DEFAULTS: [&str; 4] = ["email.delivered", "email.bounced", "email.unsubscribed", "subscriber.created"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    url: String,
    events: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: Option<String>,
    url: Option<String>,
    events: Option<Vec<String>>,
    status: Option<Status>,
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Enabled,
    Disabled,
}

/// Every call below `/webhooks`.
pub(super) fn answer(desk: &mut Desk, ask: &Ask<'_>, method: &str, rest: &[&str]) -> Result<Answer, Answer> {
    ask.only(&[]).map_err(|why| problem(400, &why))?;
    match (method, rest) {
        ("GET", []) => {
            let all: Vec<Value> = desk.endpoints(WHO).map(shown).collect();
            Ok(Answer::ok(json!({ "success": true, "webhooks": all })))
        }
        ("POST", []) => create(desk, ask),
        ("PATCH", [id]) => change(desk, ask, id),
        ("DELETE", [id]) => {
            let gone = shown(find(desk, id)?);
            desk.endpoints.retain(|endpoint| endpoint.id != *id);
            Ok(Answer::ok(json!({ "success": true, "webhook": gone })))
        }
        ("POST", [id, "test"]) => {
            find(desk, id)?;
            let (event, delivery) = (format!("evt_sbx{}", desk.number()), format!("whd_sbx{}", desk.number()));
            let delivery = json!({ "id": delivery, "eventId": event, "status": "pending", "attempts": 0 });
            Ok(Answer::ok(json!({ "success": true, "eventId": event, "queuedDeliveries": 1, "delivery": delivery })))
        }
        ("POST", [id, "secrets"]) => {
            find(desk, id)?;
            let secret = secret(desk, ask.now);
            let endpoint = find(desk, id)?;
            endpoint.secrets.push(secret.clone());
            Ok(Answer::ok(json!({ "success": true, "webhook": with_secret(endpoint, &secret.0) })))
        }
        ("DELETE", [id, "secrets", secret]) => {
            let endpoint = find(desk, id)?;
            if !endpoint.secrets.iter().any(|(own, _)| own == secret) {
                return Err(problem(404, "Secret not found"));
            }
            if endpoint.secrets.len() == 1 {
                return Err(problem(400, "A webhook must keep at least one signing secret"));
            }
            endpoint.secrets.retain(|(own, _)| own != secret);
            Ok(Answer::ok(json!({ "success": true, "webhook": shown(endpoint) })))
        }
        _ => Err(problem(404, "Not found")),
    }
}

fn create(desk: &mut Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let new: New = ask.json().map_err(bad)?;
    check(&new.url, &new.name)?;
    let secret = secret(desk, ask.now);
    let endpoint = Registered {
        provider: WHO,
        id: format!("webhook_sbx{}", desk.number()),
        name: new.name,
        url: new.url,
        is_paused: false,
        events: new.events.unwrap_or_else(|| DEFAULTS.map(str::to_owned).to_vec()),
        secrets: vec![secret.clone()],
        created_at: ask.now,
        stored: Vec::new(),
    };
    let shown = with_secret(&endpoint, &secret.0);
    desk.endpoints.push(endpoint);
    Ok(Answer::new(201, json!({ "success": true, "webhook": shown })))
}

fn change(desk: &mut Desk, ask: &Ask<'_>, id: &str) -> Result<Answer, Answer> {
    let new: Change = ask.json().map_err(bad)?;
    let endpoint = find(desk, id)?;
    let url = new.url.unwrap_or_else(|| endpoint.url.clone());
    let name = new.name.unwrap_or_else(|| endpoint.name.clone());
    check(&url, &name)?;
    (endpoint.url, endpoint.name) = (url, name);
    if let Some(events) = new.events {
        endpoint.events = events;
    }
    if let Some(status) = new.status {
        endpoint.is_paused = status == Status::Disabled;
    }
    Ok(Answer::ok(json!({ "success": true, "webhook": shown(endpoint) })))
}

fn check(url: &str, name: &str) -> Result<(), Answer> {
    if name.trim().is_empty() {
        return Err(problem(400, "name is required"));
    }
    if !is_deliverable(url) {
        return Err(problem(400, "url must be https"));
    }
    Ok(())
}

fn find<'a>(desk: &'a mut Desk, id: &str) -> Result<&'a mut Registered, Answer> {
    desk.endpoint(WHO, id).ok_or_else(|| problem(404, "Webhook not found"))
}

fn secret(desk: &mut Desk, now: Timestamp) -> (String, Timestamp) {
    (format!("sec_sbx{}", desk.number()), now)
}

/// The secret that goes with an id; the same whenever it is asked, so that nothing has to be kept.
fn value(id: &str) -> String {
    format!("whsec_sandbox{}", id.trim_start_matches("sec_sbx"))
}

fn with_secret(endpoint: &Registered, id: &str) -> Value {
    let mut shown = shown(endpoint);
    shown["signingSecret"] = json!(value(id));
    shown
}

fn shown(endpoint: &Registered) -> Value {
    let secret = |(id, at): &(String, Timestamp)| json!({ "id": id, "prefix": value(id).get(..12), "createdAt": at });
    json!({
        "id": endpoint.id, "name": endpoint.name, "url": endpoint.url, "events": endpoint.events,
        "status": if endpoint.is_paused { "disabled" } else { "enabled" }, "consecutiveFailures": 0,
        "circuitOpenedAt": null, "circuitOpenUntil": null, "failingSince": null, "autoDisabledAt": null,
        "signingSecrets": endpoint.secrets.iter().map(secret).collect::<Vec<_>>(),
        "createdAt": endpoint.created_at, "updatedAt": endpoint.created_at,
    })
}
