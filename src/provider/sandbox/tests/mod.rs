//! The sandbox refuses what the real ones refuse, remembers what was done, and is understood by the real adapters.

mod adapters;
mod behaviour;
mod endpoints;
mod listing;
mod strictness;

use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::*;
use crate::provider::conformance::now;

const ALL: [Speaks; 4] = [Speaks::Sequenzy, Speaks::Fernand, Speaks::HighLevel, Speaks::Spruce];

fn conversation_id(who: Speaks) -> &'static str {
    match who {
        Speaks::Sequenzy => "conv_1",
        Speaks::Fernand => "12345",
        Speaks::HighLevel => "conversation1",
        Speaks::Spruce => "t_1",
    }
}

fn incoming(who: Speaks, text: &str) -> Incoming {
    Incoming {
        conversation_id: conversation_id(who).to_owned(),
        name: Some("Ann Lee".to_owned()),
        email: Some("ann@example.org".to_owned()),
        phone: None,
        subject: Some("Order 7".to_owned()),
        text: text.to_owned(),
        headers: None,
    }
}

/// A sandbox with one conversation at each provider.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(Limits::Off);
    for who in ALL {
        sandbox.arrive(who, incoming(who, "Where is it?"), now());
    }
    sandbox
}

fn thread(sandbox: &Sandbox, who: Speaks) -> Thread {
    sandbox.conversations().into_iter().find(|thread| thread.provider == who).unwrap()
}

/// The headers that each API wants.
fn headers(who: Speaks) -> Vec<(&'static str, &'static str)> {
    let bearer = ("authorization", "Bearer sandbox-key");
    match who {
        Speaks::Sequenzy | Speaks::Spruce => vec![bearer],
        Speaks::Fernand => vec![("x-api-key", KEY)],
        Speaks::HighLevel => vec![bearer, ("version", "2021-04-15")],
    }
}

struct Asked {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

fn send_raw(sandbox: &Sandbox, line: &str, headers: &[(&'static str, &'static str)], body: &[u8]) -> SandboxResponse {
    let (method, target) = line.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let request = SandboxRequest {
        method: method.parse().unwrap(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.collect(),
        body: body.to_vec(),
    };
    sandbox.handle(&request, now())
}

fn ask_with(sandbox: &Sandbox, line: &str, headers: &[(&'static str, &'static str)], body: &Value) -> Asked {
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    match send_raw(sandbox, line, headers, &bytes) {
        SandboxResponse::Answer { status, headers, body } => {
            Asked { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
        }
        other => panic!("{other:?}"),
    }
}

/// A call with everything that is needed in its headers.
fn ask(sandbox: &Sandbox, who: Speaks, line: &str, body: Value) -> Asked {
    let mut headers = headers(who);
    if !body.is_null() {
        headers.push(("content-type", "application/json"));
    }
    if line.contains("/contacts/") {
        headers.retain(|(name, _)| *name != "version");
        headers.push(("version", "2021-07-28"));
    }
    ask_with(sandbox, line, &headers, &body)
}

/// Each line with the body it is sent with, on a fresh sandbox, and the status that is wanted.
fn check(who: Speaks, cases: &[(&str, Value, u16)]) {
    for (line, body, expected) in cases {
        let answer = ask(&sandbox(), who, line, body.clone());
        assert_eq!(answer.status, *expected, "{line} {body} {}", answer.body);
    }
}
