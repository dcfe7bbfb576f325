//! How a name stands in a key. Nearly every name ends in a digest, whose 26 digits are 13 bytes in a key: so short sled has it
//! beside its neighbours, and in memory without a place of its own. Names without a digest stand there as they are.

use crate::model::ids::{Digest, hexadecimal};

/// How names begin before a digest.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// In words.
    words: &'static str,
    /// In keys. Of one length for all forms of a kind.
    tag: &'static [u8],
}

/// A digest and nothing before it.
pub(super) const DIGEST: &[Form] = &[form("", b"")];

/// The ids of events.
pub(super) const EVENT: &[Form] = &[form("evt_", b"")];

/// The ids of sends.
pub(super) const SEND: &[Form] = &[form("snd_", b"")];

/// The ids of quarantines.
pub(super) const QUARANTINE: &[Form] = &[form("qua_", b"")];

/// Windows: their scopes.
pub(super) const WINDOW: &[Form] = &[
    form("conversation:", b"c"),
    form("correspondent:", b"p"),
    form("subject:", b"s"),
    form("domain:", b"d"),
    form("body:", b"b"),
    form("rule:", b"r"),
    form("account:", b"a"),
];

/// Orders of people for conversations. All others begin with an `a` and have no digest.
pub(super) const CONTROL: &[Form] = &[form("c", b"c")];

/// Ends a name without a digest that would else look like one with it in a key. No text has this byte.
const END: u8 = 0xff;

const fn form(words: &'static str, tag: &'static [u8]) -> Form {
    Form { words, tag }
}

/// A name as it stands in a key: its parts, one after the other.
pub(super) enum Name<'a> {
    /// With a digest, behind the tag of its form.
    Digest(&'a [u8], Digest),
    /// Without one, and what ends it.
    Text(&'a str, &'static [u8]),
}

impl<'a> Name<'a> {
    /// The name that `text` is in words.
    pub(super) fn new(forms: &'static [Form], text: &'a str) -> Self {
        let found = forms.iter().find_map(|form| Some((form.tag, digest(text.strip_prefix(form.words)?)?)));
        match found {
            Some((tag, digest)) => Self::Digest(tag, digest),
            None => Self::Text(text, if split(forms, text.as_bytes()).is_some() { &[END] } else { &[] }),
        }
    }

    /// The parts.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        match self {
            Self::Digest(tag, digest) => [tag, digest],
            Self::Text(text, end) => [text.as_bytes(), end],
        }
    }
}

/// The name in words, from what a key has of it; none where that is not a name.
pub(super) fn read(forms: &[Form], bytes: &[u8]) -> Option<String> {
    if let Some((words, digest)) = split(forms, bytes) {
        return Some([words, &hexadecimal(digest)].concat());
    }
    let ended = bytes.strip_suffix(&[END]).filter(|text| split(forms, text).is_some());
    String::from_utf8(ended.unwrap_or(bytes).to_vec()).ok()
}

/// What looks like a tag and a digest.
fn split<'a>(forms: &[Form], bytes: &'a [u8]) -> Option<(&'static str, &'a Digest)> {
    forms.iter().find_map(|form| Some((form.words, bytes.strip_prefix(form.tag)?.try_into().ok()?)))
}

/// The digest with these digits; none where they would be others when it is read again.
fn digest(digits: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    let is_lower = !digits.bytes().any(|digit| digit.is_ascii_uppercase());
    (is_lower && hex::decode_to_slice(digits, &mut digest).is_ok()).then_some(digest)
}
