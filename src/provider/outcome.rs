//! What an answer, or the lack of one, means for a send. The same for every provider that does not say otherwise.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::http::{CallError, Response};
use crate::model::Outcome;

/// Whether the call may be made again without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It only reads, or its effect is the same when done twice.
    Safe,
    /// It makes something new each time: an unclear outcome must be cleared up first, by reading back or by a key.
    Harmful,
}

/// The longest wait taken over from a provider.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// Reads an answer. `delivered` is asked for what to remember of a 2xx.
///
/// | answer | outcome |
/// |---|---|
/// | 2xx with JSON or without a body | delivered |
/// | 401, 403, 408, 425, 429, 503, not sent | try later: nothing was done, and waiting or new credentials help |
/// | 500, 502, 504, other 5xx, no answer, 2xx that is not JSON | unknown where repeating does harm, else try later |
/// | forbidden by the egress policy, 3xx, other 4xx | refused |
pub fn judge(
    result: Result<Response, CallError>,
    repeat: Repeat,
    now: Timestamp,
    delivered: impl FnOnce(&Response) -> Outcome,
) -> Outcome {
    let unclear = |reason: String, after| match repeat {
        Repeat::Safe => Outcome::TryLater { reason, after },
        Repeat::Harmful => Outcome::Unknown { reason },
    };
    match result {
        // Whoever says 200 in HTML is a proxy or a maintenance page, not the provider.
        Ok(response) if response.is_success() && is_foreign(&response) => {
            unclear(format!("{} without JSON", response.status), None)
        }
        Ok(response) if response.is_success() => delivered(&response),
        Ok(response) => {
            let (reason, after) = (reason(&response), wait(&response, now));
            match response.status {
                401 | 403 | 408 | 425 | 429 | 503 => Outcome::TryLater { reason, after },
                500..=599 => unclear(reason, after),
                _ => Outcome::Refused { reason },
            }
        }
        Err(CallError::NotSent(why)) => Outcome::TryLater { reason: format!("not sent: {why}"), after: None },
        Err(CallError::Unanswered(why)) => unclear(format!("no answer: {why}"), None),
        Err(error @ CallError::Forbidden(_)) => Outcome::Refused { reason: error.to_string() },
    }
}

/// The wait that an answer asks for, as far as it is taken over.
pub fn wait(response: &Response, now: Timestamp) -> Option<SignedDuration> {
    response.retry_after(now).map(|wait| wait.min(LONGEST_WAIT))
}

/// A send that the provider will never take.
pub fn refused(reason: impl Into<String>) -> Outcome {
    Outcome::Refused { reason: reason.into() }
}

/// An action that no provider is ever given, since hooks have accounts of their own.
pub fn for_hooks_only() -> Outcome {
    refused("`http` is carried out by hooks, not by providers")
}

/// The JSON of an answer to a call that may be repeated without harm, else the outcome of the send that needed it.
pub fn answered(result: Result<Response, CallError>, now: Timestamp) -> Result<Value, Outcome> {
    let mut json = Value::Null;
    let outcome = judge(result, Repeat::Safe, now, |response| {
        json = response.json();
        Outcome::done()
    });
    match outcome {
        Outcome::Delivered { .. } => Ok(json),
        other => Err(other),
    }
}

/// The JSON of an answer that no send waits for, else why there is none, in words without content.
pub fn shown(result: Result<Response, CallError>) -> Result<Value, String> {
    // The time only serves to read a date in `Retry-After`, which nobody asks for here.
    answered(result, Timestamp::UNIX_EPOCH).map_err(in_words)
}

/// Why an outcome is not a delivery.
pub fn in_words(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused { reason } | Outcome::TryLater { reason, .. } | Outcome::Unknown { reason } => reason,
        Outcome::Delivered { .. } => "delivered".to_owned(),
    }
}

fn is_foreign(response: &Response) -> bool {
    !response.body.is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(&response.body).is_err()
}

/// The status and the provider's short machine-readable word for it. Never its prose, which may quote the message.
pub fn reason(response: &Response) -> String {
    let json = response.json();
    let word =
        ["code", "type", "error"].into_iter().find_map(|key| json.get(key).and_then(Value::as_str)).filter(|word| {
            word.len() <= 40 && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '))
        });
    match word {
        Some(word) => format!("{} {word}", response.status),
        None => response.status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Result<Response, CallError> {
        Ok(Response { status, headers: http::HeaderMap::new(), body: b"{\"error\":\"some_code\"}".to_vec() })
    }

    #[test]
    fn each_answer_has_one_meaning() {
        let name = |result, repeat| judge(result, repeat, Timestamp::UNIX_EPOCH, |_| Outcome::done()).name();
        for (status, harmful, safe) in [
            (200, "delivered", "delivered"),
            (204, "delivered", "delivered"),
            (301, "refused", "refused"),
            (400, "refused", "refused"),
            (401, "try_later", "try_later"),
            (403, "try_later", "try_later"),
            (404, "refused", "refused"),
            (408, "try_later", "try_later"),
            (422, "refused", "refused"),
            (429, "try_later", "try_later"),
            (500, "unknown", "try_later"),
            (502, "unknown", "try_later"),
            (503, "try_later", "try_later"),
            (504, "unknown", "try_later"),
        ] {
            assert_eq!(name(answer(status), Repeat::Harmful), harmful, "{status}");
            assert_eq!(name(answer(status), Repeat::Safe), safe, "{status}");
        }
        for (body, harmful, safe) in
            [("", "delivered", "delivered"), ("{}", "delivered", "delivered"), ("<html>", "unknown", "try_later")]
        {
            let ok = || Ok(Response { status: 200, headers: http::HeaderMap::new(), body: body.into() });
            assert_eq!((name(ok(), Repeat::Harmful), name(ok(), Repeat::Safe)), (harmful, safe), "{body}");
        }
        assert_eq!(name(Err(CallError::NotSent(String::new())), Repeat::Harmful), "try_later");
        assert_eq!(name(Err(CallError::Unanswered(String::new())), Repeat::Harmful), "unknown");
        assert_eq!(name(Err(CallError::Forbidden(String::new())), Repeat::Safe), "refused");
    }

    #[test]
    fn a_read_gives_json_or_the_reason() {
        assert_eq!(shown(answer(200)), Ok(serde_json::json!({ "error": "some_code" })));
        assert_eq!(shown(answer(404)), Err("404 some_code".to_owned()));
        assert_eq!(shown(Err(CallError::Unanswered("reset".to_owned()))), Err("no answer: reset".to_owned()));
        assert_eq!(answered(answer(500), Timestamp::UNIX_EPOCH).unwrap_err().name(), "try_later");
        assert_eq!(answered(answer(404), Timestamp::UNIX_EPOCH), Err(refused("404 some_code")));
    }

    #[test]
    fn a_reason_never_quotes_prose() {
        let prose = Response {
            status: 400,
            headers: http::HeaderMap::new(),
            body: b"{\"error\":\"no route to ann@example.org\"}".to_vec(),
        };
        assert_eq!(reason(&prose), "400");
    }
}
