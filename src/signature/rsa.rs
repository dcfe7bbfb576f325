//! RSA with SHA-256 and PKCS#1 v1.5 padding (RFC 8017 §8.2), with public keys.
//! It signs nothing: the only sender that uses it has another scheme to be tried with.

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::signed::Proof;
use crate::secret::Secret;

/// The public keys of one source, each the DER of its PKCS#1 form.
pub(super) struct RsaKeys(pub(super) Vec<Vec<u8>>);

impl Proof for RsaKeys {
    fn accepts(&self, signed: &[u8], signatures: &[Vec<u8>]) -> bool {
        let keys = self.0.iter().map(|der| UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der));
        let pairs = keys.flat_map(|key| signatures.iter().map(move |signature| (key, signature)));
        pairs.fold(false, |found, (key, signature)| found | key.verify(signed, signature).is_ok())
    }

    fn sign(&self, _: &[u8], _: Option<&Secret>) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }
}
