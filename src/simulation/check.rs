//! What must hold when all has come to rest: what was acknowledged, what the store says, and what the providers show are
//! laid beside each other.

use std::collections::{BTreeMap, BTreeSet};

use super::life::Life;
use super::stock::CAP;
use super::weather::ALL;
use super::witness::{count, words};
use super::{KEYS, has_keys};
use crate::model::{
    Attempt, CancelOn, EventKind, HoldCause, LaneKey, Outcome, Send as OutgoingSend, SendState, Verdict,
};
use crate::provider::sandbox::Speaks;
use crate::store::StoredEvent;
use crate::store::testing::Kept;

/// What does not hold. Each fault begins with the promise that is broken.
pub(super) fn faults(life: &Life<'_>) -> Vec<String> {
    let held = held(life);
    let mut faults = accepted(life, &held);
    faults.extend(decided(life, &held));
    faults.extend(accounted_for(life, &held));
    faults.extend(doubled(life, &held));
    faults.extend(capped(&held));
    faults.extend(welcomed(&held));
    if !life.time.has_jumped() {
        faults.extend(called_off(&held));
    }
    faults
}

/// Everything that the store holds or has forgotten.
fn held(life: &Life<'_>) -> Kept {
    life.forgotten.whole(life.disk.kept())
}

/// What was acknowledged is there, and what somebody wrote is there once.
fn accepted(life: &Life<'_>, held: &Kept) -> Vec<String> {
    let known: BTreeSet<_> = held.events.iter().map(|stored| &stored.event.id).collect();
    let lost = life.acknowledged.iter().filter(|(id, _)| !known.contains(id));
    let mut faults: Vec<String> = lost
        .map(|(id, what)| format!("every accepted event is kept: {what} was acknowledged as {id} and is gone"))
        .collect();
    for one in &life.written {
        let is_it = |stored: &&StoredEvent| {
            let event = &stored.event;
            event.kind == EventKind::MessageReceived
                && event.account.as_str() == one.speaks.as_str()
                && event.message.as_ref().is_some_and(|message| message.text.contains(&one.mark))
        };
        let times = held.events.iter().filter(is_it).count();
        if times != 1 {
            faults.push(format!("every accepted event is decided once: {} is there {times} times", one.mark));
        }
    }
    let unreadable = held.events.iter().filter(|stored| stored.event.kind == EventKind::Unreadable);
    faults.extend(unreadable.map(|stored| format!("a webhook could not be read: {:?}", stored.event.unreadable)));
    faults
}

/// Each is decided, in the order of acceptance, having seen what those before it in its lane did, as far as the conversation
/// was not forgotten.
fn decided(life: &Life<'_>, held: &Kept) -> Vec<String> {
    let (mut faults, mut lanes) = (Vec::new(), BTreeMap::<LaneKey, (usize, u64)>::new());
    for StoredEvent { event, decision } in &held.events {
        let Some(decision) = decision else {
            faults.push(format!("every accepted event is decided: {} is not", event.id));
            continue;
        };
        if event.kind == EventKind::MessageReceived {
            let saw = decision.seen.state.get("n").and_then(serde_json::Value::as_u64).unwrap_or(0);
            let (all, before) = lanes.entry(event.lane()).or_default();
            if saw == 0 && life.forgotten.conversation(&event.lane(), *all) {
                *before = 0;
            }
            if saw != *before {
                faults.push(format!("lane order: {} saw {saw} messages before it, and there were {before}", event.id));
            }
            (*all, *before) = (*all + 1, *before + 1);
        }
        for rule in &decision.trace.matched {
            let is_chosen = rule.actions.iter().any(|it| it.verdict == Verdict::Chosen && it.action != "set");
            let is_there = held.sends.iter().any(|send| send.event == event.id && send.rule == rule.rule);
            if is_chosen && !is_there {
                faults.push(format!("every send is accounted for: that of {} for {} is gone", rule.rule, event.id));
            }
        }
    }
    faults
}

/// How many attempts of a send have landed for sure, and how many may have.
fn attempts(send: &OutgoingSend) -> (usize, usize) {
    let of = |test: fn(&Option<Outcome>) -> bool| send.attempts.iter().filter(|one| test(&one.outcome)).count();
    let landed = of(|outcome| matches!(outcome, Some(Outcome::Delivered { .. })));
    (landed, of(|outcome| matches!(outcome, None | Some(Outcome::Unknown { .. }))))
}

/// Whether it was tried again when the provider had forgotten its key, and had to be looked for instead.
fn outlives_its_key(send: &OutgoingSend) -> bool {
    let [first, .., last] = send.attempts.as_slice() else { return false };
    last.started_at.duration_since(first.started_at) > KEYS
}

fn is_delivered(send: &OutgoingSend) -> bool {
    matches!(send.state, SendState::Delivered | SendState::Confirmed)
}

/// The sends with the same words in the same conversation.
fn groups(held: &Kept) -> BTreeMap<(Speaks, String, String), Vec<&OutgoingSend>> {
    let mut groups = BTreeMap::<_, Vec<&OutgoingSend>>::new();
    for send in &held.sends {
        let event = held.events.iter().find(|stored| stored.event.id == send.event).map(|stored| &stored.event);
        let speaks = ALL.into_iter().find(|speaks| speaks.as_str() == send.account.as_str());
        let conversation = event.and_then(|event| event.conversation.id.clone());
        if let (Some(speaks), Some(conversation), Some(words)) = (speaks, conversation, words(send)) {
            groups.entry((speaks, conversation, words.to_owned())).or_default().push(send);
        }
    }
    groups
}

/// Each has left, or the store says why not; and what the store says has left is there.
fn accounted_for(life: &Life<'_>, held: &Kept) -> Vec<String> {
    let mut faults = Vec::new();
    for send in &held.sends {
        let reason = match &send.state {
            SendState::Delivered | SendState::Confirmed => continue,
            SendState::Cancelled { reason } | SendState::Dropped { reason } => reason.as_str(),
            SendState::Dead { reason } if reason.starts_with("refused") => "",
            SendState::Dead { reason } | SendState::Held { cause: HoldCause::Unknown, reason } => reason.as_str(),
            _ => "",
        };
        if reason.is_empty() {
            faults.push(format!("every send is accounted for: {} ({}) is {:?}", send.id, send.rule, send.state));
        }
    }
    for ((speaks, conversation, words), sends) in groups(held) {
        let shown = count(&life.sandbox, speaks, &conversation, &words);
        let said = sends.iter().filter(|send| is_delivered(send)).count();
        if shown < said {
            let ids: Vec<_> = sends.iter().map(|send| send.id.as_str()).collect();
            faults.push(format!(
                "every send is accounted for: `{words}` has left {said} times by the store, and {shown} are in {} {conversation} ({ids:?})",
                speaks.as_str()
            ));
        }
    }
    faults
}

/// Nothing is there more often than it may be.
fn doubled(life: &Life<'_>, held: &Kept) -> Vec<String> {
    let mut faults = Vec::new();
    for ((speaks, conversation, words), sends) in groups(held) {
        let shown = count(&life.sandbox, speaks, &conversation, &words);
        let most: usize = sends
            .iter()
            .map(|send| {
                let (landed, unknown) = attempts(send);
                if has_keys(speaks) && !outlives_its_key(send) { 1.min(send.attempts.len()) } else { landed + unknown }
            })
            .sum();
        if shown > most {
            faults.push(format!(
                "no double: `{words}` is in {} {conversation} {shown} times, and {most} can be explained",
                speaks.as_str()
            ));
        }
    }
    faults
}

/// What another message calls off does not leave after that was decided, unless it may have left before.
fn called_off(held: &Kept) -> Vec<String> {
    let mut faults = Vec::new();
    for send in held.sends.iter().filter(|send| send.cancel_on.contains(&CancelOn::ContactMessage)) {
        let Some(place) = held.events.iter().position(|stored| stored.event.id == send.event) else { continue };
        let same = |stored: &&StoredEvent| {
            stored.event.kind == EventKind::MessageReceived && stored.event.lane() == held.events[place].event.lane()
        };
        let later = held.events[place + 1..].iter().filter(same);
        let decided = later.filter_map(|stored| stored.decision.as_ref()).map(|decision| decision.at).min();
        let first_in_doubt = send.in_doubt_since();
        let leaves = |one: &&Attempt| matches!(one.outcome, Some(Outcome::Delivered { .. }));
        let left = send.attempts.iter().find(leaves).map(|attempt| attempt.started_at);
        if let (Some(decided), Some(left)) = (decided, left)
            && left > decided
            && first_in_doubt.is_none_or(|doubt| doubt > decided)
        {
            faults.push(format!("cancelling: {} left at {left}, and was called off at {decided}", send.id));
        }
    }
    faults
}

fn told(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Unknown { reason } => reason,
        other => other.name(),
    }
}

/// The store's last word on each send, for the story.
pub(super) fn ends(life: &Life<'_>) -> Vec<String> {
    let line = |send: &OutgoingSend| {
        let outcomes: Vec<_> = send.attempts.iter().map(|one| one.outcome.as_ref().map_or("cut short", told)).collect();
        format!("{} of {} for {} in {}: {:?} {outcomes:?}", send.id, send.rule, send.event, send.lane, send.state)
    };
    held(life).sends.iter().rev().map(line).collect()
}

/// No conversation gets more replies than the cap allows.
fn capped(held: &Kept) -> Vec<String> {
    let (most, per) = CAP;
    let mut lanes = BTreeMap::<&LaneKey, Vec<_>>::new();
    for send in held.sends.iter().filter(|send| send.action.reaches_contact()) {
        lanes.entry(&send.lane).or_default().push(send.created_at);
    }
    let mut faults = Vec::new();
    for (lane, mut times) in lanes {
        times.sort();
        if let Some(many) = times.windows(most + 1).find(|many| many[most].duration_since(many[0]) < per) {
            faults
                .push(format!("caps: {lane} got more than {most} replies within {} minutes: {many:?}", per.as_mins()));
        }
    }
    faults
}

/// What nobody gets twice nobody gets twice, whatever was forgotten in between.
fn welcomed(held: &Kept) -> Vec<String> {
    let mut lanes = BTreeMap::<&LaneKey, usize>::new();
    for send in held.sends.iter().filter(|send| send.rule == "welcome") {
        *lanes.entry(&send.lane).or_default() += 1;
    }
    let often = lanes.into_iter().filter(|(_, times)| *times > 1);
    often.map(|(lane, times)| format!("never again: {lane} was welcomed {times} times")).collect()
}
