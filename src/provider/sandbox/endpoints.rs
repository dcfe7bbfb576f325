//! Endpoints that were registered, as far as two APIs have them alike. Nothing is delivered from here.

use jiff::Timestamp;

use super::desk::{Desk, Speaks};

/// An endpoint.
#[derive(Clone, Debug)]
pub(super) struct Registered {
    pub(super) provider: Speaks,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) is_paused: bool,
    pub(super) events: Vec<String>,
    /// Ids and times of its secrets, the oldest first. The secrets themselves are shown once and not kept.
    pub(super) secrets: Vec<(String, Timestamp)>,
    pub(super) created_at: Timestamp,
    /// What was, or would have been, delivered: id, time and body, the oldest first (Spruce).
    pub(super) stored: Vec<(String, Timestamp, String)>,
}

impl Desk {
    /// The endpoints of a provider, the oldest first.
    pub(super) fn endpoints(&self, provider: Speaks) -> impl Iterator<Item = &Registered> {
        self.endpoints.iter().filter(move |endpoint| endpoint.provider == provider)
    }

    /// One of them.
    pub(super) fn endpoint(&mut self, provider: Speaks, id: &str) -> Option<&mut Registered> {
        self.endpoints.iter_mut().find(|endpoint| endpoint.provider == provider && endpoint.id == id)
    }
}

/// Whether deliveries can be made there: "HTTPS only".
pub(super) fn is_deliverable(url: &str) -> bool {
    url.parse::<url::Url>().is_ok_and(|url| url.scheme() == "https" && url.has_host())
}
