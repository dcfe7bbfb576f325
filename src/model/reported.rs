//! What a provider says of a send after it took it: it appeared, it arrived, it came back.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::ids::EventId;
use super::send::{Send, SendState};

/// What became of a message from our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It is on its way.
    Sent,
    /// The provider tries again.
    Delayed,
    /// The other side took it.
    Delivered,
    /// It was looked at.
    Opened,
    /// The other side refused it.
    Bounced,
    /// The provider could not send it.
    Failed,
    /// The contact called it spam.
    Complained,
}

impl DeliveryStatus {
    /// Every status.
    pub const ALL: [Self; 7] =
        [Self::Sent, Self::Delayed, Self::Delivered, Self::Opened, Self::Bounced, Self::Failed, Self::Complained];

    /// The word in rules, lists and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Opened => "opened",
            Self::Bounced => "bounced",
            Self::Failed => "failed",
            Self::Complained => "complained",
        }
    }

    /// Whether the message did not reach the contact.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Bounced | Self::Failed)
    }

    /// Whether the message left the provider and did not come back.
    pub fn means_taken(self) -> bool {
        !self.is_failure() && self != Self::Delayed
    }
}

/// A provider's report on a message from our side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliveryReport {
    /// What became of it.
    pub status: DeliveryStatus,
    /// Another message to the same address would fail as well.
    #[serde(default)]
    pub is_permanent: bool,
    /// The provider's word for why, such as `transient`; never a sentence, which could hold an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The provider's id of the message, by which a send of ours is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// A provider's report on a send of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reported {
    /// By which event.
    pub event: EventId,
    /// When it happened, by the provider's clock.
    pub at: Timestamp,
    /// What became of it.
    pub status: DeliveryStatus,
    /// Another message to the same address would fail as well.
    #[serde(default)]
    pub is_permanent: bool,
    /// The provider's word for why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Reported {
    /// The report that an event is, where it is one.
    pub fn of(event: &Event) -> Option<Self> {
        let report = event.delivery.as_ref()?;
        Some(Self {
            event: event.id.clone(),
            at: event.at,
            status: report.status,
            is_permanent: report.is_permanent,
            reason: report.reason.clone(),
        })
    }

    /// Whether this replaces what was known: never an older report, and never a failure by a report that is none.
    fn replaces(&self, known: &Self) -> bool {
        self.at >= known.at && (self.status.is_failure() || !known.status.is_failure())
    }
}

impl Send {
    /// The send after an event that is about it, with the report that the event is; none where that changes nothing. What
    /// arrived is confirmed, also where it had been given up. What came back was taken by the provider: it is not sent
    /// again, and not confirmed either. Nothing is believed of a send that never left.
    pub fn after(self, report: Option<Reported>) -> Option<Self> {
        let may_have_left = match self.state {
            SendState::Delivered | SendState::Unknown | SendState::Confirmed => true,
            SendState::Pending | SendState::Held { .. } | SendState::Dead { .. } => self.was_tried(),
            SendState::Cancelled { .. } | SendState::Dropped { .. } => false,
        };
        let mut after = self.clone();
        let has_arrived = report.as_ref().is_none_or(|report| report.status.means_taken());
        after.state = match (self.state.clone(), has_arrived) {
            (_, true) => SendState::Confirmed,
            (SendState::Unknown, false) => SendState::Delivered,
            (state, false) => state,
        };
        if let Some(report) = report.filter(|report| self.report.as_ref().is_none_or(|known| report.replaces(known))) {
            after.report = Some(report);
        }
        (may_have_left && after != self).then_some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Attempt};
    use crate::rules::testing::{facts, now};

    fn send(state: SendState, tries: u32) -> Send {
        let event = facts(serde_json::json!({})).event;
        let attempts = (0..tries).map(|number| Attempt::begun(number + 1, now())).collect();
        Send { state, attempts, ..Send::new(&event, "greet", 0, Action::Close, now()) }
    }

    fn report(status: DeliveryStatus, second: i64) -> Option<Reported> {
        let at = now() + jiff::SignedDuration::from_secs(second);
        Some(Reported { event: EventId::from("evt_1"), at, status, is_permanent: false, reason: None })
    }

    #[test]
    fn what_arrived_is_confirmed_and_what_came_back_is_not_sent_again() {
        let dead = || SendState::Dead { reason: "given up".to_owned() };
        for (state, tries, status, wanted) in [
            (SendState::Delivered, 1, None, Some("confirmed")),
            (SendState::Delivered, 1, Some(DeliveryStatus::Delivered), Some("confirmed")),
            (SendState::Delivered, 1, Some(DeliveryStatus::Delayed), Some("delivered")),
            (SendState::Delivered, 1, Some(DeliveryStatus::Bounced), Some("delivered")),
            (SendState::Confirmed, 1, Some(DeliveryStatus::Bounced), Some("confirmed")),
            (SendState::Confirmed, 1, None, None),
            (SendState::Unknown, 1, Some(DeliveryStatus::Failed), Some("delivered")),
            (SendState::Unknown, 1, None, Some("confirmed")),
            (SendState::Pending, 1, Some(DeliveryStatus::Failed), Some("pending")),
            (SendState::Pending, 0, Some(DeliveryStatus::Delivered), None),
            (dead(), 1, Some(DeliveryStatus::Complained), Some("confirmed")),
            (dead(), 1, Some(DeliveryStatus::Bounced), Some("dead")),
            (SendState::Dropped { reason: String::new() }, 1, None, None),
        ] {
            let after = send(state.clone(), tries).after(status.and_then(|status| report(status, 1)));
            assert_eq!(after.as_ref().map(|send| send.state.name()), wanted, "{} {status:?}", state.name());
            let kept = after.and_then(|send| send.report).map(|report| report.status);
            assert_eq!(kept, status.filter(|_| wanted.is_some()));
        }
    }

    #[test]
    fn a_failure_stays_known_and_an_older_report_says_nothing_new() {
        let bounced = send(SendState::Delivered, 1).after(report(DeliveryStatus::Bounced, 5)).unwrap();
        assert_eq!(bounced.clone().after(report(DeliveryStatus::Delayed, 9)), None);
        let opened = bounced.clone().after(report(DeliveryStatus::Opened, 9)).unwrap();
        assert_eq!((opened.state, opened.report), (SendState::Confirmed, bounced.report.clone()));
        assert_eq!(bounced.clone().after(report(DeliveryStatus::Bounced, 4)), None);
        let failed = bounced.after(report(DeliveryStatus::Failed, 6)).unwrap();
        assert_eq!(failed.report.unwrap().status, DeliveryStatus::Failed);
    }
}
