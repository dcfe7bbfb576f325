//! What stands against automatic replies: windows, quarantines and the orders of people.

use std::sync::Arc;

use jiff::Timestamp;

use super::core::Core;
use super::orders::Orders;
use super::{keys, list, record};
use crate::model::{
    CapScope, Control, ControlChange, Controls, Curbs, Decision, Hand, LaneKey, Quarantine, QuarantineId, Scope,
    Window, WindowKey,
};
use crate::store::kv::{Batch, Kv, Order, Walk};
use crate::store::{Changed, StoreError};

/// What stands against replies in a lane, as far as these windows are concerned.
pub(super) fn curbs(kv: &dyn Kv, orders: &Orders, lane: &LaneKey, windows: &[WindowKey]) -> Result<Curbs, StoreError> {
    let mut found = standing(kv, orders, lane, windows)?;
    for key in windows {
        found.windows.insert(key.clone(), window(kv, key)?.unwrap_or_default());
    }
    Ok(found)
}

/// The same without what was counted.
pub(super) fn standing(
    kv: &dyn Kv,
    orders: &Orders,
    lane: &LaneKey,
    windows: &[WindowKey],
) -> Result<Curbs, StoreError> {
    let mut found = Curbs { controls: Controls(orders.now()), ..Curbs::default() };
    for key in windows {
        let Some(id) = quarantined(kv, key)? else { continue };
        let is_new = !found.quarantines.iter().any(|known| known.id == id);
        let quarantine = is_new.then(|| quarantine(kv, &id)).transpose()?.flatten();
        found.quarantines.extend(quarantine.filter(|quarantine| quarantine.released.is_none()));
    }
    let own = keys::control(&Scope::Conversation(lane.clone()));
    found.controls.0.extend(record::get::<Control>(kv, &own, || format!("the orders for {lane}"))?);
    Ok(found)
}

/// Every order.
pub(super) fn controls(kv: &Arc<dyn Kv>) -> Result<Vec<Control>, StoreError> {
    let read = |pair: Result<(Vec<u8>, Vec<u8>), StoreError>| record::read(&pair?.1, || "an order".to_owned());
    Walk::new(kv, keys::all(b'z'), Order::Forward).map(read).collect()
}

/// Every quarantine that is kept, newest first.
pub(super) fn quarantines(kv: &Arc<dyn Kv>) -> Result<Vec<Quarantine>, StoreError> {
    let mut found = Vec::new();
    for pair in Walk::new(kv, keys::all(b'x'), Order::Forward) {
        found.extend(list::readable(record::read::<Quarantine>(&pair?.1, || "a quarantine".to_owned()))?);
    }
    found.sort_by_key(|quarantine| std::cmp::Reverse(quarantine.since));
    Ok(found)
}

fn window(kv: &dyn Kv, key: &WindowKey) -> Result<Option<Window>, StoreError> {
    record::get(kv, &keys::window(key), || format!("the window {key}"))
}

fn quarantined(kv: &dyn Kv, key: &WindowKey) -> Result<Option<QuarantineId>, StoreError> {
    record::get(kv, &keys::quarantined(key), || format!("the quarantine of {key}"))
}

fn quarantine(kv: &dyn Kv, id: &QuarantineId) -> Result<Option<Quarantine>, StoreError> {
    record::get(kv, &keys::quarantine(id), || format!("the quarantine {id}"))
}

impl Core {
    /// Whether every window that the decision counted in is still as it was read after the fence was given out.
    pub(super) fn windows_unchanged(&self, decision: &Decision, fence: u64) -> Result<bool, StoreError> {
        for (key, counted) in &decision.windows {
            if self.since.is_untouched(&keys::window(key), fence) {
                continue;
            }
            if window(&*self.kv, key)?.map_or(0, |window| window.version) != counted.version {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes what the decision counted, quarantined and paused. A pause that a person ordered is left alone.
    pub(super) fn put_curbs(&self, batch: &mut Batch, decision: &mut Decision) -> Result<(), StoreError> {
        for (key, mut window) in std::mem::take(&mut decision.windows) {
            window.version += 1;
            batch.put(keys::window(&key), record::write(&window)?);
        }
        for quarantine in std::mem::take(&mut decision.quarantines) {
            for key in &quarantine.keys {
                batch.put(keys::quarantined(key), record::write(&quarantine.id)?);
            }
            batch.put(keys::quarantine(&quarantine.id), record::write(&quarantine)?);
        }
        for Control { scope, pause, .. } in std::mem::take(&mut decision.controls) {
            let mut known = self.control(&scope)?;
            if pause.is_some_and(|pause| known.change(ControlChange::Pause(pause))) {
                batch.put(keys::control(&scope), record::write(&known)?);
            }
        }
        Ok(())
    }

    fn control(&self, scope: &Scope) -> Result<Control, StoreError> {
        let known = record::get(&*self.kv, &keys::control(scope), || format!("the orders for {scope}"))?;
        Ok(known.unwrap_or_else(|| Control::of(scope.clone())))
    }

    /// Changes what is ordered for a scope, or forgets what says nothing any more.
    pub(super) fn change_control(
        &mut self,
        scope: Scope,
        change: ControlChange,
    ) -> Result<(Changed, Control), StoreError> {
        let mut control = self.control(&scope)?;
        if !control.change(change) {
            return Ok((Changed::WrongState, control));
        }
        let (key, mut batch) = (keys::control(&scope), Batch::default());
        match control.is_empty() {
            true => batch.remove(key),
            false => batch.put(key, record::write(&control)?),
        }
        // Who resumes what a full window had paused has looked at it; counting begins anew.
        let counted = match &scope {
            Scope::Rule(rule) => Some(WindowKey::derive(CapScope::Rule, &[rule])),
            Scope::Account(account) => Some(WindowKey::derive(CapScope::Account, &[account.as_str()])),
            Scope::All | Scope::Conversation(_) => None,
        };
        if let Some(key) = counted.filter(|_| control.pause.is_none()) {
            self.empty(&key, &mut batch)?;
        }
        self.apply(batch)?;
        Ok((Changed::Done, control))
    }

    /// Lifts a quarantine.
    pub(super) fn release_quarantine(&mut self, id: &QuarantineId, hand: Hand) -> Result<Changed, StoreError> {
        let Some(mut known) = quarantine(&*self.kv, id)? else { return Ok(Changed::NotFound) };
        if !known.is_active(hand.at) {
            return Ok(Changed::WrongState);
        }
        known.released = Some(hand);
        let mut batch = Batch::default();
        self.unlink(&known, &mut batch)?;
        batch.put(keys::quarantine(id), record::write(&known)?);
        self.apply(batch)?;
        Ok(Changed::Done)
    }

    /// A later quarantine of the same window stays.
    fn unlink(&self, quarantine: &Quarantine, batch: &mut Batch) -> Result<(), StoreError> {
        for key in &quarantine.keys {
            if quarantined(&*self.kv, key)?.as_ref() == Some(&quarantine.id) {
                batch.remove(keys::quarantined(key));
            }
        }
        // What filled the window was looked at by a person; counting begins anew.
        quarantine.keys.iter().try_for_each(|key| self.empty(key, batch))
    }

    fn empty(&self, key: &WindowKey, batch: &mut Batch) -> Result<(), StoreError> {
        if let Some(Window { version, .. }) = window(&*self.kv, key)? {
            let emptied = Window { times: Vec::new(), version: version + 1 };
            batch.put(keys::window(key), record::write(&emptied)?);
        }
        Ok(())
    }
}

/// Whether a window, a quarantine, a pointer to one or an order is too old to matter.
pub(super) fn is_over(kv: &dyn Kv, kind: u8, value: &[u8], before: Timestamp) -> Result<bool, StoreError> {
    Ok(match kind {
        b'w' => record::read::<Window>(value, || "a window".to_owned())?.times.last().is_none_or(|at| *at < before),
        b'z' => {
            let Control { pause, mode, resumed_at, .. } = record::read(value, || "an order".to_owned())?;
            pause.is_none() && mode.is_none() && resumed_at.is_none_or(|resumed| resumed < before)
        }
        b'x' => record::read::<Quarantine>(value, || "a quarantine".to_owned())?.until < before,
        _ => {
            let id: QuarantineId = record::read(value, || "a pointer to a quarantine".to_owned())?;
            quarantine(kv, &id)?.is_none_or(|quarantine| quarantine.until < before)
        }
    })
}
