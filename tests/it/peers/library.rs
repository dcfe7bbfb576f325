//! The senders' libraries: those of npm in tests/peers, which node runs, and the crate of Standard Webhooks, which is here.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

/// A sender's library.
pub(super) struct Peer {
    /// Its name in tests/peers/peers.mjs, and that of its source.
    pub(super) name: &'static str,
    pub(super) scheme: &'static str,
}

pub(super) const PEERS: [Peer; 11] = [
    Peer { name: "standard-webhooks", scheme: "standard-webhooks" },
    CRATE,
    Peer { name: "svix", scheme: "svix" },
    Peer { name: "github", scheme: "github" },
    Peer { name: "stripe", scheme: "stripe" },
    Peer { name: "slack", scheme: "slack" },
    Peer { name: "twilio", scheme: "twilio" },
    Peer { name: "twilio-form", scheme: "twilio" },
    Peer { name: "discord", scheme: "discord" },
    Peer { name: "sendgrid", scheme: "sendgrid" },
    Peer { name: "linear", scheme: "linear" },
];

/// The one that is a crate.
const CRATE: Peer = Peer { name: "standard-webhooks-crate", scheme: "standard-webhooks" };

/// What sender and receiver are given; twice the same where the secret is shared.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) private: String,
    pub(super) public: String,
}

/// A delivery as a peer signed it, or as we did.
#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) peer: &'static str,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// What the sender puts behind the address, with its `?`.
    pub(super) query: String,
}

/// Keys for each of [`PEERS`], in their order.
pub(super) fn keys() -> Vec<Keys> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let answers = ask(PEERS.iter().map(|peer| {
        // The secrets of one library are as good for the other.
        let name = if peer.name == CRATE.name { "standard-webhooks" } else { peer.name };
        json!({ "do": "keys", "peer": name })
    }));
    answers.iter().map(|answer| Keys { private: text(&answer["private"]), public: text(&answer["public"]) }).collect()
}

/// Each body, signed by each of [`PEERS`] with its private key at this second.
pub(super) fn sign(keys: &[Keys], bodies: &[&str], at: i64) -> Vec<Delivery> {
    let (mut deliveries, mut asked, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
    for (peer, keys) in PEERS.iter().zip(keys) {
        for (index, body) in bodies.iter().enumerate() {
            let (id, key) = (format!("msg_{index}"), &keys.private);
            if peer.name == CRATE.name {
                deliveries.push(sign_here(key, &id, at, body));
            } else {
                asked.push(peer.name);
                tasks.push(json!({
                    "do": "sign", "peer": peer.name, "key": key, "body": body, "id": id, "at": at, "url": url(peer.name),
                }));
            }
        }
    }
    let signed = |(peer, answer): (&'static str, Value)| Delivery {
        peer,
        headers: serde_json::from_value::<HeaderTexts>(answer["headers"].clone()).unwrap().into_iter().collect(),
        body: answer["body"].as_str().unwrap().to_owned(),
        query: answer["query"].as_str().unwrap().to_owned(),
    };
    deliveries.extend(asked.into_iter().zip(ask(tasks)).map(signed));
    deliveries
}

type HeaderTexts = std::collections::BTreeMap<String, String>;

/// What each delivery's own library says to it; `None` where it accepts it, else why not.
pub(super) fn verify(keys: &[Keys], deliveries: &[Delivery]) -> Vec<Option<String>> {
    let tasks = deliveries.iter().filter(|delivery| delivery.peer != CRATE.name).map(|delivery| {
        let headers: HeaderTexts = delivery.headers.iter().cloned().collect();
        json!({
            "do": "verify", "peer": delivery.peer, "key": key(keys, delivery.peer), "headers": headers,
            "body": delivery.body, "url": url(delivery.peer),
        })
    });
    let mut answers = ask(tasks).into_iter();
    let verdict = |delivery: &Delivery| match delivery.peer == CRATE.name {
        true => verify_here(key(keys, CRATE.name), delivery),
        false => {
            let answer = answers.next().unwrap();
            (answer["accepted"] != true).then(|| answer["why"].as_str().unwrap_or("false").to_owned())
        }
    };
    deliveries.iter().map(verdict).collect()
}

/// The address that a source was registered with, for senders that sign it.
pub(super) fn url(peer: &str) -> String {
    format!("https://bot.example/webhooks/{peer}")
}

fn key<'a>(keys: &'a [Keys], peer: &str) -> &'a str {
    let index = PEERS.iter().position(|one| one.name == peer).unwrap();
    &keys[index].public
}

fn sign_here(key: &str, id: &str, at: i64, body: &str) -> Delivery {
    let signature = Webhook::new(key).unwrap().sign(id, at, body.as_bytes()).unwrap();
    let headers =
        [("webhook-id", id.to_owned()), ("webhook-timestamp", at.to_string()), ("webhook-signature", signature)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
    Delivery { peer: CRATE.name, headers, body: body.to_owned(), query: String::new() }
}

fn verify_here(key: &str, delivery: &Delivery) -> Option<String> {
    let header = |(name, value): &(String, String)| {
        (HeaderName::try_from(name.as_str()).unwrap(), HeaderValue::try_from(value.as_str()).unwrap())
    };
    let headers: HeaderMap = delivery.headers.iter().map(header).collect();
    Webhook::new(key).unwrap().verify(delivery.body.as_bytes(), &headers).err().map(|why| why.to_string())
}

/// Asks the libraries of npm; one answer for each task.
fn ask(tasks: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let tasks: Vec<Value> = tasks.into_iter().collect();
    assert!(
        folder.join("node_modules").is_dir(),
        "the senders' libraries are not installed: npm ci --prefix tests/peers (scripts/test does it)"
    );
    let mut node = Command::new("node");
    let node = node.arg("peers.mjs").current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = node.stderr(Stdio::piped()).spawn().unwrap_or_else(|why| match why.kind() {
        ErrorKind::NotFound => panic!("there is no node: sudo apt-get install nodejs npm (scripts/test does it)"),
        _ => panic!("node: {why}"),
    });
    // It reads everything before it writes anything. Where it ends before that, it says why.
    let told = child.stdin.take().unwrap().write_all(Value::from(tasks.clone()).to_string().as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}\nif a library is missing: npm ci --prefix tests/peers",
        String::from_utf8_lossy(&output.stderr)
    );
    told.unwrap();
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), tasks.len());
    answers
}
