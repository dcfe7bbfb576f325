//! What the store forgets is remembered here, so that at the end it is asked about like everything else, and with it
//! whether its time had come.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::model::{EventId, EventKind, LaneKey, Send as OutgoingSend};
use crate::store::StoredEvent;
use crate::store::testing::{Disk, Kept, Stepped};

/// By how much the clock may be set back while something is forgotten.
const SET_BACK: SignedDuration = SignedDuration::from_hours(1);

/// All that was forgotten.
#[derive(Default)]
pub(super) struct Forgotten {
    parts: Vec<Part>,
    /// Conversations, and how many messages of each had been accepted by then.
    conversations: BTreeSet<(LaneKey, usize)>,
    /// What was forgotten too early.
    pub(super) faults: Vec<String>,
}

/// What went at once, as it was until then.
struct Part {
    /// All events that there were, oldest first.
    order: Vec<EventId>,
    events: Vec<StoredEvent>,
    sends: Vec<OutgoingSend>,
}

impl Forgotten {
    /// Lets the store do its next job, which forgets what came before `before`. The conversations that were forgotten.
    pub(super) fn watch(&mut self, thread: &mut Stepped, disk: &Disk, before: Timestamp) -> Vec<LaneKey> {
        thread.work();
        let Some(was) = disk.before_forgetting() else { return Vec::new() };
        let whole = self.whole(was.kept());
        self.note(was.kept(), &disk.kept(), before);
        let lanes: BTreeSet<_> = whole.events.iter().map(|stored| stored.event.lane()).collect();
        let is_gone = |lane: &LaneKey| was.remembers(lane) && !disk.remembers(lane);
        let gone: Vec<_> = lanes.into_iter().filter(is_gone).collect();
        for lane in &gone {
            let is_message =
                |stored: &&StoredEvent| stored.event.kind == EventKind::MessageReceived && stored.event.lane() == *lane;
            self.conversations.insert((lane.clone(), whole.events.iter().filter(is_message).count()));
        }
        gone
    }

    fn note(&mut self, was: Kept, is: &Kept, before: Timestamp) {
        let order = was.events.iter().map(|stored| stored.event.id.clone()).collect();
        let is_gone = |id: &EventId| is.events.iter().all(|kept| kept.event.id != *id);
        let events: Vec<_> = was.events.into_iter().filter(|stored| is_gone(&stored.event.id)).collect();
        let sends: Vec<_> =
            was.sends.into_iter().filter(|send| is.sends.iter().all(|kept| kept.id != send.id)).collect();
        let latest = before.saturating_add(SET_BACK).unwrap();
        for stored in events.iter().filter(|stored| stored.event.received_at > latest) {
            let (id, came) = (&stored.event.id, stored.event.received_at);
            self.faults.push(format!("every accepted event is kept: {id} came at {came} and was forgotten already"));
        }
        if !events.is_empty() || !sends.is_empty() {
            self.parts.push(Part { order, events, sends });
        }
    }

    /// What is kept with all that was forgotten, in the order of acceptance. What was forgotten and came back, because the
    /// power went before that was durable, is there once; what was accepted anew is there again.
    pub(super) fn whole(&self, kept: Kept) -> Kept {
        let Kept { mut events, mut sends } = kept;
        for part in self.parts.iter().rev() {
            let place_in = |id: &EventId| part.order.iter().position(|known| known == id);
            for gone in part.events.iter().rev() {
                let same = |kept: &StoredEvent| {
                    (&kept.event.id, kept.event.received_at) == (&gone.event.id, gone.event.received_at)
                };
                if events.iter().any(same) {
                    continue;
                }
                let own = place_in(&gone.event.id);
                // What was not there at that time came later.
                let is_behind = |kept: &StoredEvent| place_in(&kept.event.id).is_none_or(|place| Some(place) >= own);
                let place = events.iter().position(is_behind).unwrap_or(events.len());
                events.insert(place, gone.clone());
            }
            let unknown = part.sends.iter().filter(|gone| sends.iter().all(|kept| kept.id != gone.id));
            let unknown: Vec<_> = unknown.cloned().collect();
            sends.extend(unknown);
        }
        Kept { events, sends }
    }

    /// Whether a conversation was forgotten after so many messages.
    pub(super) fn conversation(&self, lane: &LaneKey, messages: usize) -> bool {
        self.conversations.contains(&(lane.clone(), messages))
    }
}
