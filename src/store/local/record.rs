//! How values are written: one byte for the form, then JSON; long JSON as a block of LZ4 behind its length. What
//! cannot be read is an error that names the record and never shows its content.

use std::borrow::Cow;
use std::cell::RefCell;

use jiff::Timestamp;
use lz4_flex::block::{compress_into_with_dict, decompress_with_dict, get_maximum_output_size};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::standing;
use crate::model::{Decision, EventId, GuardStep, SendId, moment};
use crate::store::StoreError;
use crate::store::kv::Kv;

/// The form of what is short: JSON as it is.
pub(super) const PLAIN: u8 = 1;

/// The form of what is long. 2 had another dictionary.
const COMPRESSED: u8 = 3;

/// JSON of so many bytes is compressed: less than that holds little that the dictionary knows. An event holds its text three
/// times.
const LONG: usize = 256;

/// What a compressed record may refer to: the words that events, decisions and sends repeat. Short, because it is gone through
/// for every record that is written. Never changed, because what was written with it is read with it; another one would be
/// another form.
const DICTIONARY: &[u8] = include_bytes!("dictionary.txt");

/// The most that a byte of LZ4 stands for; a length beyond is damage.
const MOST_FOR_A_BYTE: usize = 255;

/// What a thread keeps of the memory in which it wrote a large record.
const SCRATCH_KEPT: usize = 64 * 1024;

thread_local! {
    /// Where records grow, and where they are compressed, so that each is allocated once, in its size.
    static SCRATCH: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Where an event is, and since when.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct EventPlace {
    /// Its number, in order of acceptance.
    pub(super) number: u64,
    /// When it arrived.
    #[serde(with = "moment")]
    pub(super) received_at: Timestamp,
}

/// A decision and the numbers of its sends.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DecisionRecord {
    /// What was decided.
    pub(super) decision: Decision,
    /// What the loop guard said, which is then not in the trace.
    #[serde(default, with = "standing", skip_serializing_if = "Vec::is_empty")]
    guard: Vec<GuardStep>,
    /// Its sends.
    pub(super) sends: Vec<u64>,
}

impl DecisionRecord {
    /// A decision as it is kept.
    pub(super) fn new(mut decision: Decision, sends: Vec<u64>) -> Self {
        Self { guard: std::mem::take(&mut decision.trace.guard), decision, sends }
    }

    /// The decision as it was made.
    pub(super) fn whole(mut self) -> Self {
        self.decision.trace.guard.append(&mut self.guard);
        self
    }
}

/// What the ledger knows of an id that a provider gave.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LedgerEntry {
    /// The send of ours.
    pub(super) send: SendId,
    /// When it was made; old entries are forgotten.
    #[serde(with = "moment")]
    pub(super) at: Timestamp,
}

/// What a token that is good once was used for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TokenRecord {
    /// The event it came with.
    pub(super) event: EventId,
    /// When; old ones are forgotten.
    #[serde(with = "moment")]
    pub(super) at: Timestamp,
}

/// Writes a value.
pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, StoreError> {
    SCRATCH.with_borrow_mut(|(bytes, block)| {
        bytes.clear();
        bytes.push(PLAIN);
        serde_json::to_writer(&mut *bytes, value)
            .map_err(|error| StoreError::Failed { what: "writing a record".to_owned(), source: error.into() })?;
        let compressed = (bytes.len() > LONG).then(|| compress(&bytes[1..], block)).flatten();
        let written = compressed.unwrap_or(bytes.as_slice()).to_vec();
        bytes.truncate(SCRATCH_KEPT);
        bytes.shrink_to(SCRATCH_KEPT);
        block.truncate(SCRATCH_KEPT);
        block.shrink_to(SCRATCH_KEPT);
        Ok(written)
    })
}

fn compress<'a>(json: &[u8], block: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    let most = 5 + get_maximum_output_size(json.len());
    // What it holds from before is written over.
    if block.len() < most {
        block.resize(most, 0);
    }
    let before = u32::try_from(json.len()).ok()?;
    let length = compress_into_with_dict(json, &mut block[5..], DICTIONARY).ok()?;
    block[0] = COMPRESSED;
    block[1..5].copy_from_slice(&before.to_le_bytes());
    block.get(..5 + length)
}

fn decompress(block: &[u8]) -> Option<Vec<u8>> {
    let (length, block) = block.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let is_possible = length <= block.len().saturating_mul(MOST_FOR_A_BYTE);
    let json = is_possible.then(|| decompress_with_dict(block, length, DICTIONARY).ok()).flatten()?;
    (json.len() == length).then_some(json)
}

/// The JSON of a value; otherwise says in words why there is none.
pub(super) fn json(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    match bytes.split_first() {
        Some((&PLAIN, json)) => Ok(Cow::Borrowed(json)),
        Some((&COMPRESSED, block)) => {
            decompress(block).map(Cow::Owned).ok_or_else(|| "not the expected block".to_owned())
        }
        Some((form, _)) => Err(format!("form {form} is not known to this program")),
        None => Err("empty".to_owned()),
    }
}

/// Reads a value; `what` names it in the error.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8], what: impl FnOnce() -> String) -> Result<T, StoreError> {
    let read = json(bytes).and_then(|json| {
        // Not the error itself: serde quotes the value it did not expect.
        serde_json::from_slice(&json).map_err(|error| format!("not the expected JSON at byte {}", error.column()))
    });
    read.map_err(|why| StoreError::Corrupt { what: format!("{}: {why}", what()) })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::Play;

    #[test]
    fn what_is_long_is_written_shorter_and_read_the_same() {
        for length in [0, 1, 400, LONG, 5 * LONG] {
            let text = "About the order. ".repeat(length / 17 + 1);
            let written = write(&text).unwrap();
            assert_eq!(written.len() < text.len(), text.len() >= LONG, "{length}");
            assert_eq!(read::<String>(&written, String::new).unwrap(), text);
            assert_eq!(serde_json::to_vec(&text).unwrap(), &*json(&written).unwrap());
        }
    }

    #[test]
    fn a_decision_is_read_as_it_was_made_however_it_was_written() {
        let mut play = Play::new("- { name: a, when: {}, do: [{ reply: { text: x } }] }");
        let decision = play.decide(serde_json::json!({ "message": { "text": "hello" } }));
        let before = serde_json::json!({ "decision": decision, "sends": [1] });
        let now = DecisionRecord::new(decision.clone(), vec![1]);
        assert!(write(&now).unwrap().len() * 2 < write(&before).unwrap().len());
        for written in [write(&before), write(&now)] {
            let read = read::<DecisionRecord>(&written.unwrap(), String::new).unwrap().whole();
            assert!(read.decision.trace == decision.trace && read.sends == [1]);
        }
    }

    /// What was written with the dictionary could not be read with another.
    #[test]
    fn the_dictionary_is_never_changed() {
        assert_eq!(crc32c::crc32c(DICTIONARY), 0x888e_ef56);
    }

    #[test]
    fn what_is_damaged_is_named_and_not_shown() {
        let written = write(&"secret ".repeat(LONG)).unwrap();
        for (place, byte) in [(0, 9), (0, PLAIN), (1, 1), (4, 0xff), (5, 0xff)] {
            let mut damaged = written.clone();
            damaged[place] = byte;
            let error = read::<String>(&damaged, || "a text".to_owned()).unwrap_err().to_string();
            assert!(error.contains("a text: ") && !error.contains("secret"), "{error}");
        }
    }
}
