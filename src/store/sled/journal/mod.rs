//! The journal: what was changed, in order, in files that are only ever added to. It is the truth; sled can be made from it.
//! One thread writes; everything that waits is written with one call and made durable with one `fdatasync`.

pub(super) mod record;
pub(super) mod segment;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::record::{Location, Written};
use self::segment::{Head, Segment};
use super::Options;
use crate::clock::Clock;
use crate::store::StoreError;
use crate::store::kv::Batch;
use crate::store::local::failed;

/// A place in the journal: everything before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Position {
    /// The segment's number.
    pub(super) segment: u64,
    /// The byte in it.
    pub(super) offset: u64,
    /// The sequence number of the record that begins there.
    pub(super) sequence: u64,
}

/// The journal, open for writing at its end.
pub(super) struct Journal {
    folder: PathBuf,
    options: Options,
    tail: Mutex<Tail>,
    reader: Reader,
}

struct Tail {
    file: File,
    /// When the file was begun.
    born: Timestamp,
    /// What is durable ends here.
    end: Position,
    /// What has been asked for since.
    pending: Vec<u8>,
    next: u64,
    /// The finished segments and their lengths.
    sealed: BTreeMap<u64, u64>,
}

impl Journal {
    /// The journal of a folder, to be continued at `end`, which must be the end of the last of `segments`; none where the
    /// folder is new.
    pub(super) fn open(
        folder: &Path,
        end: Option<Position>,
        options: &Options,
        segments: &[Segment],
    ) -> Result<Self, StoreError> {
        let (file, end) = match end {
            Some(end) => (reopen(&segment::path(folder, end.segment), end.offset)?, end),
            None => {
                let head = Head { number: 1, first: 1, before: 0 };
                let end = Position { segment: 1, offset: segment::HEAD as u64, sequence: 1 };
                (segment::create(folder, head)?, end)
            }
        };
        let finished = segments.iter().filter(|it| it.head.number < end.segment);
        let sealed = finished.map(|it| (it.head.number, it.length)).collect();
        let tail = Tail { born: born(&file), file, end, pending: Vec::new(), next: end.sequence, sealed };
        let (folder, options) = (folder.to_owned(), options.clone());
        Ok(Self { reader: Reader::new(&folder), folder, options, tail: Mutex::new(tail) })
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a record to be written with the next [`sync`](Self::sync). Answers what it holds, and where long values will be.
    pub(super) fn append(&self, batch: Batch) -> impl Iterator<Item = (Written, Option<Location>)> {
        let mut tail = self.tail();
        let (segment, start, next) = (tail.end.segment, tail.end.offset + tail.pending.len() as u64, tail.next);
        let written = record::write(&mut tail.pending, next, batch);
        tail.next += 1;
        written.into_iter().map(move |written| {
            let at = written
                .value
                .as_ref()
                .and_then(|(value, place)| long(segment, start + *place as u64, &written.key, value));
            (written, at)
        })
    }

    /// Makes durable what was taken, and answers where it ends. After [`StoreError::Full`] what was taken is forgotten.
    pub(super) fn sync(&self) -> Result<Position, StoreError> {
        let mut tail = self.tail();
        let pending = std::mem::take(&mut tail.pending);
        let (path, end) = (segment::path(&self.folder, tail.end.segment), tail.end.offset + pending.len() as u64);
        let written = tail.file.write_all(&pending).and_then(|()| self.options.sync(&tail.file, &path, end));
        if let Err(error) = written {
            return Err(self.take_back(&mut tail, error));
        }
        tail.end.offset = end;
        tail.end.sequence = tail.next;
        let mut pending = pending;
        pending.clear();
        // One burst must not hold its memory for ever.
        pending.shrink_to(1 << 20);
        tail.pending = pending;
        let is_begun = tail.end.offset > segment::HEAD as u64;
        let is_old = || self.options.is_old(tail.born, Clock::system().now());
        if tail.end.offset >= self.options.segment || (is_begun && is_old()) {
            self.roll(&mut tail);
        }
        Ok(tail.end)
    }

    /// After a failed write: back to what is durable, where the disk was only full.
    fn take_back(&self, tail: &mut Tail, error: std::io::Error) -> StoreError {
        let path = segment::path(&self.folder, tail.end.segment);
        let what = format!("writing {}", path.display());
        if !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            return failed(&what, error);
        }
        let end = tail.end.offset;
        let back = tail.file.set_len(end).and_then(|()| tail.file.seek(SeekFrom::Start(end)).map(drop));
        match back {
            Ok(()) => {
                tail.next = tail.end.sequence;
                StoreError::Full { what: format!("{what}: {error}") }
            }
            Err(error) => failed(&what, error),
        }
    }

    /// Goes on in a new file. Where none can be made, the old one grows.
    fn roll(&self, tail: &mut Tail) {
        let head = Head { number: tail.end.segment + 1, first: tail.end.sequence, before: tail.end.offset };
        match segment::create(&self.folder, head) {
            Ok(file) => {
                tail.file = file;
                tail.born = Clock::system().now();
                tail.sealed.insert(tail.end.segment, tail.end.offset);
                tail.end.segment = head.number;
                tail.end.offset = segment::HEAD as u64;
                self.options.synced(&segment::path(&self.folder, head.number), tail.end.offset);
            }
            Err(error) => {
                let _ = std::fs::remove_file(segment::path(&self.folder, head.number));
                tracing::warn!(error = %error, "no new file of the journal could be made; the last one goes on");
            }
        }
    }

    /// Where what is durable ends.
    pub(super) fn end(&self) -> Position {
        self.tail().end
    }

    /// The finished segments and their lengths in bytes.
    pub(super) fn sealed(&self) -> BTreeMap<u64, u64> {
        self.tail().sealed.clone()
    }

    /// A long value.
    pub(super) fn read(&self, at: Location) -> Result<Vec<u8>, StoreError> {
        self.reader.read(at)
    }

    /// Removes a file in which nothing is needed any more.
    pub(super) fn remove(&self, number: u64) -> Result<(), StoreError> {
        self.tail().sealed.remove(&number);
        let path = segment::path(&self.folder, number);
        // Held until the file is gone: nobody shall open it in between and keep its room.
        let mut open = self.reader.files.write().unwrap_or_else(PoisonError::into_inner);
        open.remove(&number);
        std::fs::remove_file(&path).map_err(|error| failed(&format!("removing {}", path.display()), error))
    }

    /// Where its files are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// How many files are kept open for reading: a process may not have many more, and opening one again costs little.
const OPEN: usize = 64;

/// Reads values out of the files of a journal.
pub(super) struct Reader {
    folder: PathBuf,
    files: RwLock<HashMap<u64, Arc<File>>>,
}

impl Reader {
    /// A reader of the files of a folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: RwLock::default() }
    }

    /// A long value.
    pub(super) fn read(&self, at: Location) -> Result<Vec<u8>, StoreError> {
        let path = segment::path(&self.folder, at.segment);
        let file = self.file(at.segment, &path)?;
        let mut value = vec![0; at.length as usize];
        match read_at(&file, &mut value, at.offset) {
            Ok(()) if crc32c::crc32c(&value) == at.checksum => Ok(value),
            Ok(()) => Err(segment::damaged(&path, at.offset, "a value is not as it was written")),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(segment::damaged(&path, at.offset, "the file ends before a value that is known to be there"))
            }
            Err(error) => Err(failed(&format!("reading {}", path.display()), error)),
        }
    }

    fn file(&self, number: u64, path: &Path) -> Result<Arc<File>, StoreError> {
        let open = self.files.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned();
        if let Some(file) = open {
            return Ok(file);
        }
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        let file = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => segment::damaged(path, 0, "the file is missing"),
            _ => failed(&format!("opening {}", path.display()), error),
        })?;
        let file = Arc::new(file);
        if files.len() >= OPEN {
            files.clear();
        }
        files.insert(number, Arc::clone(&file));
        Ok(file)
    }
}

/// Where a value is, if it is long enough to stay in the journal.
pub(super) fn long(segment: u64, offset: u64, key: &[u8], value: &[u8]) -> Option<Location> {
    record::is_long(key, value).then(|| Location {
        segment,
        offset,
        length: u32::try_from(value.len()).unwrap_or(u32::MAX),
        checksum: crc32c::crc32c(value),
    })
}

/// When a file was made, where the file system knows; else it is taken for new.
fn born(file: &File) -> Timestamp {
    let created = file.metadata().and_then(|about| about.created()).ok();
    created.and_then(|created| Timestamp::try_from(created).ok()).unwrap_or_else(|| Clock::system().now())
}

fn reopen(path: &Path, end: u64) -> Result<File, StoreError> {
    let open = || {
        let mut file = File::options().read(true).write(true).open(path)?;
        file.seek(SeekFrom::Start(end))?;
        Ok::<File, std::io::Error>(file)
    };
    open().map_err(|error| failed(&format!("opening {}", path.display()), error))
}

#[cfg(unix)]
fn read_at(file: &File, value: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, value, offset)
}

#[cfg(windows)]
fn read_at(file: &File, value: &mut [u8], offset: u64) -> std::io::Result<()> {
    let mut done = 0;
    while done < value.len() {
        match std::os::windows::fs::FileExt::seek_read(file, &mut value[done..], offset + done as u64)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => done += read,
        }
    }
    Ok(())
}
