//! A send is written whole when it is decided, and never again: most of it cannot change. What happens to it is written beside
//! it, because that is short and is written twice at least: before the call and after it.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{keys, record};
use crate::model::{Attempt, Hand, Reported, Send as OutgoingSend, SendId, SendState, Settling, moment};
use crate::store::StoreError;
use crate::store::kv::{Batch, Kv};

/// Everything of a send that may change.
#[derive(Serialize, Deserialize)]
struct Happened<'a> {
    #[serde(flatten)]
    state: Cow<'a, SendState>,
    #[serde(with = "moment")]
    due: Timestamp,
    /// Where it is not the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<Cow<'a, str>>,
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    fresh_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_empty")]
    attempts: Cow<'a, [Attempt]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<Cow<'a, str>>,
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    lane_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_empty")]
    passed: Cow<'a, [SendId]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settling: Option<Cow<'a, Settling>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    read_backs: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    renewed_after: usize,
    #[serde(default, skip_serializing_if = "is_zero")]
    redriven_after: usize,
    #[serde(default, skip_serializing_if = "is_empty")]
    hands: Cow<'a, [Hand]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report: Option<Cow<'a, Reported>>,
}

fn is_empty<T>(list: &[T]) -> bool {
    list.is_empty()
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

impl<'a> Happened<'a> {
    fn to(send: &'a OutgoingSend) -> Self {
        let is_renewed = send.idempotency_key != send.id.as_str();
        Self {
            state: Cow::Borrowed(&send.state),
            due: send.due,
            idempotency_key: is_renewed.then_some(Cow::Borrowed(&send.idempotency_key)),
            expires: send.expires,
            fresh_from: send.fresh_from,
            attempts: Cow::Borrowed(&send.attempts),
            provider_id: send.provider_id.as_deref().map(Cow::Borrowed),
            request_id: send.request_id.as_deref().map(Cow::Borrowed),
            lane_until: send.lane_until,
            passed: Cow::Borrowed(&send.passed),
            settling: send.settling.as_ref().map(Cow::Borrowed),
            read_backs: send.read_backs,
            renewed_after: send.renewed_after,
            redriven_after: send.redriven_after,
            hands: Cow::Borrowed(&send.hands),
            report: send.report.as_ref().map(Cow::Borrowed),
        }
    }

    fn since(self, decided: OutgoingSend) -> OutgoingSend {
        OutgoingSend {
            state: self.state.into_owned(),
            due: self.due,
            idempotency_key: self.idempotency_key.map_or_else(|| decided.id.to_string(), Cow::into_owned),
            expires: self.expires,
            fresh_from: self.fresh_from,
            attempts: self.attempts.into_owned(),
            provider_id: self.provider_id.map(Cow::into_owned),
            request_id: self.request_id.map(Cow::into_owned),
            lane_until: self.lane_until,
            passed: self.passed.into_owned(),
            settling: self.settling.map(Cow::into_owned),
            read_backs: self.read_backs,
            renewed_after: self.renewed_after,
            redriven_after: self.redriven_after,
            hands: self.hands.into_owned(),
            report: self.report.map(Cow::into_owned),
            ..decided
        }
    }
}

/// Writes a send that was decided just now.
pub(super) fn put_new(batch: &mut Batch, number: u64, send: &OutgoingSend) -> Result<(), StoreError> {
    batch.put(keys::send(number), record::write(send)?);
    Ok(())
}

/// Writes what has happened to a send that is known.
pub(super) fn put(batch: &mut Batch, number: u64, send: &OutgoingSend) -> Result<(), StoreError> {
    batch.put(keys::happened(number), record::write(&Happened::to(send))?);
    Ok(())
}

/// A send as it is now, given what is written under its key.
pub(super) fn read(
    kv: &dyn Kv,
    number: u64,
    decided: &[u8],
    what: impl Fn() -> String,
) -> Result<OutgoingSend, StoreError> {
    let decided: OutgoingSend = record::read(decided, &what)?;
    let since: Option<Happened<'_>> =
        record::get(kv, &keys::happened(number), || format!("what has happened to {}", what()))?;
    Ok(match since {
        Some(since) => since.since(decided),
        None => decided,
    })
}

/// A send as it is now, given its number.
pub(super) fn get(kv: &dyn Kv, number: u64, what: impl Fn() -> String) -> Result<Option<OutgoingSend>, StoreError> {
    kv.get(&keys::send(number))?.map(|decided| read(kv, number, &decided, what)).transpose()
}

/// A send as it is now, which something else points at.
pub(super) fn require(kv: &dyn Kv, number: u64, what: impl Fn() -> String) -> Result<OutgoingSend, StoreError> {
    get(kv, number, &what)?.ok_or_else(|| StoreError::Corrupt { what: format!("{} is missing", what()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Answered, CancelOn, HoldCause, Outcome};
    use crate::rules::testing::{facts, now};

    /// A send of which everything is unlike when it was decided that may become so.
    fn changed(decided: &OutgoingSend) -> OutgoingSend {
        let outcome = Outcome::Delivered { provider_id: Some("m1".to_owned()), request_id: None };
        let answer = Some(Answered { status: 200, body: "{}".to_owned() });
        let attempt = Attempt { ended_at: Some(now()), outcome: Some(outcome), answer, ..Attempt::begun(1, now()) };
        OutgoingSend {
            due: Timestamp::MAX,
            idempotency_key: format!("{}.r2", decided.id),
            expires: Some(Timestamp::MIN),
            fresh_from: Some(now()),
            state: SendState::Held { cause: HoldCause::Unknown, reason: "nobody knows".to_owned() },
            attempts: vec![attempt],
            provider_id: Some("m1".to_owned()),
            request_id: Some("r1".to_owned()),
            lane_until: Some(now()),
            passed: vec![decided.id.clone()],
            settling: Some(Settling { until: now(), responses: vec!["answer".to_owned()] }),
            read_backs: 1,
            renewed_after: 2,
            redriven_after: 3,
            hands: vec![Hand { at: now(), by: "Ann".to_owned(), did: "redrive".to_owned(), why: String::new() }],
            ..decided.clone()
        }
    }

    #[test]
    fn a_send_is_what_was_decided_and_what_has_happened_since() {
        let disk = crate::store::memory::Memory::default();
        let action: Action = serde_json::from_value(serde_json::json!({"action": "close"})).unwrap();
        let mut decided = OutgoingSend::new(&facts(serde_json::json!({})).event, "away", 0, action, now());
        decided.cancel_on = vec![CancelOn::Closed];
        let keep = |change: &dyn Fn(&mut Batch)| {
            let mut batch = Batch::default();
            change(&mut batch);
            disk.apply(batch).unwrap();
            get(&disk, 1, String::new).unwrap().unwrap()
        };
        assert_eq!(keep(&|batch| put_new(batch, 1, &decided).unwrap()), decided);
        for now in [changed(&decided), OutgoingSend { state: SendState::Confirmed, ..decided.clone() }] {
            assert_eq!(keep(&|batch| put(batch, 1, &now).unwrap()), now);
        }
    }
}
