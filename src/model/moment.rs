//! Times as whole nanoseconds since 1970: how records are kept that are many and short and that no API shows. What was written
//! as text is read as well.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Copy)]
struct Moment(Timestamp);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(i64),
    Text(Timestamp),
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A number of 64 bits lasts until the year 2262.
        match i64::try_from(self.0.as_nanosecond()) {
            Ok(number) => serializer.serialize_i64(number),
            Err(_) => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Text(at) => Ok(Self(at)),
            Written::Number(number) => {
                Timestamp::from_nanosecond(number.into()).map(Self).map_err(serde::de::Error::custom)
            }
        }
    }
}

/// For a field that is a time.
pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    Moment(*at).serialize(serializer)
}

/// For a field that is a time.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    Moment::deserialize(deserializer).map(|it| it.0)
}

/// For a field that may be a time.
pub(crate) mod option {
    use super::{Deserialize, Deserializer, Moment, Serialize, Serializer, Timestamp};

    pub(crate) fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        at.map(Moment).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<Moment>::deserialize(deserializer)?.map(|it| it.0))
    }
}

/// For a field that is many times.
pub(crate) mod list {
    use super::{Deserialize, Deserializer, Moment, Serializer, Timestamp};

    pub(crate) fn serialize<S: Serializer>(times: &[Timestamp], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(times.iter().copied().map(Moment))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Timestamp>, D::Error> {
        Ok(Vec::<Moment>::deserialize(deserializer)?.into_iter().map(|it| it.0).collect())
    }
}

/// For a field that is times by name.
pub(crate) mod map {
    use std::collections::BTreeMap;

    use super::{Deserialize, Deserializer, Moment, Serializer, Timestamp};

    pub(crate) fn serialize<S: Serializer>(
        times: &BTreeMap<String, Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(times.iter().map(|(name, at)| (name, Moment(*at))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, Timestamp>, D::Error> {
        let times = BTreeMap::<String, Moment>::deserialize(deserializer)?;
        Ok(times.into_iter().map(|(name, it)| (name, it.0)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_was_whichever_way_it_was_written() {
        for (text, number) in [
            ("\"2026-11-21T16:10:28.632916269Z\"", "1795277428632916269"),
            ("\"1960-01-01T00:00:00.5Z\"", "-315619199500000000"),
            ("\"9999-12-30T22:00:00Z\"", "\"9999-12-30T22:00:00Z\""),
        ] {
            let at: Moment = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&at).unwrap(), number);
            assert_eq!(serde_json::from_str::<Moment>(number).unwrap().0, at.0);
        }
        assert!(serde_json::from_str::<Moment>("true").is_err());
    }
}
