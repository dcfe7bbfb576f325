//! The senders' own libraries against the real program, in both directions: what they sign is accepted, what is not quite
//! that is refused by both, and what the program signs is accepted by them.

mod library;

use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use rejoinder::signature::scheme;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::stage::{Server, Stage, finish, until};
use library::{Delivery, Keys, PEERS, keys, sign, url, verify};

/// Bodies that somebody gets wrong: nothing in it, letters beyond ASCII, white space that JSON leaves free, a name that
/// comes several times in a form, many bytes.
fn bodies() -> Vec<String> {
    vec![
        "{}".to_owned(),
        r#"{"text":"Größe – 尺寸 🙂 \u00e9 \ud83d\ude42","name":"O'Neil & Søn + 1%"}"#.to_owned(),
        " \t{ \"text\" :\r\n\"a\" ,\n\n\"b\":\"  \" }\r\n ".to_owned(),
        r#"{"text":["b","a","B","b"],"Text":"c"}"#.to_owned(),
        json!({ "text": "0123456789 é ".repeat(7_000) }).to_string(),
    ]
}

/// The program's folder, with a source for each peer.
async fn stage(keys: &[Keys]) -> Stage {
    let stage = Stage::set().await;
    let sources = PEERS.iter().zip(keys).map(|(peer, keys)| {
        let held = if keys.private == keys.public { "secrets" } else { "keys" };
        let mut verify = json!({ "scheme": peer.scheme, held: [keys.public] });
        if peer.scheme == "twilio" {
            verify["url"] = json!(url(peer.name));
        }
        format!("  {}: {}\n", peer.name, json!({ "account": "api", "verify": verify }))
    });
    let sources = format!("sources:\n{}", sources.collect::<String>());
    let accounts = "accounts:\n  api: { provider: http, base_url: https://desk.example/api }\n";
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    let config = config.replace("accounts:\n", accounts).replace("sources:\n", &sources);
    stage.write("rejoinder.yaml", &config);
    stage
}

fn signed(keys: &[Keys], at: i64) -> Vec<Delivery> {
    let bodies = bodies();
    sign(keys, &bodies.iter().map(String::as_str).collect::<Vec<_>>(), at)
}

fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Status and `status` of the answer.
async fn post(server: &Server, delivery: &Delivery) -> (u16, Value) {
    let path = format!("{}{}", delivery.peer, delivery.query);
    let answer = server.post(&path, &delivery.headers, &delivery.body).await;
    (answer.status, answer.json()["status"].take())
}

fn title(delivery: &Delivery) -> String {
    let start: String = delivery.body.chars().take(40).collect();
    format!("{} of {start:?} with {:?}", delivery.peer, delivery.headers)
}

/// What is not as it should be when each delivery comes twice: accepted, then known.
async fn unwelcome(server: &Server, deliveries: &[Delivery]) -> Vec<String> {
    let mut faults = Vec::new();
    for delivery in deliveries {
        let answers = (post(server, delivery).await, post(server, delivery).await);
        if answers != ((200, json!("accepted")), (200, json!("duplicate"))) {
            faults.push(format!("{}: {answers:?}", title(delivery)));
        }
    }
    faults
}

/// The deliveries that are not refused.
async fn let_in(server: &Server, deliveries: &[Delivery]) -> Vec<String> {
    let mut faults = Vec::new();
    for delivery in deliveries {
        let (status, _) = post(server, delivery).await;
        if status != 401 {
            faults.push(format!("{}: {status}", title(delivery)));
        }
    }
    faults
}

/// The deliveries that their own library refuses, with its reason.
fn refused(keys: &[Keys], deliveries: &[Delivery]) -> Vec<String> {
    let verdicts = deliveries.iter().zip(verify(keys, deliveries));
    verdicts.filter_map(|(delivery, why)| Some(format!("{}: {}", title(delivery), why?))).collect()
}

/// A text with another character in its middle.
fn with_one_wrong(text: &str) -> String {
    let places: Vec<usize> = text.char_indices().filter(|(_, c)| c.is_ascii_alphanumeric()).map(|(at, _)| at).collect();
    let Some(at) = places.get(places.len() / 2) else { return format!("{text} ") };
    let other = if &text[*at..=*at] == "0" { "1" } else { "0" };
    format!("{}{other}{}", &text[..*at], &text[at + 1..])
}

/// The delivery with one wrong character: in the body, and in each header in turn.
fn spoilt(delivery: &Delivery) -> Vec<Delivery> {
    let mut found = vec![Delivery { body: with_one_wrong(&delivery.body), ..delivery.clone() }];
    for (index, (name, value)) in delivery.headers.iter().enumerate() {
        if name != "content-type" {
            let mut changed = delivery.clone();
            changed.headers[index].1 = with_one_wrong(value);
            found.push(changed);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_senders_own_library_signs_is_accepted_once() {
    let (keys, others) = (keys(), keys());
    let server = stage(&keys).await.serve().await;
    let genuine = signed(&keys, now());
    assert_eq!(genuine.len(), PEERS.len() * bodies().len());
    // Some libraries only verify; then it is their verdict that makes what we signed in their name genuine.
    assert_eq!(refused(&keys, &genuine), Vec::<String>::new());
    assert_eq!(unwelcome(&server, &genuine).await, Vec::<String>::new());
    // A planted fault: the sources hold other keys than these.
    let foreign = signed(&others, now());
    assert_eq!(unwelcome(&server, &foreign).await.len(), foreign.len());
    assert_eq!(let_in(&server, &genuine).await.len(), genuine.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_quite_that_is_refused() {
    let (keys, others) = (keys(), keys());
    let server = stage(&keys).await.serve().await;
    let genuine = signed(&keys, now());
    let mut wrong: Vec<Delivery> = genuine.iter().flat_map(spoilt).collect();
    wrong.extend(signed(&others, now()));
    assert_eq!(let_in(&server, &wrong).await, Vec::<String>::new());
    assert_eq!(refused(&keys, &wrong).len(), wrong.len());
    let is_dated = |delivery: &Delivery| {
        let peer = PEERS.iter().find(|peer| peer.name == delivery.peer).unwrap();
        // Linear's time stands in the body, where these bodies have none.
        peer.scheme != "linear" && scheme(peer.scheme).unwrap().takes().contains(&"tolerance")
    };
    for seconds in [-3600, 3600] {
        let off: Vec<Delivery> = signed(&keys, now() + seconds).into_iter().filter(is_dated).collect();
        assert_eq!(off.len(), 7 * bodies().len());
        assert_eq!(let_in(&server, &off).await, Vec::<String>::new());
    }
    // Nothing of it has used up what the genuine deliveries are known by.
    assert_eq!(unwelcome(&server, &genuine).await, Vec::<String>::new());
}

/// Somebody who listens, and answers 500 below `/desk`.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<(String, HeaderMap, String)>>>);

impl Listener {
    async fn start(&self) -> String {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heard) = (socket.local_addr().unwrap(), self.0.clone());
        let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: String| async move {
            let is_desk = uri.path().starts_with("/desk");
            heard.lock().unwrap().push((uri.path().to_owned(), headers, body));
            if is_desk { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
        });
        tokio::spawn(async move { axum::serve(socket, router).await });
        format!("http://{address}")
    }

    /// What came to a path since the last time, as deliveries of a peer.
    fn take(&self, path: &str, peer: &'static str) -> Vec<Delivery> {
        let mut heard = self.0.lock().unwrap();
        let delivery = |(_, headers, body): (String, HeaderMap, String)| Delivery {
            peer,
            headers: headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
            body,
            query: String::new(),
        };
        heard.extract_if(.., |(to, _, _)| to == path).map(delivery).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_send_signs_is_accepted_by_the_receivers_library() {
    let (keys, others) = (keys(), keys());
    let stage = stage(&keys).await;
    let listener = Listener::default();
    let address = listener.start().await;
    let mut sent = Vec::new();
    // The form of an empty object is an empty body, which is no form.
    for delivery in signed(&keys, now()).into_iter().filter(|delivery| !delivery.body.is_empty()) {
        let own = &keys[PEERS.iter().position(|peer| peer.name == delivery.peer).unwrap()];
        stage.write("payload", &delivery.body);
        stage.write("key", &own.private);
        let mut arguments = vec!["send", delivery.peer, "payload", "--print", "--url", &address];
        if own.private != own.public {
            arguments.extend(["--key", "key"]);
        }
        stage.write("send.sh", &stage.run(&arguments).fine().stdout);
        finish(Command::new("sh").arg(stage.path("send.sh"))).fine();
        let mut arrived = listener.take("/", delivery.peer);
        assert_eq!((arrived.len(), &arrived[0].body), (1, &delivery.body));
        sent.append(&mut arrived);
    }
    assert_eq!(sent.len(), PEERS.len() * bodies().len() - 1);
    assert_eq!(refused(&keys, &sent), Vec::<String>::new());
    assert_eq!(refused(&others, &sent).len(), sent.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hooks_are_told_is_accepted_by_the_libraries_of_standard_webhooks() {
    const RULES: &str = r#"version: 1
rules:
  - name: tell
    do:
      - http: { hook: crm, body: { text: "{{ message.text }}" } }
      - reply: { text: "We have it." }
"#;
    let (mut keys, others) = (keys(), keys());
    let listener = Listener::default();
    let address = listener.start().await;
    let secret = keys[0].public.clone();
    let hook = json!({ "crm": { "url": format!("{address}/hook"), "secret": secret } });
    let stage = Stage::with(&format!("hooks: {hook}\nguard: {{ alert: {{ hook: crm }} }}\n")).await;
    stage.write("rules/10-hello.yaml", RULES);
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    let desk = config.lines().find(|line| line.ends_with("/spruce/v1")).unwrap();
    stage.write("rejoinder.yaml", &config.replace(desk, &format!("    base_url: {address}/desk")));
    let server = stage.serve().await;
    for number in 0..6 {
        let body = stage.arrive(crate::stage::SOURCES[3].1, &format!("{number}"), "Größe 🙂").to_string();
        server.deliver(&stage, "clinic", &body).await;
    }
    let mut told = Vec::new();
    // What the rule calls it for, and the breaker of an account that answers 500 to every reply.
    until("the hook is told", async || {
        told.extend(listener.take("/hook", PEERS[0].name));
        let is_alarmed = told.iter().any(|delivery| delivery.body.contains("breaker.opened"));
        (is_alarmed && told.len() >= 7).then_some(())
    })
    .await;
    for peer in PEERS.iter().take(3) {
        let heard: Vec<Delivery> = told.iter().map(|one| Delivery { peer: peer.name, ..one.clone() }).collect();
        keys.iter_mut().for_each(|own| own.public = secret.clone());
        assert_eq!(refused(&keys, &heard), Vec::<String>::new());
        assert_eq!(refused(&others, &heard).len(), heard.len());
    }
}

/// Whoever installs them asks the registry that their npm is set up with, and gets the same bytes.
#[test]
fn the_lock_file_names_bytes_and_no_registry() {
    let faults = |lock: &Value| -> Vec<String> {
        let packages = lock["packages"].as_object().unwrap().iter().filter(|(name, _)| !name.is_empty());
        let is_wrong = |package: &Value| package.get("resolved").is_some() || !package["integrity"].is_string();
        packages.filter(|(_, package)| is_wrong(package)).map(|(name, _)| name.clone()).collect()
    };
    let lock: Value = serde_json::from_str(include_str!("../peers/package-lock.json")).unwrap();
    assert!(lock["packages"].as_object().unwrap().len() > 50);
    assert_eq!(faults(&lock), Vec::<String>::new());
    let planted = json!({ "packages": { "": {}, "a": { "integrity": "x", "resolved": "y" }, "b": {} } });
    assert_eq!(faults(&planted), ["a", "b"]);
}
