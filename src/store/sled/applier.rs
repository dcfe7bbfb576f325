//! The thread behind the writer: applies to sled what the journal has made durable, takes snapshots, and gives back the room
//! of files in which nothing is needed any more. It is never waited for by an acknowledgement.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle, sleep};
use std::time::Duration;

use super::due::{self, Pace, Patience};
use super::folder::{self, Parts};
use super::journal::record::{self, Location};
use super::journal::segment;
use super::layers::{Layers, Value};
use super::plan::Wanted;
use super::reclaim;
use super::snapshot::{self, Snapshot};
use super::stored::Stored;
use super::{Shared, scan};
use crate::store::StoreError;
use crate::store::local::failed;

/// How long to wait after sled has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How long to leave the processor to others after each step, unless they write faster than is applied.
const BREATH: Duration = Duration::from_micros(100);

/// Starts the thread.
pub(super) fn start(shared: &Arc<Shared>, parts: Parts, is_checked: bool) -> Result<JoinHandle<()>, StoreError> {
    let snapshots = snapshot::survey(&parts.snapshots)?;
    let patience = Patience::default();
    let applier = Applier {
        shared: Arc::clone(shared),
        parts,
        snapshots,
        patience,
        helper: None,
        scan: scan::start(shared),
        is_checked,
    };
    let started = Builder::new().name("store-state".to_owned()).spawn(move || applier.run());
    started.map_err(|error| failed("starting the thread of the state", error))
}

/// What a helper has come to.
enum Done {
    /// A snapshot, or none where it could not be taken.
    Snapshot(Option<Snapshot>),
    /// The check of the state.
    Check,
}

struct Applier {
    shared: Arc<Shared>,
    parts: Parts,
    snapshots: Vec<Snapshot>,
    /// With the next snapshot.
    patience: Patience,
    /// What takes long and disturbs nobody: a snapshot, or the check of the state.
    helper: Option<JoinHandle<Done>>,
    /// Reads what was applied long ago.
    scan: Option<JoinHandle<()>>,
    is_checked: bool,
}

impl Applier {
    fn run(mut self) {
        loop {
            let is_last = self.shared.is(&self.shared.is_closing);
            self.shared.change_layers(|layers| {
                if layers.is_ready() {
                    layers.hand_down();
                }
            });
            self.shared.watch.alive();
            let worked = self.apply();
            self.shared.watch.alive();
            if worked {
                self.reclaim();
            }
            self.keep_house(is_last);
            self.shared.watch.idle();
            if is_last && self.shared.layers(|layers| layers.lower().is_none() && !layers.is_ready()) {
                return;
            }
            if is_last && !worked {
                // What sled did not take is in the journal.
                return;
            }
            if !worked && !is_last {
                self.shared.wait(self.shared.options.pace);
            }
        }
    }

    /// Applies what was handed down; false where there was nothing, or sled failed.
    fn apply(&self) -> bool {
        let shared = &self.shared;
        let Some((layer, end)) = shared.layers(|layers| layers.lower()) else { return false };
        if shared.state.is_damaged() {
            return false;
        }
        // sled that runs out of room cannot be read either, until it was opened again.
        if folder::room(&self.parts.state).is_some_and(|room| room < shared.options.reserve / 2) {
            tracing::error!("there is no room for the state; the journal goes on");
            metrics::counter!("rejoinder_store_state_errors_total").increment(1);
            shared.wait(PAUSE);
            return false;
        }
        let changes = layer.iter().map(|(key, entry)| Wanted {
            key,
            stored: entry.value.as_ref().map(Value::store),
            is_new: entry.is_new,
        });
        // A disk that takes its time is not sled waiting for itself.
        let flush = || shared.state.flush_and(&|| shared.watch.idle());
        let applied = shared.state.apply(changes, end, &|| self.breathe()).and_then(|()| flush());
        shared.watch.alive();
        match applied {
            Ok(file) => {
                shared.options.synced(&file, 0);
                shared.change_layers(Layers::applied);
                shared.ring();
                true
            }
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    /// Leaves the processor to others, unless they write faster than is applied.
    fn breathe(&self) {
        let shared = &self.shared;
        shared.watch.alive();
        let is_behind = shared.layers(Layers::size) > shared.options.layer;
        if !is_behind && !shared.is(&shared.is_closing) {
            sleep(BREATH);
        }
    }

    /// Gives room in sled's file back that is held for nothing, where the disk has room for what that takes.
    fn reclaim(&self) {
        let shared = &self.shared;
        let is_due = !shared.state.is_damaged() && shared.state.is_worn(shared.options.reclaim);
        if !is_due || shared.is(&shared.is_closing) || !shared.has_room_for(reclaim::ROOM) {
            return;
        }
        let go_on = || {
            self.breathe();
            !shared.is(&shared.is_closing)
        };
        if let Err(error) = shared.state.reclaim(&go_on) {
            self.failed(&error);
        }
    }

    /// sled did not take something: it is opened again.
    fn failed(&self, error: &StoreError) {
        tracing::error!(error = %error, "the state could not be written; the journal goes on");
        metrics::counter!("rejoinder_store_state_errors_total").increment(1);
        if !self.shared.state.is_damaged()
            && let Err(error) = self.shared.state.reopen()
        {
            tracing::error!(error = %error, "the state could not be opened again");
        }
        self.shared.wait(PAUSE);
    }

    fn keep_house(&mut self, is_last: bool) {
        if is_last || self.helper.as_ref().is_some_and(JoinHandle::is_finished) {
            match self.helper.take().map(JoinHandle::join) {
                None | Some(Ok(Done::Check)) => {}
                Some(Ok(Done::Snapshot(Some(snapshot)))) => {
                    self.patience.succeeded();
                    self.snapshots.push(snapshot);
                    self.snapshots.drain(..self.snapshots.len().saturating_sub(2));
                }
                // Also where it ended by a panic.
                Some(Ok(Done::Snapshot(None)) | Err(_)) => self.patience.failed(),
            }
        }
        if is_last {
            // A panic there has been logged, and nothing waits for it.
            let _ = self.scan.take().map(JoinHandle::join);
            return;
        }
        // A snapshot of what has lost something, in place of a good one, would lose it for good.
        if self.shared.state.is_damaged() {
            return;
        }
        self.drop_dead();
        if self.helper.is_none() && !self.is_checked {
            self.is_checked = true;
            self.spawn("store-check", check);
        }
        if self.helper.is_none() && self.patience.is_over() && self.is_snapshot_due() && self.has_room() {
            let folder = self.parts.snapshots.clone();
            self.spawn("store-snapshot", move |shared| take_snapshot(shared, &folder));
        }
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce(&Shared) -> Done + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        match Builder::new().name(name.to_owned()).spawn(move || work(&shared)) {
            Ok(helper) => self.helper = Some(helper),
            Err(error) => tracing::error!(error = %error, "a thread of the store could not be started"),
        }
    }

    /// Files of the journal that were finished, are applied, and hold nothing that is pointed at.
    fn dead(&self) -> Vec<u64> {
        let about = self.shared.state.about_durable();
        let sealed = self.shared.journal.sealed();
        let is_dead = |number: &u64| *number < about.position.segment && !about.live.contains_key(number);
        sealed.into_keys().filter(is_dead).collect()
    }

    /// Removes dead files that even the older snapshot does not need. While there is only one, it may turn out to be damaged,
    /// and is relied on only where there is no room for another.
    fn drop_dead(&self) {
        let oldest = match self.snapshots.as_slice() {
            [oldest, _, ..] => oldest,
            [only] if !self.shared.has_reserve() => only,
            _ => return,
        };
        for number in self.dead().into_iter().filter(|number| *number < oldest.position.segment) {
            match self.shared.journal.remove(number) {
                Ok(()) => {
                    tracing::info!(number, "a file of the journal in which nothing is needed any more was removed")
                }
                Err(error) => tracing::error!(error = %error, "a file of the journal could not be removed"),
            }
        }
    }

    fn is_snapshot_due(&self) -> bool {
        let position = self.shared.state.about().position;
        due::is_due(&self.shared.options, &self.snapshots, position, &self.dead())
    }

    /// Whether the next snapshot, which will be about as long as the last, leaves the last room on the disk to what is under
    /// way.
    fn has_room(&self) -> bool {
        self.shared.has_room_for(self.snapshots.last().map_or(0, |last| last.length))
    }
}

fn take_snapshot(shared: &Shared, folder: &Path) -> Done {
    let pace = Pace::begin();
    // The last room on the disk is for what is under way.
    let go_on = || {
        pace.keep();
        !shared.is(&shared.is_closing) && shared.has_reserve() && !shared.state.is_damaged()
    };
    match snapshot::take(folder, &shared.state, &shared.options, &go_on) {
        Ok(snapshot) => Done::Snapshot(snapshot),
        Err(error) => {
            tracing::error!(error = %error, "a snapshot could not be taken; it is tried again later");
            Done::Snapshot(None)
        }
    }
}

/// Reads the state through.
fn check(shared: &Shared) -> Done {
    if let Err(error) = shared.state.check_whole(|| !shared.is(&shared.is_closing)) {
        tracing::error!(error = %error, "the state could not be checked");
    }
    Done::Check
}

/// The keys of the finished file that holds least for its length, if that is less than a quarter.
pub(super) fn scattered(shared: &Shared) -> Result<Vec<Vec<u8>>, StoreError> {
    let about = shared.state.about();
    let sealed = shared.journal.sealed().into_iter();
    let alive = sealed.filter_map(|(number, length)| Some((*about.live.get(&number)?, length, number)));
    let sparse = alive.filter(|(live, length, number)| live * 4 < *length && *number < about.position.segment);
    let Some((_, _, number)) = sparse.min() else { return Ok(Vec::new()) };
    let mut keys = BTreeSet::new();
    segment::walk(&segment::path(shared.journal.folder(), number), |place, found| {
        for written in found.body.and_then(record::changes).unwrap_or_default() {
            let Some((value, offset)) = written.value else { continue };
            let is_newer = shared.layers(|layers| layers.get(&written.key).is_some());
            let is_there = record::is_long(&written.key, &value)
                && !is_newer
                && points_at(shared, &written.key, number, place + offset as u64)?;
            if is_there {
                keys.insert(written.key);
            }
        }
        Ok(())
    })?;
    Ok(keys.into_iter().collect())
}

fn points_at(shared: &Shared, key: &[u8], number: u64, place: u64) -> Result<bool, StoreError> {
    let is_it = |at: &Location| at.segment == number && at.offset == place;
    Ok(matches!(shared.state.get(key)?, Some(Stored::There(at)) if is_it(&at)))
}
