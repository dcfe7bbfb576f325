//! What the journal has and sled does not have yet, in memory: an upper layer that grows, and a lower one that is being
//! applied. What was made and removed within the upper layer never touches sled.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;

use super::journal::Position;
use super::journal::record::{Location, Written};
use crate::store::kv::Order;

/// A value, with its place in the journal where it is long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// The value.
    pub(super) bytes: Arc<[u8]>,
    /// Where it is, if sled shall only know that.
    pub(super) at: Option<Location>,
}

/// What a layer knows of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its value; none where it was removed.
    pub(super) value: Option<Value>,
    /// Whether nothing below knows the key.
    is_lent: bool,
}

/// A key with its value; none where it was removed.
pub(super) type Known = (Vec<u8>, Option<Arc<[u8]>>);

/// Keys and what became of them.
pub(super) type Layer = BTreeMap<Vec<u8>, Entry>;

/// Both layers.
#[derive(Default)]
pub(super) struct Layers {
    upper: Layer,
    /// The bytes that the upper layer holds, about.
    size: usize,
    /// The same, of what is durable.
    kept: usize,
    /// Where in the journal what is durable ends.
    end: Position,
    lower: Option<(Arc<Layer>, Position)>,
    /// What the keys of the upper layer were before they were changed, since everything was last durable; none where they
    /// were not in it.
    undo: Vec<(Vec<u8>, Option<Entry>)>,
}

impl Layers {
    /// Enters a change.
    pub(super) fn enter(&mut self, written: Written, at: Option<Location>) {
        let Written { key, value, is_lent } = written;
        let value = value.map(|(bytes, _)| Value { bytes: bytes.into(), at });
        self.size += key.len() + value.as_ref().map_or(0, |value| value.bytes.len()) + 128;
        let is_below = || self.lower.as_ref().is_some_and(|(lower, _)| lower.contains_key(&key));
        let is_lent = self.upper.get(&key).map_or_else(|| is_lent && !is_below(), |known| known.is_lent);
        let before = match value.is_none() && is_lent {
            true => self.upper.remove(&key),
            false => self.upper.insert(key.clone(), Entry { value, is_lent }),
        };
        self.undo.push((key, before));
    }

    /// What was entered is durable, and ends at `end` in the journal.
    pub(super) fn keep(&mut self, end: Position) {
        self.undo.clear();
        (self.kept, self.end) = (self.size, end);
    }

    /// Forgets what was entered since everything was last durable.
    pub(super) fn take_back(&mut self) {
        self.size = self.kept;
        while let Some((key, before)) = self.undo.pop() {
            match before {
                Some(entry) => drop(self.upper.insert(key, entry)),
                None => drop(self.upper.remove(&key)),
            }
        }
    }

    /// The bytes that the upper layer holds, about.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Whether the upper layer can be handed down: it holds something, all of it durable, and nothing is being applied.
    pub(super) fn is_ready(&self) -> bool {
        self.lower.is_none() && self.undo.is_empty() && self.size > 0
    }

    /// Hands the upper layer down.
    pub(super) fn hand_down(&mut self) {
        (self.size, self.kept) = (0, 0);
        self.lower = Some((Arc::new(std::mem::take(&mut self.upper)), self.end));
    }

    /// What is to be applied.
    pub(super) fn lower(&self) -> Option<(Arc<Layer>, Position)> {
        self.lower.clone()
    }

    /// What was handed down has been applied.
    pub(super) fn applied(&mut self) {
        self.lower = None;
    }

    /// What is known of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.upper.get(key).or_else(|| self.lower.as_ref().and_then(|(lower, _)| lower.get(key)))
    }

    /// What is known of the keys of a range, in order, until `limit` of them have a value.
    pub(super) fn page(&self, range: &Range<Vec<u8>>, order: Order, limit: usize) -> Vec<Known> {
        let upper = walk(&self.upper, range, order);
        let lower = self.lower.iter().flat_map(|(lower, _)| walk(lower, range, order));
        let mut found = Vec::new();
        let mut with_value = 0;
        for (key, entry) in merge(upper, lower, order) {
            with_value += usize::from(entry.value.is_some());
            found.push((key.clone(), entry.value.as_ref().map(|value| Arc::clone(&value.bytes))));
            if with_value >= limit {
                break;
            }
        }
        found
    }
}

fn walk<'a>(
    layer: &'a Layer,
    range: &Range<Vec<u8>>,
    order: Order,
) -> Box<dyn Iterator<Item = (&'a Vec<u8>, &'a Entry)> + 'a> {
    let found = layer.range(range.clone());
    match order {
        Order::Forward => Box::new(found),
        Order::Reverse => Box::new(found.rev()),
    }
}

/// Two walks in the same order as one; where both have a key, the first is right.
pub(super) fn merge<K: Ord, V>(
    first: impl Iterator<Item = (K, V)>,
    second: impl Iterator<Item = (K, V)>,
    order: Order,
) -> impl Iterator<Item = (K, V)> {
    Merge { first: first.peekable(), second: second.peekable(), order }
}

struct Merge<A: Iterator, B: Iterator> {
    first: Peekable<A>,
    second: Peekable<B>,
    order: Order,
}

impl<K: Ord, V, A: Iterator<Item = (K, V)>, B: Iterator<Item = (K, V)>> Iterator for Merge<A, B> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let (Some((first, _)), Some((second, _))) = (self.first.peek(), self.second.peek()) else {
            return self.first.next().or_else(|| self.second.next());
        };
        let order = match self.order {
            Order::Forward => first.cmp(second),
            Order::Reverse => second.cmp(first),
        };
        if order == Ordering::Equal {
            self.second.next();
        }
        if order == Ordering::Greater { self.second.next() } else { self.first.next() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &str) -> Written {
        Written { key: key.into(), value: Some((value.into(), 0)), is_lent: false }
    }

    fn lend(key: &str) -> Written {
        Written { is_lent: true, ..put(key, "") }
    }

    fn remove(key: &str) -> Written {
        Written { key: key.into(), value: None, is_lent: false }
    }

    fn shown(layers: &Layers, order: Order, limit: usize) -> Vec<String> {
        let page = layers.page(&(b"a".to_vec()..b"z".to_vec()), order, limit);
        let show = |(key, value): (Vec<u8>, Option<Arc<[u8]>>)| {
            let value = value.map_or("-".to_owned(), |value| String::from_utf8(value.to_vec()).unwrap());
            format!("{}={value}", String::from_utf8(key).unwrap())
        };
        page.into_iter().map(show).collect()
    }

    #[test]
    fn what_is_above_hides_what_is_below() {
        let mut layers = Layers::default();
        for written in [put("a", "1"), put("b", "1"), put("d", "1")] {
            layers.enter(written, None);
        }
        layers.keep(Position::default());
        layers.hand_down();
        for written in [put("b", "2"), remove("d"), put("c", "2")] {
            layers.enter(written, None);
        }
        assert_eq!(shown(&layers, Order::Forward, 9), ["a=1", "b=2", "c=2", "d=-"]);
        assert_eq!(shown(&layers, Order::Reverse, 2), ["d=-", "c=2", "b=2"]);
        layers.take_back();
        assert_eq!(shown(&layers, Order::Forward, 9), ["a=1", "b=1", "d=1"]);
    }

    #[test]
    fn what_is_lent_leaves_no_trace() {
        let mut layers = Layers::default();
        layers.enter(lend("q"), None);
        layers.enter(put("q", "again"), None);
        layers.keep(Position::default());
        layers.enter(remove("q"), None);
        assert_eq!(shown(&layers, Order::Forward, 9), [""; 0]);
        layers.take_back();
        assert_eq!(shown(&layers, Order::Forward, 9), ["q=again"]);
        layers.hand_down();
        layers.enter(remove("q"), None);
        assert_eq!(shown(&layers, Order::Forward, 9), ["q=-"]);
    }
}
