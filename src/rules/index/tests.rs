//! The index against plain evaluation, over random rule books and events, and what it leaves out.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::*;
use crate::model::{ContactRecord, ConversationRecord, Decision, Facts};
use crate::rules::testing::{Play, book, event, now, rules, surroundings};
use crate::rules::{Book, Depth, decide, decide_plainly};

/// Words that fold, spell numbers, contain one another, and stand apart by more than one blank.
const WORDS: [&str; 16] = [
    "Refund",
    "refunds",
    "STRASSE",
    "straße",
    "ẞ",
    "art",
    "part",
    "İade",
    "οδος",
    "ΟΔΟΣ",
    "a",
    "5",
    "05",
    "5.0",
    "c++",
    "x  y\u{a0}z",
];

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    let gap = prop::sample::select(vec![" ", "  ", "\n", "-", ""]);
    prop::collection::vec((word(), gap), 0..4)
        .prop_map(|parts| parts.into_iter().map(|(word, gap)| format!("{word}{gap}")).collect())
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => word().prop_map(Value::from),
        1 => text().prop_map(Value::from),
        2 => prop::sample::select(vec![json!(5), json!(5.0), json!(0), json!(-0.0), json!(true), json!(1e300)]),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    let parts = vec![
        "refund",
        "(?<n>Ref)unds?",
        "[Rr]efund",
        "straße",
        "stra(ß|ss)e",
        "ß",
        "part|art|οδος",
        "(a|b|)rt",
        "\\d+",
        "(?-i)Refund",
        "(?i:REFUND)",
        "^",
        "$",
        "\\bart\\b",
        "x\\s+y",
        "x  y",
        "(5\\.0)*",
        "(0?5){1,2}",
        ".",
        "c\\+\\+",
        "(?s).*",
    ];
    prop::sample::subsequence(parts, 1..3).prop_shuffle().prop_map(|parts| parts.concat())
}

/// An operator and what it wants.
fn wish() -> impl Strategy<Value = (&'static str, Value)> {
    let words = || prop::collection::vec(word(), 1..3).prop_map(Value::from);
    let one = |names: &'static [&'static str]| (prop::sample::select(names), word().prop_map(Value::from));
    let truth = any::<bool>().prop_map(Value::from);
    let number = (0..9_i64).prop_map(Value::from);
    prop_oneof![
        4 => one(&["contains", "contains_word", "starts_with", "ends_with"]),
        4 => (prop::sample::select(&["contains_any", "contains_all", "contains_word"][..]), words()),
        5 => (prop::sample::select(&["equals", "has"][..]), scalar()),
        5 => (prop::sample::select(&["one_of", "has_any"][..]), prop::collection::vec(scalar(), 1..3).prop_map(Value::from)),
        3 => (Just("matches"), pattern().prop_map(Value::from)),
        1 => (prop::sample::select(&["exists", "empty"][..]), truth),
        1 => (prop::sample::select(&["gt", "gte", "lt", "lte"][..]), number),
        1 => (prop::sample::select(&["older_than", "newer_than"][..]), Just(json!("1h"))),
    ]
}

fn field() -> impl Strategy<Value = Value> {
    let path = prop::sample::select(vec![
        "message.text",
        "message.text",
        "message.subject",
        "conversation.tags",
        "raw.x",
        "raw.list",
        "state.n",
        "contact_state.n",
        "captures.n",
        "event.kind",
    ]);
    (path, wish(), 0..5_u8, any::<bool>()).prop_map(|(path, (name, wanted), negated, sensitive)| {
        let name = if negated == 0 { format!("not_{name}") } else { name.to_owned() };
        let mut test = json!({ name: wanted });
        if sensitive {
            test["case"] = json!("sensitive");
        }
        json!({ path: test })
    })
}

fn script() -> impl Strategy<Value = Value> {
    let source = ["true", "false", "raw.x == 5", "state.none + 1 > 0", "captures.n != ()", "state.n == \"art\""];
    prop::sample::select(source.to_vec()).prop_map(|source| json!({ "script": source }))
}

fn condition() -> impl Strategy<Value = Value> {
    prop_oneof![9 => field(), 1 => script()].prop_recursive(3, 12, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            3 => list.clone().prop_map(|list| json!({ "all": list })),
            2 => list.prop_map(|list| json!({ "any": list })),
            1 => inner.prop_map(|inner| json!({ "not": inner })),
        ]
    })
}

fn rule() -> impl Strategy<Value = Value> {
    let doing = prop::sample::select(vec![
        json!([{ "set": { "n": "art" } }]),
        json!([{ "set": { "in": "contact", "n": "{{ captures.n | default('5') }}" } }]),
        json!([{ "tag": { "add": ["t"] } }, { "script": "note(`n ${captures.n}`)" }]),
        json!([{ "reply": { "text": "hello" } }]),
    ]);
    let kinds = prop::sample::select(vec![Value::Null, json!("message.sent"), json!(["message.received", "other"])]);
    let more = prop::sample::select(vec![
        json!({}),
        json!({}),
        json!({}),
        json!({ "stop": true }),
        json!({ "veto": "tag" }),
        json!({ "mode": "shadow" }),
        json!({ "mode": "draft" }),
        json!({ "mode": "approve" }),
        json!({ "mode": "off" }),
    ]);
    (
        prop_oneof![1 => Just(0..1), 5 => Just(1..2), 2 => Just(2..4)]
            .prop_flat_map(|count| prop::collection::vec(condition(), count)),
        doing,
        kinds,
        more,
    )
        .prop_map(|(mut all, doing, on, more)| {
            // What a rule reads of `captures` some condition of it must capture; this one always holds.
            if json!([all, doing]).to_string().contains("captures.n") {
                let either = [
                    json!({ "message.text": { "matches": "(?<n>ar)t?" } }),
                    json!({ "event.kind": { "exists": true } }),
                ];
                all.push(json!({ "any": either }));
            }
            let mut rule = Map::from_iter([("do".to_owned(), doing)]);
            if !all.is_empty() {
                rule.insert("when".to_owned(), json!({ "all": all }));
            }
            if !on.is_null() {
                rule.insert("on".to_owned(), on);
            }
            rule.extend(more.as_object().cloned().unwrap_or_default());
            Value::Object(rule)
        })
}

/// JSON is YAML.
fn written() -> impl Strategy<Value = String> {
    prop::collection::vec(rule(), 1..8).prop_map(|mut rules| {
        for (number, rule) in rules.iter_mut().enumerate() {
            rule["name"] = format!("r{number}").into();
        }
        json!({ "version": 1, "rules": rules }).to_string()
    })
}

fn some_facts() -> impl Strategy<Value = Facts> {
    let kind = prop::sample::select(vec!["message.received", "message.received", "message.sent", "other"]);
    let list = || prop::collection::vec(scalar(), 0..3);
    let tags = prop::collection::vec(word(), 0..3);
    (kind, text(), prop::option::of(text()), tags, prop::option::of(scalar()), list(), prop::option::of(word()))
        .prop_map(|(kind, text, subject, tags, x, items, n)| {
            let written = json!({
                "kind": kind, "conversation": { "tags": tags }, "contact": { "email": "ann@example.org" },
                "message": { "text": text, "subject": subject }, "raw": { "x": x, "list": items }
            });
            let state: Map<String, Value> = n.map(|n| ("n".to_owned(), n.into())).into_iter().collect();
            Facts {
                conversation: ConversationRecord { state: state.clone(), ..ConversationRecord::default() },
                contact: ContactRecord { state, ..ContactRecord::default() },
                ..Facts::fresh(event(written, &surroundings(), 0, now()), now())
            }
        })
}

fn several() -> impl Strategy<Value = Vec<Facts>> {
    prop::collection::vec(some_facts(), 8)
}

/// Everything of a decision but how many rules were asked.
fn whole(mut decision: Decision) -> Value {
    decision.trace.rules_evaluated = 0;
    let counted: Vec<_> = decision.windows.keys().map(ToString::to_string).collect();
    json!([&decision, &decision.sends, &decision.conversation, &decision.contact, counted, &decision.quarantines])
}

fn compiled(written: &str) -> Book {
    let script =
        "fn decide(event, state) { if event.message.text.contains(\"art\") { tag(`t${state.n}`); veto(\"note\"); } }";
    book(&[("10.yaml", written), ("20.rhai", script)], surroundings())
}

fn agree(book: &Book, events: &[Facts]) -> Result<(), TestCaseError> {
    for facts in events {
        for depth in [Depth::Matched, Depth::Everything] {
            prop_assert_eq!(whole(decide(book, facts, depth)), whole(decide_plainly(book, facts, depth)));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_the_index_everything_is_decided_as_without_it(written in written(), events in several()) {
        agree(&compiled(&written), &events)?;
    }
}

/// Whether the property above finds a book whose index was spoilt.
fn finds(spoil: fn(&mut Index)) -> bool {
    let config = Config { cases: 4_096, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let found = runner.run(&(written(), several()), |(written, events)| {
        let mut book = compiled(&written);
        spoil(&mut book.index);
        agree(&book, &events)
    });
    found.is_err()
}

#[test]
fn an_index_that_loses_a_rule_is_found() {
    assert!(finds(|index| index.kinds.clear()));
    assert!(finds(|index| index.fields.iter_mut().for_each(|field| field.values.clear())));
    assert!(finds(|index| index.fields.iter_mut().for_each(|field| field.texts = None)));
    assert!(finds(|index| {
        let texts = index.fields.iter_mut().filter_map(|field| field.texts.as_mut());
        texts.filter_map(|texts| texts.rules.last_mut()).for_each(Vec::clear);
    }));
}

/// How many rules are asked about a message of this text.
fn asked(list: &str, text: &str) -> usize {
    let written = json!({ "message": { "text": text, "subject": "Order 17" }, "conversation": { "channel": "email" } });
    Play::new(list).decide(written).trace.rules_evaluated
}

#[test]
fn a_rule_is_asked_about_events_that_show_its_rarest_sign() {
    for (when, text, is_asked) in [
        ("{ message.text: { contains: refund } }", "a REFUND", true),
        ("{ message.text: { contains: refund } }", "a fund", false),
        ("{ conversation.channel: email, message.text: { contains_any: [refund, money] } }", "hi", false),
        ("{ conversation.channel: email, message.text: { contains_any: [refund, money] } }", "money", true),
        ("{ conversation.channel: sms }", "hi", false),
        ("{ message.subject: { matches: '^parcel \\d' } }", "hi", false),
        ("{ message.subject: { matches: '^order \\d' } }", "hi", true),
        ("{ any: [{ message.text: { contains: refund } }, { conversation.channel: sms }] }", "hi", false),
        ("{ any: [{ message.text: { contains: refund } }, { message.text: { not_contains: x } }] }", "hi", true),
        ("{ not: { message.text: { contains: refund } } }", "hi", true),
        ("{ state.n: { contains: refund } }", "hi", true),
        ("{ message.text: { contains: refund }, script: 'true' }", "hi", false),
        ("{ script: 'true', message.text: { contains: refund } }", "hi", true),
    ] {
        let list = format!("  - {{ name: a, when: {when}, do: [{{ tag: {{ add: [x] }} }}] }}");
        assert_eq!(asked(&list, text), usize::from(is_asked), "{when} of {text:?}");
    }
}

#[test]
fn of_a_thousand_rules_only_those_are_asked_whose_words_are_there() {
    let rule = |number: usize| {
        format!(
            "  - name: r{number}\n    when: {{ conversation.channel: email, message.text: {{ contains_any: [word{number}x, \
             other{number}x] }}, message.subject: {{ matches: 'order \\d+' }} }}\n    do: [{{ tag: {{ add: [x] }} }}]\n"
        )
    };
    let list: String = (0..1_000).map(rule).collect();
    assert_eq!(asked(&list, "word7x, other7x, then other812x and word5"), 2);
    let same: String = (0..1_000).map(|number| rule(number).replace(&format!("{number}x"), "")).collect();
    assert_eq!(book(&[("r.yaml", &rules(&same))], surroundings()).rules().len(), 1_000);
    assert_eq!(asked(&same, "a word"), 1_000, "what all rules share tells them not apart");
}
