//! The names that the regular expressions of a rule capture.

use regex_syntax::hir::{Hir, HirKind};
use serde_json::{Map, Value};

/// The named groups of every `matches` that can leave them behind: not of a negated one.
pub(super) fn groups(when: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    collect(when, &mut found);
    found.sort();
    found.dedup();
    found
}

fn collect(when: &Map<String, Value>, found: &mut Vec<String>) {
    for (key, value) in when {
        match (key.as_str(), value) {
            ("all" | "any", Value::Array(items)) => {
                items.iter().filter_map(Value::as_object).for_each(|inner| collect(inner, found));
            }
            ("not", _) => {}
            (_, Value::Object(operators)) => {
                let pattern = operators.get("matches").and_then(Value::as_str).filter(|text| text.contains("(?"));
                pattern.and_then(|text| regex_syntax::parse(text).ok()).iter().for_each(|hir| named(hir, found));
            }
            _ => {}
        }
    }
}

/// The named groups of one expression, which is parsed and not compiled.
fn named(hir: &Hir, found: &mut Vec<String>) {
    match hir.kind() {
        HirKind::Capture(group) => {
            found.extend(group.name.as_deref().map(str::to_owned));
            named(&group.sub, found);
        }
        HirKind::Repetition(repetition) => named(&repetition.sub, found),
        HirKind::Concat(inner) | HirKind::Alternation(inner) => inner.iter().for_each(|hir| named(hir, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_groups_are_those_of_the_compiled_expression() {
        for pattern in [
            r"order\s+(?P<number>\d+)",
            "(?<a>x(?<b>y)?)|(?<c>z)+",
            "((?<deep>(?:a|(?<deeper>b))*){2,3})",
            "(?i)(?<word>\\bSTOP\\b)",
            "(?<never>a){0}",
            "(plain)",
            "(?<broken",
            "(?<twice>a)(?<twice>b)",
            "(?:none)",
        ] {
            let when = json!({ "message.text": { "matches": pattern } });
            let compiled = Regex::new(pattern).ok();
            let mut wanted: Vec<_> =
                compiled.iter().flat_map(|regex| regex.capture_names().flatten().map(str::to_owned)).collect();
            wanted.sort();
            assert_eq!(groups(when.as_object().unwrap()), wanted, "{pattern}");
        }
        let when = json!({
            "any": [{ "message.text": { "matches": "(?<a>x)" } }, { "message.subject": { "matches": "(?<a>y)(?<b>z)" } }],
            "not": { "message.text": { "matches": "(?<c>x)" } },
            "contact.email": { "not_matches": "(?<d>x)" }
        });
        assert_eq!(groups(when.as_object().unwrap()), ["a", "b"]);
    }
}
