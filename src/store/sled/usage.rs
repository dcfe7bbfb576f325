//! What the data folder takes on disk.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::Shared;
use super::folder::{self, Parts};
use super::journal::segment;
use crate::store::local::failed;
use crate::store::{StoreError, Usage};

/// What is taken at the moment.
pub(super) fn of(shared: &Shared) -> Result<Usage, StoreError> {
    let about = shared.state.about();
    let (sealed, end) = (shared.journal.sealed(), shared.journal.end());
    let parts = Parts::of(shared.journal.folder().parent().unwrap_or(Path::new(".")));
    let before = |number: u64, length: u64| match number.cmp(&about.position.segment) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => length.saturating_sub(about.position.offset),
        std::cmp::Ordering::Greater => length.saturating_sub(segment::HEAD as u64),
    };
    let files = sealed.iter().map(|(number, length)| (*number, *length)).chain([(end.segment, end.offset)]);
    let (mut count, mut journal, mut behind) = (0, 0, 0);
    for (number, length) in files {
        (count, journal, behind) = (count + 1, journal + length, behind + before(number, length));
    }
    Ok(Usage {
        records: about.keys,
        journal_files: count,
        damaged_files: shared.damaged_files.load(Ordering::Relaxed),
        journal,
        needed: about.live.values().sum(),
        behind,
        state: length_of(&parts.state)?,
        snapshots: length_of(&parts.snapshots)?,
        free: folder::room(shared.journal.folder()),
    })
}

/// The length of the files in a folder. One that goes away meanwhile has no length.
fn length_of(folder: &Path) -> Result<u64, StoreError> {
    let entries = fs::read_dir(folder).map_err(|error| failed(&format!("reading {}", folder.display()), error))?;
    let lengths = entries.flatten().filter_map(|entry| entry.metadata().ok()).filter(fs::Metadata::is_file);
    Ok(lengths.map(|about| about.len()).sum())
}
