//! The replies that wait for the end of a burst: read for a decision, and called off when it puts another in their place.

use std::collections::BTreeMap;

use super::core::Core;
use super::list;
use crate::model::{Decision, LaneKey, SUPERSEDED, Send as OutgoingSend, SendState};
use crate::store::StoreError;

impl Core {
    /// Those of a lane. While an event of it is leased, none of them is claimed.
    pub(super) fn settling(&self, lane: &LaneKey) -> Result<Vec<OutgoingSend>, StoreError> {
        let waiting = self.outbox.settling_in(lane).into_iter();
        waiting.map(|number| list::send_numbered(&*self.kv, number)).collect()
    }

    /// Those in whose place a decision puts its own.
    pub(super) fn superseded(&self, decision: &Decision) -> Result<BTreeMap<u64, OutgoingSend>, StoreError> {
        let mut off = BTreeMap::new();
        for superseded in &decision.supersedes {
            let Some((number, mut send)) = list::send(&*self.kv, &superseded.send)? else { continue };
            if send.state == SendState::Pending && !send.was_tried() && !self.outbox.leases.is_taken(number) {
                send.state = SendState::Cancelled { reason: SUPERSEDED.to_owned() };
                off.insert(number, send);
            }
        }
        Ok(off)
    }
}
