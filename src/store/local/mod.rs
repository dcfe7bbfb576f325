//! The store of one machine: all logic runs on one thread that owns what is in flight; below it is only a [`Kv`].
//! Reads that need no lease do not queue there, so that a long list delays no acknowledgement: a few keys are looked up at
//! once, lists on a blocking thread. They may see a change a moment before it is durable.

mod burst;
mod caused;
mod core;
mod curbs;
mod decide;
mod deliver;
mod fresh;
mod happened;
mod header;
mod keys;
mod leases;
mod line;
mod list;
mod mend;
mod names;
mod orders;
mod outbox;
mod prune;
mod queue;
mod quiet;
mod recent;
mod record;
mod since;
mod standing;
#[cfg(test)]
mod stepped;
#[cfg(test)]
mod tests;
mod transfer;
mod writer;

use std::sync::Arc;

use std::io::{Read, Write};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::task::{JoinError, spawn_blocking};

use self::decide::Decided;
use self::orders::Orders;
use self::quiet::Quiet;
use self::record::TokenRecord;
use self::transfer::Import;
use self::writer::Writer;
use super::kv::{Batch, Kv};
use super::{
    Accepted, Changed, Commit, Counts, EventClaim, EventQuery, Exported, Key, Progress, SendClaim, SendQuery, Store,
    StoreError, StoredEvent, Usage,
};
use crate::model::{
    AccountName, BookHash, Control, ControlChange, Curbs, Decision, Event, EventId, Hand, LaneKey, Position,
    Quarantine, QuarantineId, Scope, Send as OutgoingSend, SendId, SourceName, WindowKey,
};
use crate::secret::Secret;

pub(super) use self::core::Core;
pub(super) use self::header::{is_header, may_be_opened};
pub(super) use self::keys::{is_numbered, send_of};
pub(super) use self::line::{Content, Line, kind_of};
pub(super) use self::mend::mend;
#[cfg(test)]
pub(super) use self::stepped::remembers;
#[cfg(test)]
pub(crate) use self::stepped::{Kept, Stepped};

/// A store on one machine.
pub(super) struct Local {
    writer: Writer,
    kv: Arc<dyn Kv>,
    quiet: Arc<Quiet>,
    orders: Arc<Orders>,
}

impl Local {
    /// Starts the thread that owns `core`.
    pub(super) fn start(core: Core) -> Self {
        let (kv, quiet, orders) = (Arc::clone(core.kv()), Arc::clone(&core.quiet), Arc::clone(&core.orders));
        Self { writer: Writer::start(core), kv, quiet, orders }
    }

    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Arc<dyn Kv>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let kv = Arc::clone(&self.kv);
        let looked = tokio::task::spawn_blocking(move || look(&kv)).await;
        looked.map_err(|error| failed("reading", error))?
    }
}

/// Our own failure to do something.
pub(super) fn failed(what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Failed { what: what.to_owned(), source: source.into() }
}

#[async_trait]
impl Store for Local {
    async fn accept(&self, event: Event) -> Result<Accepted, StoreError> {
        if !self.kv.has_room() {
            return Err(StoreError::Full { what: "no new event is taken until there is room again".to_owned() });
        }
        // Written as JSON here, so that the one thread does not do for everybody what each can do alone.
        let (bytes, event) = (record::write(&event)?, Arc::new(event));
        self.writer.run(move |core| core.accept(&event, bytes)).await
    }

    async fn redeem(&self, token: &str, event: &Event) -> Result<bool, StoreError> {
        let key = keys::token(&event.source, token);
        let token = TokenRecord { event: event.id.clone(), at: event.received_at };
        self.writer.run(move |core| core.redeem(key, &token)).await
    }

    async fn claim_events(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        most: usize,
    ) -> Result<Vec<EventClaim>, StoreError> {
        if self.quiet.events(now) {
            return Ok(Vec::new());
        }
        // If an event turns out not to be durable, it is gone with its lease before a decision on it can be kept.
        self.writer.ask(move |core| core.claim_events(now, lease, most)).await
    }

    async fn give_back(&self, claim: &EventClaim) -> Result<(), StoreError> {
        let fence = claim.fence;
        self.writer
            .ask(move |core| {
                core.queue.release_held(fence);
                Ok(())
            })
            .await
    }

    async fn commit_decision(&self, claim: &EventClaim, decision: Decision) -> Result<Commit, StoreError> {
        let decided = Decided::new(claim, decision);
        self.writer.run(move |core| core.commit_decision(decided)).await
    }

    async fn claim_send(
        &self,
        account: &AccountName,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<Option<SendClaim>, StoreError> {
        if self.quiet.sends() {
            return Ok(None);
        }
        let account = account.clone();
        self.writer.run(move |core| core.claim_send(&account, now, lease)).await
    }

    async fn commit_attempt(&self, claim: &SendClaim, send: OutgoingSend) -> Result<Commit, StoreError> {
        if claim.send.id != send.id {
            return Err(failed("keeping an attempt", format!("{} was claimed, not {}", claim.send.id, send.id)));
        }
        let (fence, correspondent) = (claim.fence, claim.event.correspondent());
        self.writer.run(move |core| core.commit_attempt(fence, correspondent.as_deref(), &send)).await
    }

    async fn next_due(&self, account: &AccountName) -> Result<Option<Timestamp>, StoreError> {
        if self.quiet.sends() {
            return Ok(None);
        }
        let account = account.clone();
        self.writer.ask(move |core| Ok(core.next_due(&account))).await
    }

    async fn next_undecided(&self) -> Result<Option<Timestamp>, StoreError> {
        if self.quiet.early() {
            return Ok(None);
        }
        self.writer.ask(|core| Ok(core.queue.next_ripe())).await
    }

    async fn event(&self, id: &EventId) -> Result<Option<StoredEvent>, StoreError> {
        list::event(&*self.kv, id)
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<StoredEvent>, StoreError> {
        let query = query.clone();
        self.read(move |kv| list::events(kv, &query)).await
    }

    async fn send(&self, id: &SendId) -> Result<Option<OutgoingSend>, StoreError> {
        Ok(list::send(&*self.kv, id)?.map(|(_, send)| send))
    }

    async fn sends(&self, query: &SendQuery) -> Result<Vec<OutgoingSend>, StoreError> {
        let query = query.clone();
        self.read(move |kv| list::sends(kv, &query)).await
    }

    async fn redrive(&self, id: &SendId, key: Key, hand: &Hand) -> Result<Changed, StoreError> {
        let (id, hand) = (id.clone(), hand.clone());
        self.writer.run(move |core| core.redrive(&id, key, hand)).await
    }

    async fn release(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError> {
        let (id, hand) = (id.clone(), hand.clone());
        self.writer.run(move |core| core.release(&id, hand)).await
    }

    async fn confirm(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError> {
        let (id, hand) = (id.clone(), hand.clone());
        self.writer.run(move |core| core.confirm(&id, hand)).await
    }

    async fn drop_send(&self, id: &SendId, hand: &Hand) -> Result<Changed, StoreError> {
        let (id, hand) = (id.clone(), hand.clone());
        self.writer.run(move |core| core.drop_send(&id, hand)).await
    }

    async fn curbs(&self, lane: &LaneKey, windows: &[WindowKey]) -> Result<Curbs, StoreError> {
        curbs::curbs(&*self.kv, &self.orders, lane, windows)
    }

    async fn standing(&self, lane: &LaneKey, windows: &[WindowKey]) -> Result<Curbs, StoreError> {
        curbs::standing(&*self.kv, &self.orders, lane, windows)
    }

    async fn controls(&self) -> Result<Vec<Control>, StoreError> {
        self.read(curbs::controls).await
    }

    async fn change_control(&self, scope: &Scope, change: &ControlChange) -> Result<(Changed, Control), StoreError> {
        let (scope, change) = (scope.clone(), change.clone());
        self.writer.run(move |core| core.change_control(scope, change)).await
    }

    async fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError> {
        self.read(curbs::quarantines).await
    }

    async fn release_quarantine(&self, id: &QuarantineId, hand: &Hand) -> Result<Changed, StoreError> {
        let (id, hand) = (id.clone(), hand.clone());
        self.writer.run(move |core| core.release_quarantine(&id, hand)).await
    }

    async fn keep_book(&self, hash: &BookHash, files: &[(String, String)]) -> Result<(), StoreError> {
        let (key, value) = (keys::book(hash), record::write(files)?);
        self.writer.run(move |core| core.put(key, value)).await
    }

    async fn book(&self, hash: &BookHash) -> Result<Option<Vec<(String, String)>>, StoreError> {
        let hash = hash.clone();
        self.read(move |kv| record::get(&**kv, &keys::book(&hash), || format!("rule book {hash}"))).await
    }

    async fn keep_credential(&self, name: &str, value: &Secret) -> Result<(), StoreError> {
        let (key, value) = (keys::credential(name), record::write(value.expose())?);
        self.writer.run(move |core| core.put(key, value)).await
    }

    async fn credential(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        record::get(&*self.kv, &keys::credential(name), || format!("credential {name}"))
    }

    async fn keep_position(&self, source: &SourceName, position: &Position) -> Result<(), StoreError> {
        let (key, value) = (keys::position(source), record::write(position)?);
        self.writer.run(move |core| core.put(key, value)).await
    }

    async fn position(&self, source: &SourceName) -> Result<Option<Position>, StoreError> {
        let source = source.clone();
        self.read(move |kv| record::get(&**kv, &keys::position(&source), || format!("position of {source}"))).await
    }

    async fn prune(&self, before: Timestamp) -> Result<usize, StoreError> {
        let mut forgotten = 0;
        let mut rest = Some(prune::Rest::default());
        while let Some(from) = rest {
            let restored = self.writer.ask(|core| Ok(core.restored)).await?;
            let harvest = self.read(move |kv| prune::gather(kv, from, before)).await?;
            forgotten += harvest.events;
            rest = harvest.rest;
            let (batch, seen) = (harvest.batch, harvest.seen);
            if !batch.is_empty() || !seen.is_empty() {
                self.writer.run(move |core| core.forget(batch, seen, restored)).await?;
            }
        }
        let scattered = self.read(|kv| kv.scattered()).await?;
        for part in scattered.chunks(prune::PART) {
            let part = part.to_vec();
            self.writer.run(move |core| core.gather(&part)).await?;
        }
        self.writer.run(Core::move_on).await?;
        Ok(forgotten)
    }

    async fn export(&self, into: Box<dyn Write + Send>, progress: Progress) -> Result<Exported, StoreError> {
        self.read(move |kv| transfer::export(kv, into, &progress)).await
    }

    async fn import(&self, from: Box<dyn Read + Send>, progress: Progress) -> Result<u64, StoreError> {
        let reading = |read: Result<Result<(Import, Option<Batch>), StoreError>, JoinError>| {
            read.map_err(|error| failed("reading the import", error))?
        };
        let begin = move || {
            let mut import = Import::open(from)?;
            let batch = import.next()?;
            Ok((import, batch))
        };
        let (mut import, mut batch) = reading(spawn_blocking(begin).await)?;
        self.writer.run(Core::begin_import).await?;
        while let Some(part) = batch {
            self.writer.run(move |core| core.apply(part)).await?;
            progress(import.lines());
            (import, batch) = reading(
                spawn_blocking(move || {
                    let batch = import.next()?;
                    Ok((import, batch))
                })
                .await,
            )?;
        }
        self.writer.run(Core::end_import).await?;
        Ok(import.lines())
    }

    fn is_broken(&self) -> bool {
        self.quiet.is_broken() || !self.kv.is_sound()
    }

    async fn usage(&self) -> Result<Option<Usage>, StoreError> {
        self.read(|kv| kv.usage()).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.writer.ask(|core| Ok(core.counts())).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.writer
            .run(|core| {
                core.close();
                Ok(())
            })
            .await
    }
}
