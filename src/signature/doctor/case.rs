//! One refused delivery, and what a hypothesis may do with it: change one thing and ask again.

use http::{HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::model::{Delivery, SourceName};
use crate::signature::{Names, Rejection, VerifySettings, scheme};

/// The length of the shortest signature, SHA-1 in base64 without its padding.
const SHORTEST: usize = 27;

/// As many signatures as a sender in the middle of a rotation writes, twice.
const MOST_PIECES: usize = 4;

/// Where a request was sent to, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrival<'a> {
    /// The path and query, such as `/webhooks/inbox`.
    pub target: Option<&'a str>,
}

/// What the hypotheses look at.
pub(super) struct Case<'a> {
    pub(super) settings: &'a VerifySettings,
    /// The other sources.
    pub(super) others: &'a [&'a (SourceName, VerifySettings)],
    pub(super) delivery: &'a Delivery,
    pub(super) arrival: &'a Arrival<'a>,
    pub(super) now: Timestamp,
    pub(super) rejection: Rejection,
}

impl<'a> Case<'a> {
    /// Whether a right key gave the signature of the delivery as it is.
    pub(super) fn is_genuine(&self) -> bool {
        !matches!(self.rejection, Rejection::Missing | Rejection::Malformed | Rejection::Mismatch)
    }

    /// Whether the delivery fits other settings.
    pub(super) fn fits(&self, settings: &VerifySettings) -> bool {
        fits(settings, self.delivery, self.now)
    }

    /// Whether it fits when one setting is another one.
    pub(super) fn fits_with(&self, change: impl FnOnce(&mut VerifySettings)) -> bool {
        let mut settings = self.settings.clone();
        change(&mut settings);
        self.fits(&settings)
    }

    /// Whether it fits with another body.
    pub(super) fn fits_body(&self, body: Vec<u8>) -> bool {
        let delivery =
            Delivery { headers: self.delivery.headers.clone(), body, received_at: self.delivery.received_at };
        fits(self.settings, &delivery, self.now)
    }

    /// Whether it fits with another value in the header of the signature.
    pub(super) fn fits_signature(&self, value: &str) -> bool {
        self.names().iter().any(|names| match with_header(self.delivery, names.signature, value) {
            Some(delivery) => fits(self.settings, &delivery, self.now),
            None => false,
        })
    }

    /// The sets of headers that the sender is known to write.
    pub(super) fn names(&self) -> Vec<Names<'a>> {
        scheme(&self.settings.scheme).map(|scheme| scheme.headers(self.settings)).unwrap_or_default()
    }

    /// What stands in the header of the signature, with the header's name.
    pub(super) fn signature(&self) -> Option<(&'a str, &'a str)> {
        self.names().iter().find_map(|names| Some((names.signature, self.delivery.header(names.signature)?)))
    }

    /// Whether the source's scheme takes a setting.
    pub(super) fn takes(&self, setting: &str) -> bool {
        scheme(&self.settings.scheme).is_some_and(|scheme| scheme.takes().contains(&setting))
    }
}

/// Whether a right key gave the signature of a delivery; how old that is does not count.
pub(super) fn fits(settings: &VerifySettings, delivery: &Delivery, now: Timestamp) -> bool {
    let built = scheme(&settings.scheme).and_then(|scheme| scheme.build(settings).ok());
    built.is_some_and(|verifier| {
        matches!(verifier.verify(delivery, now), Ok(()) | Err(Rejection::Stale | Rejection::Future))
    })
}

/// Which of the secrets, else of the keys, makes it fit, counted from 1; nothing where there is only one.
pub(super) fn number(settings: &VerifySettings, fits: impl Fn(&VerifySettings) -> bool) -> Option<usize> {
    let alone = |index: usize| {
        let mut one = settings.clone();
        match one.secrets.is_empty() {
            true => one.keys = one.keys.get(index).cloned().into_iter().collect(),
            false => (one.secrets, one.keys) = (vec![one.secrets[index].clone()], Vec::new()),
        }
        one
    };
    let count = if settings.secrets.is_empty() { settings.keys.len() } else { settings.secrets.len() };
    (0..count).filter(|_| count > 1).find(|index| fits(&alone(*index))).map(|index| index + 1)
}

/// A delivery with another value in one header.
pub(super) fn with_header(delivery: &Delivery, name: &str, value: &str) -> Option<Delivery> {
    let mut changed = delivery.clone();
    let (name, value) = (HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?);
    changed.headers.insert(name, value);
    Some(changed)
}

/// The pieces of a header that may be a signature, without what stands before them, as `sha256=` or `v1,`. Few, so that
/// nobody can make the doctor try thousands.
pub(super) fn pieces(value: &str) -> Vec<&str> {
    let parts = value.split([',', ' ', ';']).filter(|part| part.len() >= SHORTEST);
    parts.take(MOST_PIECES).map(bare).collect()
}

/// Base64 ends in `=`; what stands before a signature is short and ends in one.
fn bare(part: &str) -> &str {
    let split = part.split_once('=').filter(|(name, rest)| name.len() < 16 && rest.len() >= SHORTEST);
    split.map_or(part, |(_, rest)| rest)
}
