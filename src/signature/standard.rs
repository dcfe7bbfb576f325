//! Standard Webhooks for what we send ourselves.

use super::{Scheme, SettingFault, Verifier, VerifySettings, presets};
use crate::secret::Secret;

/// What signs outgoing calls with `secret` (`whsec_` and base64), and verifies them at the other end.
pub fn standard_webhooks(secret: Secret) -> Result<Box<dyn Verifier>, Vec<SettingFault>> {
    let settings = VerifySettings { secrets: vec![secret], ..VerifySettings::of(presets::STANDARD_WEBHOOKS.name()) };
    presets::STANDARD_WEBHOOKS.build(&settings)
}
