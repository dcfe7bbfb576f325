//! The state that the one thread owns: what is in flight, the next numbers, and whether the disk still works.
//! Never acknowledges: what is applied here counts once the writer has made it durable.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::Timestamp;

use super::header::{self, Header};
use super::keys::KINDS;
use super::leases::Leases;
use super::orders::Orders;
use super::outbox::Outbox;
use super::queue::Queue;
use super::quiet::Quiet;
use super::recent::Recent;
use super::since::Since;
use super::{failed, happened, keys, record};
use crate::model::{Event, Send as OutgoingSend, SendState};
use crate::store::kv::{Batch, Kv, Order, Walk};
use crate::store::{Counts, StoreError};

/// The mutable state. Every job applies at most one batch and touches memory only after it was applied, so that an error
/// leaves both as they were.
pub(in crate::store) struct Core {
    pub(super) kv: Arc<dyn Kv>,
    pub(super) queue: Queue,
    pub(super) outbox: Outbox,
    pub(super) recent: Recent,
    pub(super) since: Since,
    pub(super) quiet: Arc<Quiet>,
    pub(super) orders: Arc<Orders>,
    pub(super) next_event: u64,
    pub(super) next_send: u64,
    fence: u64,
    /// The last fence that was given out before everything was last durable.
    durable_fence: u64,
    /// How often something that was applied was taken back.
    pub(super) restored: u64,
    changed: bool,
    closing: bool,
    broken: Option<Trouble>,
    /// The leases that go on once what is in flight could be read anew, which failed.
    unread: Option<(Leases, Leases)>,
}

/// Why what was asked for is not durable.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// There is no room. What was asked for is as if it had never been.
    Full(String),
    /// Nobody knows what the disk holds.
    Broken(String),
}

impl Trouble {
    /// As an answer to whoever was doing `what`.
    pub(super) fn error(&self, what: &str) -> StoreError {
        match self {
            Self::Full(what) => StoreError::Full { what: what.clone() },
            Self::Broken(why) => failed(what, why.as_str()),
        }
    }

    fn of(error: StoreError) -> Self {
        match error {
            StoreError::Full { what } => Self::Full(what),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl Core {
    /// The state of an empty store.
    pub(in crate::store) fn new(kv: Arc<dyn Kv>) -> Self {
        Self {
            kv,
            queue: Queue::default(),
            outbox: Outbox::default(),
            recent: Recent::default(),
            since: Since::default(),
            quiet: Arc::default(),
            orders: Arc::default(),
            next_event: 1,
            next_send: 1,
            fence: 0,
            durable_fence: 0,
            restored: 0,
            changed: false,
            closing: false,
            broken: None,
            unread: None,
        }
    }

    /// Reads what is in flight, at start.
    pub(in crate::store) fn load(&mut self) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        self.load_header(&mut batch)?;
        self.apply(batch)?;
        self.load_in_flight(Leases::default(), Leases::default())?;
        self.changed = false;
        self.kv.flush()
    }

    /// Reads what is in flight, except that these leases go on. A waiting event or an unsettled send that cannot be read is
    /// an error here, because skipping it would lose it silently. A send whose last attempt has no end and no lease was cut
    /// short and becomes `unknown`.
    fn load_in_flight(&mut self, deciding: Leases, delivering: Leases) -> Result<(), StoreError> {
        // Before the events: what is leased stays where it is.
        (self.queue, self.outbox) = (Queue::resuming(deciding), Outbox::default());
        self.orders.read(&self.kv)?;
        self.next_event = last_number(&self.kv, b'e')? + 1;
        self.next_send = last_number(&self.kv, b's')? + 1;
        for pair in Walk::new(&self.kv, keys::all(b'q'), Order::Forward) {
            let number = keys::number_of(&pair?.0).unwrap_or_default();
            let what = || format!("event number {number}, which waits");
            let event: Event = record::require(&*self.kv, &keys::event(number), what)?;
            self.queue.push(number, &event);
        }
        let mut batch = Batch::default();
        for pair in Walk::new(&self.kv, keys::all(b'o'), Order::Forward) {
            let number = keys::number_of(&pair?.0).unwrap_or_default();
            let what = || format!("send number {number}, which is not settled");
            let mut send = happened::require(&*self.kv, number, what)?;
            if !delivering.is_taken(number) && cut_short(&mut send) {
                put_send(&mut batch, number, &send)?;
            }
            self.outbox.set(number, &send);
        }
        self.outbox.leases = delivering;
        self.apply(batch)
    }

    fn load_header(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let known = self.kv.get(&keys::header())?.map(|value| header::read(&value)).transpose()?;
        let opened = known.map_or(0, |header| header.opened).wrapping_add(1);
        self.fence = u64::from(opened) << 32;
        batch.put(keys::header(), record::write(&Header::new(opened, false))?);
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
        self.since.note(&batch, keys::FACTS, self.fence);
        let orders = Orders::in_batch(&batch)?;
        let applied = self.kv.apply(batch).map(|()| self.orders.take_over(orders));
        applied.inspect_err(|error| self.broken = Some(Trouble::Broken(error.to_string())))
    }

    /// Sets one key.
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put(key, value);
        self.apply(batch)
    }

    /// Notes that an import begins. The store must be empty: two histories cannot be mixed.
    pub(super) fn begin_import(&mut self) -> Result<(), StoreError> {
        for (letter, word, _) in KINDS.iter().filter(|(letter, ..)| *letter != keys::HEADER) {
            if !self.kv.page(&keys::all(*letter), Order::Forward, 1)?.is_empty() {
                let what = format!("the store is not empty (it has a record of kind `{word}`); import into a new one");
                return Err(StoreError::Busy { what });
            }
        }
        self.put_header(true)
    }

    /// Notes that the import is whole, and takes up what is in flight.
    pub(super) fn end_import(&mut self) -> Result<(), StoreError> {
        self.put_header(false)?;
        self.load_in_flight(Leases::default(), Leases::default())
    }

    /// Writes a record that changes nothing, so that the journal moves on also where nobody writes: what is forgotten lies in
    /// a file that can only be removed when a later one has been begun.
    pub(super) fn move_on(&mut self) -> Result<(), StoreError> {
        self.put_header(false)
    }

    fn put_header(&mut self, is_importing: bool) -> Result<(), StoreError> {
        let opened = u32::try_from(self.fence >> 32).unwrap_or(u32::MAX);
        self.put(keys::header(), record::write(&Header::new(opened, is_importing))?)
    }

    /// Writes values again as they are.
    pub(super) fn gather(&mut self, keys: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for key in keys {
            if let Some(value) = self.kv.get(key)? {
                batch.put(key.clone(), value);
            }
        }
        self.apply(batch)
    }

    /// Does a job. A job that panics fails alone: what is in memory is read anew, which ends every lease.
    pub(super) fn attempt<T>(&mut self, job: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if let Some((deciding, delivering)) = self.unread.take() {
            self.restore(deciding, delivering);
        }
        if let Some(why) = &self.broken {
            return Err(why.error("an earlier failure closed it until the next start"));
        }
        if self.unread.is_some() {
            return Err(StoreError::Full { what: "what is in flight cannot be read again yet".to_owned() });
        }
        let done = catch_unwind(AssertUnwindSafe(|| job(self)));
        self.tell_quiet();
        match done {
            Ok(result) => result,
            Err(_) => {
                tracing::error!("a job of the store panicked; what is in flight is read anew");
                self.restore(Leases::default(), Leases::default());
                Err(failed("a fault in the program", "a job panicked"))
            }
        }
    }

    /// What is broken or closing is never quiet: who asks shall be told.
    fn tell_quiet(&self) {
        let is_sound = self.broken.is_none() && self.unread.is_none() && !self.closing;
        self.quiet.set_broken(self.broken.is_some());
        let events_until = if is_sound { self.queue.worth_from() } else { Timestamp::MIN };
        self.quiet.set(events_until, is_sound && self.outbox.open_len() == 0);
    }

    fn restore(&mut self, deciding: Leases, delivering: Leases) {
        self.recent = Recent::default();
        self.restored += 1;
        let leases = (deciding.clone(), delivering.clone());
        let restored = catch_unwind(AssertUnwindSafe(|| self.load_in_flight(deciding, delivering)));
        self.broken = match restored {
            Ok(Ok(())) => None,
            // Where one disk holds all, what reads the state may have failed with what writes the journal.
            Ok(Err(StoreError::Failed { what, source })) => {
                tracing::error!(error = %source, "{what} failed; what is in flight is read again before anything is done");
                self.unread = Some(leases);
                None
            }
            Ok(Err(error)) => Some(Trouble::Broken(error.to_string())),
            Err(panic) => Some(Trouble::Broken(words(&panic))),
        };
        self.tell_quiet();
    }

    /// Makes durable what was applied, and closes if that was asked for. After a failed flush a second one may report
    /// success for pages that were lost, so there is no second one, except where the disk was full: then everything is as it
    /// was before, and what is in flight is read anew.
    pub(super) fn settle(&mut self) -> Result<(), Trouble> {
        let kv = Arc::clone(&self.kv);
        let guarded = |step: &dyn Fn() -> Result<(), StoreError>| match catch_unwind(AssertUnwindSafe(step)) {
            Ok(result) => result.map_err(Trouble::of),
            Err(panic) => Err(Trouble::Broken(words(&panic))),
        };
        let mut flushed = Ok(());
        if std::mem::take(&mut self.changed) && self.broken.is_none() {
            flushed = guarded(&|| kv.flush());
        }
        match &flushed {
            Ok(()) => self.durable_fence = self.fence,
            Err(Trouble::Full(_)) => {
                let taken_before = self.durable_fence;
                let deciding = self.queue.take_leases().taken_before(taken_before);
                let delivering = std::mem::take(&mut self.outbox.leases).taken_before(taken_before);
                self.restore(deciding, delivering);
            }
            Err(broken) => {
                self.broken = Some(broken.clone());
                self.tell_quiet();
            }
        }
        let closed = if self.closing { guarded(&|| kv.close()) } else { Ok(()) };
        flushed.and(self.broken.clone().map_or(closed, Err))
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

/// Writes what has happened to a send, and whether it is unsettled.
pub(super) fn put_send(batch: &mut Batch, number: u64, send: &OutgoingSend) -> Result<(), StoreError> {
    happened::put(batch, number, send)?;
    if send.state.is_unsettled() {
        batch.put(keys::unsettled(number), Vec::new());
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

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("it panicked: {}", text.unwrap_or("without a message"))
}
