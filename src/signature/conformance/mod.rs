//! What every scheme promises, asked of every scheme of the table.
//! Nothing here knows how a scheme works: it has a verifier, a genuine request, and ways to spoil it.

mod entries;
mod hostile;

use std::collections::BTreeSet;

pub(super) use self::entries::RSA;
use self::entries::{Carrier, Entry, Held, P256, Written, entries};
use super::*;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePublicKey;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};

const NOW: i64 = 1_700_000_000;

type Build = dyn Fn(&VerifySettings) -> Box<dyn Verifier>;
type Pairs = Vec<(String, String)>;

fn genuine(settings: &VerifySettings) -> Box<dyn Verifier> {
    scheme(&settings.scheme).unwrap().build(settings).unwrap()
}

/// One scheme under trial, with the promises it broke so far.
struct Trial<'a> {
    entry: &'a Entry,
    build: &'a Build,
    broken: Vec<String>,
}

impl Trial<'_> {
    /// The settings of a source that holds these of the suite's credentials.
    fn settings(&self, held: &[u8]) -> VerifySettings {
        let mut settings = self.entry.settings.clone();
        let seeds = held.iter().map(|number| SigningKey::from_bytes(&[number + 1; 32]));
        let public =
            seeds.map(|key| BASE64_STANDARD.encode(key.verifying_key().to_public_key_der().unwrap().as_bytes()));
        match self.entry.held {
            // Four hexadecimal digits leave the text base64 or hexadecimal where its prefix is.
            Held::Secrets(prefix) => settings["secrets"] = held.iter().map(|n| format!("{prefix}000{n}")).collect(),
            Held::Ed25519 => settings["keys"] = public.collect(),
            Held::Rsa => settings["keys"] = held.iter().map(|number| RSA[usize::from(*number)].0).collect(),
            Held::P256 => settings["keys"] = held.iter().map(|n| P256[usize::from(*n)].0.clone()).collect(),
            Held::Nothing => {}
        }
        serde_json::from_value(settings).unwrap()
    }

    /// What a genuine request carries beside its content, signed with one of the credentials: headers, or fields of the
    /// body.
    fn signed(&self, by: u8, at: SignedDuration) -> Pairs {
        if self.entry.held == Held::Rsa {
            return vec![(self.entry.header.to_owned(), RSA[usize::from(by)].1.to_owned())];
        }
        let private_key = match self.entry.held {
            Held::Ed25519 => Some(Secret::from(BASE64_STANDARD.encode([by + 1; 32]))),
            Held::P256 => Some(Secret::from(&*P256[usize::from(by)].1)),
            _ => None,
        };
        let now = Timestamp::from_second(NOW).unwrap() + at;
        let signing = Signing { body: self.entry.body, id: "msg_1", now, private_key: private_key.as_ref() };
        let verifier = genuine(&self.settings(&[by]));
        let sealed = verifier.seal(&signing).unwrap();
        let names = ["timestamp", "token", "signature"].map(str::to_owned);
        match self.entry.carrier {
            Carrier::Headers => verifier.sign(&signing).unwrap(),
            Carrier::Form => {
                let fields = url::form_urlencoded::parse(&sealed).into_owned();
                fields.filter(|(name, _)| names.contains(name)).collect()
            }
            Carrier::Json => {
                let json: serde_json::Value = serde_json::from_slice(&sealed).unwrap();
                names.map(|name| (name.clone(), json["signature"][name].as_str().unwrap().to_owned())).to_vec()
            }
        }
    }

    /// A request that carries this. By hand, so that a name can stand there twice.
    fn delivery(&self, carried: &Pairs, body: &[u8]) -> Delivery {
        match self.entry.carrier {
            Carrier::Headers => delivery(carried, body),
            Carrier::Form => {
                let mut form = url::form_urlencoded::Serializer::new(String::from_utf8_lossy(body).into_owned());
                let typed = [(CONTENT_TYPE.to_string(), "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
                delivery(&typed.to_vec(), form.extend_pairs(carried).finish().as_bytes())
            }
            Carrier::Json => {
                let fields = carried.iter().map(|(name, value)| format!("\"{name}\":{}", serde_json::json!(value)));
                let fields = fields.collect::<Vec<_>>().join(",");
                delivery(&Vec::new(), format!("{{\"event-data\":{{}},\"signature\":{{{fields}}}}}").as_bytes())
            }
        }
    }

    fn judge(&self, held: &[u8], headers: &Pairs, body: &[u8]) -> Result<(), Rejection> {
        let now = Timestamp::from_second(NOW).unwrap();
        (self.build)(&self.settings(held)).verify(&self.delivery(headers, body), now)
    }

    fn promise(&mut self, name: &str, is_kept: bool) {
        if !is_kept {
            self.broken.push(format!("{} ({}): {name}", self.entry.scheme, self.entry.header));
        }
    }

    /// The headers with the signature's one rewritten.
    fn rewritten(&self, headers: &Pairs, rewrite: impl Fn(&str) -> String) -> Pairs {
        let is_it = |name: &str| name == self.entry.header;
        headers.iter().map(|(n, v)| (n.clone(), if is_it(n) { rewrite(v) } else { v.clone() })).collect()
    }

    fn accepts_genuine(&mut self) {
        let (first, second) = (self.signed(0, SignedDuration::ZERO), self.signed(1, SignedDuration::ZERO));
        self.promise("valid", self.judge(&[0], &first, self.entry.body).is_ok());
        self.promise("valid, the first of two keys", self.judge(&[0, 1], &first, self.entry.body).is_ok());
        self.promise("valid with the second key", self.judge(&[0, 1], &second, self.entry.body).is_ok());
        let Some(list) = self.entry.list else { return };
        let (good, bad) = (self.value(&first), self.value(&self.signed(2, SignedDuration::ZERO)));
        let other = format!("{bad}{list}v9{}", bad.replace(self.entry.prefix, ""));
        for all in [[&good, &bad, &other].map(|v| &**v).join(list), [&bad, &other, &good].map(|v| &**v).join(list)] {
            // A time stamp inside the header stands there once.
            let mut seen = BTreeSet::new();
            let once = all.split(list).filter(|item| !item.starts_with("t=") || seen.insert(item.to_string()));
            let all = once.collect::<Vec<_>>().join(list);
            let headers = self.rewritten(&first, |_| all.clone());
            self.promise("several signatures, one valid", self.judge(&[0], &headers, self.entry.body).is_ok());
            self.promise("several signatures, none valid", self.judge(&[3], &headers, self.entry.body).is_err());
        }
    }

    fn rejects_others(&mut self) {
        let headers = self.signed(0, SignedDuration::ZERO);
        let wrong = self.judge(&[1, 2], &headers, self.entry.body);
        self.promise("wrong key", wrong == Err(Rejection::Mismatch));
        let number = NOW.to_string();
        for (old, new) in [(&*number, "1700000001"), ("22:13:20", "22:13:21"), ("msg_1", "msg_2")] {
            let changed: Pairs = headers.iter().map(|(n, v)| (n.clone(), v.replace(old, new))).collect();
            if changed != headers {
                self.promise(
                    "what is signed beside the body changed",
                    self.judge(&[0], &changed, self.entry.body).is_err(),
                );
            }
        }
        if !self.entry.covers_body {
            return;
        }
        for place in 0..self.entry.body.len() {
            let mut body = self.entry.body.to_vec();
            body[place] ^= 1;
            self.promise("one byte of the body changed", self.judge(&[0], &headers, &body) == Err(Rejection::Mismatch));
        }
        self.promise("the body emptied", self.judge(&[0], &headers, b"").is_err());
    }

    fn rejects_missing(&mut self) {
        let headers = self.signed(0, SignedDuration::ZERO);
        // The type of the content says how it is to be read; no signature stands there.
        for index in (0..headers.len()).filter(|index| headers[*index].0 != CONTENT_TYPE.as_str()) {
            let mut without = headers.clone();
            let (name, value) = without.remove(index);
            self.promise("header missing", self.judge(&[0], &without, self.entry.body) == Err(Rejection::Missing));
            for nothing in ["", " ", "N/A", "n/a"] {
                let mut blank = without.clone();
                blank.push((name.clone(), nothing.to_owned()));
                self.promise(
                    "header empty or N/A",
                    self.judge(&[0], &blank, self.entry.body) == Err(Rejection::Missing),
                );
            }
            let mut doubled = headers.clone();
            doubled.push((name, value));
            // An object that has a name twice is no good JSON.
            let is_json = self.entry.carrier == Carrier::Json;
            let want = if is_json { Rejection::Malformed } else { Rejection::Missing };
            self.promise("header doubled", self.judge(&[0], &doubled, self.entry.body) == Err(want));
        }
    }

    fn rejects_stale_and_future(&mut self) {
        if !self.entry.is_dated {
            let old = self.signed(0, SignedDuration::from_hours(-24));
            return self.promise("no time stamp, no age", self.judge(&[0], &old, self.entry.body).is_ok());
        }
        let tolerance = self.settings(&[0]).tolerance.unwrap_or(self.entry.tolerance);
        let beyond = tolerance + SignedDuration::from_secs(1);
        for (at, want) in [
            (-tolerance, Ok(())),
            (tolerance, Ok(())),
            (-beyond, Err(Rejection::Stale)),
            (beyond, Err(Rejection::Future)),
        ] {
            let headers = self.signed(0, at);
            self.promise("stale and future time stamp", self.judge(&[0], &headers, self.entry.body) == want);
        }
    }

    fn rejects_wrong_form(&mut self) {
        let headers = self.signed(0, SignedDuration::ZERO);
        let Entry { prefix, written, .. } = *self.entry;
        let digest = |value: &str| {
            value[value.rfind(prefix).filter(|_| !prefix.is_empty()).map_or(0, |at| at + prefix.len())..].to_owned()
        };
        let (good, spoilt) = match prefix {
            "" => (String::new(), "sig=".to_owned()),
            prefix => (prefix.to_owned(), format!("x{prefix}")),
        };
        let mut spoil = |name: &str, rewrite: &dyn Fn(&str) -> String| {
            let headers = self.rewritten(&headers, rewrite);
            self.promise(name, self.judge(&[0], &headers, self.entry.body).is_err());
        };
        let put = |value: &str, prefix: &str, text: &str| {
            let head = value.strip_suffix(&format!("{good}{}", digest(value))).unwrap();
            format!("{head}{prefix}{text}")
        };
        spoil("wrong prefix", &|value| put(value, &spoilt, &digest(value)));
        spoil("half a signature", &|value| put(value, &good, &digest(value)[..8]));
        spoil("no signature", &|value| put(value, &good, ""));
        spoil("wrong encoding", &|value| put(value, &good, &format!("!{}", digest(value))));
        match written {
            Written::Hex => spoil("wrong encoding", &|value| {
                put(value, &good, &BASE64_STANDARD.encode(hex::decode(digest(value)).unwrap()))
            }),
            Written::Base64 => spoil("wrong encoding", &|value| {
                put(value, &good, &hex::encode(BASE64_STANDARD.decode(digest(value)).unwrap()))
            }),
            Written::Either | Written::AsIs => {}
        }
    }

    fn value(&self, headers: &Pairs) -> String {
        headers.iter().find(|(name, _)| name == self.entry.header).unwrap().1.clone()
    }
}

fn delivery(headers: &Pairs, body: &[u8]) -> Delivery {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    Delivery { headers: map, body: body.to_vec(), received_at: Timestamp::from_second(NOW).unwrap() }
}

/// The promises that a scheme breaks when `build` makes its verifiers.
fn broken(entry: &Entry, build: &Build) -> Vec<String> {
    let mut trial = Trial { entry, build, broken: Vec::new() };
    if entry.held == Held::Nothing {
        trial.promise("accepts all", trial.judge(&[], &Vec::new(), entry.body).is_ok());
        return trial.broken;
    }
    trial.accepts_genuine();
    trial.rejects_others();
    trial.rejects_missing();
    trial.rejects_stale_and_future();
    trial.rejects_wrong_form();
    trial.broken.sort();
    trial.broken.dedup();
    trial.broken
}

#[test]
fn every_scheme_keeps_every_promise() {
    let entries = entries();
    let broken: Vec<String> = entries.iter().flat_map(|entry| broken(entry, &genuine)).collect();
    assert_eq!(broken, Vec::<String>::new());
    let tried: BTreeSet<&str> = entries.iter().map(|entry| entry.scheme).collect();
    let known: BTreeSet<&str> = SCHEMES.iter().map(|scheme| scheme.name()).collect();
    assert_eq!(known.len(), SCHEMES.len(), "two schemes have one name");
    assert_eq!(tried, known, "every scheme has an entry here");
    let open: Vec<&str> = entries.iter().filter(|e| e.held == Held::Nothing).map(|e| e.scheme).collect();
    assert_eq!(open, ["none"]);
}

/// A verifier with a fault planted in it.
struct Planted {
    inner: Box<dyn Verifier>,
    judge: fn(&dyn Verifier, &Delivery, Timestamp) -> Result<(), Rejection>,
}

impl Verifier for Planted {
    fn verify(&self, delivery: &Delivery, now: Timestamp) -> Result<(), Rejection> {
        (self.judge)(&*self.inner, delivery, now)
    }

    fn sign(&self, signing: &Signing<'_>) -> Result<Vec<(String, String)>, String> {
        self.inner.sign(signing)
    }
}

#[test]
fn planted_faults_are_found() {
    let sequenzy = entries().into_iter().find(|entry| entry.scheme == "sequenzy").unwrap();
    let found = |spoil: fn(&mut VerifySettings), judge| {
        let names = broken(&sequenzy, &move |settings: &VerifySettings| {
            let mut settings = settings.clone();
            spoil(&mut settings);
            Box::new(Planted { inner: genuine(&settings), judge })
        });
        names
            .into_iter()
            .map(|name| name.replace("sequenzy (x-sequenzy-signature): ", ""))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let honest = |inner: &dyn Verifier, delivery: &Delivery, now| inner.verify(delivery, now);

    insta::assert_snapshot!(found(|_| {}, |_, _, _| Ok(())), @r"
    half a signature
    header doubled
    header empty or N/A
    header missing
    no signature
    one byte of the body changed
    several signatures, none valid
    stale and future time stamp
    the body emptied
    what is signed beside the body changed
    wrong encoding
    wrong key
    wrong prefix
    ");
    insta::assert_snapshot!(found(|_| {}, |_, _, _| Err(Rejection::Missing)), @r"
    one byte of the body changed
    several signatures, one valid
    stale and future time stamp
    valid
    valid with the second key
    valid, the first of two keys
    wrong key
    ");
    insta::assert_snapshot!(found(|settings| settings.secrets.truncate(1), honest), @"valid with the second key");
    insta::assert_snapshot!(found(|settings| settings.tolerance = Some(SignedDuration::from_hours(1)), honest), @"stale and future time stamp");
    insta::assert_snapshot!(found(|settings| settings.encoding = Some(Encoding::Base64), honest), @r"
    several signatures, one valid
    stale and future time stamp
    valid
    valid with the second key
    valid, the first of two keys
    ");
    for entry in entries().iter().filter(|entry| entry.held != Held::Nothing) {
        let open = broken(entry, &|settings| Box::new(Planted { inner: genuine(settings), judge: |_, _, _| Ok(()) }));
        assert!(open.len() >= 8, "{open:?}");
    }
}
