//! What the handlers share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::model::BookHash;
use crate::rules::Book;
use crate::secret::Secret;

/// Limits on everything that comes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub max_body: usize,
    /// The largest head of a request, in bytes.
    pub max_headers: usize,
    /// Deliveries under way at once; beyond that, 429.
    pub concurrency: usize,
    /// How long the head of a request may take to arrive.
    pub header_timeout: Duration,
    /// How long a whole request may take.
    pub request_timeout: Duration,
}

/// Whoever can load the rules anew.
#[async_trait::async_trait]
pub trait Reload: Send + Sync {
    /// The hash of the book now in force, or what is wrong with the files; then the last good book stays in force.
    async fn reload(&self) -> Result<String, String>;
}

/// What the handlers share.
pub struct Shared {
    /// The parts.
    pub engine: Arc<Engine>,
    /// The limits in force.
    pub limits: Limits,
    /// The operator's token; without one the admin listener is on loopback and asks for none.
    pub admin_token: Option<Secret>,
    /// Answers `/metrics`.
    pub metrics: Option<PrometheusHandle>,
    /// Loads the rules anew; answers what is wrong with them.
    pub reload: Option<Arc<dyn Reload>>,
    /// Places for deliveries.
    pub(super) places: Semaphore,
    /// The rule book that an event was last explained by, under the hash it was stored by.
    revived: Mutex<Option<(BookHash, Arc<Book>)>>,
    is_draining: AtomicBool,
}

impl Shared {
    /// For an engine; without metrics and reload, which the composition root adds.
    pub fn new(engine: Arc<Engine>, limits: Limits, admin_token: Option<Secret>) -> Self {
        let places = Semaphore::new(limits.concurrency);
        let (revived, is_draining) = (Mutex::default(), AtomicBool::new(false));
        Self { engine, limits, admin_token, metrics: None, reload: None, places, revived, is_draining }
    }

    /// The rule book of that hash, where an event was last explained by it.
    pub(super) fn revived(&self, hash: &BookHash) -> Option<Arc<Book>> {
        let kept = self.revived.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(of, _)| of == hash).map(|(_, book)| Arc::clone(book))
    }

    /// Keeps the rule book that an event is explained by, in place of the one before.
    pub(super) fn keep_revived(&self, hash: &BookHash, book: &Arc<Book>) {
        *self.revived.lock().unwrap_or_else(PoisonError::into_inner) = Some((hash.clone(), Arc::clone(book)));
    }

    /// From now on `readyz` says no.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }
}
