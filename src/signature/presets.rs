//! The senders whose scheme is signatures in a header, each as values of one engine.
//! No code decides anything here; a sender that needs code has a file of its own.

use jiff::SignedDuration;

use super::form::Names;
use super::handshake::{self, Greeting};
use super::{Encoding, HashName, KeyForm};

/// How one sender signs.
pub(super) struct Preset {
    /// The name under `verify.scheme`.
    pub(super) name: &'static str,
    /// One sentence for the reference.
    pub(super) summary: &'static str,
    /// The sets of headers it is known to use; the first whose signature header is there counts. None: the user names them.
    pub(super) headers: &'static [Names<'static>],
    /// What separates several signatures in one header, if it ever writes several.
    pub(super) list: Option<&'static str>,
    /// What stands before a signature by HMAC, if it uses that.
    pub(super) hmac: Option<&'static str>,
    /// What stands before a signature that public keys verify, and of which kind these are, if it uses that.
    pub(super) keys: Option<(KeyKind, &'static str)>,
    /// The hash under the HMAC.
    pub(super) hash: HashName,
    /// How a secret becomes an HMAC key.
    pub(super) key: KeyForm,
    /// How a signature is written.
    pub(super) encoding: Encoding,
    /// Where and how the time stamp is written.
    pub(super) stamp: Stamp,
    /// What is signed.
    pub(super) content: &'static str,
    /// Where the body names the time in unix milliseconds, as a JSON pointer, where no header does. Looked at after the
    /// signature.
    pub(super) body_time: Option<&'static str>,
    /// How far the time stamp may be off, where there is one.
    pub(super) tolerance: SignedDuration,
    /// How it asks whether somebody is there, if it does.
    pub(super) greeting: Option<Greeting>,
}

/// A kind of public keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// RSA, with SHA-256.
    Rsa,
    /// P-256, with SHA-256.
    P256,
}

/// Where and how a time stamp is written. In a header, every form is read; this is the one that is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    /// There is none.
    None,
    /// In its header, as unix seconds.
    Unix,
    /// In its header, as unix milliseconds.
    UnixMillis,
    /// In its header, as RFC 3339.
    Rfc3339,
    /// As an item of the signature's list, behind this key, as unix seconds.
    Item(&'static str),
}

impl Preset {
    /// Whether it signs a time stamp.
    pub(super) fn is_dated(&self) -> bool {
        self.stamp != Stamp::None || self.body_time.is_some()
    }
}

/// HMAC-SHA256 over the body, in hexadecimal: what the others are described against.
const PLAIN: Preset = Preset {
    name: "",
    summary: "",
    headers: &[],
    list: None,
    hmac: Some(""),
    keys: None,
    hash: HashName::Sha256,
    key: KeyForm::Utf8,
    encoding: Encoding::Hex,
    stamp: Stamp::None,
    content: "{body}",
    body_time: None,
    tolerance: SignedDuration::from_mins(5),
    greeting: None,
};

const fn header(signature: &'static str) -> Names<'static> {
    Names::only(signature)
}

const fn dated(signature: &'static str, timestamp: &'static str) -> Names<'static> {
    Names { signature, timestamp: Some(timestamp), id: None }
}

const WEBHOOK: Names<'static> =
    Names { signature: "webhook-signature", timestamp: Some("webhook-timestamp"), id: Some("webhook-id") };

const SVIX_OWN: Names<'static> =
    Names { signature: "svix-signature", timestamp: Some("svix-timestamp"), id: Some("svix-id") };

/// Any sender that uses HMAC; everything is a setting.
pub(super) const HMAC: Preset = Preset {
    name: "hmac",
    summary: "HMAC with shared secrets; header, hash, encoding, prefix, list, time stamp and content are settings.",
    encoding: Encoding::Auto,
    ..PLAIN
};

/// Any sender that uses Ed25519; everything is a setting.
pub(super) const ED25519: Preset = Preset {
    name: "ed25519",
    summary: "Ed25519 with public keys; header, encoding, prefix, list, time stamp and content are settings.",
    hmac: None,
    keys: Some((KeyKind::Ed25519, "")),
    encoding: Encoding::Auto,
    ..PLAIN
};

/// Any sender that uses RSA; everything is a setting.
pub(super) const RSA_SHA256: Preset = Preset {
    name: "rsa-sha256",
    summary: "RSA with SHA-256 and PKCS#1 v1.5 padding, with public keys of 2048 to 8192 bits; the settings are those of \
              `ed25519`.",
    keys: Some((KeyKind::Rsa, "")),
    ..ED25519
};

/// Any sender that uses ECDSA; everything is a setting.
pub(super) const ECDSA_P256_SHA256: Preset = Preset {
    name: "ecdsa-p256-sha256",
    summary: "ECDSA over P-256 with SHA-256, with public keys; signatures in DER, or r and s in 64 bytes; the settings are \
              those of `ed25519`.",
    keys: Some((KeyKind::P256, "")),
    ..ED25519
};

/// docs.sequenzy.com/integrations/outbound-webhooks. It is silent on the encoding, on the tolerance and on whether
/// `whsec_` is part of the key; integrations in use read hexadecimal, five minutes, and the secret as it is.
pub(super) const SEQUENZY: Preset = Preset {
    name: "sequenzy",
    summary: "HMAC-SHA256 of `v1:{timestamp}:{body}` in X-Sequenzy-Signature, a list of `v1=…`, one for each active secret.",
    headers: &[dated("x-sequenzy-signature", "x-sequenzy-timestamp")],
    list: Some(","),
    hmac: Some("v1="),
    encoding: Encoding::Auto,
    stamp: Stamp::Unix,
    content: "v1:{timestamp}:{body}",
    ..PLAIN
};

/// developer.sprucehealth.com/docs/webhooks-overview. Nothing dates the signature.
pub(super) const SPRUCE: Preset = Preset {
    name: "spruce",
    summary: "HMAC-SHA256 of the body in X-Spruce-Signature, in base64.",
    headers: &[header("x-spruce-signature")],
    encoding: Encoding::Base64,
    ..PLAIN
};

/// Standard Webhooks 1.0.0, spec/standard-webhooks.md: `v1` with `secrets`, `v1a` with `keys`, or both.
pub(super) const STANDARD_WEBHOOKS: Preset = Preset {
    name: "standard-webhooks",
    summary: "Standard Webhooks: `{id}.{timestamp}.{body}` in webhook-signature, a list of `v1,…` (HMAC-SHA256, secrets \
              `whsec_…`) and `v1a,…` (Ed25519, keys `whpk_…`).",
    headers: &[WEBHOOK],
    list: Some(" "),
    hmac: Some("v1,"),
    keys: Some((KeyKind::Ed25519, "v1a,")),
    key: KeyForm::Whsec,
    encoding: Encoding::Base64,
    stamp: Stamp::Unix,
    content: "{id}.{timestamp}.{body}",
    ..PLAIN
};

/// docs.svix.com/receiving/verifying-payloads: Standard Webhooks, also under names of its own.
pub(super) const SVIX: Preset = Preset {
    name: "svix",
    summary: "Standard Webhooks in the headers svix-id, svix-timestamp, svix-signature, or in webhook-*.",
    headers: &[SVIX_OWN, WEBHOOK],
    ..STANDARD_WEBHOOKS
};

/// docs.github.com, "Validating webhook deliveries".
pub(super) const GITHUB: Preset = Preset {
    name: "github",
    summary: "HMAC-SHA256 of the body in X-Hub-Signature-256, as `sha256=` and hexadecimal.",
    headers: &[header("x-hub-signature-256")],
    hmac: Some("sha256="),
    ..PLAIN
};

/// docs.stripe.com/webhooks, "Verify webhook signatures manually". The key is the whole `whsec_…` text.
pub(super) const STRIPE: Preset = Preset {
    name: "stripe",
    summary: "HMAC-SHA256 of `{timestamp}.{body}` in Stripe-Signature, as `t=…,v1=…`, in hexadecimal.",
    headers: &[header("stripe-signature")],
    list: Some(","),
    hmac: Some("v1="),
    stamp: Stamp::Item("t="),
    content: "{timestamp}.{body}",
    ..PLAIN
};

/// api.slack.com/authentication/verifying-requests-from-slack, api.slack.com/events/url_verification.
pub(super) const SLACK: Preset = Preset {
    name: "slack",
    summary: "HMAC-SHA256 of `v0:{timestamp}:{body}` in X-Slack-Signature, as `v0=` and hexadecimal. `url_verification` is \
              answered.",
    headers: &[dated("x-slack-signature", "x-slack-request-timestamp")],
    hmac: Some("v0="),
    stamp: Stamp::Unix,
    content: "v0:{timestamp}:{body}",
    greeting: Some(handshake::slack),
    ..PLAIN
};

/// shopify.dev, "Verify webhooks". The key is the app's client secret.
pub(super) const SHOPIFY: Preset = Preset {
    name: "shopify",
    summary: "HMAC-SHA256 of the body in X-Shopify-Hmac-SHA256 or shopify-hmac-sha256, in base64.",
    headers: &[header("x-shopify-hmac-sha256"), header("shopify-hmac-sha256")],
    encoding: Encoding::Base64,
    ..PLAIN
};

/// As integrations in use read it; old versions of Chatwoot sign nothing.
pub(super) const CHATWOOT: Preset = Preset {
    name: "chatwoot",
    summary: "HMAC-SHA256 of `{timestamp}.{body}` in X-Chatwoot-Signature, as `sha256=` and hexadecimal.",
    headers: &[dated("x-chatwoot-signature", "x-chatwoot-timestamp")],
    hmac: Some("sha256="),
    stamp: Stamp::Unix,
    content: "{timestamp}.{body}",
    ..PLAIN
};

/// developers.intercom.com, "Webhook notifications". The key is the app's client secret.
pub(super) const INTERCOM: Preset = Preset {
    name: "intercom",
    summary: "HMAC-SHA1 of the body in X-Hub-Signature, as `sha1=` and hexadecimal.",
    headers: &[header("x-hub-signature")],
    hmac: Some("sha1="),
    hash: HashName::Sha1,
    ..PLAIN
};

/// developer.zendesk.com/documentation/webhooks/verifying. It names no tolerance.
pub(super) const ZENDESK: Preset = Preset {
    name: "zendesk",
    summary: "HMAC-SHA256 of `{timestamp}{body}` in X-Zendesk-Webhook-Signature, in base64.",
    headers: &[dated("x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp")],
    encoding: Encoding::Base64,
    stamp: Stamp::Rfc3339,
    content: "{timestamp}{body}",
    ..PLAIN
};

/// dev.frontapp.com/docs/rule-webhooks. The key is the API secret.
pub(super) const FRONT: Preset = Preset {
    name: "front",
    summary: "Front's rule webhooks: HMAC-SHA1 of the body in X-Front-Signature, in base64.",
    headers: &[header("x-front-signature")],
    hash: HashName::Sha1,
    encoding: Encoding::Base64,
    ..PLAIN
};

/// dev.frontapp.com/docs/application-webhooks, which dates in milliseconds and asks before it is saved.
pub(super) const FRONT_APP: Preset = Preset {
    name: "front-app",
    summary: "Front's application webhooks: HMAC-SHA256 of `{timestamp}:{body}` in X-Front-Signature, in base64. \
              `sync` is answered with its challenge.",
    headers: &[dated("x-front-signature", "x-front-request-timestamp")],
    encoding: Encoding::Base64,
    stamp: Stamp::UnixMillis,
    content: "{timestamp}:{body}",
    greeting: Some(handshake::front),
    ..PLAIN
};

/// developer.helpscout.com/webhooks.
pub(super) const HELPSCOUT: Preset = Preset {
    name: "helpscout",
    summary: "HMAC-SHA1 of the body in X-HelpScout-Signature, in base64.",
    headers: &[header("x-helpscout-signature")],
    hash: HashName::Sha1,
    encoding: Encoding::Base64,
    ..PLAIN
};

/// linear.app/developers/webhooks: the time in the body shall be within a minute.
pub(super) const LINEAR: Preset = Preset {
    name: "linear",
    summary: "HMAC-SHA256 of the body in Linear-Signature, in hexadecimal. `webhookTimestamp` in the body may be 1m off.",
    headers: &[header("linear-signature")],
    body_time: Some("/webhookTimestamp"),
    tolerance: SignedDuration::from_mins(1),
    ..PLAIN
};

/// docs.discord.com/developers/interactions/overview and …/events/webhook-events. The key is the application's public key,
/// in hexadecimal.
pub(super) const DISCORD: Preset = Preset {
    name: "discord",
    summary: "Ed25519 of `{timestamp}{body}` in X-Signature-Ed25519, in hexadecimal. PING is answered.",
    headers: &[dated("x-signature-ed25519", "x-signature-timestamp")],
    encoding: Encoding::Hex,
    stamp: Stamp::Unix,
    content: "{timestamp}{body}",
    greeting: Some(handshake::discord),
    ..ED25519
};

/// twilio.com/docs/sendgrid, "Getting started with the Event Webhook security features". It names no tolerance.
pub(super) const SENDGRID: Preset = Preset {
    name: "sendgrid",
    summary: "ECDSA over P-256 with SHA-256 of `{timestamp}{body}` in X-Twilio-Email-Event-Webhook-Signature, in base64; \
              the key is SendGrid's verification key.",
    headers: &[dated("x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp")],
    encoding: Encoding::Base64,
    stamp: Stamp::Unix,
    content: "{timestamp}{body}",
    ..ECDSA_P256_SHA256
};
