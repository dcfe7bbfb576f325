//! What the three steps of the pipeline call: reading a delivery, folding a decision, calling a provider, and the one log
//! line and the counters of each. It keeps nothing itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use metrics::{counter, histogram};
use serde_json::{Map, Value};

use crate::engine::{Engine, Source};
use crate::model::{
    CapScope, Contact, Controls, Conversation, Decision, Delivery, Draft, Event, EventId, EventKind, Hand, HoldCause,
    Outcome, Quarantine, Scope, Send, SendState, Verdict, event::Unreadable,
};
use crate::outbox::{self, Remedy};
use crate::provider::read::body_key;
use crate::provider::{Call, Normalised, ReadBack, Vault};
use crate::rules::guard::freshness::{self, Leaving, Stale};
use crate::rules::{self, Depth, Tally};
use crate::secret::Secret;
use crate::signature::{Rejection, VerifiedDelivery};
use crate::store::{Changed, Commit, EventClaim, SendClaim, SendQuery, Store, StoreError};

/// Reads a delivery. What cannot be read becomes an event of its own kind, with its bytes.
pub fn normalise(engine: &Engine, source: &Source, verified: &VerifiedDelivery) -> Result<Event, Rejection> {
    let body = verified.body();
    let read = match (read_body(verified.delivery()), engine.accounts.get(&source.account)) {
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
        (Err(reason), _) => Err(reason),
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
        delivery: draft.delivery,
    })
}

/// The body as JSON. A form becomes an object of its fields, where one that comes several times is a list.
fn read_body(delivery: &Delivery) -> Result<Value, String> {
    let error = match serde_json::from_slice(&delivery.body) {
        Ok(json) => return Ok(json),
        Err(error) => format!("the body is not JSON: {error}"),
    };
    let mut object = Map::new();
    for (name, value) in delivery.form().ok_or(error)? {
        match object.get_mut(&name) {
            None => drop(object.insert(name, value.into())),
            Some(Value::Array(several)) => several.push(value.into()),
            Some(first) => *first = Value::Array(vec![first.take(), value.into()]),
        }
    }
    Ok(Value::Object(object))
}

fn unreadable_draft(body: &[u8]) -> Draft {
    Draft {
        dedupe_key: body_key(body),
        kind: EventKind::Unreadable,
        at: None,
        conversation: Conversation::default(),
        contact: Contact::default(),
        message: None,
        delivery: None,
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
    let (book, lane) = (engine.book.load_full(), claim.event.lane());
    let curbs = engine.store.curbs(&lane, &rules::windows(&book, &claim.event)).await?;
    let mut facts = claim.facts(curbs, engine.clock.now());
    loop {
        let (book, given) = (Arc::clone(&book), facts.clone());
        let decided = tokio::task::spawn_blocking(move || rules::decide(&book, &given, Depth::Matched)).await;
        let decision =
            decided.map_err(|error| StoreError::Failed { what: "deciding".to_owned(), source: Box::new(error) })?;
        if decision.wanted.is_empty() {
            return Ok(decision);
        }
        facts.curbs.windows.extend(engine.store.curbs(&lane, &decision.wanted).await?.windows);
    }
}

/// The send as it is kept when it may not leave: something happened since it was decided, or it is paused. A send of unknown
/// outcome is past being called off; a pause only keeps it from being repeated.
pub async fn withheld(engine: &Engine, claim: &SendClaim, remedy: Remedy) -> Result<Option<Send>, StoreError> {
    let (send, now) = (&claim.send, engine.clock.now());
    let curbs = engine.store.curbs(&claim.event.lane(), &send.counted).await?;
    if send.state == SendState::Unknown {
        let is_paused = curbs.controls.paused(&send.scopes()).is_some() && remedy == Remedy::Repeat;
        return Ok(is_paused.then(|| outbox::postponed(send.clone(), now)));
    }
    let book = engine.book.load();
    let rule = book.rule(&send.rule).map(|rule| rule.hash.as_str());
    let leaving = Leaving { send, conversation: &claim.conversation, curbs: &curbs, rule, now };
    Ok(freshness::stale(&leaving).map(|stale| {
        let state = match stale {
            Stale::Cancelled(reason) => SendState::Cancelled { reason },
            Stale::Held(cause, reason) => SendState::Held { cause, reason },
        };
        outbox::withheld(send.clone(), state)
    }))
}

/// Lets go what was held by a pause that is over, in the name of `by`; each is looked at again before it leaves. Answers
/// how many.
pub async fn release_resumed(engine: &Engine, by: &str) -> Result<usize, StoreError> {
    if engine.store.counts().await?.held == 0 {
        return Ok(0);
    }
    let cause = Some(HoldCause::Paused.as_str().to_owned());
    let mut query = SendQuery { state: Some("held".to_owned()), cause, limit: 1_000, ..SendQuery::default() };
    let controls = Controls(engine.store.controls().await?);
    let (mut free, mut seen) = (Vec::new(), BTreeSet::new());
    loop {
        let held = engine.store.sends(&query).await?;
        let Some(last) = held.last() else { break };
        query.before = Some(last.id.clone());
        let over = held.into_iter().filter(|send| controls.paused(&send.scopes()).is_none());
        // Newest first, so that of the same words to the same person the newest is the first that is seen.
        free.extend(over.map(|send| (!send.action.reaches_contact() || seen.insert(same_words(&send)), send.id)));
    }
    let mut released = 0;
    // Oldest first: what was decided first leaves first.
    for (is_first, id) in free.iter().rev() {
        let (at, by) = (engine.clock.now(), by.to_owned());
        let hand = |did: &str, why: &str| Hand { at, by, did: did.to_owned(), why: why.to_owned() };
        let changed = match is_first {
            true => engine.store.release(id, &hand("release", "the pause is over")).await?,
            false => engine.store.drop_send(id, &hand("drop", "superseded")).await?,
        };
        released += usize::from(*is_first && changed == Changed::Done);
    }
    engine.bells.deliver.notify_waiters();
    Ok(released)
}

/// To whom, and what: a pause must not end with the same mail many times.
fn same_words(send: &Send) -> (String, String) {
    let correspondent = send.counted.iter().find(|key| key.as_str().starts_with(CapScope::Correspondent.as_str()));
    let whose = correspondent.map_or_else(|| send.lane.to_string(), ToString::to_string);
    (whose, serde_json::to_string(&send.action).unwrap_or_default())
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
    quarantines: Vec<Quarantine>,
    paused: Vec<Scope>,
    at: jiff::Timestamp,
}

impl Summary {
    /// Taken before the decision is handed to the store.
    pub fn of(event: &Event, decision: &Decision) -> Self {
        let verdicts = decision.trace.matched.iter().flat_map(|rule| {
            rule.actions.iter().map(|action| (rule.rule.clone(), action.action.clone(), action.verdict.clone()))
        });
        let errors = decision.trace.errors.iter().map(|error| error.rule.clone()).collect();
        Self {
            event: event.clone(),
            verdicts: verdicts.collect(),
            errors,
            quarantines: decision.quarantines.clone(),
            paused: decision.controls.iter().map(|control| control.scope.clone()).collect(),
            at: decision.at,
        }
    }

    /// Says it, once the decision is durable, and counts the rules that failed.
    pub fn report(&self, failures: &Tally) {
        let (mut chosen, mut blocked, mut held, mut drafted) = (0_u32, 0_u32, 0_u32, 0_u32);
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
                Verdict::Held { cause } => {
                    held += 1;
                    counter!("rejoinder_actions_held_total", "rule" => rule.clone(), "cause" => cause.as_str())
                        .increment(1);
                }
                Verdict::Drafted => drafted += 1,
                Verdict::Vetoed { .. } | Verdict::Shadowed => {}
            }
        }
        for rule in &self.errors {
            counter!("rejoinder_rule_errors_total", "rule" => rule.clone()).increment(1);
            failures.count(rule, self.at);
        }
        for quarantine in &self.quarantines {
            let scope = quarantine.scope.as_str();
            counter!("rejoinder_quarantines_total", "account" => quarantine.account.to_string(), "scope" => scope)
                .increment(1);
            tracing::warn!(quarantine = %quarantine.id, scope, cap = quarantine.cap, rule = quarantine.rule,
                event = %quarantine.event, until = %quarantine.until, "a cap was reached; no automatic reply for a while");
        }
        for scope in &self.paused {
            counter!("rejoinder_guard_pauses_total").increment(1);
            tracing::warn!(scope = %scope, event = %self.event.id, "a cap was reached; paused until resumed");
        }
        counter!("rejoinder_events_decided_total", "source" => self.event.source.to_string()).increment(1);
        let waited = self.at.duration_since(self.event.received_at);
        histogram!("rejoinder_decide_delay_seconds").record(waited.as_secs_f64().max(0.0));
        tracing::info!(
            event = %self.event.id, kind = %self.event.kind, source = %self.event.source, chosen, held,
            drafted, blocked, rule_errors = self.errors.len(), "decided"
        );
    }
}

/// What the log and the counters say of a send that did not leave.
pub struct Withheld(Send);

impl Withheld {
    /// Taken before the send is handed to the store.
    pub fn of(send: &Send) -> Self {
        Self(send.clone())
    }

    /// Says it, once it is known whether it is durable.
    pub fn report(&self, commit: Commit) {
        let Self(send) = self;
        let (state, reason) = match &send.state {
            SendState::Cancelled { reason } => ("cancelled", reason.as_str()),
            SendState::Held { cause, .. } => ("held", cause.as_str()),
            _ => ("postponed", "paused"),
        };
        if commit == Commit::Done {
            counter!("rejoinder_sends_withheld_total", "account" => send.account.to_string(), "state" => state,
                "reason" => reason.to_owned())
            .increment(1);
            tracing::info!(send = %send.id, event = %send.event, rule = %send.rule, account = %send.account, state,
                reason, "did not leave");
        }
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
