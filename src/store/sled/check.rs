//! Reading a data folder through: every record, every value, every snapshot. Mends nothing; that the state is damaged is noted
//! for the next start, which makes it anew.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::folder::{self, Parts};
use super::header;
use super::journal::record;
use super::journal::segment::{self, End, Flaw, Records};
use super::journal::{Position, Reader};
use super::meta::Meta;
use super::snapshot::{self, Lines};
use super::state::State;
use super::stored::Stored;
use crate::store::local::failed;
use crate::store::{Progress, StoreError};

/// What was read, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many files of the journal.
    pub files: u64,
    /// How many records in them.
    pub records: u64,
    /// How many keys the state has.
    pub keys: u64,
    /// How many snapshots.
    pub snapshots: u64,
    /// What is wrong.
    pub damage: Vec<Damage>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// In which file or folder.
    pub file: PathBuf,
    /// At which byte; 0 where it is the whole of it.
    pub offset: u64,
    /// In words.
    pub what: String,
    /// Whether the next start mends it without a loss.
    pub mends_itself: bool,
}

impl Report {
    /// Something that nothing mends.
    pub(super) fn wrong(&mut self, file: &Path, offset: u64, what: impl Into<String>) {
        self.damage.push(Damage { file: file.to_owned(), offset, what: what.into(), mends_itself: false });
    }

    fn mends(&mut self, file: &Path, offset: u64, what: impl Into<String>) {
        self.damage.push(Damage { file: file.to_owned(), offset, what: what.into(), mends_itself: true });
    }

    /// Whether something is lost unless somebody acts.
    pub fn is_lossy(&self) -> bool {
        self.damage.iter().any(|damage| !damage.mends_itself)
    }
}

/// Reads the folder through. Nobody else may have it open. `progress` is told the bytes that were read.
pub fn check(path: &Path, progress: &Progress) -> Result<Report, StoreError> {
    if !path.exists() {
        let what = format!("there is no data folder {}", path.display());
        return Err(failed("checking the state", what));
    }
    let lock = folder::lock(path)?;
    let parts = Parts::of(path);
    parts.make()?;
    header::check(&parts)?;
    let mut report = Report::default();
    let end = check_journal(&parts, &mut report, progress)?;
    check_state(&parts, end, &mut report)?;
    for snapshot in snapshot::survey(&parts.snapshots)? {
        report.snapshots += 1;
        let broken = Lines::open(&snapshot.path).and_then(|mut lines| lines.try_for_each(|line| line.map(drop)));
        if let Err(why) = broken {
            report.mends(&snapshot.path, 0, format!("{why}; another snapshot or the journal serves as well"));
        }
    }
    drop(lock);
    Ok(report)
}

/// Checks every record, and answers where the journal ends.
fn check_journal(parts: &Parts, report: &mut Report, progress: &Progress) -> Result<Position, StoreError> {
    let numbers = segment::numbers(&parts.journal)?;
    let mut before: Option<(u64, u64)> = None;
    let (mut end, mut read) = (Position::default(), 0);
    for (index, number) in numbers.iter().enumerate() {
        let path = segment::path(&parts.journal, *number);
        let is_last = index + 1 == numbers.len();
        let bytes = fs::read(&path).map_err(|error| failed(&format!("reading {}", path.display()), error))?;
        read += bytes.len() as u64;
        progress(read);
        report.files += 1;
        let head = match segment::look(&path, *number) {
            Ok(segment) => Some(segment.head),
            Err(Flaw::Short) if is_last => {
                report.mends(&path, 0, "it was being made when everything stopped");
                break;
            }
            Err(flaw) => {
                report.wrong(&path, 0, flaw.words());
                None
            }
        };
        if let (Some(head), Some((number_before, length_before))) = (head, before)
            && number_before + 1 == *number
            && head.before != length_before
        {
            let path = segment::path(&parts.journal, number_before);
            report.wrong(&path, length_before, format!("the file was {} bytes long when it was finished", head.before));
        }
        before = Some((*number, bytes.len() as u64));
        let first = head.map(|head| head.first);
        end = check_records(&path, *number, &bytes, first, is_last, report);
    }
    Ok(end)
}

/// Reads the records of a file, whose first has the sequence number `first` where it is known, and answers where they end.
pub(super) fn check_records(
    path: &Path,
    number: u64,
    bytes: &[u8],
    first: Option<u64>,
    is_last: bool,
    report: &mut Report,
) -> Position {
    let mut end = Position { segment: number, offset: segment::HEAD as u64, sequence: first.unwrap_or_default() };
    let (mut from, mut expected) = (segment::HEAD, first);
    loop {
        let mut records = Records::new(bytes, from, expected);
        while let Some((at, found)) = records.next() {
            report.records += 1;
            end.offset = (at + found.length) as u64;
            end.sequence = found.sequence + 1;
            if found.body.is_some_and(|body| record::changes(body).is_none()) {
                report.wrong(path, at as u64, "a record of a form that this program does not know");
            }
        }
        match records.end() {
            End::Clean => return end,
            End::Torn(at) if is_last => {
                report.mends(path, at as u64, "a record that was not finished; it was never acknowledged");
                return end;
            }
            End::Torn(at) => {
                report.wrong(path, at as u64, "a record is damaged");
                return end;
            }
            End::Bad(at, next) => {
                report.wrong(path, at as u64, format!("{} bytes are damaged", next - at));
                (from, expected) = (next, None);
            }
        }
    }
}

fn check_state(parts: &Parts, end: Position, report: &mut Report) -> Result<(), StoreError> {
    if !parts.state.exists() {
        if report.files > 0 {
            report.mends(&parts.state, 0, "it is missing; the next start makes it anew");
        }
        return Ok(());
    }
    let state = match State::open(parts) {
        Ok(state) => state,
        Err(StoreError::Corrupt { what }) => {
            report.mends(&parts.state, 0, format!("{what}; the next start makes it anew"));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let about = state.about();
    report.keys = about.keys;
    // What was left half done cannot be judged before the next start has done it.
    let checked = if state.is_halfway() { Ok(()) } else { state.check_whole(|| true) };
    if state.is_damaged() {
        report.mends(&parts.state, 0, "it has lost something; the next start makes it anew");
        // What cannot be read may not be flushed either.
        let _ = state.close();
        return Ok(());
    }
    checked?;
    if about.reach() > end {
        let last = segment::path(&parts.journal, end.segment.max(1));
        report.wrong(&last, end.offset, "it ends before something that was already applied");
    } else if about != Meta::default() {
        check_values(parts, &state, report)?;
    }
    state.close()
}

/// Reads every value that the state points at.
fn check_values(parts: &Parts, state: &State, report: &mut Report) -> Result<(), StoreError> {
    let journal = Reader::new(&parts.journal);
    for pair in state.all() {
        let (_, stored) = pair?;
        let Stored::There(at) = stored else { continue };
        if let Err(error) = journal.read(at) {
            report.wrong(&segment::path(&parts.journal, at.segment), at.offset, error.to_string());
        }
    }
    Ok(())
}
