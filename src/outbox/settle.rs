//! What becomes of a send after an attempt, and after its conversation was read back.
//! Calls nobody: what happened goes in, what is next comes out.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::RetryPolicy;
use crate::model::{Answered, Attempt, HoldCause, Outcome, ReadBack, Send, SendState};

/// How long after a try of unknown outcome the conversation is read back: the provider may still be at it, and may take a
/// while to show it.
const SETTLING: SignedDuration = SignedDuration::from_secs(10);

/// How often a conversation is read back without a clear answer before a person has to look: about an hour, so that a
/// provider that is down for a while is not taken for one that cannot tell.
const READ_BACKS: u32 = 10;

/// How long a repeat waits that meets a pause.
const PAUSED: SignedDuration = SignedDuration::from_secs(30);

/// How an unknown outcome is cleared up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// By looking into the conversation.
    ReadBack,
    /// By doing it again: the provider recognises the repeat by its key, or a repeat does no harm.
    Repeat,
    /// By a person.
    Hold,
}

/// What an account wants done about sends of unknown outcome that could be done twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// The conversation is read back, or the send is repeated under its key; what cannot be told so is held for a person.
    #[default]
    Reconcile,
    /// Held for a person at once.
    Hold,
    /// Sent again without looking: the contact may get it twice.
    Retry,
}

impl OnUnknown {
    /// Every word.
    pub const NAMES: [&str; 3] = ["reconcile", "hold", "retry"];
}

/// One try: when it began, how it came out, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// When the call was about to be made.
    pub started_at: Timestamp,
    /// How it came out.
    pub outcome: Outcome,
    /// What the provider answered, where it did.
    pub answer: Option<Answered>,
}

/// The send after an attempt.
pub fn after_attempt(mut send: Send, tried: Tried, remedy: Remedy, policy: &RetryPolicy, now: Timestamp) -> Send {
    let outcome = tried.outcome.clone();
    record(&mut send, tried, now);
    match outcome {
        Outcome::Delivered { provider_id, request_id } => {
            send.state = SendState::Delivered;
            send.provider_id = provider_id;
            send.request_id = request_id;
        }
        Outcome::Refused { reason } => send.state = SendState::Dead { reason: format!("refused: {reason}") },
        // A doubt that was there before this attempt stays: it is not called off, and not taken for a new one.
        Outcome::TryLater { reason, after } => again(&mut send, &reason, after, policy, now),
        Outcome::Unknown { reason } => {
            send.state = SendState::Unknown;
            match remedy {
                Remedy::ReadBack => send.due = settled_at(&send),
                Remedy::Repeat => again(&mut send, &reason, None, policy, now),
                Remedy::Hold => send.state = in_doubt(&reason),
            }
        }
    }
    send
}

/// The send of unknown outcome that a person shall look at without further tries: the program ended during one.
pub fn held_in_doubt(mut send: Send, now: Timestamp) -> Send {
    close_cut_short(&mut send, now);
    send.state = in_doubt("it was not seen how the last attempt ended");
    send
}

/// Waits for a person, who can look where no program can.
fn in_doubt(why: &str) -> SendState {
    let reason = format!("{why}; it may have arrived: look into the conversation, then confirm, release or drop it");
    SendState::Held { cause: HoldCause::Unknown, reason }
}

/// When the conversation of a send of unknown outcome can be read back at the earliest.
pub fn settled_at(send: &Send) -> Timestamp {
    let tried = send.attempts.last().map(|attempt| attempt.ended_at.unwrap_or(attempt.started_at));
    later(tried.unwrap_or(send.created_at), SETTLING)
}

/// The send whose conversation cannot be read back yet.
pub fn wait_to_read_back(mut send: Send) -> Send {
    send.due = settled_at(&send);
    send
}

/// The send after its conversation was read back.
pub fn after_read_back(mut send: Send, told: ReadBack, policy: &RetryPolicy, now: Timestamp) -> Send {
    close_cut_short(&mut send, now);
    match told {
        ReadBack::Landed { provider_id } => {
            send.state = SendState::Delivered;
            send.provider_id = provider_id;
        }
        ReadBack::Absent => {
            send.state = SendState::Pending;
            send.read_backs = 0;
            again(&mut send, "it never arrived", None, policy, now);
        }
        ReadBack::Unclear(why) => {
            send.read_backs += 1;
            send.due = later(now, SETTLING * (1 << send.read_backs.min(6)));
            if send.read_backs >= READ_BACKS {
                send.state = in_doubt(&format!("read back {READ_BACKS} times without a clear answer ({why})"));
            }
        }
    }
    send
}

/// The send that may not leave, as it was before the attempt that was about to begin, in its new state.
pub fn withheld(mut send: Send, state: SendState) -> Send {
    let is_running = |attempt: &mut Attempt| attempt.ended_at.is_none();
    if send.state == SendState::Pending && send.attempts.last_mut().is_some_and(is_running) {
        send.attempts.pop();
    }
    send.state = state;
    send
}

/// The send of unknown outcome whose repeat has to wait.
pub fn postponed(mut send: Send, now: Timestamp) -> Send {
    send.due = later(now, PAUSED);
    send
}

/// The send that was taken up and not made, because its account has to wait so long: no attempt is spent, and what comes
/// behind it in its lane waits as well.
pub fn put_back(send: Send, wait: SignedDuration, now: Timestamp) -> Send {
    let (state, due) = (send.state.clone(), later(now, wait));
    let lane_until = send.lane_until.or(Some(due));
    Send { due, lane_until, ..withheld(send, state) }
}

/// Due again later, unless that was the last attempt.
fn again(send: &mut Send, reason: &str, after: Option<SignedDuration>, policy: &RetryPolicy, now: Timestamp) {
    let all = send.attempts.len();
    let tries = u32::try_from(all.saturating_sub(send.redriven_after)).unwrap_or(u32::MAX);
    match policy.wait(tries.max(1), after, seed(send)) {
        Some(wait) => send.due = later(now, wait),
        None => {
            let given_up = format!("given up after {all} attempts: {reason}");
            send.state = match send.state {
                SendState::Unknown => in_doubt(&given_up),
                _ => SendState::Dead { reason: given_up },
            };
        }
    }
}

/// Writes the outcome into the attempt that is under way. A send of unknown outcome is taken up as it was, so that its
/// repeat is an attempt of its own.
fn record(send: &mut Send, tried: Tried, now: Timestamp) {
    let Tried { started_at, outcome, answer } = tried;
    let (ended_at, outcome) = (Some(now), Some(outcome));
    match send.attempts.last_mut() {
        Some(attempt) if send.state == SendState::Pending && attempt.ended_at.is_none() => {
            (attempt.ended_at, attempt.outcome, attempt.answer) = (ended_at, outcome, answer);
        }
        _ => {
            close_cut_short(send, now);
            let number = u32::try_from(send.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
            send.attempts.push(Attempt { number, started_at, ended_at, outcome, answer });
        }
    }
}

/// Ends the attempt that a crash cut short.
fn close_cut_short(send: &mut Send, now: Timestamp) {
    if let Some(attempt) = send.attempts.last_mut().filter(|attempt| attempt.ended_at.is_none()) {
        attempt.ended_at = Some(now);
        attempt.outcome = Some(Outcome::Unknown { reason: "cut short by the end of the program".to_owned() });
    }
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(now)
}

fn seed(send: &Send) -> u64 {
    let digits = send.id.as_str().bytes().rev().take(8);
    digits.fold(0, |seed, byte| (seed << 8) | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    /// A send under way: the first attempt began at 0.
    fn running() -> Send {
        let mut send: Send = serde_json::from_value(serde_json::json!({
            "id": "snd_1", "event": "evt_1", "rule": "rule", "index": 0, "account": "support", "lane": "lane",
            "action": { "action": "close" }, "due": at(0), "created_at": at(0), "idempotency_key": "key-1",
            "state": "pending"
        }))
        .unwrap();
        send.attempts.push(Attempt::begun(1, at(0)));
        send
    }

    fn unknown() -> Outcome {
        Outcome::Unknown { reason: "no answer".to_owned() }
    }

    fn busy() -> Outcome {
        Outcome::TryLater { reason: "429".to_owned(), after: None }
    }

    fn attempt(send: Send, outcome: Outcome, remedy: Remedy) -> Send {
        let policy = RetryPolicy { attempts: 3, ..RetryPolicy::default() };
        let answer = Some(Answered { status: 429, body: String::new() });
        let tried = Tried { started_at: at(10), outcome, answer: answer.clone() };
        let mut send = after_attempt(send, tried, remedy, &policy, at(20));
        assert_eq!(send.attempts.last().unwrap().answer, answer);
        // What the store does when the send is claimed again.
        if send.state == SendState::Pending {
            let number = send.attempts.len() as u32 + 1;
            send.attempts.push(Attempt::begun(number, at(30)));
        }
        send
    }

    #[test]
    fn a_doubt_lasts_until_it_is_cleared_up() {
        let refused_once = attempt(running(), busy(), Remedy::Repeat);
        assert_eq!((refused_once.state.clone(), refused_once.in_doubt_since()), (SendState::Pending, None));
        let doubtful = attempt(refused_once, unknown(), Remedy::Repeat);
        assert_eq!((doubtful.state.clone(), doubtful.in_doubt_since()), (SendState::Unknown, Some(at(30))));
        let given_up = attempt(doubtful.clone(), busy(), Remedy::Repeat);
        let SendState::Held { cause: HoldCause::Unknown, reason } = &given_up.state else { panic!("{given_up:?}") };
        assert!(reason.starts_with("given up after 3 attempts: 429; it may have arrived"), "{reason}");
        let renewed = Send { renewed_after: 3, state: SendState::Pending, ..given_up.clone() };
        assert_eq!((given_up.in_doubt_since(), renewed.in_doubt_since()), (Some(at(30)), None));
        let numbers: Vec<u32> = given_up.attempts.iter().map(|attempt| attempt.number).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }

    #[test]
    fn a_send_that_has_to_wait_spends_no_attempt() {
        let wait = SignedDuration::from_secs(60);
        let back = put_back(running(), wait, at(10));
        assert_eq!((back.state, back.attempts.len(), back.due), (SendState::Pending, 0, at(70)));
        let doubtful = Send { state: SendState::Unknown, ..running() };
        let back = put_back(doubtful, wait, at(10));
        assert_eq!((back.state, back.attempts.len(), back.due), (SendState::Unknown, 1, at(70)));
    }

    #[test]
    fn an_attempt_that_was_cut_short_is_kept_beside_its_repeat() {
        let cut = Send { state: SendState::Unknown, ..running() };
        assert_eq!(cut.in_doubt_since(), Some(at(0)));
        let repeated = attempt(cut.clone(), busy(), Remedy::Repeat);
        assert_eq!(repeated.state, SendState::Unknown);
        let names: Vec<_> = repeated.attempts.iter().map(|one| one.outcome.as_ref().map(Outcome::name)).collect();
        assert_eq!(names, [Some("unknown"), Some("try_later")]);
        let read = after_read_back(cut.clone(), ReadBack::Absent, &RetryPolicy::default(), at(20));
        assert_eq!((read.state, read.attempts[0].ended_at), (SendState::Pending, Some(at(20))));
        assert_eq!((settled_at(&cut), wait_to_read_back(cut).due), (at(10), at(10)));
    }

    #[test]
    fn what_cannot_be_told_is_left_to_a_person() {
        let mut send = attempt(running(), unknown(), Remedy::ReadBack);
        assert_eq!(send.due, at(30));
        for _ in 0..READ_BACKS {
            assert_eq!(send.state, SendState::Unknown);
            send = after_read_back(send, ReadBack::Unclear("too long".to_owned()), &RetryPolicy::default(), at(30));
        }
        let SendState::Held { cause: HoldCause::Unknown, reason } = send.state else { panic!("{:?}", send.state) };
        assert!(reason.starts_with("read back 10 times without a clear answer (too long); it may have"), "{reason}");
    }

    #[test]
    fn a_doubt_is_held_at_once_where_a_person_wants_to_look() {
        let held = |send: &Send| matches!(send.state, SendState::Held { cause: HoldCause::Unknown, .. });
        let doubtful = attempt(running(), unknown(), Remedy::Hold);
        assert!(held(&doubtful) && doubtful.in_doubt_since().is_some());
        let cut = held_in_doubt(Send { state: SendState::Unknown, ..running() }, at(20));
        assert!(held(&cut) && cut.attempts[0].ended_at == Some(at(20)));
        assert_eq!(attempt(running(), busy(), Remedy::Hold).state, SendState::Pending);
    }
}
