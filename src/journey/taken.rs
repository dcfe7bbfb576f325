//! Which messages of a conversation are known to be other sends of ours, so that one is not taken for two: rules say the
//! same words again and again. Asked only where a conversation is read back.

use crate::store::{EventQuery, SendClaim, SendQuery, Store, StoreError};

/// How many events of the conversation are looked at, the newest first.
const EVENTS: usize = 100;

/// The ids that the provider gave to the other sends for the conversation of a claim.
pub(super) async fn by_others(store: &dyn Store, claim: &SendClaim) -> Result<Vec<String>, StoreError> {
    let query = EventQuery { lane: Some(claim.event.lane()), limit: EVENTS, ..EventQuery::default() };
    let mut taken = Vec::new();
    for stored in store.events(&query).await? {
        let query = SendQuery { event: Some(stored.event.id), ..SendQuery::default() };
        let others = store.sends(&query).await?.into_iter().filter(|send| send.id != claim.send.id);
        taken.extend(others.flat_map(|send| [send.provider_id, send.request_id]).flatten());
    }
    Ok(taken)
}
