//! The verifier of a source that is polled only: it takes no deliveries.

use jiff::Timestamp;

use super::{Rejection, Signing, Verifier};
use crate::model::Delivery;

/// Lets nobody in.
pub struct Closed;

impl Verifier for Closed {
    fn verify(&self, _: &Delivery, _: Timestamp) -> Result<(), Rejection> {
        Err(Rejection::Missing)
    }

    fn sign(&self, _: &Signing<'_>) -> Result<Vec<(String, String)>, String> {
        Err("the source is polled and takes no deliveries; give it a `verify`".to_owned())
    }

    fn takes_deliveries(&self) -> bool {
        false
    }
}
