//! The signature is right and is written in another way: hexadecimal, base64, base64 for addresses.

use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};
use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::case::pieces;
use super::{Case, Hypothesis, Told};

pub(super) const HYPOTHESIS: Hypothesis = Hypothesis { name: "encoding", look };

type Read = fn(&str) -> Option<Vec<u8>>;

/// How a signature may be written, and what to write under `verify` then.
const READINGS: [(&str, Option<&str>, Read); 3] = [
    ("hexadecimal", Some("hex"), |text| hex::decode(text).ok()),
    ("base64", Some("base64"), |text| STANDARD_PAD_INDIFFERENT.decode(text).ok()),
    ("base64 with `-` and `_`", None, |text| URL_SAFE_PAD_INDIFFERENT.decode(text).ok()),
];

fn look(case: &Case<'_>) -> Option<Told> {
    if case.is_genuine() {
        return None;
    }
    let (header, value) = case.signature()?;
    for piece in pieces(value) {
        for (name, setting, read) in READINGS {
            let Some(bytes) = read(piece) else { continue };
            let written = [hex::encode(&bytes), BASE64_STANDARD.encode(&bytes)];
            if written.iter().any(|other| other != piece && case.fits_signature(&value.replace(piece, other))) {
                let advice = match setting.filter(|_| case.takes("encoding")) {
                    Some(setting) => format!("write `encoding: {setting}` under `verify`"),
                    None => "let the sender write it as its scheme has it; a proxy or a script may have rewritten it"
                        .to_owned(),
                };
                let says = format!("`{header}` holds the right signature in {name}, which is not how it is read");
                return Some(Told::new(says, advice));
            }
        }
    }
    None
}
