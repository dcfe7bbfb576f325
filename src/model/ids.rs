//! Identifiers as types of their own, so that a rule name never lands where a source name belongs.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A source, as named under `sources:`.
    SourceName
}
text_id! {
    /// An account, as named under `accounts:`.
    AccountName
}
text_id! {
    /// `evt_` and 26 hexadecimal digits, derived from the source and the delivery's own key: the same delivery has the
    /// same id, which is how a repeat is recognised.
    EventId
}
text_id! {
    /// `snd_` and 26 hexadecimal digits, derived from event, rule and action index: deciding again names the same send.
    SendId
}
text_id! {
    /// The SHA-256 of a rule book's files and surroundings, in hexadecimal.
    BookHash
}
text_id! {
    /// What is decided and delivered strictly one after the other: an account's conversation.
    LaneKey
}
text_id! {
    /// What automatic replies are counted by: the scope of a cap and a hash of what it counts.
    WindowKey
}
text_id! {
    /// `qua_` and 26 hexadecimal digits, derived from the event at which a cap was reached.
    QuarantineId
}

impl EventId {
    /// The id of the delivery that `source` knows under `dedupe_key`.
    pub fn derive(source: &SourceName, dedupe_key: &str) -> Self {
        Self(["evt_", &digest(&[source.as_str(), dedupe_key])].concat())
    }
}

impl SendId {
    /// The id of the send that action `index` of `rule` asks for on `event`.
    pub fn derive(event: &EventId, rule: &str, index: usize) -> Self {
        Self(["snd_", &digest(&[event.as_str(), rule, &index.to_string()])].concat())
    }
}

impl QuarantineId {
    /// The id of the quarantine that a cap of `scope` brings about at an event.
    pub fn derive(event: &EventId, scope: &str) -> Self {
        Self(format!("qua_{}", digest(&[event.as_str(), scope])))
    }
}

impl BookHash {
    /// The hash of a rule book, from the name and the text of each of its files, in order.
    pub fn derive<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut hash = Sha256::new();
        for (name, text) in files {
            for part in [name, text] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        Self(hexadecimal(&hash.finalize()))
    }
}

/// The SHA-256 of the bytes, in hexadecimal.
pub fn digest_of(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// What a digest is: the first 13 bytes of a SHA-256.
pub(crate) type Digest = [u8; 13];

/// The digest of the parts in hexadecimal.
pub(crate) fn digest(parts: &[&str]) -> String {
    hexadecimal(&raw_digest(parts))
}

/// The digest of the parts, each led by its length so that no two lists collide by joining.
pub(crate) fn raw_digest(parts: &[&str]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().first_chunk().copied().unwrap_or_default()
}

/// `hex::encode` goes letter by letter, which takes longer than the hash of a short text; into a buffer it does not.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = vec![b'0'; 2 * bytes.len()];
    // It fails only where the buffer is of another length.
    let _ = hex::encode_to_slice(bytes, &mut digits);
    String::from_utf8(digits).unwrap_or_default()
}
