//! Ed25519 (RFC 8032) with public keys.
//! The source never holds a private key; signing is for trials, with a key that is handed in.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::pkcs8::EncodePublicKey;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use ring::rand::{SecureRandom, SystemRandom};

use super::keys::{self, PublicKey};
use super::signed::Proof;
use super::{SettingFault, VerifySettings};
use crate::secret::Secret;

/// The public keys of one source.
pub(super) struct Ed25519Keys(pub(super) Vec<VerifyingKey>);

impl Ed25519Keys {
    /// Reads `keys:`.
    pub(super) fn read(settings: &VerifySettings, faults: &mut Vec<SettingFault>) -> Self {
        let pick = |key| match key {
            PublicKey::Ed25519(key) => Ok(key),
            other => Err(other.title()),
        };
        Self(keys::read(settings, "an Ed25519 key", pick, faults))
    }
}

impl Proof for Ed25519Keys {
    fn accepts(&self, signed: &[u8], signatures: &[Vec<u8>]) -> bool {
        let signatures: Vec<_> = signatures.iter().filter_map(|bytes| Signature::from_slice(bytes).ok()).collect();
        let pairs = self.0.iter().flat_map(|key| signatures.iter().map(move |signature| (key, signature)));
        pairs.fold(false, |found, (key, signature)| found | key.verify_strict(signed, signature).is_ok())
    }

    fn sign(&self, signed: &[u8], private_key: Option<&Secret>) -> Result<Option<Vec<u8>>, String> {
        let Some(secret) = private_key else { return Ok(None) };
        let key = keys::private(secret)?;
        match self.0.contains(&key.verifying_key()) {
            true => Ok(Some(key.sign(signed).to_vec())),
            false => Err(keys::stranger()),
        }
    }
}

/// Makes a pair of keys: the private one as a base64 seed for [`Signing`](super::Signing), the public one as base64 SPKI
/// for `keys:`.
pub fn generate_ed25519() -> Result<(Secret, String), String> {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).map_err(|_| "the system gives no random bytes")?;
    let public = SigningKey::from_bytes(&seed).verifying_key().to_public_key_der();
    let public = public.map_err(|error| format!("the public key cannot be written: {error}"))?;
    Ok((BASE64_STANDARD.encode(seed).into(), BASE64_STANDARD.encode(public.as_bytes())))
}
