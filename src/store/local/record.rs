//! How values are written: one byte for the version, then JSON. What cannot be read is an error that names the record and
//! never shows its content.

use std::cell::RefCell;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::{Decision, EventId, SendId};
use crate::store::StoreError;
use crate::store::kv::Kv;

/// The version of everything that is written.
pub(super) const VERSION: u8 = 1;

/// What a thread keeps of the memory in which it wrote a large record.
const SCRATCH_KEPT: usize = 64 * 1024;

thread_local! {
    /// Where records grow, so that each is allocated once, in its size.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Where an event is, and since when.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct EventPlace {
    /// Its number, in order of acceptance.
    pub(super) number: u64,
    /// When it arrived.
    pub(super) received_at: Timestamp,
}

/// A decision and the numbers of its sends.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DecisionRecord {
    /// What was decided.
    pub(super) decision: Decision,
    /// Its sends.
    pub(super) sends: Vec<u64>,
}

/// What the ledger knows of an id that a provider gave.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LedgerEntry {
    /// The send of ours.
    pub(super) send: SendId,
    /// When it was made; old entries are forgotten.
    pub(super) at: Timestamp,
}

/// What a token that is good once was used for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TokenRecord {
    /// The event it came with.
    pub(super) event: EventId,
    /// When; old ones are forgotten.
    pub(super) at: Timestamp,
}

/// What the store says of itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// The version of the layout of keys.
    pub(super) layout: u32,
    /// How often the store was opened; makes fences unique over restarts.
    pub(super) opened: u32,
    /// Whether an import has begun and not ended.
    #[serde(default)]
    pub(super) is_importing: bool,
}

/// Writes a value.
pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, StoreError> {
    SCRATCH.with_borrow_mut(|bytes| {
        bytes.clear();
        bytes.push(VERSION);
        serde_json::to_writer(&mut *bytes, value)
            .map_err(|error| StoreError::Failed { what: "writing a record".to_owned(), source: error.into() })?;
        let written = bytes.as_slice().to_vec();
        bytes.shrink_to(SCRATCH_KEPT);
        Ok(written)
    })
}

/// Reads a value; `what` names it in the error.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8], what: impl FnOnce() -> String) -> Result<T, StoreError> {
    let why = match bytes.split_first() {
        Some((&VERSION, json)) => match serde_json::from_slice(json) {
            Ok(value) => return Ok(value),
            // Not the error itself: serde quotes the value it did not expect.
            Err(error) => format!("not the expected JSON at byte {}", error.column()),
        },
        Some((version, _)) => format!("version {version} is not known to this program"),
        None => "empty".to_owned(),
    };
    Err(StoreError::Corrupt { what: format!("{}: {why}", what()) })
}

/// Reads the value of a key, where there is one.
pub(super) fn get<T: DeserializeOwned>(
    kv: &dyn Kv,
    key: &[u8],
    what: impl FnOnce() -> String,
) -> Result<Option<T>, StoreError> {
    kv.get(key)?.map(|bytes| read(&bytes, what)).transpose()
}

/// Reads the value of a key that something else points at.
pub(super) fn require<T: DeserializeOwned>(
    kv: &dyn Kv,
    key: &[u8],
    what: impl Fn() -> String,
) -> Result<T, StoreError> {
    get(kv, key, &what)?.ok_or_else(|| StoreError::Corrupt { what: format!("{} is missing", what()) })
}
