//! What the three steps of the pipeline call: reading a delivery, folding a decision, calling a provider, and the one log
//! line and the counters of each. It keeps nothing itself.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use metrics::{counter, histogram};
use serde_json::Value;

use crate::engine::{Engine, Source};
use crate::model::{
    Contact, Conversation, Decision, Draft, Event, EventId, EventKind, Outcome, Send, SendState, Verdict,
    event::Unreadable,
};
use crate::outbox::Remedy;
use crate::provider::read::body_key;
use crate::provider::{Call, Normalised, ReadBack, Vault};
use crate::rules::{self, Depth};
use crate::secret::Secret;
use crate::signature::{Rejection, VerifiedDelivery};
use crate::store::{Commit, EventClaim, SendClaim, Store, StoreError};

/// Reads a delivery. What cannot be read becomes an event of its own kind, with its bytes.
pub fn normalise(engine: &Engine, source: &Source, verified: &VerifiedDelivery) -> Result<Event, Rejection> {
    let body = verified.body();
    let read = match (serde_json::from_slice::<Value>(body), engine.accounts.get(&source.account)) {
        (Ok(json), Some(account)) => {
            if !account.adapter.is_addressed(&json) {
                return Err(Rejection::ForeignTenant);
            }
            match account.adapter.normalise(verified, &json) {
                Normalised::Event(draft) => {
                    let mut draft = *draft;
                    if let Some(mapping) = &source.mapping {
                        mapping.apply(&mut draft, &json);
                    }
                    Ok((draft, json))
                }
                Normalised::Unreadable(reason) => Err(reason),
            }
        }
        (Err(error), _) => Err(format!("the body is not JSON: {error}")),
        (Ok(_), None) => Err("the account is gone".to_owned()),
    };
    let received_at = verified.delivery().received_at;
    let (draft, raw, unreadable) = match read {
        Ok((draft, json)) => (draft, json, None),
        Err(reason) => (unreadable_draft(body), Value::Null, Some(Unreadable { reason, body: STANDARD.encode(body) })),
    };
    Ok(Event {
        id: EventId::derive(&source.name, &draft.dedupe_key),
        source: source.name.clone(),
        provider: engine.accounts.get(&source.account).map(|account| account.provider.clone()).unwrap_or_default(),
        account: source.account.clone(),
        kind: draft.kind,
        at: draft.at.unwrap_or(received_at),
        received_at,
        conversation: draft.conversation,
        contact: draft.contact,
        message: draft.message,
        raw,
        unreadable,
    })
}

fn unreadable_draft(body: &[u8]) -> Draft {
    Draft {
        dedupe_key: body_key(body),
        kind: EventKind::Unreadable,
        at: None,
        conversation: Conversation::default(),
        contact: Contact::default(),
        message: None,
    }
}

/// Lets the provider merge the sends of each rule.
pub fn fold(engine: &Engine, event: &Event, mut decision: Decision) -> Decision {
    let Some(account) = engine.accounts.get(&event.account) else { return decision };
    let mut folded = Vec::with_capacity(decision.sends.len());
    let mut rest = std::mem::take(&mut decision.sends).into_iter().peekable();
    while let Some(first) = rest.next() {
        let mut group = vec![first];
        while let Some(next) = rest.next_if(|send| group.first().is_some_and(|first| first.rule == send.rule)) {
            group.push(next);
        }
        folded.extend(account.adapter.fold(group));
    }
    decision.sends = folded;
    decision
}

/// How an unknown outcome of a send is cleared up. A key helps as long as the provider remembers it.
pub fn remedy(engine: &Engine, send: &Send, now: Timestamp) -> Remedy {
    let remembers =
        engine.accounts.get(&send.account).and_then(|account| account.adapter.remembers_keys_for(&send.action));
    let doubted = send.in_doubt_since().map_or(SignedDuration::ZERO, |since| now.duration_since(since));
    match send.action.is_idempotent() || remembers.is_some_and(|remembers| doubted < remembers) {
        true => Remedy::Repeat,
        false => Remedy::ReadBack,
    }
}

/// Asks the rules, beside the threads that serve sockets: a rule book may take its time.
pub async fn decide(engine: &Engine, claim: &EventClaim) -> Result<Decision, StoreError> {
    let (book, facts) = (engine.book.load_full(), claim.facts(engine.clock.now()));
    let decided = tokio::task::spawn_blocking(move || rules::decide(&book, &facts, Depth::Matched)).await;
    decided.map_err(|error| StoreError::Failed { what: "deciding".to_owned(), source: Box::new(error) })
}

/// How long a call with all its look-ups and waits may take: it must end before its lease does, or another worker could
/// make the same call beside it.
fn patience(engine: &Engine) -> Duration {
    Duration::try_from(engine.lease).unwrap_or_default().mul_f64(0.8)
}

/// Calls the provider.
pub async fn carry_out(engine: &Engine, claim: &SendClaim) -> Outcome {
    let Some(account) = engine.accounts.get(&claim.send.account) else {
        return Outcome::Refused { reason: format!("there is no account `{}` any more", claim.send.account) };
    };
    let vault = StoreVault(engine.store.as_ref());
    let call = call(engine, claim, account.http.as_ref(), &vault);
    match tokio::time::timeout(patience(engine), account.adapter.deliver(&call)).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::Unknown { reason: "not finished within the lease".to_owned() },
    }
}

/// Looks whether a send of unknown outcome has landed.
pub async fn read_back(engine: &Engine, claim: &SendClaim) -> ReadBack {
    let Some(account) = engine.accounts.get(&claim.send.account) else {
        return ReadBack::Unclear("the account is gone".to_owned());
    };
    let vault = StoreVault(engine.store.as_ref());
    let call = call(engine, claim, account.http.as_ref(), &vault);
    match tokio::time::timeout(patience(engine), account.adapter.read_back(&call)).await {
        Ok(told) => told,
        Err(_) => ReadBack::Unclear("not finished within the lease".to_owned()),
    }
}

fn call<'a>(engine: &Engine, claim: &'a SendClaim, http: &'a dyn crate::http::Http, vault: &'a dyn Vault) -> Call<'a> {
    let may_have_landed = claim.send.in_doubt_since().is_some();
    Call { send: &claim.send, event: &claim.event, may_have_landed, now: engine.clock.now(), http, vault }
}

/// The store as a keeper of credentials.
struct StoreVault<'a>(&'a dyn Store);

#[async_trait::async_trait]
impl Vault for StoreVault<'_> {
    async fn load(&self, name: &str) -> Result<Option<Secret>, String> {
        self.0.credential(name).await.map_err(|error| error.to_string())
    }

    async fn keep(&self, name: &str, value: &Secret) -> Result<(), String> {
        self.0.keep_credential(name, value).await.map_err(|error| error.to_string())
    }
}

/// What the log and the counters say of a decision.
pub struct Summary {
    event: Event,
    verdicts: Vec<(String, String, Verdict)>,
    errors: Vec<String>,
    at: jiff::Timestamp,
}

impl Summary {
    /// Taken before the decision is handed to the store.
    pub fn of(event: &Event, decision: &Decision) -> Self {
        let verdicts = decision.trace.matched.iter().flat_map(|rule| {
            rule.actions.iter().map(|action| (rule.rule.clone(), action.action.clone(), action.verdict.clone()))
        });
        let errors = decision.trace.errors.iter().map(|error| error.rule.clone()).collect();
        Self { event: event.clone(), verdicts: verdicts.collect(), errors, at: decision.at }
    }

    /// Says it, once the decision is durable.
    pub fn report(&self) {
        let (mut chosen, mut blocked) = (0_u32, 0_u32);
        for (rule, action, verdict) in &self.verdicts {
            match verdict {
                Verdict::Chosen => {
                    chosen += 1;
                    counter!("rejoinder_actions_chosen_total", "rule" => rule.clone(), "action" => action.clone())
                        .increment(1);
                }
                Verdict::Blocked { code, .. } => {
                    blocked += 1;
                    counter!("rejoinder_actions_blocked_total", "rule" => rule.clone(), "code" => code.clone())
                        .increment(1);
                }
                Verdict::Failed { .. } => {
                    counter!("rejoinder_actions_failed_total", "rule" => rule.clone()).increment(1)
                }
                Verdict::Vetoed { .. } | Verdict::Shadowed => {}
            }
        }
        for rule in &self.errors {
            counter!("rejoinder_rule_errors_total", "rule" => rule.clone()).increment(1);
        }
        counter!("rejoinder_events_decided_total", "source" => self.event.source.to_string()).increment(1);
        let waited = self.at.duration_since(self.event.received_at);
        histogram!("rejoinder_decide_delay_seconds").record(waited.as_secs_f64().max(0.0));
        tracing::info!(
            event = %self.event.id, kind = %self.event.kind, source = %self.event.source, chosen, blocked,
            rule_errors = self.errors.len(), "decided"
        );
    }
}

/// What the log and the counters say of an attempt, or of a reading back.
pub struct SendSummary {
    send: Send,
    outcome: &'static str,
    took: SignedDuration,
}

impl SendSummary {
    /// Taken before the send is handed to the store; `before` is the send as it was claimed.
    pub fn of(send: &Send, before: &Send, took: SignedDuration) -> Self {
        // Reading back leaves the attempts of an unknown send as they are.
        let is_attempt = before.state == SendState::Pending || send.attempts.len() > before.attempts.len();
        let last = send.attempts.last().and_then(|attempt| attempt.outcome.as_ref());
        let outcome = if is_attempt { last.map_or("none", Outcome::name) } else { "read_back" };
        Self { send: send.clone(), outcome, took }
    }

    /// Says it, once it is known whether it is durable.
    pub fn report(&self, commit: Commit) {
        let send = &self.send;
        let (account, action) = (send.account.to_string(), send.action.name());
        let labels =
            [("account", account.clone()), ("action", action.to_owned()), ("outcome", self.outcome.to_owned())];
        counter!("rejoinder_attempts_total", &labels).increment(1);
        histogram!("rejoinder_attempt_seconds", "account" => account).record(self.took.as_secs_f64().max(0.0));
        let said = send.attempts.last().and_then(|attempt| match &attempt.outcome {
            Some(Outcome::Refused { reason } | Outcome::TryLater { reason, .. } | Outcome::Unknown { reason }) => {
                Some(reason.as_str())
            }
            _ => None,
        });
        match (commit, &send.state) {
            (Commit::Done, SendState::Delivered) => {
                tracing::info!(send = %send.id, event = %send.event, rule = %send.rule,
                account = %send.account, action, attempts = send.attempts.len(), "delivered")
            }
            (Commit::Done, state) => tracing::warn!(send = %send.id, event = %send.event, rule = %send.rule,
                account = %send.account, action, state = state.name(), said, due = %send.due, "not delivered"),
            _ => tracing::error!(send = %send.id, account = %send.account, outcome = self.outcome,
                "the lease had ended; what came of the attempt was not kept"),
        }
    }
}

#[cfg(test)]
mod tests;
