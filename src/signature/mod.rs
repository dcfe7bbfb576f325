//! Verify: is this delivery from who it says? Answered from the raw bytes, before anything is parsed.
//! Schemes stand in a table, one per file; a new one is a file and a line. Nothing here reads a clock, and nothing reads
//! JSON before it is verified, but for the one sender that puts its signature there (`mailgun.rs`).

mod basic;
mod closed;
mod content;
pub mod doctor;
mod ecdsa;
mod ed25519;
mod encoding;
mod form;
mod handshake;
mod highlevel;
mod hmac;
mod keys;
mod mailgun;
mod none;
mod presets;
mod rsa;
mod schemes;
mod settings;
mod signed;
mod standard;
mod token;
mod twilio;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod vectors;

use http::HeaderValue;
use jiff::Timestamp;

pub use closed::Closed;
pub use doctor::{Arrival, Diagnosis, Doctor, Finding};
pub use ed25519::generate_ed25519;
pub use form::Names;
pub use handshake::Answer;
pub use schemes::{SCHEMES, scheme};
pub use settings::{Encoding, HashName, KeyForm, SettingFault, VerifySettings};
pub use standard::standard_webhooks;

use crate::model::Delivery;
use crate::secret::Secret;

/// A way in which senders prove who they are.
pub trait Scheme: Send + Sync {
    /// The name under `verify.scheme`.
    fn name(&self) -> &'static str;

    /// One sentence for the reference: what is signed, with what, in which header, and where that is documented.
    fn summary(&self) -> &'static str;

    /// The settings it takes beside `scheme`; every other one is a fault.
    fn takes(&self) -> Vec<&'static str>;

    /// The headers that its senders write: the sets that are known, each beginning with the signature's. Empty where the
    /// signature lies in the body or nothing is signed.
    fn headers<'a>(&self, _: &'a VerifySettings) -> Vec<Names<'a>> {
        Vec::new()
    }

    /// A verifier for one source, or everything that is wrong with its settings.
    fn build(&self, settings: &VerifySettings) -> Result<Box<dyn Verifier>, Vec<SettingFault>>;
}

/// One source's verifier, holding its keys.
pub trait Verifier: Send + Sync {
    /// Accepts or rejects. Every comparison of secret-derived bytes takes constant time.
    fn verify(&self, delivery: &Delivery, now: Timestamp) -> Result<(), Rejection>;

    /// When the sender says that it signed a delivery, where that is signed and can be read.
    fn signed_at(&self, _: &Delivery) -> Option<Timestamp> {
        None
    }

    /// The headers a genuine sender would add, for `rejoinder send` and the demo.
    fn sign(&self, signing: &Signing<'_>) -> Result<Vec<(String, String)>, String>;

    /// The body that a genuine sender would send: `signing.body`, unless the scheme's signature lies in the body.
    fn seal(&self, signing: &Signing<'_>) -> Result<Vec<u8>, String> {
        Ok(signing.body.to_vec())
    }

    /// Whether there is a signature that it would accept.
    fn takes_deliveries(&self) -> bool {
        true
    }

    /// The answer to a delivery that only asks whether somebody is there. It is no event, and nothing is kept of it.
    fn handshake(&self, _: &VerifiedDelivery) -> Option<Answer> {
        None
    }

    /// What is good for one event only, for schemes whose signature does not cover the body: whoever saw one delivery could
    /// put its signature over another body.
    fn token(&self, _: &VerifiedDelivery) -> Option<String> {
        None
    }
}

/// What is to be signed.
pub struct Signing<'a> {
    /// The body.
    pub body: &'a [u8],
    /// The delivery's id, for schemes that sign one.
    pub id: &'a str,
    /// The time, for schemes that sign one.
    pub now: Timestamp,
    /// The private key in PEM or base64, for schemes whose verifier holds public keys only.
    pub private_key: Option<&'a Secret>,
}

impl Signing<'_> {
    /// Whether the body is a form rather than JSON, for schemes that sign the two differently.
    fn is_form(&self) -> bool {
        let first = self.body.trim_ascii_start().first();
        !matches!(first, None | Some(b'{' | b'['))
    }

    /// The content type of the body.
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(if self.is_form() { "application/x-www-form-urlencoded" } else { "application/json" })
    }
}

/// Why a delivery was rejected. For the log and the doctor; a caller learns nothing but 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The header is missing, empty, doubled, or `N/A`.
    #[error("the signature header is missing or empty")]
    Missing,
    /// The header is there but is not of the form the scheme writes.
    #[error("the signature header is not of the scheme's form")]
    Malformed,
    /// The time stamp is older than the tolerance.
    #[error("the time stamp is older than the tolerance")]
    Stale,
    /// The time stamp is further ahead than the tolerance.
    #[error("the time stamp is further in the future than the tolerance")]
    Future,
    /// No key gives this signature over these bytes.
    #[error("no key gives this signature over these bytes")]
    Mismatch,
    /// The signature is good for one event, and was used for another one.
    #[error("the signature was used for another event")]
    Replayed,
    /// Authentic, but meant for another tenant of the provider.
    #[error("the delivery is authentic but belongs to another tenant")]
    ForeignTenant,
}

impl Rejection {
    /// The word used in logs and metric labels.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::Mismatch => "mismatch",
            Self::Replayed => "replayed",
            Self::ForeignTenant => "foreign_tenant",
        }
    }
}

/// A delivery whose sender has been verified. Only [`verify`] makes one, so nothing can normalise what was not verified.
#[derive(Clone, Debug)]
pub struct VerifiedDelivery(Delivery);

impl VerifiedDelivery {
    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The delivery, read only.
    pub fn delivery(&self) -> &Delivery {
        &self.0
    }

    /// The delivery, rejected after all.
    pub fn reject(self, rejection: Rejection) -> Box<Rejected> {
        Box::new(Rejected { rejection, delivery: self.0 })
    }
}

/// A delivery that was rejected. It is given back as it came, so that what is looked into afterwards need not be copied
/// before.
#[derive(Debug, thiserror::Error)]
#[error("{rejection}")]
pub struct Rejected {
    /// Why.
    pub rejection: Rejection,
    /// What was rejected.
    pub delivery: Delivery,
}

/// The only way to a [`VerifiedDelivery`].
pub fn verify(verifier: &dyn Verifier, delivery: Delivery, now: Timestamp) -> Result<VerifiedDelivery, Box<Rejected>> {
    match verifier.verify(&delivery, now) {
        Ok(()) => Ok(VerifiedDelivery(delivery)),
        Err(rejection) => Err(Box::new(Rejected { rejection, delivery })),
    }
}
