//! Mailgun: documentation.mailgun.com, "Securing Webhooks".
//! The signature lies in the body and does not cover it. So of the body just three short texts are read before they are
//! verified, everything else is skipped, and each signature is good for one event (see [`Verifier::token`]).

use http::header::CONTENT_TYPE;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::form::{check_age, said};
use super::hmac::SharedKeys;
use super::signed::Proof;
use super::{
    Encoding, HashName, KeyForm, Rejection, Scheme, SettingFault, Signing, VerifiedDelivery, Verifier, VerifySettings,
};
use crate::model::Delivery;

/// Mailgun asks not to be strict, because its deliveries may be late. A longer time does no harm: each token is kept.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(15);

/// The longest of the three texts that is looked at, in bytes. A signature has 64 and a token 50.
const MAX_FIELD: usize = 128;

/// The scheme `mailgun`.
pub(super) struct Mailgun;

impl Scheme for Mailgun {
    fn name(&self) -> &'static str {
        "mailgun"
    }

    fn summary(&self) -> &'static str {
        "HMAC-SHA256 of `{timestamp}{token}`, in hexadecimal, all three in the body: in `signature` of JSON, or as fields of a \
         form. The rest of the body is not signed, so each signature is good for one event. The tolerance is 15m."
    }

    fn takes(&self) -> Vec<&'static str> {
        vec!["secrets", "tolerance"]
    }

    fn build(&self, settings: &VerifySettings) -> Result<Box<dyn Verifier>, Vec<SettingFault>> {
        let mut faults = settings.refuse_all_but(&self.takes());
        faults.extend(settings.check_secrets());
        if !faults.is_empty() {
            return Err(faults);
        }
        let keys = SharedKeys::read(settings, HashName::Sha256, KeyForm::Utf8, &mut faults);
        match faults.is_empty() {
            true => Ok(Box::new(MailgunVerifier { keys, tolerance: settings.tolerance.unwrap_or(TOLERANCE) })),
            false => Err(faults),
        }
    }
}

struct MailgunVerifier {
    keys: SharedKeys,
    tolerance: SignedDuration,
}

impl Verifier for MailgunVerifier {
    fn verify(&self, delivery: &Delivery, now: Timestamp) -> Result<(), Rejection> {
        let stamp = Stamp::read(delivery)?;
        let at = stamp.instant().ok_or(Rejection::Malformed)?;
        let signatures = Encoding::Hex.read(&stamp.signature);
        if signatures.is_empty() {
            return Err(Rejection::Malformed);
        }
        match self.keys.accepts(stamp.signed().as_bytes(), &signatures) {
            true => check_age(at, now, self.tolerance),
            false => Err(Rejection::Mismatch),
        }
    }

    fn signed_at(&self, delivery: &Delivery) -> Option<Timestamp> {
        Stamp::read(delivery).ok()?.instant()
    }

    fn sign(&self, signing: &Signing<'_>) -> Result<Vec<(String, String)>, String> {
        let content_type = String::from_utf8_lossy(signing.content_type().as_bytes()).into_owned();
        Ok(vec![(CONTENT_TYPE.to_string(), content_type)])
    }

    fn seal(&self, signing: &Signing<'_>) -> Result<Vec<u8>, String> {
        let timestamp = signing.now.as_second().to_string();
        let mut token = hex::encode(Sha256::digest(format!("{} {}", signing.id, signing.now)));
        token.truncate(50);
        let signature = self.keys.sign(format!("{timestamp}{token}").as_bytes(), None)?;
        let signature = hex::encode(signature.ok_or("the source has no secret")?);
        if signing.is_form() {
            let mut form = form_urlencoded::Serializer::new(String::from_utf8_lossy(signing.body).into_owned());
            form.extend_pairs([("timestamp", timestamp), ("token", token), ("signature", signature)]);
            return Ok(form.finish().into_bytes());
        }
        let mut body: Value =
            serde_json::from_slice(signing.body).map_err(|why| format!("the body is not JSON: {why}"))?;
        let object = body.as_object_mut().ok_or("the body is not an object, so there is no place for the signature")?;
        object
            .insert("signature".to_owned(), json!({ "timestamp": timestamp, "token": token, "signature": signature }));
        Ok(body.to_string().into_bytes())
    }

    // What was signed, and not the token alone: nothing marks where the time stamp ends and the token begins.
    fn token(&self, verified: &VerifiedDelivery) -> Option<String> {
        Stamp::read(verified.delivery()).ok().map(|stamp| stamp.signed())
    }
}

/// The three texts.
#[derive(Deserialize)]
struct Stamp {
    timestamp: String,
    token: String,
    signature: String,
}

/// A body as JSON. What is not named here is passed over without being kept.
#[derive(Deserialize)]
struct Envelope {
    signature: Option<Fields>,
}

#[derive(Deserialize)]
struct Fields {
    timestamp: Option<Word>,
    token: Option<Word>,
    signature: Option<Word>,
}

/// Text; Mailgun's table calls the time stamp a number, and its examples write it as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Number(u64),
    Text(String),
}

impl Word {
    fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

impl Stamp {
    /// Finds the texts. Each is there once: of two, this and whoever reads the body later could take different ones.
    fn read(delivery: &Delivery) -> Result<Self, Rejection> {
        let [timestamp, token, signature] = match delivery.form() {
            Some(form) => ["timestamp", "token", "signature"].map(|name| {
                let mut found = form.iter().filter(|(field, _)| field == name);
                found.next().filter(|_| found.next().is_none()).map(|(_, value)| value.clone())
            }),
            None => {
                let body: Envelope = serde_json::from_slice(&delivery.body).map_err(|_| Rejection::Malformed)?;
                let Fields { timestamp, token, signature } = body.signature.ok_or(Rejection::Missing)?;
                [timestamp, token, signature].map(|word| word.map(Word::text))
            }
        };
        let text = |text: Option<String>| {
            let text = said(text.as_deref().map(str::trim))?;
            if text.len() > MAX_FIELD { Err(Rejection::Malformed) } else { Ok(text.to_owned()) }
        };
        Ok(Self { timestamp: text(timestamp)?, token: text(token)?, signature: text(signature)? })
    }

    fn signed(&self) -> String {
        format!("{}{}", self.timestamp, self.token)
    }

    /// Seconds, ten digits of them and no other form: digits that were moved over from the token would make another time.
    fn instant(&self) -> Option<Timestamp> {
        let is_plain = self.timestamp.len() == 10 && self.timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = self.timestamp.parse().ok().filter(|_| is_plain)?;
        Timestamp::from_second(seconds).ok()
    }
}
