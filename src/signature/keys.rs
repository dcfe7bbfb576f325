//! Public and private keys, out of the forms in which people paste them: PEM, base64 or hexadecimal.
//! An error never repeats the key.

use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use base64::prelude::Engine as _;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::pkcs8::spki::der::{self, Decode, Reader, SliceReader, asn1::UintRef};
use ed25519_dalek::pkcs8::spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use ed25519_dalek::{SigningKey, VerifyingKey};

use crate::secret::Secret;

/// `id-Ed25519` (RFC 8410 §3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// `rsaEncryption` (RFC 8017 appendix A.1).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A public key of one of the kinds that schemes use.
pub(super) enum PublicKey {
    /// Ed25519 (RFC 8032).
    Ed25519(VerifyingKey),
    /// RSA, as the DER of its PKCS#1 form, of 2048 to 8192 bits.
    Rsa(Vec<u8>),
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
        other => Err(format!("the key is of kind {other}; Ed25519 and RSA are known")),
    }
}

/// Reads an Ed25519 private key: PKCS#8 in PEM or base64, a seed of 32 bytes in base64 or hexadecimal, or `whsk_…`.
pub(super) fn private(secret: &Secret) -> Result<SigningKey, String> {
    let bytes = unwrap(secret.expose(), "PRIVATE KEY", "whsk_").ok_or("the private key is neither PEM nor base64")?;
    let wrong = "the private key is neither PKCS#8 (`BEGIN PRIVATE KEY`) nor an Ed25519 seed of 32 bytes";
    if let Ok(seed) = <[u8; 32]>::try_from(bytes.as_slice()) {
        return Ok(SigningKey::from_bytes(&seed));
    }
    if let Ok(pair) = <[u8; 64]>::try_from(bytes.as_slice()) {
        return SigningKey::from_keypair_bytes(&pair).map_err(|_| wrong.to_owned());
    }
    SigningKey::from_pkcs8_der(&bytes).map_err(|_| wrong.to_owned())
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
