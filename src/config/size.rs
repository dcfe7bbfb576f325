//! Sizes as people write them: `65536`, `64KiB`, `1MiB`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What is said of a text that is none, behind the text itself.
const WRONG: &str = "is not a size; write it like 65536, 64KiB or 1MiB";

/// What is read, for editors. `${…}` is filled in before.
const PATTERN: &str = r"^\s*([0-9]+\s*([kKmMgG]?[bB]|[kKmMgG]([iI][bB])?)?|.*\$\{.+\}.*)\s*$";

/// A number of bytes, as it was written.
#[derive(Clone, Debug)]
pub(super) struct Size(pub String);

impl Size {
    /// The bytes, or what would be right.
    pub(super) fn bytes(&self) -> Result<usize, String> {
        parse(&self.0)
    }
}

fn parse(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1_024,
        "m" | "mb" | "mib" => 1_024 * 1_024,
        "g" | "gb" | "gib" => 1_024 * 1_024 * 1_024,
        _ => return Err(format!("`{text}` {WRONG}")),
    };
    let number: usize = number.parse().map_err(|_| format!("`{text}` {WRONG}"))?;
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too large; write a size like 1MiB"))
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(text) => Self(text),
            other => Self(other.to_string()),
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "pattern": PATTERN,
            "patternErrorMessage": WRONG,
            "examples": ["64KiB", "1MiB"],
            "minimum": 0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        for (text, bytes) in
            [("65536", 65_536), ("64KiB", 65_536), ("1 MiB", 1_048_576), ("2GiB", 2_147_483_648), ("10b", 10)]
        {
            assert_eq!(parse(text).unwrap(), bytes, "{text}");
        }
        assert_eq!(parse("big").unwrap_err(), "`big` is not a size; write it like 65536, 64KiB or 1MiB");
    }
}
