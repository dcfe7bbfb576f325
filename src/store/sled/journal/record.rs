//! How a record of the journal is laid out. All numbers are little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the body |
//! | 4 | CRC-32C (RFC 3720 appendix B.4) |
//! | 8 | sequence number: one more than that of the record before |
//! | 4 | how many bytes before the record were written together with it: what precedes them was durable by then |
//! | … | the body: changes, one after the other |
//!
//! The checksum covers everything behind it.
//!
//! A change is one byte for what it does, two for the length of the key, the key, and where there is a value four for its
//! length and the value. A record that was skipped by a salvage has a checksum over its head alone.

use serde::{Deserialize, Serialize};

use crate::store::kv::{Batch, Change};
use crate::store::sled::packed;

/// The bytes before the body.
pub(in crate::store::sled) const HEAD: usize = 20;

/// The longest body that is believed; a length beyond is damage.
const LONGEST: usize = 512 * 1024 * 1024;

/// Values up to this many bytes are kept in sled itself; longer ones stay in the journal, and sled knows where.
const SHORT: usize = 512;

/// … and up to this many where sled has many keys as one: sled puts what becomes too long into files that it never syncs.
const SHORT_PACKED: usize = 32;

/// Whether a value stays in the journal.
pub(in crate::store::sled) fn is_long(key: &[u8], value: &[u8]) -> bool {
    value.len() > if packed::home(key).is_some() { SHORT_PACKED } else { SHORT }
}

const PUT: u8 = 1;
const REMOVE: u8 = 2;

/// Where a value is in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store::sled) struct Location {
    /// The segment's number.
    pub(in crate::store::sled) segment: u64,
    /// Where the value begins in the segment, in bytes.
    pub(in crate::store::sled) offset: u64,
    /// Its length in bytes.
    pub(in crate::store::sled) length: u32,
    /// Its CRC-32C: it is read without the record around it.
    pub(in crate::store::sled) checksum: u32,
}

/// A change that a record holds.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store::sled) struct Written {
    /// The key.
    pub(in crate::store::sled) key: Vec<u8>,
    /// Its value with the place of its first byte from the start of the record; none where the key is removed.
    pub(in crate::store::sled) value: Option<(Vec<u8>, usize)>,
    /// Whether the key was not there before.
    pub(in crate::store::sled) is_new: bool,
}

/// Adds a record to `bytes`, which are written together and begin where everything is durable, and answers what it holds.
pub(in crate::store::sled) fn write(bytes: &mut Vec<u8>, sequence: u64, batch: Batch) -> Vec<Written> {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; HEAD]);
    let mut written = Vec::new();
    for (key, change) in batch {
        bytes.push(if change == Change::Remove { REMOVE } else { PUT });
        bytes.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend_from_slice(&key);
        let is_new = matches!(change, Change::New(_));
        let value = match change {
            Change::Remove => None,
            Change::Put(value) | Change::New(value) => {
                bytes.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
                let place = bytes.len() - start;
                bytes.extend_from_slice(&value);
                Some((value, place))
            }
        };
        written.push(Written { key, value, is_new });
    }
    let length = bytes.len() - start - HEAD;
    if let Some(record) = bytes.get_mut(start..) {
        seal(record, sequence, start, length);
    }
    written
}

/// Fills in the head of a record.
fn seal(record: &mut [u8], sequence: u64, together: usize, length: usize) {
    let (head, body) = record.split_at_mut(HEAD);
    head[..4].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    head[8..16].copy_from_slice(&sequence.to_le_bytes());
    head[16..].copy_from_slice(&u32::try_from(together).unwrap_or(u32::MAX).to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&head[8..]), body);
    head[4..8].copy_from_slice(&checksum.to_le_bytes());
}

/// The head of a record that stands for `length` bytes of damage, itself among them.
pub(in crate::store::sled) fn skip(sequence: u64, length: usize) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let body = u32::try_from(length.saturating_sub(HEAD)).unwrap_or(u32::MAX);
    head[..4].copy_from_slice(&body.to_le_bytes());
    head[8..16].copy_from_slice(&sequence.to_le_bytes());
    let checksum = skip_checksum(&head);
    head[4..8].copy_from_slice(&checksum.to_le_bytes());
    head
}

fn skip_checksum(head: &[u8; HEAD]) -> u32 {
    let of_length = crc32c::crc32c_append(crc32c::crc32c(b"skipped"), &head[..4]);
    crc32c::crc32c_append(of_length, &head[8..])
}

/// A record as it was found.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store::sled) struct Found<'a> {
    /// Its sequence number.
    pub(in crate::store::sled) sequence: u64,
    /// How many bytes before it were written together with it.
    pub(in crate::store::sled) together: usize,
    /// Its changes; none where it was skipped.
    pub(in crate::store::sled) body: Option<&'a [u8]>,
    /// Its length with its head.
    pub(in crate::store::sled) length: usize,
}

/// The record that `bytes` begin with, if it is whole.
pub(in crate::store::sled) fn read(bytes: &[u8]) -> Option<Found<'_>> {
    let head: &[u8; HEAD] = bytes.first_chunk()?;
    let length = number(&head[..4])? as usize;
    let checksum = number(&head[4..8])?;
    let sequence = sequence_of(bytes)?;
    let together = number(&head[16..])? as usize;
    if length > LONGEST {
        return None;
    }
    let body = bytes.get(HEAD..HEAD + length)?;
    if crc32c::crc32c_append(crc32c::crc32c(&head[8..]), body) == checksum {
        return Some(Found { sequence, together, body: Some(body), length: HEAD + length });
    }
    (skip_checksum(head) == checksum).then_some(Found { sequence, together, body: None, length: HEAD + length })
}

/// The sequence number that a record would have that begins here; cheap, and true only if the record is.
pub(in crate::store::sled) fn sequence_of(bytes: &[u8]) -> Option<u64> {
    bytes.get(8..)?.first_chunk().copied().map(u64::from_le_bytes)
}

/// The changes of a body; none where it is not made of changes.
pub(in crate::store::sled) fn changes(body: &[u8]) -> Option<Vec<Written>> {
    let mut found = Vec::new();
    let mut rest = body;
    while let Some((kind, after)) = rest.split_first() {
        let (length, after) = after.split_first_chunk::<2>()?;
        let (key, after) = after.split_at_checked(u16::from_le_bytes(*length) as usize)?;
        rest = after;
        let value = match *kind {
            REMOVE => None,
            PUT => {
                let (length, after) = after.split_first_chunk::<4>()?;
                let (value, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                rest = after;
                let place = HEAD + body.len() - after.len() - value.len();
                Some((value.to_vec(), place))
            }
            _ => return None,
        };
        found.push(Written { key: key.to_vec(), value, is_new: false });
    }
    Some(found)
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().copied().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let mut batch = Batch::default();
        batch.put(b"a".to_vec(), b"one".to_vec());
        batch.remove(b"b".to_vec());
        batch.add(b"c".to_vec(), Vec::new());
        batch
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = b"before".to_vec();
        let written = write(&mut bytes, 7, batch());
        let found = read(&bytes[6..]).unwrap();
        assert_eq!((found.sequence, found.together, found.length), (7, 6, bytes.len() - 6));
        let read_back = changes(found.body.unwrap()).unwrap();
        assert_eq!(read_back.len(), 3);
        for (read, written) in read_back.iter().zip(&written) {
            assert_eq!((&read.key, &read.value), (&written.key, &written.value));
        }
        let (value, place) = written[0].value.as_ref().unwrap();
        assert_eq!(&bytes[6 + place..][..value.len()], value.as_slice());
    }

    #[test]
    fn what_a_later_version_may_write_is_not_guessed_at() {
        let mut bytes = Vec::new();
        write(&mut bytes, 7, batch());
        bytes[HEAD] = REMOVE + 1;
        assert_eq!(changes(&bytes[HEAD..]), None);
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let mut bytes = Vec::new();
        write(&mut bytes, 7, batch());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&flipped), None, "bit {bit}");
        }
        assert!((0..bytes.len()).all(|cut| read(&bytes[..cut]).is_none()));
    }

    #[test]
    fn a_skip_stands_for_any_bytes() {
        let mut bytes = vec![0x55; 40];
        bytes[..HEAD].copy_from_slice(&skip(9, 40));
        assert_eq!(read(&bytes), Some(Found { sequence: 9, together: 0, body: None, length: 40 }));
    }
}
