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
    /// The first of every lane that can be claimed, and is not.
    heads: BTreeMap<u64, LaneKey>,
    /// The first of every other lane, by the time from which it can be.
    early: BTreeMap<(Timestamp, u64), (LaneKey, Timestamp)>,
    len: usize,
    /// Who decides what.
    leases: Leases,
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

    /// Leases the event accepted first whose lane passes the filter, and has no lease. Skips one head for every lane that is
    /// busy otherwise, and those are never more than there are workers.
    pub(super) fn take(
        &mut self,
        fence: u64,
        until: Timestamp,
        is_free: impl Fn(&LaneKey) -> bool,
    ) -> Option<(u64, LaneKey)> {
        let (number, _) = self.heads.iter().find(|(_, lane)| is_free(lane))?;
        let number = *number;
        let lane = self.heads.remove(&number)?;
        self.leases.take(number, lane.clone(), fence, until);
        Some((number, lane))
    }

    /// The event whose lease was taken with a fence.
    pub(super) fn held(&self, fence: u64) -> Option<u64> {
        self.leases.held(fence)
    }

    /// Ends the lease of an event, which can be claimed again.
    pub(super) fn release(&mut self, number: u64) {
        let Some(lane) = self.leases.lane_of(number).cloned() else { return };
        self.leases.release(number);
        let first = self.lanes.get(&lane).and_then(|waiting| waiting.front()).copied();
        if let Some(first) = first.filter(|place| place.number == number) {
            self.come_forward(first, lane);
        }
    }

    /// Ends the lease that was taken with a fence.
    pub(super) fn release_held(&mut self, fence: u64) {
        if let Some(number) = self.leases.held(fence) {
            self.release(number);
        }
    }

    /// Ends the leases whose time is over.
    pub(super) fn end_expired(&mut self, now: Timestamp) {
        self.leases.expired(now).into_iter().for_each(|number| self.release(number));
    }

    /// The leases, which are taken out.
    pub(super) fn take_leases(&mut self) -> Leases {
        std::mem::take(&mut self.leases)
    }

    /// An empty queue in which these leases go on, once what is leased is pushed.
    pub(super) fn resuming(leases: Leases) -> Self {
        Self { leases, ..Self::default() }
    }

    /// When the next event can be claimed that waits for what happened before it.
    pub(super) fn next_ripe(&self) -> Option<Timestamp> {
        self.early.first_key_value().map(|((until, _), _)| *until)
    }

    /// From when it is of use to claim something, as far as nothing changes before: at once, when the first lease ends by
    /// itself, or never.
    pub(super) fn worth_from(&self) -> Timestamp {
        match self.heads.is_empty() && self.early.is_empty() {
            true => self.leases.next_end().unwrap_or(Timestamp::MAX),
            false => Timestamp::MIN,
        }
    }

    /// Takes a decided event out and lets the next of its lane come forward.
    pub(super) fn remove(&mut self, number: u64) {
        let Some(lane) = self.leases.lane_of(number).cloned() else { return };
        self.leases.release(number);
        let Some(waiting) = self.lanes.get_mut(&lane) else { return };
        let Some(index) = waiting.iter().position(|place| place.number == number) else { return };
        waiting.remove(index);
        self.len -= 1;
        match waiting.front().copied() {
            Some(next) if index == 0 => self.come_forward(next, lane),
            Some(_) => {}
            None => {
                self.lanes.remove(&lane);
            }
        }
    }

    /// What is leased comes forward when its lease ends.
    fn come_forward(&mut self, place: Place, lane: LaneKey) {
        if self.leases.is_taken(place.number) {
            return;
        }
        match place.decide_from {
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
