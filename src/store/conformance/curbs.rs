//! Promises about windows, quarantines and orders.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::sample::{accept, at, claim, commit, decision, event, hand};
use super::{Harness, Kept, same, there};
use crate::model::{
    CapScope, Control, ControlChange, Decision, LaneKey, Mode, Pause, Quarantine, QuarantineId, Scope, Window,
    WindowKey,
};
use crate::store::{Changed, Commit, EventClaim, Store};

fn key(name: &str) -> WindowKey {
    WindowKey::derive(CapScope::Conversation, &[name])
}

fn counted(claim: &EventClaim, version: u64, times: &[Timestamp]) -> Decision {
    let windows = BTreeMap::from([(key("a"), Window { times: times.to_vec(), version })]);
    Decision { windows, ..decision(claim) }
}

async fn window(store: &dyn Store) -> Result<Window, super::Seen> {
    let lane = event("1", "a").lane();
    Ok(store.curbs(&lane, &[key("a"), key("b")]).await?.windows.remove(&key("a")).unwrap_or_default())
}

pub(super) async fn what_was_counted_is_read_back_and_counts_once(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    same("before", window(&*store).await?, Window::default())?;
    for (number, version) in [("1", 0), ("2", 1)] {
        accept(&*store, event(number, "a")).await?;
        let claim = claim(&*store, 0).await?;
        commit(&*store, &claim, counted(&claim, version, &[at(1)])).await?;
        let kept = Window { times: vec![at(1)], version: version + 1 };
        same("the window", window(&*store).await?, kept)?;
    }
    Ok(())
}

pub(super) async fn a_decision_that_counted_in_an_older_window_is_refused_and_made_again(
    harness: &dyn Harness,
) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    accept(&*store, event("2", "b")).await?;
    let (first, second) = (claim(&*store, 0).await?, claim(&*store, 0).await?);
    commit(&*store, &first, counted(&first, 0, &[at(1)])).await?;
    let late = store.commit_decision(&second, counted(&second, 0, &[at(2)])).await?;
    same("the decision made from the older window", late, Commit::FactsChanged)?;
    let again = claim(&*store, 0).await?;
    same("the event that is claimed again", &again.event.id, &second.event.id)?;
    commit(&*store, &again, counted(&again, 1, &[at(1), at(2)])).await
}

fn quarantine(id: &str, keys: &[&str], claim: &EventClaim) -> Quarantine {
    Quarantine {
        id: QuarantineId::from(id),
        keys: keys.iter().map(|name| key(name)).collect(),
        scope: CapScope::Conversation,
        cap: "2/10m".to_owned(),
        account: claim.event.account.clone(),
        conversation: claim.event.lane(),
        event: claim.event.id.clone(),
        rule: "greet".to_owned(),
        who: Some("ann@example.org".to_owned()),
        evidence: vec![at(1)],
        since: at(1),
        until: at(100),
        released: None,
    }
}

pub(super) async fn a_quarantine_holds_for_each_of_its_windows_until_it_is_lifted(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let claim = claim(&*store, 0).await?;
    let raised = quarantine("qua_1", &["a", "b"], &claim);
    let lane = claim.event.lane();
    let decided = Decision { quarantines: vec![raised.clone()], ..counted(&claim, 0, &[at(1)]) };
    commit(&*store, &claim, decided).await?;
    for name in ["a", "b"] {
        let found = store.curbs(&lane, &[key(name)]).await?.quarantines;
        same("the quarantine", found, vec![raised.clone()])?;
    }
    same("both windows at once", store.curbs(&lane, &[key("a"), key("b")]).await?.quarantines.len(), 1)?;
    same("another window", store.curbs(&lane, &[key("c")]).await?.quarantines.len(), 0)?;
    let release = hand(9, "release", "a customer");
    same("lifting it", store.release_quarantine(&raised.id, &release).await?, Changed::Done)?;
    same("lifting it again", store.release_quarantine(&raised.id, &release).await?, Changed::WrongState)?;
    let nobody = QuarantineId::from("qua_0");
    same("lifting nothing", store.release_quarantine(&nobody, &release).await?, Changed::NotFound)?;
    let curbs = store.curbs(&lane, &[key("a"), key("b")]).await?;
    same("quarantines after that", curbs.quarantines.len(), 0)?;
    same("what its window counts", curbs.windows.get(&key("a")).map(|window| window.times.len()), Some(0))?;
    let listed = store.quarantines().await?;
    same("the list", listed, vec![Quarantine { released: Some(release), ..raised }])
}

fn paused(scope: Scope, by: &str) -> Control {
    let pause = Pause { by: by.to_owned(), why: "wrong price".to_owned(), at: at(1) };
    Control { pause: Some(pause), ..Control::of(scope) }
}

/// Orders what the control says.
async fn order(store: &dyn Store, control: &Control) -> Kept {
    let resume = control.resumed_at.map(ControlChange::Resume);
    let mode = control.mode.zip(control.mode_by.clone()).map(|mode| ControlChange::Mode(Some(mode)));
    let pause = control.pause.clone().map(ControlChange::Pause);
    for change in [resume, mode, pause].into_iter().flatten() {
        same("ordering", store.change_control(&control.scope, &change).await?.0, Changed::Done)?;
    }
    Ok(())
}

pub(super) async fn two_orders_for_one_scope_at_once_are_both_kept(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    for number in 0..20 {
        let scope = Scope::Conversation(LaneKey::from(format!("desk/conversation:{number}")));
        let by = hand(1, "mode", "");
        let both = Control { mode: Some(Mode::Draft), mode_by: Some(by.clone()), ..paused(scope.clone(), "kim") };
        let pause = both.pause.clone().map(ControlChange::Pause);
        let (pause, mode) = (there("a pause", pause)?, ControlChange::Mode(Some((Mode::Draft, by))));
        let (paused, moded) = tokio::join!(store.change_control(&scope, &pause), store.change_control(&scope, &mode));
        same("pausing and ordering a mode", (paused?.0, moded?.0), (Changed::Done, Changed::Done))?;
        same("what stands", store.controls().await?.iter().find(|one| one.scope == scope), Some(&both))?;
        same("pausing again", store.change_control(&scope, &pause).await?, (Changed::WrongState, both))?;
    }
    let resume = ControlChange::Resume(at(2));
    let nothing = Control::of(Scope::All);
    same(
        "resuming what is not paused",
        store.change_control(&Scope::All, &resume).await?,
        (Changed::WrongState, nothing),
    )
}

pub(super) async fn the_orders_that_concern_a_conversation_are_found(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let lane = |name: &str| LaneKey::from(format!("desk/conversation:{name}"));
    let general = [
        paused(Scope::Account("desk".into()), "kim"),
        paused(Scope::All, "kim"),
        paused(Scope::Rule("greet".to_owned()), "kim"),
    ];
    let own = Control {
        mode: Some(Mode::Draft),
        mode_by: Some(hand(1, "mode", "")),
        ..Control::of(Scope::Conversation(lane("a")))
    };
    let other = paused(Scope::Conversation(lane("b")), "kim");
    for control in general.iter().chain([&own, &other]) {
        order(&*store, control).await?;
    }
    let found = store.curbs(&lane("a"), &[]).await?.controls;
    same("how many", found.0.len(), 4)?;
    for control in general.iter().chain([&own]) {
        same("an order", found.of(&control.scope), Some(control))?;
    }
    same("all orders", store.controls().await?.len(), 5)
}

pub(super) async fn an_order_that_says_nothing_is_forgotten(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    order(&*store, &paused(Scope::All, "kim")).await?;
    order(&*store, &Control { resumed_at: Some(at(2)), ..Control::of(Scope::All) }).await?;
    same("all orders", store.controls().await?, Vec::new())?;
    let lane = Scope::Conversation(LaneKey::from("desk/conversation:a"));
    let resumed = Control { resumed_at: Some(at(2)), ..Control::of(lane) };
    order(&*store, &resumed).await?;
    same("a conversation that was resumed", store.controls().await?, vec![resumed])
}

pub(super) async fn a_pause_by_the_guard_does_not_replace_that_of_a_person(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let by_person = paused(Scope::Rule("greet".to_owned()), "kim");
    order(&*store, &by_person).await?;
    accept(&*store, event("1", "a")).await?;
    let claim = claim(&*store, 0).await?;
    let controls = vec![
        paused(Scope::Rule("greet".to_owned()), "loop guard"),
        paused(Scope::Account("desk".into()), "loop guard"),
    ];
    commit(&*store, &claim, Decision { controls: controls.clone(), ..decision(&claim) }).await?;
    let found = store.curbs(&claim.event.lane(), &[]).await?.controls;
    same("the pause of a person", found.of(&by_person.scope), Some(&by_person))?;
    same("the pause of the guard", found.of(&Scope::Account("desk".into())), controls.last())
}

pub(super) async fn old_windows_quarantines_and_resumptions_are_forgotten(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    accept(&*store, event("1", "a")).await?;
    let claim = claim(&*store, 0).await?;
    let quarantines = vec![quarantine("qua_1", &["a"], &claim)];
    commit(&*store, &claim, Decision { quarantines, ..counted(&claim, 0, &[at(1)]) }).await?;
    let resumed = Control { resumed_at: Some(at(2)), ..Control::of(Scope::Conversation(claim.event.lane())) };
    order(&*store, &resumed).await?;
    order(&*store, &paused(Scope::All, "kim")).await?;
    store.prune(at(1)).await?;
    same("orders", store.controls().await?.len(), 2)?;
    same("the window", window(&*store).await?.times, vec![at(1)])?;
    store.prune(at(101)).await?;
    same("orders later", store.controls().await?, vec![paused(Scope::All, "kim")])?;
    same("the window later", window(&*store).await?, Window::default())?;
    same("the quarantines later", store.quarantines().await?, Vec::new())?;
    same("what they point at", store.curbs(&claim.event.lane(), &[key("a")]).await?.quarantines.len(), 0)
}

pub(super) async fn a_rule_that_is_resumed_is_counted_anew(harness: &dyn Harness) -> Kept {
    let store = harness.open().await?;
    let scope = Scope::Rule("greet".to_owned());
    let key = WindowKey::derive(CapScope::Rule, &["greet"]);
    accept(&*store, event("1", "a")).await?;
    let claim = claim(&*store, 0).await?;
    let windows = BTreeMap::from([(key.clone(), Window { times: vec![at(1)], version: 0 })]);
    let controls = vec![paused(scope.clone(), "loop guard")];
    commit(&*store, &claim, Decision { windows, controls, ..decision(&claim) }).await?;
    same("resuming it", store.change_control(&scope, &ControlChange::Resume(at(2))).await?.0, Changed::Done)?;
    let counted = store.curbs(&claim.event.lane(), std::slice::from_ref(&key)).await?.windows.remove(&key);
    same("what is counted", counted.map(|window| window.times.len()), Some(0))
}
