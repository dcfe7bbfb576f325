//! Durations as people write them: `7s`, `15m`, `24h`, `7d`, `1h 30m`. A day is 24 hours.

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// Reads a duration; the error says what would be right.
pub fn parse(text: &str) -> Result<SignedDuration, String> {
    let wrong = |_| format!("`{text}` is not a duration; write it like 30s, 15m, 24h or 7d");
    let span: Span = text.trim().parse().map_err(wrong)?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(wrong)?;
    if duration.is_negative() { Err(format!("`{text}` is negative")) } else { Ok(duration) }
}

/// Writes a duration in the form [`parse`] reads.
pub fn show(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// For `#[serde(with = …)]` on an `Option<SignedDuration>`.
pub mod optional {
    use serde::{Deserialize, Deserializer, de::Error};

    use super::{SignedDuration, parse};

    /// Reads an optional duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SignedDuration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| parse(&text).map_err(D::Error::custom)).transpose()
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
    }
}
