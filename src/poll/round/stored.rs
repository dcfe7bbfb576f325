//! What the provider keeps of its deliveries, where it does: read before the conversations, because it also tells of what is
//! no message. What of it cannot be read costs nothing, since the messages are in the conversations too.

use std::collections::BTreeSet;

use super::{MAX_PAGES, Round, Trouble};
use crate::journey::StoreVault;
use crate::outbox::Priority;
use crate::provider::{Endpoints, Polled, ReadError, Reading, Registration};

impl Round<'_> {
    /// Reads the kept events of this source's endpoints, the oldest first.
    pub(super) async fn stored(&mut self) -> Result<(), Trouble> {
        let (adapter, _) = self.account()?;
        let Registration::Api(endpoints) = adapter.registration() else { return Ok(()) };
        if !endpoints.abilities().stored {
            return Ok(());
        }
        let mut kept = match self.kept(endpoints).await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(source = %self.source.name, error = %error, "the events that the provider keeps were not shown; messages are looked for in the conversations");
                return Ok(());
            }
        };
        kept.sort_by_key(|polled| polled.draft.at);
        for polled in kept {
            let conversation = polled.draft.conversation.id.clone().unwrap_or_default();
            self.message(&conversation, polled).await?;
            self.progress.events += 1;
        }
        self.show();
        Ok(())
    }

    async fn kept(&self, endpoints: &dyn Endpoints) -> Result<Vec<Polled>, ReadError> {
        let account = self.engine.accounts.get(&self.source.account);
        let Some(account) = account else { return Ok(Vec::new()) };
        let (http, vault) = (account.http.line(Priority::Poll), StoreVault(self.engine.store.as_ref()));
        let reading = || Reading { http: &http, vault: &vault, now: self.engine.clock.now() };
        let (mut kept, mut unreadable) = (Vec::new(), 0_usize);
        let all = endpoints.list(&reading()).await?;
        for endpoint in all.iter().filter(|endpoint| endpoint.is_for(&self.source.name)) {
            let (mut cursor, mut seen): (Option<String>, BTreeSet<String>) = (None, BTreeSet::new());
            for _ in 0..MAX_PAGES {
                let since = self.progress.from;
                let page = endpoints.stored(&reading(), endpoint, since, cursor.as_deref()).await?;
                unreadable += page.items.iter().filter(|event| event.is_none()).count();
                kept.extend(page.items.into_iter().flatten());
                match page.next.filter(|next| seen.insert(next.clone())) {
                    Some(next) => cursor = Some(next),
                    None => break,
                }
            }
        }
        if unreadable > 0 {
            tracing::warn!(source = %self.source.name, unreadable, "events that the provider keeps have another form than deliveries; messages are looked for in the conversations");
        }
        Ok(kept)
    }
}
