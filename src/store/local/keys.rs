//! How keys are laid out: one letter for the kind, then numbers in big-endian order, so that the order of keys is the order
//! of acceptance. What strangers name (conversations, messages) enters keys as a digest of fixed length, and a digest as its
//! bytes ([`names`]): of what there is much, no key is longer than 22 bytes, which sled holds without an allocation.

use std::ops::Range;

use super::names::{self, CONTROL, DIGEST, EVENT, Form, Name, QUARANTINE, SEND, WINDOW};
use crate::model::ids::raw_digest;
use crate::model::{AccountName, BookHash, EventId, LaneKey, QuarantineId, Scope, SendId, SourceName, WindowKey};
use crate::store::kv::prefixed;

/// The letter of the only key that tells of the store itself.
pub(super) const HEADER: u8 = b'V';

/// The letter of what has happened to a send; without it the send is not known as it is.
const HAPPENED: u8 = b'h';

/// `V` → version of the layout and how often the store was opened.
pub(super) fn header() -> Vec<u8> {
    vec![HEADER]
}

/// `e` number → event.
pub(super) fn event(number: u64) -> Vec<u8> {
    numbered(b'e', number)
}

/// `i` event id → its number and time of arrival. Also what recognises a repeat.
pub(super) fn event_place(id: &EventId) -> Vec<u8> {
    named(b'i', id.as_str())
}

/// `q` number → nothing: an event that waits to be decided.
pub(super) fn undecided(number: u64) -> Vec<u8> {
    numbered(b'q', number)
}

/// `d` event number → decision.
pub(super) fn decision(number: u64) -> Vec<u8> {
    numbered(b'd', number)
}

/// `l` lane, event number → nothing: the events of a lane.
pub(super) fn in_lane(lane: &LaneKey, number: u64) -> Vec<u8> {
    key(b'l', &digested(&[lane.as_str()]), &number.to_be_bytes())
}

/// `s` number → send.
pub(super) fn send(number: u64) -> Vec<u8> {
    numbered(b's', number)
}

/// `h` number → what has happened to a send since it was decided.
pub(super) fn happened(number: u64) -> Vec<u8> {
    numbered(HAPPENED, number)
}

/// `j` send id → its number.
pub(super) fn send_place(id: &SendId) -> Vec<u8> {
    named(b'j', id.as_str())
}

/// `o` number → nothing: a send that is open or waits for a person.
pub(super) fn unsettled(number: u64) -> Vec<u8> {
    numbered(b'o', number)
}

/// `c` lane → conversation record.
pub(super) fn conversation(lane: &LaneKey) -> Vec<u8> {
    key(b'c', &digested(&[lane.as_str()]), &[])
}

/// The events of the lane whose conversation record a key leads to; nothing for other keys.
pub(super) fn events_of(conversation: &[u8]) -> Option<Range<Vec<u8>>> {
    let (b'c', lane) = conversation.split_first()? else { return None };
    Some(prefixed(&[b"l", lane].concat()))
}

/// `p` correspondent → contact record.
pub(super) fn contact(correspondent: &str) -> Vec<u8> {
    named(b'p', correspondent)
}

/// The kinds of keys with versions that a decision must have seen: records of contacts, and windows.
pub(super) const FACTS: &[u8] = b"pw";

/// `g` account and an id that its provider gave → the send of ours.
pub(super) fn ledger(account: &AccountName, provider_id: &str) -> Vec<u8> {
    key(b'g', &digested(&[account.as_str(), provider_id]), &[])
}

/// `t` source and a token that is good once → the event it came with.
pub(super) fn token(source: &SourceName, token: &str) -> Vec<u8> {
    key(b't', &digested(&[source.as_str(), token]), &[])
}

/// `b` hash → files of a rule book.
pub(super) fn book(hash: &BookHash) -> Vec<u8> {
    named(b'b', hash.as_str())
}

/// `k` name → credential.
pub(super) fn credential(name: &str) -> Vec<u8> {
    named(b'k', name)
}

/// `f` source → how far it has been read at its provider.
pub(super) fn position(source: &SourceName) -> Vec<u8> {
    named(b'f', source.as_str())
}

/// `w` window → when replies were decided.
pub(super) fn window(window: &WindowKey) -> Vec<u8> {
    named(b'w', window.as_str())
}

/// `x` id → quarantine.
pub(super) fn quarantine(id: &QuarantineId) -> Vec<u8> {
    named(b'x', id.as_str())
}

/// `y` window → id of the quarantine over it.
pub(super) fn quarantined(window: &WindowKey) -> Vec<u8> {
    named(b'y', window.as_str())
}

/// `z` scope → orders of people. Conversations, of which there may be many, stand behind all others.
pub(super) fn control(scope: &Scope) -> Vec<u8> {
    match scope {
        Scope::Conversation(lane) => key(b'z', &Name::Digest(b"c", raw_digest(&[lane.as_str()])), &[]),
        other => named(b'z', &format!("a{other}")),
    }
}

/// How the keys of the orders for everything, for rules and for accounts begin.
pub(super) const GENERAL_CONTROLS: &[u8] = b"za";

/// The orders for everything, for rules and for accounts.
pub(super) fn general_controls() -> Range<Vec<u8>> {
    prefixed(GENERAL_CONTROLS)
}

/// How the keys of a kind go on after their letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Not at all.
    Alone,
    /// With a number.
    Numbered,
    /// With a name, which may have one of these forms.
    Named(&'static [Form]),
    /// With a name and a number.
    Both(&'static [Form]),
}

/// Every kind of key: its letter, the word for it in exports, its shape. In the order in which a reader needs them.
pub(super) const KINDS: [(u8, &str, Shape); 21] = [
    (HEADER, "store", Shape::Alone),
    (b'b', "book", Shape::Named(&[])),
    (b'k', "credential", Shape::Named(&[])),
    (b'f', "position", Shape::Named(&[])),
    (b'e', "event", Shape::Numbered),
    (b'i', "event_place", Shape::Named(EVENT)),
    (b'l', "in_lane", Shape::Both(DIGEST)),
    (b'q', "undecided", Shape::Numbered),
    (b'd', "decision", Shape::Numbered),
    (b's', "send", Shape::Numbered),
    (HAPPENED, "send_state", Shape::Numbered),
    (b'j', "send_place", Shape::Named(SEND)),
    (b'o', "unsettled", Shape::Numbered),
    (b'c', "conversation", Shape::Named(DIGEST)),
    (b'p', "contact", Shape::Named(DIGEST)),
    (b'g', "ledger", Shape::Named(DIGEST)),
    (b't', "token", Shape::Named(DIGEST)),
    (b'w', "window", Shape::Named(WINDOW)),
    (b'x', "quarantine", Shape::Named(QUARANTINE)),
    (b'y', "quarantined", Shape::Named(WINDOW)),
    (b'z', "control", Shape::Named(CONTROL)),
];

/// Whether a key is a letter and a number.
pub(in crate::store) fn is_numbered(key: &[u8]) -> bool {
    let is_kind = |letter: &u8| KINDS.iter().any(|(known, _, shape)| known == letter && *shape == Shape::Numbered);
    key.len() == 9 && key.first().is_some_and(is_kind)
}

/// The send that is not known as it is without what was under this key.
pub(in crate::store) fn send_of(key: &[u8]) -> Option<Vec<u8>> {
    let number = number_of(key).filter(|_| key.first() == Some(&HAPPENED));
    number.map(send)
}

/// Every key of a kind.
pub(super) fn all(kind: u8) -> Range<Vec<u8>> {
    prefixed(&[kind])
}

/// The number that ends a key.
pub(super) fn number_of(key: &[u8]) -> Option<u64> {
    key.last_chunk().copied().map(u64::from_be_bytes)
}

/// The word for the kind of a key, the name that follows in words, and the number; none where it is no key of ours.
pub(super) fn parts(key: &[u8]) -> Option<(&'static str, Option<String>, Option<u64>)> {
    let (kind, rest) = key.split_first()?;
    let (word, shape) = shape_of(*kind)?;
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
    Some(match shape {
        Shape::Alone => rest.is_empty().then_some((word, None, None))?,
        Shape::Numbered => (word, None, Some(number(rest)?)),
        Shape::Named(forms) => (word, Some(names::read(forms, rest)?), None),
        Shape::Both(forms) => {
            let (name, last) = rest.split_last_chunk::<8>()?;
            (word, Some(names::read(forms, name)?), Some(u64::from_be_bytes(*last)))
        }
    })
}

/// The name in a key, in words.
pub(super) fn name_of(key: &[u8]) -> Option<String> {
    parts(key)?.1
}

/// The key of a kind with a name in words, and a number.
pub(super) fn join(kind: u8, name: Option<&str>, number: Option<u64>) -> Vec<u8> {
    let forms = match shape_of(kind) {
        Some((_, Shape::Named(forms) | Shape::Both(forms))) => forms,
        _ => &[],
    };
    let number = number.map(u64::to_be_bytes);
    let number = number.as_ref().map_or(&[][..], |number| number);
    key(kind, &Name::new(forms, name.unwrap_or_default()), number)
}

fn shape_of(kind: u8) -> Option<(&'static str, Shape)> {
    KINDS.iter().find(|(known, ..)| *known == kind).map(|(_, word, shape)| (*word, *shape))
}

fn numbered(kind: u8, number: u64) -> Vec<u8> {
    debug_assert!(KINDS.iter().any(|(known, _, shape)| *known == kind && *shape == Shape::Numbered));
    [&[kind], number.to_be_bytes().as_slice()].concat()
}

fn named(kind: u8, name: &str) -> Vec<u8> {
    join(kind, Some(name), None)
}

fn digested(parts: &[&str]) -> Name<'static> {
    Name::Digest(&[], raw_digest(parts))
}

/// One allocation for a key: an answered event has about twelve.
fn key(kind: u8, name: &Name<'_>, number: &[u8]) -> Vec<u8> {
    debug_assert!(KINDS.iter().any(|(known, ..)| *known == kind));
    let [first, second] = name.parts();
    [&[kind], first, second, number].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CapScope;

    fn lane(number: u32) -> LaneKey {
        LaneKey::from(format!("desk/conversation:{number}"))
    }

    /// A key of every kind with a digest, with its name in words.
    fn derived() -> Vec<(Vec<u8>, String)> {
        let event = EventId::derive(&SourceName::from("inbox"), "1");
        let (send, case) = (SendId::derive(&event, "greet", 0), QuarantineId::derive(&event, "body"));
        let account = AccountName::from("desk");
        let digest = |parts: &[&str]| crate::model::ids::digest(parts);
        let mut all = vec![
            (event_place(&event), event.to_string()),
            (send_place(&send), send.to_string()),
            (quarantine(&case), case.to_string()),
            (conversation(&lane(1)), digest(&[lane(1).as_str()])),
            (in_lane(&lane(1), 7), digest(&[lane(1).as_str()])),
            (contact(&digest(&["ann"])), digest(&["ann"])),
            (ledger(&account, "m1"), digest(&["desk", "m1"])),
            (token(&SourceName::from("inbox"), "t1"), digest(&["inbox", "t1"])),
            (control(&Scope::Conversation(lane(1))), format!("c{}", digest(&[lane(1).as_str()]))),
        ];
        for scope in CapScope::ALL {
            let key = WindowKey::derive(scope, &["x"]);
            all.extend([(window(&key), key.to_string()), (quarantined(&key), key.to_string())]);
        }
        all
    }

    #[test]
    fn a_digest_is_bytes_in_a_key_and_digits_in_words() {
        let all = derived();
        let kinds: std::collections::BTreeSet<u8> = all.iter().filter_map(|(key, _)| key.first().copied()).collect();
        let with_forms = KINDS
            .iter()
            .filter(|(_, _, shape)| matches!(shape, Shape::Named(forms) | Shape::Both(forms) if !forms.is_empty()));
        assert_eq!(kinds, with_forms.map(|(letter, ..)| *letter).collect());
        for (key, name) in all {
            let number = (key[0] == b'l').then_some(7);
            assert!(
                key.len() == if number.is_some() { 22 } else { 14 } || (key.len() == 15 && b"wyz".contains(&key[0]))
            );
            assert_eq!(name_of(&key), Some(name.clone()));
            assert_eq!(join(key[0], Some(&name), number), key);
        }
    }

    #[test]
    fn what_is_no_key_of_ours_has_no_parts() {
        for key in [&b""[..], b"?", b"Vx", b"e", b"e1234567", b"e123456789", b"i\xff\xff", b"l1234567", b"wc\xff"] {
            assert_eq!(parts(key), None, "{key:?}");
        }
    }

    #[test]
    fn the_events_of_a_lane_lie_together_in_order() {
        let last = |lane: &LaneKey| raw_digest(&[lane.as_str()])[12];
        // A digest of which nothing comes after the last byte, and others.
        let hard = (0..).map(lane).find(|lane| last(lane) == u8::MAX).unwrap();
        for lane in (0..300).map(lane).chain([hard.clone()]) {
            let range = events_of(&conversation(&lane)).unwrap();
            let keys = [0, 1, 255, 256, u64::MAX].map(|number| in_lane(&lane, number));
            assert!(keys.is_sorted() && keys.iter().all(|key| range.contains(key)));
            assert!(!range.contains(&in_lane(&LaneKey::from("another"), 1)) && range.end < all(b'm').start);
            assert_eq!(keys.map(|key| number_of(&key)), [0, 1, 255, 256, u64::MAX].map(Some));
        }
        assert_eq!(events_of(&event(1)), None);
    }

    #[test]
    fn orders_for_conversations_stand_behind_all_others() {
        let general = general_controls();
        for scope in ["all", "account:desk", "rule:greet", "rule:cccccccc", "rule:ccccccccc"] {
            assert!(general.contains(&control(&Scope::parse(scope).unwrap())), "{scope}");
        }
        let own = |number| control(&Scope::Conversation(lane(number)));
        assert!((0..300).all(|number| own(number) >= general.end && all(b'z').contains(&own(number))));
    }
}
