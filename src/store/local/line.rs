//! A key and its value as a line of JSON: how the state is exported, imported and kept in snapshots. A line says its kind in
//! words, so that a store of another make can read it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::keys::{self, KINDS, Shape};
use super::record::{self, PLAIN};
use crate::store::StoreError;

/// The longest key, in bytes: what is written to a journal says the length of a key in two bytes.
const LONGEST: usize = u16::MAX as usize;

/// One key with its value.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::store) struct Line {
    /// The word for the kind of key.
    kind: String,
    /// What follows the letter of the kind, where it is a name: in words, not as it stands in the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What follows the letter of the kind, where it is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    /// The value, where it is JSON in a form that this program writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    /// The value in base64, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    /// Where a store keeps the value, in its own words; only in its own snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Box<RawValue>>,
}

/// What stands for the value of a line.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) enum Content {
    /// The value itself.
    Value(Vec<u8>),
    /// Where it is, as JSON.
    At(String),
}

impl Line {
    /// The line of a key.
    pub(in crate::store) fn new(key: &[u8], content: &Content) -> Result<Self, StoreError> {
        let (kind, name, number) = keys::parts(key).ok_or_else(|| corrupt("a key of an unknown kind"))?;
        let mut line = Self { kind: kind.to_owned(), name, number, value: None, bytes: None, at: None };
        match content {
            Content::At(json) => line.at = raw(json.clone()),
            Content::Value(value) => {
                let json = record::json(value).ok();
                let json = json.and_then(|json| String::from_utf8(json.into_owned()).ok()).and_then(raw);
                match json {
                    Some(json) => line.value = Some(json),
                    None => line.bytes = Some(STANDARD.encode(value)),
                }
            }
        }
        Ok(line)
    }

    /// The key of the line.
    pub(in crate::store) fn key(&self) -> Result<Vec<u8>, StoreError> {
        let known = KINDS.iter().find(|(_, word, _)| *word == self.kind);
        let (letter, _, shape) = known.ok_or_else(|| corrupt(&format!("`{}` is not a kind of record", self.kind)))?;
        let fits = match shape {
            Shape::Alone => self.name.is_none() && self.number.is_none(),
            Shape::Numbered => self.name.is_none() && self.number.is_some(),
            Shape::Named(_) => self.name.is_some() && self.number.is_none(),
            Shape::Both(_) => self.name.is_some() && self.number.is_some(),
        };
        if !fits {
            return Err(corrupt(&format!("a record of kind `{}` is named in another way", self.kind)));
        }
        let key = keys::join(*letter, self.name.as_deref(), self.number);
        if key.len() > LONGEST {
            let (kind, length) = (&self.kind, key.len());
            return Err(corrupt(&format!(
                "a record of kind `{kind}` with a key of {length} bytes; at most {LONGEST} fit"
            )));
        }
        Ok(key)
    }

    /// What stands for the value.
    pub(in crate::store) fn content(&self) -> Result<Content, StoreError> {
        match (&self.value, &self.bytes, &self.at) {
            (Some(json), None, None) => Ok(Content::Value([&[PLAIN], json.get().as_bytes()].concat())),
            (None, Some(bytes), None) => {
                STANDARD.decode(bytes).map(Content::Value).map_err(|_| corrupt("`bytes` that are not base64"))
            }
            (None, None, Some(at)) => Ok(Content::At(at.get().to_owned())),
            (None, None, None) => Ok(Content::Value(Vec::new())),
            _ => Err(corrupt(&format!("a record of kind `{}` with two values", self.kind))),
        }
    }
}

/// The word for the kind of a key.
pub(in crate::store) fn kind_of(key: &[u8]) -> &'static str {
    keys::parts(key).map_or("unknown", |(kind, ..)| kind)
}

fn raw(json: String) -> Option<Box<RawValue>> {
    RawValue::from_string(json).ok()
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt { what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::{keys, record};
    use super::*;
    use crate::model::LaneKey;

    #[test]
    fn a_line_is_the_key_and_the_value_again() {
        let lane = LaneKey::from("lane");
        for (key, content) in [
            (keys::header(), Content::Value(record::write(&7).unwrap())),
            (keys::event(300), Content::Value(record::write("text").unwrap())),
            (keys::in_lane(&lane, 12), Content::Value(Vec::new())),
            (keys::conversation(&lane), Content::Value(b"\x07not json".to_vec())),
            (keys::decision(1), Content::At("{\"segment\":1}".to_owned())),
        ] {
            let json = serde_json::to_string(&Line::new(&key, &content).unwrap()).unwrap();
            let line: Line = serde_json::from_str(&json).unwrap();
            assert_eq!((line.key().unwrap(), line.content().unwrap()), (key, content), "{json}");
        }
    }

    /// So exports of earlier versions can be imported, and the other way round.
    #[test]
    fn a_line_has_its_name_in_words() {
        let digits = "00112233445566778899aabbcc";
        for (kind, name) in [
            ("event_place", format!("evt_{digits}")),
            ("event_place", "evt_1".to_owned()),
            ("event_place", "evt_123456789".to_owned()),
            ("send_place", format!("snd_{digits}")),
            ("quarantine", format!("qua_{digits}")),
            ("conversation", digits.to_owned()),
            ("contact", digits.to_owned()),
            ("ledger", digits.to_owned()),
            ("token", digits.to_owned()),
            ("window", format!("conversation:{digits}")),
            ("quarantined", format!("body:{digits}")),
            ("control", format!("c{digits}")),
            ("control", "arule:greet".to_owned()),
            ("book", digits.to_owned()),
        ] {
            let json = format!(r#"{{"kind":"{kind}","name":"{name}","value":1}}"#);
            let line: Line = serde_json::from_str(&json).unwrap();
            let (key, content) = (line.key().unwrap(), line.content().unwrap());
            assert!(key.len() <= 15 || kind == "book", "{json}");
            assert_eq!(serde_json::to_string(&Line::new(&key, &content).unwrap()).unwrap(), json);
        }
        let json = format!(r#"{{"kind":"in_lane","name":"{digits}","number":7,"bytes":""}}"#);
        let line: Line = serde_json::from_str(&json).unwrap();
        let key = line.key().unwrap();
        assert_eq!((key.len(), keys::number_of(&key)), (22, Some(7)));
        assert_eq!(serde_json::to_string(&Line::new(&key, &line.content().unwrap()).unwrap()).unwrap(), json);
    }

    #[test]
    fn what_is_not_a_line_is_told() {
        for (json, told) in [
            (r#"{"kind":"evnt","number":1}"#, "`evnt` is not a kind of record"),
            (r#"{"kind":"event","name":"1"}"#, "a record of kind `event` is named in another way"),
            (r#"{"kind":"event","number":1,"bytes":"*"}"#, "`bytes` that are not base64"),
        ] {
            let line: Line = serde_json::from_str(json).unwrap();
            let error = line.key().map(drop).and(line.content().map(drop)).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn a_key_that_no_journal_could_hold_is_refused() {
        let line = |length: usize| -> Line {
            serde_json::from_str(&format!(r#"{{"kind":"credential","name":"{}"}}"#, "n".repeat(length))).unwrap()
        };
        assert_eq!(line(LONGEST - 1).key().unwrap().len(), LONGEST);
        assert!(line(LONGEST).key().unwrap_err().to_string().contains("65536 bytes; at most 65535 fit"));
    }
}
