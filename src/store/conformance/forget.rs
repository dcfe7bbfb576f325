//! Promises about what is remembered of conversations and correspondents, and until when.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::sample::{accept, at, claim, commit, dead_letter, decision, event, event_by, replied};
use super::{Harness, Kept, same};
use crate::model::{ContactRecord, ConversationRecord, Decision, Event};
use crate::store::{Commit, Store};

/// What is remembered beside what the sample remembers.
type Change<T> = fn(&mut T);

/// A message from before everything here is forgotten.
fn old(key: &str, conversation: &str) -> Event {
    Event { received_at: at(-100), ..event(key, conversation) }
}

/// Decides an old message, after which something is remembered.
async fn remembered(store: &dyn Store, name: &str, change: impl FnOnce(&mut Decision)) -> Kept {
    accept(store, old(name, name)).await?;
    let claim = claim(store, 0).await?;
    let mut decided = decision(&claim);
    change(&mut decided);
    commit(store, &claim, decided).await
}

fn greeted(responses: &mut BTreeMap<String, Timestamp>, when: i64) {
    responses.insert("greet".to_owned(), at(when));
}

fn lasting(contact: &mut ContactRecord) {
    greeted(&mut contact.responses, -100);
    contact.counts_until = Some(at(-99));
}

/// How many messages are remembered of the conversation of the next event, which is decided.
async fn messages_before_next(store: &dyn Store) -> Result<u64, super::Seen> {
    let next = claim(store, 0).await?;
    commit(store, &next, decision(&next)).await?;
    Ok(next.conversation.message_count)
}

pub(super) async fn a_conversation_is_forgotten_when_nothing_in_it_counts(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let cases: [(&str, Change<ConversationRecord>, bool); 9] = [
        ("a message", |_| (), true),
        ("what rules set", |it| drop(it.state.insert("order".to_owned(), 7.into())), true),
        ("an old word", |it| it.last_human = Some(at(-100)), true),
        ("a person's word", |it| it.last_human = Some(at(-99)), false),
        ("a contact's word", |it| it.last_inbound = Some(at(-99)), false),
        ("a reply to come", |it| it.last_automatic = Some(at(60)), false),
        ("its end", |it| it.closed_at = Some(at(-99)), false),
        ("a response", |it| greeted(&mut it.responses, -99), false),
        ("what counts for longer", |it| it.counts_until = Some(at(-99)), false),
    ];
    for (name, change, _) in cases {
        remembered(&*store, name, |decided| change(&mut decided.conversation)).await?;
    }
    remembered(&*store, "both", |_| ()).await?;
    replied(&*store, event("young", "both"), &[]).await?;
    store.prune(at(-99)).await?;
    for (name, _, is_over) in cases {
        accept(&*store, old(&format!("{name}, again"), name)).await?;
        same(name, messages_before_next(&*store).await?, u64::from(!is_over))?;
    }
    accept(&*store, event("again", "both")).await?;
    same("one with a younger event", messages_before_next(&*store).await?, 2)?;
    store.prune(at(99)).await?;
    for name in cases.map(|(name, ..)| name).into_iter().chain(["both"]) {
        accept(&*store, event(&format!("{name}, later"), name)).await?;
        same(name, messages_before_next(&*store).await?, 0)?;
    }
    Ok(())
}

pub(super) async fn a_conversation_with_something_under_way_is_not_forgotten(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    dead_letter(&*store, old("dead", "dead")).await?;
    replied(&*store, old("open", "open"), &[60]).await?;
    remembered(&*store, "leased", |_| ()).await?;
    remembered(&*store, "waits", |_| ()).await?;
    accept(&*store, old("leased, again", "leased")).await?;
    let leased = claim(&*store, 0).await?;
    accept(&*store, old("waits, again", "waits")).await?;
    store.prune(at(999)).await?;
    commit(&*store, &leased, decision(&leased)).await?;
    same("the one that waits", messages_before_next(&*store).await?, 1)?;
    for (name, messages) in [("dead", 1), ("open", 1), ("leased", 2), ("waits", 2)] {
        accept(&*store, old(&format!("{name}, later"), name)).await?;
        same(name, messages_before_next(&*store).await?, messages)?;
    }
    Ok(())
}

pub(super) async fn a_correspondent_is_forgotten_when_nothing_known_of_them_counts(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let cases: [(&str, Change<ContactRecord>, [bool; 2]); 6] = [
        ("old", |it| greeted(&mut it.responses, -100), [false, false]),
        ("young", |it| greeted(&mut it.responses, -99), [true, false]),
        ("bounced", |it| it.bounced = Some(at(-99)), [true, false]),
        ("delivered", |it| it.bounced = Some(at(-100)), [false, false]),
        ("lasting", lasting, [true, false]),
        ("set", |it| drop(it.state.insert("do_not_contact".to_owned(), true.into())), [true, true]),
    ];
    for (name, change, _) in cases {
        remembered(&*store, name, |decided| change(&mut decided.contact)).await?;
    }
    for (time, before) in [-99, 99].into_iter().enumerate() {
        store.prune(at(before)).await?;
        for (name, change, is_known) in cases {
            let mut known = ContactRecord::default();
            if is_known[time] {
                change(&mut known);
            }
            accept(&*store, event_by(&format!("{name}{time}"), "elsewhere", &format!("{name}@example.org"))).await?;
            let next = claim(&*store, 0).await?;
            same(name, next.contact.says_the_same(&known), true)?;
            commit(&*store, &next, decision(&next)).await?;
        }
    }
    Ok(())
}

pub(super) async fn a_decision_from_a_contact_record_that_was_forgotten_is_made_again(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    remembered(&*store, "ann", |decided| greeted(&mut decided.contact.responses, -100)).await?;
    for conversation in ["a", "b"] {
        accept(&*store, event_by(conversation, conversation, "ann@example.org")).await?;
    }
    let (first, second) = (claim(&*store, 0).await?, claim(&*store, 0).await?);
    store.prune(at(-99)).await?;
    same("the one", store.commit_decision(&second, decision(&second)).await?, Commit::FactsChanged)?;
    let again = claim(&*store, 0).await?;
    same("what is known then", again.contact.responses.len(), 0)?;
    let mut decided = decision(&again);
    greeted(&mut decided.contact.responses, 1);
    commit(&*store, &again, decided).await?;
    // The record has been written as often as when the other was read.
    same("the other", store.commit_decision(&first, decision(&first)).await?, Commit::FactsChanged)?;
    same("what is known in the end", claim(&*store, 0).await?.contact.responses.get("greet"), Some(&at(1)))
}
