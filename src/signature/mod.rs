//! Verify: is this delivery from who it says? Answered from the raw bytes, before anything is parsed.
//! Schemes stand in a table, one per file; a new one is a file and a line. Nothing here reads JSON or a clock.

mod basic;
mod content;
mod ed25519;
mod encoding;
mod form;
mod highlevel;
mod hmac;
mod keys;
mod none;
mod presets;
mod rsa;
mod schemes;
mod settings;
mod signed;
mod token;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod vectors;

use jiff::Timestamp;

pub use ed25519::generate_ed25519;
pub use schemes::{SCHEMES, scheme};
pub use settings::{Encoding, HashName, KeyForm, SettingFault, VerifySettings};

use crate::model::Delivery;
use crate::secret::Secret;

/// A way in which senders prove who they are.
pub trait Scheme: Send + Sync {
    /// The name under `verify.scheme`.
    fn name(&self) -> &'static str;

    /// One sentence for the reference: what is signed, with what, in which header, and where that is documented.
    fn summary(&self) -> &'static str;

    /// A verifier for one source, or everything that is wrong with its settings.
    fn build(&self, settings: &VerifySettings) -> Result<Box<dyn Verifier>, Vec<SettingFault>>;
}

/// One source's verifier, holding its keys.
pub trait Verifier: Send + Sync {
    /// Accepts or rejects. Every comparison of secret-derived bytes takes constant time.
    fn verify(&self, delivery: &Delivery, now: Timestamp) -> Result<(), Rejection>;

    /// The headers a genuine sender would add, for `rejoinder send` and the demo.
    fn sign(&self, signing: &Signing<'_>) -> Result<Vec<(String, String)>, String>;
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
}

/// The only way to a [`VerifiedDelivery`].
pub fn verify(verifier: &dyn Verifier, delivery: Delivery, now: Timestamp) -> Result<VerifiedDelivery, Rejection> {
    verifier.verify(&delivery, now).map(|()| VerifiedDelivery(delivery))
}
