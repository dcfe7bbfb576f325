//! Calls of hooks, over a real socket: what their receiver can verify, what becomes of its answers, and that an endpoint
//! that is down holds up nothing but its own calls.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use rejoinder::model::{AccountName, Delivery, EventId, SendState};
use rejoinder::pipeline::{self, Step};
use rejoinder::provider::sandbox::Speaks;
use rejoinder::secret::Secret;
use rejoinder::signature::{self, standard_webhooks};
use serde_json::json;
use tokio::net::TcpListener;

use crate::rig::{Bench, Setup, outcomes};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const RULES: &[(&str, &str)] = &[(
    "rules.yaml",
    r#"
version: 1
rules:
  - name: tell
    once: { per: event }
    do:
      - http: { hook: crm, path: "/orders/{{ message.text }}", body: { text: "{{ message.text }}" } }
      - reply: { text: "We have it." }
"#,
)];

/// What came in at the endpoint, and what it will say; 200 when nothing is left to say.
#[derive(Clone, Default)]
struct Endpoint {
    seen: Arc<Mutex<Vec<(String, Delivery)>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

#[derive(Clone, Copy)]
enum Answer {
    Status(u16),
    RetryAfter(&'static str),
    Never,
}

impl Endpoint {
    async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, endpoint) = (listener.local_addr().unwrap(), self.clone());
        let router = Router::new().fallback(move |uri: axum::http::Uri, headers: HeaderMap, body: Bytes| {
            let endpoint = endpoint.clone();
            async move { endpoint.take(uri.to_string(), headers, body).await }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    async fn take(&self, path: String, headers: HeaderMap, body: Bytes) -> axum::response::Response {
        let delivery = Delivery { headers, body: body.to_vec(), received_at: jiff::Timestamp::now() };
        self.seen.lock().unwrap().push((path, delivery));
        let answer = self.answers.lock().unwrap().pop_front();
        match answer.unwrap_or(Answer::Status(200)) {
            Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
            Answer::RetryAfter(time) => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", time)]).into_response(),
            Answer::Never => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                StatusCode::OK.into_response()
            }
        }
    }

    fn seen(&self) -> Vec<(String, Delivery)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn bench(endpoint: &Endpoint) -> Bench {
    static ADDRESS: Mutex<Option<SocketAddr>> = Mutex::new(None);
    // `change` takes no captures; one bench is set up at a time.
    static SETTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let address = endpoint.start().await;
    let _alone = SETTING.lock().await;
    *ADDRESS.lock().unwrap() = Some(address);
    let change = |config: &mut serde_json::Value| {
        let address = ADDRESS.lock().unwrap().unwrap();
        let headers = json!({ "Authorization": "Bearer planted-token" });
        config["hooks"] =
            json!({ "crm": { "url": format!("http://{address}/hooks"), "secret": SECRET, "headers": headers } });
    };
    Bench::set(Setup { rules: RULES, change, ..Setup::default() }).await
}

async fn call(bench: &Bench) -> bool {
    pipeline::deliver(&bench.engine, &AccountName::from("hook:crm")).await.unwrap() != Step::Idle
}

/// The states of the call and of the reply.
async fn states(bench: &Bench, event: &EventId) -> [SendState; 2] {
    let sends = bench.sends(event).await;
    assert_eq!([sends[0].action.name(), sends[1].action.name()], ["http", "reply"]);
    [sends[0].state.clone(), sends[1].state.clone()]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_can_verify_a_call_and_recognise_its_repeat() {
    let endpoint = Endpoint::default();
    endpoint.answers.lock().unwrap().extend([Answer::Never, Answer::Status(503), Answer::RetryAfter("3600")]);
    let bench = bench(&endpoint).await;
    let event = bench.arrive(Speaks::Spruce, "101", "order 7/x").await;
    bench.decide().await;
    for _ in 0..4 {
        while !call(&bench).await {
            let due = bench.engine.store.next_due(&AccountName::from("hook:crm")).await.unwrap().unwrap();
            bench.time.reach(due);
        }
    }
    let send = bench.sends(&event).await.remove(0);
    assert_eq!(outcomes(&send), ["unknown", "try_later", "try_later", "delivered"]);
    let waited = send.attempts[3].started_at.duration_since(send.attempts[2].started_at);
    assert!(waited.as_secs() >= 3600, "{waited}");
    assert_eq!(send.state, SendState::Delivered);

    let receiver = standard_webhooks(Secret::from(SECRET)).unwrap();
    let stranger = standard_webhooks(Secret::from("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")).unwrap();
    let seen = endpoint.seen();
    assert_eq!(seen.len(), 4);
    for ((path, delivery), attempt) in seen.iter().zip(&send.attempts) {
        let now = attempt.started_at;
        assert_eq!(path, "/hooks/orders/order%207%2Fx");
        assert_eq!(delivery.headers["webhook-id"], send.idempotency_key.as_str());
        assert_eq!(delivery.headers["authorization"], "Bearer planted-token");
        assert_eq!(delivery.body, br#"{"text":"order 7/x"}"#);
        assert!(signature::verify(receiver.as_ref(), delivery.clone(), now).is_ok());
        assert!(signature::verify(stranger.as_ref(), delivery.clone(), now).is_err());
        for header in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let mut without = delivery.clone();
            without.headers.remove(header);
            assert!(signature::verify(receiver.as_ref(), without, now).is_err(), "without {header}");
        }
        let mut changed = delivery.clone();
        changed.body[9] ^= 1;
        assert!(signature::verify(receiver.as_ref(), changed, now).is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_receiver_refuses_is_a_dead_letter_without_a_secret_in_it() {
    let endpoint = Endpoint::default();
    endpoint.answers.lock().unwrap().push_back(Answer::Status(410));
    let bench = bench(&endpoint).await;
    let event = bench.arrive(Speaks::Fernand, "101", "seven").await;
    bench.decide().await;
    assert!(call(&bench).await);
    assert!(!call(&bench).await);
    let send = bench.sends(&event).await.remove(0);
    assert_eq!(send.state, SendState::Dead { reason: "refused: 410".to_owned() });
    let kept = serde_json::to_string(&(&send, &bench.decision(&event).await)).unwrap();
    assert!(!kept.contains("whsec_") && !kept.contains("planted"), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_down_holds_up_nothing_else() {
    let endpoint = Endpoint::default();
    endpoint.answers.lock().unwrap().extend([Answer::Never; 2]);
    let bench = bench(&endpoint).await;
    let event = bench.arrive(Speaks::Spruce, "101", "seven").await;
    bench.decide().await;
    // Both steps at once: the call hangs until its time-out, the reply leaves meanwhile, and the next event is decided.
    let (called, ()) = tokio::join!(call(&bench), async {
        while endpoint.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(bench.deliver(Speaks::Spruce).await.is_some());
        assert_eq!(bench.replies(Speaks::Spruce, "101"), ["We have it."]);
        let next = bench.arrive(Speaks::Spruce, "101", "eight").await;
        assert_eq!(bench.decide().await, [next]);
    });
    assert!(called);
    let [http, reply] = states(&bench, &event).await;
    assert_eq!(reply, SendState::Delivered);
    assert!(http.is_open(), "{http:?}");
}

/// Whoever takes a hook out of the configuration gives up its calls, visibly.
#[tokio::test(flavor = "multi_thread")]
async fn the_calls_of_a_hook_that_is_gone_are_given_up() {
    let endpoint = Endpoint::default();
    let mut bench = bench(&endpoint).await;
    let event = bench.arrive(Speaks::Spruce, "101", "seven").await;
    bench.decide().await;
    let engine = Arc::get_mut(&mut bench.engine).unwrap();
    engine.accounts.remove(&AccountName::from("hook:crm"));
    assert!(call(&bench).await);
    let [http, _] = states(&bench, &event).await;
    assert_eq!(http, SendState::Dead { reason: "refused: there is no account `hook:crm` any more".to_owned() });
    assert!(endpoint.seen().is_empty());
}
