//! Who holds what until when. Kept in memory only: a restart ends every lease.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::model::LaneKey;

#[derive(Clone)]
struct Lease {
    fence: u64,
    until: Timestamp,
    lane: LaneKey,
}

/// Leases on events or on sends, at most one in a lane.
#[derive(Clone, Default)]
pub(super) struct Leases {
    by_number: HashMap<u64, Lease>,
    by_lane: HashMap<LaneKey, u64>,
    by_end: BTreeSet<(Timestamp, u64)>,
}

impl Leases {
    /// Leases an item. Its lane must be free.
    pub(super) fn take(&mut self, number: u64, lane: LaneKey, fence: u64, until: Timestamp) {
        self.by_lane.insert(lane.clone(), number);
        self.by_end.insert((until, number));
        self.by_number.insert(number, Lease { fence, until, lane });
    }

    /// The item whose lease was taken with a fence. There are never more leases than workers.
    pub(super) fn held(&self, fence: u64) -> Option<u64> {
        self.by_number.iter().find(|(_, lease)| lease.fence == fence).map(|(number, _)| *number)
    }

    /// Whether an item is leased.
    pub(super) fn is_taken(&self, number: u64) -> bool {
        self.by_number.contains_key(&number)
    }

    /// When the lease of a lane ends; nothing where the lane is free.
    pub(super) fn lane_until(&self, lane: &LaneKey) -> Option<Timestamp> {
        self.by_lane.get(lane).and_then(|number| self.by_number.get(number)).map(|lease| lease.until)
    }

    /// Ends a lease.
    pub(super) fn release(&mut self, number: u64) {
        if let Some(lease) = self.by_number.remove(&number) {
            self.by_lane.remove(&lease.lane);
            self.by_end.remove(&(lease.until, number));
        }
    }

    /// Those that were taken with a fence up to `fence`.
    pub(super) fn taken_before(mut self, fence: u64) -> Self {
        self.by_number.retain(|_, lease| lease.fence <= fence);
        self.by_lane.retain(|_, number| self.by_number.contains_key(number));
        self.by_end.retain(|(_, number)| self.by_number.contains_key(number));
        self
    }

    /// The items whose lease has ended by itself, in order.
    pub(super) fn expired(&self, now: Timestamp) -> Vec<u64> {
        let over = self.by_end.iter().take_while(|(until, _)| *until <= now).map(|(_, number)| *number);
        let mut over: Vec<u64> = over.collect();
        over.sort_unstable();
        over
    }

    /// When the first of them ends by itself.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.by_end.first().map(|(until, _)| *until)
    }

    /// The lane of a leased item.
    pub(super) fn lane_of(&self, number: u64) -> Option<&LaneKey> {
        self.by_number.get(&number).map(|lease| &lease.lane)
    }
}
