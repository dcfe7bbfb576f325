//! What our own sends cause beside messages: a tag that we set comes back as a changed contact, a conversation that we
//! close as a closed one. No id tells, so time does.

use jiff::{SignedDuration, Timestamp};

use super::core::Core;
use super::record::{self, LedgerEntry};
use super::{keys, list};
use crate::model::{AccountName, Action, Event, EventKind, LaneKey, Send as OutgoingSend, SendState};
use crate::store::StoreError;
use crate::store::kv::Batch;

/// How long after a send of ours a change is taken for its effect.
const EFFECT: SignedDuration = SignedDuration::from_mins(2);

/// Enters what a send that was delivered may cause.
pub(super) fn enter(
    batch: &mut Batch,
    send: &OutgoingSend,
    correspondent: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    if send.state != SendState::Delivered || matches!(send.action, Action::Http(_)) {
        return Ok(());
    }
    let entry = record::write(&LedgerEntry { send: send.id.clone(), at })?;
    if let Some(correspondent) = correspondent {
        batch.put(of_contact(&send.account, correspondent), entry.clone());
    }
    batch.put(of_lane(&send.account, &send.lane), entry);
    Ok(())
}

impl Core {
    /// How many sends of ours led to a change, as far as time tells; 0 for what nobody of ours may have caused.
    pub(super) fn caused(&self, event: &Event) -> Result<u8, StoreError> {
        let key = match (event.kind, event.correspondent()) {
            (EventKind::ConversationClosed | EventKind::ConversationUpdated, _) => {
                of_lane(&event.account, &event.lane())
            }
            (EventKind::ContactUpdated, Some(correspondent)) => of_contact(&event.account, &correspondent),
            _ => return Ok(0),
        };
        let what = || format!("the ledger entry of what caused event {}", event.id);
        let Some(entry) = record::get::<LedgerEntry>(&*self.kv, &key, what)? else { return Ok(0) };
        if event.received_at.duration_since(entry.at) > EFFECT {
            return Ok(0);
        }
        let depth = list::send(&*self.kv, &entry.send)?.map_or(0, |(_, send)| send.depth);
        Ok(depth.saturating_add(1))
    }
}

fn of_lane(account: &AccountName, lane: &LaneKey) -> Vec<u8> {
    keys::ledger(account, &format!("caused {lane}"))
}

fn of_contact(account: &AccountName, correspondent: &str) -> Vec<u8> {
    keys::ledger(account, &format!("caused contact {correspondent}"))
}
