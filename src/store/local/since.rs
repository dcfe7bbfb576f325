//! What was written since a lease was taken, so that a decision need not read again what nobody has touched: who commits
//! asks whether the facts are still as they were. Memory only and bounded: of what is not remembered, the answer is no.

use std::collections::{HashMap, VecDeque};

use crate::store::kv::Batch;

/// How many writes are remembered: many more than are made while one event is decided.
const MOST: usize = 4096;

/// Keys of some kinds, by the fence that would have been given out next when they were last written.
#[derive(Default)]
pub(super) struct Since {
    written: HashMap<Vec<u8>, u64>,
    order: VecDeque<(u64, Vec<u8>)>,
    /// Up to where nothing is known any more.
    forgotten: u64,
}

impl Since {
    /// Notes what a batch writes of the kinds that are asked for. `fence` is the last that was given out.
    pub(super) fn note(&mut self, batch: &Batch, kinds: &[u8], fence: u64) {
        for key in kinds.chunks(1).flat_map(|kind| batch.keys(kind)) {
            self.written.insert(key.clone(), fence + 1);
            self.order.push_back((fence + 1, key.clone()));
        }
        while self.order.len() > MOST
            && let Some((fence, key)) = self.order.pop_front()
        {
            self.forgotten = fence;
            if self.written.get(&key) == Some(&fence) {
                self.written.remove(&key);
            }
        }
    }

    /// Whether it is certain that nobody wrote a key since a fence was given out.
    pub(super) fn is_untouched(&self, key: &[u8], fence: u64) -> bool {
        fence >= self.forgotten && self.written.get(key).is_none_or(|written| *written <= fence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(key: &str) -> Batch {
        let mut batch = Batch::default();
        batch.put(key.into(), Vec::new());
        batch
    }

    #[test]
    fn what_was_written_after_a_fence_is_not_untouched() {
        let mut since = Since::default();
        since.note(&batch("wa"), b"pw", 6);
        since.note(&batch("wb"), b"pw", 7);
        since.note(&batch("xc"), b"pw", 7);
        let touched = |since: &Since, fence| [b"wa", b"wb", b"xc"].map(|key| !since.is_untouched(key, fence));
        assert_eq!(touched(&since, 6), [true, true, false]);
        assert_eq!(touched(&since, 7), [false, true, false]);
        assert_eq!(touched(&since, 8), [false, false, false]);
        (0..MOST).for_each(|_| since.note(&batch("pd"), b"pw", 9));
        assert_eq!(touched(&since, 7), [true, true, true], "what was forgotten may have been anything");
        assert_eq!(touched(&since, 10), [false, false, false]);
    }
}
