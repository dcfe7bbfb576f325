//! How much waits, and how much room the disk has: looked up ten times a second at the most, and never guessed too low in
//! between, because every event that was taken since counts.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Engine;

/// How long a look holds.
const FRESH: SignedDuration = SignedDuration::from_millis(100);

/// How long nothing may have been refused before it is said to be over: around a limit it comes and goes.
const QUIET: SignedDuration = SignedDuration::from_secs(10);

/// Why nothing new is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Strain {
    /// Too much waits to be decided or sent.
    #[error("too much waits to be worked off")]
    Backlog,
    /// The disk is nearly full.
    #[error("the disk is nearly full")]
    Disk,
}

/// How far things may go before nothing new is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// Undecided events and open sends, together.
    pub backlog: usize,
    /// Bytes that must be free on the disk of the store.
    pub min_free_disk: u64,
    /// The folder of the store; none where it is not on a disk.
    pub folder: Option<PathBuf>,
}

impl Default for Watermarks {
    /// No bounds.
    fn default() -> Self {
        Self { backlog: usize::MAX, min_free_disk: 0, folder: None }
    }
}

/// What was seen last, and what was taken since.
#[derive(Default)]
pub struct Pressure {
    marks: Watermarks,
    taken: AtomicUsize,
    seen: Mutex<Option<Seen>>,
    told: Mutex<Told>,
}

/// What the log was told of: why deliveries are refused, and when one was last. One line when it begins and one when it
/// ends, however many are refused.
#[derive(Default)]
struct Told(Option<(Strain, Timestamp)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Begins(Strain),
    Ends(Strain),
}

impl Told {
    fn news(&mut self, strain: Option<Strain>, now: Timestamp) -> Option<News> {
        match (strain, self.0) {
            (Some(strain), before) => {
                self.0 = Some((strain, now));
                before.is_none_or(|(before, _)| before != strain).then_some(News::Begins(strain))
            }
            (None, Some((before, last))) if now.duration_since(last) >= QUIET => {
                self.0 = None;
                Some(News::Ends(before))
            }
            (None, _) => None,
        }
    }
}

#[derive(Clone, Copy)]
struct Seen {
    at: Timestamp,
    /// How many events had been taken before.
    taken: usize,
    waiting: usize,
    /// Bytes free on the disk, where there is one.
    free: Option<u64>,
}

impl Pressure {
    /// Nothing was seen yet.
    pub fn within(marks: Watermarks) -> Self {
        Self { marks, ..Self::default() }
    }

    /// Another event waits.
    pub fn took(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }
}

impl Engine {
    /// Why nothing new is taken now, if that is so.
    pub async fn strain(&self) -> Option<Strain> {
        let (now, pressure) = (self.clock.now(), &self.pressure);
        let known = *pressure.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |seen: &Seen| (SignedDuration::ZERO..FRESH).contains(&now.duration_since(seen.at));
        let seen = match known.filter(is_fresh) {
            Some(seen) => seen,
            None => {
                let taken = pressure.taken.load(Ordering::Relaxed);
                // A store that does not answer will not take the event either, and says so better than we could.
                let counts = self.store.counts().await.unwrap_or_default();
                let (waiting, free) = (counts.undecided + counts.open_sends, free(&pressure.marks).await);
                let seen = Seen { at: now, taken, waiting, free };
                *pressure.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
                seen
            }
        };
        let taken = pressure.taken.load(Ordering::Relaxed);
        let strain = seen.strain(taken, &pressure.marks);
        let news = pressure.told.lock().unwrap_or_else(PoisonError::into_inner).news(strain, now);
        if let Some(news) = news {
            seen.report(news, taken, &pressure.marks);
        }
        strain
    }
}

impl Seen {
    fn waiting(&self, taken: usize) -> usize {
        self.waiting + taken.saturating_sub(self.taken)
    }

    fn strain(&self, taken: usize, marks: &Watermarks) -> Option<Strain> {
        let waiting = self.waiting(taken);
        if self.free.is_some_and(|free| free < marks.min_free_disk) {
            Some(Strain::Disk)
        } else {
            (waiting >= marks.backlog).then_some(Strain::Backlog)
        }
    }

    fn report(&self, news: News, taken: usize, limits: &Watermarks) {
        let (News::Begins(strain) | News::Ends(strain)) = news;
        let (setting, limit, now) = match strain {
            Strain::Backlog => ("limits.backlog", limits.backlog as u64, Some(self.waiting(taken) as u64)),
            Strain::Disk => ("limits.min_free_disk", limits.min_free_disk, self.free),
        };
        match news {
            News::Begins(_) => tracing::warn!(setting, limit, now, "deliveries are refused from now on"),
            News::Ends(_) => tracing::warn!(setting, limit, now, "deliveries are taken again"),
        }
    }
}

/// A look at the disk may take its time where that is on a network, and holds up nobody else meanwhile.
async fn free(marks: &Watermarks) -> Option<u64> {
    let folder = marks.folder.clone()?;
    tokio::task::spawn_blocking(move || free_bytes(&folder)).await.ok().flatten()
}

/// What anybody but root can still write; nothing where it cannot be told.
fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_since_the_last_look_counts() {
        let marks = Watermarks { backlog: 10, min_free_disk: 100, folder: None };
        let seen = Seen { at: Timestamp::UNIX_EPOCH, taken: 5, waiting: 7, free: Some(100) };
        assert_eq!(seen.strain(7, &marks), None);
        assert_eq!(seen.strain(8, &marks), Some(Strain::Backlog));
        assert_eq!(Seen { free: Some(99), ..seen }.strain(7, &marks), Some(Strain::Disk));
        assert_eq!(Seen { free: None, ..seen }.strain(7, &marks), None);
    }

    #[test]
    fn the_log_is_told_once_when_it_begins_and_once_when_it_is_over() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut told = Told::default();
        let said: Vec<_> = [
            (0, None),
            (1, Some(Strain::Backlog)),
            (2, Some(Strain::Backlog)),
            (3, None),
            (4, Some(Strain::Backlog)),
            (5, Some(Strain::Disk)),
            (14, None),
            (15, None),
            (16, None),
        ]
        .into_iter()
        .filter_map(|(second, strain)| Some((second, told.news(strain, at(second))?)))
        .collect();
        let (begins, ends) = (News::Begins, News::Ends);
        assert_eq!(said, [(1, begins(Strain::Backlog)), (5, begins(Strain::Disk)), (15, ends(Strain::Disk))]);
    }

    #[test]
    fn a_disk_tells_how_much_is_free() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(folder.path()).unwrap() > 0);
        assert_eq!(free_bytes(&folder.path().join("nowhere")), None);
    }
}
