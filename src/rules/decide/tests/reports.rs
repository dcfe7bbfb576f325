//! Rules on what became of a message from our side.

use serde_json::json;

use crate::model::{Action, Send as OutgoingSend};
use crate::rules::testing::{book, facts, rules, surroundings};
use crate::rules::{Depth, decide};

const BOOK: &str = "
  - name: came-back
    on: delivery.updated
    when: { delivery.status: [bounced, failed], delivery.is_permanent: true, delivery.is_own: true }
    do: [{ note: { text: 'It came back: {{ delivery.reason | default(\"no reason given\") }}' } }]";

fn noted(delivery: serde_json::Value, is_own: bool) -> Vec<String> {
    let mut facts = facts(json!({ "kind": "delivery.updated", "delivery": delivery, "conversation": { "id": "c" } }));
    facts.is_own = is_own;
    let decision = decide(&book(&[("r.yaml", &rules(BOOK))], surroundings()), &facts, Depth::Matched);
    let note = |send: &OutgoingSend| match &send.action {
        Action::Note(note) => note.text.clone(),
        other => other.name().to_owned(),
    };
    decision.sends.iter().map(note).collect()
}

#[test]
fn a_message_that_came_back_can_be_told_to_the_team() {
    let bounced = json!({ "status": "bounced", "is_permanent": true, "reason": "general" });
    assert_eq!(noted(bounced.clone(), true), ["It came back: general"]);
    assert_eq!(noted(bounced, false), [""; 0], "a member wrote it");
    assert_eq!(noted(json!({ "status": "failed", "is_permanent": true }), true), ["It came back: no reason given"]);
    assert_eq!(noted(json!({ "status": "bounced" }), true), [""; 0], "it may pass");
    assert_eq!(noted(json!({ "status": "delivered", "is_permanent": true }), true), [""; 0]);
}
