//! Public and private keys, out of the forms in which people paste them: PEM, base64 or hexadecimal.
//! An error never repeats the key.

use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use base64::prelude::Engine as _;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::pkcs8::spki::der::{self, Decode, Reader, SliceReader, asn1::UintRef};
use ed25519_dalek::pkcs8::spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use ed25519_dalek::{SigningKey, VerifyingKey};

use super::{SettingFault, VerifySettings};
use crate::secret::Secret;

/// `id-Ed25519` (RFC 8410 §3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// `rsaEncryption` (RFC 8017 appendix A.1).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// `id-ecPublicKey` and `secp256r1` (RFC 5480 §2.1.1).
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// A public key of one of the kinds that schemes use.
pub(super) enum PublicKey {
    /// Ed25519 (RFC 8032).
    Ed25519(VerifyingKey),
    /// RSA, as the DER of its PKCS#1 form, of 2048 to 8192 bits.
    Rsa(Vec<u8>),
    /// ECDSA over P-256, as the uncompressed point (SEC 1 §2.3.3).
    P256(Vec<u8>),
}

impl PublicKey {
    /// What it is, in a sentence.
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "an Ed25519 key",
            Self::Rsa(_) => "an RSA key",
            Self::P256(_) => "a P-256 key",
        }
    }
}

/// Reads `keys:` for a scheme that takes keys of one kind, `wanted`, which `pick` takes out, or says
/// what it is instead.
pub(super) fn read<K>(
    settings: &VerifySettings,
    wanted: &str,
    pick: impl Fn(PublicKey) -> Result<K, &'static str>,
    faults: &mut Vec<SettingFault>,
) -> Vec<K> {
    let mut found = Vec::new();
    for (index, text) in settings.keys.iter().enumerate() {
        let picked =
            public(text).and_then(|key| pick(key).map_err(|title| format!("the key is {title}; {wanted} is wanted")));
        match picked {
            Ok(key) => found.push(key),
            Err(message) => faults.push(SettingFault::new(format!("keys/{index}"), message)),
        }
    }
    found
}

/// Reads a public key: SPKI in PEM or base64, a bare Ed25519 key of 32 bytes in base64 or hexadecimal, or `whpk_…`.
pub(super) fn public(text: &str) -> Result<PublicKey, String> {
    let bytes = unwrap(text, "PUBLIC KEY", "whpk_").ok_or("the key is neither PEM, base64 nor hexadecimal")?;
    if let Ok(raw) = <[u8; 32]>::try_from(bytes.as_slice()) {
        return ed25519(&raw);
    }
    let wrong = "the key is neither a public key in SPKI form (`BEGIN PUBLIC KEY`) nor an Ed25519 key of 32 bytes";
    let info = SubjectPublicKeyInfoRef::try_from(bytes.as_slice()).map_err(|_| wrong)?;
    let key = info.subject_public_key.as_bytes().ok_or(wrong)?;
    match info.algorithm.oid {
        ED25519 => ed25519(key.try_into().map_err(|_| wrong)?),
        RSA => rsa(key),
        EC if info.algorithm.parameters_oid() == Ok(P256) => p256(key),
        EC => Err("the key is of another curve than P-256".to_owned()),
        other => Err(format!("the key is of kind {other}; Ed25519, RSA and P-256 are known")),
    }
}

/// Reads an Ed25519 private key: PKCS#8 in PEM or base64, a seed of 32 bytes in base64 or hexadecimal, or `whsk_…`.
pub(super) fn private(secret: &Secret) -> Result<SigningKey, String> {
    let bytes = private_der(secret)?;
    let wrong = "the private key is neither PKCS#8 (`BEGIN PRIVATE KEY`) nor an Ed25519 seed of 32 bytes";
    if let Ok(seed) = <[u8; 32]>::try_from(bytes.as_slice()) {
        return Ok(SigningKey::from_bytes(&seed));
    }
    if let Ok(pair) = <[u8; 64]>::try_from(bytes.as_slice()) {
        return SigningKey::from_keypair_bytes(&pair).map_err(|_| wrong.to_owned());
    }
    SigningKey::from_pkcs8_der(&bytes).map_err(|_| wrong.to_owned())
}

/// The bytes of a private key in PEM or base64, whatever its kind.
pub(super) fn private_der(secret: &Secret) -> Result<Vec<u8>, String> {
    unwrap(secret.expose(), "PRIVATE KEY", "whsk_")
        .ok_or_else(|| "the private key is neither PEM nor base64".to_owned())
}

/// What is said of a private key that fits none of the public ones.
pub(super) fn stranger() -> String {
    "the private key belongs to none of the source's public keys".to_owned()
}

/// Decodes base64, padded or not: people copy it either way.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD_PAD_INDIFFERENT.decode(text).ok()
}

/// The bytes of a key. PEM's frame is taken off here because YAML folds its lines, which readers of RFC 7468 refuse.
fn unwrap(text: &str, label: &str, prefix: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let text = text.strip_prefix(prefix).unwrap_or(text);
    let text = text.strip_prefix(&format!("-----BEGIN {label}-----")).unwrap_or(text);
    let text = text.strip_suffix(&format!("-----END {label}-----")).unwrap_or(text);
    let bare: String = text.split_whitespace().collect();
    // 64 hexadecimal digits are also base64, of 48 bytes, which is the length of no key.
    let hex = if bare.len() == 64 { hex::decode(&bare).ok() } else { None };
    hex.or_else(|| decode_base64(&bare))
}

fn ed25519(raw: &[u8; 32]) -> Result<PublicKey, String> {
    match VerifyingKey::from_bytes(raw) {
        Ok(key) if !key.is_weak() => Ok(PublicKey::Ed25519(key)),
        _ => Err("the key is not a usable Ed25519 key".to_owned()),
    }
}

fn p256(point: &[u8]) -> Result<PublicKey, String> {
    match point {
        [4, rest @ ..] if rest.len() == 64 => Ok(PublicKey::P256(point.to_vec())),
        _ => Err("the key is not a P-256 key in uncompressed form".to_owned()),
    }
}

fn rsa(der: &[u8]) -> Result<PublicKey, String> {
    let modulus = SliceReader::new(der).and_then(|mut reader| {
        reader.sequence(|inner| {
            let modulus = UintRef::decode(inner)?;
            UintRef::decode(inner)?;
            Ok::<_, der::Error>(modulus.as_bytes().len())
        })
    });
    match modulus {
        Ok(256..=1024) => Ok(PublicKey::Rsa(der.to_vec())),
        Ok(bytes) => Err(format!("the RSA key has {} bits; 2048 to 8192 are accepted", bytes * 8)),
        Err(_) => Err("the key is not a usable RSA key".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_kind_or_form_is_named() {
        // An X25519 key (RFC 8410 §3), and a P-256 key whose point is compressed (SEC 1 §2.3.3).
        for (text, wanted) in [
            (
                "MCowBQYDK2VuAyEABwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
                "the key is of kind 1.3.101.110; Ed25519, RSA and P-256 are known",
            ),
            (
                "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
                "the key is not a P-256 key in uncompressed form",
            ),
        ] {
            assert_eq!(public(text).map(|key| key.title()), Err(wanted.to_owned()));
        }
    }
}
