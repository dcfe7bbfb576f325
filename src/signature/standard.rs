//! Standard Webhooks for what we send ourselves.

use super::{Scheme, SettingFault, Verifier, VerifySettings, presets};
use crate::secret::Secret;

/// What signs outgoing calls with `secret` (`whsec_` and base64), and verifies them at the other end.
pub fn standard_webhooks(secret: Secret) -> Result<Box<dyn Verifier>, Vec<SettingFault>> {
    let settings = VerifySettings {
        scheme: presets::STANDARD_WEBHOOKS.name().to_owned(),
        secrets: vec![secret],
        keys: Vec::new(),
        header: None,
        hash: None,
        encoding: None,
        prefix: None,
        list: None,
        timestamp_header: None,
        content: None,
        id_header: None,
        tolerance: None,
        key: None,
        url: None,
    };
    presets::STANDARD_WEBHOOKS.build(&settings)
}
