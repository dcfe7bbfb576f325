//! The order in a lane: a send that is to be tried again is not overtaken by a later one, but it does not hold up its
//! conversation for ever.

use jiff::{SignedDuration, Timestamp};

use crate::model::{Send, SendState};

/// How long later sends wait, by default: a provider that is down for a moment changes no order, and one that is down for
/// the morning holds up nobody who could be answered.
pub const LANE_PATIENCE: SignedDuration = SignedDuration::from_mins(15);

/// The send as its attempt left it, with how long those behind it wait: from the moment when its turn first came, so that
/// no retry makes it longer.
pub fn hold_up(mut send: Send, patience: SignedDuration) -> Send {
    let is_to_be_tried = matches!(send.state, SendState::Pending | SendState::Unknown);
    let turn = send.turn().filter(|_| is_to_be_tried && patience.is_positive());
    send.lane_until = turn.map(|turn| turn.checked_add(patience).unwrap_or(Timestamp::MAX));
    send
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Attempt;

    #[test]
    fn a_lane_waits_from_the_first_try_on_and_never_longer() {
        let later = |minutes: i64| Timestamp::from_second(1_000_000 + 60 * minutes).unwrap();
        let mut send: Send = serde_json::from_value(serde_json::json!({
            "id": "snd_1", "event": "evt_1", "rule": "greet", "index": 0, "account": "support", "lane": "lane",
            "action": { "action": "close" }, "due": later(0), "created_at": later(0), "idempotency_key": "key",
            "state": "pending"
        }))
        .unwrap();
        assert_eq!(hold_up(send.clone(), LANE_PATIENCE).lane_until, None, "it was not tried");
        for (number, minutes) in [(1, 0), (2, 10)] {
            send.attempts.push(Attempt::begun(number, later(minutes)));
            send = hold_up(send, LANE_PATIENCE);
            assert_eq!(send.lane_until, Some(later(15)));
        }
        assert_eq!(hold_up(send.clone(), SignedDuration::ZERO).lane_until, None);
        send.redriven_after = 1;
        assert_eq!(hold_up(send.clone(), LANE_PATIENCE).lane_until, Some(later(25)), "a person began anew");
        send.state = SendState::Delivered;
        assert_eq!(hold_up(send, LANE_PATIENCE).lane_until, None);
    }
}
