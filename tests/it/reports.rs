//! What a provider reports of a reply after it took it, over its own webhooks.

use rejoinder::model::{DeliveryStatus, SendState};
use rejoinder::provider::sandbox::{self, Speaks};
use rejoinder::store::SendQuery;
use serde_json::{Value, json};

use crate::rig::Bench;

const RULES: &str = "version: 1
rules:
  - name: answer
    do: [{ reply: { text: \"It is on its way.\" } }]
  - name: came-back
    on: delivery.updated
    when: { delivery.status: [bounced, failed], delivery.is_own: true }
    do: [{ set: { came_back: '{{ delivery.status }}' } }]
";

/// The report that a message did not arrive, as the provider sends it, and what it means.
fn report(speaks: Speaks, id: &str) -> (Value, DeliveryStatus) {
    match speaks {
        Speaks::Sequenzy => {
            let data = json!({ "message": { "id": id }, "recipient": "c1001@example.org", "bounce_type": "Permanent" });
            (json!({ "id": "evt_b", "type": "email.bounced", "data": data }), DeliveryStatus::Bounced)
        }
        Speaks::Fernand => {
            let entry =
                json!({ "id": id, "type": "MESSAGE", "way": "OUT", "status": "BOUNCED", "conversation_id": "1001" });
            (entry, DeliveryStatus::Bounced)
        }
        _ => {
            let location = sandbox::settings(speaks, "http://127.0.0.1")["location_id"].clone();
            let message = json!({
                "type": "OutboundMessage", "locationId": location, "messageId": id, "conversationId": "1001",
                "messageType": "SMS", "direction": "outbound", "status": "failed", "webhookId": "w_failed",
            });
            (message, DeliveryStatus::Failed)
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_stands_on_its_send_and_asks_the_rules() {
    for speaks in [Speaks::Sequenzy, Speaks::Fernand, Speaks::HighLevel] {
        let bench = Bench::new(RULES).await;
        let event = bench.arrive(speaks, "1001", "Where is my order?").await;
        bench.settle().await;
        let send = bench.send(&event).await;
        let before = send.state.clone();
        let (payload, status) = report(speaks, send.provider_id.as_deref().unwrap());
        let (reported, _) = bench.post(speaks, &payload).await;
        bench.settle().await;
        let after = bench.send(&event).await;
        let known = after.report.unwrap_or_else(|| panic!("{speaks:?}: nothing was reported"));
        assert_eq!((known.status, &known.event), (status, &reported), "{speaks:?}");
        assert!(after.state == before && matches!(before, SendState::Delivered | SendState::Confirmed), "{before:?}");
        assert_eq!(after.attempts.len(), 1, "{speaks:?}: it is not sent again");
        let matched = bench.decision(&reported).await.trace.matched;
        assert_eq!(matched.iter().map(|rule| rule.rule.as_str()).collect::<Vec<_>>(), ["came-back"], "{speaks:?}");
        let query = SendQuery { reported: Some(status.as_str().to_owned()), ..SendQuery::default() };
        assert_eq!(bench.engine.store.sends(&query).await.unwrap().len(), 1, "{speaks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_of_the_message_confirms_its_send() {
    for speaks in [Speaks::HighLevel, Speaks::Spruce] {
        let bench = Bench::new(RULES).await;
        let event = bench.arrive(speaks, "1001", "Where is my order?").await;
        bench.settle().await;
        assert_eq!(bench.send(&event).await.state, SendState::Confirmed, "{speaks:?}");
    }
}
