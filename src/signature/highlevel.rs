//! HighLevel (LeadConnector): marketplace.gohighlevel.com/docs/webhook/WebhookIntegrationGuide.
//! It never falls back from the current header to the legacy one, and sets no window: no time stamp is signed beside the
//! body, and deliveries answered with 429 come again for 70 minutes.

use http::HeaderName;
use jiff::Timestamp;

use super::ed25519::Ed25519Keys;
use super::form::{Form, Names};
use super::keys::{self, PublicKey};
use super::rsa::RsaKeys;
use super::signed::{Claim, Proof, Signed};
use super::{Encoding, Rejection, Scheme, SettingFault, Signing, Verifier, VerifySettings};
use crate::model::Delivery;

const CURRENT: HeaderName = HeaderName::from_static("x-ghl-signature");
const LEGACY: HeaderName = HeaderName::from_static("x-wh-signature");

/// The keys that HighLevel publishes, one for each header. They are the same for all its customers.
const PUBLISHED: [&str; 2] = [
    "MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=",
    "MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAokvo/r9tVgcfZ5DysOSCFrm602qYV0MaAiNnX9O8KxMbiyRKWeL9JpCpVpt4XHIcBOK4u3cL\
     SqJGOLaPuXw6dO0t6Q/ZVdAV5Phz+ZtzPL16iCGeK9po6D6JHBpbi989mmzMryUnQJezlYJ3DVfBcsedpinheNnyYeFXolrJvcsjDtfAeRx5ByHQmTnS\
     dFUzuAnC9/GepgLT9SM4nCpvuxmZMxrJt5Rw+VUaQ9B8JSvbMPpez4peKaJPZHBbU3OdeCVx5klVXXZQGNHOs8gF3kvoV5rTnXV0IknLBXlcKKAQLZcY\
     /Q9rG6Ifi9c+5vqlvHPCUJFT5XUGG5RKgOKUJ062fRtN+rLYZUV+BjafxQauvC8wSWeYja63VSUruvmNj8xkx2zE/Juc+yjLjTXpIocmaiFeAO6fUtNj\
     DeFVkhf5LNb59vECyrHD2SQIrhgXpO4Q3dVNA5rw576PwTzNh/AMfHKIjE4xQA1SZuYJmNnmVZLIZBlQAF9Ntd03rfadZ+yDiOXCCs9FkHibELhCHULg\
     CsnuDJHcrGNd5/Ddm5hxGQ0ASitgHeMZ0kcIOwKDOzOU53lDza6/Y09T7sYJPQe7z0cvj7aE4B+Ax1ZoZGPzpJlZtGXCsu9aTEGEnKzmsFqwcSsnw3JB\
     31IGKAykT1hhTiaCeIY/OwwwNUY2yvcCAwEAAQ==",
];

/// The scheme `highlevel`.
pub(super) struct HighLevel;

impl Scheme for HighLevel {
    fn name(&self) -> &'static str {
        "highlevel"
    }

    fn summary(&self) -> &'static str {
        "Ed25519 of the body in X-GHL-Signature, else RSA-SHA256 of the body in the legacy X-WH-Signature, both in base64; \
         HighLevel's published keys are built in and `keys` replaces them."
    }

    fn takes(&self) -> Vec<&'static str> {
        vec!["keys"]
    }

    fn headers<'a>(&self, _: &'a VerifySettings) -> Vec<Names<'a>> {
        vec![Names::only("x-ghl-signature"), Names::only("x-wh-signature")]
    }

    fn build(&self, settings: &VerifySettings) -> Result<Box<dyn Verifier>, Vec<SettingFault>> {
        let mut faults = settings.refuse_all_but(&self.takes());
        let (mut ed25519, mut rsa) = (Vec::new(), Vec::new());
        let own: Vec<&str> = settings.keys.iter().map(String::as_str).collect();
        let texts = if own.is_empty() { &PUBLISHED[..] } else { &own };
        for (index, text) in texts.iter().enumerate() {
            match keys::public(text) {
                Ok(PublicKey::Ed25519(key)) => ed25519.push(key),
                Ok(PublicKey::Rsa(key)) => rsa.push(key),
                Ok(PublicKey::P256(_)) => {
                    let message = "the key is a P-256 key; an Ed25519 or RSA key is wanted";
                    faults.push(SettingFault::new(format!("keys/{index}"), message));
                }
                Err(message) => faults.push(SettingFault::new(format!("keys/{index}"), message)),
            }
        }
        match faults.is_empty() {
            true => Ok(Box::new(Either {
                current: over_body(CURRENT, Box::new(Ed25519Keys(ed25519))),
                legacy: over_body(LEGACY, Box::new(RsaKeys(rsa))),
            })),
            false => Err(faults),
        }
    }
}

fn over_body(header: HeaderName, proof: Box<dyn Proof>) -> Signed {
    let claims = vec![Claim { prefix: String::new(), proof }];
    Signed { form: Form::over_body(header), encoding: Encoding::Base64, claims, greeting: None }
}

struct Either {
    current: Signed,
    legacy: Signed,
}

impl Verifier for Either {
    fn verify(&self, delivery: &Delivery, now: Timestamp) -> Result<(), Rejection> {
        match delivery.headers.contains_key(CURRENT) {
            true => self.current.verify(delivery, now),
            false => self.legacy.verify(delivery, now),
        }
    }

    fn sign(&self, signing: &Signing<'_>) -> Result<Vec<(String, String)>, String> {
        self.current.sign(signing)
    }
}
