//! HTTP Basic authentication (RFC 7617).
//! It proves who sent a request, never what was in it.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::header::AUTHORIZATION;
use jiff::Timestamp;

use super::form::{Names, present};
use super::token::is_any;
use super::{Rejection, Scheme, SettingFault, Signing, Verifier, VerifySettings};
use crate::model::Delivery;
use crate::secret::Secret;

/// The scheme `basic`.
pub(super) struct Basic;

impl Scheme for Basic {
    fn name(&self) -> &'static str {
        "basic"
    }

    fn summary(&self) -> &'static str {
        "HTTP Basic authentication; each of the secrets is `user:password`. Nothing is signed."
    }

    fn takes(&self) -> Vec<&'static str> {
        vec!["secrets"]
    }

    fn headers<'a>(&self, _: &'a VerifySettings) -> Vec<Names<'a>> {
        vec![Names::only("authorization")]
    }

    fn build(&self, settings: &VerifySettings) -> Result<Box<dyn Verifier>, Vec<SettingFault>> {
        let mut faults = settings.refuse_all_but(&self.takes());
        faults.extend(settings.check_secrets());
        for (index, secret) in settings.secrets.iter().enumerate().filter(|(_, secret)| !secret.is_empty()) {
            let has_password = secret.expose().split_once(':').is_some_and(|(_, password)| !password.is_empty());
            if !has_password {
                faults.push(SettingFault::new(format!("secrets/{index}"), "the secret is not `user:password`"));
            }
        }
        match faults.is_empty() {
            true => Ok(Box::new(BasicVerifier(settings.secrets.clone()))),
            false => Err(faults),
        }
    }
}

struct BasicVerifier(Vec<Secret>);

impl Verifier for BasicVerifier {
    fn verify(&self, delivery: &Delivery, _: Timestamp) -> Result<(), Rejection> {
        let (scheme, rest) = present(delivery, &AUTHORIZATION)?.split_once(' ').ok_or(Rejection::Malformed)?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(Rejection::Malformed);
        }
        let given = BASE64_STANDARD.decode(rest.trim()).map_err(|_| Rejection::Malformed)?;
        if is_any(&given, &self.0) { Ok(()) } else { Err(Rejection::Mismatch) }
    }

    fn sign(&self, _: &Signing<'_>) -> Result<Vec<(String, String)>, String> {
        let secret = self.0.first().ok_or("the source has no secret")?;
        Ok(vec![(AUTHORIZATION.to_string(), format!("Basic {}", BASE64_STANDARD.encode(secret.expose())))])
    }
}
