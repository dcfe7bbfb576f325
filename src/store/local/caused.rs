//! What our own sends cause beside messages: a tag that we set comes back as a changed contact, a conversation that we
//! close as a closed one. No id tells, so time does.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::core::Core;
use super::{keys, record};
use crate::model::{AccountName, Action, Event, EventKind, LaneKey, Send as OutgoingSend, SendState, moment};
use crate::store::StoreError;
use crate::store::kv::Batch;

/// How long after a send of ours a change is taken for its effect.
const EFFECT: SignedDuration = SignedDuration::from_mins(2);

/// A send of ours that may cause a change.
#[derive(Serialize, Deserialize)]
struct Cause {
    #[serde(with = "moment")]
    at: Timestamp,
    #[serde(default, skip_serializing_if = "is_zero")]
    depth: u8,
}

fn is_zero(depth: &u8) -> bool {
    *depth == 0
}

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
    let cause = record::write(&Cause { at, depth: send.depth })?;
    if let Some(correspondent) = correspondent.filter(|_| may_change_contact(&send.action)) {
        batch.put(of_contact(&send.account, correspondent), cause.clone());
    }
    batch.put(of_lane(&send.account, &send.lane), cause);
    Ok(())
}

/// Tags are the contact's at some providers, as is who is responsible, and a snippet may do anything. No provider announces
/// a changed contact when only a message or a note was written.
fn may_change_contact(action: &Action) -> bool {
    match action {
        Action::Reply(_) => false,
        Action::Note(note) => note.also.iter().any(may_change_contact),
        Action::Tag(_) | Action::Assign(_) | Action::Snippet(_) | Action::Close | Action::Http(_) => true,
    }
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
        let Some(Cause { at, depth }) = record::get(&*self.kv, &key, what)? else { return Ok(0) };
        Ok(if event.received_at.duration_since(at) > EFFECT { 0 } else { depth.saturating_add(1) })
    }
}

fn of_lane(account: &AccountName, lane: &LaneKey) -> Vec<u8> {
    keys::ledger(account, &format!("caused {lane}"))
}

fn of_contact(account: &AccountName, correspondent: &str) -> Vec<u8> {
    keys::ledger(account, &format!("caused contact {correspondent}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Assign, Note, TagChange};
    use crate::provider::testing;

    fn entries(action: Action, state: SendState) -> usize {
        let send = OutgoingSend { state, ..testing::send(action) };
        let mut batch = Batch::default();
        enter(&mut batch, &send, Some("ann"), Timestamp::UNIX_EPOCH).unwrap();
        batch.into_iter().count()
    }

    #[test]
    fn what_was_done_is_entered_where_it_may_be_asked_for() {
        let tag = || Action::Tag(TagChange { add: vec!["vip".to_owned()], ..TagChange::default() });
        let assign = Action::Assign(Assign { alias: "kim".to_owned(), id: "m1".to_owned() });
        let note = |also| Action::Note(Note { also, ..Note::default() });
        for (action, wanted) in [
            (Action::Reply(Default::default()), 1),
            (note(Vec::new()), 1),
            (note(vec![Action::Close]), 2),
            (tag(), 2),
            (assign, 2),
            (Action::Snippet(Default::default()), 2),
        ] {
            let name = action.name();
            assert_eq!(entries(action, SendState::Delivered), wanted, "{name}");
        }
        assert_eq!(entries(tag(), SendState::Unknown), 0);
    }

    #[test]
    fn an_entry_is_as_short_as_it_can_be() {
        let at = Timestamp::from_second(1_772_000_000).unwrap();
        let written = |depth| String::from_utf8(record::write(&Cause { at, depth }).unwrap()[1..].to_vec()).unwrap();
        assert_eq!(written(0), r#"{"at":1772000000000000000}"#);
        assert_eq!(written(1), r#"{"at":1772000000000000000,"depth":1}"#);
    }
}
