//! Where a request carries its signatures, its time stamp and its id, and what of it is signed.
//! It holds no key and judges no signature.

use http::HeaderName;
use jiff::{SignedDuration, Timestamp};

use super::content::{Content, Part};
use super::presets::{Preset, Stamp};
use super::{Rejection, SettingFault, Signing, VerifySettings};
use crate::model::Delivery;

/// The longest header that is looked into, in bytes. The longest genuine one is a list of a few signatures.
const MAX_HEADER: usize = 8192;

/// The most signatures in one header. A sender in the middle of a rotation writes two.
const MAX_SIGNATURES: usize = 32;

/// The names of one sender's headers, as they are written in tables and settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// The header of the signature.
    pub signature: &'a str,
    /// The header of the time stamp, where there is one.
    pub timestamp: Option<&'a str>,
    /// The header of the id, where it is signed.
    pub id: Option<&'a str>,
}

impl<'a> Names<'a> {
    /// A signature, and nothing beside it.
    pub(super) const fn only(signature: &'a str) -> Self {
        Self { signature, timestamp: None, id: None }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a str> {
        [Some(self.signature), self.timestamp, self.id].into_iter().flatten().filter(|name| !name.is_empty())
    }
}

/// The same names, checked.
struct Headers {
    signature: HeaderName,
    timestamp: Option<HeaderName>,
    id: Option<HeaderName>,
}

/// How one sender's requests are laid out.
pub(super) struct Form {
    headers: Vec<Headers>,
    list: Option<char>,
    stamp: Stamp,
    content: Content,
    body_time: Option<&'static str>,
    tolerance: SignedDuration,
}

/// What was found in one request.
pub(super) struct Reading<'d> {
    /// The signatures as they are written, with their prefixes.
    pub(super) entries: Vec<&'d str>,
    /// The bytes they are said to sign.
    pub(super) signed: Vec<u8>,
    /// When the sender says it signed them.
    pub(super) at: Option<Timestamp>,
}

impl Form {
    /// One signature over the body.
    pub(super) fn over_body(header: HeaderName) -> Self {
        Self {
            headers: vec![Headers { signature: header, timestamp: None, id: None }],
            list: None,
            stamp: Stamp::None,
            content: Content::body(),
            body_time: None,
            tolerance: SignedDuration::ZERO,
        }
    }

    /// The form of a preset with what the settings replace; nothing where `faults` grew.
    pub(super) fn build(preset: &Preset, settings: &VerifySettings, faults: &mut Vec<SettingFault>) -> Option<Self> {
        let before = faults.len();
        let names = names(preset, settings);
        let headers = names.iter().filter_map(|names| Headers::read(names, faults)).collect();
        let is_dated = names.iter().all(|names| names.timestamp.is_some());
        let stamp = if preset.stamp == Stamp::None && is_dated { Stamp::Unix } else { preset.stamp };
        let content = Content::parse(settings.content.as_deref().unwrap_or(preset.content));
        let content = content.map_err(|message| faults.push(SettingFault::new("content", message))).ok();
        let signs = |part| content.as_ref().is_some_and(|content| content.uses(&part));
        let mut differ = |is_signed: bool, is_sent: bool, part: &str, header: &str| match (is_signed, is_sent) {
            (true, false) => faults.push(SettingFault::new("content", format!("{part} needs `{header}`"))),
            (false, true) => {
                let message = format!("without {part} in `content` it is not signed, and anybody could change it");
                faults.push(SettingFault::new(header, message));
            }
            _ => {}
        };
        if content.is_some() {
            differ(signs(Part::Timestamp), stamp != Stamp::None, "{timestamp}", "timestamp_header");
            differ(signs(Part::Id), names.iter().all(|names| names.id.is_some()), "{id}", "id_header");
        }
        if preset.headers.is_empty() && settings.tolerance.is_some() && stamp == Stamp::None {
            faults.push(SettingFault::new("tolerance", "without a signed time stamp there is nothing to tolerate"));
        }
        let list = separator(settings.list.as_deref().or(preset.list), settings.prefix.as_deref(), faults);
        let tolerance = settings.tolerance.unwrap_or(preset.tolerance);
        let form = Self { headers, list, stamp, content: content?, body_time: preset.body_time, tolerance };
        (faults.len() == before).then_some(form)
    }

    /// Finds the signatures of a request, and the bytes they are said to sign.
    pub(super) fn read<'d>(&self, delivery: &'d Delivery) -> Result<Reading<'d>, Rejection> {
        let sent = |headers: &&Headers| delivery.headers.contains_key(&headers.signature);
        let headers = self.headers.iter().find(sent).ok_or(Rejection::Missing)?;
        let entries = self.split(present(delivery, &headers.signature)?)?;
        let stamp = match (self.stamp, &headers.timestamp) {
            (Stamp::Item(key), _) => only(entries.iter().filter_map(|entry| entry.strip_prefix(key)))?,
            (_, Some(name)) => present(delivery, name)?,
            (_, None) => "",
        };
        let id = headers.id.as_ref().map_or(Ok(""), |name| present(delivery, name))?;
        let at = match self.stamp {
            Stamp::None => None,
            _ => Some(instant(stamp).ok_or(Rejection::Malformed)?),
        };
        Ok(Reading { entries, signed: self.content.fill(stamp, id, &delivery.body), at })
    }

    /// When the body of a genuine request says that it was sent, where its sender writes that there.
    pub(super) fn time_of_body(&self, body: &[u8]) -> Option<Timestamp> {
        let pointer = self.body_time?;
        let json: serde_json::Value = serde_json::from_slice(body).ok()?;
        Timestamp::from_millisecond(json.pointer(pointer)?.as_i64()?).ok()
    }

    /// Whether the request was signed close enough to now, in either direction.
    pub(super) fn check_age(&self, at: Option<Timestamp>, now: Timestamp) -> Result<(), Rejection> {
        at.map_or(Ok(()), |at| check_age(at, now, self.tolerance))
    }

    /// The headers of a request that a genuine sender signs; `sign` gives the signatures of bytes, with their prefixes.
    pub(super) fn write(
        &self,
        signing: &Signing<'_>,
        sign: impl FnOnce(&[u8]) -> Result<Vec<String>, String>,
    ) -> Result<Vec<(String, String)>, String> {
        let headers = self.headers.first().ok_or("the scheme has no header")?;
        let stamp = match self.stamp {
            Stamp::None => String::new(),
            Stamp::Unix | Stamp::Item(_) => signing.now.as_second().to_string(),
            Stamp::UnixMillis => signing.now.as_millisecond().to_string(),
            Stamp::Rfc3339 => signing.now.to_string(),
        };
        let mut entries = sign(&self.content.fill(&stamp, signing.id, signing.body))?;
        if let Stamp::Item(key) = self.stamp {
            entries.insert(0, format!("{key}{stamp}"));
        }
        let separator = self.list.map(String::from).unwrap_or_default();
        let mut written = vec![(headers.signature.to_string(), entries.join(&separator))];
        written.extend(headers.timestamp.iter().map(|name| (name.to_string(), stamp.clone())));
        written.extend(headers.id.iter().map(|name| (name.to_string(), signing.id.to_owned())));
        Ok(written)
    }

    fn split<'d>(&self, value: &'d str) -> Result<Vec<&'d str>, Rejection> {
        let Some(separator) = self.list else { return Ok(vec![value]) };
        let entries = value.split(separator).map(str::trim).filter(|entry| !entry.is_empty());
        let entries: Vec<&str> = entries.take(MAX_SIGNATURES + 1).collect();
        if entries.len() > MAX_SIGNATURES { Err(Rejection::Malformed) } else { Ok(entries) }
    }
}

impl Reading<'_> {
    /// The signatures behind `prefix`, without it. Others are skipped: a sender may add a new version of its scheme.
    pub(super) fn behind<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter_map(move |entry| entry.strip_prefix(prefix))
    }
}

impl Headers {
    fn read(names: &Names<'_>, faults: &mut Vec<SettingFault>) -> Option<Self> {
        if names.signature.is_empty() {
            faults.push(SettingFault::new("", "missing key `header`: the header that carries the signature"));
            return None;
        }
        let signature = header_name("header", names.signature, faults)?;
        let mut other = |key, name: Option<&str>| name.and_then(|name| header_name(key, name, faults));
        Some(Self {
            signature,
            timestamp: other("timestamp_header", names.timestamp),
            id: other("id_header", names.id),
        })
    }
}

/// Reads the name of a header.
pub(super) fn header_name(key: &str, name: &str, faults: &mut Vec<SettingFault>) -> Option<HeaderName> {
    let wrong = |_| faults.push(SettingFault::new(key, format!("`{name}` is not the name of a header")));
    HeaderName::from_bytes(name.as_bytes()).map_err(wrong).ok()
}

/// A header that is there once and says something. `N/A` is what HighLevel writes where it has no signature.
pub(super) fn present<'d>(delivery: &'d Delivery, name: &HeaderName) -> Result<&'d str, Rejection> {
    said(delivery.header(name.as_str()))
}

/// A text that is there and says something.
pub(super) fn said(text: Option<&str>) -> Result<&str, Rejection> {
    match text {
        None | Some("") => Err(Rejection::Missing),
        Some(value) if value.eq_ignore_ascii_case("n/a") => Err(Rejection::Missing),
        Some(value) if value.len() > MAX_HEADER => Err(Rejection::Malformed),
        Some(value) => Ok(value),
    }
}

/// The preset's names; where a setting replaces one, the first of the preset's sets with that replacement.
pub(super) fn names<'a>(preset: &Preset, settings: &'a VerifySettings) -> Vec<Names<'a>> {
    let (header, dated, id) = (&settings.header, &settings.timestamp_header, &settings.id_header);
    if header.is_none() && dated.is_none() && id.is_none() && !preset.headers.is_empty() {
        return preset.headers.to_vec();
    }
    let own = preset.headers.first().copied().unwrap_or_default();
    vec![Names {
        signature: header.as_deref().unwrap_or(own.signature),
        timestamp: dated.as_deref().or(own.timestamp),
        id: id.as_deref().or(own.id),
    }]
}

/// The separator of a list: one character that no signature and no prefix contains.
fn separator(list: Option<&str>, prefix: Option<&str>, faults: &mut Vec<SettingFault>) -> Option<char> {
    let list = list?;
    let mut characters = list.chars();
    let found = match (characters.next(), characters.next()) {
        (Some(one), None) if !one.is_alphanumeric() && !"+/=-_".contains(one) => Some(one),
        _ => None,
    };
    let message = match found {
        None => format!("`{list}` cannot separate signatures; write one character such as `,`"),
        Some(one) if prefix.is_some_and(|prefix| prefix.contains(one)) => {
            format!("`{list}` is also in `prefix`, which would tear it apart")
        }
        Some(one) => return Some(one),
    };
    faults.push(SettingFault::new("list", message));
    None
}

/// The only one. Two time stamps in one header are refused: which of them was signed?
fn only<'d>(mut found: impl Iterator<Item = &'d str>) -> Result<&'d str, Rejection> {
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(Rejection::Malformed),
    }
}

/// Whether a request was signed close enough to now, in either direction.
pub(super) fn check_age(at: Timestamp, now: Timestamp, tolerance: SignedDuration) -> Result<(), Rejection> {
    match now.duration_since(at) {
        age if age > tolerance => Err(Rejection::Stale),
        age if age < -tolerance => Err(Rejection::Future),
        _ => Ok(()),
    }
}

/// Reads a time stamp: unix seconds, unix milliseconds, or RFC 3339. Eleven digits of seconds reach the year 5138, so what
/// is longer counts milliseconds. Being lenient is safe here: the text itself is signed.
fn instant(text: &str) -> Option<Timestamp> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let number = text.parse().ok()?;
    if text.len() > 11 { Timestamp::from_millisecond(number).ok() } else { Timestamp::from_second(number).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_are_read_in_three_forms() {
        let want: Timestamp = "2023-11-14T22:13:20Z".parse().unwrap();
        for text in ["1700000000", "1700000000000", "2023-11-14T22:13:20Z", "2023-11-14T23:13:20.000+01:00"] {
            assert_eq!(instant(text), Some(want), "{text}");
        }
        for wrong in ["", "-1700000000", "+1700000000", "17e8", "yesterday", "99999999999999999999999"] {
            assert_eq!(instant(wrong), None, "{wrong}");
        }
    }
}
