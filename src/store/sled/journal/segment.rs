//! A segment: one file of the journal. It begins with a head that says which one it is and how long the one before became,
//! so that a file that was cut, swapped or removed is noticed without reading it through.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::record::{self, Found};
use crate::store::StoreError;
use crate::store::local::failed;

/// The bytes before the first record.
pub(in crate::store::sled) const HEAD: usize = 48;

/// So much of a finished segment is in memory at a time, in bytes, unless a record is longer.
const PART: u64 = 1024 * 1024;

const MAGIC: &[u8; 8] = b"rejoindr";
const VERSION: u32 = 1;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::sled) struct Head {
    /// Its number, from 1.
    pub(in crate::store::sled) number: u64,
    /// The sequence number of its first record.
    pub(in crate::store::sled) first: u64,
    /// How long the segment before it became, in bytes; 0 where there is none.
    pub(in crate::store::sled) before: u64,
}

impl Head {
    /// As it stands in the file.
    pub(in crate::store::sled) fn write(&self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.before.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..40]);
        bytes[40..44].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8; HEAD]) -> Result<Self, String> {
        let long = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u64::from_le_bytes);
        let short = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u32::from_le_bytes);
        if bytes.first_chunk() != Some(MAGIC) {
            return Err("it does not begin like a file of the journal".to_owned());
        }
        if short(40) != crc32c::crc32c(&bytes[..40]) {
            return Err("its head is damaged".to_owned());
        }
        if short(8) != VERSION {
            return Err(format!("it is of version {}, and this program knows version {VERSION}", short(8)));
        }
        Ok(Self { number: long(16), first: long(24), before: long(32) })
    }
}

/// A segment that was found on disk.
#[derive(Clone, Debug)]
pub(in crate::store::sled) struct Segment {
    /// What it says of itself.
    pub(in crate::store::sled) head: Head,
    /// Its file.
    pub(in crate::store::sled) path: PathBuf,
    /// Its length in bytes.
    pub(in crate::store::sled) length: u64,
}

/// The file of a segment.
pub(in crate::store::sled) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.log"))
}

/// Makes the file of a segment, durable with its name.
pub(in crate::store::sled) fn create(folder: &Path, head: Head) -> Result<File, StoreError> {
    let path = path(folder, head.number);
    let make = || {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(true).open(&path)?;
        file.write_all(&head.write())?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        Ok::<File, std::io::Error>(file)
    };
    make().map_err(|error| failed(&format!("making {}", path.display()), error))
}

/// The numbers of the segments of a folder, in order. What is not a segment is left alone.
pub(in crate::store::sled) fn numbers(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let mut numbers = Vec::new();
    let reading = |error| failed(&format!("reading the folder {}", folder.display()), error);
    for entry in std::fs::read_dir(folder).map_err(reading)? {
        let name = entry.map_err(reading)?.file_name();
        let stem = name.to_string_lossy().strip_suffix(".log").map(str::to_owned);
        numbers.extend(stem.filter(|stem| stem.len() == 16).and_then(|stem| stem.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Every segment of a folder, in order. One that says it is another one, or nothing, is an error, except for a last one that
/// a crash left without its head, also where it is the first: a state or a snapshot knows if there was more.
pub(in crate::store::sled) fn survey(folder: &Path) -> Result<Vec<Segment>, StoreError> {
    let numbers = numbers(folder)?;
    let mut segments = Vec::new();
    for (index, number) in numbers.iter().enumerate() {
        let path = path(folder, *number);
        match look(&path, *number) {
            Ok(segment) => segments.push(segment),
            // It was being made when the power went; nothing was acknowledged from it.
            Err(Flaw::Short) if index + 1 == numbers.len() => {
                std::fs::remove_file(&path).map_err(|error| failed(&format!("removing {}", path.display()), error))?;
            }
            Err(Flaw::Failed(error)) => return Err(failed(&format!("reading {}", path.display()), error)),
            Err(flaw) => return Err(damaged(&path, 0, &flaw.words())),
        }
    }
    Ok(segments)
}

/// Why a file is not the segment that its name says.
pub(in crate::store::sled) enum Flaw {
    /// It holds no more than a head, and not a whole one.
    Short,
    /// Its head says something else.
    Wrong(String),
    /// It cannot be read.
    Failed(std::io::Error),
}

impl Flaw {
    /// In words.
    pub(in crate::store::sled) fn words(&self) -> String {
        match self {
            Self::Failed(error) => error.to_string(),
            Self::Short => "it has no whole head".to_owned(),
            Self::Wrong(why) => why.clone(),
        }
    }
}

/// Looks at the head of a segment.
pub(in crate::store::sled) fn look(path: &Path, number: u64) -> Result<Segment, Flaw> {
    let mut file = File::open(path).map_err(Flaw::Failed)?;
    let length = file.metadata().map_err(Flaw::Failed)?.len();
    let mut bytes = [0; HEAD];
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err(Flaw::Short),
        other => other.map_err(Flaw::Failed)?,
    }
    // A device may have taken the length before the bytes.
    let head = Head::read(&bytes).map_err(|why| if length == HEAD as u64 { Flaw::Short } else { Flaw::Wrong(why) })?;
    if head.number != number {
        return Err(Flaw::Wrong(format!("it says that it is segment {}", head.number)));
    }
    Ok(Segment { head, path: path.to_owned(), length })
}

/// What a segment holds from a byte on; nothing where it is shorter.
pub(in crate::store::sled) fn read_from(path: &Path, from: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut bytes)
    });
    read.map_err(|error| failed(&format!("reading {}", path.display()), error))?;
    Ok(bytes)
}

/// Damage in a file of the journal: which file, where, and what helps.
pub(in crate::store::sled) fn damaged(path: &Path, offset: u64, why: &str) -> StoreError {
    StoreError::Corrupt {
        what: format!(
            "{} at byte {offset}: {why}; put back a copy of the data folder, or look with `rejoinder state check` and \
             go on without what is damaged with `rejoinder state salvage`",
            path.display()
        ),
    }
}

/// How the records of a segment end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::sled) enum End {
    /// With a whole record.
    Clean,
    /// With less than a record, from this byte: what was being written when everything stopped. Whole records may follow that
    /// were written together with it: a device brings pages to rest in any order, and none of them was acknowledged.
    Torn(usize),
    /// With damage from this byte, and a whole record at the other behind it that was written later.
    Bad(usize, usize),
}

/// Walks the records of a segment from a byte on, as long as they are whole and follow each other.
pub(in crate::store::sled) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    expected: Option<u64>,
}

impl<'a> Records<'a> {
    /// The records from byte `from`; the first must have the sequence number `expected`, where one is expected.
    pub(in crate::store::sled) fn new(bytes: &'a [u8], from: usize, expected: Option<u64>) -> Self {
        Self { bytes, at: from, expected }
    }

    /// The next whole record, with the place where it begins.
    pub(in crate::store::sled) fn next(&mut self) -> Option<(usize, Found<'a>)> {
        let found = record::read(self.bytes.get(self.at..)?)?;
        let fits = |expected: u64| match found.body {
            Some(_) => found.sequence == expected,
            // What was skipped may have been several.
            None => found.sequence >= expected,
        };
        if self.expected.is_some_and(|expected| !fits(expected)) {
            return None;
        }
        let at = self.at;
        self.at += found.length;
        self.expected = Some(found.sequence + 1);
        Some((at, found))
    }

    /// How it ends; asked when there is no next record.
    pub(in crate::store::sled) fn end(&self) -> End {
        if self.at >= self.bytes.len() {
            return End::Clean;
        }
        let least = self.expected.unwrap_or(0);
        let follows = |at: &usize| {
            let rest = self.bytes.get(*at..).unwrap_or_default();
            // The number first, because it is cheap: no record is far from its neighbours.
            record::sequence_of(rest).is_some_and(|sequence| sequence >= least && sequence - least < 1 << 32)
                && record::read(rest).is_some_and(|found| at.saturating_sub(found.together) > self.at)
        };
        (self.at + 1..self.bytes.len()).find(follows).map_or(End::Torn(self.at), |next| End::Bad(self.at, next))
    }
}

/// Shows the records of a finished segment with the places where they begin, part by part. Answers whether it holds whole
/// records to its end.
pub(in crate::store::sled) fn walk(
    path: &Path,
    mut show: impl FnMut(u64, &Found<'_>) -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    let reading = |error| failed(&format!("reading {}", path.display()), error);
    let mut file = File::open(path).map_err(reading)?;
    let mut at = file.seek(SeekFrom::Start(HEAD as u64)).map_err(reading)?;
    let (mut bytes, mut expected) = (Vec::new(), None);
    loop {
        let read = Read::by_ref(&mut file).take(PART).read_to_end(&mut bytes).map_err(reading)?;
        let mut records = Records::new(&bytes, 0, expected);
        while let Some((place, found)) = records.next() {
            show(at + place as u64, &found)?;
        }
        let whole = records.at;
        expected = records.expected;
        bytes.drain(..whole);
        at += whole as u64;
        if read == 0 {
            return Ok(bytes.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::kv::Batch;

    /// The sequence numbers and places of the records, and whether all is whole.
    fn walked(path: &Path) -> (Vec<(u64, u64)>, bool) {
        let mut seen = Vec::new();
        let is_whole = walk(path, |place, found| {
            seen.push((found.sequence, place));
            Ok(())
        });
        (seen, is_whole.unwrap())
    }

    #[test]
    fn records_are_walked_part_by_part_and_damage_is_noticed() {
        let folder = tempfile::TempDir::new().unwrap();
        let head = Head { number: 1, first: 5, before: 0 };
        create(folder.path(), head).unwrap();
        let path = path(folder.path(), 1);
        let (mut bytes, mut wanted) = (std::fs::read(&path).unwrap(), Vec::new());
        let part = PART as usize;
        for (sequence, length) in (5..).zip([10, part / 2, part - 100, 3 * part, 0, part]) {
            let mut batch = Batch::default();
            batch.put(b"a".to_vec(), vec![7; length]);
            wanted.push((sequence, bytes.len() as u64));
            record::write(&mut bytes, sequence, batch);
        }
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(walked(&path), (wanted.clone(), true));
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(walked(&path), (wanted[..5].to_vec(), false));
        bytes[wanted[3].1 as usize + 1_000] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(walked(&path), (wanted[..3].to_vec(), false));
    }
}
