//! The events that wait to be decided, by lane and in order of acceptance. Memory only; rebuilt when the store is opened.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::model::LaneKey;

use super::leases::Leases;

/// The events that wait.
#[derive(Default)]
pub(super) struct Queue {
    lanes: HashMap<LaneKey, VecDeque<u64>>,
    /// The oldest of every lane; only these can be claimed.
    heads: BTreeMap<u64, LaneKey>,
    len: usize,
    /// Who decides what.
    pub(super) leases: Leases,
}

impl Queue {
    /// Adds an event behind the others of its lane. Numbers must come in rising order.
    pub(super) fn push(&mut self, number: u64, lane: LaneKey) {
        let waiting = self.lanes.entry(lane.clone()).or_default();
        if waiting.is_empty() {
            self.heads.insert(number, lane);
        }
        waiting.push_back(number);
        self.len += 1;
    }

    /// The oldest event whose lane has no lease and passes the filter. Skips one head for every lane that is busy, and
    /// those are never more than there are workers.
    pub(super) fn next(&self, is_free: impl Fn(&LaneKey) -> bool) -> Option<(u64, LaneKey)> {
        let mut heads = self.heads.iter();
        let found = heads.find(|(_, lane)| self.leases.lane_until(lane).is_none() && is_free(lane));
        found.map(|(number, lane)| (*number, lane.clone()))
    }

    /// Takes a decided event out and lets the next of its lane come forward.
    pub(super) fn remove(&mut self, number: u64) {
        self.leases.release(number);
        let Some(lane) = self.heads.remove(&number) else { return };
        let Some(waiting) = self.lanes.get_mut(&lane) else { return };
        waiting.pop_front();
        self.len -= 1;
        match waiting.front() {
            Some(next) => {
                self.heads.insert(*next, lane);
            }
            None => {
                self.lanes.remove(&lane);
            }
        }
    }

    /// Whether an event of the lane waits, or is being decided.
    pub(super) fn waits_in(&self, lane: &LaneKey) -> bool {
        self.lanes.contains_key(lane)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}
