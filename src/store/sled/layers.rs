//! What the journal has and sled does not have yet, in memory: an upper layer that grows, and a lower one that is being
//! applied. What was made and removed within the upper layer never touches sled.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;

use super::journal::Position;
use super::journal::record::{Location, Written};
use super::stored::Stored;
use crate::store::kv::Order;

/// From so many bytes on, a value that stays in the journal is let go of here as soon as it is durable there. What is shorter
/// is asked for again before long, and takes little room.
const LARGE: usize = 512;

/// What a key takes beside its own bytes and those of its value: it is held twice until it is durable.
const OVERHEAD: usize = 160;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// One that sled shall have.
    Short(Vec<u8>),
    /// One of which sled shall only know where in the journal it is.
    Long(Location, Vec<u8>),
    /// The same, no longer here.
    There(Location),
}

impl Value {
    fn new(bytes: Vec<u8>, at: Option<Location>) -> Self {
        match at {
            Some(at) => Self::Long(at, bytes),
            None => Self::Short(bytes),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Short(bytes) | Self::Long(_, bytes) => bytes.len(),
            Self::There(_) => 0,
        }
    }

    fn is_large(&self) -> bool {
        matches!(self, Self::Long(_, bytes) if bytes.len() >= LARGE)
    }

    /// For a reader.
    pub(super) fn read(&self) -> Stored {
        match self {
            Self::Short(bytes) | Self::Long(_, bytes) => Stored::Here(bytes.clone()),
            Self::There(at) => Stored::There(*at),
        }
    }

    /// For sled.
    pub(super) fn store(&self) -> Stored {
        match self {
            Self::Short(bytes) => Stored::Here(bytes.clone()),
            Self::Long(at, _) | Self::There(at) => Stored::There(*at),
        }
    }
}

/// What a layer knows of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its value; none where it was removed.
    pub(super) value: Option<Value>,
    /// Whether nothing below knows the key.
    pub(super) is_new: bool,
}

/// A key with its value; none where it was removed.
pub(super) type Known = (Vec<u8>, Option<Stored>);

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
    /// Those of them that were given a value that is let go of when it is durable.
    large: Vec<Vec<u8>>,
}

impl Layers {
    /// Enters a change.
    pub(super) fn enter(&mut self, written: Written, at: Option<Location>) {
        let Written { key, value, is_new } = written;
        let value = value.map(|(bytes, _)| Value::new(bytes, at));
        self.size += key.len() + value.as_ref().map_or(0, Value::size) + OVERHEAD;
        if value.as_ref().is_some_and(Value::is_large) {
            self.large.push(key.clone());
        }
        let before = match self.upper.entry(key.clone()) {
            btree_map::Entry::Occupied(known) if value.is_none() && known.get().is_new => Some(known.remove()),
            btree_map::Entry::Occupied(mut known) => {
                let is_new = known.get().is_new;
                Some(known.insert(Entry { value, is_new }))
            }
            btree_map::Entry::Vacant(place) => {
                let is_below = || self.lower.as_ref().is_some_and(|(lower, _)| lower.contains_key(&key));
                let is_new = is_new && !is_below();
                if value.is_some() || !is_new {
                    place.insert(Entry { value, is_new });
                }
                None
            }
        };
        self.undo.push((key, before));
    }

    /// What was entered is durable, and ends at `end` in the journal.
    pub(super) fn keep(&mut self, end: Position) {
        self.undo.clear();
        for key in self.large.drain(..) {
            let Some(Entry { value: Some(value), .. }) = self.upper.get_mut(&key) else { continue };
            if let Value::Long(at, bytes) = value
                && bytes.len() >= LARGE
            {
                self.size -= bytes.len();
                *value = Value::There(*at);
            }
        }
        (self.kept, self.end) = (self.size, end);
    }

    /// Forgets what was entered since everything was last durable.
    pub(super) fn take_back(&mut self) {
        self.size = self.kept;
        self.large.clear();
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
            found.push((key.clone(), entry.value.as_ref().map(Value::read)));
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
        Written { key: key.into(), value: Some((value.into(), 0)), is_new: false }
    }

    fn add(key: &str) -> Written {
        Written { is_new: true, ..put(key, "") }
    }

    fn remove(key: &str) -> Written {
        Written { key: key.into(), value: None, is_new: false }
    }

    fn shown(layers: &Layers, order: Order, limit: usize) -> Vec<String> {
        let page = layers.page(&(b"a".to_vec()..b"z".to_vec()), order, limit);
        let show = |(key, value): Known| {
            let value = match value {
                None => "-".to_owned(),
                Some(Stored::Here(value)) => String::from_utf8(value).unwrap(),
                Some(Stored::There(at)) => format!("at {}", at.offset),
            };
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
    fn what_is_large_is_let_go_of_when_it_is_durable() {
        let at = |offset| Some(Location { segment: 1, offset, length: 0, checksum: 0 });
        let large = "x".repeat(LARGE);
        let mut layers = Layers::default();
        layers.enter(put("a", &large), at(7));
        layers.enter(put("b", "short"), at(8));
        assert_eq!(shown(&layers, Order::Forward, 9), [format!("a={large}"), "b=short".to_owned()]);
        let before = layers.size();
        layers.keep(Position::default());
        assert_eq!(
            (shown(&layers, Order::Forward, 9), before - layers.size()),
            (vec!["a=at 7".into(), "b=short".into()], LARGE)
        );
        layers.enter(put("a", "new"), None);
        layers.take_back();
        assert_eq!(shown(&layers, Order::Forward, 9), ["a=at 7", "b=short"]);
    }

    #[test]
    fn what_is_new_leaves_no_trace() {
        let mut layers = Layers::default();
        layers.enter(add("q"), None);
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
