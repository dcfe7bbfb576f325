//! How a name stands in a key. Nearly every name ends in a digest: 26 digits in words, and 13 bytes in a key, which sled then
//! holds without an allocation. Names without a digest stand there as they are.

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [&[Form]; 7] = [&[], DIGEST, EVENT, SEND, QUARANTINE, WINDOW, CONTROL];

    fn written(forms: &'static [Form], name: &str) -> Vec<u8> {
        Name::new(forms, name).parts().concat()
    }

    /// Names as they are derived, and such as look like them in words or in a key.
    fn name() -> impl Strategy<Value = String> {
        let lead = "(|evt_|snd_|qua_|conversation:|body:|account:|a|c|p|s|d|b|r)";
        (lead, prop_oneof!["[0-9a-f]{26}", "[0-9a-fA-F]{24,28}", "[a-z0-9:_]{12,14}", "\\PC{0,14}"])
            .prop_map(|(lead, rest)| [lead, rest].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// So no two names share a key.
        #[test]
        fn a_name_is_read_as_it_was_written(name in name()) {
            for forms in ALL {
                prop_assert_eq!(read(forms, &written(forms, &name)), Some(name.clone()), "{:?}", forms);
            }
        }

        #[test]
        fn whatever_a_key_holds_has_at_most_one_name(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for forms in ALL {
                if let Some(name) = read(forms, &bytes) {
                    let again = written(forms, &name);
                    // A digest in words is read too, and never written.
                    prop_assert!(again == bytes || bytes.len() > 25, "{:?} {:?}", forms, bytes);
                }
            }
        }
    }

    #[test]
    fn what_would_look_like_a_digest_is_told_from_one() {
        let digits = "00112233445566778899aabbcc";
        for (forms, name, length) in [
            (EVENT, format!("evt_{digits}"), 13),
            (WINDOW, format!("body:{digits}"), 14),
            (CONTROL, format!("c{digits}"), 14),
            (EVENT, format!("evt_{}", digits.to_uppercase()), 30),
            (EVENT, digits.to_owned(), 26),
            (EVENT, "evt_123456789".to_owned(), 14),
            (WINDOW, "b123456789abcd".to_owned(), 15),
            (WINDOW, "x123456789abcd".to_owned(), 14),
            (CONTROL, "arule:a-b-c-de".to_owned(), 14),
            (&[], digits.to_owned(), 26),
        ] {
            assert_eq!(written(forms, &name).len(), length, "{name}");
        }
        assert_eq!(read(EVENT, b"\xff\xfe"), None);
        assert_eq!(read(EVENT, b"evt_1\xff"), None, "nothing that needs an end");
    }

    #[test]
    fn tags_are_of_one_length_and_tell_forms_apart() {
        for forms in ALL {
            let tags: std::collections::BTreeSet<_> = forms.iter().map(|form| form.tag).collect();
            assert_eq!(tags.len(), forms.len());
            assert!(forms.windows(2).all(|pair| pair[0].tag.len() == pair[1].tag.len()));
        }
    }
}
