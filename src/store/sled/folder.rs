//! The folder of the database: who may open it, what is left over in it, and opening it in a way that never panics.
//! Reads no record.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use ::sled::{Config, Db, Error};

use crate::store::StoreError;
use crate::store::local::failed;

/// Pages kept in memory, in bytes. sled's own default is a gigabyte.
const CACHE: u64 = 64 * 1024 * 1024;

/// How often, and at what distance, a lock is asked for again: the threads of a database that was just closed in this
/// process let go of it a little later.
const TRIES: u32 = 40;
const DISTANCE: Duration = Duration::from_millis(25);

/// Makes the folder, readable by its owner alone, and locks it for this process. The lock is a file of ours, because
/// left-over files must be removed before sled takes its own.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let what = format!("opening the folder {}", path.display());
    make(path).map_err(|error| failed(&what, error))?;
    let mut options = OpenOptions::new();
    let options = options.create(true).write(true).truncate(false);
    let file = options.open(path.join("lock")).map_err(|error| failed(&what, error))?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => sleep(DISTANCE),
            Err(TryLockError::Error(error)) => return Err(failed(&what, error)),
        }
    }
    Err(busy(path))
}

#[cfg(unix)]
fn make(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // A folder that was there before, such as a mounted volume, may be open to others.
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode & !0o077))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

/// Removes unfinished snapshots: sled would take one for the newest.
pub(super) fn tidy(path: &Path) -> Result<(), StoreError> {
    let remove = || {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                fs::remove_file(entry.path())?;
            }
        }
        Ok::<(), std::io::Error>(())
    };
    remove().map_err(|error| failed(&format!("removing unfinished snapshots in {}", path.display()), error))
}

/// Opens the database. What it cannot read is an error, also where sled panics.
pub(super) fn open_db(path: &Path) -> Result<Db, StoreError> {
    for _ in 0..TRIES {
        let config = Config::new().path(path).cache_capacity(CACHE);
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(Error::Io(error))) if error.to_string().contains("could not acquire lock") => sleep(DISTANCE),
            Ok(Err(Error::Io(error))) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
                return Err(failed(&format!("opening the database in {}", path.display()), error));
            }
            Ok(Err(error)) => return Err(corrupt(path, &error.to_string())),
            Err(_) => return Err(corrupt(path, "it panicked while it was opened")),
        }
    }
    Err(busy(path))
}

/// Notes in the lock file that the database holds something.
pub(super) fn mark_used(path: &Path, mut lock: &File) -> Result<(), StoreError> {
    let mut mark = || match lock.metadata()?.len() {
        0 => lock.write_all(b"used\n").and_then(|()| lock.sync_all()),
        _ => Ok(()),
    };
    mark().map_err(|error| failed(&format!("marking the folder {}", path.display()), error))
}

/// sled takes a file in which it finds nothing to read for a new one and would write over it; the lock file remembers better.
pub(super) fn check_used(path: &Path, lock: &File, db: &Db) -> Result<(), StoreError> {
    let used = lock.metadata().map_err(|error| failed(&format!("looking into {}", path.display()), error))?.len() > 0;
    if used && db.is_empty() { Err(corrupt(path, "it was used, and nothing in it can be read")) } else { Ok(()) }
}

/// Sees to it that the files of a new database are found after a power cut, and answers the one that is synced from now on.
pub(super) fn durable(path: &Path) -> Result<File, StoreError> {
    let sync = || {
        sync_folder(path)?;
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_folder)?;
        OpenOptions::new().read(true).write(true).open(path.join("db"))
    };
    sync().map_err(|error| failed(&format!("syncing the folder {}", path.display()), error))
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn busy(path: &Path) -> StoreError {
    let path = path.display();
    StoreError::Busy {
        what: format!(
            "another process has the data folder {path} open; stop it (is `rejoinder serve` running there?) or choose \
             another folder"
        ),
    }
}

fn corrupt(path: &Path, why: &str) -> StoreError {
    let path = path.display();
    StoreError::Corrupt {
        what: format!(
            "the database in {path}: {why}; restore the folder from a copy, or set it aside and start with an empty one"
        ),
    }
}
