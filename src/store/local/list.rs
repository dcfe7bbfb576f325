//! Reading without a lease: single records by id, and lists. Changes nothing.
//! In a list, a record that cannot be read is left out and named in the log, so that it does not hide the others; asked for
//! by id, it is an error.

use std::ops::Range;
use std::sync::Arc;

use super::record::{self, DecisionRecord, EventPlace};
use super::{happened, keys};
use crate::model::{Decision, Event, EventId, Send as OutgoingSend, SendId, SendState};
use crate::store::kv::{Kv, Order, Walk};
use crate::store::{EventOrder, EventQuery, SendQuery, StoreError, StoredEvent};

/// The most that a list holds.
const MOST: usize = 1000;

/// Where an event is.
pub(super) fn event_place(kv: &dyn Kv, id: &EventId) -> Result<Option<EventPlace>, StoreError> {
    record::get(kv, &keys::event_place(id), || format!("the place of event {id}"))
}

/// What was decided for an event, and the numbers of the sends.
pub(super) fn decision(kv: &dyn Kv, event: u64) -> Result<Option<DecisionRecord>, StoreError> {
    let kept: Option<DecisionRecord> =
        record::get(kv, &keys::decision(event), || format!("the decision on event number {event}"))?;
    Ok(kept.map(DecisionRecord::whole))
}

/// The number of a send.
pub(super) fn send_place(kv: &dyn Kv, id: &SendId) -> Result<Option<u64>, StoreError> {
    record::get(kv, &keys::send_place(id), || format!("the place of send {id}"))
}

/// A send by its number.
pub(super) fn send_numbered(kv: &dyn Kv, number: u64) -> Result<OutgoingSend, StoreError> {
    happened::require(kv, number, || format!("send number {number}"))
}

/// A send by its id, with its number.
pub(super) fn send(kv: &dyn Kv, id: &SendId) -> Result<Option<(u64, OutgoingSend)>, StoreError> {
    let Some(number) = send_place(kv, id)? else { return Ok(None) };
    Ok(Some((number, happened::require(kv, number, || format!("send {id}"))?)))
}

/// An event by its id.
pub(super) fn event(kv: &dyn Kv, id: &EventId) -> Result<Option<StoredEvent>, StoreError> {
    let Some(EventPlace { number, .. }) = event_place(kv, id)? else { return Ok(None) };
    let event = record::require(kv, &keys::event(number), || format!("event {id}"))?;
    Ok(Some(StoredEvent { event, decision: decided(kv, number)? }))
}

fn decided(kv: &dyn Kv, number: u64) -> Result<Option<Decision>, StoreError> {
    Ok(decision(kv, number)?.map(|record| record.decision))
}

/// Events, from the end that is asked for.
pub(super) fn events(kv: &Arc<dyn Kv>, query: &EventQuery) -> Result<Vec<StoredEvent>, StoreError> {
    let number = |id: &EventId| Ok(event_place(&**kv, id)?.map(|place| place.number));
    let end = query.before.as_ref().map_or(Ok(Some(u64::MAX)), number)?;
    let start = query.after.as_ref().map_or(Ok(Some(0)), |id| Ok(number(id)?.map(|number| number + 1)))?;
    let Some((start, end)) = start.zip(end) else { return Ok(Vec::new()) };
    let range = match &query.lane {
        Some(lane) => Range { start: keys::in_lane(lane, start), end: keys::in_lane(lane, end) },
        None => Range { start: keys::event(start), end: keys::event(end) },
    };
    let order = match query.order {
        EventOrder::Newest => Order::Reverse,
        EventOrder::Oldest => Order::Forward,
    };
    let mut found = Vec::new();
    for pair in Walk::new(kv, range, order) {
        let (key, value) = pair?;
        let Some(number) = keys::number_of(&key) else { continue };
        let what = || format!("event number {number}");
        let event = match query.lane {
            Some(_) => record::require(&**kv, &keys::event(number), what),
            None => record::read(&value, what),
        };
        let stored = event.and_then(|event: Event| {
            let wanted = wants_event(query, &event);
            let stored = || Ok(StoredEvent { decision: decided(&**kv, number)?, event });
            wanted.then(stored).transpose()
        });
        found.extend(readable(stored)?.flatten());
        if found.len() >= limit(query.limit) {
            break;
        }
    }
    Ok(found)
}

fn wants_event(query: &EventQuery, event: &Event) -> bool {
    query.kind.is_none_or(|kind| kind == event.kind)
        && query.source.as_ref().is_none_or(|source| *source == event.source)
        && query.lane.as_ref().is_none_or(|lane| *lane == event.lane())
        && query.since.is_none_or(|since| event.received_at >= since)
}

/// Sends, newest first. Those of an event and those that are not settled are found without looking at the others.
pub(super) fn sends(kv: &Arc<dyn Kv>, query: &SendQuery) -> Result<Vec<OutgoingSend>, StoreError> {
    let mut found = Vec::new();
    for send in candidates(kv, query)? {
        found.extend(readable(send)?.filter(|send| wants_send(query, send)));
        if found.len() >= limit(query.limit) {
            break;
        }
    }
    Ok(found)
}

type Sends<'a> = Box<dyn Iterator<Item = Result<OutgoingSend, StoreError>> + 'a>;

fn candidates<'a>(kv: &'a Arc<dyn Kv>, query: &SendQuery) -> Result<Sends<'a>, StoreError> {
    let end = query.before.as_ref().map_or(Ok(Some(u64::MAX)), |id| send_place(&**kv, id))?;
    let Some(end) = end else { return Ok(Box::new(std::iter::empty())) };
    if let Some(id) = &query.event {
        let place = event_place(&**kv, id)?;
        let record = place.map(|place| decision(&**kv, place.number)).transpose()?.flatten();
        let numbers = record.map(|record| record.sends).unwrap_or_default();
        let earlier = numbers.into_iter().rev().filter(move |number| *number < end);
        return Ok(Box::new(earlier.map(|number| send_numbered(&**kv, number))));
    }
    let walk = |key: fn(u64) -> Vec<u8>| Walk::new(kv, key(0)..key(end), Order::Reverse);
    let number = |key: &[u8]| keys::number_of(key).unwrap_or_default();
    Ok(match query.state.as_deref() {
        Some("pending" | "unknown" | "held" | "dead") => Box::new(
            walk(keys::unsettled).map(move |pair| pair.and_then(|(key, _)| send_numbered(&**kv, number(&key)))),
        ),
        _ => Box::new(walk(keys::send).map(move |pair| {
            let (key, value) = pair?;
            happened::read(&**kv, number(&key), &value, || format!("send number {}", number(&key)))
        })),
    })
}

fn wants_send(query: &SendQuery, send: &OutgoingSend) -> bool {
    let is_held_for =
        |wanted: &String| matches!(&send.state, SendState::Held { cause, .. } if cause.as_str() == wanted);
    query.state.as_ref().is_none_or(|state| state == send.state.name())
        && query.cause.as_ref().is_none_or(is_held_for)
        && query.account.as_ref().is_none_or(|account| *account == send.account)
        && query.rule.as_ref().is_none_or(|rule| *rule == send.rule)
        && query.event.as_ref().is_none_or(|event| *event == send.event)
        && query.conversation.as_ref().is_none_or(|given| is_in(send, given))
        && query.since.is_none_or(|since| send.created_at >= since)
        && query.reason.as_ref().is_none_or(|part| says(send, part))
        && query.reported.as_ref().is_none_or(|word| send.report.as_ref().is_some_and(|it| it.status.as_str() == word))
}

/// Whether a send belongs to a conversation, given as the provider's id of it or as its lane.
fn is_in(send: &OutgoingSend, given: &str) -> bool {
    let lane = send.action.conversation_of(&send.lane);
    let id = lane.as_str().split_once("/conversation:").map(|(_, id)| id);
    lane.as_str() == given || id == Some(given)
}

/// Whether the reason of its state holds these words.
fn says(send: &OutgoingSend, part: &str) -> bool {
    send.state.reason().is_some_and(|reason| reason.to_lowercase().contains(&part.to_lowercase()))
}

/// A record of a list; nothing where it cannot be read, which the log says.
pub(super) fn readable<T>(record: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match record {
        Ok(record) => Ok(Some(record)),
        Err(StoreError::Corrupt { what }) => {
            tracing::error!(what, "a stored record cannot be read and is left out");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn limit(asked: usize) -> usize {
    if asked == 0 { 100 } else { asked.min(MOST) }
}
