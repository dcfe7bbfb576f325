//! Long values, cut into pieces. sled puts a page of more than 128 KiB into a file of its own, which it never syncs: such a
//! value would be acknowledged and not survive a power cut. A page holds at most some 26 values of 4 KiB.

use ::sled::{Batch, Tree};

use crate::store::StoreError;
use crate::store::local::failed;

/// The most bytes of a value that are kept in one place.
const CHUNK: usize = 4096;

/// The value is here.
const WHOLE: u8 = 0;
/// The value is in as many pieces as the four bytes after say.
const PIECES: u8 = 1;

/// Sets or removes a value, together with its pieces, given what is stored now.
pub(super) fn split(batch: &mut Batch, key: Vec<u8>, value: Option<Vec<u8>>, old: Option<&[u8]>) {
    let before = old.map_or(0, pieces);
    let after = match value {
        Some(value) if value.len() > CHUNK => {
            let mut count = 0;
            for piece in value.chunks(CHUNK) {
                batch.insert(piece_key(&key, count), piece);
                count += 1;
            }
            batch.insert(key.clone(), [&[PIECES], count.to_be_bytes().as_slice()].concat());
            count
        }
        Some(value) => {
            batch.insert(key.clone(), [&[WHOLE], value.as_slice()].concat());
            0
        }
        None => {
            batch.remove(key.clone());
            0
        }
    };
    for surplus in after..before {
        batch.remove(piece_key(&key, surplus));
    }
}

/// The value that is stored under a key as `stored`.
pub(super) fn join(tree: &Tree, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, StoreError> {
    if let Some((&WHOLE, value)) = stored.split_first() {
        return Ok(value.to_vec());
    }
    let mut value = Vec::new();
    for number in 0..pieces(stored) {
        let piece = tree.get(piece_key(key, number)).map_err(|error| failed("reading a record", error))?;
        let what = || format!("piece {number} of a record of kind `{}` is missing", kind(key));
        value.extend_from_slice(&piece.ok_or_else(|| StoreError::Corrupt { what: what() })?);
    }
    if value.is_empty() {
        return Err(StoreError::Corrupt { what: format!("a record of kind `{}` has an unknown form", kind(key)) });
    }
    Ok(value)
}

fn pieces(stored: &[u8]) -> u32 {
    match stored {
        [PIECES, count @ ..] => count.try_into().map_or(0, u32::from_be_bytes),
        _ => 0,
    }
}

fn kind(key: &[u8]) -> char {
    key.first().copied().map_or('?', char::from)
}

/// `~`, then the key: behind every key that is listed.
fn piece_key(key: &[u8], number: u32) -> Vec<u8> {
    [b"~", key, &number.to_be_bytes()].concat()
}
