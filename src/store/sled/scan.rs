//! After a start, the finished files of the journal are read through in the background, slowly. What is in them was applied
//! long ago, so that damage there is no reason to refuse the start, which does not read them; but somebody must be told
//! before the value is asked for.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, Builder, JoinHandle};
use std::time::Duration;

use super::Shared;
use super::check::{Report, check_records};
use super::journal::{record, segment};

/// How many bytes are read before each rest, about.
const PART: u64 = 8 * 1024 * 1024;

/// … which takes so long at most.
const REST: Duration = Duration::from_millis(500);

/// Starts the thread; none where it cannot be had.
pub(super) fn start(shared: &Arc<Shared>) -> Option<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    let started = Builder::new().name("store-scan".to_owned()).spawn(move || run(&shared));
    started.inspect_err(|error| tracing::error!(error = %error, "a thread of the store could not be started")).ok()
}

fn run(shared: &Shared) {
    for (number, length) in shared.journal.sealed() {
        for _ in 0..=length / PART {
            thread::sleep(shared.options.pace.min(REST));
            if shared.is(&shared.is_closing) {
                return;
            }
        }
        scan(shared, number);
    }
}

fn scan(shared: &Shared, number: u64) {
    let path = segment::path(shared.journal.folder(), number);
    if reads_whole(&path) {
        return;
    }
    let mut report = Report::default();
    match fs::read(&path) {
        Ok(bytes) => drop(check_records(&path, number, &bytes, None, false, &mut report)),
        // Removed meanwhile, because nothing in it is needed.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => report.wrong(&path, 0, error.to_string()),
    }
    if report.damage.is_empty() {
        return;
    }
    shared.damaged_files.fetch_add(1, Ordering::Relaxed);
    for damage in report.damage {
        tracing::error!(
            file = %damage.file.display(),
            byte = damage.offset,
            "an old file of the journal is damaged: {}; look with `rejoinder state check`",
            damage.what
        );
    }
}

/// Whether nothing is wrong with a file. Who says what is wrong takes all of it into memory, which nobody needs as long as
/// nothing is.
fn reads_whole(path: &Path) -> bool {
    let mut is_known = true;
    let walked = segment::walk(path, |_, found| {
        is_known &= found.body.is_none_or(|body| record::changes(body).is_some());
        Ok(())
    });
    walked.is_ok_and(|is_whole| is_whole && is_known)
}
