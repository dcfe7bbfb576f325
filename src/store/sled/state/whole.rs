//! Whether the state has lost something, found by reading it through while changes go on.

use std::thread;
use std::time::Duration;

use super::{META, READING, State};
use crate::store::StoreError;
use crate::store::sled::base::answered;
use crate::store::sled::meta::Meta;

/// How long a check waits for what was left half done.
const WAIT: Duration = Duration::from_millis(10);

impl State {
    /// Reads everything and compares it with the running sum, while changes go on. An error if something was lost.
    pub(in crate::store::sled) fn check_whole(&self, go_on: impl Fn() -> bool) -> Result<(), StoreError> {
        *self.check() = Some((META.to_vec(), Meta::default()));
        while go_on() {
            let mut check = self.check();
            let Some((passed, seen)) = check.as_mut() else { break };
            let after = [passed.as_slice(), &[0]].concat();
            let mut last = None;
            self.ask(READING, |open| {
                for pair in open.db.range(after..).take(256) {
                    let (key, value) = pair.map_err(|error| answered(READING, error))?;
                    seen.count(&key, &value, true);
                    last = Some(key);
                }
                Ok(())
            })?;
            match last {
                Some(key) => *passed = key.to_vec(),
                None => {
                    let meta = self.about();
                    if meta.towards.is_some() {
                        // Done again before long, after sled failed.
                        drop(check);
                        thread::sleep(WAIT);
                        continue;
                    }
                    let is_whole = (seen.keys, seen.sum) == (meta.keys, meta.sum);
                    *check = None;
                    return if is_whole { Ok(()) } else { Err(self.give_up(READING, "it has lost something")) };
                }
            }
        }
        *self.check() = None;
        Ok(())
    }
}
