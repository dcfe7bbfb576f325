//! What the three steps of the pipeline call: reading a delivery, folding a decision, calling a provider. What the
//! log and the counters say of each stands in `report`. It keeps nothing itself.

mod alarm;
mod observed;
mod report;
mod taken;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::engine::{Engine, Source};
use crate::http::Http;
use crate::model::{
    AccountName, CapScope, Contact, Controls, Conversation, Decision, Delivery, Draft, Event, EventId, EventKind,
    Facts, Hand, HoldCause, Outcome, SUPERSEDED, Send, SendState, Trace, event::Unreadable,
};
use crate::outbox::{self, OnUnknown, Priority, Remedy, Tried, Turn};
use crate::provider::read::body_key;
use crate::provider::{Call, Line, Normalised, Polled, ReadBack, Vault};
use crate::rules::guard::freshness::{self, Leaving, Stale};
use crate::rules::{self, Book, Depth};
use crate::secret::Secret;
use crate::signature::{Rejection, VerifiedDelivery};
use crate::store::{Changed, EventClaim, SendClaim, SendQuery, Store, StoreError};

pub use alarm::tell_breakers;
use observed::Observed;

pub use report::{SendSummary, Summary, Withheld};

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
    Ok(match read {
        Ok((draft, json)) => event(engine, source, draft, json, received_at),
        Err(reason) => {
            let unreadable = Some(Unreadable { reason, body: STANDARD.encode(body) });
            Event { unreadable, ..event(engine, source, unreadable_draft(body), Value::Null, received_at) }
        }
    })
}

/// A message that was read at the provider, as the event that its delivery would have been.
pub fn found(engine: &Engine, source: &Source, polled: Polled) -> Event {
    let Polled { mut draft, raw } = polled;
    if let Some(mapping) = &source.mapping {
        mapping.apply(&mut draft, &raw);
    }
    event(engine, source, draft, raw, engine.clock.now())
}

fn event(engine: &Engine, source: &Source, draft: Draft, raw: Value, received_at: Timestamp) -> Event {
    Event {
        id: EventId::derive(&source.name, &draft.dedupe_key),
        source: source.name.clone(),
        provider: engine.accounts.get(&source.account).map(|account| account.provider.clone()).unwrap_or_default(),
        account: source.account.clone(),
        kind: draft.kind,
        at: draft.at.unwrap_or(received_at),
        received_at,
        decide_from: draft.at.and_then(|at| decide_from(at, received_at, engine.patience.reorder)),
        conversation: draft.conversation,
        contact: draft.contact,
        message: draft.message,
        raw,
        unreadable: None,
        delivery: draft.delivery,
    }
}

/// From when an event can be decided: when whatever happened before it has had time to arrive. What took that long itself
/// does not wait, and a clock of the provider that is fast makes no wait longer.
fn decide_from(at: Timestamp, received_at: Timestamp, window: SignedDuration) -> Option<Timestamp> {
    at.min(received_at).checked_add(window).ok().filter(|from| *from > received_at)
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
    let account = engine.accounts.get(&send.account);
    let remembers = account.and_then(|account| account.adapter.remembers_keys_for(&send.action));
    let doubted = send.in_doubt_since().map_or(SignedDuration::ZERO, |since| now.duration_since(since));
    match account.map(|account| account.on_unknown).unwrap_or_default() {
        _ if send.action.is_idempotent() => Remedy::Repeat,
        OnUnknown::Retry => Remedy::Repeat,
        OnUnknown::Hold => Remedy::Hold,
        OnUnknown::Reconcile if remembers.is_some_and(|remembers| doubted < remembers) => Remedy::Repeat,
        // The same words of a send that is forgotten already would be taken for this one. Half of the retention, because what
        // was decided long before may have left at the same time.
        OnUnknown::Reconcile if doubted > engine.retention / 2 => Remedy::Hold,
        OnUnknown::Reconcile => Remedy::ReadBack,
    }
}

/// Asks the rules. A script may take its time, and is run beside the threads that serve sockets; everything else takes less
/// than going there.
pub async fn decide(engine: &Engine, claim: &EventClaim) -> Result<Decision, StoreError> {
    let (book, lane) = (engine.book.load_full(), claim.event.lane());
    let curbs = engine.store.curbs(&lane, &rules::windows(&book, &claim.event)).await?;
    let mut facts = claim.facts(curbs, engine.clock.now());
    loop {
        let decision = if book.has_scripts() {
            let (book, given) = (Arc::clone(&book), facts.clone());
            let decided = tokio::task::spawn_blocking(move || rules::decide(&book, &given, Depth::Matched)).await;
            decided.map_err(|error| StoreError::Failed { what: "deciding".to_owned(), source: Box::new(error) })?
        } else {
            rules::decide(&book, &facts, Depth::Matched)
        };
        if decision.wanted.is_empty() {
            return Ok(decision);
        }
        facts.curbs.windows.extend(engine.store.curbs(&lane, &decision.wanted).await?.windows);
    }
}

/// Why the event is decided as it is, with what every rule says.
pub fn explain(book: &Book, facts: &Facts) -> Trace {
    rules::decide(book, facts, Depth::Everything).trace
}

/// The send as it is kept when it may not leave: something happened since it was decided, or it is paused. A send of unknown
/// outcome is past being called off; a pause only keeps it from being repeated.
pub async fn withheld(engine: &Engine, claim: &SendClaim, remedy: Remedy) -> Result<Option<Send>, StoreError> {
    let (send, now) = (&claim.send, engine.clock.now());
    let curbs = engine.store.standing(&claim.event.lane(), &send.counted).await?;
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
            false => engine.store.drop_send(id, &hand("drop", SUPERSEDED)).await?,
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

/// Waits until a send of the account may leave. It waits before a send is taken up, so that what waits holds no lease,
/// and can still be paused, called off, or overtaken. Nothing where the account is gone.
pub async fn turn(engine: &Engine, account: &AccountName) -> Option<Turn> {
    match engine.accounts.get(account) {
        Some(account) => Some(account.http.gate().turn(Priority::Act, false).await),
        None => None,
    }
}

/// What came of a step at the provider, or how long the send has to be put off because its account has to wait. Then
/// nothing was done, and no attempt is spent.
pub type OrPutOff<T> = Result<T, SignedDuration>;

/// Calls the provider.
pub async fn carry_out(engine: &Engine, claim: &SendClaim, turn: Option<Turn>) -> OrPutOff<Tried> {
    let started_at = engine.clock.now();
    let Some(account) = engine.accounts.get(&claim.send.account) else {
        let reason = format!("there is no account `{}` any more", claim.send.account);
        return Ok(Tried { started_at, outcome: Outcome::Refused { reason }, answer: None });
    };
    let line = account.http.line_with(Priority::of(&claim.send.action), turn);
    let (vault, observed) = (StoreVault(engine.store.as_ref()), Observed::new(&line));
    let call = call(engine, claim, &observed, &vault);
    let mut outcome = match tokio::time::timeout(patience(engine), account.adapter.deliver(&call)).await {
        Ok(outcome) => unless_put_off(&line, outcome)?,
        Err(_) => Outcome::Unknown { reason: "not finished within the lease".to_owned() },
    };
    if let (Outcome::Unknown { reason }, OnUnknown::Retry) = (&mut outcome, account.on_unknown) {
        reason.push_str("; sent again without looking, because the account says `on_unknown: retry`");
    }
    Ok(Tried { started_at, outcome, answer: observed.last() })
}

fn unless_put_off<T>(line: &Line, told: T) -> OrPutOff<T> {
    line.put_off().map_or(Ok(told), Err)
}

/// Looks whether a send of unknown outcome has landed.
pub async fn read_back(engine: &Engine, claim: &SendClaim, turn: Option<Turn>) -> OrPutOff<ReadBack> {
    let Some(account) = engine.accounts.get(&claim.send.account) else {
        return Ok(ReadBack::Unclear("the account is gone".to_owned()));
    };
    let vault = StoreVault(engine.store.as_ref());
    let taken = match taken::by_others(engine.store.as_ref(), claim).await {
        Ok(taken) => taken,
        Err(error) => return Ok(ReadBack::Unclear(error.to_string())),
    };
    let line = account.http.line_with(Priority::LookUp, turn);
    let call = Call { taken: &taken, ..call(engine, claim, &line, &vault) };
    match tokio::time::timeout(patience(engine), account.adapter.read_back(&call)).await {
        Ok(told) => unless_put_off(&line, told),
        Err(_) => Ok(ReadBack::Unclear("not finished within the lease".to_owned())),
    }
}

fn call<'a>(engine: &Engine, claim: &'a SendClaim, http: &'a dyn Http, vault: &'a dyn Vault) -> Call<'a> {
    let may_have_landed = claim.send.in_doubt_since().is_some();
    let (send, event, now) = (&claim.send, &claim.event, engine.clock.now());
    Call { send, event, may_have_landed, taken: &[], now, http, vault }
}

/// The store as a keeper of credentials.
pub struct StoreVault<'a>(pub &'a dyn Store);

#[async_trait::async_trait]
impl Vault for StoreVault<'_> {
    async fn load(&self, name: &str) -> Result<Option<Secret>, String> {
        self.0.credential(name).await.map_err(|error| error.to_string())
    }

    async fn keep(&self, name: &str, value: &Secret) -> Result<(), String> {
        self.0.keep_credential(name, value).await.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests;
