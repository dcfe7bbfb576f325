//! sled itself: how it is set up, and opened in spite of what abrupt ends leave behind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::folder;
use crate::store::StoreError;
use crate::store::local::failed;
use ::sled::{Config, Db, Error, Mode};

/// Pages kept in memory, in bytes as they lie on the disk; they take two to three times that. sled's own default is a gigabyte.
const CACHE: u64 = 24 * 1024 * 1024;

/// The length of a segment of sled's file, and of the buffer in which it is written. With many buffers under way sled 0.34 can
/// come to a stop for ever: whoever begins the next one holds the lock over the segments and waits for a truncation of the
/// file, while all threads of sled's pool write buffers and wait for that lock, so that none is left to truncate. With its
/// own 512 KB, programs that did nothing but write hung in 9 of 80 runs, with 4 MB and with 8 MB in none of 40. A state of
/// another length is made anew from the journal.
const SEGMENT: usize = 4 * 1024 * 1024;

/// With less room on its disk, in bytes, sled may have been refused a buffer.
const LITTLE: u64 = 4 * SEGMENT as u64;

/// sled, open.
pub(super) struct Open {
    /// The keys.
    pub(super) db: Db,
    /// sled's own file: its `flush` hands pages to the device without the metadata that a power cut would need.
    pub(super) file: File,
}

/// How often, and at what distance, sled's own lock is asked for again: the threads of a database that was just closed in
/// this process let go of it a little later.
const TRIES: u32 = 80;
const DISTANCE: Duration = Duration::from_millis(25);

/// Opens sled in a folder, which is made if it is not there. What sled cannot read is [`StoreError::Corrupt`], also where it
/// panics.
pub(super) fn open(folder: &Path) -> Result<Open, StoreError> {
    fs::create_dir_all(folder).map_err(|error| failed(&format!("making the folder {}", folder.display()), error))?;
    tidy(folder)?;
    let db = open_db(folder)?;
    let durable = || {
        File::open(folder)?.sync_all()?;
        OpenOptions::new().read(true).write(true).open(folder.join("db"))
    };
    let file = durable().map_err(|error| failed(&format!("syncing the folder {}", folder.display()), error))?;
    Ok(Open { db, file })
}

fn open_db(folder: &Path) -> Result<Db, StoreError> {
    let mut tries = 0;
    loop {
        let config = Config::new().path(folder).cache_capacity(CACHE).segment_size(SEGMENT);
        let config = config.mode(Mode::HighThroughput).flush_every_ms(None);
        match guarded(folder, || Ok(config.open()))? {
            Ok(db) => return Ok(db),
            Err(Error::Io(error)) if error.to_string().contains("could not acquire lock") && tries < TRIES => {
                tries += 1;
                sleep(DISTANCE);
            }
            Err(error) => return Err(answered(&format!("opening the state in {}", folder.display()), error)),
        }
    }
}

/// Has sled do something in a folder. A panic is damage, at which sled panics where it does not expect it, unless the disk is
/// full, which it does not expect either.
pub(super) fn guarded<T>(folder: &Path, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| match folder::room(folder) {
        Some(room) if room < LITTLE => Err(failed("using the state", "sled panicked on a full disk")),
        _ => Err(damaged("sled panicked")),
    })
}

/// What sled answered: [`StoreError::Corrupt`] where its files are damaged, [`StoreError::Failed`] where the system refused,
/// which may pass, and which making the state anew would not cure.
pub(super) fn answered(what: &str, error: Error) -> StoreError {
    match error {
        Error::Io(error) if !is_damage(&error) => failed(what, error),
        error => damaged(&error.to_string()),
    }
}

/// Whether the device does not give back what it was given. That may pass as well, and nothing tells: making the state anew,
/// elsewhere on the device, is the safe side.
fn is_damage(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_unreadable = error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error());
    #[cfg(not(unix))]
    let is_unreadable = false;
    is_unreadable || error.kind() == ErrorKind::UnexpectedEof
}

/// Removes unfinished snapshots of sled: it would take one for the newest.
fn tidy(folder: &Path) -> Result<(), StoreError> {
    let remove = || {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                fs::remove_file(entry.path())?;
            }
        }
        Ok::<(), std::io::Error>(())
    };
    remove().map_err(|error| failed(&format!("removing unfinished snapshots in {}", folder.display()), error))
}

/// The error for a state that cannot be gone on with.
pub(super) fn damaged(why: &str) -> StoreError {
    StoreError::Corrupt { what: why.to_owned() }
}
