//! The secret is right, and something else was signed with it, or under another hash: the body without its time stamp, a
//! template of another sender.

use super::case::{fits, pieces, with_header};
use super::{Case, Hypothesis, Told};
use crate::signature::{HashName, KeyForm, Names, VerifySettings};

pub(super) const HYPOTHESIS: Hypothesis = Hypothesis { name: "content", look };

/// What senders sign.
const CONTENTS: [&str; 8] = [
    "{body}",
    "{timestamp}.{body}",
    "{timestamp}:{body}",
    "{timestamp}{body}",
    "v0:{timestamp}:{body}",
    "v1:{timestamp}:{body}",
    "{id}.{timestamp}.{body}",
    "{body}{timestamp}",
];

const HASHES: [(HashName, &str); 3] =
    [(HashName::Sha256, "SHA-256"), (HashName::Sha1, "SHA-1"), (HashName::Sha512, "SHA-512")];

fn look(case: &Case<'_>) -> Option<Told> {
    if case.is_genuine() || !case.takes("key") || case.settings.secrets.is_empty() {
        return None;
    }
    let (header, value) = case.signature()?;
    let names = case.names().into_iter().find(|names| names.signature == header)?;
    let pieces = pieces(value);
    for content in CONTENTS {
        for (hash, hash_name) in HASHES {
            for form in [KeyForm::Utf8, KeyForm::Whsec, KeyForm::Base64, KeyForm::Hex] {
                let Some(settings) = generic(case.settings, &names, content, hash, form) else { continue };
                let fits = |piece: &&str| {
                    let delivery = with_header(case.delivery, header, piece);
                    delivery.is_some_and(|delivery| fits(&settings, &delivery, case.now))
                };
                if pieces.iter().any(fits) {
                    return Some(Told::new(
                        format!(
                            "the signature is by the right secret, with HMAC and {hash_name}, of `{content}`, which is not what the scheme `{}` signs",
                            case.settings.scheme
                        ),
                        "look whether the sender has another version of its signatures, else describe it by the scheme `hmac`",
                    ));
                }
            }
        }
    }
    None
}

/// The scheme `hmac` with the sender's headers; nothing where these cannot carry what is signed.
fn generic(
    own: &VerifySettings,
    names: &Names<'_>,
    content: &str,
    hash: HashName,
    form: KeyForm,
) -> Option<VerifySettings> {
    let named = |part: &str, name: Option<&str>| match content.contains(part) {
        true => name.map(|name| Some(name.to_owned())),
        false => Some(None),
    };
    Some(VerifySettings {
        scheme: "hmac".to_owned(),
        secrets: own.secrets.clone(),
        header: Some(names.signature.to_owned()),
        hash: Some(hash),
        timestamp_header: named("{timestamp}", names.timestamp)?,
        id_header: named("{id}", names.id)?,
        content: Some(content.to_owned()),
        key: Some(form),
        ..VerifySettings::of("hmac")
    })
}
