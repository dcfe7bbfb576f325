//! What a person is told of order and time: what came too late, what took whose place, who waits for whom.

use serde_json::Value;

use super::output::plain;
use super::story::seconds;

/// Of a decision.
pub(super) fn of_decision(decision: &Value) -> Vec<String> {
    let superseded = decision["supersedes"].as_array().into_iter().flatten().map(|other| {
        let (rule, send) = (plain(&other["rule"]), plain(&other["send"]));
        format!("  its answer takes the place of the reply of {rule} to an earlier message of the burst ({send})")
    });
    let later = &decision["trace"]["decided_after"];
    let late = (!later.is_null()).then(|| {
        let later = seconds(later);
        format!("  it came too late to be put in order: what happened at {later} had been decided before")
    });
    late.into_iter().chain(superseded).collect()
}

/// Of a send.
pub(super) fn of_send(send: &Value) -> Vec<String> {
    let is_open = matches!(send["state"].as_str(), Some("pending" | "unknown"));
    let settling = &send["settling"]["until"];
    let settles = (is_open && !settling.is_null() && send["attempts"].is_null())
        .then(|| "It waits for the end of the burst: an answer to another message would take its place.".to_owned());
    let until = &send["lane_until"];
    let holds = (is_open && !until.is_null()).then(|| {
        format!("Later sends of the conversation wait for it until {}, by `limits.lane_patience`.", seconds(until))
    });
    let passed: Vec<String> = send["passed"].as_array().into_iter().flatten().map(plain).collect();
    let passed = (!passed.is_empty())
        .then(|| format!("It did not wait any longer for {}, which should have left before it.", passed.join(", ")));
    [settles, holds, passed].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_and_time_are_told_in_words() {
        let at = "2026-03-02T10:00:00.5Z";
        let decision = json!({
            "trace": { "decided_after": at },
            "supersedes": [{ "send": "snd_1", "rule": "greet" }]
        });
        let sends = [
            json!({ "state": "pending", "settling": { "until": at } }),
            json!({ "state": "unknown", "settling": { "until": at }, "attempts": [{}], "lane_until": at }),
            json!({ "state": "delivered", "lane_until": at, "passed": ["snd_2", "snd_3"] }),
            json!({ "state": "delivered" }),
        ];
        let told = [of_decision(&decision), sends.iter().flat_map(of_send).collect(), of_decision(&json!({}))].concat();
        insta::assert_snapshot!(told.join("\n"), @r"
          it came too late to be put in order: what happened at 2026-03-02T10:00:00Z had been decided before
          its answer takes the place of the reply of greet to an earlier message of the burst (snd_1)
        It waits for the end of the burst: an answer to another message would take its place.
        Later sends of the conversation wait for it until 2026-03-02T10:00:00Z, by `limits.lane_patience`.
        It did not wait any longer for snd_2, snd_3, which should have left before it.
        ");
    }
}
