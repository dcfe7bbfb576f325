//! Caps: how many automatic replies may be decided in a window of time. Replies are counted when they are decided, not when
//! they arrive, so that what is under way counts as well (Zammad #4885, FreeScout #688).

use jiff::Timestamp;

use super::headers::{addresses, values};
use super::settings::GuardSettings;
use super::{Cap, Caps};
use crate::model::event::{bare_address, untagged};
use crate::model::ids::digest;
use crate::model::{CapScope, Curbs, Event, Window, WindowKey};

/// From how many characters on the same words twice are no accident.
const LONG: usize = 200;

/// By how many addresses of `Reply-To` replies are counted.
const TARGETS: usize = 3;

/// What the replies to an event are counted by, in the order in which caps are looked at.
pub fn keys(event: &Event, settings: &GuardSettings) -> Vec<(CapScope, WindowKey)> {
    let (account, lane) = (event.account.as_str(), event.lane());
    let mut keys = vec![(CapScope::Conversation, WindowKey::derive(CapScope::Conversation, &[lane.as_str()]))];
    let mut push = |scope, parts: &[&str]| keys.push((scope, WindowKey::derive(scope, parts)));
    if let Some(who) = event.correspondent() {
        push(CapScope::Correspondent, &[&who]);
        if let Some(subject) = subject(event) {
            push(CapScope::Subject, &[&who, &subject]);
        }
    }
    for target in targets(event) {
        push(CapScope::Correspondent, &[&target]);
    }
    let domain = domain(event);
    if let Some(domain) = domain.as_deref().filter(|domain| !settings.is_public_domain(domain)) {
        push(CapScope::Domain, &[account, domain]);
    }
    if let Some(body) = fingerprint(event) {
        push(CapScope::Body, &[account, "conversation", lane.as_str(), &body]);
        if let Some(domain) = &domain {
            push(CapScope::Body, &[account, "domain", domain, &body]);
        }
    }
    push(CapScope::Account, &[account]);
    keys
}

/// The correspondents beside the sender to whom the mail wants its answers: whoever writes from many addresses must not
/// make us write to one that is not theirs.
fn targets(event: &Event) -> Vec<String> {
    let shown = event.message.as_ref().and_then(|message| message.headers.as_ref());
    let wanted = shown.into_iter().flat_map(|headers| values(headers, "reply-to")).flat_map(addresses);
    let mut targets: Vec<String> = Vec::new();
    for target in wanted.map(|address| event.correspondent_at(&address)) {
        if targets.len() < TARGETS && !targets.contains(&target) && event.correspondent().as_ref() != Some(&target) {
            targets.push(target);
        }
    }
    targets
}

/// What the replies of a rule are counted by.
pub fn rule_key(rule: &str) -> WindowKey {
    WindowKey::derive(CapScope::Rule, &[rule])
}

/// A cap that was reached.
#[derive(Debug)]
pub struct Tripped {
    /// What was counted by.
    pub scope: CapScope,
    /// The window that is full.
    pub key: WindowKey,
    /// The cap.
    pub cap: Cap,
    /// When the replies were decided that fill it.
    pub evidence: Vec<Timestamp>,
}

impl Tripped {
    /// In words.
    pub fn reason(&self) -> String {
        let whose = match self.scope {
            CapScope::Conversation => "this conversation",
            CapScope::Correspondent => "this correspondent",
            CapScope::Subject => "this correspondent and subject",
            CapScope::Domain => "senders of this domain",
            CapScope::Body => "messages with the same words",
            CapScope::Rule => "this rule",
            CapScope::Account => "this account",
        };
        format!("{whose} had {} automatic replies, and the cap is {}", self.evidence.len(), self.cap)
    }
}

/// The first cap that one more reply would exceed.
pub fn against(keys: &[(CapScope, WindowKey)], caps: &Caps, curbs: &Curbs, now: Timestamp) -> Option<Tripped> {
    keys.iter().find_map(|(scope, key)| {
        let window = curbs.windows.get(key)?;
        full(window, caps.of_scope(*scope), now).map(|(cap, evidence)| Tripped {
            scope: *scope,
            key: key.clone(),
            cap,
            evidence,
        })
    })
}

/// Whether a conversation that looks like a program's has had its few replies.
pub fn against_suspect(
    keys: &[(CapScope, WindowKey)],
    caps: &Caps,
    curbs: &Curbs,
    now: Timestamp,
    why: &str,
) -> Option<String> {
    let (_, key) = keys.iter().find(|(scope, _)| *scope == CapScope::Conversation)?;
    let (cap, _) = full(curbs.windows.get(key)?, &caps.suspect, now)?;
    Some(format!(
        "nothing shows that a person wrote this ({why}), and such a conversation gets {cap} automatic replies"
    ))
}

/// What each window holds, in words.
pub fn shown(keys: &[(CapScope, WindowKey)], caps: &Caps, curbs: &Curbs, now: Timestamp) -> String {
    let rows = keys.iter().filter_map(|(scope, key)| {
        let cap = caps.of_scope(*scope).first()?;
        let count = curbs.windows.get(key).map_or(0, |window| window.count(cap.per, now));
        Some(format!("{scope} {count} of {cap}"))
    });
    rows.collect::<Vec<_>>().join(", ")
}

fn full(window: &Window, caps: &[Cap], now: Timestamp) -> Option<(Cap, Vec<Timestamp>)> {
    let cap = *caps.iter().find(|cap| window.count(cap.per, now) >= cap.count)?;
    Some((cap, window.times.iter().copied().filter(|at| now.duration_since(*at) < cap.per).collect()))
}

/// The host of the sender's address, in lower case.
fn domain(event: &Event) -> Option<String> {
    let from = event.message.as_ref().and_then(|message| message.from.as_deref());
    let address = event.contact.email.as_deref().or(from)?;
    let bare = untagged(&bare_address(address));
    bare.rsplit_once('@').map(|(_, host)| host.to_owned()).filter(|host| !host.is_empty())
}

/// The message's own subject without the marks of answering and forwarding. A conversation's title is no sign of a loop:
/// where texts and chats have one, it is that of every message.
fn subject(event: &Event) -> Option<String> {
    let subject = event.message.as_ref()?.subject.as_deref()?.to_lowercase();
    let mut rest = subject.trim();
    while let Some((mark, after)) = rest.split_once(':')
        && matches!(mark.trim(), "re" | "aw" | "sv" | "fw" | "fwd" | "wg" | "antw" | "tr" | "rv" | "ref")
    {
        rest = after.trim();
    }
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// The words without digits, in lower case, parted by single blanks.
fn words(text: &str) -> String {
    let text: String = text.split(char::is_numeric).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The same in a third of the time, which every event takes.
fn ascii_words(text: &str) -> String {
    let mut bytes = text.to_ascii_lowercase().into_bytes();
    let mut was_blank = true;
    bytes.retain_mut(|byte| {
        if byte.is_ascii_digit() {
            return false;
        }
        let is_blank = char::from(*byte).is_whitespace();
        if is_blank {
            *byte = b' ';
        }
        let is_repeated = is_blank && was_blank;
        was_blank = is_blank;
        !is_repeated
    });
    bytes.truncate(bytes.trim_ascii_end().len());
    String::from_utf8(bytes).unwrap_or_default()
}

/// A digest of the words, without digits, for a text that is long enough. `message.text` holds no quoted history.
fn fingerprint(event: &Event) -> Option<String> {
    let text = event.message.as_ref().map(|message| &message.text).filter(|text| text.len() >= LONG)?;
    let words = if text.is_ascii() { ascii_words(text) } else { words(text) };
    (words.chars().count() >= LONG).then(|| digest(&[&words]))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::rules::testing::{Play, facts};

    fn scopes(written: serde_json::Value) -> Vec<CapScope> {
        keys(&facts(written).event, &GuardSettings::default()).into_iter().map(|(scope, _)| scope).collect()
    }

    fn key_of(scope: CapScope, written: serde_json::Value) -> Vec<WindowKey> {
        let all = keys(&facts(written).event, &GuardSettings::default());
        all.into_iter().filter(|(of, _)| *of == scope).map(|(_, key)| key).collect()
    }

    #[test]
    fn replies_are_counted_by_everything_that_tells_a_loop() {
        use CapScope::{Account, Body, Conversation, Correspondent, Domain, Subject};
        let long = "Thank you for your message 4711. ".repeat(9);
        let message = json!({ "text": long, "subject": "Re: AW: Hello" });
        assert_eq!(
            scopes(json!({ "message": message, "contact": { "email": "a@robots.example" } })),
            [Conversation, Correspondent, Subject, Domain, Body, Body, Account]
        );
        assert_eq!(
            scopes(json!({ "message": { "text": "short" }, "contact": { "email": "a@gmail.com" } })),
            [Conversation, Correspondent, Account]
        );
        // A reply may follow whatever happens in a conversation.
        assert_eq!(
            scopes(json!({ "kind": "conversation.opened", "contact": { "email": "a@gmail.com" } }))[..2],
            [Conversation, Correspondent]
        );
    }

    #[test]
    fn words_are_the_same_by_letters_and_by_bytes() {
        for text in [
            "",
            " ",
            "4711",
            "Hello",
            " Your  ticket\r\n4711 \t was 12 3\x0b\x0cRECEIVED. ",
            "a1b 2 c",
            "1 a",
            "a 1",
            "\x1c\0 a\x1f b",
            "x\n\n> y 5 ",
        ] {
            assert_eq!(ascii_words(text), words(text), "{text:?}");
        }
        assert_eq!(words(" Grüße \u{a0} an ²Ⅷ9 ALLE "), "grüße an alle");
    }

    #[test]
    fn digits_quotes_and_marks_make_no_difference() {
        let mail = |subject: &str, number: u32| {
            let text = format!("Your ticket {number} was received and will be worked on. ").repeat(6);
            json!({ "message": { "text": text, "subject": subject }, "contact": { "email": format!("r{number}@x.example") } })
        };
        assert_eq!(key_of(CapScope::Body, mail("a", 1)), key_of(CapScope::Body, mail("a", 99)));
        let same = json!({ "message": { "text": "x", "subject": "RE: Fwd:  Order" } });
        let plain = json!({ "message": { "text": "y", "subject": "order" } });
        assert_eq!(key_of(CapScope::Subject, same), key_of(CapScope::Subject, plain));
    }

    #[test]
    fn a_conversation_s_title_is_no_subject() {
        let mut facts = facts(json!({ "conversation": { "channel": "sms", "subject": "Pat Green" } }));
        Arc::make_mut(&mut facts.event).message.as_mut().unwrap().subject = None;
        let scopes: Vec<CapScope> =
            keys(&facts.event, &GuardSettings::default()).into_iter().map(|(scope, _)| scope).collect();
        assert!(!scopes.contains(&CapScope::Subject), "{scopes:?}");
    }

    #[test]
    fn whom_a_mail_names_for_answers_is_counted_as_well() {
        let of = |reply_to: serde_json::Value| {
            let headers = json!({ "From": "ann@example.org", "Reply-To": reply_to });
            let written = json!({ "contact": { "email": "ann@example.org" }, "message": { "headers": headers } });
            key_of(CapScope::Correspondent, written)
        };
        let bob = key_of(CapScope::Correspondent, json!({ "contact": { "email": "bob@x.example" } }));
        assert_eq!(of(json!("Bob <BOB+1@x.example>"))[1..], bob);
        for (reply_to, count) in [
            (json!("Ann <ann+7@example.org>"), 1),
            (json!("bob@x.example, bob+2@x.example"), 2),
            (json!(["bob@x.example", "carl@x.example, ann@example.org"]), 3),
            (json!("a@x.example, b@x.example, c@x.example, d@x.example"), 4),
        ] {
            assert_eq!(of(reply_to.clone()).len(), count, "{reply_to}");
        }
    }

    #[test]
    fn many_senders_cannot_make_us_write_to_one_address_without_end() {
        let mut play = Play::new("  - name: a\n    once: { per: event }\n    do: [{ reply: { text: x } }]");
        let replies = (0..40).map(|number| {
            let from = format!("p{number}@gmail.com");
            let headers = json!({ "From": from, "Reply-To": "victim@x.example", "To": "support@desk.example" });
            let mail = json!({
                "conversation": { "id": format!("c{number}"), "channel": "email" },
                "contact": { "email": from },
                "message": { "text": format!("mail {number}"), "headers": headers },
            });
            play.decide(mail).sends.len()
        });
        let limit = Caps::default().correspondent.iter().map(|cap| cap.count).min().unwrap();
        assert_eq!(replies.sum::<usize>(), usize::try_from(limit).unwrap());
    }

    #[test]
    fn one_more_than_the_cap_is_too_many() {
        let facts = facts(json!({ "message": { "text": "x" } }));
        let keys = keys(&facts.event, &GuardSettings::default());
        let caps = Caps { conversation: vec!["2/10m".parse().unwrap()], ..Caps::default() };
        let ago = |minutes: i64| facts.now.checked_sub(jiff::SignedDuration::from_mins(minutes)).unwrap();
        let curbs = |times: Vec<Timestamp>| Curbs {
            windows: BTreeMap::from([(keys[0].1.clone(), Window { times, version: 0 })]),
            ..Curbs::default()
        };
        assert!(against(&keys, &caps, &curbs(vec![ago(10), ago(1)]), facts.now).is_none());
        let tripped = against(&keys, &caps, &curbs(vec![ago(11), ago(9), ago(1)]), facts.now).unwrap();
        assert_eq!(tripped.scope, CapScope::Conversation);
        assert_eq!(tripped.reason(), "this conversation had 2 automatic replies, and the cap is 2/10m");
        let suspect = against_suspect(&keys, &caps, &curbs(vec![ago(60)]), facts.now, "no headers");
        assert_eq!(
            suspect.unwrap(),
            "nothing shows that a person wrote this (no headers), and such a conversation gets 1/1d automatic replies"
        );
    }
}
