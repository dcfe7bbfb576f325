//! The secret was copied with something around it, or the sender's has something around it: a line end, a blank, quotes.

use super::case::number;
use super::{Case, Hypothesis, Told};
use crate::secret::Secret;

pub(super) const HYPOTHESIS: Hypothesis = Hypothesis { name: "secret_text", look };

/// What the text becomes, and what is said of it.
type Change = (fn(&str) -> String, &'static str, &'static str);

const CHANGES: &[Change] = &[
    (
        |text| text.trim().to_owned(),
        "without the blanks or line ends around it",
        "take them off the configured secret; a file behind `${file:…}` may end in one",
    ),
    (
        |text| text.trim_matches(['"', '\'']).to_owned(),
        "without the quotes around it",
        "take the quotes off the configured secret",
    ),
    (
        |text| format!("{text}\n"),
        "with a line end behind it",
        "the sender's secret ends in a line end, as `echo` writes one; set it anew there with `printf`",
    ),
    (
        |text| format!("{text}\r\n"),
        "with a line end behind it",
        "the sender's secret ends in a line end; set it anew there",
    ),
    (|text| format!("{text} "), "with a blank behind it", "the sender's secret ends in a blank; set it anew there"),
    (|text| text.to_lowercase(), "in small letters", "copy the secret anew from the sender"),
    (|text| text.to_uppercase(), "in capitals", "copy the secret anew from the sender"),
];

fn look(case: &Case<'_>) -> Option<Told> {
    if case.is_genuine() || case.settings.secrets.is_empty() {
        return None;
    }
    CHANGES.iter().find_map(|(change, how, advice)| {
        let mut changed = case.settings.clone();
        changed.keys.clear();
        changed.secrets.iter_mut().for_each(|secret| *secret = Secret::from(change(secret.expose())));
        case.fits(&changed).then(|| {
            let which = number(&changed, |one| case.fits(one)).map(|it| format!(" {it}")).unwrap_or_default();
            Told::new(format!("the signature fits secret{which} {how}"), *advice)
        })
    })
}
