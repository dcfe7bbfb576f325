//! The sends that are open, by account, time and lane, and which sends wait for a person. Memory only; rebuilt when the store
//! is opened.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use crate::model::{AccountName, LaneKey, Send as OutgoingSend, SendState};

use super::fresh::Fresh;
use super::leases::Leases;
use crate::outbox::{Priority, Turns};

struct Place {
    account: AccountName,
    lane: LaneKey,
    /// By itself.
    due: Timestamp,
    /// With what goes before it in its lane.
    ready: Timestamp,
    /// When its turn first came, if it was tried and is to be tried again.
    turn: Option<Timestamp>,
    /// Until when those behind it wait.
    lane_until: Option<Timestamp>,
    settles: bool,
    priority: Priority,
}

impl Place {
    fn of(send: &OutgoingSend) -> Self {
        Self {
            account: send.account.clone(),
            lane: send.lane.clone(),
            due: send.due,
            ready: send.due,
            turn: send.turn(),
            lane_until: send.lane_until,
            settles: send.settling.is_some(),
            priority: Priority::of(&send.action),
        }
    }

    /// What was tried first goes first; what was not tried has no place yet.
    fn order(&self, number: u64) -> (Timestamp, u64) {
        (self.turn.unwrap_or(Timestamp::MAX), number)
    }

    /// Where it waits for its account.
    fn queue(&self) -> (AccountName, Priority) {
        (self.account.clone(), self.priority)
    }
}

/// The sends that are not settled.
#[derive(Default)]
pub(super) struct Outbox {
    open: HashMap<u64, Place>,
    ready: HashMap<(AccountName, Priority), BTreeSet<(Timestamp, u64)>>,
    lanes: HashMap<LaneKey, BTreeSet<u64>>,
    /// Those of a lane that hold up others.
    holding: HashMap<LaneKey, BTreeSet<u64>>,
    held: HashSet<u64>,
    dead: HashSet<u64>,
    turns: Turns,
    /// Those to which nothing has happened since they were decided.
    pub(super) fresh: Fresh,
    /// Who delivers what.
    pub(super) leases: Leases,
}

impl Outbox {
    /// Enters a send as it now stands, whatever was known of it before. Ends its lease.
    pub(super) fn set(&mut self, number: u64, send: &OutgoingSend) {
        let held_up = self.remove(number);
        if send.state.is_open() && send.lane_until.is_some() {
            self.holding.entry(send.lane.clone()).or_default().insert(number);
        }
        if matches!(send.state, SendState::Held { .. }) {
            self.held.insert(number);
        }
        if matches!(send.state, SendState::Dead { .. }) {
            self.dead.insert(number);
        }
        if send.state.is_open() {
            let place = Place::of(send);
            self.ready.entry(place.queue()).or_default().insert((place.ready, number));
            self.lanes.entry(place.lane.clone()).or_default().insert(number);
            self.open.insert(number, place);
        }
        if held_up || self.holding.contains_key(&send.lane) {
            self.arrange(&send.lane);
        }
    }

    /// Whether it held up others.
    fn remove(&mut self, number: u64) -> bool {
        self.leases.release(number);
        self.fresh.take(number);
        self.held.remove(&number);
        self.dead.remove(&number);
        let Some(place) = self.open.remove(&number) else { return false };
        if let Some(ready) = self.ready.get_mut(&place.queue()) {
            ready.remove(&(place.ready, number));
        }
        if let Some(lane) = self.lanes.get_mut(&place.lane) {
            lane.remove(&number);
            if lane.is_empty() {
                self.lanes.remove(&place.lane);
            }
        }
        let Some(holding) = self.holding.get_mut(&place.lane) else { return false };
        let held_up = holding.remove(&number);
        if holding.is_empty() {
            self.holding.remove(&place.lane);
        }
        held_up
    }

    fn places<'a>(&'a self, numbers: Option<&'a BTreeSet<u64>>) -> impl Iterator<Item = (u64, &'a Place)> {
        let numbers = numbers.into_iter().flatten();
        numbers.filter_map(|number| self.open.get(number).map(|place| (*number, place)))
    }

    /// Lets every send of a lane wait for those that go before it, as long as these may hold up others.
    fn arrange(&mut self, lane: &LaneKey) {
        let holding = |(number, place): (u64, &Place)| Some((place.order(number), place.lane_until?));
        let holding: Vec<_> = self.places(self.holding.get(lane)).filter_map(holding).collect();
        let ready = |(number, place): (u64, &Place)| {
            let ahead = holding.iter().filter(|(order, _)| *order < place.order(number));
            (number, ahead.map(|(_, until)| *until).fold(place.due, Timestamp::max))
        };
        let changed: Vec<_> = self.places(self.lanes.get(lane)).map(ready).collect();
        for (number, at) in changed {
            let Some(place) = self.open.get_mut(&number).filter(|place| place.ready != at) else { continue };
            if let Some(ready) = self.ready.get_mut(&place.queue()) {
                ready.remove(&(place.ready, number));
                ready.insert((at, number));
            }
            place.ready = at;
        }
    }

    /// The sends that should go before this one, and that it does not wait for any longer.
    pub(super) fn passed_by(&self, number: u64) -> Vec<u64> {
        let Some(own) = self.open.get(&number) else { return Vec::new() };
        let ahead = |(other, place): &(u64, &Place)| place.order(*other) < own.order(number);
        self.places(self.holding.get(&own.lane)).filter(ahead).map(|(other, _)| other).collect()
    }

    /// The send of the account that is ready, whose lane has no lease and passes the filter, and that goes first: by priority
    /// and then by time, now and then by time alone. What is ready longest in a lane leaves first, so a page behind a tag
    /// brings the tag forward.
    pub(super) fn next(
        &mut self,
        account: &AccountName,
        now: Timestamp,
        is_free: impl Fn(&LaneKey) -> bool,
    ) -> Option<(u64, LaneKey)> {
        let lane = {
            let mut firsts = self.firsts(account, now, is_free);
            let first = match self.turns.is_by_age() {
                true => firsts.min_by_key(|(place, _)| *place),
                false => firsts.next(),
            };
            first.map(|(_, lane)| lane.clone())?
        };
        let of_lane = self.places(self.lanes.get(&lane)).map(|(number, place)| (place.ready, number));
        let (_, number) = of_lane.min()?;
        self.turns.pass();
        Some((number, lane))
    }

    /// Whether [`next`](Self::next) would find one.
    pub(super) fn has_ready(&self, account: &AccountName, now: Timestamp, is_free: impl Fn(&LaneKey) -> bool) -> bool {
        self.firsts(account, now, is_free).next().is_some()
    }

    /// Of each priority what is ready longest, in a lane that has no lease and passes the filter.
    fn firsts<'a>(
        &'a self,
        account: &'a AccountName,
        now: Timestamp,
        is_free: impl Fn(&LaneKey) -> bool + 'a,
    ) -> impl Iterator<Item = ((Timestamp, u64), &'a LaneKey)> + 'a {
        let is_free = move |lane: &LaneKey| self.leases.lane_until(lane).is_none() && is_free(lane);
        Priority::SENDS.into_iter().filter_map(move |priority| {
            let ready = self.ready.get(&(account.clone(), priority))?.iter().take_while(|(ready, _)| *ready <= now);
            let mut lanes = ready.filter_map(|place| Some((*place, &self.open.get(&place.1)?.lane)));
            lanes.find(|(_, lane)| is_free(lane))
        })
    }

    /// The earliest time at which a send of the account whose lane passes the filter can be claimed, if no lease is given
    /// back before it ends.
    pub(super) fn next_due(&self, account: &AccountName, is_free: impl Fn(&LaneKey) -> bool) -> Option<Timestamp> {
        let mut earliest: Option<Timestamp> = None;
        for priority in Priority::SENDS {
            for (ready, number) in self.ready.get(&(account.clone(), priority)).into_iter().flatten() {
                let Some(place) = self.open.get(number).filter(|place| is_free(&place.lane)) else { continue };
                let lease = self.leases.lane_until(&place.lane);
                let at = lease.map_or(*ready, |until| until.max(*ready));
                earliest = Some(earliest.map_or(at, |known| known.min(at)));
                if lease.is_none() {
                    break;
                }
            }
        }
        earliest
    }

    /// The open sends of a lane that nobody delivers at the moment.
    pub(super) fn waiting_in(&self, lane: &LaneKey) -> Vec<u64> {
        let lane = self.lanes.get(lane).into_iter().flatten();
        lane.filter(|number| !self.leases.is_taken(**number)).copied().collect()
    }

    /// Those of a lane that wait for the end of a burst and were not tried.
    pub(super) fn settling_in(&self, lane: &LaneKey) -> Vec<u64> {
        let settles = |(_, place): &(u64, &Place)| place.settles && place.turn.is_none();
        self.places(self.lanes.get(lane)).filter(settles).map(|(number, _)| number).collect()
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
