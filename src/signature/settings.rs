//! What can be written under `verify:`.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::secret::Secret;

/// How a source proves who it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifySettings {
    /// The name of the scheme.
    pub scheme: String,
    /// Shared secrets. All are tried, so that a rotation never drops an event.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// Public keys, PEM or base64. All are tried, so that a rotation never drops an event.
    #[serde(default)]
    pub keys: Vec<String>,
    /// The header that carries the signature or token.
    pub header: Option<String>,
    /// The hash under the HMAC; default sha256.
    pub hash: Option<HashName>,
    /// How the signature is written; default auto, which accepts hex and base64.
    pub encoding: Option<Encoding>,
    /// What stands before the signature, such as `sha256=`.
    pub prefix: Option<String>,
    /// The character that separates several signatures in one header, such as `,`.
    pub list: Option<String>,
    /// The header that carries the time stamp.
    pub timestamp_header: Option<String>,
    /// What is signed, with `{body}`, `{timestamp}` and `{id}`; default `{body}`.
    pub content: Option<String>,
    /// The header that carries the delivery's id, where `content` uses `{id}`.
    pub id_header: Option<String>,
    /// How far the time stamp may be off in either direction, such as `5m`; the scheme's own by default.
    #[serde(default, deserialize_with = "crate::model::duration::optional::deserialize")]
    #[schemars(with = "Option<crate::model::duration::Written>")]
    pub tolerance: Option<SignedDuration>,
    /// How a secret becomes a key; default utf8.
    pub key: Option<KeyForm>,
    /// The address at which the sender reaches this source, for schemes that sign it; written as it is at the sender.
    pub url: Option<String>,
}

impl VerifySettings {
    /// A scheme, and nothing set.
    pub(super) fn of(scheme: &str) -> Self {
        Self {
            scheme: scheme.to_owned(),
            secrets: Vec::new(),
            keys: Vec::new(),
            header: None,
            hash: None,
            encoding: None,
            prefix: None,
            list: None,
            timestamp_header: None,
            content: None,
            id_header: None,
            tolerance: None,
            key: None,
            url: None,
        }
    }

    /// A fault for every setting that a scheme does not take: ignoring one in silence would let its author believe in it.
    pub(super) fn refuse_all_but(&self, takes: &[&str]) -> Vec<SettingFault> {
        let written = [
            ("secrets", !self.secrets.is_empty()),
            ("keys", !self.keys.is_empty()),
            ("header", self.header.is_some()),
            ("hash", self.hash.is_some()),
            ("encoding", self.encoding.is_some()),
            ("prefix", self.prefix.is_some()),
            ("list", self.list.is_some()),
            ("timestamp_header", self.timestamp_header.is_some()),
            ("content", self.content.is_some()),
            ("id_header", self.id_header.is_some()),
            ("tolerance", self.tolerance.is_some()),
            ("key", self.key.is_some()),
            ("url", self.url.is_some()),
        ];
        let known = if takes.is_empty() { "no settings".to_owned() } else { takes.join(", ") };
        let refused = written.iter().filter(|(key, is_written)| *is_written && !takes.contains(key));
        let message = |key: &str| format!("the scheme `{}` does not take `{key}`; it takes {known}", self.scheme);
        refused.map(|(key, _)| SettingFault::new(*key, message(key))).collect()
    }

    /// What is wrong with `secrets` for a scheme that needs at least one.
    pub(super) fn check_secrets(&self) -> Vec<SettingFault> {
        if self.secrets.is_empty() {
            return vec![SettingFault::new("", "missing `secrets`: without one nothing could be verified")];
        }
        let empty = self.secrets.iter().enumerate().filter(|(_, secret)| secret.is_empty());
        empty.map(|(index, _)| SettingFault::new(format!("secrets/{index}"), "the secret is empty")).collect()
    }
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HashName {
    /// SHA-1, for senders that know nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How signature bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Standard base64.
    Base64,
    /// Either of the two.
    Auto,
}

/// How a secret becomes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyForm {
    /// Its bytes as they are.
    Utf8,
    /// Decoded from base64.
    Base64,
    /// Decoded from hexadecimal.
    Hex,
    /// `whsec_` taken off, the rest decoded from base64 (Standard Webhooks).
    Whsec,
}

/// Something wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    /// The key inside the block, as the rest of a JSON pointer: `secrets/0`, or empty for the block itself.
    pub key: String,
    /// What is wrong, and what would be right. Never holds a secret.
    pub message: String,
}

impl SettingFault {
    /// A fault at `key`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::signature::scheme;

    /// What is wrong with some settings, a line for each fault.
    fn faults(settings: Value) -> String {
        let settings: VerifySettings = serde_json::from_value(settings).unwrap();
        let Err(faults) = scheme(&settings.scheme).unwrap().build(&settings) else { return "none".to_owned() };
        faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn missing_settings_are_named() {
        insta::assert_snapshot!(faults(json!({ "scheme": "github" })), @": missing `secrets`: without one nothing could be verified");
        insta::assert_snapshot!(faults(json!({ "scheme": "standard-webhooks" })), @": missing `secrets` or `keys`: without one nothing could be verified");
        insta::assert_snapshot!(faults(json!({ "scheme": "ed25519", "header": "x" })), @": missing `keys`: without one nothing could be verified");
        insta::assert_snapshot!(faults(json!({ "scheme": "token" })), @r"
        : missing `secrets`: without one nothing could be verified
        : missing key `header`: the header that carries the secret
        ");
    }

    #[test]
    fn wrong_settings_are_refused_with_what_would_be_right() {
        insta::assert_snapshot!(faults(json!({ "scheme": "basic", "secrets": ["user", "user:", ""], "header": "x" })), @r"
        header: the scheme `basic` does not take `header`; it takes secrets
        secrets/2: the secret is empty
        secrets/0: the secret is not `user:password`
        secrets/1: the secret is not `user:password`
        ");
        insta::assert_snapshot!(faults(json!({ "scheme": "none", "secrets": ["x"] })), @"secrets: the scheme `none` does not take `secrets`; it takes no settings");
        insta::assert_snapshot!(faults(json!({
            "scheme": "github", "secrets": ["ok", ""], "keys": ["k"], "content": "{body}", "tolerance": "5m", "header": "a b",
        })), @r"
        keys: the scheme `github` does not take `keys`; it takes secrets, key, header, encoding
        content: the scheme `github` does not take `content`; it takes secrets, key, header, encoding
        tolerance: the scheme `github` does not take `tolerance`; it takes secrets, key, header, encoding
        header: `a b` is not the name of a header
        secrets/1: the secret is empty; anybody could sign with it
        ");
        insta::assert_snapshot!(faults(json!({
            "scheme": "hmac", "secrets": ["zz"], "key": "hex", "content": "{body", "list": "ab", "tolerance": "1m",
        })), @r"
        : missing key `header`: the header that carries the signature
        content: `{body` has a `{` without a `}`
        tolerance: without a signed time stamp there is nothing to tolerate
        list: `ab` cannot separate signatures; write one character such as `,`
        secrets/0: the secret is not hex, as `key: hex` wants it; `key: utf8` takes it as it is
        ");
        insta::assert_snapshot!(faults(json!({
            "scheme": "hmac", "header": "x", "secrets": ["zz"], "content": "{id}{body}", "timestamp_header": "t", "prefix": "v1,", "list": ",",
        })), @r"
        timestamp_header: without {timestamp} in `content` it is not signed, and anybody could change it
        content: {id} needs `id_header`
        list: `,` is also in `prefix`, which would tear it apart
        ");
        insta::assert_snapshot!(faults(json!({ "scheme": "svix", "secrets": ["whsec_", "whsk_AAAA"] })), @r"
        secrets/0: the secret is empty; anybody could sign with it
        secrets/1: the secret is not `whsec_` and base64, as `key: whsec` wants it
        ");
    }

    #[test]
    fn wrong_keys_are_refused_with_what_would_be_right() {
        let rsa = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKs4x7jHCWxkUyNlZm3VpTAwF7GGFVtFI6yVJGZx2B2uvDnMQy8cDQh9bpQ8n0E0Vv8m2c5p0y6zRkCQyDvBn0kCAwEAAQ==";
        insta::assert_snapshot!(faults(json!({
            "scheme": "highlevel", "secrets": ["x"], "keys": ["???", "AAAA", rsa, "0000000000000000000000000000000000000000000000000000000000000000"],
        })), @r"
        secrets: the scheme `highlevel` does not take `secrets`; it takes keys
        keys/0: the key is neither PEM, base64 nor hexadecimal
        keys/1: the key is neither a public key in SPKI form (`BEGIN PUBLIC KEY`) nor an Ed25519 key of 32 bytes
        keys/2: the RSA key has 512 bits; 2048 to 8192 are accepted
        keys/3: the key is not a usable Ed25519 key
        ");
    }

    #[test]
    fn what_a_scheme_takes_is_taken() {
        for settings in [
            json!({ "scheme": "sequenzy", "secrets": ["x"], "encoding": "hex", "key": "utf8", "tolerance": "10m", "header": "X-Other" }),
            json!({ "scheme": "hmac", "secrets": ["x"], "header": "X-Sig" }),
            json!({ "scheme": "highlevel" }),
            json!({ "scheme": "none" }),
        ] {
            assert_eq!(faults(settings), "none");
        }
    }
}
