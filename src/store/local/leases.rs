//! Who holds what until when. Kept in memory only: a restart ends every lease.

use std::collections::HashMap;

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
}

impl Leases {
    /// Leases an item. Its lane must be free.
    pub(super) fn take(&mut self, number: u64, lane: LaneKey, fence: u64, until: Timestamp) {
        self.by_lane.insert(lane.clone(), number);
        self.by_number.insert(number, Lease { fence, until, lane });
    }

    /// Whether the fence is that of the item's lease.
    pub(super) fn holds(&self, number: u64, fence: u64) -> bool {
        self.by_number.get(&number).is_some_and(|lease| lease.fence == fence)
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
        }
    }

    /// Ends the lease that was taken with a fence.
    pub(super) fn release_held(&mut self, fence: u64) {
        let held = self.by_number.iter().find(|(_, lease)| lease.fence == fence).map(|(number, _)| *number);
        held.into_iter().for_each(|number| self.release(number));
    }

    /// Those that were taken with a fence up to `fence`.
    pub(super) fn taken_before(mut self, fence: u64) -> Self {
        self.by_number.retain(|_, lease| lease.fence <= fence);
        self.by_lane.retain(|_, number| self.by_number.contains_key(number));
        self
    }

    /// The items whose lease has ended by itself, in order. There are never more leases than workers, so all are looked at.
    pub(super) fn expired(&self, now: Timestamp) -> Vec<u64> {
        let over = self.by_number.iter().filter(|(_, lease)| lease.until <= now).map(|(number, _)| *number);
        let mut over: Vec<u64> = over.collect();
        over.sort_unstable();
        over
    }
}
