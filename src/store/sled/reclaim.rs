//! Room in sled's file that is held for nothing. A page that is no longer needed leaves a note of some twenty bytes where it was
//! written last, and while the note lies there, so does its whole segment. It goes when the number of the page is given out
//! again, and sled gives out the highest numbers first: where keys come and go, the notes of the low ones lie in more and more
//! segments. So every free page is taken into a tree of its own from time to time, and given back: then the notes lie side by
//! side. sled would move them itself, at one page for each that it rewrites, which is too slow for small values; its thread
//! that is faster moves everything, at a third more processor time for each key.

use std::fmt::{self, Write};

use ::sled::{Db, Result, Tree};

/// How much room there must be on the disk, in bytes: what is moved is written before anything is given back.
pub(super) const ROOM: u64 = 128 * 1024 * 1024;

/// The tree.
const TREE: &str = "reclaim";

/// How many keys are in a page when sled splits it, and the next begins.
const PAGE: usize = 9;

/// How many changed keys there must be for each that is written here: this must not become what the program does.
const SHARE: u64 = 8;

/// With more free pages nothing is done: giving one back takes sled longer the more are free.
const MOST: usize = 131_072;

/// After so many keys sled writes what it holds, so that it never has many buffers under way. Those of the tests are smaller.
const BURST: usize = if cfg!(test) { 64 } else { 8_192 };

/// After so many keys it is asked whether to go on.
const STEP: usize = 16;

/// How often sled is used, at the most, until it has given back what it was told to, and how much each time.
const TRIES: usize = 64;
const USES: usize = 512;

/// Moves the notes of all free pages to where sled writes at the moment, and answers how many there were; none where that is not
/// known or too many, also for so many keys as have `changed`. `go_on` is asked again and again; what was begun ends where it
/// says no.
pub(super) fn reclaim(db: &Db, changed: u64, go_on: &dyn Fn() -> bool) -> Result<Option<usize>> {
    // What a crash has left.
    db.drop_tree(TREE)?;
    let is_worth = |pages: &usize| *pages <= MOST && (*pages * PAGE) as u64 * SHARE <= changed;
    let Some(pages) = free_pages(db).filter(is_worth) else { return Ok(None) };
    if pages == 0 {
        return Ok(Some(0));
    }
    let tree = db.open_tree(TREE)?;
    let (mut number, mut goes_on) = (0, true);
    while goes_on
        && number < pages * PAGE
        && let Some(free @ 1..) = free_pages(db)
    {
        // Its index takes one for each 128. Pages that are not there would be made, and be free from then on.
        let end = number + (free - free / 64 - 1).max(1) * PAGE;
        while goes_on && number < end {
            tree.insert(number.to_be_bytes(), &[])?;
            number += 1;
            if number.is_multiple_of(BURST) {
                db.flush()?;
            }
            goes_on = !number.is_multiple_of(STEP) || go_on();
        }
    }
    drop(tree);
    db.drop_tree(TREE)?;
    // sled gives them back while it is used, and makes others for whoever needs one before.
    for _ in 0..TRIES {
        if !go_on() || free_pages(db).is_some_and(|free| free + free / 64 >= pages) {
            break;
        }
        for _ in 0..USES {
            db.get([])?;
        }
    }
    Ok(Some(pages))
}

/// How many pages are free. Only what sled prints of itself tells; none where it is printed in another way.
fn free_pages(db: &Db) -> Option<usize> {
    let tree: &Tree = db;
    let mut start = Start(String::new());
    // Ends with an error when the list is there, before the pages of the tree.
    let _ = write!(start, "{tree:?}");
    let (_, list) = start.0.split_once("free: ")?;
    let (list, _) = list.split_once('[')?.1.split_once(']')?;
    Some(list.split_terminator(',').count())
}

/// What is printed, up to the list of free pages.
struct Start(String);

impl Write for Start {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(text);
        if self.0.contains("free: ") { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_128;

    /// Pages are given back when no thread of the process looks at sled any more, also at another one: other tests do.
    #[test]
    fn room_is_given_back() {
        let arguments = ["--ignored", "--test-threads=1", "store::sled::reclaim::"];
        let run = std::process::Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success() && said.contains("4 passed"), "{said}");
    }

    /// How many keys there are, and how many there were once.
    const KEPT: u32 = 2_000;
    const ONCE: u32 = 10_000;

    /// How long sled's file has become while keys come and go after there were more: at the least in the last ten rounds,
    /// because it is longer for a moment after each.
    fn grown(between: impl Fn(&Db)) -> u64 {
        let folder = tempfile::tempdir().unwrap();
        let config = ::sled::Config::new().path(folder.path()).segment_size(16 * 1024);
        let db = config.flush_every_ms(None).open().unwrap();
        let key = |number: u32| xxh3_128(&number.to_be_bytes()).to_be_bytes();
        let (mut last, mut lengths) = (0, Vec::new());
        for number in 0..ONCE + 20 * KEPT {
            db.insert(key(number), &[0; 10]).unwrap();
            let gone = if number < ONCE { 0 } else { number - KEPT };
            for number in last..gone {
                db.remove(key(number)).unwrap();
            }
            last = last.max(gone);
            if number.is_multiple_of(100) {
                db.flush().unwrap();
            }
            if number.is_multiple_of(KEPT / 2) {
                lengths.push(std::fs::metadata(folder.path().join("db")).unwrap().len());
                between(&db);
            }
        }
        lengths.into_iter().rev().take(10).min().unwrap()
    }

    /// A database of so many keys, of which a tenth is left.
    fn shrunk(keys: u32) -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let db = ::sled::Config::new().path(folder.path()).flush_every_ms(None).open().unwrap();
        for number in 0..keys {
            db.insert(number.to_be_bytes(), &[]).unwrap();
        }
        for number in 0..keys - keys / 10 {
            db.remove(number.to_be_bytes()).unwrap();
        }
        (folder, db)
    }

    #[test]
    #[ignore = "the test above runs it in a process of its own"]
    fn the_file_does_not_grow_while_keys_come_and_go() {
        let alone = grown(|_| ());
        let reclaimed = grown(|db| {
            reclaim(db, u64::MAX, &|| true).unwrap();
        });
        assert!(reclaimed * 5 < alone * 4, "{reclaimed} and {alone} bytes");
    }

    #[test]
    #[ignore = "the test above runs it in a process of its own"]
    fn every_free_page_is_taken_and_given_back() {
        let (_folder, db) = shrunk(0);
        assert_eq!(free_pages(&db), Some(0));
        let (_folder, db) = shrunk(2_000);
        assert_eq!(reclaim(&db, 100 * SHARE, &|| true).unwrap(), None, "there are more than are worth it");
        let taken = reclaim(&db, u64::MAX, &|| true).unwrap().unwrap();
        assert!(taken > 100, "{taken}");
        assert_eq!((db.len(), db.tree_names().len()), (200, 1));
    }

    #[test]
    #[ignore = "the test above runs it in a process of its own"]
    fn there_are_no_more_pages_after_many_rounds() {
        let (_folder, db) = shrunk(20_000);
        let settled = || {
            (0..100_000).for_each(|_| drop(db.get(b"").unwrap()));
            free_pages(&db).unwrap()
        };
        let before = settled();
        for _ in 0..30 {
            reclaim(&db, u64::MAX, &|| true).unwrap();
        }
        let after = settled();
        assert!(after <= before + 3, "{before} free pages became {after}");
    }

    #[test]
    #[ignore = "the test above runs it in a process of its own"]
    fn what_is_ended_early_leaves_nothing_behind() {
        let (_folder, db) = shrunk(2_000);
        let asked = std::cell::Cell::new(0);
        let go_on = || {
            asked.set(asked.get() + 1);
            asked.get() < 3
        };
        let taken = reclaim(&db, u64::MAX, &go_on).unwrap().unwrap();
        assert!(asked.get() < 5 && taken > 100, "asked {} times, of {taken} pages", asked.get());
        assert_eq!((db.len(), db.tree_names().len()), (200, 1));
    }
}
