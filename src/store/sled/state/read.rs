//! Reading what the state holds: a key, a part of a range, everything.

use std::ops::Range;

use super::{READING, State};
use crate::store::StoreError;
use crate::store::kv::Order;
use crate::store::sled::base::answered;
use crate::store::sled::packed;
use crate::store::sled::stored::Stored;
use ::sled::IVec;

impl State {
    /// What is stored under a key.
    pub(in crate::store::sled) fn get(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        if !self.meta().has_kind(key) {
            return Ok(None);
        }
        self.ask(READING, |open| {
            let get = |key: &[u8]| open.db.get(key).map_err(|error| answered(READING, error));
            match packed::home(key) {
                None => get(key)?.map(|bytes| Stored::read(&bytes)).transpose(),
                Some(home) => get(&home)?.map_or(Ok(None), |bytes| packed::find(&bytes, key)),
            }
        })
    }

    /// At most `limit` keys of a range.
    pub(in crate::store::sled) fn page(
        &self,
        range: &Range<Vec<u8>>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        if !self.meta().has_kind_in(range) {
            return Ok(Vec::new());
        }
        let unpack = |found: ::sled::Result<(IVec, IVec)>| {
            let (key, value) = found.map_err(|error| answered(READING, error))?;
            let mut pairs = packed::unpack(&key, &value)?;
            pairs.retain(|(key, _)| range.contains(key));
            if order == Order::Reverse {
                pairs.reverse();
            }
            Ok(pairs)
        };
        let start = packed::home(&range.start).map_or(range.start.clone(), |home| home.to_vec());
        self.ask(READING, |open| {
            let mut pairs = open.db.range(start..range.end.clone());
            let mut found = Vec::new();
            while found.len() < limit {
                let next = if order == Order::Forward { pairs.next() } else { pairs.next_back() };
                let Some(next) = next else { break };
                found.extend(unpack(next)?);
            }
            found.truncate(limit);
            Ok(found)
        })
    }

    /// Every key, page by page.
    pub(in crate::store::sled) fn all(&self) -> impl Iterator<Item = Result<(Vec<u8>, Stored), StoreError>> {
        let (mut rest, mut is_done) = (vec![1]..vec![0xff], false);
        let pages = std::iter::from_fn(move || {
            if is_done {
                return None;
            }
            let page = self.page(&rest, Order::Forward, 256);
            match page.as_ref().ok().and_then(|page| page.last()) {
                Some((last, _)) => rest.start = [last.as_slice(), &[0]].concat(),
                None => is_done = true,
            }
            Some(page)
        });
        pages.flat_map(|page| match page {
            Ok(pairs) => pairs.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }
}
