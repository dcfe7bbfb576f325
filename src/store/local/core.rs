//! The state that the one thread owns: what is in flight, the next numbers, and whether the disk still works.
//! Never acknowledges: what is applied here counts once the writer has made it durable.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::outbox::Outbox;
use super::queue::Queue;
use super::record::{self, Header};
use super::{failed, keys};
use crate::model::{Event, EventId, Send as OutgoingSend, SendId, SendState};
use crate::store::kv::{Batch, Kv, Order, Walk};
use crate::store::{Counts, StoreError};

/// The version of the layout of keys.
const LAYOUT: u32 = 1;

/// The mutable state. Every job applies at most one batch and touches memory only after it was applied, so that an error
/// leaves both as they were.
pub(in crate::store) struct Core {
    pub(super) kv: Arc<dyn Kv>,
    pub(super) queue: Queue,
    pub(super) outbox: Outbox,
    pub(super) next_event: u64,
    pub(super) next_send: u64,
    fence: u64,
    changed: bool,
    closing: bool,
    broken: Option<String>,
}

impl Core {
    /// The state of an empty store.
    pub(in crate::store) fn new(kv: Arc<dyn Kv>) -> Self {
        Self {
            kv,
            queue: Queue::default(),
            outbox: Outbox::default(),
            next_event: 1,
            next_send: 1,
            fence: 0,
            changed: false,
            closing: false,
            broken: None,
        }
    }

    /// Reads what is in flight. A waiting event or an unsettled send that cannot be read is an error here, because skipping
    /// it would lose it silently. A send whose last attempt has no end was cut short and becomes `unknown`.
    pub(in crate::store) fn load(&mut self) -> Result<(), StoreError> {
        (self.queue, self.outbox) = (Queue::default(), Outbox::default());
        let mut batch = Batch::default();
        self.load_header(&mut batch)?;
        self.next_event = last_number(&self.kv, b'e')? + 1;
        self.next_send = last_number(&self.kv, b's')? + 1;
        for pair in Walk::new(&self.kv, keys::all(b'q'), Order::Forward) {
            let (number, id) = pointer::<EventId>(&pair?, "an event that waits")?;
            let event: Event = record::require(&*self.kv, &keys::event(number), || format!("event {id}"))?;
            self.queue.push(number, event.lane());
        }
        for pair in Walk::new(&self.kv, keys::all(b'o'), Order::Forward) {
            let (number, id) = pointer::<SendId>(&pair?, "a send that is not settled")?;
            let mut send: OutgoingSend = record::require(&*self.kv, &keys::send(number), || format!("send {id}"))?;
            if cut_short(&mut send) {
                put_send(&mut batch, number, &send)?;
            }
            self.outbox.set(number, &send);
        }
        self.apply(batch)?;
        self.kv.flush()
    }

    fn load_header(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let known: Option<Header> = record::get(&*self.kv, &keys::header(), || "the header".to_owned())?;
        let header = known.unwrap_or(Header { layout: LAYOUT, opened: 0 });
        if header.layout != LAYOUT {
            let what = format!("its layout is version {}, and this program knows version {LAYOUT}", header.layout);
            return Err(StoreError::Corrupt { what });
        }
        let header = Header { opened: header.opened.wrapping_add(1), ..header };
        self.fence = u64::from(header.opened) << 32;
        batch.put(keys::header(), record::write(&header)?);
        Ok(())
    }

    /// The keys below.
    pub(super) fn kv(&self) -> &Arc<dyn Kv> {
        &self.kv
    }

    /// A fence that was never given out before, in this run or an earlier one.
    pub(super) fn next_fence(&mut self) -> u64 {
        self.fence += 1;
        self.fence
    }

    /// Applies a batch. After a failure nobody knows what the disk holds, so nothing is done any more.
    pub(super) fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.changed = true;
        self.kv.apply(batch).inspect_err(|error| self.broken = Some(error.to_string()))
    }

    /// Sets one key.
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put(key, value);
        self.apply(batch)
    }

    /// Does a job. A job that panics fails alone: what is in memory is read anew, which ends every lease.
    pub(super) fn attempt<T>(&mut self, job: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if let Some(why) = &self.broken {
            return Err(failed("an earlier failure closed it until the next start", why.as_str()));
        }
        match catch_unwind(AssertUnwindSafe(|| job(self))) {
            Ok(result) => result,
            Err(_) => {
                tracing::error!("a job of the store panicked; what is in flight is read anew");
                self.restore();
                Err(failed("a fault in the program", "a job panicked"))
            }
        }
    }

    fn restore(&mut self) {
        let restored = catch_unwind(AssertUnwindSafe(|| self.load()));
        self.broken = match restored {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(words(&panic)),
        };
    }

    /// Makes durable what was applied, and closes if that was asked for. After a failed flush a second one may report
    /// success for pages that were lost, so there is no second one.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        let kv = Arc::clone(&self.kv);
        let guarded = |step: &dyn Fn() -> Result<(), StoreError>| match catch_unwind(AssertUnwindSafe(step)) {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(panic) => Err(words(&panic)),
        };
        if std::mem::take(&mut self.changed) && self.broken.is_none() {
            self.broken = guarded(&|| kv.flush()).err();
        }
        let closed = if self.closing { guarded(&|| kv.close()) } else { Ok(()) };
        self.broken.clone().map_or(closed, Err)
    }

    /// Asks to be closed after this group of jobs.
    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    /// Whether this is the last group.
    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    /// What is in flight.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            undecided: self.queue.len(),
            open_sends: self.outbox.open_len(),
            held: self.outbox.held_len(),
            dead: self.outbox.dead_len(),
        }
    }
}

/// Writes a send, and whether it is unsettled.
pub(super) fn put_send(batch: &mut Batch, number: u64, send: &OutgoingSend) -> Result<(), StoreError> {
    batch.put(keys::send(number), record::write(send)?);
    if send.state.is_open() || send.state.awaits_person() {
        batch.put(keys::unsettled(number), record::write(&send.id)?);
    } else {
        batch.remove(keys::unsettled(number));
    }
    Ok(())
}

/// Makes a send `unknown` if its last attempt began and nobody can say how it ended.
pub(super) fn cut_short(send: &mut OutgoingSend) -> bool {
    let open = send.attempts.last().is_some_and(|attempt| attempt.ended_at.is_none());
    let is = open && send.state == SendState::Pending;
    if is {
        send.state = SendState::Unknown;
    }
    is
}

fn last_number(kv: &Arc<dyn Kv>, kind: u8) -> Result<u64, StoreError> {
    let last = kv.page(&keys::all(kind), Order::Reverse, 1)?;
    Ok(last.first().and_then(|(key, _)| keys::number_of(key)).unwrap_or(0))
}

fn pointer<T: serde::de::DeserializeOwned>(
    (key, value): &(Vec<u8>, Vec<u8>),
    what: &str,
) -> Result<(u64, T), StoreError> {
    let number = keys::number_of(key).unwrap_or_default();
    Ok((number, record::read(value, || format!("the id of {what} (number {number})"))?))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("it panicked: {}", text.unwrap_or("without a message"))
}
