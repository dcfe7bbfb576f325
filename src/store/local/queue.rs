//! The events that wait to be decided, by lane: in order of acceptance, save that one which happened earlier goes before
//! those that still wait for such. Memory only; rebuilt when the store is opened.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::Timestamp;

use crate::model::{Event, LaneKey};

use super::leases::Leases;

/// An event in its lane.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    at: Timestamp,
    received_at: Timestamp,
    decide_from: Option<Timestamp>,
}

impl Place {
    /// Whether it still waited for events that happened before it when the other arrived, and the other is one. Where the
    /// provider does not say when something happened, it is as old as its arrival.
    fn lets_go_first(&self, other: &Self) -> bool {
        let is_earlier = other.at != other.received_at && other.at < self.at;
        is_earlier && self.decide_from.is_some_and(|from| other.received_at < from)
    }
}

/// The events that wait.
#[derive(Default)]
pub(super) struct Queue {
    lanes: HashMap<LaneKey, VecDeque<Place>>,
    /// The first of every lane that can be claimed.
    heads: BTreeMap<u64, LaneKey>,
    /// The first of every other lane, by the time from which it can be.
    early: BTreeMap<(Timestamp, u64), (LaneKey, Timestamp)>,
    len: usize,
    /// Who decides what.
    pub(super) leases: Leases,
}

impl Queue {
    /// Adds an event behind the others of its lane, except those that wait for what happened before them. Numbers must
    /// come in rising order.
    pub(super) fn push(&mut self, number: u64, event: &Event) {
        let new = Place { number, at: event.at, received_at: event.received_at, decide_from: event.decide_from };
        let lane = event.lane();
        let waiting = self.lanes.entry(lane.clone()).or_default();
        let gives_way = |place: &&Place| place.lets_go_first(&new) && !self.leases.is_taken(place.number);
        let index = waiting.len() - waiting.iter().rev().take_while(gives_way).count();
        let before = waiting.front().copied();
        waiting.insert(index, new);
        self.len += 1;
        if index == 0 {
            if let Some(before) = before {
                self.step_back(before);
            }
            self.come_forward(new, lane);
        }
    }

    /// Lets those come forward whose time has come. Where the clock was put back, nobody waits for it.
    pub(super) fn ripen(&mut self, now: Timestamp) {
        while let Some(first) = self.early.first_entry() {
            let (until, number) = *first.key();
            if until > now && first.get().1 <= now {
                break;
            }
            let (lane, _) = first.remove();
            self.heads.insert(number, lane);
        }
    }

    /// The event accepted first whose lane has no lease and passes the filter. Skips one head for every lane that is busy,
    /// and those are never more than there are workers.
    pub(super) fn next(&self, is_free: impl Fn(&LaneKey) -> bool) -> Option<(u64, LaneKey)> {
        let mut heads = self.heads.iter();
        let found = heads.find(|(_, lane)| self.leases.lane_until(lane).is_none() && is_free(lane));
        found.map(|(number, lane)| (*number, lane.clone()))
    }

    /// When the next event can be claimed that waits for what happened before it.
    pub(super) fn next_ripe(&self) -> Option<Timestamp> {
        self.early.first_key_value().map(|((until, _), _)| *until)
    }

    /// Takes a decided event out and lets the next of its lane come forward.
    pub(super) fn remove(&mut self, number: u64) {
        self.leases.release(number);
        let Some(lane) = self.heads.remove(&number) else { return };
        let Some(waiting) = self.lanes.get_mut(&lane) else { return };
        waiting.pop_front();
        self.len -= 1;
        match waiting.front().copied() {
            Some(next) => self.come_forward(next, lane),
            None => {
                self.lanes.remove(&lane);
            }
        }
    }

    fn come_forward(&mut self, place: Place, lane: LaneKey) {
        match place.decide_from.filter(|_| !self.leases.is_taken(place.number)) {
            Some(from) => drop(self.early.insert((from, place.number), (lane, place.received_at))),
            None => drop(self.heads.insert(place.number, lane)),
        }
    }

    fn step_back(&mut self, place: Place) {
        self.heads.remove(&place.number);
        if let Some(from) = place.decide_from {
            self.early.remove(&(from, place.number));
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
