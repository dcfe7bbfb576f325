//! No verification, for those who write it down.
//! Nothing falls back to this: a source without `verify` is refused, not open.

use jiff::Timestamp;

use super::{Rejection, Scheme, SettingFault, Signing, Verifier, VerifySettings};
use crate::model::Delivery;

/// The scheme `none`.
pub(super) struct Open;

impl Scheme for Open {
    fn name(&self) -> &'static str {
        "none"
    }

    fn summary(&self) -> &'static str {
        "Accepts every request, whoever sent it. For a source that nobody else can reach."
    }

    fn takes(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn build(&self, settings: &VerifySettings) -> Result<Box<dyn Verifier>, Vec<SettingFault>> {
        let faults = settings.refuse_all_but(&self.takes());
        if faults.is_empty() { Ok(Box::new(Open)) } else { Err(faults) }
    }
}

impl Verifier for Open {
    fn verify(&self, _: &Delivery, _: Timestamp) -> Result<(), Rejection> {
        Ok(())
    }

    fn sign(&self, _: &Signing<'_>) -> Result<Vec<(String, String)>, String> {
        Ok(Vec::new())
    }
}
