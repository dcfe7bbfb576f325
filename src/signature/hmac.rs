//! HMAC (RFC 2104) with shared secrets.
//! Never stops at the first secret that fits, so that time tells nothing about which one did.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq};

use super::keys::decode_base64;
use super::signed::Proof;
use super::{HashName, KeyForm, SettingFault, VerifySettings};
use crate::secret::Secret;

/// The secrets of one source, as HMAC keys.
pub(super) struct SharedKeys {
    hash: HashName,
    keys: Vec<SecretSlice<u8>>,
}

impl SharedKeys {
    /// Reads the secrets in the form that the settings name, else in `form`.
    pub(super) fn read(
        settings: &VerifySettings,
        hash: HashName,
        form: KeyForm,
        faults: &mut Vec<SettingFault>,
    ) -> Self {
        let form = settings.key.unwrap_or(form);
        let mut keys = Vec::new();
        for (index, secret) in settings.secrets.iter().enumerate() {
            match key(secret.expose(), form) {
                Ok(bytes) => keys.push(bytes.into()),
                Err(message) => faults.push(SettingFault::new(format!("secrets/{index}"), message)),
            }
        }
        Self { hash: settings.hash.unwrap_or(hash), keys }
    }

    fn tag(&self, key: &SecretSlice<u8>, signed: &[u8]) -> Option<Vec<u8>> {
        let key = key.expose_secret();
        match self.hash {
            HashName::Sha1 => tag::<Hmac<Sha1>>(key, signed),
            HashName::Sha256 => tag::<Hmac<Sha256>>(key, signed),
            HashName::Sha512 => tag::<Hmac<Sha512>>(key, signed),
        }
    }
}

impl Proof for SharedKeys {
    fn accepts(&self, signed: &[u8], signatures: &[Vec<u8>]) -> bool {
        let mut found = Choice::from(0);
        for tag in self.keys.iter().filter_map(|key| self.tag(key, signed)) {
            for signature in signatures {
                found |= tag.ct_eq(signature);
            }
        }
        found.into()
    }

    fn sign(&self, signed: &[u8], _: Option<&Secret>) -> Result<Option<Vec<u8>>, String> {
        Ok(self.keys.first().and_then(|key| self.tag(key, signed)))
    }
}

/// The tag. HMAC takes keys of every length, so there always is one.
fn tag<M: KeyInit + Mac>(key: &[u8], signed: &[u8]) -> Option<Vec<u8>> {
    let mac = M::new_from_slice(key).ok()?;
    Some(mac.chain_update(signed).finalize().into_bytes().to_vec())
}

fn key(secret: &str, form: KeyForm) -> Result<Vec<u8>, String> {
    let (bytes, name) = match form {
        KeyForm::Utf8 => (Some(secret.as_bytes().to_vec()), "utf8"),
        KeyForm::Base64 => (decode_base64(secret), "base64"),
        KeyForm::Hex => (hex::decode(secret).ok(), "hex"),
        KeyForm::Whsec => (decode_base64(secret.strip_prefix("whsec_").unwrap_or(secret)), "whsec"),
    };
    match bytes {
        Some(bytes) if bytes.is_empty() => Err("the secret is empty; anybody could sign with it".to_owned()),
        Some(bytes) => Ok(bytes),
        None if form == KeyForm::Whsec => {
            Err("the secret is not `whsec_` and base64, as `key: whsec` wants it".to_owned())
        }
        None => Err(format!("the secret is not {name}, as `key: {name}` wants it; `key: utf8` takes it as it is")),
    }
}
