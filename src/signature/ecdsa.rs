//! ECDSA over P-256 with SHA-256 (FIPS 186-5), with public keys.
//! The source never holds a private key; signing is for trials, with a key that is handed in.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey, VerificationAlgorithm,
};

use super::keys::{self, PublicKey};
use super::signed::Proof;
use super::{SettingFault, VerifySettings};
use crate::secret::Secret;

/// The two forms of a signature: DER, which senders write, and r beside s in 64 bytes, as in JOSE.
static FORMS: [&dyn VerificationAlgorithm; 2] = [&ECDSA_P256_SHA256_ASN1, &ECDSA_P256_SHA256_FIXED];

/// The public keys of one source, each an uncompressed point.
pub(super) struct P256Keys(Vec<Vec<u8>>);

impl P256Keys {
    /// Reads `keys:`.
    pub(super) fn read(settings: &VerifySettings, faults: &mut Vec<SettingFault>) -> Self {
        let pick = |key| match key {
            PublicKey::P256(key) => Ok(key),
            other => Err(other.title()),
        };
        Self(keys::read(settings, "a P-256 key", pick, faults))
    }
}

impl Proof for P256Keys {
    fn accepts(&self, signed: &[u8], signatures: &[Vec<u8>]) -> bool {
        let mut found = false;
        for key in &self.0 {
            for form in FORMS {
                let key = UnparsedPublicKey::new(form, key);
                found |= signatures.iter().fold(false, |found, one| found | key.verify(signed, one).is_ok());
            }
        }
        found
    }

    fn sign(&self, signed: &[u8], private_key: Option<&Secret>) -> Result<Option<Vec<u8>>, String> {
        let Some(secret) = private_key else { return Ok(None) };
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &keys::private_der(secret)?, &random)
            .map_err(|_| "the private key is not a P-256 key in PKCS#8 form (`BEGIN PRIVATE KEY`)")?;
        if !self.0.iter().any(|key| key == pair.public_key().as_ref()) {
            return Err(keys::stranger());
        }
        let signature = pair.sign(&random, signed).map_err(|_| "the private key signs nothing")?;
        Ok(Some(signature.as_ref().to_vec()))
    }
}
