//! The keys of an account as a type: its JSON Schema, reading it, and credentials that fit a header.
//! It never quotes a value, which may be a secret.

use http::HeaderValue;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::secret::Secret;
use crate::signature::SettingFault;

/// The schema of a settings type, whole in itself, so that it can be put into another one.
pub fn schema_of<T: JsonSchema>() -> Value {
    let inline = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    inline.into_generator().into_root_schema_for::<T>().to_value()
}

/// Reads settings that have passed their schema.
pub fn read<T: DeserializeOwned>(settings: &Value) -> Result<T, Vec<SettingFault>> {
    T::deserialize(settings).map_err(|_| vec![SettingFault::new("", "the keys are not those of this provider")])
}

/// The credential under `name`, if it can be sent in a header.
pub fn header_secret(name: &str, secret: Secret) -> Result<Secret, SettingFault> {
    match !secret.expose().trim().is_empty() && HeaderValue::from_str(secret.expose()).is_ok() {
        true => Ok(secret),
        false => Err(SettingFault::new(name, "is empty or holds characters that cannot stand in an HTTP header")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_must_fit_a_header_and_is_not_shown() {
        assert!(header_secret("api_key", Secret::from("sk_1")).is_ok());
        for wrong in ["", " ", "hunter\n2"] {
            let fault = header_secret("api_key", Secret::from(wrong)).unwrap_err();
            assert_eq!(fault.key, "api_key");
            assert!(!fault.message.contains("hunter"));
        }
        assert!(!format!("{:?}", read::<Vec<u8>>(&serde_json::json!("hunter2"))).contains("hunter2"));
    }
}
