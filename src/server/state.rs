//! What the handlers share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use super::admission::Admission;
use super::refused::RefusedLog;
use crate::engine::Engine;
use crate::model::BookHash;
use crate::rules::Book;
use crate::secret::Secret;
use crate::signature::Doctor;

/// Limits on everything that comes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub max_body: usize,
    /// The largest head of a request, in bytes: names and values of its headers.
    pub max_headers: usize,
    /// Connections at once on one listener, of one address at most half of them; the next ones are answered 429 and closed.
    pub connections: usize,
    /// Deliveries under way at once; beyond that, 429.
    pub concurrency: usize,
    /// Bytes of bodies that are held at once; beyond that, 429.
    pub body_memory: usize,
    /// Undecided events and open sends, together; beyond that, 429.
    pub backlog: usize,
    /// Bytes that must be free on the disk of the store; with less, nothing new is taken.
    pub min_free_disk: u64,
    /// How long the head of a request may take to arrive.
    pub header_timeout: Duration,
    /// How long the body of a delivery may take, or a whole request of the operator's; half of it is for keeping an event.
    pub request_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: 1 << 20,
            max_headers: 64 << 10,
            connections: 1024,
            concurrency: 512,
            body_memory: 64 << 20,
            backlog: 100_000,
            min_free_disk: 256 << 20,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
        }
    }
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
    /// Who may send to which source.
    pub admission: Admission,
    /// Where the store is, as `store` would be written with a path that is whole.
    pub place: String,
    /// What diagnoses refused deliveries.
    pub doctor: Arc<Doctor>,
    /// Places for deliveries.
    pub(super) places: Semaphore,
    /// Room for bodies, in bytes.
    pub(super) body_room: Semaphore,
    /// What was refused lately.
    pub(super) refused: Arc<RefusedLog>,
    /// The rule book that an event was last explained by, under the hash it was stored by.
    revived: Mutex<Option<(BookHash, Arc<Book>)>>,
    is_draining: AtomicBool,
}

impl Shared {
    /// For an engine; without metrics, reload, allow-lists and doctor, which the composition root adds.
    pub fn new(engine: Arc<Engine>, limits: Limits, admin_token: Option<Secret>) -> Self {
        Self {
            engine,
            limits,
            admin_token,
            metrics: None,
            reload: None,
            admission: Admission::default(),
            place: "memory:".to_owned(),
            doctor: Arc::default(),
            places: Semaphore::new(limits.concurrency),
            body_room: Semaphore::new(limits.body_memory.min(Semaphore::MAX_PERMITS)),
            refused: Arc::default(),
            revived: Mutex::default(),
            is_draining: AtomicBool::new(false),
        }
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
