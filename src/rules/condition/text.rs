//! Operators that look into texts. They ignore case unless `case: sensitive` stands beside them.

use std::sync::{LazyLock, OnceLock};

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value, json};

use super::sign::likelihood;
use super::{Case, Operator, Seen, Sign, Test, as_text, literal};

/// The largest compiled expression; what needs more is refused at load.
const REGEX_LIMIT: usize = 1 << 20;

macro_rules! needle_operator {
    ($type:ident, $name:literal, $summary:literal, $example:literal, $how:ident) => {
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

            fn example(&self) -> &'static str {
                $example
            }

            fn compile(&self, wanted: &Value, case: Case) -> Result<Box<dyn Test>, String> {
                Ok(Box::new(Needles { needles: vec![needle(wanted, case)?], case, how: How::$how }))
            }
        }
    };
}

needle_operator!(
    Contains,
    "contains",
    "The text contains this one.",
    "message.text: { contains: refund }",
    ContainsAny
);
needle_operator!(
    StartsWith,
    "starts_with",
    "The text starts with this one.",
    "message.subject: { starts_with: \"re:\" }",
    StartsWith
);
needle_operator!(
    EndsWith,
    "ends_with",
    "The text ends with this one.",
    "contact.email: { ends_with: \"@example.com\" }",
    EndsWith
);

macro_rules! needles_operator {
    ($type:ident, $name:literal, $summary:literal, $example:literal, $how:ident) => {
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

            fn takes_words(&self) -> bool {
                true
            }

            fn example(&self) -> &'static str {
                $example
            }

            fn compile(&self, wanted: &Value, case: Case) -> Result<Box<dyn Test>, String> {
                let needles = wanted.as_array().into_iter().flatten().map(|item| needle(item, case));
                Ok(Box::new(Needles { needles: needles.collect::<Result<_, _>>()?, case, how: How::$how }))
            }
        }
    };
}

needles_operator!(
    ContainsAny,
    "contains_any",
    "The text contains at least one of these.",
    "message.text: { contains_any: [refund, \"money back\"] }",
    ContainsAny
);
needles_operator!(
    ContainsAll,
    "contains_all",
    "The text, or the list of texts together, contains every one of these.",
    "message.text: { contains_all: [order, broken] }",
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
    fn holds(&self, seen: &Seen<'_>, _: jiff::Timestamp, _: &mut Map<String, Value>) -> bool {
        let texts = seen.texts(self.case);
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

    fn signs(&self) -> Option<Vec<Sign>> {
        match self.how {
            How::ContainsAll => {
                let rarest = self.needles.iter().min_by(|a, b| likelihood(a).total_cmp(&likelihood(b)))?;
                Some(vec![Sign::text(rarest)])
            }
            _ => Some(self.needles.iter().map(|needle| Sign::text(needle)).collect()),
        }
    }
}

/// A text as it is searched: in the case that counts, and with every run of white space as one blank, because mail breaks
/// its lines wherever it likes.
pub(super) fn read(text: &str, case: Case) -> String {
    // Most texts have nothing but single blanks, which is seen faster than it is written anew.
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_control()) && !text.contains("  ") {
        return case.fold(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split(char::is_whitespace);
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        if out.as_bytes().last() != Some(&b' ') {
            out.push(' ');
        }
        out.push_str(part);
    }
    case.fold(&out)
}

fn needle(wanted: &Value, case: Case) -> Result<String, String> {
    match as_text(wanted) {
        Some(text) if !text.is_empty() => Ok(read(&text, case)),
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

    fn example(&self) -> &'static str {
        "message.text: { contains_word: [art, \"c++\"] }"
    }

    fn compile(&self, wanted: &Value, case: Case) -> Result<Box<dyn Test>, String> {
        let wanted = wanted.as_array().map_or_else(|| vec![wanted], |items| items.iter().collect());
        let words = wanted.into_iter().map(|word| needle(word, case)).collect::<Result<_, _>>()?;
        Ok(Box::new(Words { words, case }))
    }
}

/// Texts are folded as for the other text operators, so that one word is the same word to all of them.
struct Words {
    words: Vec<String>,
    case: Case,
}

impl Test for Words {
    fn holds(&self, seen: &Seen<'_>, _: jiff::Timestamp, _: &mut Map<String, Value>) -> bool {
        let texts = seen.texts(self.case);
        self.words.iter().any(|word| texts.iter().any(|text| has_word(text, word)))
    }

    fn signs(&self) -> Option<Vec<Sign>> {
        Some(self.words.iter().map(|word| Sign::text(word)).collect())
    }
}

/// Whether a word stands somewhere with no other part of a word beside it. What the word itself begins and ends with does
/// not matter, so that `c++` is a word.
fn has_word(text: &str, word: &str) -> bool {
    let is_alone = |start: usize| {
        let (before, after) = (text[..start].chars().next_back(), text[start + word.len()..].chars().next());
        !before.is_some_and(is_part_of_word) && !after.is_some_and(is_part_of_word)
    };
    let mut from = 0;
    while let Some(found) = text[from..].find(word) {
        let start = from + found;
        if is_alone(start) {
            return true;
        }
        // The next one may overlap this one, as in `a-a-a`.
        from = start + text[start..].chars().next().map_or(1, char::len_utf8);
    }
    false
}

/// Letters, the marks on them, digits and the underscore.
fn is_part_of_word(letter: char) -> bool {
    static PART: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{L}\p{M}\p{N}_]$").ok());
    match letter.is_ascii() {
        true => letter.is_ascii_alphanumeric() || letter == '_',
        false => PART.as_ref().is_some_and(|part| part.is_match(letter.encode_utf8(&mut [0; 4]))),
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

    fn example(&self) -> &'static str {
        r"message.subject: { matches: 'order #(?<order>\d+)' }"
    }

    fn compile(&self, wanted: &Value, case: Case) -> Result<Box<dyn Test>, String> {
        let pattern = wanted.as_str().unwrap_or_default().to_owned();
        let parsed = literal::parse(&pattern, case);
        if parsed.as_ref().is_none_or(|parsed| literal::most_bytes(parsed) > REGEX_LIMIT) {
            build(&pattern, case)?;
        }
        let words = parsed.and_then(|parsed| literal::required(&parsed));
        Ok(Box::new(Pattern { pattern, case, words, compiled: OnceLock::new() }))
    }
}

/// A compiled expression takes many times the memory and the time of its text, and of thousands only a few are ever asked:
/// each is compiled when it is first asked, and before that only where it may not compile.
struct Pattern {
    pattern: String,
    case: Case,
    /// What it cannot match without.
    words: Option<Vec<String>>,
    compiled: OnceLock<Option<Regex>>,
}

impl Test for Pattern {
    fn holds(&self, seen: &Seen<'_>, _: jiff::Timestamp, captures: &mut Map<String, Value>) -> bool {
        let compiled = self.compiled.get_or_init(|| build(&self.pattern, self.case).ok());
        let Some(regex) = compiled else { return false };
        let mut texts = seen.iter().filter_map(|value| as_text(value));
        if regex.captures_len() == 1 {
            return texts.any(|text| regex.is_match(&text));
        }
        let Some(text) = texts.find(|text| regex.is_match(text)) else { return false };
        if let Some(found) = regex.captures(&text) {
            for name in regex.capture_names().flatten() {
                if let Some(group) = found.name(name) {
                    captures.insert(name.to_owned(), group.as_str().into());
                }
            }
        }
        true
    }

    fn signs(&self) -> Option<Vec<Sign>> {
        Some(self.words.as_ref()?.iter().cloned().map(Sign::Text).collect())
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
