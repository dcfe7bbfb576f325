//! Whether several tests can hold together. Says no only where that is certain: every operator is asked itself about the
//! values that come into question.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::condition::{CONDITIONS, Case, Seen, Test};
use super::super::fields::{self, Holds};
use super::super::site::Surroundings;
use super::clause::{Literal, alternatives, cross};
use super::written::{Written, WrittenRule};
use crate::model::duration;
use crate::yaml::closest;

/// Fields that every event has.
const ALWAYS: [&str; 9] = [
    "event.id",
    "event.kind",
    "event.at",
    "event.hour",
    "event.weekday",
    "source",
    "provider",
    "account",
    "conversation.message_count",
];

/// The alternatives under which a rule matches, its kinds of event among them; nothing where there are too many.
pub(super) fn matches(rule: &WrittenRule<'_>) -> Option<Vec<Vec<Literal>>> {
    let kinds: Vec<Value> = rule.rule.on.iter().map(|kind| kind.as_str().into()).collect();
    let on = Literal {
        path: "event.kind".to_owned(),
        operator: "one_of".to_owned(),
        wanted: Value::Array(kinds),
        case: Case::Ignored,
        is_negated: false,
        pointer: "/on".to_owned(),
        is_memory: false,
    };
    cross(&[vec![on]], &alternatives(&rule.when, false)?)
}

/// Whether two rules can match one event.
pub(super) fn both(written: &Written<'_>, earlier: &WrittenRule<'_>, later: &WrittenRule<'_>) -> bool {
    let pairs = matches(earlier).zip(matches(later)).and_then(|(a, b)| cross(&without_memory(a), &without_memory(b)));
    pairs.is_none_or(|pairs| pairs.iter().any(|tests| conflict(tests, written).is_none()))
}

/// Whether a rule matches whenever another one does.
pub(super) fn follows(written: &Written<'_>, earlier: &WrittenRule<'_>, later: &WrittenRule<'_>) -> bool {
    let kinds = later.rule.on.iter().all(|kind| earlier.rule.on.contains(kind));
    let pairs = matches(later).zip(alternatives(&earlier.when, true));
    let counterexamples = pairs.and_then(|(later, fails)| cross(&without_memory(later), &without_memory(fails)));
    kinds && counterexamples.is_some_and(|all| all.iter().all(|tests| conflict(tests, written).is_some()))
}

/// What is remembered can change between two rules, and captures are each rule's own.
fn without_memory(alternatives: Vec<Vec<Literal>>) -> Vec<Vec<Literal>> {
    let keep = |tests: Vec<Literal>| tests.into_iter().filter(|test| !test.is_memory).collect();
    alternatives.into_iter().map(keep).collect()
}

/// Two of the tests, or one and itself, that cannot hold; of more the first and the last one.
pub(super) fn conflict<'a>(tests: &'a [Literal], written: &Written<'_>) -> Option<(&'a Literal, &'a Literal)> {
    let mut fields: BTreeMap<&str, Vec<&Literal>> = BTreeMap::new();
    for test in tests {
        // A value that a condition captures can be replaced by the next one.
        if !test.path.starts_with("captures.") {
            fields.entry(test.path.as_str()).or_default().push(test);
        }
    }
    fields.into_iter().find_map(|(path, tests)| {
        let is_impossible = |tests: &[&'a Literal]| !path.is_empty() && !Field::new(path, tests).can_hold(written);
        let first_two = || {
            let pairs = tests.iter().enumerate().flat_map(|(at, a)| tests[at..].iter().map(move |b| (*a, *b)));
            pairs.into_iter().find(|(a, b)| is_impossible(&[*a, *b]))
        };
        let all = || tests.first().zip(tests.last()).map(|(a, b)| (*a, *b));
        implied(&tests).or_else(|| is_impossible(&tests).then(|| first_two().or_else(all)).flatten())
    })
}

fn compiled(literal: &Literal) -> Option<Box<dyn Test>> {
    let operator = CONDITIONS.iter().find(|operator| operator.name() == literal.operator)?;
    operator.compile(&literal.wanted, literal.case).ok()
}

/// The tests of one field.
struct Field<'a> {
    path: &'a str,
    tests: Vec<(&'a Literal, Box<dyn Test>)>,
}

impl<'a> Field<'a> {
    fn new(path: &'a str, tests: &[&'a Literal]) -> Self {
        Self { path, tests: tests.iter().filter_map(|test| Some((*test, compiled(test)?))).collect() }
    }

    fn can_hold(&self, written: &Written<'_>) -> bool {
        if self.tests.iter().any(|(literal, _)| !fits(literal)) {
            return false;
        }
        let blank = Value::String(String::new());
        let may_be_missing = !ALWAYS.contains(&self.path);
        if may_be_missing && (self.all_hold(&[], false) || self.all_hold(&[&blank], false)) {
            return true;
        }
        // Without a value they do not hold together; where one of them wants none, they never do.
        let wants_none = |test: &&(&Literal, Box<dyn Test>)| holds(test, &[]) && absence(test.0);
        if self.tests.iter().any(|test| wants_none(&test)) {
            return false;
        }
        if !is_single(self.path, written) {
            return true;
        }
        if let Some(domain) = domain(self.path, written.book.surroundings()) {
            return domain.iter().any(|value| self.all_hold(&[value], false));
        }
        match self.tests.iter().find(|(literal, _)| is_equality(literal)) {
            Some((literal, _)) => {
                let wanted = literal.wanted.as_array().cloned().unwrap_or_else(|| vec![literal.wanted.clone()]);
                wanted.iter().any(|value| self.all_hold(&[value], literal.case == Case::Ignored))
            }
            None => self.range_is_open() && self.ends_agree("starts_with") && self.ends_agree("ends_with"),
        }
    }

    /// Whether all tests hold of the values. `in_any_case`: the value may as well be spelled in other letters, so that
    /// tests that tell them apart prove nothing.
    fn all_hold(&self, values: &[&Value], in_any_case: bool) -> bool {
        let proves = |literal: &Literal| {
            !is_age(literal) && !(in_any_case && (literal.case == Case::Sensitive || literal.operator == "matches"))
        };
        self.tests.iter().filter(|(literal, _)| proves(literal)).all(|test| holds(test, values))
    }

    /// Whether a number, or an age, is left between the bounds.
    fn range_is_open(&self) -> bool {
        let has_value = self.tests.iter().any(|(literal, _)| !literal.is_negated && bound(literal).is_some());
        let (mut low, mut high) = ((f64::NEG_INFINITY, true), (f64::INFINITY, true));
        for (is_low, value, inclusive) in self.tests.iter().filter_map(|(literal, _)| bound(literal)) {
            match is_low {
                true if value > low.0 || (value == low.0 && !inclusive) => low = (value, inclusive),
                false if value < high.0 || (value == high.0 && !inclusive) => high = (value, inclusive),
                _ => {}
            }
        }
        !has_value || low.0 < high.0 || (low.0 == high.0 && low.1 && high.1)
    }

    /// Whether the wanted beginnings, or ends, can be those of one text.
    fn ends_agree(&self, operator: &str) -> bool {
        let ends: Vec<(String, Case)> = self
            .tests
            .iter()
            .filter(|(literal, _)| literal.operator == operator && !literal.is_negated)
            .filter_map(|(literal, _)| Some((Case::Ignored.fold(literal.wanted.as_str()?), literal.case)))
            .collect();
        let agree = |a: &str, b: &str| match operator {
            "starts_with" => a.starts_with(b) || b.starts_with(a),
            _ => a.ends_with(b) || b.ends_with(a),
        };
        ends.iter().all(|(a, _)| ends.iter().all(|(b, _)| agree(a, b)))
    }
}

fn holds((literal, test): &(&Literal, Box<dyn Test>), values: &[&Value]) -> bool {
    test.holds(&Seen::of(values.to_vec()), Timestamp::UNIX_EPOCH, &mut Map::new()) != literal.is_negated
}

/// Whether a test wants that there is nothing.
fn absence(literal: &Literal) -> bool {
    let wanted = literal.wanted.as_bool().unwrap_or(true) != literal.is_negated;
    match literal.operator.as_str() {
        "exists" => !wanted,
        "empty" => wanted,
        _ => false,
    }
}

fn is_equality(literal: &Literal) -> bool {
    !literal.is_negated && matches!(literal.operator.as_str(), "equals" | "one_of" | "has" | "has_any")
}

fn is_age(literal: &Literal) -> bool {
    matches!(literal.operator.as_str(), "older_than" | "newer_than")
}

/// The bound that a test sets to a number or an age: whether a lower one, which, and whether it is included.
fn bound(literal: &Literal) -> Option<(bool, f64, bool)> {
    let (is_low, inclusive) = match literal.operator.as_str() {
        "gt" | "older_than" => (true, false),
        "gte" => (true, true),
        "lt" | "newer_than" => (false, false),
        "lte" => (false, true),
        _ => return None,
    };
    let value = match is_age(literal) {
        true => duration::parse(literal.wanted.as_str()?).ok()?.as_secs_f64(),
        false => literal.wanted.as_f64()?,
    };
    Some((is_low != literal.is_negated, value, inclusive != literal.is_negated))
}

fn is_single(path: &str, written: &Written<'_>) -> bool {
    let is_state = path.starts_with("state.") || path.starts_with("contact_state.");
    match fields::Field::find(path) {
        Some(field) => !field.holds.is_list(),
        None => is_state && !written.scripts_set(),
    }
}

/// The values that a field can have, where they are known.
fn domain(path: &str, surroundings: &Surroundings) -> Option<Vec<Value>> {
    let texts = |names: &mut dyn Iterator<Item = &str>| names.map(Value::from).collect::<Vec<_>>();
    let found = match path {
        "event.hour" => (0..24).map(Value::from).collect(),
        "source" => texts(&mut surroundings.sources.keys().map(|name| name.as_str())),
        "account" => texts(&mut surroundings.accounts.iter().map(|account| account.name.as_str())),
        "provider" => texts(&mut surroundings.accounts.iter().map(|account| account.provider.as_str())),
        path => match fields::Field::find(path)? {
            field if field.is_closed => texts(&mut field.words.iter().copied()),
            field if field.holds == Holds::Flag => vec![true.into(), false.into()],
            _ => Vec::new(),
        },
    };
    (!found.is_empty()).then_some(found)
}

/// Whether what the field holds is of a form that the test can be met by.
fn fits(literal: &Literal) -> bool {
    let Some(field) = fields::Field::find(&literal.path) else { return true };
    let is_presence = matches!(literal.operator.as_str(), "exists" | "empty");
    let is_comparison = matches!(literal.operator.as_str(), "gt" | "gte" | "lt" | "lte");
    let has_form = |fits: fn(&Value) -> bool| match &literal.wanted {
        Value::Array(wanted) => wanted.iter().any(fits),
        wanted => fits(wanted),
    };
    if literal.is_negated || is_presence {
        return true;
    }
    match field.holds {
        Holds::Text | Holds::Texts => !is_age(literal) && (!is_equality(literal) || has_form(|it| !it.is_boolean())),
        Holds::Number | Holds::Numbers => !is_age(literal) && (!is_equality(literal) || has_form(spells_number)),
        Holds::Flag => !is_age(literal) && !is_comparison && (!is_equality(literal) || has_form(Value::is_boolean)),
        Holds::Time => !is_comparison && (!is_equality(literal) || has_form(spells_time)),
        Holds::Mapping | Holds::Mappings => false,
    }
}

fn spells_number(wanted: &Value) -> bool {
    wanted.is_number() || wanted.as_str().is_some_and(|text| text.trim().parse::<f64>().is_ok())
}

fn spells_time(wanted: &Value) -> bool {
    wanted.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok())
}

/// What was probably meant: the value, where a field has few, else what the field holds.
pub(super) fn nearest(literal: &Literal, surroundings: &Surroundings) -> String {
    if let Some(field) = fields::Field::find(&literal.path).filter(|_| !fits(literal)) {
        let name = match field.holds {
            Holds::Mapping => format!("; test `{}.NAME`", field.path),
            Holds::Mappings => format!("; test a field below it, such as `{}.name`", field.path),
            _ => String::new(),
        };
        return format!("; the field holds this: {}{name}", field.holds.as_str());
    }
    let known = domain(&literal.path, surroundings).unwrap_or_default();
    let wanted = literal.wanted.as_array().cloned().unwrap_or_else(|| vec![literal.wanted.clone()]);
    let mut texts = wanted.iter().filter_map(Value::as_str);
    let near = texts.find_map(|wanted| closest(wanted, known.iter().filter_map(Value::as_str)));
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// A test that must hold and one that must not, though the first says the second as well.
fn implied<'a>(tests: &[&'a Literal]) -> Option<(&'a Literal, &'a Literal)> {
    let wanted = tests.iter().filter(|test| !test.is_negated);
    wanted.flat_map(|a| tests.iter().filter(|b| b.is_negated).map(move |b| (*a, *b))).find(|(a, b)| implies(a, b))
}

fn implies(a: &Literal, b: &Literal) -> bool {
    if (&a.operator, &a.wanted, a.case) == (&b.operator, &b.wanted, b.case) {
        return true;
    }
    if a.case == Case::Ignored && b.case == Case::Sensitive {
        return false;
    }
    let needles = |literal: &Literal| -> Option<Vec<String>> {
        let items = literal.wanted.as_array().cloned().unwrap_or_else(|| vec![literal.wanted.clone()]);
        items.iter().map(|item| Some(b.case.fold(item.as_str()?))).collect()
    };
    let (Some(given), Some(asked)) = (needles(a), needles(b)) else { return false };
    let has = |given: &String| asked.iter().any(|asked| given.contains(asked.as_str()));
    match (a.operator.as_str(), b.operator.as_str()) {
        (
            "equals" | "one_of" | "contains" | "contains_any" | "contains_word" | "starts_with" | "ends_with",
            "contains" | "contains_any",
        ) => given.iter().all(has),
        ("contains_all", "contains" | "contains_any") => given.iter().any(has),
        ("contains_all", "contains_all") => asked.iter().all(|asked| given.iter().any(|given| given.contains(asked))),
        ("equals" | "one_of" | "has" | "has_any", "equals" | "one_of" | "has" | "has_any") => {
            given.iter().all(|given| asked.contains(given))
        }
        _ => false,
    }
}
