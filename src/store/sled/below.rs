//! The keys of the state, to be merged with what lies above it.

use std::ops::Range;

use super::state::State;
use super::stored::Stored;
use crate::store::StoreError;
use crate::store::kv::Order;

/// The keys of the state, page by page; ends at an error and keeps it.
pub(super) struct Below<'a> {
    state: &'a State,
    rest: Range<Vec<u8>>,
    order: Order,
    limit: usize,
    page: std::vec::IntoIter<(Vec<u8>, Stored)>,
    is_done: bool,
    /// Where it ended.
    pub(super) error: Option<StoreError>,
}

impl<'a> Below<'a> {
    /// The keys of a range, so many at a time.
    pub(super) fn new(state: &'a State, range: &Range<Vec<u8>>, order: Order, limit: usize) -> Self {
        let page = Vec::new().into_iter();
        Self { state, rest: range.clone(), order, limit, page, is_done: false, error: None }
    }
}

impl Iterator for Below<'_> {
    type Item = (Vec<u8>, Option<Stored>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 && !self.is_done && !self.rest.is_empty() {
            match self.state.page(&self.rest, self.order, self.limit) {
                Ok(page) => {
                    self.is_done = page.len() < self.limit;
                    match (page.last(), self.order) {
                        (Some((last, _)), Order::Forward) => self.rest.start = [last.as_slice(), &[0]].concat(),
                        (Some((last, _)), Order::Reverse) => self.rest.end.clone_from(last),
                        (None, _) => {}
                    }
                    self.page = page.into_iter();
                }
                Err(error) => {
                    self.error = Some(error);
                    self.is_done = true;
                }
            }
        }
        self.page.next().map(|(key, stored)| (key, Some(stored)))
    }
}
