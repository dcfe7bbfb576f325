//! Durations as people write them: `7s`, `15m`, `24h`, `7d`, `1h 30m`. A day is 24 hours.

use std::borrow::Cow;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

/// What is said of a text that is none, behind the text itself.
const WRONG: &str = "is not a duration; write it like 30s, 15m, 24h or 7d";

/// What [`parse`] reads, for editors: numbers with their units, or the form of ISO 8601. `${…}` is filled in before it is read.
pub const PATTERN: &str = r"^\s*(-?([0-9]+(\.[0-9]+)?\s*(ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)(,?\s+)?)+|[pP][0-9a-zA-Z.,]+|.*\$\{.+\}.*)\s*$";

/// The JSON Schema of a duration. `patternErrorMessage` is what editors say of another text.
pub fn schema() -> Value {
    json!({ "type": "string", "pattern": PATTERN, "patternErrorMessage": WRONG, "examples": ["30s", "15m", "24h", "7d"] })
}

/// A duration as it is written; for `#[schemars(with = …)]`.
pub struct Written;

impl JsonSchema for Written {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::try_from(schema()).unwrap_or_default()
    }
}

/// Reads a duration; the error says what would be right.
pub fn parse(text: &str) -> Result<SignedDuration, String> {
    let wrong = |_| format!("`{text}` {WRONG}");
    let span: Span = text.trim().parse().map_err(wrong)?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(wrong)?;
    if duration.is_negative() { Err(format!("`{text}` is negative")) } else { Ok(duration) }
}

/// Writes a duration in the form [`parse`] reads, without losing any of it.
pub fn show(duration: SignedDuration) -> String {
    match duration.as_secs() {
        _ if duration.subsec_nanos() != 0 => format!("{duration:#}"),
        0 => "0ms".to_owned(),
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// For `#[serde(with = …)]` on a `SignedDuration`.
pub mod written {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{SignedDuration, parse, show};

    /// Reads a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
        parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }

    /// Writes a duration.
    pub fn serialize<S: Serializer>(duration: &SignedDuration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&show(*duration))
    }
}

/// For `#[serde(with = …)]` on an `Option<SignedDuration>`.
pub mod optional {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{SignedDuration, parse, show};

    /// Reads an optional duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SignedDuration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| parse(&text).map_err(D::Error::custom)).transpose()
    }

    /// Writes an optional duration.
    pub fn serialize<S: Serializer>(duration: &Option<SignedDuration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_some(&show(*duration)),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, seconds) in
            [("7s", 7), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("1h 30m", 5_400), ("1h30m", 5_400)]
        {
            assert_eq!(parse(text).unwrap().as_secs(), seconds, "{text}");
        }
        assert_eq!(parse("soon").unwrap_err(), "`soon` is not a duration; write it like 30s, 15m, 24h or 7d");
        assert!(parse("-5m").is_err());
        assert_eq!(show(SignedDuration::from_secs(900)), "15m");
        for text in ["0ms", "50ms", "7s", "90s", "15m", "1h", "7d", "1s 500ms"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn the_pattern_for_editors_is_what_is_read() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        let read = [
            "7s",
            " 15m ",
            "24h",
            "7d",
            "1h 30m",
            "1h30m",
            "250ms",
            "2 hours",
            "1 day, 2h",
            "1.5h",
            "2w",
            "0s",
            "PT15M",
        ];
        let refused = ["", " ", "soon", "15", "15 fortnights", "1x", "m15", "30 s m", "1h and 2m", "1y", "2 months"];
        for (texts, is_right) in [(&read[..], true), (&refused[..], false)] {
            for text in texts {
                assert_eq!(parse(text).is_ok(), is_right, "{text}");
                assert_eq!(pattern.is_match(text), is_right, "{text}");
            }
        }
        assert!(pattern.is_match("${RETENTION:-30d}"), "it is filled in before it is read");
        assert!(pattern.is_match("-5m"), "what is negative is refused in words of its own");
    }
}
