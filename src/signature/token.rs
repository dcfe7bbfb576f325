//! A secret in a header, sent as it is.
//! It proves who sent a request, never what was in it.

use http::HeaderName;
use jiff::Timestamp;
use subtle::{Choice, ConstantTimeEq};

use super::form::{Names, header_name, present};
use super::{Rejection, Scheme, SettingFault, Signing, Verifier, VerifySettings};
use crate::model::Delivery;
use crate::secret::Secret;

/// The scheme `token`.
pub(super) struct Token;

impl Scheme for Token {
    fn name(&self) -> &'static str {
        "token"
    }

    fn summary(&self) -> &'static str {
        "A secret in the header that `header` names, behind `prefix` if one is set (such as `Bearer `). Nothing is signed."
    }

    fn takes(&self) -> Vec<&'static str> {
        vec!["header", "prefix", "secrets"]
    }

    fn headers<'a>(&self, settings: &'a VerifySettings) -> Vec<Names<'a>> {
        settings.header.iter().map(|name| Names::only(name)).collect()
    }

    fn build(&self, settings: &VerifySettings) -> Result<Box<dyn Verifier>, Vec<SettingFault>> {
        let mut faults = settings.refuse_all_but(&self.takes());
        faults.extend(settings.check_secrets());
        let header = match &settings.header {
            Some(name) => header_name("header", name, &mut faults),
            None => {
                faults.push(SettingFault::new("", "missing key `header`: the header that carries the secret"));
                None
            }
        };
        let prefix = settings.prefix.clone().unwrap_or_default();
        match header {
            Some(header) if faults.is_empty() => {
                Ok(Box::new(TokenVerifier { header, prefix, secrets: settings.secrets.clone() }))
            }
            _ => Err(faults),
        }
    }
}

struct TokenVerifier {
    header: HeaderName,
    prefix: String,
    secrets: Vec<Secret>,
}

impl Verifier for TokenVerifier {
    fn verify(&self, delivery: &Delivery, _: Timestamp) -> Result<(), Rejection> {
        let value = present(delivery, &self.header)?;
        let token = value.strip_prefix(&self.prefix).ok_or(Rejection::Malformed)?;
        if is_any(token.as_bytes(), &self.secrets) { Ok(()) } else { Err(Rejection::Mismatch) }
    }

    fn sign(&self, _: &Signing<'_>) -> Result<Vec<(String, String)>, String> {
        let secret = self.secrets.first().ok_or("the source has no secret")?;
        Ok(vec![(self.header.to_string(), format!("{}{}", self.prefix, secret.expose()))])
    }
}

/// Whether the bytes are one of the secrets. Time may tell a secret's length, nothing else.
pub(super) fn is_any(given: &[u8], secrets: &[Secret]) -> bool {
    let compare = |found: Choice, secret: &Secret| found | given.ct_eq(secret.expose().as_bytes());
    secrets.iter().fold(Choice::from(0), compare).into()
}
