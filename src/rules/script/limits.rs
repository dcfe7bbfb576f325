//! What a script may use up.
//! Holds numbers only; `bounds` and Rhai itself enforce them.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::duration;

/// The bounds of one run of one script. A script that breaks one fails its rule alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Operations; default 100000.
    pub max_operations: u64,
    /// Functions that call functions; default 16.
    pub max_call_levels: usize,
    /// Expressions inside expressions; default 32.
    pub max_expression_depth: usize,
    /// Bytes of one text, or of all texts inside one list or map; default 65536.
    pub max_string: usize,
    /// Items of one list with all lists inside it; default 10000.
    pub max_array: usize,
    /// Entries of one map with all maps inside it; default 1000.
    pub max_map: usize,
    /// Bytes of everything the script holds; default 16777216. An estimate, made while it runs.
    pub max_memory: usize,
    /// Calls such as `reply` and `note`; default 64.
    pub max_calls: usize,
    /// Time by the wall clock; default 50ms.
    #[serde(with = "duration::written")]
    #[schemars(with = "duration::Written")]
    pub wall_time: SignedDuration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_operations: 100_000,
            max_call_levels: 16,
            max_expression_depth: 32,
            max_string: 64 * 1024,
            max_array: 10_000,
            max_map: 1_000,
            max_memory: 16 * 1024 * 1024,
            max_calls: 64,
            wall_time: SignedDuration::from_millis(50),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_people_write_them() {
        let limits: Limits = serde_json::from_value(serde_json::json!({ "wall_time": "2s", "max_calls": 3 })).unwrap();
        assert_eq!(limits.wall_time, SignedDuration::from_secs(2));
        assert_eq!(limits.max_calls, 3);
        assert_eq!(limits.max_operations, 100_000);
        assert!(serde_json::from_value::<Limits>(serde_json::json!({ "max_call": 3 })).is_err());
        let schema = serde_json::to_value(schemars::schema_for!(Limits)).unwrap();
        assert_eq!(schema["properties"]["wall_time"]["default"], "50ms");
    }
}
