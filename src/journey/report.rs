//! The one log line of each step, and what is counted. Taken before something is handed to the store, said once it is durable.

use std::sync::Arc;

use jiff::SignedDuration;
use metrics::{counter, histogram};

use crate::model::{Decision, Event, Outcome, Quarantine, Scope, Send, SendId, SendState, Verdict};
use crate::rules::Tally;
use crate::store::{Commit, EventClaim};

/// What the log and the counters say of a decision.
pub struct Summary {
    event: Arc<Event>,
    verdicts: Vec<(String, String, Verdict)>,
    errors: Vec<String>,
    quarantines: Vec<Quarantine>,
    paused: Vec<Scope>,
    own: Option<SendId>,
    at: jiff::Timestamp,
}

impl Summary {
    /// Taken before the decision is handed to the store.
    pub fn of(claim: &EventClaim, decision: &Decision) -> Self {
        let verdicts = decision.trace.matched.iter().flat_map(|rule| {
            rule.actions.iter().map(|action| (rule.rule.clone(), action.action.clone(), action.verdict.clone()))
        });
        let errors = decision.trace.errors.iter().map(|error| error.rule.clone()).collect();
        Self {
            event: Arc::clone(&claim.event),
            own: claim.own.clone(),
            verdicts: verdicts.collect(),
            errors,
            quarantines: decision.quarantines.clone(),
            paused: decision.controls.iter().map(|control| control.scope.clone()).collect(),
            at: decision.at,
        }
    }

    /// Says it, once the decision is durable, and counts the rules that failed.
    pub fn report(&self, failures: &Tally) {
        let (mut chosen, mut blocked, mut held, mut drafted) = (0_u32, 0_u32, 0_u32, 0_u32);
        for (rule, action, verdict) in &self.verdicts {
            match verdict {
                Verdict::Chosen => {
                    chosen += 1;
                    counter!("rejoinder_actions_chosen_total", "rule" => rule.clone(), "action" => action.clone())
                        .increment(1);
                }
                Verdict::Blocked { code, .. } => {
                    blocked += 1;
                    counter!("rejoinder_actions_blocked_total", "rule" => rule.clone(), "code" => code.clone())
                        .increment(1);
                }
                Verdict::Failed { .. } => {
                    counter!("rejoinder_actions_failed_total", "rule" => rule.clone()).increment(1)
                }
                Verdict::Held { cause } => {
                    held += 1;
                    counter!("rejoinder_actions_held_total", "rule" => rule.clone(), "cause" => cause.as_str())
                        .increment(1);
                }
                Verdict::Drafted => drafted += 1,
                Verdict::Vetoed { .. } | Verdict::Shadowed => {}
            }
        }
        for rule in &self.errors {
            counter!("rejoinder_rule_errors_total", "rule" => rule.clone()).increment(1);
            failures.count(rule, self.at);
        }
        for quarantine in &self.quarantines {
            let scope = quarantine.scope.as_str();
            counter!("rejoinder_quarantines_total", "account" => quarantine.account.to_string(), "scope" => scope)
                .increment(1);
            tracing::warn!(quarantine = %quarantine.id, scope, cap = quarantine.cap, rule = quarantine.rule,
                event = %quarantine.event, until = %quarantine.until, "a cap was reached; no automatic reply for a while");
        }
        for scope in &self.paused {
            counter!("rejoinder_guard_pauses_total").increment(1);
            tracing::warn!(scope = %scope, event = %self.event.id, "a cap was reached; paused until resumed");
        }
        self.report_delivery();
        counter!("rejoinder_events_decided_total", "source" => self.event.source.to_string()).increment(1);
        let waited = self.at.duration_since(self.event.received_at);
        histogram!("rejoinder_decide_delay_seconds").record(waited.as_secs_f64().max(0.0));
        tracing::info!(
            event = %self.event.id, kind = %self.event.kind, source = %self.event.source, chosen, held,
            drafted, blocked, rule_errors = self.errors.len(), "decided"
        );
    }
}

impl Summary {
    /// What a provider reports of a message from our side; a send of ours that did not reach the contact is a warning.
    fn report_delivery(&self) {
        let Some(report) = &self.event.delivery else { return };
        let (account, status) = (self.event.account.to_string(), report.status.as_str());
        let own = if self.own.is_some() { "true" } else { "false" };
        counter!("rejoinder_delivery_reports_total", "account" => account, "status" => status, "own" => own)
            .increment(1);
        if let Some(send) = self.own.as_ref().filter(|_| report.status.is_failure()) {
            tracing::warn!(send = %send, event = %self.event.id, account = %self.event.account, status,
                permanent = report.is_permanent, reason = report.reason, "a send did not reach the contact");
        }
    }
}

/// What the log and the counters say of a send that did not leave.
pub struct Withheld(Send, &'static str);

impl Withheld {
    /// Taken before the send is handed to the store.
    pub fn of(send: &Send) -> Self {
        Self(send.clone(), "paused")
    }

    /// Of a send that is put off because its account has to wait.
    pub fn put_off(send: &Send) -> Self {
        Self(send.clone(), "account_waits")
    }

    /// Says it, once it is known whether it is durable.
    pub fn report(&self, commit: Commit) {
        let Self(send, postponed_for) = self;
        let (state, reason) = match &send.state {
            SendState::Cancelled { reason } => ("cancelled", reason.as_str()),
            SendState::Held { cause, .. } => ("held", cause.as_str()),
            _ => ("postponed", *postponed_for),
        };
        if commit == Commit::Done {
            counter!("rejoinder_sends_withheld_total", "account" => send.account.to_string(), "state" => state,
                "reason" => reason.to_owned())
            .increment(1);
            tracing::info!(send = %send.id, event = %send.event, rule = %send.rule, account = %send.account, state,
                reason, "did not leave");
        }
    }
}

/// What the log and the counters say of an attempt, or of a reading back.
pub struct SendSummary {
    send: Send,
    outcome: &'static str,
    took: SignedDuration,
}

impl SendSummary {
    /// Taken before the send is handed to the store; `before` is the send as it was claimed.
    pub fn of(send: &Send, before: &Send, took: SignedDuration) -> Self {
        // Reading back leaves the attempts of an unknown send as they are.
        let is_attempt = before.state == SendState::Pending || send.attempts.len() > before.attempts.len();
        let last = send.attempts.last().and_then(|attempt| attempt.outcome.as_ref());
        let outcome = if is_attempt { last.map_or("none", Outcome::name) } else { "read_back" };
        Self { send: send.clone(), outcome, took }
    }

    /// Says it, once it is known whether it is durable.
    pub fn report(&self, commit: Commit) {
        let send = &self.send;
        let (account, action) = (send.account.to_string(), send.action.name());
        let labels =
            [("account", account.clone()), ("action", action.to_owned()), ("outcome", self.outcome.to_owned())];
        counter!("rejoinder_attempts_total", &labels).increment(1);
        if let ([_], [_, ..]) = (send.attempts.as_slice(), send.passed.as_slice()) {
            counter!("rejoinder_lanes_passed_total", "account" => send.account.to_string()).increment(1);
            tracing::warn!(send = %send.id, passed = ?send.passed, lane = %send.lane,
                "its lane went on without the sends before it, which are still tried");
        }
        histogram!("rejoinder_attempt_seconds", "account" => account).record(self.took.as_secs_f64().max(0.0));
        let said = send.attempts.last().and_then(|attempt| match &attempt.outcome {
            Some(Outcome::Refused { reason } | Outcome::TryLater { reason, .. } | Outcome::Unknown { reason }) => {
                Some(reason.as_str())
            }
            _ => None,
        });
        match (commit, &send.state) {
            (Commit::Done, SendState::Delivered) => {
                tracing::info!(send = %send.id, event = %send.event, rule = %send.rule,
                account = %send.account, action, attempts = send.attempts.len(), "delivered")
            }
            (Commit::Done, state) => tracing::warn!(send = %send.id, event = %send.event, rule = %send.rule,
                account = %send.account, action, state = state.name(), said, due = %send.due, "not delivered"),
            _ => tracing::error!(send = %send.id, account = %send.account, outcome = self.outcome,
                "the lease had ended; what came of the attempt was not kept"),
        }
    }
}
