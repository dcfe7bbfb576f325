//! Twilio: twilio.com/docs/usage/webhooks/webhooks-security.
//! It signs the address it was told, so that address is a setting: what a proxy makes of it is not what was signed.

use http::HeaderName;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use url::Url;

use super::form::{Names, present};
use super::hmac::SharedKeys;
use super::signed::Proof;
use super::{Encoding, HashName, KeyForm, Rejection, Scheme, SettingFault, Signing, Verifier, VerifySettings};
use crate::model::Delivery;

const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");

/// The scheme `twilio`.
pub(super) struct Twilio;

impl Scheme for Twilio {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn summary(&self) -> &'static str {
        "HMAC-SHA1 of `url` and the sorted fields of the form in X-Twilio-Signature, in base64; where the body is no form, of \
         `url` with `bodySHA256`. The secret is the auth token."
    }

    fn takes(&self) -> Vec<&'static str> {
        vec!["secrets", "url"]
    }

    fn headers<'a>(&self, _: &'a VerifySettings) -> Vec<Names<'a>> {
        vec![Names::only("x-twilio-signature")]
    }

    fn build(&self, settings: &VerifySettings) -> Result<Box<dyn Verifier>, Vec<SettingFault>> {
        let mut faults = settings.refuse_all_but(&self.takes());
        faults.extend(settings.check_secrets());
        let urls = match &settings.url {
            Some(url) => both_ports(url).map_err(|message| faults.push(SettingFault::new("url", message))).ok(),
            None => {
                faults.push(SettingFault::new(
                    "",
                    "missing key `url`: the address that Twilio was given, which it signs",
                ));
                None
            }
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        let keys = SharedKeys::read(settings, HashName::Sha1, KeyForm::Utf8, &mut faults);
        match urls {
            Some(urls) if faults.is_empty() => Ok(Box::new(TwilioVerifier { urls, keys })),
            _ => Err(faults),
        }
    }
}

struct TwilioVerifier {
    /// The address as it is written, and with the standard port where that is without it, or without where it is with it.
    urls: Vec<String>,
    keys: SharedKeys,
}

impl Verifier for TwilioVerifier {
    fn verify(&self, delivery: &Delivery, _: Timestamp) -> Result<(), Rejection> {
        let signatures = Encoding::Base64.read(present(delivery, &SIGNATURE)?);
        if signatures.is_empty() {
            return Err(Rejection::Malformed);
        }
        let form = delivery.form();
        let accepts = |url: &String| self.keys.accepts(&signed(url, form.as_deref(), &delivery.body), &signatures);
        match self.urls.iter().fold(false, |found, url| found | accepts(url)) {
            true => Ok(()),
            false => Err(Rejection::Mismatch),
        }
    }

    fn sign(&self, signing: &Signing<'_>) -> Result<Vec<(String, String)>, String> {
        let content_type = signing.content_type();
        let mut delivery =
            Delivery { headers: Default::default(), body: signing.body.to_vec(), received_at: signing.now };
        delivery.headers.insert(CONTENT_TYPE, content_type.clone());
        let url = self.urls.first().ok_or("the source has no address")?;
        let signed = signed(url, delivery.form().as_deref(), signing.body);
        let signature = self.keys.sign(&signed, None)?.ok_or("the source has no secret")?;
        Ok(vec![
            (SIGNATURE.to_string(), Encoding::Base64.write(&signature)),
            (CONTENT_TYPE.to_string(), String::from_utf8_lossy(content_type.as_bytes()).into_owned()),
        ])
    }
}

/// The bytes that are signed. What Twilio adds to the address of a body that is no form is made from the body that came,
/// never read from the request, so that it needs no comparison of its own.
fn signed(url: &str, form: Option<&[(String, String)]>, body: &[u8]) -> Vec<u8> {
    let Some(form) = form else {
        let joint = if url.contains('?') { '&' } else { '?' };
        return format!("{url}{joint}bodySHA256={}", hex::encode(Sha256::digest(body))).into_bytes();
    };
    // Twilio's own libraries sort the values of a repeated field, and take each once.
    let mut fields: Vec<_> = form.iter().collect();
    fields.sort();
    fields.dedup();
    let fields = fields.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    std::iter::once(url).chain(fields).collect::<String>().into_bytes()
}

/// An address with and without the standard port: Twilio's own libraries try both, because its servers are not of one mind.
fn both_ports(written: &str) -> Result<Vec<String>, String> {
    let url = Url::parse(written).map_err(|why| format!("is not an address: {why}"))?;
    let (Some(port), true) = (url.port_or_known_default(), matches!(url.scheme(), "http" | "https")) else {
        return Err("is not an address that begins with `https://` or `http://`".to_owned());
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or password; this source needs none, the signature is enough".to_owned());
    }
    if url.fragment().is_some() {
        return Err("has a part behind `#`, which Twilio keeps to itself; leave it out".to_owned());
    }
    let start = written.find("://").map_or(0, |at| at + 3);
    let end = written[start..].find(['/', '?']).map_or(written.len(), |at| start + at);
    let (head, tail) = written.split_at(end);
    let other = match (url.port(), head.strip_suffix(&format!(":{port}"))) {
        (Some(_), _) => return Ok(vec![written.to_owned()]),
        (None, Some(bare)) => format!("{bare}{tail}"),
        (None, None) => format!("{head}:{port}{tail}"),
    };
    Ok(vec![written.to_owned(), other])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_port_may_be_there_or_not() {
        let both = |url: &str| both_ports(url).unwrap().join(" ");
        assert_eq!(both("https://a.example/x?y=1"), "https://a.example/x?y=1 https://a.example:443/x?y=1");
        assert_eq!(both("https://A.example:443?y=:443"), "https://A.example:443?y=:443 https://A.example?y=:443");
        assert_eq!(both("http://a.example"), "http://a.example http://a.example:80");
        assert_eq!(both("https://a.example:8443/x"), "https://a.example:8443/x");
        assert_eq!(both("https://[::1]/x"), "https://[::1]/x https://[::1]:443/x");
    }
}
