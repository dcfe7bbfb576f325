//! What the state knows of itself: up to where the journal has been applied, and a running sum over everything it holds, which
//! tells when something was lost.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::journal::Position;
use super::packed::{self, PACKED};
use super::stored::Stored;
use crate::store::StoreError;
use crate::store::local::failed;

/// The layout of what is written. A state in another one is made anew from the journal.
const LAYOUT: u32 = 2;

/// What the state says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// What of the journal has been applied.
    pub(super) position: Position,
    /// How values are laid out.
    #[serde(default)]
    layout: u32,
    /// How many keys there are.
    pub(super) keys: u64,
    /// How many there are that begin with the same byte. What was never written need not be looked for.
    #[serde(default)]
    kinds: BTreeMap<u8, u64>,
    /// The sum of the digests of all keys with their values.
    pub(super) sum: u64,
    /// How many bytes of each segment are still pointed at.
    pub(super) live: BTreeMap<u64, u64>,
    /// What it will say when changes that were begun are all made. Until then the rest of this is true of what was before
    /// them, and what sled holds is somewhere between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) towards: Option<Box<Meta>>,
}

impl Meta {
    /// As it is stored; an error says in words why it cannot be gone on with.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let meta: Self = serde_json::from_slice(bytes).map_err(|_| "its head is damaged")?;
        if meta.layout == LAYOUT { Ok(meta) } else { Err("it is laid out as another version did") }
    }

    /// To be stored.
    pub(super) fn write(&mut self) -> Result<Vec<u8>, StoreError> {
        self.layout = LAYOUT;
        serde_json::to_vec(self).map_err(|error| failed("changing the state", error))
    }

    /// The place in the journal behind everything that sled may know of.
    pub(super) fn reach(&self) -> Position {
        self.towards.as_ref().map_or(self.position, |after| after.position)
    }

    /// Whether there is a key that begins as this one does.
    pub(super) fn has_kind(&self, key: &[u8]) -> bool {
        key.first().is_some_and(|kind| self.kinds.contains_key(kind))
    }

    /// Whether there is a key that begins as one in the range may.
    pub(super) fn has_kind_in(&self, range: &Range<Vec<u8>>) -> bool {
        let (first, last) = (range.start.first().copied().unwrap_or(0), range.end.first().copied().unwrap_or(u8::MAX));
        first <= last && self.kinds.range(first..=last).next().is_some()
    }

    /// Counts a pair of sled's in, or out.
    pub(super) fn count(&mut self, key: &[u8], stored: &[u8], sign: bool) {
        let digest = digest(key, stored);
        let alone = [(0, stored)];
        let packed = (stored.first() == Some(&PACKED)).then(|| packed::entries(stored).unwrap_or_default());
        let entries = packed.as_deref().unwrap_or(&alone);
        let (keys, add) = (entries.len() as u64, if sign { digest } else { digest.wrapping_neg() });
        self.sum = self.sum.wrapping_add(add);
        let count = |known: u64| if sign { known + keys } else { known.saturating_sub(keys) };
        self.keys = count(self.keys);
        if let Some(kind) = key.first() {
            let known = self.kinds.remove(kind).unwrap_or_default();
            self.kinds.extend(Some((*kind, count(known))).filter(|(_, known)| *known > 0));
        }
        for (_, stored) in entries {
            let Ok(Stored::There(at)) = Stored::read(stored) else { continue };
            let length = u64::from(at.length);
            let live = self.live.entry(at.segment).or_default();
            *live = if sign { *live + length } else { live.saturating_sub(length) };
            if *live == 0 {
                self.live.remove(&at.segment);
            }
        }
    }
}

fn digest(key: &[u8], stored: &[u8]) -> u64 {
    // The length of the key keeps key and value apart.
    xxh3_64(key).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ xxh3_64(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_layout_is_not_read() {
        let written = String::from_utf8(Meta::default().write().unwrap()).unwrap();
        assert!(Meta::read(written.as_bytes()).is_ok());
        let layout = |number: u32| format!("\"layout\":{number}");
        for other in [LAYOUT - 1, LAYOUT + 1] {
            let other = written.replace(&layout(LAYOUT), &layout(other));
            assert_eq!(Meta::read(other.as_bytes()), Err("it is laid out as another version did"));
        }
    }
}
