//! The stage of the integration tests: the sandbox on a port of its own, and the engine beside it, stepped by hand under a
//! clock of the test ([`Bench`]) or as the real program in a process that can be killed ([`Program`]).

mod bench;
mod program;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rejoinder::clock::Clock;
use rejoinder::provider::sandbox::{self, Entry, EntryKind, Incoming, Sandbox, Speaks};
use rejoinder::server::{self, Limits, Listening};
use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) use bench::{Bench, Setup, outcomes};
pub(crate) use program::{Program, Sender};
pub(crate) use wire::Moment;

/// The providers, in the order of the documentation.
pub(crate) const ALL: [Speaks; 4] = [Speaks::Sequenzy, Speaks::Fernand, Speaks::HighLevel, Speaks::Spruce];

/// A clock that stands still until it is told.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

impl Time {
    /// It begins now, because commands that are run beside it look at the machine's clock.
    fn start() -> Self {
        Self(Arc::new(AtomicI64::new(Timestamp::now().as_millisecond())))
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        self.0.fetch_add(time.as_millis() as i64, Ordering::SeqCst);
    }

    /// Goes on to a time, never back. A send is due to the nanosecond, so this arrives a moment later.
    pub(crate) fn reach(&self, at: Timestamp) {
        self.0.fetch_max(at.as_millisecond() + 1, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let time = self.clone();
        Clock::from_fn(move || time.now())
    }
}

/// Serves the sandbox for as long as the sender lives. `pause` lies between what is done and its answer.
pub(crate) async fn host(sandbox: &Sandbox, clock: Clock, pause: Duration) -> (SocketAddr, watch::Sender<bool>) {
    let listening = Listening::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let address = listening.address;
    let (stop, stopped) = watch::channel(false);
    let answer_late = move |request, next: axum::middleware::Next| async move {
        let answer = next.run(request).await;
        tokio::time::sleep(pause).await;
        answer
    };
    let router = server::sandbox_router(sandbox.clone(), clock).layer(axum::middleware::from_fn(answer_late));
    let minute = Duration::from_secs(60);
    let limits = Limits { concurrency: 256, header_timeout: minute, request_timeout: minute, ..Limits::default() };
    tokio::spawn(server::serve(listening, router, limits, stopped));
    (address, stop)
}

/// A configuration with an account and a source for each provider, both of its name. JSON is YAML.
fn configuration(sandbox: SocketAddr, highlevel_key: &str) -> Value {
    let verify = |speaks| match speaks {
        Speaks::Sequenzy => json!({ "scheme": "sequenzy", "secrets": ["whsec_test"] }),
        Speaks::Fernand => json!({ "scheme": "token", "header": "X-Fernand-Key", "secrets": ["test-token"] }),
        Speaks::HighLevel => json!({ "scheme": "highlevel", "keys": [highlevel_key] }),
        Speaks::Spruce => json!({ "scheme": "spruce", "secrets": ["test-secret"] }),
    };
    let mut config = json!({
        "listen": "127.0.0.1:0",
        "admin": { "listen": "127.0.0.1:0" },
        "store": "sled:./data",
        "rules": "./rules",
        "limits": { "provider_timeout": "1s", "reorder_window": "0s" },
        "members": { "dr-lee": { "spruce": "entity_0D4QABCC06000", "fernand": "42", "highlevel": "sbxUserLee" } },
        "accounts": {}, "sources": {},
    });
    for speaks in ALL {
        let mut account = sandbox::settings(speaks, &format!("http://{sandbox}"));
        account["provider"] = json!(speaks.as_str());
        config["accounts"][speaks.as_str()] = account;
        config["sources"][speaks.as_str()] = json!({ "account": speaks.as_str(), "verify": verify(speaks) });
    }
    config
}

/// A message of somebody who writes in this conversation only. Fernand wants digits for its id.
pub(crate) fn message(speaks: Speaks, conversation: &str, text: &str) -> Incoming {
    let is_mail = matches!(speaks, Speaks::Sequenzy | Speaks::Fernand);
    Incoming {
        conversation_id: conversation.to_owned(),
        name: Some("Ann Smith".to_owned()),
        email: is_mail.then(|| format!("c{conversation}@example.org")),
        phone: (!is_mail).then(|| format!("+1555{conversation:0>7}")),
        text: text.to_owned(),
        ..Incoming::default()
    }
}

/// What the sandbox holds of one kind in a conversation.
pub(crate) fn entries(sandbox: &Sandbox, speaks: Speaks, conversation: &str, kind: EntryKind) -> Vec<Entry> {
    let threads = sandbox.conversations();
    let thread = threads.into_iter().find(|thread| thread.provider == speaks && thread.id == conversation);
    thread.map(|thread| thread.messages).unwrap_or_default().into_iter().filter(|entry| entry.kind == kind).collect()
}
