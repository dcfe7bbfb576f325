//! Signatures in a header, over bytes of the request: the engine under every preset.
//! It knows no sender; what is particular to one is a value in `presets.rs`.

use jiff::Timestamp;

use super::ecdsa::P256Keys;
use super::ed25519::Ed25519Keys;
use super::form::{self, Form, Names};
use super::handshake::{Answer, Greeting};
use super::hmac::SharedKeys;
use super::presets::{KeyKind, Preset};
use super::rsa::RsaKeys;
use super::{Encoding, Rejection, Scheme, SettingFault, Signing, VerifiedDelivery, Verifier, VerifySettings};
use crate::model::Delivery;
use crate::secret::Secret;

/// An algorithm with the keys of one source.
pub(super) trait Proof: Send + Sync {
    /// Whether one of the signatures is a signature of `signed` by one of the keys. All of both are tried, whatever is found.
    fn accepts(&self, signed: &[u8], signatures: &[Vec<u8>]) -> bool;

    /// A signature of `signed`; nothing where that takes a private key and none is given.
    fn sign(&self, signed: &[u8], private_key: Option<&Secret>) -> Result<Option<Vec<u8>>, String>;
}

/// A proof, and the prefix of the signatures it is for.
pub(super) struct Claim {
    pub(super) prefix: String,
    pub(super) proof: Box<dyn Proof>,
}

/// A verifier of signatures in a header.
pub(super) struct Signed {
    pub(super) form: Form,
    pub(super) encoding: Encoding,
    pub(super) claims: Vec<Claim>,
    pub(super) greeting: Option<Greeting>,
}

impl Verifier for Signed {
    /// The signature is judged before the time stamp, so that *stale* is said of genuine deliveries only.
    fn verify(&self, delivery: &Delivery, now: Timestamp) -> Result<(), Rejection> {
        let reading = self.form.read(delivery)?;
        let (mut is_readable, mut is_genuine) = (false, false);
        for claim in &self.claims {
            let texts = reading.behind(&claim.prefix);
            let signatures: Vec<Vec<u8>> = texts.flat_map(|text| self.encoding.read(text)).collect();
            is_readable |= !signatures.is_empty();
            is_genuine |= claim.proof.accepts(&reading.signed, &signatures);
        }
        match (is_readable, is_genuine) {
            (false, _) => Err(Rejection::Malformed),
            (true, false) => Err(Rejection::Mismatch),
            (true, true) => self.form.check_age(reading.at.or_else(|| self.form.time_of_body(&delivery.body)), now),
        }
    }

    fn signed_at(&self, delivery: &Delivery) -> Option<Timestamp> {
        self.form.read(delivery).ok()?.at.or_else(|| self.form.time_of_body(&delivery.body))
    }

    fn sign(&self, signing: &Signing<'_>) -> Result<Vec<(String, String)>, String> {
        self.form.write(signing, |signed| {
            let mut entries = Vec::new();
            for claim in &self.claims {
                let signature = claim.proof.sign(signed, signing.private_key)?;
                entries.extend(signature.map(|bytes| format!("{}{}", claim.prefix, self.encoding.write(&bytes))));
            }
            match entries.is_empty() {
                true => Err("a private key is needed: the source holds public keys only".to_owned()),
                false => Ok(entries),
            }
        })
    }

    fn handshake(&self, verified: &VerifiedDelivery) -> Option<Answer> {
        self.greeting.and_then(|greeting| greeting(verified))
    }
}

impl Scheme for Preset {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    // Those that make sense with what the preset fixes.
    fn takes(&self) -> Vec<&'static str> {
        let is_generic = self.headers.is_empty();
        let groups: [(bool, &[&str]); 6] = [
            (self.hmac.is_some(), &["secrets", "key"]),
            (self.keys.is_some(), &["keys"]),
            (true, &["header", "encoding"]),
            (is_generic || self.is_dated(), &["tolerance"]),
            (is_generic, &["prefix", "list", "content", "timestamp_header", "id_header"]),
            (is_generic && self.hmac.is_some(), &["hash"]),
        ];
        groups.into_iter().filter(|(is_taken, _)| *is_taken).flat_map(|(_, names)| names.iter().copied()).collect()
    }

    fn headers<'a>(&self, settings: &'a VerifySettings) -> Vec<Names<'a>> {
        form::names(self, settings)
    }

    fn build(&self, settings: &VerifySettings) -> Result<Box<dyn Verifier>, Vec<SettingFault>> {
        let mut faults = settings.refuse_all_but(&self.takes());
        if settings.secrets.is_empty() && settings.keys.is_empty() {
            let wanted = match (self.hmac, self.keys) {
                (Some(_), Some(_)) => "`secrets` or `keys`",
                (None, Some(_)) => "`keys`",
                _ => "`secrets`",
            };
            faults.push(SettingFault::new("", format!("missing {wanted}: without one nothing could be verified")));
        }
        let form = Form::build(self, settings, &mut faults);
        let mut claims = Vec::new();
        let mut claim = |prefix: &str, proof| {
            claims.push(Claim { prefix: settings.prefix.as_deref().unwrap_or(prefix).to_owned(), proof });
        };
        if let Some(prefix) = self.hmac {
            claim(prefix, Box::new(SharedKeys::read(settings, self.hash, self.key, &mut faults)) as Box<dyn Proof>);
        }
        if let Some((kind, prefix)) = self.keys {
            let proof: Box<dyn Proof> = match kind {
                KeyKind::Ed25519 => Box::new(Ed25519Keys::read(settings, &mut faults)),
                KeyKind::Rsa => Box::new(RsaKeys::read(settings, &mut faults)),
                KeyKind::P256 => Box::new(P256Keys::read(settings, &mut faults)),
            };
            claim(prefix, proof);
        }
        match form {
            Some(form) if faults.is_empty() => {
                let encoding = settings.encoding.unwrap_or(self.encoding);
                Ok(Box::new(Signed { form, encoding, claims, greeting: self.greeting }))
            }
            _ => Err(faults),
        }
    }
}
