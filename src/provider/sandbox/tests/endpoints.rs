//! Endpoints: what the sandbox refuses, and that the real adapters register, rotate and read what is kept.

use jiff::SignedDuration;
use serde_json::json;

use super::adapters::{Session, Wire, read, session};
use super::*;
use crate::model::{EventKind, SourceName};
use crate::provider::conformance::{NoVault, run};
use crate::provider::registration::{EndpointChange, Made, Plan, end_of_rotation, rotate};
use crate::provider::{Endpoints, Polled, ReadError, Reading, RegisteredEndpoint, Registration};

const BOTH: [Speaks; 2] = [Speaks::Sequenzy, Speaks::Spruce];

#[test]
fn what_is_no_call_of_the_api_is_refused() {
    let good = json!({ "name": "rejoinder", "url": "https://a.example/webhooks/inbox" });
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    let null = || Value::Null;
    check(
        Speaks::Sequenzy,
        &[
            ("POST /sequenzy/api/v1/webhooks", good.clone(), 201),
            ("POST /sequenzy/api/v1/webhooks", with("events", json!(["email.replied"])), 201),
            ("POST /sequenzy/api/v1/webhooks", with("secret", json!("mine")), 400),
            ("POST /sequenzy/api/v1/webhooks", with("url", json!("http://a.example/")), 400),
            ("POST /sequenzy/api/v1/webhooks", with("name", json!("")), 400),
            ("GET /sequenzy/api/v1/webhooks", null(), 200),
            ("GET /sequenzy/api/v1/webhooks?page=2", null(), 400),
            ("PATCH /sequenzy/api/v1/webhooks/webhook_none", json!({ "status": "disabled" }), 404),
            ("POST /sequenzy/api/v1/webhooks/webhook_none/test", null(), 404),
            ("POST /sequenzy/api/v1/webhooks/webhook_none/paused", null(), 404),
        ],
    );
    check(
        Speaks::Spruce,
        &[
            ("POST /spruce/v1/webhooks/endpoints", good.clone(), 200),
            ("POST /spruce/v1/webhooks/endpoints", with("events", json!([])), 400),
            ("POST /spruce/v1/webhooks/endpoints", json!({ "url": "https://a.example/" }), 400),
            ("POST /spruce/v1/webhooks/endpoints", with("url", json!("http://a.example/")), 400),
            ("GET /spruce/v1/webhooks/endpoints", null(), 200),
            ("GET /spruce/v1/webhooks/endpoints/wde_none", null(), 404),
            ("GET /spruce/v1/webhooks/endpoints/wde_none/events", null(), 404),
            ("GET /spruce/v1/webhooks/endpoints?pageSize=2", null(), 400),
            ("POST /spruce/v1/webhooks/endpoints/wde_none/paused?paused=true", null(), 404),
            ("POST /spruce/v1/webhooks/endpoints/wde_none/paused?paused=perhaps", null(), 400),
            ("PATCH /spruce/v1/webhooks/endpoints/wde_none", json!({}), 404),
        ],
    );
    for (who, line, status) in [
        (Speaks::Sequenzy, "GET /sequenzy/api/v1/webhooks", 401),
        (Speaks::Spruce, "GET /spruce/v1/webhooks/endpoints", 403),
    ] {
        let wrong: &[(&str, &str)] = &[("x-api-key", KEY)];
        for headers in [&[][..], wrong] {
            assert_eq!(ask_with(&sandbox(), line, headers, &Value::Null).status, status, "{who:?}");
        }
    }
}

/// The endpoints of a session, and what they are asked with.
fn with<T>(session: &Session, ask: impl AsyncFnOnce(&dyn Endpoints, &Reading<'_>) -> T) -> T {
    let Registration::Api(endpoints) = session.adapter.registration() else { panic!("by hand") };
    let http = Wire(session.sandbox.clone());
    run(ask(endpoints, &Reading { http: &http, vault: &NoVault, now: now() }))
}

fn list(session: &Session) -> Vec<RegisteredEndpoint> {
    with(session, async |endpoints, read| endpoints.list(read).await).unwrap()
}

/// Plans and carries out; what was planned and what came of it.
fn register(session: &Session, url: &str) -> (Plan, Made) {
    let url = url.parse().unwrap();
    with(session, async |endpoints, read| {
        let plan = Plan::of(endpoints, &endpoints.list(read).await.unwrap(), &url);
        (plan.clone(), plan.carry_out(endpoints, read, &url).await.unwrap())
    })
}

const URL: &str = "https://a.example/webhooks/inbox";

#[test]
fn an_endpoint_is_made_once_and_mended_when_it_is_not_as_it_should_be() {
    for who in BOTH {
        let session = session(who);
        let (plan, made) = register(&session, URL);
        assert_eq!(plan, Plan::Create, "{who:?}");
        let secret = made.secret.clone().unwrap();
        assert!(!format!("{made:?}").contains(secret.expose()), "{who:?}");
        let (plan, again) = register(&session, URL);
        assert!(matches!(plan, Plan::Update(_, changes) if changes.is_empty()), "{who:?}");
        assert!(again.secret.is_none(), "{who:?}: it is shown once");
        assert_eq!(list(&session), std::slice::from_ref(&again.endpoint), "{who:?}");
        assert!(!format!("{:?}", list(&session)).contains(secret.expose()), "{who:?}");
        with(&session, async |endpoints, read| endpoints.change(read, &again.endpoint, EndpointChange::Pause).await)
            .unwrap();
        if who == Speaks::Sequenzy {
            let fewer = EndpointChange::Subscribe(vec!["email.bounced".to_owned(), "email.replied".to_owned()]);
            with(&session, async |endpoints, read| endpoints.change(read, &again.endpoint, fewer).await).unwrap();
        }
        assert!(list(&session)[0].paused, "{who:?}");
        register(&session, URL);
        let mended = list(&session).remove(0);
        assert!(!mended.paused, "{who:?}");
        if who == Speaks::Sequenzy {
            assert_eq!(mended.events, ["email.bounced", "email.replied", "email.received"]);
        }
        register(&session, "https://b.example/webhooks/inbox");
        assert_eq!(list(&session).len(), 2, "{who:?}: another address is another endpoint");
    }
}

#[test]
fn a_second_secret_is_made_before_the_first_one_goes() {
    for who in BOTH {
        let session = session(who);
        let (_, first) = register(&session, URL);
        let second = with(&session, async |endpoints, read| rotate(endpoints, read, &first.endpoint).await).unwrap();
        let (first, second) = (first.secret.unwrap(), second.secret.unwrap());
        assert_ne!(first.expose(), second.expose(), "{who:?}");
        let own = list(&session);
        assert_eq!(own.iter().map(|endpoint| endpoint.secrets.len()).sum::<usize>(), 2, "{who:?}");
        let newest = own.last().unwrap().secrets.last().unwrap().clone();
        with(&session, async |endpoints, read| {
            for (endpoint, change) in end_of_rotation(endpoints, &own) {
                endpoints.change(read, &endpoint, change).await.unwrap();
            }
        });
        let left: Vec<String> = list(&session).into_iter().flat_map(|endpoint| endpoint.secrets).collect();
        assert_eq!(left, [newest], "{who:?}");
        let nothing = with(&session, async |endpoints, _| end_of_rotation(endpoints, &[]).len());
        assert_eq!(nothing, 0);
        let last = list(&session).remove(0);
        let gone = |change| with(&session, async |endpoints, read| endpoints.change(read, &last, change).await);
        let refused = gone(EndpointChange::RemoveSecret(last.secrets[0].clone()));
        assert!(matches!(refused, Err(ReadError::Refused(_))), "{who:?}");
        assert_eq!(gone(EndpointChange::Test).is_ok(), who == Speaks::Sequenzy);
        gone(EndpointChange::Delete).unwrap();
        assert_eq!(list(&session), [], "{who:?}");
    }
}

fn stored(session: &Session, since: jiff::Timestamp) -> (Vec<Option<Polled>>, usize) {
    let endpoint = list(session).remove(0);
    with(session, async |endpoints, read| {
        let (mut events, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
        loop {
            let page = endpoints.stored(read, &endpoint, since, cursor.as_deref()).await.unwrap();
            events.extend(page.items);
            pages += 1;
            cursor = page.next;
            if cursor.is_none() {
                return (events, pages);
            }
        }
    })
}

#[test]
fn what_is_kept_is_what_was_delivered_and_is_known_by_the_same_key() {
    let session = session(Speaks::Spruce);
    register(&session, URL);
    let mut delivered = Vec::new();
    for number in 0..45 {
        let at = now() - SignedDuration::from_mins(number);
        delivered.push(session.sandbox.arrive(
            Speaks::Spruce,
            incoming(Speaks::Spruce, &format!("message {number}")),
            at,
        ));
    }
    let archive =
        ask(&session.sandbox, Speaks::Spruce, "PATCH /spruce/v1/conversations/t_1", json!({ "archived": true }));
    assert_eq!(archive.status, 200);
    let (all, pages) = stored(&session, now() - SignedDuration::from_hours(24));
    assert_eq!((all.len(), pages), (46, 3));
    let kept: Vec<Polled> = all.into_iter().map(Option::unwrap).collect();
    for webhook in delivered {
        let told = read(&*session.adapter, &webhook);
        let same = kept.iter().find(|polled| polled.draft.dedupe_key == told.dedupe_key).unwrap();
        assert_eq!((&same.draft, &same.raw), (&told, &webhook));
    }
    assert!(kept.iter().any(|polled| polled.draft.kind == EventKind::ConversationClosed));
    assert_eq!(stored(&session, now() - SignedDuration::from_mins(4)).0.len(), 6);
}

#[test]
fn an_endpoint_is_of_the_source_that_its_address_ends_in() {
    let source = SourceName::from("inbox");
    for (url, expected) in [
        (URL, true),
        ("https://a.example/behind/a/proxy/webhooks/inbox", true),
        ("https://a.example/webhooks/inbox?x=1", true),
        ("https://a.example/webhooks/inbox2", false),
        ("https://a.example/inbox", false),
        ("https://a.example/webhooks/inbox/", false),
        ("nowhere", false),
    ] {
        let endpoint = RegisteredEndpoint { url: url.to_owned(), ..RegisteredEndpoint::default() };
        assert_eq!(endpoint.is_for(&source), expected, "{url}");
    }
}
