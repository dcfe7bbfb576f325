//! What the logic needs from a disk: ordered keys, one atomic batch, and a flush after which it is durable.
//! Knows nothing of events and sends.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::Arc;

use super::{StoreError, Usage};

/// A key and its value.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// Which end of a range comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The smallest key.
    Forward,
    /// The largest key.
    Reverse,
}

/// What becomes of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It has this value.
    Put(Vec<u8>),
    /// It was not there and has this value: a disk need not look, and may spare itself what is gone again before long.
    New(Vec<u8>),
    /// It is not there.
    Remove,
}

/// Changes that are made together or not at all, at most one for each key: the last.
#[derive(Default)]
pub(super) struct Batch(BTreeMap<Vec<u8>, Change>);

impl Batch {
    /// Sets a key.
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.insert(key, Change::Put(value));
    }

    /// Sets a key that is known not to be there.
    pub(super) fn add(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.insert(key, Change::New(value));
    }

    /// Removes a key, whether or not it is there.
    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.0.insert(key, Change::Remove);
    }

    /// The keys it changes that begin so.
    pub(super) fn keys<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = &'a Vec<u8>> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.0.range::<[u8], _>(from).map(|(key, _)| key).take_while(move |key| key.starts_with(prefix))
    }

    /// What becomes of the keys that begin so: their values, or nothing where they are removed.
    pub(super) fn values<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = (&'a Vec<u8>, Option<&'a [u8]>)> {
        self.keys(prefix).map(|key| match self.0.get(key) {
            Some(Change::Put(value) | Change::New(value)) => (key, Some(value.as_slice())),
            Some(Change::Remove) | None => (key, None),
        })
    }

    /// Whether it changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Batch {
    type Item = (Vec<u8>, Change);
    type IntoIter = std::collections::btree_map::IntoIter<Vec<u8>, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Ordered keys. Read from any thread, changed by one. After [`close`](Kv::close) everything answers [`StoreError::Closed`].
pub(super) trait Kv: Send + Sync + 'static {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` pairs of a range. A page instead of a cursor: no lock outlives the call.
    fn page(&self, range: &Range<Vec<u8>>, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError>;

    /// Makes the changes visible, all or nothing, also after a crash.
    fn apply(&self, batch: Batch) -> Result<(), StoreError>;

    /// Returns when everything applied so far survives a power cut. After [`StoreError::Full`] everything is as it was at
    /// the flush before, and the next one may succeed; after any other error nobody knows what the disk holds.
    fn flush(&self) -> Result<(), StoreError>;

    /// Whether there is room for something new. What is under way is finished also without.
    fn has_room(&self) -> bool {
        true
    }

    /// Whether it can go on; else nothing is made durable any more until it is opened again.
    fn is_sound(&self) -> bool {
        true
    }

    /// Keys whose values had better be written again as they are, so that the room around them can be given back.
    fn scattered(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(Vec::new())
    }

    /// What it takes on disk; none where it takes nothing.
    fn usage(&self) -> Result<Option<Usage>, StoreError> {
        Ok(None)
    }

    /// Flushes and lets go of the files.
    fn close(&self) -> Result<(), StoreError>;
}

/// The keys that start with a prefix, of which one byte at least must not be 0xff.
pub(super) fn prefixed(prefix: &[u8]) -> Range<Vec<u8>> {
    let mut end = prefix.to_vec();
    // Nothing comes after 0xff.
    while end.pop_if(|last| *last == u8::MAX).is_some() {}
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    prefix.to_vec()..end
}

const PAGE: usize = 32;

/// Walks a range page by page. What changes meanwhile may or may not be seen.
pub(super) struct Walk {
    kv: Arc<dyn Kv>,
    rest: Range<Vec<u8>>,
    order: Order,
    page: std::vec::IntoIter<Pair>,
    at_end: bool,
}

impl Walk {
    /// A walk over `range`.
    pub(super) fn new(kv: &Arc<dyn Kv>, range: Range<Vec<u8>>, order: Order) -> Self {
        Self { kv: Arc::clone(kv), rest: range, order, page: Vec::new().into_iter(), at_end: false }
    }

    fn turn(&mut self) -> Result<(), StoreError> {
        let page = self.kv.page(&self.rest, self.order, PAGE)?;
        self.at_end = page.len() < PAGE;
        if let Some((last, _)) = page.last() {
            match self.order {
                Order::Forward => self.rest.start = [last.as_slice(), &[0]].concat(),
                Order::Reverse => self.rest.end = last.clone(),
            }
        }
        self.page = page.into_iter();
        Ok(())
    }
}

impl Iterator for Walk {
    type Item = Result<Pair, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0
            && !self.at_end
            && let Err(error) = self.turn()
        {
            self.at_end = true;
            return Some(Err(error));
        }
        self.page.next().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_no_key_begins_so() {
        for (prefix, end) in
            [(&b"a"[..], &b"b"[..]), (b"a\xff", b"b"), (b"a\x01\xff\xff", b"a\x02"), (b"a\xfe", b"a\xff")]
        {
            let range = prefixed(prefix);
            assert_eq!(range, prefix.to_vec()..end.to_vec());
            assert!(range.contains(&[prefix, &[0xff; 9]].concat()));
        }
    }
}
