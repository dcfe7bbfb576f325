//! What all seeds of a thread share, because making it takes longer than a seed: the compiled rules, the adapters, and the
//! threads that rules are asked on.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use super::weather::ALL;
use crate::model::{AccountName, SourceName};
use crate::provider::sandbox::{self, Speaks};
use crate::provider::{Adapter, provider};
use crate::rules::testing::{book, surroundings};
use crate::rules::{AccountFacts, Book, Surroundings};

/// How many replies a conversation gets, and in which time.
pub(super) const CAP: (usize, SignedDuration) = (3, SignedDuration::from_hours(1));

const RULES: &str = r#"
version: 1
rules:
  - name: count
    do: [{ set: { n: "{{ (state.n | default(0)) + 1 }}" } }]
  - name: page
    when: { message.text: { contains_word: urgent } }
    once: { per: event }
    do:
      - note: { text: "Page: {{ message.text }}", page: [dr-lee] }
      - tag: { add: [urgent] }
  - name: remind
    when: { message.text: { contains_word: later } }
    once: { per: event }
    do: [{ reply: { text: "Still there, {{ message.text }}?", delay: 2m, cancel_on: [human_reply, contact_message, closed] } }]
  - name: thanks
    when: { message.text: { contains_word: thanks } }
    once: { per: event }
    do: [{ reply: { text: "You are welcome." } }]
  - name: welcome
    when: { message.text: { contains_word: hello } }
    once: { per: contact }
    do: [{ reply: { text: "Welcome, {{ message.text }}." } }]
  - name: answer
    when: { not: { message.text: { contains_any: [later, thanks, hello] } } }
    once: { per: event }
    do: [{ reply: { text: "About {{ message.text }}." } }]
"#;

/// What seeds share.
pub(super) struct Stock {
    pub(super) book: Arc<Book>,
    pub(super) adapters: BTreeMap<Speaks, Arc<dyn Adapter>>,
    pub(super) runtime: Runtime,
}

impl Stock {
    pub(super) fn new() -> Self {
        let open = |speaks: Speaks| {
            let settings = sandbox::settings(speaks, "https://sandbox.example");
            let opened = provider(speaks.as_str()).unwrap().open(&account(speaks), &settings);
            (speaks, opened.unwrap_or_else(|faults| panic!("{faults:?}")))
        };
        Self {
            book: Arc::new(book(&[("rules.yaml", RULES)], around())),
            adapters: ALL.into_iter().map(open).collect(),
            runtime: Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap(),
        }
    }
}

/// The account at a provider; the source has the same name.
pub(super) fn account(speaks: Speaks) -> AccountName {
    AccountName::from(speaks.as_str())
}

fn around() -> Surroundings {
    let mut around = surroundings();
    let facts = |speaks: Speaks| AccountFacts {
        name: account(speaks),
        provider: speaks.as_str().to_owned(),
        capabilities: provider(speaks.as_str()).unwrap().capabilities().to_vec(),
        own_addresses: vec!["support@desk.example".to_owned()],
        answers_everybody: false,
    };
    around.accounts = ALL.map(facts).to_vec();
    around.sources = ALL.map(|speaks| (SourceName::from(speaks.as_str()), account(speaks))).into();
    let ids = [("spruce", "entity_0D4QABCC06000"), ("fernand", "42"), ("highlevel", "sbxUserLee")];
    let ids = ids.map(|(provider, id)| (provider.to_owned(), id.to_owned()));
    around.members = [("dr-lee".to_owned(), ids.into())].into();
    let (count, per) = CAP;
    let caps = json!({
        "conversation": [format!("{count}/{}m", per.as_mins())], "correspondent": [], "subject": [], "domain": [],
        "body": [], "suspect": [], "rule": [], "account": [],
    });
    // Every message is counted, however long the outage before it.
    around.guard =
        serde_json::from_value(json!({ "caps": caps, "quarantine": "30m", "takeover": "10m", "answer_max_age": "0s" }))
            .unwrap();
    around
}
