//! One round: the list of conversations, as far back as the round goes; then the messages of each, the
//! conversation that rested longest first, so that a round that is cut short knows how far it has come.

mod stored;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{OVERLAP, SETTLED, Trouble, before};
use crate::engine::{Engine, Item, Progress, Source, Turn};
use crate::journey::{self, StoreVault};
use crate::model::{EventId, Position};
use crate::outbox::Priority;
use crate::pipeline;
use crate::provider::{Adapter, ConversationQuery, Line, ListedConversation, Polled, ReadError, Reading};
use crate::store::{Accepted, StoreError};

/// The most pages of a list; one that goes on beyond them goes in a circle.
const MAX_PAGES: usize = 10_000;

/// How often a list of several pages is read, until it shows nothing new: what leaves a filter pushes others to pages that
/// were read already.
const MAX_WALKS: usize = 3;

/// The most messages that a dry run names.
const MAX_ITEMS: usize = 1_000;

/// A round under way.
pub(super) struct Round<'a> {
    engine: &'a Engine,
    source: &'a Source,
    query: ConversationQuery,
    /// Conversations whose newest message is older were read before this round was cut short.
    read_to: Option<Timestamp>,
    /// Whether somebody waits for it and wants to see how far it has come.
    pub(super) is_asked: bool,
    /// Whether it looks into a time in which deliveries may have failed, so that what the provider keeps of them is read too.
    pub(super) is_backfill: bool,
    /// What a dry run has named.
    named: BTreeSet<EventId>,
    pub(super) progress: Progress,
    /// Whether the provider has shown a conversation.
    has_shown: bool,
    /// Why the provider forbade a conversation, until it has shown one.
    denied: Option<String>,
}

impl<'a> Round<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        source: &'a Source,
        query: ConversationQuery,
        from: Timestamp,
        read_to: Option<Timestamp>,
        dry_run: bool,
    ) -> Self {
        let progress = Progress { dry_run, from, ..Progress::default() };
        Self {
            engine,
            source,
            query,
            read_to,
            is_asked: false,
            is_backfill: false,
            named: BTreeSet::new(),
            progress,
            has_shown: false,
            denied: None,
        }
    }

    /// Reads everything. `mark` says what is kept as the position when it has come so far, after each conversation but the
    /// last. Conversations that have not changed since the last `turn` are left out.
    pub(super) async fn read(
        &mut self,
        mut turn: Option<&mut Turn>,
        mark: impl Fn(Timestamp) -> Option<Position>,
    ) -> Result<(), Trouble> {
        if self.is_backfill {
            self.stored().await?;
        }
        let mut listed = self.conversations().await?;
        if let Some(turn) = turn.as_deref() {
            let is_read = |row: &ListedConversation| {
                row.updated_at.is_some() && turn.read.get(&row.id) == row.updated_at.as_ref()
            };
            listed.retain(|row| !is_read(row));
        }
        self.progress.conversations = Some(listed.len());
        self.show();
        let last = listed.len().saturating_sub(1);
        for (number, row) in listed.iter().enumerate() {
            let began = self.engine.clock.now();
            if !self.progress.dry_run
                && let Some(strain) = self.engine.strain().await
            {
                return Err(strain.into());
            }
            self.conversation(row).await?;
            self.show();
            if self.denied.is_some() {
                continue;
            }
            if let (Some(turn), Some(at)) = (turn.as_deref_mut(), row.updated_at)
                && began.duration_since(at) > SETTLED
            {
                turn.read.insert(row.id.clone(), at);
            }
            if let Some(position) = row.updated_at.filter(|_| number < last).and_then(&mark) {
                self.engine.store.keep_position(&self.source.name, &position).await?;
            }
        }
        if let Some(reason) = self.denied.take() {
            return Err(Trouble::Provider { reason, after: None });
        }
        if let Some(turn) = turn {
            let from = self.progress.from;
            turn.read.retain(|_, at| *at >= from);
        }
        Ok(())
    }

    /// The conversations with something since the beginning of the round, the one that rested longest first.
    async fn conversations(&self) -> Result<Vec<ListedConversation>, Trouble> {
        let mut found = BTreeMap::new();
        for _ in 0..MAX_WALKS {
            let (before, pages) = (found.len(), self.walk(&mut found).await?);
            let may_shift = self.query.status.is_some() || self.query.unread.is_some();
            if pages < 2 || !may_shift || found.len() == before {
                break;
            }
        }
        let mut rows: Vec<ListedConversation> = found.into_values().collect();
        rows.sort_by_key(|row| row.updated_at.unwrap_or(Timestamp::MAX));
        Ok(rows)
    }

    /// Reads the list to its end; how many pages it had. Adapters end a list where it becomes too old.
    async fn walk(&self, found: &mut BTreeMap<String, ListedConversation>) -> Result<usize, Trouble> {
        let (adapter, http) = self.account()?;
        let vault = StoreVault(self.engine.store.as_ref());
        let from = self.read_to.map_or(self.progress.from, |to| before(to, OVERLAP).max(self.progress.from));
        let filters = adapter.lists().conversations.map(|lists| lists.filters).unwrap_or_default();
        let query =
            ConversationQuery { since: Some(from).filter(|_| filters.contains(&"since")), ..self.query.clone() };
        let (mut cursor, mut seen): (Option<String>, BTreeSet<String>) = (None, BTreeSet::new());
        for pages in 1..=MAX_PAGES {
            let reading = Reading { http: &http, vault: &vault, now: self.engine.clock.now() };
            let page = adapter.conversations(&reading, &query, cursor.as_deref()).await.map_err(trouble)?;
            for row in page.items.into_iter().filter(|row| row.updated_at.is_none_or(|at| at >= from)) {
                found.insert(row.id.clone(), row);
            }
            match page.next.filter(|next| seen.insert(next.clone())) {
                Some(next) => cursor = Some(next),
                None => return Ok(pages),
            }
        }
        Err(Trouble::Provider { reason: "the list of conversations does not end".to_owned(), after: None })
    }

    /// Reads a conversation, its oldest message first. One that the provider refuses to show cannot hold up all others. Where
    /// it forbids every one, it is not the conversations: then nothing counts as read.
    async fn conversation(&mut self, row: &ListedConversation) -> Result<(), Trouble> {
        let (adapter, http) = self.account()?;
        let vault = StoreVault(self.engine.store.as_ref());
        let reading = Reading { http: &http, vault: &vault, now: self.engine.clock.now() };
        let messages = match adapter.messages(&reading, row, Some(self.progress.from)).await {
            Ok(messages) => {
                (self.denied, self.has_shown) = (None, true);
                messages
            }
            Err(error) if error.is_refused() || error.is_forbidden() => {
                tracing::warn!(source = %self.source.name, conversation = row.id, %error, "the provider does not show a conversation; it is left out");
                self.progress.skipped += 1;
                if error.is_forbidden() && !self.has_shown {
                    self.denied = Some(error.to_string());
                }
                Vec::new()
            }
            Err(error) => return Err(trouble(error)),
        };
        for polled in messages {
            self.message(&row.id, polled).await?;
            self.progress.messages += 1;
        }
        self.progress.read += 1;
        Ok(())
    }

    async fn message(&mut self, conversation: &str, polled: Polled) -> Result<(), Trouble> {
        let is_new = match self.progress.dry_run {
            true => self.look(conversation, polled).await?,
            false => {
                let (_, accepted) = pipeline::found(self.engine, self.source, polled).await?;
                let (source, word) =
                    (self.source.name.to_string(), if accepted == Accepted::New { "new" } else { "known" });
                metrics::counter!("rejoinder_poll_messages_total", "source" => source, "result" => word).increment(1);
                accepted == Accepted::New
            }
        };
        self.progress.new += usize::from(is_new);
        Ok(())
    }

    /// Whether a message is not known, without keeping it.
    async fn look(&mut self, conversation: &str, polled: Polled) -> Result<bool, StoreError> {
        let at = polled.draft.at;
        let event = journey::found(self.engine, self.source, polled);
        if !self.named.insert(event.id.clone()) {
            return Ok(false);
        }
        let new = self.engine.store.event(&event.id).await?.is_none();
        if self.progress.items.len() < MAX_ITEMS {
            let item = Item { event: event.id, kind: event.kind, conversation: conversation.to_owned(), at, new };
            self.progress.items.push(item);
        }
        Ok(new)
    }

    /// Who reads, and a connection on which sends go first.
    fn account(&self) -> Result<(&'a dyn Adapter, Line), Trouble> {
        let account = self.engine.accounts.get(&self.source.account);
        let gone = || Trouble::Provider { reason: "the account is gone".to_owned(), after: None };
        account.map(|account| (account.adapter.as_ref(), account.http.line(Priority::Poll))).ok_or_else(gone)
    }

    /// Shows how far it has come to whoever asked for it.
    fn show(&self) {
        if self.is_asked {
            self.source.watch.note(|state| {
                if let Some(asked) = &mut state.asked {
                    *asked = Progress { number: asked.number, items: Vec::new(), ..self.progress.clone() };
                }
            });
        }
    }
}

fn trouble(error: ReadError) -> Trouble {
    match error {
        ReadError::TryLater { reason, after } => Trouble::Provider { reason, after },
        ReadError::Refused(reason) => Trouble::Provider { reason, after: None },
    }
}
