//! What a rule is: a digest of everything that could change what it does. A rule that became another one calls off what it
//! had decided and not yet sent.

use serde_json::Value;

use super::lists::KEY;
use super::site::Site;
use crate::model::ids::digest;

/// The digest of a rule as written, with the word lists, schedules, snippets and scripts that it names.
pub(super) fn of(rule: &Value, site: &Site<'_>) -> String {
    let mut parts = vec![rule.to_string()];
    named(None, rule, site, &mut parts);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    digest(&parts)
}

fn named(key: Option<&str>, value: &Value, site: &Site<'_>, parts: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| named(Some(key), value, site, parts)),
        Value::Array(items) => items.iter().for_each(|item| named(key, item, site, parts)),
        Value::String(name) => parts.extend(text(key, name, site)),
        _ => {}
    }
}

/// What stands behind a name under a key.
fn text(key: Option<&str>, name: &str, site: &Site<'_>) -> Option<String> {
    let surroundings = site.surroundings();
    match key? {
        KEY => site.words().resolve(&serde_json::json!({ KEY: name })).ok().map(|words| words.to_string()),
        "within" | "not_within" => serde_json::to_string(surroundings.schedules.get(name)?).ok(),
        "snippet" | "name" => surroundings.snippets.get(name).map(|snippet| snippet.source.clone()),
        "file" => site.scripts().find(|(known, ..)| *known == name).map(|(.., text)| text.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::rules::testing::{book, surroundings};
    use crate::rules::{Book, Surroundings};

    const RULES: &str = "version: 1
words: { refund: [refund] }
rules:
  - name: a
    when: { message.text: { contains_any: { words: refund } }, within: office }
    do: [{ reply: { snippet: hours } }, { script: { file: tag.rhai } }]
  - name: b
    do: [{ note: { text: n } }]
";

    fn hashes(rules: &str, script: &str, surroundings: Surroundings) -> [String; 2] {
        let book: Book = book(&[("r/a.yaml", rules), ("r/scripts/tag.rhai", script)], surroundings);
        ["a", "b"].map(|name| book.rule(name).unwrap().hash.clone())
    }

    #[test]
    fn what_a_rule_names_is_part_of_it_and_nothing_else_is() {
        let [a, b] = hashes(RULES, "tag(\"x\");", surroundings());
        let mut snippet = surroundings();
        snippet.snippets.get_mut("hours").unwrap().source.push('!');
        let mut closed = surroundings();
        let mut schedules = (*closed.schedules).clone();
        let night = schedules["night"].clone();
        schedules.insert("office".to_owned(), night);
        closed.schedules = Arc::new(schedules);
        let mut other = surroundings();
        other.snippets.get_mut("broken").unwrap().source.push('!');
        for (what, changed, is_same) in [
            ("words", hashes(&RULES.replace("[refund]", "[refund, money]"), "tag(\"x\");", surroundings()), false),
            ("script", hashes(RULES, "tag(\"y\");", surroundings()), false),
            ("snippet", hashes(RULES, "tag(\"x\");", snippet), false),
            ("schedule", hashes(RULES, "tag(\"x\");", closed), false),
            ("another snippet", hashes(RULES, "tag(\"x\");", other), true),
            ("a comment", hashes(&format!("# new\n{RULES}"), "tag(\"x\");", surroundings()), true),
        ] {
            assert_eq!((changed[0] == a, changed[1] == b), (is_same, true), "{what}");
        }
    }
}
