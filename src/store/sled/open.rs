//! Opening a data folder: the state as sled has it, or made anew, and what the journal holds beyond it. Goes on with nothing
//! lost, or says which file is wrong and what helps.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex, RwLock};

use super::folder::{self, Parts};
use super::journal::record::{self, Written};
use super::journal::segment::{self, End, Records, Segment, damaged};
use super::journal::{self, Journal, Position};
use super::layers::Layers;
use super::meta::Meta;
use super::rebuild::{PART, apply, flush, rebuild};
use super::snapshot;
use super::state::State;
use super::stored::Stored;
use super::watch::Watch;
use super::{Journaled, Options, Shared, applier};
use crate::store::StoreError;
use crate::store::local::failed;

/// Opens the folder. Writing to sled gives its signs of life to `watch`.
pub(super) fn open(path: &Path, options: &Options, watch: &Arc<Watch>) -> Result<Journaled, StoreError> {
    open_if(path, options, watch, check_needed)
}

/// The same, also where values are missing.
pub(super) fn open_for_salvage(path: &Path) -> Result<Journaled, StoreError> {
    let options = Options::default();
    open_if(path, &options, &Arc::new(Watch::new(options.patience)), |_, _, _| Ok(()))
}

fn open_if(
    path: &Path,
    options: &Options,
    watch: &Arc<Watch>,
    check: fn(&State, &Parts, &[Segment]) -> Result<(), StoreError>,
) -> Result<Journaled, StoreError> {
    let lock = folder::lock(path)?;
    let parts = Parts::of(path);
    refuse_older(path, &parts)?;
    parts.make()?;
    snapshot::clean(&parts.snapshots);
    let segments = segment::survey(&parts.journal)?;
    check_chain(&segments)?;
    let (state, is_checked) = match usable(&parts, &segments, options)? {
        Some(state) => state,
        None => (rebuild(&parts, &segments, watch)?, true),
    };
    let is_halfway = state.is_halfway();
    let end = replay(&state, &segments, options, watch)?;
    if is_halfway {
        check_done(&state, options)?;
    }
    check(&state, &parts, &segments)?;
    let journal = Journal::open(&parts.journal, end, options, &segments)?;
    let shared = Arc::new(Shared {
        journal,
        state,
        layers: RwLock::new(Layers::default()),
        options: options.clone(),
        room: folder::Room::default(),
        watch: Arc::clone(watch),
        bell: Condvar::new(),
        bell_lock: Mutex::new(()),
        is_closing: AtomicBool::new(false),
        is_closed: AtomicBool::new(false),
        damaged_files: AtomicU64::new(0),
    });
    let applier = applier::start(&shared, parts, is_checked)?;
    Ok(Journaled { shared, applier: Mutex::new(Some(applier)), lock: Mutex::new(Some(lock)) })
}

/// A folder that was written before there was a journal must not be taken for an empty one.
fn refuse_older(path: &Path, parts: &Parts) -> Result<(), StoreError> {
    if path.join("db").exists() && !parts.journal.exists() {
        let path = path.display();
        return Err(StoreError::Corrupt {
            what: format!("the folder {path} was written by a development version without a journal; choose another"),
        });
    }
    Ok(())
}

/// Every file must be as long as the one after it remembers.
fn check_chain(segments: &[Segment]) -> Result<(), StoreError> {
    for pair in segments.windows(2) {
        let [before, after] = pair else { continue };
        let follows = after.head.number == before.head.number + 1;
        if follows && after.head.before != before.length {
            let why =
                format!("the file is {} bytes long and was {} when it was finished", before.length, after.head.before);
            return Err(damaged(&before.path, before.length, &why));
        }
    }
    Ok(())
}

/// The state, if it can be gone on with, and whether it is known to be whole. What cannot be may not be flushed either when it
/// is closed, and is of no use any more.
fn usable(parts: &Parts, segments: &[Segment], options: &Options) -> Result<Option<(State, bool)>, StoreError> {
    if parts.rebuild.exists() {
        return Ok(None);
    }
    let state = match State::open(parts) {
        Ok(state) => state,
        Err(StoreError::Corrupt { what }) => {
            tracing::error!(what, "the state cannot be read");
            parts.note_damage()?;
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let about = state.about();
    if about == Meta::default() && segments.is_empty() {
        if !snapshot::survey(&parts.snapshots)?.is_empty() {
            return Err(lost(&format!("{} is empty, and there are snapshots", parts.journal.display())));
        }
        return Ok(Some((state, true)));
    }
    if about.position == Position::default() {
        let _ = state.close();
        return Ok(None);
    }
    if !reaches(&about, segments)? {
        tracing::error!("the state is older than the journal goes back, or a file of the journal is missing");
        let _ = state.close();
        return Ok(None);
    }
    let is_small = about.keys <= options.checked;
    if is_small
        && about.towards.is_none()
        && let Err(error) = state.check_whole(|| true)
    {
        let _ = state.close();
        if !state.is_damaged() {
            // What the system refused may pass, and a good state would be set aside.
            return Err(error);
        }
        tracing::error!(error = %error, "the state cannot be read through");
        return Ok(None);
    }
    Ok(Some((state, is_small)))
}

/// The changes that were left half done must have come out as was noted before.
fn check_done(state: &State, options: &Options) -> Result<(), StoreError> {
    if state.is_halfway() {
        return Err(state.give_up("replaying the journal", "what was left half done is not done"));
    }
    let is_small = state.about().keys <= options.checked;
    if is_small { state.check_whole(|| true) } else { Ok(()) }
}

/// Every file that the state points at must be there, and the journal must go as far as the snapshots do. Asked when all is
/// replayed: before that a state may point at values that were removed since.
fn check_needed(state: &State, parts: &Parts, segments: &[Segment]) -> Result<(), StoreError> {
    let snapshots = snapshot::survey(&parts.snapshots)?;
    if let Some(beyond) = snapshots.iter().rev().find(|snapshot| ends_before(segments, snapshot.position)) {
        let path = beyond.path.display();
        return Err(lost(&format!("the journal ends before something that is in the snapshot {path}")));
    }
    let about = state.about();
    match about.live.keys().find(|number| segments.iter().all(|it| it.head.number != **number)) {
        Some(missing) => {
            let path = segment::path(&parts.journal, *missing);
            Err(lost(&format!("{} is missing, and is needed", path.display())))
        }
        None => Ok(()),
    }
}

fn lost(what: &str) -> StoreError {
    let helps = "put back a copy of the data folder, or go on without with `rejoinder state salvage`";
    StoreError::Corrupt { what: format!("{what}; {helps}") }
}

/// Whether the journal goes on from where the state is. An error where the state knows more than the journal holds: then
/// something was lost that nothing can bring back.
fn reaches(about: &Meta, segments: &[Segment]) -> Result<bool, StoreError> {
    let Some(last) = segments.last() else {
        return Err(lost("the journal is missing, and the state knows that there was one"));
    };
    if ends_before(segments, about.reach()) {
        let path = last.path.display();
        return Err(lost(&format!(
            "{path} at byte {}: it ends before something that was already applied",
            last.length
        )));
    }
    Ok(goes_on_from(segments, about.position))
}

/// Whether the journal does not go as far as a position.
fn ends_before(segments: &[Segment], at: Position) -> bool {
    let Some(last) = segments.last() else { return true };
    at.segment > last.head.number || (at.segment == last.head.number && at.offset > last.length)
}

/// Whether every segment from a position on is there.
pub(super) fn goes_on_from(segments: &[Segment], position: Position) -> bool {
    let mut rest = segments.iter().skip_while(|it| it.head.number < position.segment);
    let mut expected = position.segment;
    let is_first = rest.clone().next().is_some_and(|it| it.head.number == expected && position.offset <= it.length);
    let follow = rest.all(|it| {
        expected += 1;
        it.head.number + 1 == expected
    });
    is_first && follow
}

/// Applies what the journal holds beyond the state, and answers where it ends. A record that was not whole when everything
/// stopped is cut off: it was never acknowledged.
fn replay(
    state: &State,
    segments: &[Segment],
    options: &Options,
    watch: &Watch,
) -> Result<Option<Position>, StoreError> {
    let mut at = state.about().position;
    sync_last(segments, options)?;
    let rest: Vec<&Segment> = segments.iter().filter(|it| it.head.number >= at.segment).collect();
    let mut part = BTreeMap::new();
    let mut records = 0_u64;
    for (index, segment) in rest.iter().enumerate() {
        let is_last = index + 1 == rest.len();
        if index > 0 {
            at = Position { segment: segment.head.number, offset: segment::HEAD as u64, sequence: at.sequence };
        }
        if at == state.reach() && (state.is_halfway() || !part.is_empty()) {
            apply(state, &mut part, at, watch)?;
        }
        if index > 0 && segment.head.first != at.sequence {
            let why = format!("it begins with record {}, and {} is expected", segment.head.first, at.sequence);
            return Err(damaged(&segment.path, 0, &why));
        }
        if rest.len() > 1 {
            tracing::info!(file = %segment.path.display(), of = rest.len(), number = index + 1, "replaying the journal");
        }
        let begin = at.offset;
        let bytes = segment::read_from(&segment.path, begin)?;
        let mut found = Records::new(&bytes, 0, Some(at.sequence));
        while let Some((place, record)) = found.next() {
            let place = begin + place as u64;
            let changes = record.body.map_or(Some(Vec::new()), record::changes);
            let Some(changes) = changes else {
                return Err(damaged(&segment.path, place, "a record of a form that this program does not know"));
            };
            for Written { key, value, .. } in changes {
                let stored = value.map(|(value, offset)| {
                    let long = journal::long(segment.head.number, place + offset as u64, &key, &value);
                    long.map_or(Stored::Here(value), Stored::There)
                });
                part.insert(key, stored);
            }
            records += 1;
            at.offset = place + record.length as u64;
            at.sequence = record.sequence + 1;
            if part.len() >= PART || at == state.reach() {
                apply(state, &mut part, at, watch)?;
            }
        }
        match found.end() {
            End::Clean => {}
            End::Torn(place) if is_last => cut(&segment.path, begin + place as u64, begin + bytes.len() as u64)?,
            End::Torn(place) => return Err(damaged(&segment.path, begin + place as u64, "a record is damaged")),
            End::Bad(place, next) => {
                let why = format!("a record is damaged, and a whole one follows at byte {}", begin + next as u64);
                return Err(damaged(&segment.path, begin + place as u64, &why));
            }
        }
    }
    if records > 0 {
        apply(state, &mut part, at, watch)?;
        flush(state, watch)?;
    }
    Ok((!segments.is_empty()).then_some(at))
}

/// What a killed process had written may not be durable yet, and the state must never know more than the journal.
fn sync_last(segments: &[Segment], options: &Options) -> Result<(), StoreError> {
    let Some(last) = segments.last() else { return Ok(()) };
    let synced = File::options().write(true).open(&last.path).and_then(|file| file.sync_all());
    synced.map_err(|error| failed(&format!("syncing {}", last.path.display()), error))?;
    options.synced(&last.path, last.length);
    Ok(())
}

fn cut(path: &Path, length: u64, was: u64) -> Result<(), StoreError> {
    tracing::warn!(file = %path.display(), bytes = was - length, "an unfinished record at the end of the journal is cut off");
    metrics::counter!("rejoinder_store_torn_tails_total").increment(1);
    let cut = || {
        let file = File::options().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_all()
    };
    cut().map_err(|error| failed(&format!("cutting {}", path.display()), error))
}
