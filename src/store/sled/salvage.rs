//! Going on without what is damaged: whatever of the journal cannot be read is stepped over, the state is made anew, and what
//! was lost is named. Only ever run by a person, because it gives something up.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::folder::{self, Parts};
use super::journal::segment::{self, End, Head, Records};
use super::journal::{Position, record};
use super::state::State;
use super::{header, open, snapshot};
use crate::store::StoreError;
use crate::store::kv::{Batch, Kv};
use crate::store::local::{failed, kind_of, mend, send_of};

/// What was done and what is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Salvaged {
    /// What was stepped over, in words: file, byte, length.
    pub skipped: Vec<String>,
    /// What is gone for good: events, sends and other records, by id.
    pub lost: Vec<String>,
    /// Where copies of the damaged files are.
    pub copies: Vec<PathBuf>,
}

/// Makes the folder one that can be opened. Nobody else may have it open.
pub fn salvage(path: &Path) -> Result<Salvaged, StoreError> {
    if !path.exists() {
        return Err(failed("salvaging the state", format!("there is no data folder {}", path.display())));
    }
    let lock = folder::lock(path)?;
    let parts = Parts::of(path);
    parts.make()?;
    header::check(&parts)?;
    let snapshots = snapshot::survey(&parts.snapshots)?.iter().map(|it| it.position).collect();
    let mut salvage = Salvage { parts: &parts, snapshots, done: Salvaged::default(), copies: path.join("salvaged") };
    let applied = State::open(&parts).ok().and_then(|state| {
        let applied = state.about().reach().sequence;
        state.close().is_ok().then_some(applied)
    });
    let end = salvage.mend_journal()?;
    if let Some(missing) = applied.and_then(|applied| applied.checked_sub(end)).filter(|missing| *missing > 0) {
        salvage.done.skipped.push(format!("the last {missing} records of the journal, which is too short"));
    }
    parts.note_damage()?;
    let mut done = salvage.done;
    drop(lock);
    let opened = open::open_for_salvage(path)?;
    drop_unreadable(&opened, &mut done)?;
    let kv: Arc<dyn Kv> = Arc::new(opened);
    done.lost.extend(mend(&kv)?);
    kv.close()?;
    Ok(done)
}

/// Removes the keys whose values are in what was stepped over.
fn drop_unreadable(opened: &super::Journaled, done: &mut Salvaged) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    for pair in opened.shared.state.all() {
        let (key, stored) = pair?;
        match opened.shared.value(stored) {
            Ok(_) => {}
            Err(StoreError::Corrupt { .. }) => {
                let send = send_of(&key);
                if send.is_none() && !matches!(key.first(), Some(b'e' | b's')) {
                    done.lost.push(format!("a record of kind `{}`", kind_of(&key)));
                }
                batch.remove(key);
                send.into_iter().for_each(|send| batch.remove(send));
            }
            Err(error) => return Err(error),
        }
    }
    if !batch.is_empty() {
        opened.apply(batch)?;
        opened.flush()?;
    }
    Ok(())
}

struct Salvage<'a> {
    parts: &'a Parts,
    /// Where the snapshots go on, oldest first.
    snapshots: Vec<Position>,
    done: Salvaged,
    copies: PathBuf,
}

impl Salvage<'_> {
    /// Sees to it that the journal can be walked from the oldest snapshot, or from its beginning, to its end. Answers the
    /// sequence number that comes next.
    fn mend_journal(&mut self) -> Result<u64, StoreError> {
        let numbers = segment::numbers(&self.parts.journal)?;
        let Some(last) = numbers.last().copied() else { return Ok(0) };
        // From here on nothing may be missing; before, files may have been removed because nothing in them was needed.
        let needed = self.snapshots.iter().map(|position| position.segment).find(|number| *number <= last).unwrap_or(1);
        let (mut expected, mut before) = (None, 0);
        for number in numbers.first().copied().unwrap_or(1).min(needed)..=last {
            let next =
                segment::look(&segment::path(&self.parts.journal, number + 1), number + 1).ok().map(|it| it.head);
            (expected, before) = if numbers.contains(&number) {
                self.mend_segment(number, expected, before, next)?
            } else if number >= needed {
                self.fill(number, expected, before, next)?
            } else {
                (None, 0)
            };
        }
        Ok(expected.unwrap_or_default())
    }

    /// Steps over what is damaged in a file. Answers the sequence number after it, and its length.
    fn mend_segment(
        &mut self,
        number: u64,
        expected: Option<u64>,
        before: u64,
        next: Option<Head>,
    ) -> Result<(Option<u64>, u64), StoreError> {
        let path = segment::path(&self.parts.journal, number);
        let doing = format!("mending {}", path.display());
        let wrong = |error: std::io::Error| failed(&doing, error);
        let mut bytes = fs::read(&path).map_err(wrong)?;
        let original = bytes.clone();
        let known = segment::look(&path, number).ok().map(|it| it.head);
        if let Some(next) = next {
            bytes.resize(usize::try_from(next.before).unwrap_or(bytes.len()).max(segment::HEAD), 0);
        }
        bytes.resize(bytes.len().max(segment::HEAD), 0);
        let first_found = (segment::HEAD..bytes.len()).find_map(|at| record::read(&bytes[at..]).map(|it| it.sequence));
        let first = expected.or(known.map(|head| head.first)).or(first_found).unwrap_or(1);
        let head =
            Head { number, first, before: if expected.is_some() { before } else { known.map_or(0, |it| it.before) } };
        bytes[..segment::HEAD].copy_from_slice(&head.write());
        let (mut from, mut sequence) = (segment::HEAD, first);
        loop {
            let mut records = Records::new(&bytes, from, Some(sequence));
            while let Some((_, found)) = records.next() {
                sequence = found.sequence + 1;
            }
            let (at, end, last_lost) = match (records.end(), next) {
                (End::Clean, _) => break,
                (End::Bad(at, found), _) => {
                    let follows = record::sequence_of(&bytes[found..]).unwrap_or(sequence + 1);
                    (at, found, follows.saturating_sub(1))
                }
                (End::Torn(at), Some(next)) => (at, bytes.len(), next.first.saturating_sub(1)),
                (End::Torn(at), None) => {
                    bytes.truncate(at);
                    break;
                }
            };
            self.done.skipped.push(format!("{} at byte {at}: {} bytes", path.display(), end - at));
            if end - at < record::HEAD {
                return Err(failed(&doing, format!("the {} damaged bytes at {at} cannot be stepped over", end - at)));
            }
            self.step_over(number, &mut bytes, at..end, last_lost);
            (from, sequence) = (end, last_lost + 1);
        }
        if bytes != original {
            if known.is_none() {
                self.done.skipped.push(format!("{} at byte 0: its head", path.display()));
            }
            self.keep_copy(&path)?;
            write_whole(&path, &bytes).map_err(wrong)?;
        }
        Ok((Some(sequence), bytes.len() as u64))
    }

    /// Puts a file that holds nothing where one is missing.
    fn fill(
        &mut self,
        number: u64,
        expected: Option<u64>,
        before: u64,
        next: Option<Head>,
    ) -> Result<(Option<u64>, u64), StoreError> {
        let path = segment::path(&self.parts.journal, number);
        let first = expected.unwrap_or(1);
        let last = next.map_or(first, |next| next.first.saturating_sub(1)).max(first);
        let length = next.map_or(0, |next| usize::try_from(next.before).unwrap_or(0)).max(segment::HEAD + record::HEAD);
        let mut bytes = vec![0; length];
        bytes[..segment::HEAD].copy_from_slice(&Head { number, first, before }.write());
        self.step_over(number, &mut bytes, segment::HEAD..length, last);
        write_whole(&path, &bytes).map_err(|error| failed(&format!("making {}", path.display()), error))?;
        self.done.skipped.push(format!("{}: the file was missing", path.display()));
        Ok((Some(last + 1), length as u64))
    }

    /// Writes heads that stand for damage up to the record `last`. A snapshot may go on in the middle of it, and must find a
    /// record there.
    fn step_over(&self, number: u64, bytes: &mut [u8], damage: Range<usize>, last: u64) {
        let inside = self.snapshots.iter().filter(|position| position.segment == number);
        let inside = inside.map(|it| (usize::try_from(it.offset).unwrap_or(usize::MAX), it.sequence.saturating_sub(1)));
        let mut begin = damage.start;
        for (place, before) in inside.chain([(damage.end, last)]) {
            if begin < place
                && place <= damage.end
                && let Some(head) = bytes.get_mut(begin..begin + record::HEAD)
            {
                head.copy_from_slice(&record::skip(before, place - begin));
                begin = place;
            }
        }
    }

    fn keep_copy(&mut self, path: &Path) -> Result<(), StoreError> {
        let copy = self.copies.join(path.file_name().unwrap_or_default());
        let keep = || {
            fs::create_dir_all(&self.copies)?;
            fs::copy(path, &copy)
        };
        keep().map_err(|error| failed(&format!("copying {}", path.display()), error))?;
        self.done.copies.push(copy);
        Ok(())
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(false).open(path)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.sync_all()
}
