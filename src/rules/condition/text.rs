//! Operators that look into texts. They ignore case unless `case: sensitive` stands beside them.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value, json};

use super::{Case, Operator, Test, as_text};

/// The largest compiled expression; what needs more is refused at load.
const REGEX_LIMIT: usize = 1 << 20;

macro_rules! needle_operator {
    ($type:ident, $name:literal, $summary:literal, $how:ident) => {
        pub(super) struct $type;

        impl Operator for $type {
            fn name(&self) -> &'static str {
                $name
            }

            fn summary(&self) -> &'static str {
                $summary
            }

            fn schema(&self) -> Value {
                json!({ "anyOf": [{ "type": "string", "minLength": 1 }, { "type": "number" }] })
            }

            fn compile(&self, wanted: &Value, case: Case) -> Result<Box<dyn Test>, String> {
                Ok(Box::new(Needles { needles: vec![needle(wanted, case)?], case, how: How::$how }))
            }
        }
    };
}

needle_operator!(Contains, "contains", "The text contains this one.", ContainsAny);
needle_operator!(StartsWith, "starts_with", "The text starts with this one.", StartsWith);
needle_operator!(EndsWith, "ends_with", "The text ends with this one.", EndsWith);

macro_rules! needles_operator {
    ($type:ident, $name:literal, $summary:literal, $how:ident) => {
        pub(super) struct $type;

        impl Operator for $type {
            fn name(&self) -> &'static str {
                $name
            }

            fn summary(&self) -> &'static str {
                $summary
            }

            fn schema(&self) -> Value {
                json!({ "type": "array", "minItems": 1, "items": { "anyOf": [{ "type": "string", "minLength": 1 }, { "type": "number" }] } })
            }

            fn compile(&self, wanted: &Value, case: Case) -> Result<Box<dyn Test>, String> {
                let needles = wanted.as_array().into_iter().flatten().map(|item| needle(item, case));
                Ok(Box::new(Needles { needles: needles.collect::<Result<_, _>>()?, case, how: How::$how }))
            }
        }
    };
}

needles_operator!(ContainsAny, "contains_any", "The text contains at least one of these.", ContainsAny);
needles_operator!(
    ContainsAll,
    "contains_all",
    "The text, or the list of texts together, contains every one of these.",
    ContainsAll
);

#[derive(Clone, Copy)]
enum How {
    ContainsAny,
    ContainsAll,
    StartsWith,
    EndsWith,
}

struct Needles {
    needles: Vec<String>,
    case: Case,
    how: How,
}

impl Test for Needles {
    fn holds(&self, values: &[&Value], _: jiff::Timestamp, _: &mut Map<String, Value>) -> bool {
        let texts: Vec<String> =
            values.iter().filter_map(|value| as_text(value)).map(|text| self.case.fold(&text)).collect();
        let is_found = |needle: &String| {
            texts.iter().any(|text| match self.how {
                How::ContainsAny | How::ContainsAll => text.contains(needle.as_str()),
                How::StartsWith => text.starts_with(needle.as_str()),
                How::EndsWith => text.ends_with(needle.as_str()),
            })
        };
        match self.how {
            How::ContainsAll => self.needles.iter().all(is_found),
            _ => self.needles.iter().any(is_found),
        }
    }
}

fn needle(wanted: &Value, case: Case) -> Result<String, String> {
    match as_text(wanted) {
        Some(text) if !text.is_empty() => Ok(case.fold(&text)),
        _ => Err("an empty text is contained in every text; write the words to look for".to_owned()),
    }
}

/// `contains_word`.
pub(super) struct ContainsWord;

impl Operator for ContainsWord {
    fn name(&self) -> &'static str {
        "contains_word"
    }

    fn summary(&self) -> &'static str {
        "The text contains this word, or one of these words, as a whole word: `art` is not in `part`."
    }

    fn schema(&self) -> Value {
        json!({ "anyOf": [
            { "type": "string", "minLength": 1 },
            { "type": "number" },
            { "type": "array", "minItems": 1, "items": { "anyOf": [{ "type": "string", "minLength": 1 }, { "type": "number" }] } }
        ] })
    }

    fn compile(&self, wanted: &Value, case: Case) -> Result<Box<dyn Test>, String> {
        let wanted = wanted.as_array().map_or_else(|| vec![wanted], |items| items.iter().collect());
        let words = wanted.into_iter().map(|word| needle(word, case).map(|word| regex::escape(&word)));
        let words = words.collect::<Result<Vec<_>, _>>()?.join("|");
        // \b would fail beside a word that itself begins or ends with punctuation, such as `c++`.
        const BESIDE: &str = r"[^\p{L}\p{M}\p{N}_]";
        let pattern = build(&format!("(?:^|{BESIDE})(?:{words})(?:$|{BESIDE})"), Case::Sensitive)?;
        Ok(Box::new(Word { pattern, case }))
    }
}

/// Texts are folded as for the other text operators, so that one word is the same word to all of them.
struct Word {
    pattern: Regex,
    case: Case,
}

impl Test for Word {
    fn holds(&self, values: &[&Value], _: jiff::Timestamp, _: &mut Map<String, Value>) -> bool {
        values.iter().filter_map(|value| as_text(value)).any(|text| self.pattern.is_match(&self.case.fold(&text)))
    }
}

/// `matches`.
pub(super) struct Matches;

impl Operator for Matches {
    fn name(&self) -> &'static str {
        "matches"
    }

    fn summary(&self) -> &'static str {
        "The text matches this regular expression somewhere; named groups become `captures.*`."
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "minLength": 1 })
    }

    fn compile(&self, wanted: &Value, case: Case) -> Result<Box<dyn Test>, String> {
        Ok(Box::new(Pattern(build(wanted.as_str().unwrap_or_default(), case)?)))
    }
}

struct Pattern(Regex);

impl Test for Pattern {
    fn holds(&self, values: &[&Value], _: jiff::Timestamp, captures: &mut Map<String, Value>) -> bool {
        let mut texts = values.iter().filter_map(|value| as_text(value));
        if self.0.captures_len() == 1 {
            return texts.any(|text| self.0.is_match(&text));
        }
        let Some(text) = texts.find(|text| self.0.is_match(text)) else { return false };
        if let Some(found) = self.0.captures(&text) {
            for name in self.0.capture_names().flatten() {
                if let Some(group) = found.name(name) {
                    captures.insert(name.to_owned(), group.as_str().into());
                }
            }
        }
        true
    }
}

fn build(pattern: &str, case: Case) -> Result<Regex, String> {
    RegexBuilder::new(pattern).case_insensitive(case == Case::Ignored).size_limit(REGEX_LIMIT).build().map_err(
        |error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("`{pattern}` is not a regular expression: {last}")
        },
    )
}
