//! The JSON Schemas, as an editor uses them: every key is described, every word of the tables is offered, what is right
//! passes, and what is wrong is underlined where it stands.

use std::collections::BTreeSet;
use std::path::Path;

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind as Kind;
use rejoinder::model::EventKind;
use rejoinder::provider::PROVIDERS;
use rejoinder::rules::action::ACTIONS;
use rejoinder::rules::condition::CONDITIONS;
use rejoinder::rules::document::Mode;
use rejoinder::rules::fields::FIELDS;
use rejoinder::signature::SCHEMES;
use serde_json::{Value, json};

use crate::stage::run_in;

const KINDS: [&str; 3] = ["config", "rules", "tests"];

fn schema(kind: &str) -> Value {
    run_in(Path::new("."), &["schema", kind]).fine().json()
}

fn judge(kind: &str) -> Validator {
    jsonschema::draft202012::new(&schema(kind)).unwrap()
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|why| panic!("{why}:\n{text}"))
}

/// Calls `look` with every place of a schema that is itself one.
fn walk<'a>(node: &'a Value, at: &str, look: &mut dyn FnMut(&str, &'a Value)) {
    look(at, node);
    for key in ["properties", "patternProperties", "$defs"] {
        for (name, inner) in node[key].as_object().into_iter().flatten() {
            walk(inner, &format!("{at}/{key}/{}", name.replace('~', "~0").replace('/', "~1")), look);
        }
    }
    for key in ["items", "additionalProperties", "then"] {
        if node[key].is_object() {
            walk(&node[key], &format!("{at}/{key}"), look);
        }
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        for (index, inner) in node[key].as_array().into_iter().flatten().enumerate() {
            walk(inner, &format!("{at}/{key}/{index}"), look);
        }
    }
}

/// The keys that say nothing of themselves.
fn undescribed(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(schema, "", &mut |at, node| {
        for key in ["properties", "patternProperties"] {
            for (name, inner) in node[key].as_object().into_iter().flatten() {
                let target = inner["$ref"].as_str().and_then(|path| schema.pointer(path.trim_start_matches('#')));
                let about = [Some(inner), target].into_iter().flatten().find_map(|one| one["description"].as_str());
                if about.is_none_or(|about| about.trim().is_empty()) {
                    found.push(format!("{at}/{key}/{name}"));
                }
            }
        }
    });
    found
}

#[test]
fn every_key_is_described() {
    for kind in KINDS {
        assert_eq!(undescribed(&schema(kind)), Vec::<String>::new(), "{kind}");
    }
    let planted = json!({ "anyOf": [{ "properties": { "a": { "$ref": "#/$defs/A" }, "b": { "description": " " } } }], "$defs": { "A": {} } });
    assert_eq!(undescribed(&planted), ["/anyOf/0/properties/a", "/anyOf/0/properties/b"]);
}

/// The examples and defaults that their own schema would refuse.
fn wrong_examples(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(schema, "", &mut |at, node| {
        let examples = node["examples"].as_array().into_iter().flatten();
        let given: Vec<&Value> = examples.chain(node.get("default")).collect();
        if given.is_empty() {
            return;
        }
        let mut own = node.clone();
        own["$defs"] = schema.get("$defs").cloned().unwrap_or_else(|| json!({}));
        let judge = jsonschema::draft202012::new(&own).unwrap();
        found.extend(given.iter().filter(|value| !judge.is_valid(value)).map(|value| format!("{at}: {value}")));
    });
    found
}

#[test]
fn every_example_and_default_is_right() {
    for kind in KINDS {
        assert_eq!(wrong_examples(&schema(kind)), Vec::<String>::new(), "{kind}");
    }
    let planted = json!({ "properties": { "a": { "type": "string", "examples": ["x", 1], "default": 2 } } });
    assert_eq!(wrong_examples(&planted), ["/properties/a: 1", "/properties/a: 2"]);
}

/// Every word that a schema offers: keys, words of enumerations, examples.
fn offered(schema: &Value) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    walk(schema, "", &mut |_, node| {
        words.extend(node["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
        let values = ["enum", "examples"].into_iter().flat_map(|key| node[key].as_array().into_iter().flatten());
        words.extend(values.chain(node.get("const")).filter_map(|value| value.as_str().map(str::to_owned)));
    });
    words
}

#[test]
fn every_word_of_the_tables_is_offered() {
    let missing = |kind: &str, words: Vec<String>| {
        let offered = offered(&schema(kind));
        words.into_iter().filter(|word| !offered.contains(word)).collect::<Vec<_>>()
    };
    let operators = || CONDITIONS.iter().flat_map(|one| [one.name().to_owned(), format!("not_{}", one.name())]);
    let mut rules: Vec<String> = operators().collect();
    rules.extend(ACTIONS.iter().map(|action| action.name().to_owned()));
    rules.extend(FIELDS.iter().map(|field| field.path.to_owned()));
    rules.extend(FIELDS.iter().flat_map(|field| field.words).map(|word| (*word).to_owned()));
    rules.extend(EventKind::ALL.map(|kind| kind.as_str().to_owned()));
    rules.extend(Mode::ALL.map(|mode| mode.as_str().to_owned()));
    assert_eq!(missing("rules", rules), Vec::<String>::new());
    let mut tests: Vec<String> = operators().collect();
    tests.extend(ACTIONS.iter().map(|action| action.name().to_owned()).filter(|name| name != "script"));
    tests.extend(rejoinder::rules::guard::steps().map(|step| step.code.to_owned()));
    assert_eq!(missing("tests", tests), Vec::<String>::new());
    let mut config: Vec<String> = PROVIDERS.iter().map(|provider| provider.name().to_owned()).collect();
    config.extend(SCHEMES.iter().map(|scheme| scheme.name().to_owned()));
    assert_eq!(missing("config", config), Vec::<String>::new());
    assert_eq!(missing("config", vec!["nonsense".to_owned()]), ["nonsense"]);
    let names = FIELDS.iter().find(|field| field.path == "provider").unwrap().words;
    assert_eq!(PROVIDERS.iter().map(|provider| provider.name()).collect::<Vec<_>>(), names);
}

/// Where an editor underlines: the innermost places of each fault.
fn places(judge: &Validator, document: &Value) -> BTreeSet<String> {
    fn inner(error: &jsonschema::ValidationError<'_>, found: &mut BTreeSet<String>) {
        let outside = error.instance_path().as_str();
        let below = match error.kind() {
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => context.iter().flatten().collect(),
            _ => Vec::new(),
        };
        let below: Vec<_> = below.into_iter().filter(|error| error.instance_path().as_str() != outside).collect();
        match (below.is_empty(), error.kind()) {
            (false, _) => below.iter().for_each(|error| inner(error, found)),
            (true, Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected }) => {
                found.extend(unexpected.iter().map(|key| format!("{outside}/{key}")));
            }
            (true, _) => drop(found.insert(outside.to_owned())),
        }
    }
    let mut found = BTreeSet::new();
    judge.iter_errors(document).for_each(|error| inner(&error, &mut found));
    found
}

#[test]
fn what_is_wrong_is_underlined_where_it_stands() {
    let rule = |rule: &str| format!("version: 1\nrules:\n  - name: a\n    {rule}\n");
    let test = |step: &str| format!("tests:\n  - name: a\n    {step}\n");
    for (kind, text, place) in [
        ("rules", "version: 2\n".to_owned(), "/version"),
        ("rules", rule("wen: {}"), "/rules/0/wen"),
        ("rules", rule("on: message.recieved"), "/rules/0/on"),
        ("rules", rule("mode: automatic"), "/rules/0/mode"),
        ("rules", rule("when: { message.txt: x }"), "/rules/0/when/message.txt"),
        ("rules", rule("when: { message.text: { contain: x } }"), "/rules/0/when/message.text"),
        ("rules", rule("when: { message.text: { contains_any: x } }"), "/rules/0/when/message.text/contains_any"),
        ("rules", rule("when: { any: [{ event.hour: { gt: nine } }] }"), "/rules/0/when/any/0/event.hour/gt"),
        ("rules", rule("when: { state.at: { older_than: 2 fortnights } }"), "/rules/0/when/state.at/older_than"),
        ("rules", rule("do: [{ rply: {} }]"), "/rules/0/do/0/rply"),
        ("rules", rule("do: [{ reply: { text: x, delay: soon } }]"), "/rules/0/do/0/reply/delay"),
        ("rules", rule("do: [{ reply: { text: x, cancel_on: [reply] } }]"), "/rules/0/do/0/reply/cancel_on/0"),
        ("rules", rule("do: [{ close: false }]"), "/rules/0/do/0/close"),
        ("rules", rule("do: [{ set: { a: 1, in: everywhere } }]"), "/rules/0/do/0/set/in"),
        ("rules", rule("once: { every: daily }"), "/rules/0/once/every"),
        ("rules", rule("veto: answer"), "/rules/0/veto"),
        ("tests", test("evnt: {}"), "/tests/0/evnt"),
        ("tests", test("event: { message: { txt: x } }"), "/tests/0/event/message/txt"),
        ("tests", test("event: { kind: message.recieved }"), "/tests/0/event/kind"),
        ("tests", test("expect: [{ rply: {} }]"), "/tests/0/expect/0/rply"),
        ("tests", test("expect: [{ reply: { txt: x } }]"), "/tests/0/expect/0/reply/txt"),
        ("tests", test("expect: [{ reply: { text: { contain: x } } }]"), "/tests/0/expect/0/reply/text"),
        ("tests", test("steps: [{ after: later, expect: [] }]"), "/tests/0/steps/0/after"),
        ("tests", test("given: { stat: {} }"), "/tests/0/given/stat"),
        ("config", "lisen: x\n".to_owned(), "/lisen"),
        ("config", "retention: a month\n".to_owned(), "/retention"),
        ("config", "limits: { max_body: big }\n".to_owned(), "/limits/max_body"),
        ("config", "log: loud\n".to_owned(), "/log"),
        ("config", "accounts: { a: { provider: sequency } }\n".to_owned(), "/accounts/a/provider"),
        ("config", "accounts: { a: { provider: spruce, token: x, api_key: y } }\n".to_owned(), "/accounts/a/api_key"),
        (
            "config",
            "sources: { a: { account: b, verify: { scheme: githb } } }\n".to_owned(),
            "/sources/a/verify/scheme",
        ),
        ("config", "sources: { a: { account: b, map: { message.txt: /a } } }\n".to_owned(), "/sources/a/map"),
    ] {
        let found = places(&judge(kind), &yaml(&text));
        assert!(found.contains(place), "{kind}: {place} is not among {found:?}:\n{text}");
    }
}

#[test]
fn what_is_right_is_not_underlined() {
    for (kind, text) in [
        ("config", "retention: \"${RETENTION:-30d}\"\nlimits: { max_body: 65536, request_timeout: 1h 30m }\n"),
        ("config", "limits: { max_body: 2MiB, max_headers: \"${HEADERS}\", script: { wall_time: 250ms } }\n"),
        (
            "rules",
            "version: 1\nrules: [{ name: a, when: { raw.a.0.b: [1, x], message.headers.X-A: { exists: true } } }]\n",
        ),
        (
            "tests",
            "tests: [{ name: a, event: { message: { headers: { X-A: b } } }, expect: [{ close: true }, { assign: kim }] }]\n",
        ),
    ] {
        let found = places(&judge(kind), &yaml(text));
        assert!(found.is_empty(), "{found:?}:\n{text}");
    }
}
