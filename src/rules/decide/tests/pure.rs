//! Deciding reads nothing but its facts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::model::{ConversationRecord, Decision, Facts};
use crate::rules::decide::EVERY_RULE;
use crate::rules::testing::{book, event, facts, now, rules, surroundings};
use crate::rules::{Book, Depth, decide};

const LIST: &str = "
  - name: a
    when: { message.text: { matches: '(?<n>\\d+)' } }
    do:
      - reply: { text: 'n {{ captures.n }}', kind: ack }
      - set: { n: '{{ captures.n }}' }
      - script: 'for tag in conversation.tags { tag(tag) } note(\"n\" + state.n)'
  - name: b
    on: [message.received, message.sent, conversation.closed]
    when: { any: [{ state.n: { gt: 5 } }, { contact.email: { exists: true } }] }
    do: [{ reply: { text: b } }, { note: { text: '{{ contact.name }}', page: [dr-lee] } }, { tag: { add: [x] } }]
    once: { per: contact, every: 1h, quiet: 1m }
  - name: v
    when: { message.text: { contains: law } }
    veto: [reply, tag]
  - name: s
    mode: shadow
    do: [{ close: true }]";

static BOOKS: LazyLock<[Book; 2]> = LazyLock::new(|| [the_book(), the_book()]);

fn the_book() -> Book {
    let mut surroundings = surroundings();
    surroundings.guard.allow_multiple = true;
    let rhai = "fn decide(event, state) { if event.message.text.len() > 3 { snippet(1); close(); } }";
    book(&[("10.yaml", &rules(LIST)), ("20.rhai", rhai)], surroundings)
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![Just("order 7".to_owned()), Just("law 9".to_owned()), "\\PC{0,12}"]
}

fn some_facts() -> impl Strategy<Value = Facts> {
    let kinds = prop::sample::select(vec!["message.received", "message.sent", "conversation.closed", "other"]);
    let contact = prop::sample::select(vec![
        json!({}),
        json!({ "email": "ann@example.org", "name": "Ann" }),
        json!({ "email": "noreply@x.example" }),
        json!({ "phone": "+15550100" }),
    ]);
    let headers =
        prop::sample::select(vec![json!({}), json!({ "Auto-Submitted": "auto-replied" }), json!({ "List-Id": "x" })]);
    let tags = prop::collection::vec("[a-c]", 0..3);
    let state = prop::option::of(0..9_i64);
    (kinds, texts(), contact, headers, tags, state, any::<bool>(), 0..100_i64).prop_map(
        |(kind, text, contact, headers, tags, n, is_own, ago)| {
            let written = json!({
                "kind": kind, "contact": contact, "conversation": { "tags": tags },
                "message": { "text": text, "headers": headers }
            });
            let earlier = now().checked_sub(jiff::SignedDuration::from_secs(ago)).unwrap();
            Facts {
                conversation: ConversationRecord {
                    state: n.map(|n| ("n".to_owned(), Value::from(n))).into_iter().collect(),
                    last_inbound: Some(earlier),
                    ..ConversationRecord::default()
                },
                is_own,
                depth: u8::from(is_own),
                ..Facts::fresh(event(written, &surroundings(), 0, now()), now())
            }
        },
    )
}

/// Everything of a decision, also what is not stored with it.
fn whole(decision: &Decision) -> Value {
    let counted: Vec<_> = decision.windows.iter().map(|(key, window)| json!([key, window])).collect();
    json!([
        decision,
        decision.sends,
        decision.conversation,
        decision.contact,
        counted,
        decision.wanted,
        decision.quarantines,
        decision.controls
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deciding_twice_is_deciding_once(facts in some_facts()) {
        let [first, second] = &*BOOKS;
        let decision = decide(first, &facts, Depth::Matched);
        prop_assert_eq!(whole(&decision), whole(&decide(first, &facts, Depth::Matched)));
        prop_assert_eq!(whole(&decision), whole(&decide(second, &facts, Depth::Matched)));
        let mut explained = decide(first, &facts, Depth::Everything);
        prop_assert_eq!(explained.trace.unmatched.len() + explained.trace.matched.len(), 5);
        explained.trace.unmatched.clear();
        prop_assert_eq!(whole(&decision), whole(&explained), "how much is told must not change what is decided");
    }

    #[test]
    fn every_send_has_an_id_of_its_own(facts in some_facts()) {
        let decision = decide(&BOOKS[0], &facts, Depth::Matched);
        prop_assert!(decision.trace.errors.iter().all(|it| it.rule != EVERY_RULE), "deciding panicked");
        let ids: BTreeSet<&str> = decision.sends.iter().map(|send| send.id.as_str()).collect();
        prop_assert_eq!(ids.len(), decision.sends.len());
        prop_assert!(decision.sends.iter().all(|send| send.idempotency_key == send.id.as_str()));
    }

    #[test]
    fn no_reply_leaves_where_the_guard_blocks(facts in some_facts()) {
        let decision = decide(&BOOKS[0], &facts, Depth::Matched);
        prop_assert!(decision.trace.errors.iter().all(|it| it.rule != EVERY_RULE), "deciding panicked");
        let is_blocked = decision.trace.guard.iter().any(|step| step.result == "block");
        let replies = decision.sends.iter().filter(|send| send.action.reaches_contact()).count();
        prop_assert!(!is_blocked || replies == 0);
    }
}

#[test]
fn the_id_of_a_send_depends_on_event_rule_and_place() {
    let list = |rule: &str| format!("  - name: {rule}\n    do: [{{ tag: {{ add: [x] }} }}, {{ tag: {{ add: [x] }} }}]");
    let ids = |rule: &str, facts: &Facts| {
        let book = book(&[("r.yaml", &rules(&list(rule)))], surroundings());
        decide(&book, facts, Depth::Matched).sends.iter().map(|send| send.id.to_string()).collect::<Vec<_>>()
    };
    let facts = facts(json!({}));
    let mut other = facts.clone();
    Arc::make_mut(&mut other.event).id = "evt_2".into();
    let all: Vec<String> = [ids("a", &facts), ids("b", &facts), ids("a", &other)].concat();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 6);
    assert_eq!(ids("a", &facts), ids("a", &facts));
}
