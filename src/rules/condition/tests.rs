//! Operators as a table of rows, groups as random trees.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::rules::site::Site;
use crate::rules::testing::{facts, surroundings};
use crate::yaml::{Document, Faults};

fn compiled(when: Value) -> Result<Condition, String> {
    let surroundings = surroundings();
    let (document, found) = (Document::parse("t.yaml", "").unwrap(), RefCell::new(Faults::default()));
    let condition = compile(when.as_object().unwrap(), &Site::new(&document, &surroundings, &found));
    found.into_inner().or(condition).map_err(|faults| faults.to_string())
}

/// Whether a condition holds of an event with this `raw`, and what it captured.
fn ask(when: Value, raw: Value) -> (Result<bool, String>, Value) {
    let surroundings = surroundings();
    let condition = compiled(when).unwrap();
    let given = facts(json!({ "raw": raw }));
    let mut view = View::new(&given, &surroundings);
    let holds = condition.holds(&mut view);
    (holds, Value::Object(view.captures()))
}

/// Operator, what is wanted, the value of the field (`null`: it has none), whether it holds. A `*` before the operator
/// stands for `case: sensitive`.
fn rows() -> Vec<(&'static str, Value, Value, bool)> {
    let mut rows = Vec::new();
    rows.extend(equality_rows());
    rows.extend(text_rows());
    rows.extend(other_rows());
    rows
}

fn equality_rows() -> Vec<(&'static str, Value, Value, bool)> {
    let list = || json!(["VIP", "new", 7]);
    vec![
        ("equals", json!("open"), json!("Open"), true),
        ("equals", json!("open"), json!("reopened"), false),
        ("equals", json!("open"), Value::Null, false),
        ("*equals", json!("open"), json!("Open"), false),
        ("*equals", json!("open"), json!("open"), true),
        ("equals", json!("strasse"), json!("Straße"), true),
        ("equals", json!("STRASSE"), json!("Straße"), true),
        ("equals", json!("i"), json!("İ"), true),
        ("equals", json!("ΟΔΟΣ"), json!("οδος"), true),
        ("equals", json!("vip"), list(), true),
        ("equals", json!("old"), list(), false),
        ("equals", json!(7), list(), true),
        ("equals", json!(5), json!("5"), true),
        ("equals", json!("5"), json!(5), true),
        ("equals", json!(5), json!("05"), false),
        ("equals", json!(5), json!(5.0), true),
        ("equals", json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64), false),
        ("equals", json!(true), json!(true), true),
        ("equals", json!(true), json!("true"), false),
        ("equals", json!("open"), json!({ "a": "open" }), false),
        ("one_of", json!(["open", "new"]), json!("NEW"), true),
        ("one_of", json!(["open", 5]), json!("5"), true),
        ("one_of", json!(["open"]), json!("closed"), false),
        ("one_of", json!(["open"]), Value::Null, false),
        ("*one_of", json!(["open"]), json!("Open"), false),
        ("has", json!("vip"), list(), true),
        ("has", json!("vi"), list(), false),
        ("has", json!("vip"), json!([]), false),
        ("*has", json!("vip"), list(), false),
        ("has_any", json!(["old", "vip"]), list(), true),
        ("has_any", json!(["old"]), list(), false),
        ("has_any", json!(["old"]), Value::Null, false),
    ]
}

fn text_rows() -> Vec<(&'static str, Value, Value, bool)> {
    let text = || json!("I want my Money back, 2nd try. STRASSE 5");
    vec![
        ("contains", json!("money BACK"), text(), true),
        ("contains", json!("refund"), text(), false),
        ("contains", json!("x"), Value::Null, false),
        ("*contains", json!("money back"), text(), false),
        ("*contains", json!("Money back"), text(), true),
        ("contains", json!("straße"), text(), true),
        ("contains", json!(5), text(), true),
        ("contains", json!("iade"), json!("İADE istiyorum"), true),
        ("contains", json!("5"), json!(1250), true),
        ("contains", json!("ru"), json!(true), true),
        ("contains", json!("b"), json!(["a", "abc"]), true),
        ("contains_any", json!(["refund", "MONEY"]), text(), true),
        ("contains_any", json!(["refund", "return"]), text(), false),
        ("contains_any", json!(["refund"]), Value::Null, false),
        ("*contains_any", json!(["money"]), text(), false),
        ("contains_all", json!(["money", "try"]), text(), true),
        ("contains_all", json!(["money", "refund"]), text(), false),
        ("contains_all", json!(["vip", "new"]), json!(["new", "vip", "old"]), true),
        ("contains_all", json!(["vip", "new"]), json!(["vip"]), false),
        ("*contains_all", json!(["money"]), text(), false),
        ("contains_word", json!("art"), json!("part of it"), false),
        ("contains_word", json!("art"), json!("Art!"), true),
        ("contains_word", json!("art"), json!("the (art) of"), true),
        ("contains_word", json!("art"), json!("art_of"), false),
        ("contains_word", json!("art"), json!("ärt, art-house"), true),
        ("contains_word", json!("art"), json!("starts"), false),
        ("contains_word", json!("c++"), json!("I write C++, too"), true),
        ("contains_word", json!("c++"), json!("abc++"), false),
        ("contains_word", json!("chest pain"), json!("a chest pain."), true),
        ("contains_word", json!("strasse"), json!("die Straße"), true),
        ("contains_word", json!("cafe"), json!("cafe\u{301}"), false),
        ("contains_word", json!(911), json!("call 911!"), true),
        ("contains_word", json!(911), json!("49112"), false),
        ("contains_word", json!(["refund", "art"]), json!("more art"), true),
        ("contains_word", json!("a.b"), json!("axb"), false),
        ("contains_word", json!("art"), Value::Null, false),
        ("*contains_word", json!("art"), json!("Art"), false),
        ("starts_with", json!("i want"), text(), true),
        ("starts_with", json!("want"), text(), false),
        ("starts_with", json!("+49"), json!("+49151"), true),
        ("*starts_with", json!("i want"), text(), false),
        ("ends_with", json!("@EXAMPLE.com"), json!("ann@example.com"), true),
        ("ends_with", json!("@example.com"), json!("ann@example.com.evil"), false),
        ("ends_with", json!("x"), Value::Null, false),
        ("*ends_with", json!("@Example.com"), json!("ann@example.com"), false),
        ("matches", json!("^i .* back"), text(), true),
        ("matches", json!(r"\bmoney\b"), text(), true),
        ("matches", json!("^money"), text(), false),
        ("matches", json!("x"), Value::Null, false),
        ("matches", json!("(?<n>\\d+)"), json!(["no", "yes 7"]), true),
        ("*matches", json!("money"), text(), false),
        ("*matches", json!("(?i)money"), text(), true),
    ]
}

fn other_rows() -> Vec<(&'static str, Value, Value, bool)> {
    vec![
        ("exists", json!(true), json!(""), true),
        ("exists", json!(true), json!(false), true),
        ("exists", json!(true), Value::Null, false),
        ("exists", json!(true), json!([]), false),
        ("exists", json!(false), Value::Null, true),
        ("exists", json!(false), json!("x"), false),
        ("empty", json!(true), json!(" \n"), true),
        ("empty", json!(true), Value::Null, true),
        ("empty", json!(true), json!([]), true),
        ("empty", json!(true), json!(["", " "]), true),
        ("empty", json!(true), json!("x"), false),
        ("empty", json!(true), json!(0), false),
        ("empty", json!(false), json!("x"), true),
        ("empty", json!(false), Value::Null, false),
        ("gt", json!(5), json!(6), true),
        ("gt", json!(5), json!(5), false),
        ("gt", json!(5), json!("5.5"), true),
        ("gt", json!(5), json!("many"), false),
        ("gt", json!(5), json!("inf"), false),
        ("gt", json!(5), Value::Null, false),
        ("gt", json!(5), json!([1, 9]), true),
        ("gte", json!(5), json!(5), true),
        ("gte", json!(5), json!(4.9), false),
        ("lt", json!(5), json!(" 4 "), true),
        ("lt", json!(5), json!(5), false),
        ("lt", json!(5), json!("-inf"), false),
        ("lte", json!(-1.5), json!(-1.5), true),
        ("lte", json!(5), json!(6), false),
        ("older_than", json!("2h"), json!("2026-01-05T07:59:59Z"), true),
        ("older_than", json!("2h"), json!("2026-01-05T08:00:00Z"), false),
        ("older_than", json!("1d"), json!("2026-01-04T10:30:00+01:00"), true),
        ("older_than", json!("2h"), json!("yesterday"), false),
        ("older_than", json!("2h"), Value::Null, false),
        ("newer_than", json!("2h"), json!("2026-01-05T08:00:01Z"), true),
        ("newer_than", json!("2h"), json!("2026-01-05T08:00:00Z"), false),
        ("newer_than", json!("2h"), json!("2027-01-05T08:00:00Z"), true),
        ("newer_than", json!("2h"), Value::Null, false),
    ]
}

#[test]
fn every_operator_and_its_negation_keep_to_the_table() {
    for (operator, wanted, value, holds) in rows() {
        for (prefix, holds) in [("", holds), ("not_", !holds)] {
            let name = format!("{prefix}{}", operator.trim_start_matches('*'));
            let mut test = json!({ name.as_str(): wanted });
            if operator.starts_with('*') {
                test["case"] = json!("sensitive");
            }
            let (held, _) = ask(json!({ "raw.x": test }), json!({ "x": value }));
            assert_eq!(held, Ok(holds), "{test} of {value}");
        }
    }
}

#[test]
fn what_is_folded_stays_as_it_is() {
    let unsteady = ('\0'..=char::MAX).filter(|letter| {
        let folded = Case::Ignored.fold(&letter.to_string());
        Case::Ignored.fold(&folded) != folded
    });
    assert_eq!(unsteady.collect::<String>(), "");
    assert_eq!(Case::Ignored.fold("STRAẞE"), "strasse");
}

#[test]
fn a_text_is_folded_as_its_letters_are() {
    for letter in '\0'..='\u{17f}' {
        let beside = format!("{letter}Aß");
        assert_eq!(Case::Ignored.fold(&beside), format!("{}ass", Case::Ignored.fold(&letter.to_string())));
    }
}

/// The operators that no row speaks of.
fn unrowed<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let rowed: BTreeSet<&str> = rows().iter().map(|(name, ..)| name.trim_start_matches('*')).collect();
    names.into_iter().filter(|name| !rowed.contains(name)).collect()
}

#[test]
fn no_operator_is_without_a_row() {
    assert_eq!(unrowed(CONDITIONS.iter().map(|operator| operator.name())), Vec::<&str>::new());
    assert_eq!(unrowed(["equals", "sounds_like"]), ["sounds_like"], "the check itself must find one");
}

#[test]
fn short_forms_mean_equals_and_one_of() {
    for (test, value, holds) in [
        (json!("vip"), json!(["VIP"]), true),
        (json!(5), json!("5"), true),
        (json!(true), json!(true), true),
        (json!(false), json!(true), false),
        (json!(["a", "b"]), json!("B"), true),
        (json!(["a", "b"]), json!("c"), false),
    ] {
        assert_eq!(ask(json!({ "raw.x": test }), json!({ "x": value })).0, Ok(holds), "{test} of {value}");
    }
}

#[test]
fn several_operators_on_one_field_must_all_hold() {
    let when = json!({ "raw.x": { "starts_with": "a", "not_ends_with": "z", "gt": 1 } });
    assert_eq!(ask(when, json!({ "x": "ab" })).0, Ok(false));
    assert_eq!(ask(json!({ "raw.x": { "gte": 2, "lt": 3 } }), json!({ "x": 2.5 })).0, Ok(true));
}

#[test]
fn groups_nest() {
    let (yes, no) = (json!({ "raw.x": 1 }), json!({ "raw.x": 2 }));
    for (when, holds) in [
        (json!({}), true),
        (json!({ "all": [yes, yes] }), true),
        (json!({ "all": [yes, no] }), false),
        (json!({ "any": [no, yes] }), true),
        (json!({ "any": [no, no] }), false),
        (json!({ "not": yes }), false),
        (json!({ "not": { "not": yes } }), true),
        (json!({ "not": { "raw.x": 1, "raw.y": 1 } }), true),
        (json!({ "raw.x": 1, "any": [no, { "all": [yes, { "not": no }] }] }), true),
        (json!({ "raw.x": 2, "any": [yes] }), false),
        (json!({ "script": "raw.x == 1" }), true),
        (json!({ "raw.x": 1, "script": "raw.x > 1" }), false),
    ] {
        assert_eq!(ask(when.clone(), json!({ "x": 1 })).0, Ok(holds), "{when}");
    }
}

#[test]
fn a_script_that_is_not_reached_cannot_fail() {
    let bad = json!({ "script": "raw.y + 1 > 0" });
    let ask = |when: Value| ask(when, json!({ "x": 1 })).0;
    assert!(ask(bad.clone()).unwrap_err().starts_with("`+` does not work with nothing and a whole number"));
    assert!(ask(json!({ "not": bad })).is_err(), "a failure is not the opposite of true");
    assert_eq!(ask(json!({ "any": [{ "raw.x": 1 }, bad] })), Ok(true));
    assert_eq!(ask(json!({ "raw.x": 2, "all": [bad] })), Ok(false));
}

#[test]
fn what_held_leaves_its_captures_and_what_did_not_leaves_none() {
    let digit = |field: &str, name: &str| json!({ field: { "matches": format!("(?<{name}>\\d+)") } });
    for (when, captures) in [
        (digit("raw.x", "a"), json!({ "a": "1" })),
        (json!({ "all": [digit("raw.x", "a"), digit("raw.y", "b")] }), json!({ "a": "1", "b": "2" })),
        (json!({ "any": [digit("raw.x", "a"), digit("raw.y", "a")] }), json!({ "a": "1" })),
        (
            json!({ "any": [{ "all": [digit("raw.x", "a"), { "raw.y": 9 }] }, digit("raw.y", "b")] }),
            json!({ "b": "2" }),
        ),
        (json!({ "not": { "not": digit("raw.x", "a") } }), json!({})),
        (json!({ "raw.x": { "not_matches": "(?<a>\\d)" } }), json!({})),
        (json!({ "raw.none": { "not_matches": "(?<a>\\d)" } }), json!({})),
        (json!({ "raw.z": { "matches": "(?<a>x)?(?<b>y)" } }), json!({ "b": "y" })),
        // A later condition sees what an earlier one captured, a script in between notwithstanding.
        (
            json!({ "all": [digit("raw.x", "a"), { "script": "captures.a == \"1\"" }, digit("raw.y", "b"), { "captures.a": "1" }] }),
            json!({ "a": "1", "b": "2" }),
        ),
    ] {
        assert_eq!(ask(when.clone(), json!({ "x": "n 1", "y": "n 2", "z": "y" })).1, captures, "{when}");
    }
}

#[test]
fn a_finding_says_what_was_wanted_and_what_was_seen() {
    let when = json!({
        "raw.x": { "contains_any": ["refund", "money back"] },
        "any": [{ "raw.y": 1 }, { "raw.list": { "not_has": "vip" } }],
        "not": { "raw.none": { "exists": true } },
        "script": "raw.x.len() > 3"
    });
    let surroundings = surroundings();
    let raw = json!({ "x": "a refund", "y": 2, "list": ["vip", "new"] });
    let given = facts(json!({ "raw": raw }));
    let mut view = View::new(&given, &surroundings);
    let finding = compiled(when).unwrap().explain(&mut view);
    insta::assert_snapshot!(tell(&finding, 0), @r#"
    no: all | all | 3 of 4 hold
      yes: raw.x | contains_any ["refund","money back"] | "a refund"
      no: any | any | 0 of 2 hold
        no: raw.y | equals 1 | 2
        no: raw.list | not_has "vip" | ["vip", "new"]
      yes: not | not | 0 of 1 hold
        no: raw.none | exists true | nothing
      yes: script | raw.x.len() > 3 | true
    "#);
    let given = facts(json!({ "raw": { "x": "ü".repeat(500) } }));
    let long = View::new(&given, &surroundings);
    let path = Path::compile("raw.x").unwrap();
    assert_eq!(show(&path.values(long.document())).chars().count(), 121);
}

fn tell(finding: &Finding, depth: usize) -> String {
    let mark = if finding.holds { "yes" } else { "no" };
    let mut text = format!("{}{mark}: {} | {} | {}", "  ".repeat(depth), finding.subject, finding.wanted, finding.saw);
    for inner in &finding.inner {
        text = format!("{text}\n{}", tell(inner, depth + 1));
    }
    text
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (when, fault) in [
        (
            json!({ "raw.x": { "case": "sensitive" } }),
            "nothing is compared; write an operator beside `case`, such as `contains`",
        ),
        (
            json!({ "raw.x": { "contains": "" } }),
            "an empty text is contained in every text; write the words to look for",
        ),
        (json!({ "raw.x": { "older_than": "soon" } }), "`soon` is not a duration; write it like 30s, 15m, 24h or 7d"),
        (json!({ "raw.x": { "matches": "(" } }), "`(` is not a regular expression: unclosed group"),
        (json!({ "raw.x": { "resembles": "x" } }), "there is no operator `resembles`"),
        (json!({ "message.txt": "x" }), "there is no field `message.txt`; did you mean `message.text`?"),
    ] {
        assert_eq!(compiled(when).err().unwrap(), format!("t.yaml: {fault}"));
    }
    let huge = json!({ "raw.x": { "matches": "(a{1000}){1000}" } });
    assert!(compiled(huge).err().unwrap().contains("Compiled regex exceeds size limit"));
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("a")),
        Just(json!("A b")),
        Just(json!("7")),
        Just(json!("")),
        Just(json!(true)),
        (0..9_i64).prop_map(Value::from),
        Just(json!("2026-01-05T09:00:00Z")),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![scalar(), Just(Value::Null), prop::collection::vec(scalar(), 0..3).prop_map(Value::from)]
}

fn test() -> impl Strategy<Value = Value> {
    let wanted = prop_oneof![
        scalar().prop_map(|it| json!({ "equals": it })),
        scalar().prop_map(|it| json!({ "not_one_of": [it, "b"] })),
        Just(json!({ "contains": "a" })),
        Just(json!({ "not_contains_word": "b", "case": "sensitive" })),
        Just(json!({ "matches": "(?<n>[a-z7])" })),
        Just(json!({ "not_matches": "(?<n>7)" })),
        Just(json!({ "exists": true })),
        Just(json!({ "not_empty": true })),
        Just(json!({ "gt": 3 })),
        Just(json!({ "older_than": "30m" })),
    ];
    let path = prop_oneof![Just("raw.x"), Just("raw.y"), Just("captures.n")];
    (path, wanted).prop_map(|(path, wanted)| json!({ path: wanted }))
}

fn script() -> impl Strategy<Value = Value> {
    let source = ["true", "raw.x == 7", "captures.n != ()", "raw.x + 1 > 0", "raw.y"];
    prop::sample::select(source.to_vec()).prop_map(|source| json!({ "script": source }))
}

fn tree() -> impl Strategy<Value = Value> {
    prop_oneof![4 => test(), 1 => script()].prop_recursive(4, 24, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            list.clone().prop_map(|list| json!({ "all": list })),
            list.prop_map(|list| json!({ "any": list })),
            inner.prop_map(|inner| json!({ "not": inner })),
        ]
    })
}

/// Whether each group's verdict follows from those inside it.
fn is_coherent(finding: &Finding) -> bool {
    let follows = match finding.subject.as_str() {
        "all" => finding.holds == finding.inner.iter().all(|inner| inner.holds),
        "any" => finding.holds == finding.inner.iter().any(|inner| inner.holds),
        "not" => finding.inner.iter().all(|inner| inner.holds != finding.holds),
        _ => true,
    };
    follows && finding.inner.iter().all(is_coherent)
}

fn has_failed(finding: &Finding) -> bool {
    finding.saw.starts_with("failed: ") || finding.inner.iter().any(has_failed)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_explained_is_what_was_decided(when in tree(), x in value(), y in value()) {
        let surroundings = surroundings();
        let condition = compiled(when).unwrap();
        let facts = facts(json!({ "raw": { "x": x, "y": y } }));
        let mut decided = View::new(&facts, &surroundings);
        let holds = condition.holds(&mut decided);
        let mut explained = View::new(&facts, &surroundings);
        let finding = condition.explain(&mut explained);
        prop_assert_eq!(finding.holds, holds.clone().unwrap_or(false));
        prop_assert_eq!(holds.is_err(), finding.saw.starts_with("failed: "));
        if holds.is_ok() {
            prop_assert_eq!(decided.captures(), explained.captures());
        }
        prop_assert!(has_failed(&finding) || is_coherent(&finding), "{}", tell(&finding, 0));
    }
}

#[test]
fn a_line_break_is_a_blank_to_all_but_matches() {
    use serde_json::json;

    use crate::rules::testing::Play;
    let text = "I want my\r\n  money\u{a0}\tback,\nplease\n";
    for (operator, holds) in [
        ("{ contains: 'my money back' }", true),
        ("{ contains: \"my\\n money  back\" }", true),
        ("{ contains_any: [nothing, 'Money Back'] }", true),
        ("{ contains_all: ['want my', 'back, please'] }", true),
        ("{ contains_word: 'money back' }", true),
        ("{ starts_with: 'i want my money' }", true),
        ("{ not_contains: 'money back' }", false),
        ("{ contains: 'MONEY back', case: sensitive }", false),
        ("{ contains: 'my money', case: sensitive }", true),
        ("{ contains: 'mymoney' }", false),
        ("{ matches: 'my money' }", false),
        ("{ matches: 'my\\s+money' }", true),
    ] {
        let rule =
            format!("  - name: a\n    when: {{ message.text: {operator} }}\n    do: [{{ tag: {{ add: [x] }} }}]");
        let matched = Play::new(&rule).decide(json!({ "message": { "text": text } })).trace.matched.len();
        assert_eq!(matched == 1, holds, "{operator}");
    }
}
