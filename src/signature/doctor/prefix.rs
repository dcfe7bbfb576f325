//! The signature is right and stands behind another prefix than the scheme writes, or behind none.

use super::case::pieces;
use super::{Case, Hypothesis, Told};

pub(super) const HYPOTHESIS: Hypothesis = Hypothesis { name: "prefix", look };

/// What senders write before a signature.
const PREFIXES: [&str; 8] = ["", "sha256=", "sha1=", "sha512=", "v1=", "v0=", "v1,", "v1a,"];

fn look(case: &Case<'_>) -> Option<Told> {
    if case.is_genuine() {
        return None;
    }
    let (header, value) = case.signature()?;
    let configured = case.settings.prefix.as_deref().into_iter();
    let prefixes: Vec<&str> = configured.chain(PREFIXES).collect();
    for piece in pieces(value) {
        let wanted = prefixes.iter().find(|prefix| {
            let other = format!("{prefix}{piece}");
            other != value && case.fits_signature(&other)
        });
        let Some(wanted) = wanted else { continue };
        let wanted = if wanted.is_empty() { "nothing".to_owned() } else { format!("`{wanted}`") };
        let says =
            format!("`{header}` holds the right signature, and the scheme wants {wanted} before it and nothing else");
        let advice = match case.takes("prefix") {
            true => "write what the sender puts before it as `prefix` under `verify`",
            false => "look whether this is the sender's scheme, and whether something on the way rewrites headers",
        };
        return Some(Told::new(says, advice));
    }
    None
}
