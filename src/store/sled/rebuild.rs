//! The state made anew: from the newest snapshot that reads through whole, or from nothing where the journal goes back to its
//! beginning.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::folder::Parts;
use super::journal::Position;
use super::journal::segment::{self, Segment};
use super::open::goes_on_from;
use super::plan::Wanted;
use super::snapshot::{self, Lines};
use super::state::State;
use super::stored::Stored;
use super::watch::Watch;
use crate::store::StoreError;
use crate::store::local::failed;

/// How many changed keys are collected before they are applied.
pub(super) const PART: usize = 20_000;

/// Makes the state anew from the newest good snapshot, or from nothing where the journal goes back to its beginning.
pub(super) fn rebuild(parts: &Parts, segments: &[Segment], watch: &Watch) -> Result<State, StoreError> {
    if parts.state.exists() {
        let aside = parts.set_aside()?;
        tracing::warn!(folder = %aside.display(), "the state is set aside and made anew from the journal");
    }
    metrics::counter!("rejoinder_store_rebuilds_total").increment(1);
    let snapshots = snapshot::survey(&parts.snapshots)?;
    let fitting = snapshots.iter().rev().filter(|snapshot| goes_on_from(segments, snapshot.position));
    for snapshot in fitting {
        let state = fresh(parts)?;
        match load(&state, &snapshot.path, snapshot.position, watch)? {
            Ok(keys) => {
                tracing::info!(snapshot = %snapshot.path.display(), keys, "the state is made from a snapshot");
                return begun(parts, state, watch);
            }
            Err(why) => {
                tracing::warn!(snapshot = %snapshot.path.display(), why, "the snapshot is damaged; trying the one before");
                state.close()?;
                remove(&parts.state)?;
            }
        }
    }
    let start = Position { segment: 1, offset: segment::HEAD as u64, sequence: 1 };
    if !segments.is_empty() && !goes_on_from(segments, start) {
        let what = format!(
            "the state in {} cannot be read, there is no whole snapshot in {}, and the journal does not go back to its \
             beginning; put back a copy of the data folder, or go on with what is left with `rejoinder state salvage`",
            parts.state.display(),
            parts.snapshots.display()
        );
        return Err(StoreError::Corrupt { what });
    }
    let state = fresh(parts)?;
    apply(&state, &mut BTreeMap::new(), start, watch)?;
    begun(parts, state, watch)
}

/// A new state. That sled cannot even read this one is no loss.
fn fresh(parts: &Parts) -> Result<State, StoreError> {
    State::open(parts).map_err(|error| match error {
        StoreError::Corrupt { what } => failed("opening a new state", what),
        other => other,
    })
}

fn begun(parts: &Parts, state: State, watch: &Watch) -> Result<State, StoreError> {
    flush(&state, watch)?;
    match fs::remove_file(&parts.rebuild) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed("forgetting the damage", error)),
        _ => Ok(state),
    }
}

fn remove(folder: &Path) -> Result<(), StoreError> {
    fs::remove_dir_all(folder).map_err(|error| failed(&format!("removing {}", folder.display()), error))
}

/// Reads a snapshot into an empty state. The inner error says in words what is wrong with it.
fn load(state: &State, path: &Path, position: Position, watch: &Watch) -> Result<Result<u64, String>, StoreError> {
    let mut lines = match Lines::open(path) {
        Ok(lines) => lines,
        Err(why) => return Ok(Err(why)),
    };
    let mut part = BTreeMap::new();
    loop {
        match lines.next() {
            Some(Ok((key, stored))) => drop(part.insert(key, Some(stored))),
            Some(Err(why)) => return Ok(Err(why)),
            None => break,
        }
        if part.len() >= PART {
            apply(state, &mut part, Position::default(), watch)?;
        }
    }
    apply(state, &mut part, position, watch)?;
    Ok(Ok(state.about().keys))
}

/// Applies what was collected, as far as `position` in the journal.
pub(super) fn apply(
    state: &State,
    part: &mut BTreeMap<Vec<u8>, Option<Stored>>,
    position: Position,
    watch: &Watch,
) -> Result<(), StoreError> {
    let part = std::mem::take(part);
    let wanted = part.iter().map(|(key, stored)| Wanted { key, stored: stored.clone(), is_new: false });
    watch.alive();
    let applied = state.apply(wanted, position, &|| watch.alive());
    watch.idle();
    applied
}

/// Makes durable what was applied. A disk that takes its time is not sled waiting for itself.
pub(super) fn flush(state: &State, watch: &Watch) -> Result<(), StoreError> {
    watch.alive();
    let flushed = state.flush_and(&|| watch.idle());
    watch.idle();
    flushed.map(drop)
}
