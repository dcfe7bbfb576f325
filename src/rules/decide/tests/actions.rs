//! What actions come to: state, captures, members, fallbacks, and failures that take no other action along.

use serde_json::{Value, json};

use crate::model::Action;
use crate::rules::testing::{Play, story};

fn doing(actions: &str) -> Play {
    Play::new(&format!("  - name: a\n    once: {{ per: event }}\n    do:{actions}"))
}

#[test]
fn state_is_typed_and_later_rules_see_it() {
    let mut play = Play::new(
        "
  - name: count
    do:
      - set: { n: '{{ (state.n | default(0)) + 1 }}', price: '1.10', id: '123456789012345678901234567890', yes: '{{ true }}', word: ' a b ', five: 5, is: false, zero: '007' }
      - set: { seen: '{{ contact_state.seen | default(0) + 1 }}', in: contact }
      - unset: [gone]
  - name: second
    when: { state.n: 2, contact_state.seen: { gte: 2 } }
    do:
      - unset: { keys: [seen], in: contact }
      - set: { n: 10 }
  - name: third
    when: { state.n: 10, contact_state.seen: { not_exists: true }, script: state.n == 10 }
    do: [{ tag: { add: ['n{{ state.n }}'] } }]",
    );
    let first = play.decide(json!({}));
    insta::assert_snapshot!(Value::Object(first.conversation.state), @r#"{"n":1,"price":"1.10","id":"123456789012345678901234567890","yes":true,"word":" a b ","five":5,"is":false,"zero":"007"}"#);
    assert_eq!(Value::Object(first.contact.state), json!({ "seen": 1 }));
    let second = play.decide(json!({}));
    insta::assert_snapshot!(story(&second), @r"
    count set: chosen
    count set: chosen
    count unset: chosen
    second unset: chosen
    second set: chosen
    third tag: chosen
    ");
    assert_eq!(second.conversation.state["n"], 10);
    assert!(second.contact.state.is_empty());
    assert_eq!(serde_json::to_value(&second.sends[0].action).unwrap()["add"], json!(["n10"]));
}

#[test]
fn state_has_bounds() {
    let mut play = doing("\n      - script: 'for i in 0..60 { set(message.text + i, i) }'");
    for letter in ["a", "b", "c", "d"] {
        play.hear(letter);
    }
    let full = play.decide(json!({ "message": { "text": "e" } }));
    assert_eq!(full.conversation.state.len(), 256);
    assert!(story(&full).ends_with("a set: failed: more than 256 values would be remembered"));
    assert!(play.hear("a").ends_with("a set: chosen"), "a key that is there can be set again");
    let long = doing(" [{ set: { a: '{{ message.text }}' } }]").hear(&"x".repeat(20_000));
    assert_eq!(long, "a set: failed: `a` would have 20000 bytes; at most 16384 are remembered");
}

#[test]
fn captures_reach_templates_scripts_and_no_other_rule() {
    let mut play = Play::new(
        "
  - name: a
    when:
      message.text: { contains: order }
      any:
        - message.subject: { matches: 'order #(?<order>\\d+)' }
        - message.text: { matches: 'order #(?<order>\\d+)' }
    do:
      - note: { text: 'order {{ captures.order }}' }
      - script: 'tag(captures.order)'
  - name: b
    when: { any: [{ message.text: { matches: 'no such (?<order>order)' } }, { message.text: { contains: order } }] }
    do: [{ note: { text: 'order {{ captures.order }}' } }]",
    );
    let both = json!({ "message": { "text": "order #2", "subject": "order #1" } });
    let decision = play.decide(both);
    insta::assert_snapshot!(story(&decision), @r#"
    a note: chosen
    a tag: chosen
    b note: failed: `captures.order` is undefined; give it a default: {{ captures.order | default("there") }}
    "#);
    let made: Vec<Value> = decision.trace.matched[0].actions.iter().map(|action| action.rendered.clone()).collect();
    assert_eq!(made[0]["text"], "order 1", "the first of `any` that holds, as it was decided");
    assert_eq!(made[1]["add"], json!(["1"]));
    assert!(play.hear("order #7").starts_with("a note: chosen\na tag: chosen"));
}

#[test]
fn an_action_that_fails_takes_no_other_along() {
    let mut play = doing(
        "
      - note: { text: 'for {{ contact.name }}' }
      - assign: kim
      - reply: { text: x, as: kim }
      - tag: { add: ['{{ message.language | default(\"\") }}'] }
      - note: { markdown: '<!-- nothing -->' }
      - script: 'state.n + 1'
      - script: 'tag(\"before\"); throw \"x\"'
      - set: { n: '{{ state.none }}' }
      - tag: { add: [end] }",
    );
    insta::assert_snapshot!(play.hear("x"), @r#"
    a note: failed: `contact.name` is undefined; give it a default: {{ contact.name | default("there") }}
    a assign: failed: the member `kim` has no id at sandbox; add it under members
    a reply: failed: the member `kim` has no id at sandbox; add it under members
    a tag: failed: a tag renders to an empty text
    a note: failed: it renders to an empty text
    a script: failed: `+` does not work with nothing and a whole number (line 1, column 9)
    a script: failed: the script threw an error (line 1, column 16)
    a set: failed: `state.none` is undefined; give it a default: {{ state.none | default("there") }}
    a tag: chosen
    "#);
    assert_eq!(play.decide(json!({})).sends.len(), 1);
}

#[test]
fn what_a_provider_lacks_is_named() {
    let mut play = doing(" [{ note: { text: x, page: [kim, dr-lee] } }, { snippet: { id: 1 } }]");
    insta::assert_snapshot!(play.tell(json!({ "source": "inbox" })), @r"
    a note: failed: the member `kim` has no id at sandbox; add it under members
    a snippet: chosen
    ");
    insta::assert_snapshot!(play.tell(json!({ "source": "letters" })), @r"
    a note: chosen
    a snippet: failed: sequenzy cannot `snippet`: it keeps no snippets
    ");
    insta::assert_snapshot!(play.tell(json!({ "source": "calls" })), @r"
    a note: chosen
    a snippet: failed: spruce cannot `snippet`: it keeps no snippets
    ");
    let decision = play.decide(json!({ "source": "letters" }));
    assert_eq!(decision.trace.matched[0].actions[0].fallback.as_deref(), Some("a note that names the member"));
    let Action::Note(note) = &decision.sends[0].action else { panic!("{:?}", decision.sends[0].action) };
    assert_eq!((note.page[0].alias.as_str(), note.page[0].id.as_str()), ("kim", "kim"));
    let decision = play.decide(json!({ "source": "calls" }));
    assert_eq!(decision.trace.matched[0].actions[0].fallback, None);
    let Action::Note(note) = &decision.sends[0].action else { panic!("{:?}", decision.sends[0].action) };
    assert_eq!((note.page[0].alias.as_str(), note.page[0].id.as_str()), ("kim", "e2"));
}

#[test]
fn a_send_has_everything_it_needs() {
    let mut play = doing(
        "
      - reply: { markdown: '**Hi**', subject: \"Re:\\n {{ message.subject }}\", delay: 2m, cancel_on: [human_reply, closed], as: dr-lee, kind: ack, attachments: [{ url: 'https://x.example/a.pdf' }, { id: att_1, name: b.pdf }] }
      - assign: dr-lee
      - close: true",
    );
    let decision = play.decide(json!({ "message": { "subject": "a\r\nBcc: b@c" } }));
    let reply = &decision.sends[0];
    assert_eq!(reply.due.duration_since(reply.created_at).as_secs(), 120);
    assert_eq!(reply.idempotency_key, reply.id.as_str());
    assert_eq!((reply.index, decision.sends[2].index), (0, 2));
    insta::assert_snapshot!(serde_json::to_string_pretty(&decision.trace.matched[0].actions[0].rendered).unwrap(), @r#"
    {
      "kind": "ack",
      "text": "Hi",
      "html": "<p><strong>Hi</strong></p>",
      "format": "markdown",
      "subject": "Re: a Bcc: b@c",
      "attachments": [
        {
          "form": "url",
          "url": "https://x.example/a.pdf"
        },
        {
          "form": "stored",
          "id": "att_1",
          "name": "b.pdf"
        }
      ],
      "as": "m1",
      "delay": "2m",
      "cancel_on": [
        "human_reply",
        "closed"
      ]
    }
    "#);
    assert_eq!(
        serde_json::to_value(&decision.sends[1].action).unwrap(),
        json!({ "action": "assign", "alias": "dr-lee", "id": "m1" })
    );
}

#[test]
fn a_delay_beyond_all_time_does_not_send_at_once() {
    let mut play = doing(" [{ reply: { text: x, delay: 4000000d } }]");
    assert_eq!(play.decide(json!({})).sends[0].due, jiff::Timestamp::MAX);
}

#[test]
fn a_snippet_of_ours_is_a_reply_of_its_text() {
    let mut play = doing(" [{ snippet: { name: hours } }]");
    let decision = play.decide(json!({ "contact": { "first_name": "Kim", "email": "kim@example.org" } }));
    let Action::Reply(reply) = &decision.sends[0].action else { panic!("{:?}", decision.sends[0].action) };
    assert_eq!(
        (reply.text.as_str(), reply.html.as_str()),
        ("Hi Kim, 9 to 5.", "<p>Hi Kim, <strong>9 to 5</strong>.</p>")
    );
}
