//! Every scheme. A new one is a line here and its values or its file.
//! The order is that of the reference and means nothing else.

use super::highlevel::HighLevel;
use super::{Scheme, basic::Basic, mailgun::Mailgun, none::Open, presets, token::Token, twilio::Twilio};

/// The schemes that can be written under `verify.scheme`.
pub static SCHEMES: &[&dyn Scheme] = &[
    &presets::SEQUENZY,
    &HighLevel,
    &presets::SPRUCE,
    &presets::STANDARD_WEBHOOKS,
    &presets::SVIX,
    &presets::GITHUB,
    &presets::STRIPE,
    &presets::SLACK,
    &presets::SHOPIFY,
    &presets::CHATWOOT,
    &presets::INTERCOM,
    &presets::ZENDESK,
    &presets::FRONT,
    &presets::FRONT_APP,
    &presets::HELPSCOUT,
    &presets::LINEAR,
    &presets::DISCORD,
    &Mailgun,
    &presets::SENDGRID,
    &Twilio,
    &presets::HMAC,
    &presets::ED25519,
    &presets::RSA_SHA256,
    &presets::ECDSA_P256_SHA256,
    &Token,
    &Basic,
    &Open,
];

/// The scheme of that name.
pub fn scheme(name: &str) -> Option<&'static dyn Scheme> {
    SCHEMES.iter().copied().find(|scheme| scheme.name() == name)
}
