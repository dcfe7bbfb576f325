//! A JSON pointer (RFC 6901), taken apart once instead of at each look.

use serde_json::Value;

/// The way to one place in a JSON document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer(Vec<String>);

impl Pointer {
    /// Of a pointer that is well formed: empty, or led by `/`.
    pub(super) fn of(text: &str) -> Self {
        Self(text.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
    }

    /// What stands there, as [`Value::pointer`] finds it.
    pub(super) fn find<'a>(&self, json: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(json, |value, token| match value {
            Value::Object(map) => map.get(token),
            Value::Array(items) => items.get(index(token)?),
            _ => None,
        })
    }
}

/// RFC 6901 §4: digits without a sign and without leading zeros.
fn index(token: &str) -> Option<usize> {
    let is_number = !token.starts_with('+') && (token == "0" || !token.starts_with('0'));
    is_number.then(|| token.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_is_found_as_serde_json_finds_it() {
        let json = json!({ "a": { "b": [10, { "c": 1 }], "": 2, "x/y": 3, "m~n": 4, "0": 5, "~1": 6 }, "n": null });
        for pointer in [
            "", "/", "/a", "/a/", "/a/b", "/a/b/0", "/a/b/1/c", "/a/b/01", "/a/b/+1", "/a/b/-", "/a/b/2", "/a/0", "/n",
            "/n/x", "/a/x~1y", "/a/m~0n", "/a/~01", "/a/none",
        ] {
            assert_eq!(Pointer::of(pointer).find(&json), json.pointer(pointer), "{pointer}");
        }
    }
}
