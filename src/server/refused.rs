//! What was refused within the last hour, and why: in memory, alike ones as one, at most 32 kinds for each source. The
//! diagnosis is made when a delivery is refused, so nothing of the delivery is kept but names of headers and its size.
//!
//! Nobody can spend our time with bad deliveries: one diagnosis at a time, one a second for each source, none of a large
//! body. It runs beside the answer, which does not wait for it and does not depend on it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Delivery, SourceName};
use crate::signature::{Arrival, Diagnosis, Doctor, Finding, Rejection};

/// How long something refused is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// How many kinds are kept for each source.
const KINDS: usize = 32;

/// How much time lies between two diagnoses for one source.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// The largest body that is diagnosed here, in bytes.
const LARGEST: usize = 64 << 10;

/// Refused deliveries that had the same wrong with them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Refused {
    /// When the first of them came.
    first: Timestamp,
    /// When the last of them came.
    last: Timestamp,
    /// How many of them were looked at.
    times: u64,
    /// Why, by the word of logs and metrics.
    reason: String,
    /// The size of the last one's body, in bytes.
    body_bytes: usize,
    /// Which headers of signatures they had, by name.
    headers: Vec<String>,
    /// What is wrong, the most certain first.
    findings: Vec<Finding>,
}

/// What is kept of one source.
#[derive(Clone, Default)]
pub(super) struct OfSource {
    pub(super) kinds: VecDeque<Refused>,
    /// How many were refused and not looked at, since the start.
    pub(super) not_looked_at: u64,
    looked: Option<Timestamp>,
}

/// What is kept of all sources.
#[derive(Default)]
pub(super) struct RefusedLog {
    sources: Mutex<BTreeMap<SourceName, OfSource>>,
    is_busy: AtomicBool,
}

/// A diagnosis under way, however it ends.
struct Busy(Arc<RefusedLog>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.is_busy.store(false, Ordering::Release);
    }
}

impl RefusedLog {
    /// What was refused at a source, the newest first.
    pub(super) fn of(&self, source: &SourceName, now: Timestamp) -> OfSource {
        let mut sources = self.sources();
        let Some(kept) = sources.get_mut(source) else { return OfSource::default() };
        kept.forget(now);
        kept.clone()
    }

    /// Keeps what needs no diagnosis.
    pub(super) fn note(&self, source: &SourceName, now: Timestamp, reason: &str, finding: Finding, body_bytes: usize) {
        let diagnosis = Diagnosis::of(reason, finding);
        self.sources().entry(source.clone()).or_default().add(now, diagnosis, body_bytes);
    }

    /// Diagnoses a delivery that was rejected, beside everything else, unless there were too many of late.
    pub(super) fn look(
        self: &Arc<Self>,
        doctor: &Arc<Doctor>,
        source: &SourceName,
        rejection: Rejection,
        delivery: Delivery,
        target: String,
        now: Timestamp,
    ) {
        if let Some(finding) = Finding::beyond_signature(rejection) {
            return self.note(source, now, rejection.code(), finding, delivery.body.len());
        }
        if delivery.body.len() > LARGEST || !self.begins(source, now) {
            return;
        }
        let (log, doctor, source) = (Arc::clone(self), Arc::clone(doctor), source.clone());
        let busy = Busy(Arc::clone(self));
        tokio::task::spawn_blocking(move || {
            let _busy = busy;
            let arrival = Arrival { target: Some(&target) };
            let diagnosis = doctor.diagnose(&source, &delivery, &arrival, now);
            if let Some(diagnosis) = diagnosis.filter(|diagnosis| !diagnosis.verified) {
                log.sources().entry(source).or_default().add(now, diagnosis, delivery.body.len());
            }
        });
    }

    /// Whether a diagnosis may begin; counts the delivery where it may not.
    fn begins(&self, source: &SourceName, now: Timestamp) -> bool {
        let mut sources = self.sources();
        let kept = sources.entry(source.clone()).or_default();
        let is_early = kept.looked.is_some_and(|at| now.duration_since(at).abs() < PAUSE);
        if is_early || self.is_busy.swap(true, Ordering::Acquire) {
            kept.not_looked_at += 1;
            return false;
        }
        kept.looked = Some(now);
        true
    }

    fn sources(&self) -> MutexGuard<'_, BTreeMap<SourceName, OfSource>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OfSource {
    fn add(&mut self, now: Timestamp, diagnosis: Diagnosis, body_bytes: usize) {
        self.forget(now);
        let reason = diagnosis.reason.unwrap_or_default();
        let words = |findings: &[Finding]| findings.iter().map(|it| it.finding.clone()).collect::<Vec<_>>();
        let alike = self.kinds.iter().position(|kind| {
            (&kind.reason, &kind.headers) == (&reason, &diagnosis.headers)
                && words(&kind.findings) == words(&diagnosis.findings)
        });
        let before = alike.and_then(|index| self.kinds.remove(index));
        self.kinds.truncate(KINDS - 1);
        self.kinds.push_front(Refused {
            first: before.as_ref().map_or(now, |kind| kind.first),
            last: now,
            times: before.map_or(1, |kind| kind.times + 1),
            reason,
            body_bytes,
            headers: diagnosis.headers,
            findings: diagnosis.findings,
        });
    }

    fn forget(&mut self, now: Timestamp) {
        self.kinds.retain(|kind| now.duration_since(kind.last) < KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    #[test]
    fn alike_ones_are_one_and_the_oldest_kinds_go_first() {
        let log = RefusedLog::default();
        let source = SourceName::from("inbox");
        for second in 0..40 {
            log.note(&source, at(second), &format!("reason-{second}"), Finding::not_allowed(), 3);
        }
        log.note(&source, at(40), "reason-39", Finding::not_allowed(), 5);
        let kept = log.of(&source, at(41));
        assert_eq!(kept.kinds.len(), KINDS);
        let newest = kept.kinds.front().unwrap();
        assert_eq!((newest.times, newest.first, newest.last, newest.body_bytes), (2, at(39), at(40), 5));
        assert_eq!(kept.kinds.back().unwrap().reason, "reason-8");
        assert_eq!(log.of(&source, at(3_639)).kinds.len(), 1);
        assert!(log.of(&source, at(3_640)).kinds.is_empty());
        assert!(log.of(&SourceName::from("other"), at(0)).kinds.is_empty());
    }

    #[test]
    fn one_diagnosis_at_a_time_and_one_a_second_for_each_source() {
        let log = RefusedLog::default();
        let (one, other) = (SourceName::from("one"), SourceName::from("other"));
        assert!(log.begins(&one, at(0)));
        assert!(!log.begins(&other, at(0)), "the first is not done");
        log.is_busy.store(false, Ordering::Release);
        assert!(!log.begins(&one, at(0)));
        assert!(log.begins(&other, at(0)));
        log.is_busy.store(false, Ordering::Release);
        assert!(log.begins(&one, at(1)));
        assert_eq!(log.of(&one, at(1)).not_looked_at, 1);
    }
}
