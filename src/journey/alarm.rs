//! Tells the hook under `guard.alert` that an account's breaker opened or closed. Kept in memory like the breakers: after a
//! restart they are closed, and nobody was told.

use std::collections::BTreeSet;

use serde_json::json;

use crate::engine::Engine;
use crate::model::{AccountName, Outcome};
use crate::outbox::{BreakerState, GateStatus, Priority};

/// Tells what has changed since `told`, the accounts that were told to be open. False where it could not be told.
pub async fn tell_breakers(engine: &Engine, told: &mut BTreeSet<AccountName>) -> bool {
    let mut are_all_told = true;
    for (name, account) in &engine.accounts {
        let status = account.http.gate().status();
        let is_open = status.breaker != BreakerState::Closed;
        if is_open == told.contains(name) {
            continue;
        }
        let is_told = tell(engine, name, &account.provider, &status, is_open).await;
        are_all_told &= is_told;
        match is_open {
            _ if !is_told => {}
            true => drop(told.insert(name.clone())),
            false => drop(told.remove(name)),
        }
    }
    are_all_told
}

async fn tell(engine: &Engine, name: &AccountName, provider: &str, status: &GateStatus, is_open: bool) -> bool {
    let Some(alarm) = &engine.alarm else { return true };
    // A hook cannot be told that it does not answer.
    let Some(account) = engine.accounts.get(&alarm.account).filter(|_| *name != alarm.account) else { return true };
    let (verb, now) = (if is_open { "opened" } else { "closed" }, engine.clock.now());
    let body = json!({
        "type": format!("breaker.{verb}"), "timestamp": now,
        "data": { "account": name, "provider": provider, "reason": status.reason, "since": status.since },
    });
    let since = status.since.map_or(0, |since| since.as_millisecond());
    let letters: String = name.as_str().chars().filter(char::is_ascii_alphanumeric).collect();
    let line = account.http.line(Priority::Page);
    let outcome = alarm.hook.tell(&line, &format!("brk_{letters}_{verb}_{since}"), body, now).await;
    match &outcome {
        Outcome::Delivered { .. } => true,
        // Told once more, it would be refused again.
        Outcome::Refused { reason } => {
            tracing::error!(account = %name, reason, "the hook under `guard.alert` refuses to be told of a breaker");
            true
        }
        other => {
            tracing::warn!(account = %name, outcome = other.name(), "the hook under `guard.alert` could not be told of a breaker");
            false
        }
    }
}
