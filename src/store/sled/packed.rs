//! Keys that end in a number lie in sled many to one: what sled does costs by the key and hardly by the length of the value,
//! and what has numbers next to each other is written at about the same time.

use std::collections::BTreeMap;

use super::stored::Stored;
use crate::store::StoreError;
use crate::store::local::is_numbered;

/// The first byte of a value that holds several.
pub(super) const PACKED: u8 = 2;

/// The bits of a number that tell those apart that lie together.
const WITHIN: u8 = 63;

/// A letter and a number.
const LENGTH: usize = 9;

/// The key under which sled has a key and its neighbours; none where it lies alone. A key that is longer than a letter and a
/// number, as the bounds of a range may be, has the home of what comes before it.
pub(super) fn home(key: &[u8]) -> Option<[u8; LENGTH]> {
    let mut home: [u8; LENGTH] = *key.first_chunk()?;
    is_numbered(&home).then(|| {
        home[LENGTH - 1] &= !WITHIN;
        home
    })
}

/// What lies together, by the last byte of the key.
#[derive(Default)]
pub(super) struct Pack(BTreeMap<u8, Vec<u8>>);

impl Pack {
    /// Reads what sled has.
    pub(super) fn read(value: &[u8]) -> Result<Self, StoreError> {
        let entries = entries(value)?.into_iter();
        Ok(Self(entries.map(|(last, stored)| (last, stored.to_vec())).collect()))
    }

    /// Sets a key, or removes it.
    pub(super) fn set(&mut self, key: &[u8], stored: Option<Stored>) {
        let Some(last) = key.last() else { return };
        match stored {
            Some(stored) => drop(self.0.insert(*last, stored.write())),
            None => drop(self.0.remove(last)),
        }
    }

    /// What sled shall have; nothing where nothing is left.
    pub(super) fn write(&self) -> Option<Vec<u8>> {
        if self.0.is_empty() {
            return None;
        }
        let mut value = vec![PACKED];
        for (last, stored) in &self.0 {
            value.push(*last);
            value.extend_from_slice(&u16::try_from(stored.len()).unwrap_or(u16::MAX).to_le_bytes());
            value.extend_from_slice(stored);
        }
        Some(value)
    }
}

/// The last bytes of the keys that lie together, in order, and what is stored under each, unread.
pub(super) fn entries(value: &[u8]) -> Result<Vec<(u8, &[u8])>, StoreError> {
    let entry = |rest| {
        let (last, rest): (&u8, &[u8]) = <[u8]>::split_first(rest)?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (stored, rest) = rest.split_at_checked(u16::from_le_bytes(*length) as usize)?;
        Some((*last, stored, rest))
    };
    let mut found = Vec::new();
    let mut rest = value.strip_prefix(&[PACKED]).ok_or_else(unknown)?;
    while !rest.is_empty() {
        let (last, stored, after) = entry(rest).ok_or_else(unknown)?;
        found.push((last, stored));
        rest = after;
    }
    Ok(found)
}

/// What is stored under a key, given what sled has under its home.
pub(super) fn find(value: &[u8], key: &[u8]) -> Result<Option<Stored>, StoreError> {
    let wanted = entries(value)?.into_iter().find(|(last, _)| key.len() == LENGTH && key.last() == Some(last));
    wanted.map(|(_, stored)| Stored::read(stored)).transpose()
}

/// The keys, with what is stored under each, that sled has as one pair.
pub(super) fn unpack(key: &[u8], value: &[u8]) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
    if value.first() != Some(&PACKED) {
        return Ok(vec![(key.to_vec(), Stored::read(value)?)]);
    }
    let own = |(last, stored): (u8, &[u8])| {
        let mut own = key.to_vec();
        own.pop();
        own.push(last);
        Ok((own, Stored::read(stored)?))
    };
    entries(value)?.into_iter().map(own).collect()
}

fn unknown() -> StoreError {
    StoreError::Corrupt { what: "a value of the state has an unknown form".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> Vec<u8> {
        [b"e".as_slice(), &number.to_be_bytes()].concat()
    }

    #[test]
    fn what_lies_together_is_found_by_its_key() {
        let mut pack = Pack::default();
        for number in [64, 70, 127] {
            assert_eq!(home(&key(number)), home(&key(64)));
            pack.set(&key(number), Some(Stored::Here(vec![number as u8])));
        }
        assert!(home(&key(128)) > home(&key(64)) && home(&key(63)) < home(&key(64)));
        assert_eq!((home(b"e"), home(b"iabcdefghijk")), (None, None));
        let value = pack.write().unwrap();
        assert_eq!(find(&value, &key(70)).unwrap(), Some(Stored::Here(vec![70])));
        assert_eq!(find(&value, &key(71)).unwrap(), None);
        let home = home(&key(64)).unwrap();
        let keys: Vec<_> = unpack(&home, &value).unwrap().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [key(64), key(70), key(127)]);
        let mut pack = Pack::read(&value).unwrap();
        for number in [64, 70, 127] {
            assert!(pack.write().is_some());
            pack.set(&key(number), None);
        }
        assert_eq!(pack.write(), None);
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        let mut pack = Pack::default();
        pack.set(&key(1), Some(Stored::Here(b"value".to_vec())));
        let value = pack.write().unwrap();
        assert!((0..value.len()).all(|cut| cut == 1 || entries(&value[..cut]).is_err()));
    }
}
