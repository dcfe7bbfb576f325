//! The sends that are open, by account, time and lane, and which sends wait for a person. Memory only; rebuilt when the store
//! is opened.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use crate::model::{AccountName, LaneKey, Send as OutgoingSend, SendState};

use super::leases::Leases;

struct Place {
    account: AccountName,
    lane: LaneKey,
    due: Timestamp,
}

/// The sends that are not settled.
#[derive(Default)]
pub(super) struct Outbox {
    open: HashMap<u64, Place>,
    due: HashMap<AccountName, BTreeSet<(Timestamp, u64)>>,
    lanes: HashMap<LaneKey, BTreeSet<u64>>,
    held: HashSet<u64>,
    dead: HashSet<u64>,
    /// Who delivers what.
    pub(super) leases: Leases,
}

impl Outbox {
    /// Enters a send as it now stands, whatever was known of it before. Ends its lease.
    pub(super) fn set(&mut self, number: u64, send: &OutgoingSend) {
        self.remove(number);
        if matches!(send.state, SendState::Held { .. }) {
            self.held.insert(number);
        }
        if matches!(send.state, SendState::Dead { .. }) {
            self.dead.insert(number);
        }
        if send.state.is_open() {
            self.due.entry(send.account.clone()).or_default().insert((send.due, number));
            self.lanes.entry(send.lane.clone()).or_default().insert(number);
            let place = Place { account: send.account.clone(), lane: send.lane.clone(), due: send.due };
            self.open.insert(number, place);
        }
    }

    fn remove(&mut self, number: u64) {
        self.leases.release(number);
        self.held.remove(&number);
        self.dead.remove(&number);
        let Some(place) = self.open.remove(&number) else { return };
        if let Some(due) = self.due.get_mut(&place.account) {
            due.remove(&(place.due, number));
        }
        if let Some(lane) = self.lanes.get_mut(&place.lane) {
            lane.remove(&number);
            if lane.is_empty() {
                self.lanes.remove(&place.lane);
            }
        }
    }

    /// The send of the account that is due longest and whose lane has no lease and passes the filter.
    pub(super) fn next(
        &self,
        account: &AccountName,
        now: Timestamp,
        is_free: impl Fn(&LaneKey) -> bool,
    ) -> Option<(u64, LaneKey)> {
        let due = self.due.get(account)?.iter().take_while(|(due, _)| *due <= now);
        let mut lanes = due.filter_map(|(_, number)| self.open.get(number).map(|place| (*number, &place.lane)));
        let found = lanes.find(|(_, lane)| self.leases.lane_until(lane).is_none() && is_free(lane));
        found.map(|(number, lane)| (number, lane.clone()))
    }

    /// The earliest time at which a send of the account whose lane passes the filter can be claimed, if no lease is given
    /// back before it ends.
    pub(super) fn next_due(&self, account: &AccountName, is_free: impl Fn(&LaneKey) -> bool) -> Option<Timestamp> {
        let mut earliest: Option<Timestamp> = None;
        for (due, number) in self.due.get(account)? {
            let Some(place) = self.open.get(number).filter(|place| is_free(&place.lane)) else { continue };
            let lease = self.leases.lane_until(&place.lane);
            let at = lease.map_or(*due, |until| until.max(*due));
            earliest = Some(earliest.map_or(at, |known| known.min(at)));
            if lease.is_none() {
                break;
            }
        }
        earliest
    }

    /// The open sends of a lane that nobody delivers at the moment.
    pub(super) fn waiting_in(&self, lane: &LaneKey) -> Vec<u64> {
        let lane = self.lanes.get(lane).into_iter().flatten();
        lane.filter(|number| !self.leases.is_taken(**number)).copied().collect()
    }

    /// How many are open.
    pub(super) fn open_len(&self) -> usize {
        self.open.len()
    }

    /// How many are held.
    pub(super) fn held_len(&self) -> usize {
        self.held.len()
    }

    /// How many are dead letters.
    pub(super) fn dead_len(&self) -> usize {
        self.dead.len()
    }
}
