//! What the state has under a key: a short value itself, or the place of a long one in the journal.

use super::journal::record::Location;
use crate::store::StoreError;

const HERE: u8 = 0;
const THERE: u8 = 1;

/// What is stored under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// The value.
    Here(Vec<u8>),
    /// Where in the journal it is.
    There(Location),
}

impl Stored {
    /// As sled has it.
    pub(super) fn write(&self) -> Vec<u8> {
        match self {
            Self::Here(value) => [&[HERE], value.as_slice()].concat(),
            Self::There(at) => {
                let (segment, offset) = (at.segment.to_le_bytes(), at.offset.to_le_bytes());
                let (length, checksum) = (at.length.to_le_bytes(), at.checksum.to_le_bytes());
                [&[THERE], segment.as_slice(), &offset, &length, &checksum].concat()
            }
        }
    }

    /// As sled had it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let there = |bytes: &[u8]| {
            let (segment, rest) = bytes.split_first_chunk::<8>()?;
            let (offset, rest) = rest.split_first_chunk::<8>()?;
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let checksum: &[u8; 4] = rest.try_into().ok()?;
            Some(Location {
                segment: u64::from_le_bytes(*segment),
                offset: u64::from_le_bytes(*offset),
                length: u32::from_le_bytes(*length),
                checksum: u32::from_le_bytes(*checksum),
            })
        };
        let stored = match bytes.split_first() {
            Some((&HERE, value)) => Some(Self::Here(value.to_vec())),
            Some((&THERE, bytes)) => there(bytes).map(Self::There),
            _ => None,
        };
        stored.ok_or_else(|| StoreError::Corrupt { what: "a value of the state has an unknown form".to_owned() })
    }
}
