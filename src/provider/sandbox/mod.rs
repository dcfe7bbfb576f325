//! A local provider that speaks the four APIs as strictly as the real ones and keeps the conversations, for the demo, for
//! trying rules, and for tests. Pure and synchronous: it opens no socket, reads no clock and reaches nobody.
//!
//! What it refuses and answers follows the providers' own pages, which the four adapters name. Where they are silent, the
//! files here say what was assumed.

mod budget;
mod config;
mod desk;
mod endpoints;
mod fault;
mod fernand;
mod fernand_actions;
mod fernand_lists;
mod fernand_message;
mod highlevel;
mod highlevel_lists;
mod highlevel_message;
mod highlevel_oauth;
mod sequenzy;
mod sequenzy_tags;
mod sequenzy_webhooks;
mod spruce;
mod spruce_lists;
mod spruce_message;
mod spruce_webhooks;
#[cfg(test)]
mod tests;
mod thread;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::{Value, json};

pub use budget::Limits;
pub use config::{AGENT_EMAIL, BASE_URL, KEY, LOCATION_ID, SandboxProvider, settings};
pub use desk::{Incoming, Speaks, Webhook};
pub use fault::Fault;
pub use thread::{Entry, EntryKind, Person, Thread};

use budget::{Budgets, Spent};
use desk::Desk;
use fault::Faults;
use wire::{Answer, Ask};

use crate::provider::Quota;

/// A request as it came over the wire.
#[derive(Clone)]
pub struct SandboxRequest {
    /// The method.
    pub method: Method,
    /// The path, percent-encoded as it came, with the prefix of an API: `/sequenzy/api/v1/…`, `/fernand/…`,
    /// `/highlevel/…`, `/spruce/v1/…`.
    pub path: String,
    /// The query without `?`; empty where there is none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// What whoever hosts the sandbox has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SandboxResponse {
    /// Answer.
    Answer {
        /// The status code.
        status: u16,
        /// The headers, names in lower case, with the content type.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// Keep the connection open and never answer.
    Hang,
    /// Drop the connection without an answer.
    Reset,
}

/// The sandbox. Clones share one state.
#[derive(Clone)]
pub struct Sandbox(Arc<Mutex<State>>);

struct State {
    desk: Desk,
    faults: Faults,
    budgets: Budgets,
}

/// One API of the sandbox.
trait Api: Sync {
    /// Whose API it is.
    fn speaks(&self) -> Speaks;

    /// What its paths begin with.
    fn prefix(&self) -> &'static str;

    /// The published rate limits.
    fn quotas(&self) -> &'static [Quota];

    /// Carries out a call. An `Err` is an answer too: the one that ends the reading of a request.
    fn answer(&self, desk: &mut Desk, ask: &Ask<'_>) -> Result<Answer, Answer>;

    /// An error answer in the API's own shape.
    fn problem(&self, status: u16, message: &str) -> Answer;

    /// Writes what is left of a rate limit into an answer's headers.
    fn show_limit(&self, _spent: &Spent, _answer: &mut Answer) {}

    /// The webhook that tells of the newest message of a thread.
    fn announce(&self, desk: &mut Desk, thread: &Thread, entry: &Entry) -> Value;
}

/// The APIs. A new one is a file and a line.
const APIS: [&dyn Api; 4] = [&sequenzy::Sequenzy, &fernand::Fernand, &highlevel::HighLevel, &spruce::Spruce];

/// 2026-01-01, as a Unix time.
const SINCE: i64 = 1_767_225_600;

impl Default for Sandbox {
    fn default() -> Self {
        Self::new(Limits::Published)
    }
}

impl Sandbox {
    /// An empty sandbox.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(State {
            desk: Desk::default(),
            faults: Faults::default(),
            budgets: Budgets::new(limits),
        })))
    }

    /// The same sandbox with ids that no sandbox gave that was started before `now`, so that an engine that remembers what
    /// an earlier one said does not take new messages for old ones.
    #[must_use]
    pub fn counting_from(self, now: Timestamp) -> Self {
        self.state().desk.count_from(u64::try_from(now.as_second() - SINCE).unwrap_or_default() * 8);
        self
    }

    /// Carries out one request.
    pub fn handle(&self, request: &SandboxRequest, now: Timestamp) -> SandboxResponse {
        let mut state = self.state();
        let Some((api, path)) = APIS.into_iter().find_map(|api| Some((api, below(&request.path, api.prefix())?)))
        else {
            return Answer::new(404, json!({ "error": "no such API; see the prefixes of the sandbox" }))
                .into_response();
        };
        let ask = Ask::new(request, path, now);
        let fault = state.faults.take(api.speaks(), ask.is_read());
        match fault {
            Some(Fault::Status(status, after)) => {
                let mut answer = api.problem(status, "injected fault");
                if let Some(seconds) = after {
                    answer.header("retry-after", &seconds.to_string());
                }
                return answer.into_response();
            }
            Some(Fault::Reset) => return SandboxResponse::Reset,
            Some(Fault::Hang) => return SandboxResponse::Hang,
            Some(Fault::Garbage) => return wire::garbage(),
            Some(Fault::TakeThenReset) | None => {}
        }
        let answer = state.carry_out(api, &ask);
        if fault == Some(Fault::TakeThenReset) { SandboxResponse::Reset } else { answer.into_response() }
    }

    /// Stores a message of a customer and gives the webhook payload that the real provider would send for it. Fernand
    /// publishes no webhook: its payload is a message as its own API shows it, with `subject` and `contact` beside it.
    ///
    /// `headers` appear as `data.headers` (Sequenzy) and `headers` (Fernand), where `map: { message.headers: … }` finds
    /// them; the adapters do not look there, because no provider is known to send them.
    pub fn arrive(&self, provider: Speaks, incoming: Incoming, now: Timestamp) -> Value {
        let mut state = self.state();
        let (thread, entry) = state.desk.arrive(provider, incoming, now);
        match APIS.into_iter().find(|api| api.speaks() == provider) {
            Some(api) => api.announce(&mut state.desk, &thread, &entry),
            None => Value::Null,
        }
    }

    /// Every conversation, oldest first.
    pub fn conversations(&self) -> Vec<Thread> {
        self.state().desk.threads.clone()
    }

    /// The webhooks that the sandbox's own doing caused since they were last taken, oldest first.
    pub fn take_webhooks(&self) -> Vec<Webhook> {
        std::mem::take(&mut self.state().desk.webhooks)
    }

    /// Lets the next `times` calls to a provider fail. [`Fault::TakeThenReset`] waits for calls that change something.
    pub fn fail_next(&self, provider: Speaks, fault: Fault, times: u32) {
        self.state().faults.push(provider, fault, times);
    }

    /// The state is changed by whole steps, so what a panicking holder left behind is still usable.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn carry_out(&mut self, api: &dyn Api, ask: &Ask<'_>) -> Answer {
        let spent = self.budgets.spend(api.speaks(), api.quotas(), ask.is_read(), ask.now);
        let mut answer = match &spent {
            Some(spent) if spent.is_exceeded => api.problem(429, "rate limit exceeded"),
            _ => api.answer(&mut self.desk, ask).unwrap_or_else(|refusal| refusal),
        };
        if let Some(spent) = &spent {
            api.show_limit(spent, &mut answer);
        }
        answer
    }
}

/// The part of a path below a prefix.
fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix).filter(|rest| rest.starts_with('/'))
}
