//! RSA with SHA-256 and PKCS#1 v1.5 padding (RFC 8017 §8.2), with public keys.
//! The source never holds a private key; signing is for trials, with a key that is handed in.

use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};

use super::keys::{self, PublicKey};
use super::signed::Proof;
use super::{SettingFault, VerifySettings};
use crate::secret::Secret;

/// The public keys of one source, each the DER of its PKCS#1 form.
pub(super) struct RsaKeys(pub(super) Vec<Vec<u8>>);

impl RsaKeys {
    /// Reads `keys:`.
    pub(super) fn read(settings: &VerifySettings, faults: &mut Vec<SettingFault>) -> Self {
        let pick = |key| match key {
            PublicKey::Rsa(key) => Ok(key),
            other => Err(other.title()),
        };
        Self(keys::read(settings, "an RSA key", pick, faults))
    }
}

impl Proof for RsaKeys {
    fn accepts(&self, signed: &[u8], signatures: &[Vec<u8>]) -> bool {
        let keys = self.0.iter().map(|der| UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der));
        let pairs = keys.flat_map(|key| signatures.iter().map(move |signature| (key, signature)));
        pairs.fold(false, |found, (key, signature)| found | key.verify(signed, signature).is_ok())
    }

    fn sign(&self, signed: &[u8], private_key: Option<&Secret>) -> Result<Option<Vec<u8>>, String> {
        let Some(secret) = private_key else { return Ok(None) };
        let pair = RsaKeyPair::from_pkcs8(&keys::private_der(secret)?)
            .map_err(|_| "the private key is not an RSA key in PKCS#8 form (`BEGIN PRIVATE KEY`)")?;
        if !self.0.iter().any(|key| key == pair.public_key().as_ref()) {
            return Err(keys::stranger());
        }
        let mut signature = vec![0; pair.public().modulus_len()];
        let signed = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature);
        signed.map_err(|_| "the private key signs nothing")?;
        Ok(Some(signature))
    }
}
