//! Stored events, page by page, through the admin API. One page at a time is in memory.

use std::num::NonZeroUsize;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::access::{ReadOnly, query};
use crate::http::CallError;
use crate::model::{Decision, Event, EventId, SourceName};

/// How many events a page has at most.
const PAGE: usize = 500;

/// An event as the admin API lists it.
#[derive(Deserialize)]
pub(super) struct Stored {
    /// The event.
    pub(super) event: Event,
    /// Absent while it waits.
    pub(super) decision: Option<Decision>,
}

/// A list, read to its end.
pub(super) struct Pages {
    order: &'static str,
    /// The parameter that leads on, by the last event that was read.
    onward: &'static str,
    source: Option<SourceName>,
    since: Timestamp,
    last: Option<EventId>,
    size: usize,
    is_over: bool,
}

impl Pages {
    /// Events that arrived since `since`, the oldest first.
    pub(super) fn oldest(since: Timestamp) -> Self {
        Self { order: "oldest", onward: "after", source: None, since, last: None, size: PAGE, is_over: false }
    }

    /// Those of a source, the newest first.
    fn newest(since: Timestamp, source: Option<SourceName>) -> Self {
        Self { order: "newest", onward: "before", source, ..Self::oldest(since) }
    }

    /// The next page; nothing after the last.
    pub(super) async fn next(&mut self, access: &ReadOnly) -> anyhow::Result<Option<Vec<Stored>>> {
        while !self.is_over {
            match self.read(access).await {
                // Events can be large, and an answer has a limit: then fewer at a time.
                Err(error) if self.size > 1 && is_unanswered(&error) => self.size /= 2,
                Err(error) => return Err(error),
                Ok(page) => {
                    self.is_over = page.len() < self.size;
                    self.last = page.last().map(|stored| stored.event.id.clone());
                    return Ok(Some(page));
                }
            }
        }
        Ok(None)
    }

    async fn read(&self, access: &ReadOnly) -> anyhow::Result<Vec<Stored>> {
        let asked = query(&[
            ("order", Some(self.order.to_owned())),
            ("source", self.source.as_ref().map(SourceName::to_string)),
            ("since", Some(self.since.to_string())),
            (self.onward, self.last.as_ref().map(EventId::to_string)),
            ("limit", Some(self.size.to_string())),
        ]);
        let mut answer = access.get(&format!("/api/v1/events?{asked}")).await?;
        match answer["events"].take() {
            Value::Array(events) => Ok(events.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?),
            _ => Ok(Vec::new()),
        }
    }
}

fn is_unanswered(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(CallError::Unanswered(_)))
}

/// When the oldest of the `limit` newest events arrived; `since` where there are fewer.
pub(super) async fn newest(
    access: &ReadOnly,
    source: Option<SourceName>,
    since: Timestamp,
    limit: NonZeroUsize,
) -> anyhow::Result<Timestamp> {
    let (mut pages, mut left) = (Pages::newest(since, source), limit.get());
    while let Some(page) = pages.next(access).await? {
        if let Some(last) = page.get(left - 1) {
            return Ok(last.event.received_at);
        }
        left -= page.len();
    }
    Ok(since)
}
