//! The data folder: who may open it, where its parts are, and how much room its disk has. Reads no record.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::clock::{self, Clock};
use crate::store::StoreError;
use crate::store::local::failed;

/// How often, and at what distance, the lock is asked for again: a process that was just killed, or a store that was just let
/// go of, may still hold it.
const TRIES: u32 = 120;
const DISTANCE: Duration = Duration::from_millis(25);

/// Where the parts of a data folder are.
#[derive(Clone)]
pub(super) struct Parts {
    /// The files of the journal.
    pub(super) journal: PathBuf,
    /// The snapshots.
    pub(super) snapshots: PathBuf,
    /// sled.
    pub(super) state: PathBuf,
    /// Made when the state has to be made anew.
    pub(super) rebuild: PathBuf,
}

impl Parts {
    /// The parts of the folder `path`.
    pub(super) fn of(path: &Path) -> Self {
        Self {
            journal: path.join("journal"),
            snapshots: path.join("snapshots"),
            state: path.join("state"),
            rebuild: path.join("rebuild"),
        }
    }

    /// Makes the folders that are not there.
    pub(super) fn make(&self) -> Result<(), StoreError> {
        for folder in [&self.journal, &self.snapshots] {
            let made = fs::create_dir_all(folder).and_then(|()| File::open(folder)?.sync_all());
            made.map_err(|error| failed(&format!("making the folder {}", folder.display()), error))?;
        }
        let above = self.journal.parent().unwrap_or(Path::new("."));
        let found = File::open(above).and_then(|above| above.sync_all());
        found.map_err(|error| failed(&format!("syncing the folder {}", above.display()), error))
    }

    /// Notes, so that a power cut does not undo it, that the next start has to make the state anew.
    pub(super) fn note_damage(&self) -> Result<(), StoreError> {
        let note = || {
            File::create(&self.rebuild)?.sync_all()?;
            File::open(self.rebuild.parent().unwrap_or(Path::new(".")))?.sync_all()
        };
        note().map_err(|error| failed("noting that the state is to be made anew", error))
    }

    /// Sets the state aside under a dated name, in place of one that was set aside before.
    pub(super) fn set_aside(&self) -> Result<PathBuf, StoreError> {
        let stamp = Clock::system().now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let folder = self.state.parent().unwrap_or(Path::new("."));
        let aside = folder.join(format!("state.damaged-{stamp}"));
        let set = || {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with("state.damaged-") {
                    fs::remove_dir_all(entry.path())?;
                }
            }
            if self.state.exists() {
                fs::rename(&self.state, &aside)?;
            }
            File::open(folder)?.sync_all()
        };
        set().map_err(|error| failed(&format!("setting {} aside", self.state.display()), error))?;
        Ok(aside)
    }
}

/// Makes the folder, readable by its owner alone, and locks it for this process.
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
    sync_parent(path)
}

#[cfg(not(unix))]
fn make(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

/// A new folder must be found after a power cut.
#[cfg(unix)]
fn sync_parent(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// Whether there is enough room on a disk, asked for no oftener than is of use.
#[derive(Default)]
pub(super) struct Room(Mutex<Option<(Instant, bool)>>);

/// How long an answer holds.
const HOLDS: Duration = Duration::from_millis(100);

impl Room {
    /// Whether at least so many bytes are free.
    pub(super) fn is_enough(&self, path: &Path, wanted: u64) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::instant();
        if let Some((at, is_enough)) = *known
            && is_enough
            && now.duration_since(at) < HOLDS
        {
            return true;
        }
        let is_enough = room(path).is_none_or(|room| room >= wanted);
        *known = Some((now, is_enough));
        is_enough
    }
}

/// The bytes that are free for us on the disk of a folder; none where the system does not say.
#[cfg(unix)]
pub(super) fn room(path: &Path) -> Option<u64> {
    let about = rustix::fs::statvfs(path).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}

/// The bytes that are free for us on the disk of a folder; none where the system does not say.
#[cfg(not(unix))]
pub(super) fn room(_: &Path) -> Option<u64> {
    None
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
