//! Watches what the engine asks of the adapters, and says at once where that is wrong: two sends of a lane at a time, a
//! repeat without having looked, a look that does not see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::planted::Planted;
use super::time::Time;
use super::{LEASE, has_keys};
use crate::model::{Action, LaneKey, Outcome, Send as OutgoingSend, SendId, SendState};
use crate::provider::sandbox::{EntryKind, Sandbox, Speaks};
use crate::provider::{Adapter, Call, Normalised, ReadBack};
use crate::signature::VerifiedDelivery;

/// What was seen. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    /// The task that is at work, and when it began.
    task: (u64, Timestamp),
    /// Sends that are being carried out, by task.
    under_way: BTreeMap<u64, (LaneKey, SendId, Timestamp)>,
    /// Of how many attempts it is known that none has landed.
    cleared: BTreeMap<SendId, usize>,
    faults: Vec<String>,
    counter: u64,
}

impl Seen {
    /// What is done from now on is done by this task.
    pub(super) fn done_by(&self, task: u64, since: Timestamp) {
        self.0.lock().unwrap().task = (task, since);
    }

    /// The engine is gone.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap().under_way.clear();
    }

    /// What was wrong.
    pub(super) fn faults(&self) -> Vec<String> {
        self.0.lock().unwrap().faults.clone()
    }

    fn begin(&self, send: &OutgoingSend, now: Timestamp, speaks: Speaks) {
        let notes = &mut *self.0.lock().unwrap();
        for (lane, other, since) in notes.under_way.values() {
            if *lane == send.lane && since.saturating_add(LEASE).unwrap() > now {
                notes.faults.push(format!("lane order: {} is sent while {other} of its lane is under way", send.id));
            }
        }
        if send.state == SendState::Pending && send.due > notes.task.1 {
            notes.faults.push(format!("delays: {} leaves before it is due", send.id));
        }
        let cleared = notes.cleared.get(&send.id).copied().unwrap_or(0);
        let ended = send.attempts.iter().skip(cleared).filter(|attempt| attempt.ended_at.is_some());
        let is_in_doubt = ended.into_iter().any(|one| matches!(one.outcome, None | Some(Outcome::Unknown { .. })));
        if is_in_doubt && !has_keys(speaks) && !send.action.is_idempotent() {
            notes.faults.push(format!("no double: {} is repeated without having looked whether it landed", send.id));
        }
        notes.under_way.insert(notes.task.0, (send.lane.clone(), send.id.clone(), notes.task.1));
    }

    fn end(&self) {
        let notes = &mut *self.0.lock().unwrap();
        notes.under_way.remove(&notes.task.0);
    }

    fn looked(&self, send: &OutgoingSend, was_there: bool, told: &ReadBack) {
        let notes = &mut *self.0.lock().unwrap();
        if *told == ReadBack::Absent {
            notes.cleared.insert(send.id.clone(), send.attempts.len());
            if was_there {
                notes.faults.push(format!("no double: {} was there and was not seen", send.id));
            }
        }
    }

    fn next(&self) -> u64 {
        let notes = &mut *self.0.lock().unwrap();
        notes.counter += 1;
        notes.counter
    }
}

/// An adapter that is watched, or tampered with.
pub(super) struct Watched {
    pub(super) inner: Arc<dyn Adapter>,
    pub(super) speaks: Speaks,
    pub(super) seen: Seen,
    pub(super) sandbox: Sandbox,
    pub(super) time: Time,
    pub(super) planted: Option<Planted>,
}

#[async_trait]
impl Adapter for Watched {
    fn normalise(&self, delivery: &VerifiedDelivery, json: &Value) -> Normalised {
        match self.inner.normalise(delivery, json) {
            Normalised::Event(mut draft) if self.planted == Some(Planted::ForgottenRepeats) => {
                draft.dedupe_key = format!("{} {}", draft.dedupe_key, self.seen.next());
                Normalised::Event(draft)
            }
            other => other,
        }
    }

    fn is_addressed(&self, json: &Value) -> bool {
        self.inner.is_addressed(json)
    }

    fn fold(&self, sends: Vec<OutgoingSend>) -> Vec<OutgoingSend> {
        self.inner.fold(sends)
    }

    async fn deliver(&self, call: &Call<'_>) -> Outcome {
        self.seen.begin(call.send, call.now, self.speaks);
        let mut send = call.send.clone();
        if self.planted == Some(Planted::FreshKeys) {
            send.idempotency_key = format!("{} {}", send.idempotency_key, self.seen.next());
        }
        let outcome = self.inner.deliver(&Call { send: &send, ..*call }).await;
        self.seen.end();
        outcome
    }

    async fn read_back(&self, call: &Call<'_>) -> ReadBack {
        // Whoever sets the clock by more than the tolerance makes it impossible to see.
        let was_there =
            is_unique(call.send) && !self.time.has_jumped() && is_there(&self.sandbox, self.speaks, call.send);
        let taken = if self.planted == Some(Planted::OneForTwo) { &[] } else { call.taken };
        let told = self.inner.read_back(&Call { taken, ..*call }).await;
        self.seen.looked(call.send, was_there, &told);
        told
    }

    fn remembers_keys_for(&self, action: &Action) -> Option<SignedDuration> {
        match self.planted {
            Some(Planted::BlindRepeats) => Some(SignedDuration::from_hours(23)),
            _ => self.inner.remembers_keys_for(action),
        }
    }

    fn answers_everybody(&self) -> bool {
        self.inner.answers_everybody()
    }

    fn base_urls(&self) -> Vec<url::Url> {
        self.inner.base_urls()
    }
}

/// The words of a send that makes a message or a note.
pub(super) fn words(send: &OutgoingSend) -> Option<&str> {
    match &send.action {
        Action::Reply(reply) => Some(&reply.text),
        Action::Note(note) => Some(&note.text),
        _ => None,
    }
}

/// Whether no other send has the same words.
fn is_unique(send: &OutgoingSend) -> bool {
    words(send).is_some_and(|words| words.chars().any(|letter| letter.is_ascii_digit()))
}

/// How often these words stand in a conversation, written by us.
pub(super) fn count(sandbox: &Sandbox, speaks: Speaks, conversation: &str, words: &str) -> usize {
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let threads = sandbox.conversations();
    let thread = threads.iter().find(|thread| thread.provider == speaks && thread.id == conversation);
    let ours = thread.into_iter().flat_map(|thread| &thread.messages).filter(|one| one.kind != EntryKind::Contact);
    ours.filter(|entry| bare(&entry.text).contains(&bare(words))).count()
}

fn is_there(sandbox: &Sandbox, speaks: Speaks, send: &OutgoingSend) -> bool {
    let threads = sandbox.conversations();
    let own = threads.iter().filter(|thread| thread.provider == speaks);
    words(send).is_some_and(|words| own.into_iter().any(|thread| count(sandbox, speaks, &thread.id, words) > 0))
}
