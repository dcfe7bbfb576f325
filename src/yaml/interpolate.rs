//! `${VAR}`, `${VAR:-default}` and `${file:/run/secrets/x}` inside the strings of a document.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

use super::document::Document;
use super::fault::Wrong;

static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\$\$\{|\$\{(?:file:(?<file>[^}]+)|(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<default>[^}]*))?)\}|\$\{")
        .ok()
});

/// Where variables and files come from; a test hands in its own.
pub struct Interpolation<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The content of a file, or why it cannot be read.
    pub file: &'a dyn Fn(&str) -> Result<String, String>,
}

impl Interpolation<'_> {
    /// Replaces every reference in the document's strings. `$${` stands for a literal `${`. A string that held a
    /// reference is hidden from faults, because it may be a secret. Answers the references that lead nowhere.
    pub fn apply(&self, document: &mut Document) -> Vec<Wrong> {
        let mut found = Vec::new();
        let mut hidden = Vec::new();
        let mut value = std::mem::take(&mut document.value);
        self.walk(&mut value, "", &mut found, &mut hidden);
        document.value = value;
        document.hidden.extend(hidden);
        found
    }

    fn walk(&self, value: &mut Value, pointer: &str, faults: &mut Vec<Wrong>, hidden: &mut Vec<String>) {
        match value {
            Value::String(text) if text.contains("${") => {
                let (replaced, problems) = self.replace(text);
                faults.extend(problems.into_iter().map(|problem| (pointer.to_owned(), problem)));
                hidden.push(pointer.to_owned());
                *text = replaced;
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.walk(item, &format!("{pointer}/{index}"), faults, hidden);
                }
            }
            Value::Object(map) => {
                for (key, item) in map.iter_mut() {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    self.walk(item, &format!("{pointer}/{key}"), faults, hidden);
                }
            }
            _ => {}
        }
    }

    fn replace(&self, text: &str) -> (String, Vec<String>) {
        let mut problems = Vec::new();
        let Some(reference) = REFERENCE.as_ref() else { return (text.to_owned(), problems) };
        let replaced = reference.replace_all(text, |found: &Captures<'_>| {
            if &found[0] == "$${" {
                return "${".to_owned();
            }
            match self.resolve(found) {
                Ok(value) => value,
                Err(problem) => {
                    problems.push(problem);
                    String::new()
                }
            }
        });
        (replaced.into_owned(), problems)
    }

    fn resolve(&self, found: &Captures<'_>) -> Result<String, String> {
        if let Some(path) = found.name("file") {
            return (self.file)(path.as_str())
                .map(|content| content.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|why| format!("cannot read `{}`: {why}", path.as_str()));
        }
        let Some(name) = found.name("name").map(|name| name.as_str()) else {
            return Err("`${` begins no reference; write `${NAME}`, `${NAME:-default}`, `${file:/path}`, or `$${` for the characters themselves".to_owned());
        };
        let value = (self.variable)(name).filter(|value| !value.is_empty());
        value.or_else(|| found.name("default").map(|default| default.as_str().to_owned())).ok_or_else(|| {
            format!("the environment variable `{name}` is not set; set it, or write `${{{name}:-default}}`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_and_every_missing_one_is_named() {
        let text =
            "a: ${SET}\nb: ${UNSET:-fallback}\nc: x-${file:/s}-y\nd: ${UNSET}\ne: $${literal}\nf: ${file:/none}\n";
        let mut document = Document::parse("t.yaml", text).unwrap();
        let wrong = Interpolation {
            variable: &|name| (name == "SET").then(|| "value".to_owned()),
            file: &|path| if path == "/s" { Ok("secret\n".to_owned()) } else { Err("no such file".to_owned()) },
        }
        .apply(&mut document);
        assert_eq!(document.value()["a"], "value");
        assert_eq!(document.value()["b"], "fallback");
        assert_eq!(document.value()["c"], "x-secret-y");
        assert_eq!(document.value()["e"], "${literal}");
        let wrong: Vec<String> = wrong.into_iter().map(|(pointer, message)| format!("{pointer}: {message}")).collect();
        insta::assert_snapshot!(wrong.join("\n"), @r"
        /d: the environment variable `UNSET` is not set; set it, or write `${UNSET:-default}`
        /f: cannot read `/none`: no such file
        ");
    }
}
